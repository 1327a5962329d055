"""Retention and backup of the store."""

from __future__ import annotations

import errno
import glob
import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from sqlite_utils import Database

from aggregator.disk import file_advice, sync_folder
from aggregator.errors import StoreError, UsageError
from aggregator.model import StoryId
from aggregator.store.connection import reading, writing
from aggregator.store.entries import promote
from aggregator.store.health import STAMP, backups_of, damage
from aggregator.store.meta import PUBLISHED_INTO, read_meta, write_meta
from aggregator.store.stories import refresh_story
from aggregator.store.traits import forget_traits
from aggregator.times import from_text, to_text

_BATCH = 500
_EVERY = timedelta(days=1)
_TRAITS_KEPT = timedelta(days=60)
"""Longer than an entry attracts others, whatever the window."""
_PRUNED_AT = "pruned_at"
_PAGES = 2000
"""Copied between two looks at whether to stop."""


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


def backup_if_due(
    db: Database, database: Path, folder: Path, *, every: timedelta, keep: int, now: datetime, stop: Event
) -> Path | None:
    """A backup of `database` in the folder, unless there is one younger than `every`; returns its path.

    Of those that it made, the newest `keep` stay. Raises StoreError. Setting `stop` ends it without one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # One from the future was made while the clock ran ahead
        known = [stamp for stamp, _ in backups_of(database, folder) if stamp <= now]
        if known and now < known[-1] + every:
            return None
        for left in folder.glob(f".{glob.escape(database.stem)}-*.partial*"):
            left.unlink()
        target = folder / f"{database.stem}-{now.strftime(STAMP)}.db"
        if not target.exists() and not backup(db, target, stop=stop):
            return None
        for _, old in [one for one in backups_of(database, folder) if one[1] != target][: -keep + 1 or None]:
            old.unlink()
    except OSError as error:
        message = f"cannot keep backups in {folder}: {error.strerror or error}"
        raise StoreError(message, hint=file_advice(error)) from error
    return target


def backup(db: Database, target: Path, *, stop: Event | None = None) -> bool:
    """A consistent copy of the database, while others write to it (SQLite's backup API).

    It is checked, and appears whole; without one when `stop` is set: returns whether there is one now. Raises
    UsageError when there is a file already, StoreError when it cannot be written or is not sound.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", hint="name a new file: a backup overwrites nothing")
    partial = target.with_name(f".{target.name}.partial")
    try:
        _remove_files(partial)
        with closing(sqlite3.connect(partial)) as copy:
            if not _copy(db, copy, stop):
                return False
            copy.execute("PRAGMA journal_mode=DELETE")
            if found := damage(copy):
                raise _unsound(db, target, found)
            # Once it is restored, what was published later stands where it thinks its files are
            copy.execute("DELETE FROM meta WHERE name = ?", [PUBLISHED_INTO])
            copy.commit()
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        _move(partial, target)
        sync_folder(target.parent)
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="a backup overwrites nothing") from None
    except OSError as error:
        message = f"cannot write the backup {target}: {error.strerror or error}"
        raise StoreError(message, hint=file_advice(error)) from error
    except sqlite3.Error as error:
        raise StoreError(
            f"cannot write the backup {target}: {error}",
            hint="check that its folder is there, has room and may be written to",
        ) from error
    finally:
        with suppress(OSError):
            _remove_files(partial)
    return True


def _move(partial: Path, target: Path) -> None:
    """Never over a file that came in between. Raises OSError."""
    try:
        os.link(partial, target)
    except OSError as error:
        # exFAT and the shares of some servers know no links
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        if target.exists():
            raise FileExistsError(target) from error
        partial.rename(target)


def _remove_files(partial: Path) -> None:
    """With its journal, which SQLite would play into the next file of this name."""
    for path in (partial.with_name(f"{partial.name}-journal"), partial):
        path.unlink(missing_ok=True)


def _copy(db: Database, copy: sqlite3.Connection, stop: Event | None) -> bool:
    """Copy all pages as they stand now; returns False when it was stopped."""

    def look(*_pages: int) -> None:
        if stop is not None and stop.is_set():
            raise _Stopped

    # In one read transaction: else each commit of another program would have it begin again
    with reading(db):
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        try:
            db.conn.backup(copy, pages=_PAGES, sleep=0, progress=look)
        except _Stopped:
            return False
    return True


class _Stopped(Exception):
    pass


def _unsound(db: Database, target: Path, found: str) -> StoreError:
    if damage(db.conn) is None:
        return StoreError(
            f"the backup {target} came out damaged and is not kept: {found}", hint="check the disk it is on"
        )
    return StoreError(
        f"the database is damaged, no backup was made: {found}",
        hint="stop what uses it and put the newest backup in its place",
        kind="corrupt",
    )
