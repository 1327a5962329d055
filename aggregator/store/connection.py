"""Open the database, write to it in one transaction, and say in words what SQLite says in codes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from aggregator.errors import StoreError
from aggregator.store.migrations import MIGRATIONS

_BUSY_SECONDS = 30.0


@contextmanager
def open_store(path: Path) -> Iterator[Database]:
    """The database at `path`, created or brought up to date if need be. Raises StoreError."""
    with translated(path):
        _make_folder(path)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        db = Database(connection)
        try:
            _prepare(db)
            yield db
        finally:
            db.close()


def _prepare(db: Database) -> None:
    db.execute("PRAGMA journal_mode=WAL")
    # A power cut may take the last commits back, never half of one: validators and entries of a harvest
    # stand or fall together, so that the next pass fetches again what was lost
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("PRAGMA temp_store=MEMORY")
    db.execute("PRAGMA cache_size=-32000")
    # 32 MB between checkpoints: a first pass over many sources writes most pages several times
    db.execute("PRAGMA wal_autocheckpoint=8000")
    if MIGRATIONS.pending(db):
        with writing(db):
            # Asked within the transaction: another program may just have made the store
            if not MIGRATIONS.applied(db) and db.table_names():
                raise StoreError(
                    "the database belongs to another program", hint="point storage.database at another file"
                )
            MIGRATIONS.apply(db)
    unknown = {done.name for done in MIGRATIONS.applied(db)} - set(MIGRATIONS.names())
    if unknown:
        raise StoreError(
            f"the database was written by a newer version (it has {', '.join(sorted(unknown))})",
            hint="install that version again, or point storage.database at another file",
        )


@contextmanager
def writing(db: Database) -> Iterator[None]:
    """One write transaction: all or nothing.

    It begins IMMEDIATE, since a deferred one that reads first cannot wait for another writer.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.conn.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def reading(db: Database) -> Iterator[None]:
    """All that is read in the block stands in the store at one time."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def commits_of_others(db: Database) -> int:
    """A number that changes when anything but this connection has written (SQLite's data_version)."""
    ((version,),) = db.execute("PRAGMA data_version").fetchall()
    return int(version)


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Held by the one program that fetches into and publishes from a database; a crash lets it go.

    Raises StoreError when another holds it.
    """
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
    _make_folder(path)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"another aggregator is at work on {path}",
            hint="stop it first (a daemon started with `aggregator run`?), or let it do the work",
        ) from None
    except OSError as error:
        raise StoreError(f"cannot lock {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreError with a hint."""
    try:
        yield
    except sqlite3.Error as error:
        message, hint = _explain(error)
        raise StoreError(f"{path}: {message}", hint=hint) from error


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path}: its folder cannot be made: {error.strerror}", hint="check storage.database"
        ) from error


def _explain(error: sqlite3.Error) -> tuple[str, str | None]:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "locked by another program for too long", "find out what holds it (`fuser`), then try again"
    if name.startswith("SQLITE_FULL"):
        return "the disk is full", "make room; nothing that was stored is lost"
    if name.startswith("SQLITE_READONLY"):
        return "cannot be written to", "check the owner and mode of the file and its folder"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return f"is damaged or no SQLite database ({error})", "put a backup in its place; keep the file"
    if name.startswith("SQLITE_CANTOPEN"):
        return "cannot be opened", "check that its folder exists and may be written to"
    if name.startswith("SQLITE_IOERR"):
        return f"the disk failed ({name})", "check the disk and the room left on it"
    return str(error), None
