"""The picture of each story that has one: where its lead report shows it, and the copy that pages show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import StoryId
from aggregator.times import to_text


def want_pictures(db: Database, wanted: Mapping[StoryId, str | None]) -> None:
    """Pages of these stories would show the picture at this address; another one than before is to be fetched.

    None: they show none.
    """
    db.conn.executemany(
        "DELETE FROM pictures WHERE story = ?", [(id,) for id, url in wanted.items() if not url]
    )
    db.conn.executemany(
        """
        INSERT INTO pictures (story, url) VALUES (?, ?)
        ON CONFLICT (story) DO UPDATE SET url = excluded.url, file = NULL, tries = 0, retry_at = NULL
        WHERE url != excluded.url
        """,
        [(id, url) for id, url in wanted.items() if url],
    )


def pictures_of(db: Database, stories: Iterable[StoryId]) -> dict[StoryId, str]:
    """The files of those stories whose picture is here."""
    rows = db.query(
        "SELECT story, file FROM pictures WHERE file IS NOT NULL AND story IN (SELECT value FROM json_each(?))",
        [json.dumps(list(stories))],
    )
    return {StoryId(row["story"]): row["file"] for row in rows}


def due_pictures(db: Database, *, now: datetime, tries: int, limit: int) -> dict[StoryId, str]:
    """The addresses of pictures that are to be fetched now: those not tried so often yet, the newest first."""
    rows = db.query(
        """
        SELECT story, url FROM pictures
        WHERE file IS NULL AND tries < ? AND coalesce(retry_at, '') <= ? ORDER BY tries, rowid DESC LIMIT ?
        """,
        [tries, to_text(now), limit],
    )
    return {StoryId(row["story"]): row["url"] for row in rows}


def keep_picture(db: Database, url: str, file: str) -> None:
    """The picture at this address is here: the pages that show it are no longer as they should be."""
    db.execute(
        """
        UPDATE stories SET version = version + 1
        WHERE id IN (SELECT story FROM pictures WHERE url = ? AND file IS NULL)
        """,
        [url],
    )
    db.execute("UPDATE pictures SET file = ? WHERE url = ?", [file, url])


def picture_files(db: Database) -> set[str]:
    """The files of all pictures that are here."""
    return {file for (file,) in db.execute("SELECT file FROM pictures WHERE file IS NOT NULL").fetchall()}


def lose_pictures(db: Database, files: Iterable[str]) -> None:
    """These files are gone: what they show is to be fetched again, and no page is to show it meanwhile."""
    lost = json.dumps(list(files))
    db.execute(
        """
        UPDATE stories SET version = version + 1
        WHERE id IN (SELECT story FROM pictures WHERE file IN (SELECT value FROM json_each(?)))
        """,
        [lost],
    )
    db.execute(
        """
        UPDATE pictures SET file = NULL, tries = 0, retry_at = NULL
        WHERE file IN (SELECT value FROM json_each(?))
        """,
        [lost],
    )


def miss_picture(db: Database, url: str, *, retry_at: datetime) -> None:
    """The picture at this address could not be had."""
    db.execute("UPDATE pictures SET tries = tries + 1, retry_at = ? WHERE url = ?", [to_text(retry_at), url])


def forget_pictures(db: Database, *, all: bool = False) -> None:
    """Forget the pictures of stories that are gone, or `all`."""
    db.execute(
        "DELETE FROM pictures WHERE ? OR story NOT IN (SELECT id FROM stories WHERE merged_into IS NULL)",
        [all],
    )
