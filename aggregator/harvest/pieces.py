"""A large document → whole documents of a few entries each, so that reading it takes little memory.

Each has what stands before the first entry, some entries, and the end tags. What comes after an entry stays with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from xml.parsers import expat

from aggregator.harvest.bounds import BOTTOM, LONGEST_PIECE, LONGEST_TAG
from aggregator.model import Document

_READ_BYTES = 64 * 1024
_ENTRIES = ("item", "entry")
_DEEPEST = 2
"""Elements around an entry: rss and channel, rdf:RDF or feed."""


def pieces(document: Document) -> Iterator[bytes]:
    """The document itself when it has no more than `LONGEST_PIECE` bytes, else in pieces of about that size.

    Where it stops to be well-formed XML, and where one entry is larger, a piece is broken off: as a document, it
    is broken too.
    """
    if len(document) <= LONGEST_PIECE:
        yield document[:]
        return
    cutter = _Cutter()
    head, begin = b"", 0
    for start in cutter.starts(document):
        if not head:
            head = document[:start]
        else:
            end = begin + LONGEST_PIECE
            yield head + (document[begin:end] if end < start else document[begin:start] + cutter.end)
        begin = start
    yield head + document[begin : begin + LONGEST_PIECE]


class _TooDeep(Exception):
    pass


class _Cutter:
    """Finds where to cut: before entries that have the same elements around them as the first one."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._around: list[str] | None = None
        self._found: list[int] = []
        # All that marks up XML is ASCII, also in the encodings that expat does not know
        self._parser = expat.ParserCreate("iso-8859-1")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    @property
    def end(self) -> bytes:
        """The end tags of what is around an entry."""
        return "".join(f"</{name}>" for name in reversed(self._around or ())).encode("latin-1")

    def starts(self, document: Document) -> Iterator[int]:
        """Offsets of entries, ascending: the first one, then each that begins a new piece."""
        begin = last = 0
        for start in self._all_starts(document):
            if not begin:
                if start > LONGEST_PIECE:
                    return
                begin = last = start
                yield start
            elif start - begin > LONGEST_PIECE and last > begin:
                begin = last
                yield last
            last = start
        if last > begin:
            yield last

    def _all_starts(self, document: Document) -> Iterator[int]:
        skipped = max(0, document[:_READ_BYTES].find(b"<"))  # blank lines, a byte order mark
        with suppress(expat.ExpatError, _TooDeep):
            for at in range(skipped, len(document), _READ_BYTES):
                try:
                    self._parser.Parse(document[at : at + _READ_BYTES])
                finally:
                    yield from (skipped + start for start in self._found)
                    self._found.clear()
                if at - skipped - self._parser.CurrentByteIndex > LONGEST_TAG:
                    return  # a tag or a comment without end

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        is_entry = name.rpartition(":")[2].lower() in _ENTRIES
        if is_entry and len(self._path) <= _DEEPEST and self._around in (None, self._path):
            self._around = self._around or self._path.copy()
            self._found.append(self._parser.CurrentByteIndex)
        self._path.append(name)
        if len(self._path) > BOTTOM:
            raise _TooDeep

    def _end(self, _name: str) -> None:
        self._path.pop()
