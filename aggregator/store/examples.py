"""What is held against the examples of the topics: the entries that wait for it, and what it is learnt from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from aggregator.model import EntryId, SourceId

_BACKGROUND = 2000
_ENOUGH = 200
_STEP = 500
"""Only after so many new entries is another background taken: what is learnt stays the same meanwhile."""
_READ = 1500
"""Signs of a text that are read."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is held of an entry against the examples."""

    entry: EntryId
    source: SourceId
    language: str | None
    title: str
    text: str
    """Its beginning."""
    vector: bytes | None


def await_judgement(db: Database, entries: Iterable[EntryId]) -> None:
    """Let the entries wait until they are held against the examples of the topics."""
    db.conn.executemany("INSERT OR IGNORE INTO unjudged VALUES (?)", [(entry,) for entry in entries])


def await_judgement_of_all(db: Database) -> None:
    """Let every stored entry wait."""
    db.execute("INSERT OR IGNORE INTO unjudged SELECT id FROM entries")


def do_any_wait(db: Database) -> bool:
    """Whether an entry waits that has a story by now."""
    found = db.execute("SELECT 1 FROM unjudged CROSS JOIN entries ON id = entry WHERE story != '' LIMIT 1")
    return bool(found.fetchall())


def waiting(db: Database, *, limit: int, space: str | None) -> list[Judged]:
    """Entries that wait and have a story, the newest first, with vectors of this space."""
    rows = db.execute(
        """
        SELECT unjudged.entry FROM unjudged CROSS JOIN entries ON entries.id = unjudged.entry
        WHERE story != '' ORDER BY unjudged.entry DESC LIMIT ?
        """,
        [limit],
    )
    return to_judge(db, [entry for (entry,) in rows.fetchall()], space=space)


def to_judge(db: Database, entries: Sequence[EntryId], *, space: str | None) -> list[Judged]:
    """What is read of these entries; copies have the vectors of their originals."""
    rows = db.query(
        f"""
        SELECT entries.id AS entry, source, language, title, substr(text, 1, {_READ}) AS text,
            CASE WHEN space = :space THEN vector END AS vector
        FROM entries LEFT JOIN traits ON traits.entry = coalesce(duplicate_of, entries.id)
        WHERE entries.id IN (SELECT value FROM json_each(:entries)) ORDER BY entries.id DESC
        """,
        {"space": space, "entries": json.dumps(entries)},
    )
    return [Judged(**row) for row in rows]


def is_judged(db: Database, entries: Sequence[EntryId]) -> None:
    """The entries wait no more."""
    db.conn.executemany("DELETE FROM unjudged WHERE entry = ?", [(entry,) for entry in entries])


def background(db: Database) -> tuple[tuple[str, str], ...]:
    """Titles and texts of two thousand of the newest entries, copies aside.

    Those that wait are left out if that leaves enough: what is learnt from an entry is no judge of it.
    """
    ((newest,),) = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchall()
    until = (newest - newest % _STEP) or (1 << max(newest.bit_length() - 1, 0))
    found: list[tuple[str, str]] = []
    for condition in ("AND id NOT IN (SELECT entry FROM unjudged)", ""):
        if len(found) < _ENOUGH:
            found = db.execute(
                f"""
                SELECT title, substr(text, 1, {_READ}) FROM entries
                WHERE id <= ? AND duplicate_of IS NULL {condition}
                ORDER BY id DESC LIMIT {_BACKGROUND}
                """,
                [until],
            ).fetchall()
    return tuple(found)


def example_vectors(db: Database, space: str, texts: Sequence[str]) -> dict[str, bytes]:
    """The vectors of examples that are known in this space."""
    rows = db.query(
        "SELECT text, vector FROM examples WHERE space = ? AND text IN (SELECT value FROM json_each(?))",
        [space, json.dumps(texts)],
    )
    return {row["text"]: row["vector"] for row in rows}


def keep_example_vectors(db: Database, space: str, vectors: dict[str, bytes], wanted: Sequence[str]) -> None:
    """Keep vectors of examples, of this space alone and no others than those that are wanted still."""
    db.execute(
        "DELETE FROM examples WHERE space != ? OR text NOT IN (SELECT value FROM json_each(?))",
        [space, json.dumps(wanted)],
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO examples (space, text, vector) VALUES (?, ?, ?)",
        [(space, text, vector) for text, vector in vectors.items()],
    )
