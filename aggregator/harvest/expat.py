"""A SAX driver for feedparser: the standard library's expat reader, with the text of an element in one piece.

Without it expat reports each line and each entity of a text by itself: for escaped HTML that is most of
what feedparser does. Found by `xml.sax.make_parser` under this module's name.
"""

from __future__ import annotations

from xml.sax.expatreader import ExpatParser


class _BufferingParser(ExpatParser):
    def reset(self) -> None:
        super().reset()
        vars(self)["_parser"].buffer_text = True


def create_parser() -> ExpatParser:
    """A new reader; the name is `xml.sax.make_parser`'s."""
    return _BufferingParser()
