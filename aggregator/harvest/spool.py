"""Where a document is kept while it arrives and waits: a small one in memory, a large one in a file without a name."""

from __future__ import annotations

import os
import tempfile
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle

from aggregator.model import Document

_IN_MEMORY_BYTES = 256 * 1024
"""Of a document; most feeds are smaller. With `fetch.concurrency` of them under way that is 16 MB."""


class Spooled:
    """A document in an open file, which is gone when nobody refers to this any more."""

    def __init__(self, file: int) -> None:
        """`file` is a descriptor, which is closed with this."""
        self.file = file

    def __del__(self) -> None:
        os.close(self.file)

    def __len__(self) -> int:
        return os.fstat(self.file).st_size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(len(self))
        # Not through the file's position: several processes have it open
        return os.pread(self.file, max(0, stop - start), start)


class Spool:
    """Takes a document piece by piece. Raises OSError where no file can be written."""

    def __init__(self) -> None:
        self._start = bytearray()
        self._spooled: Spooled | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def write(self, data: bytes) -> None:
        """Add to the end."""
        self._length += len(data)
        if self._spooled is None:
            self._start += data
            if self._length <= _IN_MEMORY_BYTES:
                return
            self._spooled = Spooled(_file_without_name())
            data = bytes(self._start)
            self._start.clear()
        while data:
            data = data[os.write(self._spooled.file, data) :]

    def document(self) -> Document:
        """What was written so far."""
        return bytes(self._start) if self._spooled is None else self._spooled


def _file_without_name() -> int:
    file, name = tempfile.mkstemp()
    os.unlink(name)
    return file


def send(pipe: Connection, document: Document) -> None:
    """Hand a document to another process: a file as it is, not its bytes."""
    pipe.send(isinstance(document, Spooled))
    if isinstance(document, Spooled):
        send_handle(pipe, document.file, None)
    else:
        pipe.send_bytes(document[:])


def receive(pipe: Connection) -> Document:
    """What `send` sent. Raises EOFError when the other end is closed."""
    if pipe.recv():
        return Spooled(recv_handle(pipe))
    return pipe.recv_bytes()
