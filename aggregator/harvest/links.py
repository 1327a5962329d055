"""The feeds that a web page links to."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urljoin

from aggregator.model import Document
from aggregator.url import absolute

_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/rdf+xml",
    "application/feed+json",
    "application/json",
    "application/xml",
    "text/xml",
}
_HEAD_BYTES = 1_000_000


def linked_feeds(page: Document, *, url: str) -> list[str]:
    """The absolute URLs of the feeds that a web page names in its head, in its order."""
    reader = _Links(url)
    # What matters is ASCII; a wrong guess of the encoding only spoils text that is not looked at
    with suppress(AssertionError):  # html.parser's end at `<![NOSUCH[`: what came before counts
        reader.feed(page[:_HEAD_BYTES].decode("utf-8", "replace"))
        reader.close()
    return [target for link in reader.links if (target := _joined(reader.base, link)) is not None]


def _joined(base: str, link: str) -> str | None:
    # Not `absolute` alone: it takes a bare word, which an entry's link rarely is, for an id
    try:
        return absolute(urljoin(base, link), base)
    except ValueError:
        return None


class _Links(HTMLParser):
    """Collects `<link rel=alternate>` of feed types (rssboard.org/rss-autodiscovery), and the page's base."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base = url
        self.links: list[str] = []
        self._has_base = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in reversed(attrs) if value}
        href = found.get("href", "").strip()
        if tag == "base" and href and not self._has_base:
            self.base, self._has_base = _joined(self.base, href) or self.base, True
        if tag != "link" or not href:
            return
        type = found.get("type", "").partition(";")[0].strip().lower()
        if "alternate" in found.get("rel", "").lower().split() and type in _TYPES:
            self.links.append(href)
