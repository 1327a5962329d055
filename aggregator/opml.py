"""Subscription lists: read what other readers export, write OPML 2.0 (https://opml.org/spec2.opml).

Exporters write markup that no XML parser accepts (bare `&`, undefined entities, a wrong encoding), so it is read
with the parser for HTML of the standard library: it knows no DTD, so that no entity of a document ever expands.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import chardet

_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OTHER_LISTS = frozenset({"link", "include"})


@dataclass(frozen=True, slots=True)
class Outline:
    """One subscribed feed. `url` is the feed's as written, `home` its site's page, `tags` the folders first."""

    url: str
    title: str = ""
    home: str | None = None
    tags: tuple[str, ...] = ()


def read_opml(data: bytes) -> list[Outline]:
    """The feeds of an OPML document in its order, each URL once with the tags of all its places.

    Tags are the titles of the folders from the outermost in, then the words of the `category` attribute.
    Raises ValueError with a message for a person when the document is no OPML.
    """
    reader = _Reader()
    reader.feed(_decode(data))
    reader.close()
    if not reader.is_opml:
        what = f"its first element is <{reader.root}>" if reader.root else "it has no element at all"
        raise ValueError(f"this is no OPML: {what}, not <opml>")
    return list(reader.found.values())


def write_opml(title: str, outlines: Iterable[Outline], *, folders: bool = False) -> bytes:
    """An OPML 2.0 document in UTF-8, equal for equal arguments.

    `folders` puts each feed into a folder named by its first tag, in the order in which the tags come up.
    The other tags, without `folders` all, stand in the `category` attribute.
    """
    root = ElementTree.Element("opml", version="2.0")
    ElementTree.SubElement(ElementTree.SubElement(root, "head"), "title").text = _xml_text(title)
    body = ElementTree.SubElement(root, "body")
    folder: dict[str, ElementTree.Element] = {}
    for outline in outlines:
        parent, tags = body, outline.tags
        if folders and tags:
            name = _xml_text(tags[0])
            if name not in folder:
                folder[name] = ElementTree.SubElement(body, "outline", text=name, title=name)
            parent, tags = folder[name], tags[1:]
        ElementTree.SubElement(parent, "outline", _attributes(outline, tags))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _attributes(outline: Outline, tags: tuple[str, ...]) -> dict[str, str]:
    name = outline.title or outline.url
    fields = {"type": "rss", "text": name, "title": name, "xmlUrl": outline.url}
    if outline.home:
        fields["htmlUrl"] = outline.home
    if tags:
        fields["category"] = ",".join(tags)
    return {key: _xml_text(value) for key, value in fields.items()}


def _xml_text(text: str) -> str:
    """On one line, and without the characters that XML 1.0 forbids (§2.2)."""
    return " ".join(_NOT_IN_XML.sub(" ", text).split())


class _Reader(HTMLParser):
    """Collects outlines; `found` keeps the order of the document."""

    def __init__(self) -> None:
        super().__init__()
        self.root = ""
        self.is_opml = False
        self.found: dict[str, Outline] = {}
        self._folders: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.root = self.root or tag
        if tag == "opml":
            self.is_opml = True
        if tag == "outline" and self.is_opml:
            fields = {name: " ".join((value or "").split()) for name, value in reversed(attrs)}
            title = fields.get("title") or fields.get("text") or ""
            is_feed = self._add(title, fields)
            self._folders.append("" if is_feed else title)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "outline" and self._folders:
            self._folders.pop()

    def _add(self, title: str, fields: dict[str, str]) -> bool:
        """Keep the outline if it is a feed. `url` is a feed's too, unless the type says it is another list."""
        url = fields.get("xmlurl") or ""
        if not url and fields.get("type", "").lower() not in _OTHER_LISTS:
            url = fields.get("url") or ""
        if not url:
            return False
        categories = re.split(r"[,/]", fields.get("category", ""))
        tags = [name for name in (*self._folders, *map(str.strip, categories)) if name]
        before = self.found.get(
            url, Outline(url, "" if title == url else title, fields.get("htmlurl") or None)
        )
        self.found[url] = replace(before, tags=tuple(dict.fromkeys((*before.tags, *tags))))
        return True


def _decode(data: bytes) -> str:
    """Text by byte order mark, else UTF-8, else as declared, else as it looks."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    declared = _DECLARED.search(data[:200])
    for name in ("utf-8", declared and declared[1].decode("ascii"), chardet.detect(data)["encoding"]):
        try:
            if name:
                return data.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("utf-8", "replace")
