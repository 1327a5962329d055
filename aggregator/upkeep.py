"""Retention and backup of the store."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from aggregator.errors import StoreError, UsageError
from aggregator.model import StoryId
from aggregator.store.connection import writing
from aggregator.store.entries import promote
from aggregator.store.meta import read_meta, write_meta
from aggregator.store.stories import refresh_story
from aggregator.store.traits import forget_traits
from aggregator.times import from_text, to_text

_BATCH = 500
_EVERY = timedelta(days=1)
_TRAITS_KEPT = timedelta(days=60)
"""Longer than an entry attracts others, whatever the window."""
_PRUNED_AT = "pruned_at"


def prune_daily(db: Database, *, keep: timedelta, now: datetime) -> int:
    """`prune`, unless it was done within a day."""
    last = read_meta(db, _PRUNED_AT)
    if last is not None and from_text(last) <= now < from_text(last) + _EVERY:
        return 0
    removed = prune(db, before=now - keep)
    with writing(db):
        forget_traits(db, before=now - _TRAITS_KEPT)
        write_meta(db, _PRUNED_AT, to_text(now))
    return removed


def prune(db: Database, *, before: datetime) -> int:
    """Remove entries dated before this; returns how many.

    One that its source still lists stays (it would come back as new), and so does a pinned story. In
    short transactions, so that nobody waits long for the store.
    """
    removed = 0
    while True:
        with writing(db):
            rows = list(db.query(_OLD, {"before": to_text(before), "limit": _BATCH}))
            for row in rows:
                _remove(db, row["id"])
            for story in sorted({row["story"] for row in rows}):
                refresh_story(db, StoryId(story))
        removed += len(rows)
        if len(rows) < _BATCH:
            return removed


_OLD = """
    SELECT entries.id, entries.story FROM entries
        JOIN stories ON stories.id = entries.story
    WHERE entries.dated < :before AND NOT stories.pinned
        AND NOT EXISTS (
            SELECT 1 FROM sources, json_each(sources.window)
            WHERE sources.id = entries.source AND json_each.value = entries.id
        )
    LIMIT :limit
"""


def _remove(db: Database, id: int) -> None:
    copies = [
        row["id"] for row in db.query("SELECT id FROM entries WHERE duplicate_of = ? ORDER BY id", [id])
    ]
    if copies:
        promote(db, copies)
    for table in ("matches", "revisions", "traits", "evidence"):
        db.execute(f"DELETE FROM {table} WHERE entry = ?", [id])
    db.execute("DELETE FROM entries WHERE id = ?", [id])


def backup(db: Database, target: Path) -> None:
    """A consistent copy of the database, while others write to it (SQLite's backup API).

    It appears whole. Raises UsageError when there is a file already, StoreError when it cannot be
    written.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", hint="name a new file: a backup overwrites nothing")
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(partial)) as copy:
            db.conn.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"cannot write the backup {target}: {error}") from error
