"""How the files of the publications stand: what each was made from, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class Made:
    """A published file as it was last written."""

    mark: str
    """What it was made from."""
    digest: str
    """Of its bytes."""


def made_files(db: Database, paths: Iterable[str]) -> dict[str, Made]:
    """Those of these paths below the output folder that were written."""
    rows = db.execute(
        "SELECT path, mark, digest FROM files WHERE path IN (SELECT value FROM json_each(?))",
        [json.dumps(list(paths))],
    )
    return {path: Made(mark, digest) for path, mark, digest in rows.fetchall()}


def all_files(db: Database) -> dict[str, str]:
    """The digests of all files that were written, by their paths."""
    return dict(db.execute("SELECT path, digest FROM files").fetchall())


def record_files(db: Database, made: Mapping[str, Made]) -> None:
    """These files stand on the disk like this."""
    db.conn.executemany(
        "INSERT OR REPLACE INTO files (path, mark, digest) VALUES (?, ?, ?)",
        [(path, one.mark, one.digest) for path, one in made.items()],
    )


def forget_files(db: Database, paths: Iterable[str]) -> None:
    """These files, or all that is in these folders, were removed."""
    db.conn.executemany(
        "DELETE FROM files WHERE path = :path OR path >= :path || '/' AND path < :path || '0'",
        [{"path": path} for path in paths],
    )
