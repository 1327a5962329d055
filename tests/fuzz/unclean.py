"""What must not be in anything that was cleaned: an independent look, by another parser and another list."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from aggregator.model import Entry, Harvest

ALLOWED = {
    *(
        "a",
        "abbr",
        "b",
        "bdi",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
    ),
    *(
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
    ),
    *("li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub"),
    *(
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "time",
        "tr",
        "u",
        "ul",
        "var",
        "wbr",
    ),
}
ATTRIBUTES = {
    *(
        "href",
        "src",
        "alt",
        "title",
        "width",
        "height",
        "dir",
        "lang",
        "datetime",
        "rel",
        "start",
        "reversed",
    ),
    *("colspan", "rowspan", "scope", "hreflang", "cite"),
}
ADDRESSES = ("href", "src", "cite")
HIDING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


class Scan(HTMLParser):
    """What of a piece of HTML is not on the list."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.found.append(f"{tag} {name}={value}")
            if name in ADDRESSES and not (value or "").startswith(("http://", "https://", "mailto:")):
                self.found.append(f"{tag} {name}={value}")
            if HIDING.search(value or ""):
                self.found.append(f"{tag} {name}={value!r}")

    def handle_data(self, data: str) -> None:
        if HIDING.search(data):
            self.found.append(repr(data))

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}>")


def faults(harvest: Harvest) -> list[str]:
    """What is wrong with a harvest, whatever its document was."""
    found = [fault for entry in harvest.entries for fault in _faults_of(entry)]
    if len({entry.identity for entry in harvest.entries}) < len(harvest.entries):
        found.append("an identity stands twice")
    if (harvest.outcome == "failed") != (harvest.failure is not None):
        found.append("it failed without a reason")
    feed = harvest.feed
    found += [f"feed: {text!r}" for text in (feed.title, feed.rights) if text and _is_no_line(text)]
    found += [
        f"feed: {address!r}" for address in (feed.url, feed.icon) if address and not _is_address(address)
    ]
    return found


def _faults_of(entry: Entry) -> list[str]:
    found = Scan(entry.content).found
    lines = (entry.title, entry.author, *entry.categories)
    found += [f"no single line of text: {line!r}" for line in lines if line and _is_no_line(line)]
    found += [f"hiding characters: {entry.text!r}"] if HIDING.search(entry.text) else []
    addresses = (entry.url, entry.image, *(part.url for part in entry.enclosures))
    found += [f"no web address: {address!r}" for address in addresses if address and not _is_address(address)]
    for moment in (entry.published, entry.updated):
        if moment is not None and (moment.utcoffset() is None or not 1990 <= moment.year <= 2100):
            found.append(f"no date of a feed: {moment}")
    if len(entry.title) > 500 or len(entry.author or "") > 500 or len(entry.identity) > 10_000:
        found.append("too long a title, author or identity")
    try:
        f"{entry}".encode()
    except UnicodeEncodeError as error:
        found.append(f"no Unicode text: {error}")
    return found


def _is_no_line(text: str) -> bool:
    return bool(HIDING.search(text)) or "\n" in text or text != text.strip()


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s<>\"]", address)
