"""Files that appear whole, and stay untouched when nothing changed (their ETag stays true)."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Iterable, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from shutil import rmtree

from aggregator.disk import file_advice, sync_folder
from aggregator.errors import PublishError
from aggregator.publish.coding import SUFFIXES, Coding, beside, encode

_AT_ONCE = 8
_SECOND = 1_000_000_000
_WAITING = 64
"""Files that may wait for the disk, with what is to stand in them."""
_LEFTOVER = re.compile(r"\..+\.(\d+)-\d+\.part")
_TEMPLATES = (".html", ".css", ".js")


def write_if_changed(path: Path, data: bytes, *, compress: Iterable[Coding] = ()) -> bool:
    """Make `path` hold `data`, whole or not at all, even across a power cut; True when it was written.

    An equal file is not touched. Missing folders are made. Beside it stand the copies that web servers send to who asks
    for such a coding; none outlives what it was made of. Raises PublishError with the path and what to do.
    """
    with Batch(compress) as batch:
        batch.write(path, data)
    return bool(batch.written)


class Batch:
    """Writes files while others are rendered, as `write_if_changed` does, several at once.

    They are there for good after `wait`, or at the end of the block.
    """

    def __init__(self, compress: Iterable[Coding] = ()) -> None:
        self.written = 0
        """Files that were written, as of the last `wait`; equal ones were not, and copies do not count."""
        self._compress = frozenset(compress)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="files")
        self._under_way: deque[Future[_Done]] = deque()
        self._folders: set[Path] = set()
        self._digests: dict[Path, str] = {}

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._pool.shutdown()

    def write(self, path: Path, data: bytes) -> None:
        """Begin to write a file. Raises PublishError for one that was begun before."""
        self._under_way.append(self._pool.submit(_write, path, data, self._compress))
        if len(self._under_way) > _WAITING:
            self._take()

    def holds(self, path: Path, digest: str) -> bool:
        """Whether a file holds what `wait` told of; then the copies beside it are made that are to be there.

        Raises PublishError.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _publish_error(path, "read", error) from error
        if _digest(data) != digest:
            return False
        if {coding for coding, suffix in SUFFIXES.items() if beside(path, suffix).exists()} != self._compress:
            self.write(path, data)
        return True

    def wait(self) -> dict[Path, str]:
        """Until all files are there: what each holds since the last `wait`, as its digest.

        Raises PublishError with the path and what to do.
        """
        while self._under_way:
            self._take()
        for folder in self._folders:
            sync_folder(folder)
        self._folders.clear()
        digests, self._digests = self._digests, {}
        return digests

    def _take(self) -> None:
        done = self._under_way.popleft().result()
        self._digests[done.path] = done.digest
        if done.has_changed:
            self.written += 1
            self._folders.add(done.path.parent)


@dataclass(frozen=True, slots=True)
class _Done:
    path: Path
    digest: str
    has_changed: bool


def _write(path: Path, data: bytes, compress: Set[Coding]) -> _Done:
    try:
        has_changed = not _holds(path, data)
        for coding, suffix in SUFFIXES.items():
            if has_changed or coding not in compress:
                beside(path, suffix).unlink(missing_ok=True)
        if has_changed:
            _replace(path, data)
        for coding in compress:
            if not (copy := beside(path, SUFFIXES[coding])).exists():
                _replace(copy, encode(data, coding), changed=path.stat().st_mtime_ns)
    except OSError as error:
        raise _publish_error(path, "written", error) from error
    return _Done(path, _digest(data), has_changed)


def remove_file(path: Path) -> None:
    """Remove a published file and first its copies: a server would send them without it. Raises PublishError."""
    try:
        for suffix in SUFFIXES.values():
            beside(path, suffix).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _publish_error(path, "removed", error) from error


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it. Raises PublishError."""
    try:
        rmtree(path)
    except OSError as error:
        raise _publish_error(path, "removed", error) from error


def folder_mark(folder: Path | None) -> str:
    """A digest of the files of a folder, names included; empty without one. Raises PublishError."""
    if folder is None:
        return ""
    try:
        files = sorted(path for path in folder.rglob("*") if path.suffix in _TEMPLATES and path.is_file())
        parts = [part for path in files for part in (bytes(path.relative_to(folder)), path.read_bytes())]
    except OSError as error:
        raise _publish_error(folder, "read", error) from error
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


def sweep(folder: Path) -> None:
    """Remove the temporary files of killed runs under `folder`; those of a running process stay.

    Raises PublishError when one cannot be removed.
    """
    for path in sorted(folder.rglob(".*.part")):
        match = _LEFTOVER.fullmatch(path.name)
        if match is None or _in_use(int(match[1])):
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _publish_error(path, "removed", error) from error


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _replace(path: Path, data: bytes, *, changed: int | None = None) -> None:
    """Put another file in the place of one, changed at this time, else now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Process and thread in the name: two writers never share one, and a sweep can tell whose it was.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if changed is None:
                changed = max(os.fstat(descriptor).st_mtime_ns, _next_second(path))
            os.utime(descriptor, ns=(changed, changed))
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _next_second(path: Path) -> int:
    """After the last change of the file: some readers and caches ask by Last-Modified alone, in whole seconds."""
    try:
        return (path.stat().st_mtime_ns // _SECOND + 1) * _SECOND
    except FileNotFoundError:
        return 0


def _in_use(process: int) -> bool:
    if process == os.getpid():  # a container gives the next run the same number
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, as another user
        return True
    return True


def _publish_error(path: Path, verb: str, error: OSError) -> PublishError:
    return PublishError(f"{path} cannot be {verb}: {error.strerror or error}", hint=file_advice(error))
