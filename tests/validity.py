"""What a feed validator would say of an RSS or Atom document: errors and warnings, one line each.

The rules are those of RSS 2.0 with the Profile of the RSS Advisory Board, of Atom (RFC 4287, RFC 5005), of Media RSS
and of Apple's podcasts, as strictly as the W3C's validator asks for them. What a document holds beyond them is a flaw
too.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from feed_media import CHANNEL_PODCAST, ITEM_PODCAST, MEDIA, Rule, enclosure, episode, mailbox, podcast
from feed_values import NAMED_MAILBOX, PREFIXES, UNFIT, Values, both, name, name_of, one_of, words
from lxml import etree

LARGEST: Final = 5_000_000
"""Bytes of a document that the W3C's validator takes."""

_PICTURES = (".gif", ".jpeg", ".jpg", ".png")
_RELATIONS = words("alternate current enclosure hub next-archive prev-archive related self via")
_HISTORY = frozenset({"current", "next-archive", "prev-archive"})


def flaws(document: bytes, *, url: str, now: datetime) -> list[str]:
    """What is wrong with a document that was read from `url` at `now`; nothing for a valid one."""
    root = etree.fromstring(document, etree.XMLParser(huge_tree=True))
    judge = _Judge(document.decode().split("\n"), url, now)
    if len(document) > LARGEST:
        judge.say(root, f"the document has {len(document)} bytes")
    judge.look_at(root, _ROOT)
    return judge.found


class _Judge(Values):
    def look_at(self, element: Any, rules: dict[str, Rule]) -> None:
        rule = rules.get(name_of(element))
        if rule is None:
            return self.say(element, f"does not belong into {name_of(element.getparent())}")
        for key, value in element.attrib.items():
            attribute = name(key)
            if attribute == "xml:lang":
                self.language(element, value)
            elif attribute not in rule.attributes:
                self.say(element, f"has an attribute {attribute}")
            self._characters(element, value)
        self._characters(element, element.text or "")
        if element.getparent() is None:
            for namespace in set(element.nsmap.values()) - PREFIXES.keys():
                self.say(element, f"declares the namespace {namespace}, which no validator knows")
        if rule.children is None:
            for child in element:
                self.say(child, f"does not belong into {name_of(element)}")
        else:
            if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
                self.say(element, "has text of its own")
            counts = Counter(map(name_of, element))
            for child, count in counts.items():
                if count > 1 and child not in rule.many:
                    self.say(element, f"has {count} of {child}")
            for child in sorted(rule.needs - counts.keys()):
                self.say(element, f"has no {child}")
            for one in element:
                self.look_at(one, rule.children)
        if rule.check:
            rule.check(self, element)
        return None

    def _characters(self, element: Any, value: str) -> None:
        if unfit := UNFIT.search(value):
            self.say(element, f"holds {unfit[0]!r}")


# Links


def _link(judge: _Judge, element: Any) -> None:
    get, parent = element.get, name_of(element.getparent())
    rel = get("rel", "alternate")
    if rel not in _RELATIONS or (rel in _HISTORY and parent == "atom:entry"):
        judge.say(element, f"has a relation {rel} within {parent}")
    judge.uri(element, get("href", ""))
    if get("type") is not None:
        judge.media_type(element, get("type"))
    if get("hreflang") is not None:
        judge.language(element, get("hreflang"))
    if get("length") is not None:
        judge.number(element, get("length"), least=0)
    if rel == "self" and get("href") != judge.url:
        judge.say(element, f"leads to {get('href')}, but it was read from {judge.url}")


def _links(judge: _Judge, element: Any) -> None:
    """What the links of a feed or an entry are together."""
    links = element.findall("{*}link[@href]")
    alternates = [
        (link.get("type"), link.get("hreflang")) for link in links if link.get("rel") == "alternate"
    ]
    if len(alternates) != len(set(alternates)):
        judge.say(element, "has two alternates of one type")
    if name_of(element) in ("atom:feed", "channel") and not any(link.get("rel") == "self" for link in links):
        judge.say(element, "has no link to itself")
    if element.find("{*}archive") is not None:
        relations = {link.get("rel") for link in links}
        if not relations & {"prev-archive", "next-archive"} or "current" not in relations:
            judge.say(element, "is an archive without links to others and to the current feed")


# RSS


def _image(judge: _Judge, element: Any) -> None:
    channel = element.getparent()
    for part in ("title", "link"):
        if element.findtext(part) != channel.findtext(part):
            judge.say(element, f"has another {part} than its channel")
    if not (element.findtext("url") or "").lower().endswith(_PICTURES):
        judge.say(element, f"is no JPEG, GIF or PNG: {element.findtext('url')!r}")


def _guid(judge: _Judge, element: Any) -> None:
    judge.once(element)
    if element.get("isPermaLink") != "false" or len(element.text or "") < 9:
        judge.say(element, "is neither a permalink nor unlike all others")


def _editor(judge: _Judge, element: Any) -> None:
    judge.plain(element)
    if not NAMED_MAILBOX.fullmatch(element.text or ""):
        judge.say(element, f"is no e-mail address with a name: {element.text!r}")


def _item(judge: _Judge, element: Any) -> None:
    names = list(map(name_of, element))
    if "content:encoded" in names and "description" not in names[: names.index("content:encoded")]:
        judge.say(element, "has its content before its description")
    for core, other in (("author", "dc:creator"), ("source", "dc:source"), ("pubDate", "dc:date")):
        if {core, other} <= set(names):
            judge.say(element, f"says the same in {core} and {other}")
    episode(judge, element)


def _channel(judge: _Judge, element: Any) -> None:
    names = list(map(name_of, element))
    first = names.index("item") if "item" in names else len(names)
    if set(names[first:]) - {"item"}:
        judge.say(element, "says something of itself after its items")
    _links(judge, element)
    podcast(judge, element)


def _feed(judge: _Judge, element: Any) -> None:
    names = list(map(name_of, element))
    first = names.index("atom:entry") if "atom:entry" in names else len(names)
    if set(names[first:]) - {"atom:entry"}:
        judge.say(element, "says something of itself after its entries")
    _links(judge, element)
    podcast(judge, element)


_LINK = Rule(_link, words("href rel type hreflang length title"), {})
_RSS_ITEM = Rule(
    _item,
    children={
        "title": Rule(_Judge.named),
        "link": Rule(_Judge.uri),
        "description": Rule(both(_Judge.filled, _Judge.html)),
        "content:encoded": Rule(_Judge.html),
        "guid": Rule(_guid, words("isPermaLink")),
        "pubDate": Rule(_Judge.rss_date),
        "category": Rule(_Judge.named),
        "source": Rule(
            lambda judge, one: (judge.named(one), judge.uri(one, one.get("url", "")))[0], words("url")
        ),
        "enclosure": Rule(enclosure, words("url length type"), {}),
        "dc:creator": Rule(_Judge.filled),
        "dc:language": Rule(_Judge.language),
        "dc:rights": Rule(_Judge.plain),
        **MEDIA,
        **ITEM_PODCAST,
    },
    needs=words("title description guid pubDate"),
    many=words("category media:content media:thumbnail"),
)
_CHANNEL = Rule(
    _channel,
    children={
        "title": Rule(_Judge.named),
        "link": Rule(_Judge.uri),
        "description": Rule(_Judge.plain),
        "atom:link": _LINK,
        "copyright": Rule(_Judge.plain),
        "docs": Rule(_Judge.uri),
        "generator": Rule(_Judge.filled),
        "image": Rule(
            _image,
            children={"title": Rule(_Judge.named), "link": Rule(_Judge.uri), "url": Rule(_Judge.uri)},
            needs=words("title link url"),
        ),
        "item": _RSS_ITEM,
        "language": Rule(_Judge.language),
        "lastBuildDate": Rule(_Judge.rss_date),
        "managingEditor": Rule(_editor),
        "ttl": Rule(_Judge.number),
        "sy:updatePeriod": Rule(one_of("hourly", "daily", "weekly", "monthly", "yearly")),
        "sy:updateFrequency": Rule(_Judge.number),
        "fh:archive": Rule(children={}),
        **CHANNEL_PODCAST,
    },
    needs=words("title link description"),
    many=words("atom:link item itunes:category"),
)

# Atom

_CONSTRUCT = Rule(_Judge.construct, words("type"))
_ADDRESS = Rule(both(_Judge.filled, _Judge.uri))
_PERSON = Rule(
    children={"atom:name": Rule(_Judge.person), "atom:email": Rule(mailbox)}, needs=words("atom:name")
)
_SOURCE = Rule(
    _links,
    children={
        "atom:id": Rule(_Judge.canonical),
        "atom:link": _LINK,
        "atom:rights": _CONSTRUCT,
        "atom:title": _CONSTRUCT,
        "atom:updated": Rule(_Judge.atom_date),
    },
    needs=words("atom:id atom:title atom:updated"),
    many=words("atom:link"),
)
_ENTRY = Rule(
    _links,
    children={
        "atom:author": _PERSON,
        "atom:category": Rule(
            lambda judge, one: None if one.get("term") else judge.say(one, "has no term"), words("term"), {}
        ),
        "atom:content": _CONSTRUCT,
        "atom:id": Rule(both(_Judge.canonical, _Judge.once)),
        "atom:link": _LINK,
        "atom:published": Rule(_Judge.atom_date),
        "atom:rights": _CONSTRUCT,
        "atom:source": _SOURCE,
        "atom:summary": _CONSTRUCT,
        "atom:title": _CONSTRUCT,
        "atom:updated": Rule(both(_Judge.atom_date, _Judge.once)),
        **MEDIA,
        **ITEM_PODCAST,
    },
    needs=words("atom:author atom:content atom:id atom:link atom:summary atom:title atom:updated"),
    many=words("atom:category atom:link media:content media:thumbnail"),
)
_FEED = Rule(
    _feed,
    children={
        "atom:author": _PERSON,
        "atom:entry": _ENTRY,
        "atom:generator": Rule(_Judge.named, words("version uri")),
        "atom:icon": _ADDRESS,
        "atom:id": Rule(_Judge.canonical),
        "atom:link": _LINK,
        "atom:logo": _ADDRESS,
        "atom:subtitle": _CONSTRUCT,
        "atom:title": _CONSTRUCT,
        "atom:updated": Rule(_Judge.atom_date),
        "fh:archive": Rule(children={}),
        **CHANNEL_PODCAST,
    },
    needs=words("atom:author atom:id atom:title atom:updated"),
    many=words("atom:entry atom:link itunes:category"),
)
_ROOT = {
    "rss": Rule(attributes=words("version"), children={"channel": _CHANNEL}, needs=words("channel")),
    "atom:feed": _FEED,
}
