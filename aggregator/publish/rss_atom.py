"""A channel as RSS 2.0 and as Atom (RFC 4287). The only file that imports feedgen.

feedgen 1.0.0 writes the skeleton. What it leaves out or gets wrong is added in its own extension seam, which
hands over each element once it is written: attributes of Atom entry links, `atom:source`, RSS authors without
an e-mail address, the hub, thumbnails and languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from zlib import crc32

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator import __version__
from aggregator.model import Channel, Item, Report
from aggregator.publish.content import (
    archived,
    attachable,
    author_name,
    categories,
    email,
    enclosures,
    headline,
    item_url,
    web_url,
)
from aggregator.publish.podcast import NAMESPACE as ITUNES
from aggregator.publish.podcast import Tag, channel_tags, episode, episode_tags, listed_at
from aggregator.publish.summary import reporters
from aggregator.publish.valid import address, commented, feed_language, normal_form, person, plain
from aggregator.times import to_text

Extend = Callable[[Any], None]

_ATOM = "http://www.w3.org/2005/Atom"
_DC = "http://purl.org/dc/elements/1.1/"
_MEDIA = "http://search.yahoo.com/mrss/"
_SY = "http://purl.org/rss/1.0/modules/syndication/"
_HISTORY = "http://purl.org/syndication/history/1.0"
_NAMESPACES = {"media": _MEDIA, "sy": _SY, "fh": _HISTORY}
_LOOKS_LIKE_HTML = re.compile(r"</?\w|&#?\w+")
_TTL_MINUTES = 15
"""What is new is published each minute, but no reader need ask so often."""
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def rss(channel: Channel) -> bytes:
    """The channel as RSS 2.0 with `content:encoded`, after the RSS Profile of the RSS Advisory Board."""
    generator = _generator(channel, "rss.xml", "application/rss+xml")
    generator.ttl(_TTL_MINUTES)
    if contact := email(channel):
        generator.managingEditor(commented(contact, _name(channel)))
    if picture := address(channel.logo) or address(channel.icon):
        generator.image(picture, title=plain(channel.title) or channel.id, link=channel.url)
    for item in channel.items:
        entry = _entry(generator, item)
        # The description is read as HTML, the title and all else as plain text.
        entry.description(escape(item.summary or reporters(item.story), quote=False))
        entry.content(item.html, type="html")
        _extend_entry(entry, _rss_item(item, channel))
    namespaces = _NAMESPACES | {"dc": _DC} | ({"itunes": ITUNES} if channel.show else {})
    _extend_feed(generator, lambda root: _rss_channel(root[0], channel), namespaces)
    return _marked(generator.rss_str(pretty=True))


def atom(channel: Channel) -> bytes:
    """The channel as Atom (RFC 4287)."""
    generator = _generator(channel, "atom.xml", "application/atom+xml")
    author = {"name": _name(channel)}
    if contact := email(channel):
        author["email"] = contact
    generator.author(author)
    if icon := address(channel.icon):
        generator.icon(icon)
    if logo := address(channel.logo):
        generator.logo(logo)
    for item, moment in zip(channel.items, _moments(channel.items), strict=True):
        entry = _entry(generator, item)
        entry.updated(moment)
        entry.summary(item.summary or reporters(item.story))
        entry.content(item.html, type="html")
        entry.author(name=person(author_name(item.story.lead)) or item.story.lead.source)
        _extend_entry(entry, _atom_entry(item, channel))
    _extend_feed(generator, lambda root: _atom_feed(root, channel), _NAMESPACES)
    return _marked(generator.atom_str(pretty=True))


def _marked(document: bytes) -> bytes:
    """The RSS Profile's way to write a plain & or <: readers that take a text for HTML show it all the same."""
    return bytes(document).replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


def _generator(channel: Channel, file: str, media: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.id(channel.guid)
    generator.title(plain(channel.title) or channel.id)
    generator.description(plain(channel.description) or plain(channel.title) or channel.id)
    generator.language(feed_language(channel.language))
    generator.generator("feed-aggregator", version=__version__)
    generator.updated(_seconds(channel.updated))
    generator.lastBuildDate(_seconds(channel.updated))
    for rel, url in _history(channel, file):
        generator.link(href=url, rel=rel, type=media)
    if hub := web_url(channel.hub):
        generator.link(href=hub, rel="hub")
    # The last link added becomes the RSS channel's: it must be the page.
    generator.link(href=channel.url, rel="alternate", type="text/html")
    return generator


def _history(channel: Channel, file: str) -> Iterator[tuple[str, str]]:
    """The feed's own address, and those of the documents before and after it (RFC 5005 §4)."""
    yield "self", channel.url + archived(file, channel.page)
    if channel.page:
        yield "current", channel.url + file
    if channel.previous:
        yield "prev-archive", channel.url + archived(file, channel.previous)


def _entry(generator: FeedGenerator, item: Item) -> FeedEntry:
    entry = generator.add_entry(order="append")
    entry.id(item.id)
    entry.title(plain(headline(item.story)))
    entry.link(href=_leads_to(item), rel="alternate")
    entry.published(_seconds(item.published))
    entry.updated(_seconds(item.updated))
    for category in categories(item):
        entry.category(term=plain(category))
    return entry


def _leads_to(item: Item) -> str:
    return address(item_url(item)) or item.page


def _moments(items: Iterable[Item]) -> Iterator[datetime]:
    """When each was updated; those of one second are told apart by what readers take for its fractions."""
    used: set[datetime] = set()
    for item in items:
        moment = _seconds(item.updated).replace(microsecond=crc32(item.id.encode()) % 900_000)
        while moment in used:
            moment += timedelta(microseconds=1)
        used.add(moment)
        yield moment


def _rss_channel(element: Any, channel: Channel) -> None:
    media = "application/rss+xml"
    for rel, url in _history(channel, "rss.xml"):
        if rel != "self":  # which feedgen writes
            xml_elem(f"{{{_ATOM}}}link", element, href=url, rel=rel, type=media)
    if hub := web_url(channel.hub):
        xml_elem(f"{{{_ATOM}}}link", element, href=hub, rel="hub")
    if not channel.page:
        xml_elem(f"{{{_SY}}}updatePeriod", element).text = "hourly"
        xml_elem(f"{{{_SY}}}updateFrequency", element).text = str(60 // _TTL_MINUTES)
    _say_archive(element, channel)
    if channel.show:
        _itunes(element, channel_tags(channel, channel.show))


def _atom_feed(root: Any, channel: Channel) -> None:
    _mark_markup(root.find("title"))
    if not channel.description:  # feedgen wants one for RSS
        root.remove(root.find("subtitle"))
    _mark_markup(root.find("subtitle"))
    _say_archive(root, channel)


def _say_archive(element: Any, channel: Channel) -> None:
    # Not in the oldest: it has nothing to lead to, which validators take for a mistake
    if channel.page and channel.previous:
        xml_elem(f"{{{_HISTORY}}}archive", element)


def _rss_item(item: Item, channel: Channel) -> Extend:
    lead = item.story.lead

    def extend(element: Any) -> None:
        xml_elem(f"{{{_DC}}}creator", element).text = author_name(lead)
        language = feed_language(lead.language)
        if language and language != channel.language:
            xml_elem(f"{{{_DC}}}language", element).text = language
        if rights := plain(lead.rights or ""):
            xml_elem(f"{{{_DC}}}rights", element).text = rights
        # Where nobody may know the feed, its site says at least whose it is
        if source := address(lead.source_feed) or address(lead.source_url):
            xml_elem("source", element, url=source).text = plain(lead.source_title) or lead.source
        _files(element, item, channel)
        _picture(element, lead)

    return extend


def _files(element: Any, item: Item, channel: Channel) -> None:
    """One enclosure an item, as the RSS Profile asks; Atom has them all as links."""
    files = [file for file in enclosures(item.story.lead) if address(file.url)]
    told = episode(item.story) if channel.show else None
    if channel.show:
        first = told.file if told else None
    else:
        first = next((file for file in files if attachable(file.url)), None)
    if first:
        url = listed_at(first) if told else first.url
        xml_elem("enclosure", element, url=url, length=str(first.length or 0), type=first.type)
    for other in files:
        if first is None or other.url != first.url:
            figures = {"fileSize": other.length, "duration": other.seconds}
            known = {name: str(figure) for name, figure in figures.items() if figure}
            xml_elem(f"{{{_MEDIA}}}content", element, url=other.url, type=other.type, **known)
    if told:
        _itunes(element, episode_tags(told))


def _itunes(parent: Any, tags: Iterable[Tag]) -> None:
    for tag in tags:
        element = xml_elem(f"{{{ITUNES}}}{tag.name}", parent, **tag.attributes)
        element.text = tag.text
        _itunes(element, tag.inside)


def _atom_entry(item: Item, channel: Channel) -> Extend:
    lead = item.story.lead
    language = feed_language(lead.language)

    def extend(element: Any) -> None:
        for name in ("title", "summary"):
            _mark_markup(element.find(name))
        # feedgen drops rel, type, hreflang and length of entry links (its issues 135 and 143).
        for link in element.findall("link"):
            element.remove(link)
        _link(element, _leads_to(item), rel="alternate", type="text/html")
        _link(element, address(lead.url), rel="via", type="text/html", hreflang=language)
        for enclosure in enclosures(lead):
            length = None if enclosure.length is None else str(enclosure.length)
            _link(element, address(enclosure.url), rel="enclosure", type=enclosure.type, length=length)
        _atom_rights(element, lead)
        if source := address(lead.source_url):
            _atom_source(element, lead, source, channel)
        if language and language != channel.language:
            element.set(_XML_LANG, language)
        _picture(element, lead)

    return extend


def _mark_markup(element: Any) -> None:
    """Say of a plain text that looks like HTML that it is none: readers guess."""
    if element is not None and element.text and _LOOKS_LIKE_HTML.search(element.text):
        element.text = escape(element.text, quote=False)
        element.set("type", "html")


def _atom_source(element: Any, lead: Report, url: str, channel: Channel) -> None:
    source = xml_elem("source", element)
    # An address that cannot be an id is no reason to have none
    xml_elem("id", source).text = normal_form(url) or _id_of(lead, channel)
    xml_elem("title", source).text = plain(lead.source_title) or lead.source
    _mark_markup(source[-1])
    xml_elem("updated", source).text = to_text(lead.revised_at or lead.published)
    _atom_rights(source, lead)
    _link(source, url, rel="alternate")


def _id_of(lead: Report, channel: Channel) -> str:
    return f"{channel.guid.removesuffix(f'topic/{channel.id}')}source/{lead.source}"


def _atom_rights(element: Any, lead: Report) -> None:
    if rights := plain(lead.rights or ""):
        xml_elem("rights", element).text = rights
        _mark_markup(element[-1])


def _link(parent: Any, href: str | None, **attributes: str | None) -> None:
    if href is not None:
        known = {name: value for name, value in attributes.items() if value is not None}
        xml_elem("link", parent, href=href, **known)


def _picture(element: Any, lead: Report) -> None:
    if image := address(lead.image):
        xml_elem(f"{{{_MEDIA}}}content", element, url=image, medium="image")
        xml_elem(f"{{{_MEDIA}}}thumbnail", element, url=image)


def _name(channel: Channel) -> str:
    return person(channel.site_title) or channel.id


def _seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


class _Seam:
    """feedgen's extension interface over one function, which is given each element once it is written."""

    def __init__(self, extend: Extend, namespaces: dict[str, str]) -> None:
        self.extend_rss = self.extend_atom = extend
        self._namespaces = namespaces

    def extend_ns(self) -> dict[str, str]:
        return self._namespaces


def _extend_feed(generator: FeedGenerator, extend: Extend, namespaces: dict[str, str]) -> None:
    generator.register_extension("seam", lambda: _Seam(extend, namespaces))


def _extend_entry(entry: FeedEntry, extend: Extend) -> None:
    entry.register_extension("seam", lambda: _Seam(extend, {}))
