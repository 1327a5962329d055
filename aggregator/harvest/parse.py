"""A document's bytes → raw entries. The only file that imports feedparser."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import feedparser
import feedparser.api
import feedparser.mixin

from aggregator.harvest.json_feed import looks_like_json, read_json_feed
from aggregator.harvest.raw import Markup, NotAFeed, RawEnclosure, RawEntry, RawFeed

feedparser.api.PREFERRED_XML_PARSERS = ["aggregator.harvest.expat"]
# feedparser resolves the base URL anew at every tag: the function is pure, and nearly always asked the same
feedparser.mixin.make_safe_absolute_uri = lru_cache(maxsize=256)(feedparser.mixin.make_safe_absolute_uri)

_HTML_TYPES = ("text/html", "application/xhtml+xml")


def parse(body: bytes, *, url: str, content_type: str | None) -> RawFeed:
    """Read any format feedparser knows, or JSON Feed.

    `content_type` is the HTTP header, whose charset counts (RFC 7303 §3). Broken markup yields
    what can be read. Raises NotAFeed when there is nothing of a feed in it.
    """
    if looks_like_json(body):
        return read_json_feed(body)
    headers = {"content-location": url}
    if content_type:
        headers["content-type"] = content_type
    document = feedparser.parse(
        io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not document.entries and not document.get("version"):
        raise NotAFeed(_what_it_is(body))
    feed = document.feed
    return RawFeed(
        title=_detail(feed, "title", url),
        url=_string(feed, "link"),
        language=_string(feed, "language"),
        icon=_string(feed, "icon") or _string(feed.get("image") or {}, "href"),
        rights=_string(feed, "rights"),
        entries=tuple(_entry(entry, url) for entry in document.entries),
    )


def _what_it_is(body: bytes) -> str:
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "is empty"
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        return "is a web page, not a feed"
    return "is no RSS, Atom or JSON Feed"


def _string(data: Any, name: str) -> str | None:
    # dict.get: FeedParserDict gives `published` for a missing `updated`
    value = dict.get(data, name)
    return value if isinstance(value, str) and value.strip() else None


def _detail(data: Any, name: str, url: str) -> Markup | None:
    detail = dict.get(data, f"{name}_detail")
    if isinstance(detail, dict):
        return _markup(detail, url)
    value = _string(data, name)
    return Markup(value, is_html=False) if value else None


def _markup(detail: Any, url: str) -> Markup | None:
    value = _string(detail, "value")
    if value is None:
        return None
    base = _string(detail, "base")
    return Markup(
        value,
        is_html=dict.get(detail, "type") in _HTML_TYPES,
        base=base if base != url else None,
    )


def _entry(entry: Any, url: str) -> RawEntry:
    contents = [
        _markup(content, url)
        for content in dict.get(entry, "content") or []
        if str(dict.get(content, "type") or "text/html").startswith(("text/", "application/xhtml"))
    ]
    contents.append(_detail(entry, "summary", url))
    return RawEntry(
        guid=_string(entry, "id"),
        links=_links(entry),
        title=_detail(entry, "title", url),
        author=_author(entry),
        published=_string(entry, "published") or _string(entry, "created"),
        updated=_string(entry, "updated"),
        language=_language(entry),
        contents=tuple(content for content in contents if content),
        categories=tuple(
            label
            for tag in dict.get(entry, "tags") or []
            if (label := _string(tag, "label") or _string(tag, "term"))
        ),
        enclosures=tuple(_enclosures(entry)),
        images=tuple(_images(entry)),
    )


def _links(entry: Any) -> tuple[str, ...]:
    links = dict.get(entry, "links") or []
    alternates = [link for link in links if dict.get(link, "rel", "alternate") == "alternate"]
    pages = [link for link in alternates if dict.get(link, "type", "text/html") in _HTML_TYPES]
    candidates = [
        _string(entry, "feedburner_origlink"),
        *(_string(link, "href") for link in pages),
        _string(entry, "link"),
        *(_string(link, "href") for link in alternates),
    ]
    if dict.get(entry, "guidislink"):
        candidates.append(_string(entry, "id"))
    return tuple(dict.fromkeys(link for link in candidates if link))


def _author(entry: Any) -> str | None:
    details = dict.get(entry, "authors") or []
    names = dict.fromkeys(name for author in details if (name := _string(author, "name")))
    return ", ".join(names) or _string(entry, "author")


def _language(entry: Any) -> str | None:
    details = [*(dict.get(entry, "content") or []), dict.get(entry, "title_detail") or {}]
    return next((tag for detail in details if (tag := _string(detail, "language"))), None)


def _enclosures(entry: Any) -> Iterable[RawEnclosure]:
    for link in dict.get(entry, "links") or []:
        if dict.get(link, "rel") == "enclosure" and (href := _string(link, "href")):
            yield RawEnclosure(href, _string(link, "type"), _string(link, "length"))
    for media in dict.get(entry, "media_content") or []:
        href = _string(media, "url")
        if href and dict.get(media, "medium") in ("audio", "video"):
            yield RawEnclosure(href, _string(media, "type"), _string(media, "filesize"))


def _images(entry: Any) -> Iterable[str]:
    for media in dict.get(entry, "media_thumbnail") or []:
        if url := _string(media, "url"):
            yield url
    for media in dict.get(entry, "media_content") or []:
        kind = f"{dict.get(media, 'medium')} {dict.get(media, 'type')}"
        if "image" in kind and (url := _string(media, "url")):
            yield url
    image = dict.get(entry, "image")
    if isinstance(image, dict) and (url := _string(image, "href")):
        yield url
    for link in dict.get(entry, "links") or []:
        if str(dict.get(link, "type") or "").startswith("image/") and (url := _string(link, "href")):
            yield url
