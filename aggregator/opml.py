"""Subscription lists: read what other readers export, write OPML 2.0 (https://opml.org/spec2.opml).

Exporters write what no XML parser accepts (bare `&` and `<`, HTML entities, a wrong encoding). So the text is
repaired first, which also takes all references to entities away: nothing that a DTD declares can expand.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from xml.etree import ElementTree
from xml.parsers import expat

import chardet

_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*>")
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile(r"&(?:#?\w{1,32};)?")
_BARE_LESS = re.compile(r"<(?![A-Za-z_/!?])")
_OTHER_LISTS = frozenset({"link", "include"})


@dataclass(frozen=True, slots=True)
class Outline:
    """One subscribed feed. `home` is the page of its site."""

    url: str
    title: str = ""
    home: str | None = None
    tags: tuple[str, ...] = ()


def read_opml(data: bytes) -> list[Outline]:
    """The feeds of an OPML document in its order, each URL once with the tags of all its places.

    Tags are the titles of the folders from the outermost in, then the words of the `category` attribute.
    Raises ValueError with a message for a person when the document is no OPML or is cut off.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(_repair(_decode(data)), True)
    except expat.ExpatError as error:
        if not reader.has_root:
            raise ValueError("this is no OPML: it is no XML at all") from None
        raise ValueError(
            f"this OPML is broken: {expat.ErrorString(error.code)}, line {error.lineno}"
        ) from None
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
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


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


class _Reader:
    """Collects outlines; `found` keeps the order of the document."""

    def __init__(self) -> None:
        self.has_root = False
        self.found: dict[str, Outline] = {}
        self._folders: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.lower()
        if not self.has_root and name != "opml":
            raise ValueError(f"this is no OPML: its first element is <{tag}>, not <opml>")
        self.has_root = True
        if name == "outline":
            fields = {key.lower(): " ".join(value.split()) for key, value in attributes.items()}
            title = fields.get("title") or fields.get("text") or ""
            self._folders.append("" if self._add(title, fields) else title)

    def end(self, tag: str) -> None:
        if tag.lower() == "outline":
            self._folders.pop()

    def _add(self, title: str, fields: dict[str, str]) -> bool:
        """Keep the outline if it is a feed: `url` stands for `xmlUrl`, unless the type says another list."""
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
    """Text by byte order mark (or UTF-16's first character), else UTF-8, as declared, or as it looks."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    for start, encoding in ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if data.startswith(start):
            return data.decode(encoding, "replace")
    declared = _DECLARED.search(data[:200])
    for name in ("utf-8", declared and declared[1].decode("ascii"), chardet.detect(data)["encoding"]):
        try:
            if name:
                return data.decode(name)
        except (LookupError, UnicodeError):
            continue
    return data.decode("utf-8", "replace")


def _repair(text: str) -> str:
    """The same document such that expat accepts it, lines unchanged."""
    text = _NOT_IN_XML.sub("", _DECLARATION.sub("", text, count=1) if _DECLARATION.match(text) else text)
    text = _REFERENCE.sub(lambda match: html.escape(html.unescape(match[0])), text)
    return _BARE_LESS.sub("&lt;", text).strip()
