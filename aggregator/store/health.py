"""The database as a file: is it whole, is it there, has it room; and what to do when it is not so.

While a writer is at work a file `NAME.unclean` stands beside the database. One that a crash or a power cut left
there has the next writer check the database. It is empty, or says `new` while there was no database before.
"""

from __future__ import annotations

import errno
import glob
import logging
import os
import shlex
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from aggregator.disk import file_advice, sync_folder
from aggregator.errors import Fault, StoreError

log = logging.getLogger("aggregator")

ROOM = 32_000_000
"""Bytes that must be free before a pass: so long grows the log of the database until it is written back."""
STAMP = "%Y%m%dT%H%M%SZ"
_KINDS: dict[int, Fault] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
}
_PARTS = ("-wal", "-shm", "")
_NEW = b"new"


@contextmanager
def attended(path: Path, backups: Path | None) -> Iterator[None]:
    """A writer is at work on the database in the block, and leaves a mark if it cannot end cleanly.

    Raises StoreError, and touches nothing, when the database is found damaged (it is set aside then), empty,
    or missing though there was one.
    """
    mark = _mark(path)
    _examine(path, backups)
    try:
        if not mark.exists():
            mark.write_bytes(b"" if _is_filled(path) else _NEW)
            sync_folder(mark.parent)
    except OSError as error:
        raise _fault(f"cannot write {mark}", error) from error
    is_sound = True
    try:
        yield
    except StoreError as error:
        is_sound = error.kind not in ("corrupt", "gone")
        if not is_sound or error.kind == "foreign":
            error.hint = _restore(path, backups) or error.hint
        raise
    finally:
        with suppress(OSError):
            if not is_sound:
                mark.write_bytes(b"")
            elif _is_filled(path) or not path.exists():
                mark.unlink()


def refuse_empty(path: Path) -> None:
    """Raises StoreError for an empty file that is not the beginning of a new database."""
    if path.exists() and not path.stat().st_size and not _begins(path):
        raise StoreError(
            f"{path} is empty", hint="put a backup in its place, or remove it to begin anew", kind="corrupt"
        )


def ensure_room(folder: Path, *, need: int = ROOM) -> None:
    """Raises StoreError when fewer bytes are free in the folder's file system."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise _fault(str(folder), error) from error
    # Some file systems don't say how large they are
    if found.f_blocks and (free := found.f_bavail * found.f_frsize) < need:
        raise StoreError(
            f"{folder}: the disk is full ({free / 1e6:.0f} MB are free, {need / 1e6:.0f} MB are needed)",
            hint="make room; nothing that was stored is lost",
            kind="full",
        )


def try_room(folder: Path) -> None:
    """Like `ensure_room`, but takes the room for a moment: quotas and a read-only disk are found too."""
    ensure_room(folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM)
    except OSError as error:
        raise _fault(str(folder), error) from error


def damage(db: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong with a database; None when it is whole. Raises sqlite3.Error when it cannot say."""
    try:
        rows = db.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return str(error)
        raise
    found = " ".join(str(rows[0][0]).split())
    return None if found == "ok" else found


def backups_of(path: Path, folder: Path) -> list[tuple[datetime, Path]]:
    """The daemon's backups of a database, each with its time, the oldest first."""
    found = []
    for file in folder.glob(f"{glob.escape(path.stem)}-*.db"):
        with suppress(ValueError):
            stamp = datetime.strptime(file.stem.removeprefix(f"{path.stem}-"), STAMP).replace(tzinfo=UTC)
            found.append((stamp, file))
    return sorted(found)


def _examine(path: Path, backups: Path | None) -> None:
    if _is_filled(path):
        if _mark(path).exists():
            _check(path, backups)
        return
    restore = _restore(path, backups)
    aside = _damaged(path)
    is_lost = aside or restore or _is_filled(Path(f"{path}-wal"))
    if not is_lost and (_begins(path) or not (path.exists() or _mark(path).exists())):
        return
    # A log that is left of the lost database would be played into the one that is put in its place
    log_aside = _set_aside(path, ("-wal", "-shm"))
    state = "is empty" if path.exists() else "is missing"
    kept = f"; {', '.join(map(str, [*aside, *log_aside]))} is kept" if aside or log_aside else ""
    raise StoreError(
        f"{path} {state}, though there was a database{kept}",
        hint=(restore or "put a backup in its place")
        + f"; to begin anew, move {path.name}* and its backups to another folder",
        kind="corrupt",
    )


def _check(path: Path, backups: Path | None) -> None:
    size = path.stat().st_size / 1e6
    log.info("the program did not end cleanly the last time: checking %s (%.1f MB)", path, size)
    # Open until it is set aside: to close it as it stands would write the log into what is damaged
    with closing(sqlite3.connect(path)) as db:
        found = damage(db)
        if found is None:
            return
        kept = _set_aside(path, _PARTS)[-1]
    raise StoreError(
        f"{path} was damaged when the program last ended ({found}); it is kept as {kept}",
        hint=_restore(path, backups) or "put a backup in its place",
        kind="corrupt",
    )


def _set_aside(path: Path, parts: tuple[str, ...]) -> list[Path]:
    """Rename what is there of the database and its log, the database last."""
    there = [part for part in parts if Path(f"{path}{part}").exists()]
    if not there:
        return []
    last = max(Path(f"{path}{part}").stat().st_mtime for part in there)
    target = f"{path}.damaged-{datetime.fromtimestamp(last, UTC).strftime(STAMP)}"
    while any(Path(f"{target}{part}").exists() for part in _PARTS):
        target += "+"
    for part in there:
        Path(f"{path}{part}").rename(f"{target}{part}")
    sync_folder(path.parent)
    return [Path(f"{target}{part}") for part in there]


def _damaged(path: Path) -> list[Path]:
    found = path.parent.glob(f"{glob.escape(path.name)}.damaged-*")
    return sorted(file for file in found if not file.name.endswith(("-wal", "-shm")))


def _restore(path: Path, backups: Path | None) -> str | None:
    found = backups_of(path, backups) if backups else []
    if not found:
        return None
    stamp, file = found[-1]
    command = shlex.join(["cp", str(file), str(path)])
    aside = f"move {path.name}* to another folder, then " if path.exists() else ""
    return f"the newest backup is of {stamp:%Y-%m-%d %H:%M} UTC: {aside}`{command}` puts it in its place"


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".unclean")


def _begins(path: Path) -> bool:
    """Whether the writer that is at work, or was, began without a database."""
    mark = _mark(path)
    return mark.exists() and mark.read_bytes() == _NEW


def _is_filled(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _fault(what: str, error: OSError) -> StoreError:
    return StoreError(
        f"{what}: {error.strerror}", hint=file_advice(error), kind=_KINDS.get(error.errno or 0, "disk")
    )
