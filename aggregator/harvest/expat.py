"""A SAX driver for feedparser: the standard library's expat reader, quicker and within bounds.

Quicker: expat reports each line and each entity of a text by itself; for escaped HTML that is most of what
feedparser does. Here a text comes in one piece. Within bounds: what a document has too much of (attributes,
levels, entries, text) is not passed on. Found by `xml.sax.make_parser` under this module's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any
from xml.sax.expatreader import ExpatParser

from aggregator.harvest.bounds import (
    BOTTOM,
    DEEPEST,
    LONGEST_ENTRY,
    MOST_ATTRIBUTES,
    MOST_ENTRIES,
    MOST_SIBLINGS,
)

# expat reads a token again from its start with each piece of it: pieces are as large as pyexpat's own
_PIECE_BYTES = 2**20
_DEEPEST_COUNTED = 4  # rss, channel, item, its elements


class _Enough(Exception):
    pass


class _BoundedParser(ExpatParser):
    def __init__(self) -> None:
        super().__init__(bufsize=_PIECE_BYTES)

    def reset(self) -> None:
        super().reset()
        vars(self)["_parser"].buffer_text = True
        self._open: list[str | None] = []
        """Names of the elements around, None for one that is not passed on."""
        self._siblings: list[Counter[str]] = [Counter() for _ in range(_DEEPEST_COUNTED + 1)]
        self._entries = self._length = 0

    def parse(self, source: Any) -> None:
        try:
            super().parse(source)
        except _Enough:
            source.getByteStream().close()

    def close(self) -> None:
        if self._open:  # broken off: the elements that are open end here
            while self._open:
                self.end_element_ns(self._open[-1] or "")
            raise _Enough
        super().close()

    def _reset_cont_handler(self) -> None:
        super()._reset_cont_handler()  # type: ignore[misc]  # typeshed leaves it out
        vars(self)["_parser"].CharacterDataHandler = self._characters

    def _characters(self, text: str) -> None:
        room = LONGEST_ENTRY - self._length
        self._length += len(text)
        if room > 0:
            vars(self)["_cont_handler"].characters(text[:room])

    def start_element_ns(self, name: str, attrs: Mapping[str, str]) -> None:
        heard = self._is_heard(name)
        self._open.append(name if heard else None)
        if heard:
            if len(attrs) > MOST_ATTRIBUTES:
                attrs = dict(islice(attrs.items(), MOST_ATTRIBUTES))
            super().start_element_ns(name, attrs)

    def end_element_ns(self, name: str) -> None:
        if self._open.pop() is not None:
            super().end_element_ns(name)

    def _is_heard(self, name: str) -> bool:
        depth = len(self._open)
        if depth > BOTTOM:
            raise _Enough
        if name.rpartition(" ")[2].lower() in ("item", "entry"):
            self._length = 0
            self._entries += 1
            if self._entries > MOST_ENTRIES:
                raise _Enough
        elif depth < _DEEPEST_COUNTED:
            self._siblings[depth][name] += 1
            if self._siblings[depth][name] > MOST_SIBLINGS:
                return False
        if depth < _DEEPEST_COUNTED:
            self._siblings[depth + 1].clear()
        return depth < DEEPEST


def create_parser() -> ExpatParser:
    """A new reader; the name is `xml.sax.make_parser`'s."""
    return _BoundedParser()
