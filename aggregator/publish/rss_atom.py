"""A channel as RSS 2.0 and as Atom (RFC 4287). The only file that imports feedgen.

feedgen 1.0.0 writes the skeleton. What it leaves out or gets wrong is added in its own extension seam, which
hands over each element once it is written: attributes of Atom entry links, `atom:source`, RSS authors without
an e-mail address, the hub, thumbnails and languages.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator import __version__
from aggregator.model import Channel, Item, Report
from aggregator.publish.content import (
    author_name,
    categories,
    email,
    enclosures,
    headline,
    item_html,
    item_summary,
    item_url,
    legal,
    web_url,
)
from aggregator.publish.languages import language_tag
from aggregator.times import to_text

Extend = Callable[[Any], None]

_ATOM = "http://www.w3.org/2005/Atom"
_DC = "http://purl.org/dc/elements/1.1/"
_MEDIA = "http://search.yahoo.com/mrss/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def rss(channel: Channel) -> bytes:
    """The channel as RSS 2.0 with `content:encoded`, after the RSS Profile of the RSS Advisory Board."""
    generator = _generator(channel, "rss.xml", "application/rss+xml")
    if address := email(channel):
        generator.managingEditor(f"{address} ({_name(channel)})")
    for item in channel.items:
        entry = _entry(generator, item)
        # The description is read as HTML, the title and all else as plain text.
        entry.description(escape(item_summary(item), quote=False))
        entry.content(item_html(item), type="html")
        _extend_entry(entry, _rss_item(item, channel))
    _extend_feed(generator, _rss_channel(channel), {"dc": _DC, "media": _MEDIA})
    return bytes(generator.rss_str(pretty=True))


def atom(channel: Channel) -> bytes:
    """The channel as Atom (RFC 4287)."""
    generator = _generator(channel, "atom.xml", "application/atom+xml")
    author = {"name": _name(channel)}
    if address := email(channel):
        author["email"] = address
    generator.author(author)
    for item in channel.items:
        entry = _entry(generator, item)
        entry.summary(item_summary(item))
        entry.content(item_html(item), type="html")
        entry.author(name=author_name(item))
        _extend_entry(entry, _atom_entry(item, channel))
    _extend_feed(generator, lambda _: None, {"media": _MEDIA})
    return bytes(generator.atom_str(pretty=True))


def _generator(channel: Channel, file: str, media: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.id(channel.guid)
    generator.title(legal(channel.title) or channel.id)
    generator.description(legal(channel.description) or legal(channel.title) or channel.id)
    generator.language(language_tag(channel.language))
    generator.generator("feed-aggregator", version=__version__)
    generator.updated(_seconds(channel.updated))
    generator.lastBuildDate(_seconds(channel.updated))
    generator.link(href=channel.url + file, rel="self", type=media)
    if hub := web_url(channel.hub):
        generator.link(href=hub, rel="hub")
    # The last link added becomes the RSS channel's: it must be the page.
    generator.link(href=channel.url, rel="alternate", type="text/html")
    return generator


def _entry(generator: FeedGenerator, item: Item) -> FeedEntry:
    entry = generator.add_entry(order="append")
    entry.id(item.id)
    entry.title(headline(item.story))
    entry.link(href=item_url(item), rel="alternate")
    entry.published(_seconds(item.published))
    entry.updated(_seconds(item.updated))
    for category in categories(item):
        entry.category(term=category)
    return entry


def _rss_channel(channel: Channel) -> Extend:
    def extend(root: Any) -> None:
        if hub := web_url(channel.hub):
            xml_elem(f"{{{_ATOM}}}link", root[0], href=hub, rel="hub")

    return extend


def _rss_item(item: Item, channel: Channel) -> Extend:
    lead = item.story.lead

    def extend(element: Any) -> None:
        xml_elem(f"{{{_DC}}}creator", element).text = author_name(item)
        language = language_tag(lead.language)
        if language and language != channel.language:
            xml_elem(f"{{{_DC}}}language", element).text = language
        if source := web_url(lead.source_url):
            xml_elem("source", element, url=source).text = legal(lead.source_title)
        # One enclosure an item, as the RSS Profile asks; Atom has them all.
        for enclosure in enclosures(lead)[:1]:
            length = str(enclosure.length or 0)
            xml_elem("enclosure", element, url=enclosure.url, length=length, type=enclosure.type)
        _thumbnail(element, lead)

    return extend


def _atom_entry(item: Item, channel: Channel) -> Extend:
    lead = item.story.lead
    language = language_tag(lead.language)

    def extend(element: Any) -> None:
        # feedgen drops rel, type, hreflang and length of entry links (its issues 135 and 143).
        for link in element.findall("link"):
            element.remove(link)
        _link(element, item_url(item), rel="alternate", type="text/html")
        _link(element, web_url(lead.url), rel="via", type="text/html", hreflang=language)
        for enclosure in enclosures(lead):
            length = None if enclosure.length is None else str(enclosure.length)
            _link(element, enclosure.url, rel="enclosure", type=enclosure.type, length=length)
        if source := web_url(lead.source_url):
            _atom_source(element, lead, source)
        if language and language != channel.language:
            element.set(_XML_LANG, language)
        _thumbnail(element, lead)

    return extend


def _atom_source(element: Any, lead: Report, url: str) -> None:
    source = xml_elem("source", element)
    xml_elem("id", source).text = url
    xml_elem("title", source).text = legal(lead.source_title)
    xml_elem("updated", source).text = to_text(lead.revised_at or lead.published)
    _link(source, url, rel="alternate")


def _link(parent: Any, href: str | None, **attributes: str | None) -> None:
    if href is not None:
        known = {name: value for name, value in attributes.items() if value is not None}
        xml_elem("link", parent, href=href, **known)


def _thumbnail(element: Any, lead: Report) -> None:
    if image := web_url(lead.image):
        xml_elem(f"{{{_MEDIA}}}thumbnail", element, url=image)


def _name(channel: Channel) -> str:
    return legal(channel.site_title).strip() or channel.id


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
