"""Open the database, write to it in one transaction, and say in words what SQLite says in codes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from aggregator.disk import file_advice
from aggregator.errors import Fault, StoreError
from aggregator.store.health import attended, refuse_empty, try_room
from aggregator.store.migrations import MIGRATIONS

_BUSY_SECONDS = 30.0


class _Connection(sqlite3.Connection):
    """It knows its file, so that one put in its place is not taken for it."""

    path: Path
    file: tuple[int, int] | None = None


@contextmanager
def open_store(path: Path) -> Iterator[Database]:
    """The database at `path`, created or brought up to date if need be. Raises StoreError."""
    with translated(path):
        _make_folder(path)
        refuse_empty(path)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        connection.path = path
        db = Database(connection)
        try:
            _prepare(db)
            connection.file = _identity(path)
            yield db
        finally:
            if _is_elsewhere(connection):
                _empty_log(db)
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
        with writing(db, durable=True):
            # Asked within the transaction: another program may just have made the store
            if not MIGRATIONS.applied(db) and db.table_names():
                raise StoreError(
                    "the database belongs to another program",
                    hint="point storage.database at another file",
                    kind="foreign",
                )
            MIGRATIONS.apply(db)
    unknown = {done.name for done in MIGRATIONS.applied(db)} - set(MIGRATIONS.names())
    if unknown:
        raise StoreError(
            f"the database was written by a newer version (it has {', '.join(sorted(unknown))})",
            hint="install that version again, or point storage.database at another file",
        )


@contextmanager
def writing(db: Database, *, durable: bool = False) -> Iterator[None]:
    """One write transaction: all or nothing.

    It begins IMMEDIATE, since a deferred one that reads first cannot wait for another writer. `durable`: once
    it has ended not even a power cut takes it back, for what no source would bring again. Raises StoreError
    when the file cannot be written to, or is not the one that was opened any more.
    """
    with faults(_path(db)):
        check_place(db)
        if durable:
            db.execute("PRAGMA synchronous=FULL")
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield
                db.execute("COMMIT")
            except BaseException:
                if db.conn.in_transaction:
                    db.execute("ROLLBACK")
                raise
        finally:
            if durable:
                db.execute("PRAGMA synchronous=NORMAL")


@contextmanager
def reading(db: Database) -> Iterator[None]:
    """All that is read in the block stands in the store at one time. Raises StoreError."""
    with faults(_path(db)):
        db.execute("BEGIN")
        try:
            yield
        finally:
            db.execute("ROLLBACK")


def check_place(db: Database) -> None:
    """Raises StoreError when the file of a store was removed or replaced: what is written would be lost."""
    if _is_elsewhere(db.conn):
        raise StoreError(
            f"{_path(db)}: the file was removed or replaced while it was in use",
            hint="stop what uses it, put the file or a backup in its place, then start again",
            kind="gone",
        )


def changes(db: Database) -> tuple[int, int]:
    """Differs from what it was before when anything was written meanwhile, here or by another program."""
    return db.conn.total_changes, commits_of_others(db)


def probe(db: Database) -> None:
    """See whether a store can be written to, by doing it. Raises StoreError."""
    check_place(db)
    if isinstance(db.conn, _Connection):
        try_room(db.conn.path.parent)
    # Not for as long as a pass would wait: it is tried again
    db.execute("PRAGMA busy_timeout=1000")
    try:
        with writing(db, durable=True):
            db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('probed', '')")
    finally:
        db.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000:.0f}")


def _is_elsewhere(connection: sqlite3.Connection) -> bool:
    """Whether the file that was opened is not the one at its place any more."""
    return isinstance(connection, _Connection) and connection.file not in (None, _identity(connection.path))


def _empty_log(db: Database) -> None:
    """Have the file that was taken away complete: SQLite would leave its log to the one that is put in its place."""
    with suppress(sqlite3.Error):
        db.execute("PRAGMA busy_timeout=1000")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _path(db: Database) -> Path:
    return db.conn.path if isinstance(db.conn, _Connection) else Path("the database")


def commits_of_others(db: Database) -> int:
    """A number that changes when anything but this connection has written (SQLite's data_version)."""
    ((version,),) = db.execute("PRAGMA data_version").fetchall()
    return int(version)


@contextmanager
def writer_lock(path: Path, *, backups: Path | None = None) -> Iterator[None]:
    """Held by the one program that fetches into and publishes from a database; a crash lets it go.

    When the last holder ended without letting go, the database is checked first; `backups` is the folder
    where a better one may lie. Raises StoreError when another holds it, or when the database is damaged or
    missing though there was one.
    """
    lock = _lock(path)
    _make_folder(path)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"another aggregator is at work on {path}",
            hint="stop it first (a daemon started with `aggregator run`?), or let it do the work",
        ) from None
    except OSError as error:
        message = f"cannot lock {path}: {error.strerror or error}"
        raise StoreError(message, hint=file_advice(error)) from error
    try:
        with faults(path), attended(path, backups):
            yield
    finally:
        lock.release()


def is_attended(path: Path) -> bool:
    """Whether a program holds the `writer_lock` of a database now."""
    lock = _lock(path)
    # It is not made here: it might belong to another user than that of the writer
    if not os.path.exists(lock.lock_file):
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _lock(path: Path) -> FileLock:
    # Not refused because of who just looks whether it is held
    return FileLock(path.with_name(path.name + ".lock"), timeout=0.2)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreError with a hint."""
    with faults(path):
        try:
            yield
        except sqlite3.Error as error:
            if _explain(error) is not None:
                raise
            raise StoreError(f"{path}: {error}") from error


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn those of SQLite's errors into StoreError that say that the file cannot be used.

    The others are mistakes in a statement, or a refusal that was asked for.
    """
    try:
        yield
    except sqlite3.Error as error:
        if (known := _explain(error)) is None:
            raise
        kind, message, hint = known
        raise StoreError(f"{path}: {message}", hint=hint, kind=kind) from error


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path}: its folder cannot be made: {error.strerror}", hint="check storage.database"
        ) from error


def _explain(error: sqlite3.Error) -> tuple[Fault, str, str] | None:
    name = getattr(error, "sqlite_errorname", "")
    full = "the disk is full", "make room; nothing that was stored is lost"
    restore = "put a backup in its place; keep the file"
    known: tuple[tuple[str, Fault, str, str], ...] = (
        ("BUSY", "locked", "locked by another program for too long", "find out what holds it (`fuser`)"),
        ("LOCKED", "locked", "locked by another program for too long", "find out what holds it (`fuser`)"),
        ("FULL", "full", *full),
        ("IOERR_SHMSIZE", "full", *full),
        (
            "READONLY",
            "read_only",
            "cannot be written to",
            "check the owner and mode of the file and its folder",
        ),
        ("CORRUPT", "corrupt", f"is damaged ({error})", restore),
        ("NOTADB", "foreign", f"is damaged or no SQLite database ({error})", restore),
        ("CANTOPEN", "disk", "cannot be opened", "check that its folder exists and may be written to"),
        ("IOERR", "disk", f"the disk failed ({name})", "check the disk and the room left on it"),
    )
    for beginning, kind, message, hint in known:
        if name.startswith(f"SQLITE_{beginning}"):
            return kind, message, hint
    return None
