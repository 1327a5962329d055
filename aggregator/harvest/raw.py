"""What a parser read, before it is cleaned: the publisher's own strings, nothing trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from aggregator.model import Wish


@dataclass(frozen=True, slots=True)
class Markup:
    """A text and whether its publisher says (or feedparser guesses) that it is HTML."""

    value: str
    is_html: bool
    base: str | None = None
    """What relative links in it are relative to, if the document says (`xml:base`)."""


@dataclass(frozen=True, slots=True)
class RawEnclosure:
    """A media file as declared; all but `url` may be anything."""

    url: str
    type: str | None = None
    length: str | int | None = None
    duration: str | None = None
    explicit: str | None = None
    episode: str | None = None
    """The type of episode that it is."""


@dataclass(frozen=True, slots=True)
class RawEntry:
    """One item of a document. Links are absolute where the document allows it."""

    guid: str | None
    links: tuple[str, ...]
    """Candidates for the entry's own page, the best first."""
    title: Markup | None
    author: str | None
    published: str | None
    updated: str | None
    language: str | None
    contents: tuple[Markup, ...]
    """Candidates for the text, full content before summary."""
    categories: tuple[str, ...]
    enclosures: tuple[RawEnclosure, ...]
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawFeed:
    """A document: what it says about itself, and its entries in the publisher's order."""

    title: Markup | None
    url: str | None
    language: str | None
    icon: str | None
    rights: str | None
    entries: Iterable[RawEntry]
    """Of a large document they are read as they are taken, once."""
    wish: Wish = field(default=Wish())
    hubs: tuple[str, ...] = ()
    topic: str | None = None
    """The document's own address, as it says itself."""


def is_url(guid: str) -> bool:
    """Whether a guid may serve as a link: it is one by itself, not only together with a base."""
    return guid.lower().startswith(("http://", "https://"))


class NotAFeed(ValueError):
    """The document is in none of the known formats; the message says what it looks like."""

    def __init__(self, kind: Literal["empty", "not_a_feed", "malformed"], message: str) -> None:
        super().__init__(message)
        self.kind: Literal["empty", "not_a_feed", "malformed"] = kind
