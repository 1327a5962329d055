"""A document's bytes → raw entries. Only this file and `mend` import feedparser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import getaddresses
from itertools import chain, islice
from typing import Any

import feedparser

from aggregator.harvest.bounds import LONGEST_TAG, MOST_ENTRIES
from aggregator.harvest.encoding import declared, media_type, narrowed
from aggregator.harvest.images import Declared, best_first, read_side
from aggregator.harvest.json_feed import looks_like_json, read_json_feed
from aggregator.harvest.mend import mend
from aggregator.harvest.pieces import pieces
from aggregator.harvest.raw import Markup, NotAFeed, RawEnclosure, RawEntry, RawFeed, is_url
from aggregator.model import Document, Wish

mend()

_HTML_TYPES = ("text/html", "application/xhtml+xml")
# Of 200,000 attributes every parser on the way makes objects of its own
_LONG_TAG = re.compile(rb"(<\w[^\s/<>]{0,100})[^<>]{%d,}" % LONGEST_TAG)
_DAYS = {
    name: day
    for day, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
}
# Minutes; nobody is waited for longer than a week
_PERIODS = {"hourly": 60, "daily": 1440, "weekly": 10_080, "monthly": 43_200, "yearly": 525_600}


def parse(body: Document, *, url: str, content_type: str | None) -> RawFeed:
    """Read any format feedparser knows, or JSON Feed.

    `content_type` is the HTTP header, whose charset counts (RFC 7303 §3) unless the bytes contradict it.
    Broken markup yields what can be read. Raises NotAFeed when there is nothing of a feed in it.
    """
    body = narrowed(body)
    if looks_like_json(body):
        return read_json_feed(body[:])
    documents = pieces(body)
    first = _parse(next(documents), url, content_type)
    entries = chain(first.entries, _entries(documents, url, content_type))
    return replace(first, entries=islice(entries, MOST_ENTRIES))


def _entries(documents: Iterable[bytes], url: str, content_type: str | None) -> Iterator[RawEntry]:
    with suppress(NotAFeed):  # what came before counts
        for document in documents:
            yield from _parse(document, url, content_type).entries


def _parse(body: bytes, url: str, content_type: str | None) -> RawFeed:
    headers = {"content-location": url, "content-type": media_type(body, content_type)}
    try:
        document = feedparser.parse(
            io.BytesIO(_LONG_TAG.sub(_without_attributes, declared(body))),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:
        # Above all Python's stranger codecs: servers do send `charset=undefined`
        if content_type:
            return _parse(body, url, None)
        raise NotAFeed("malformed", f"breaks the parser: {type(error).__name__}: {error}") from error
    if not document.entries and not document.get("version"):
        raise _what_it_is(body)
    feed = document.feed
    return RawFeed(
        title=_detail(feed, "title", url),
        url=_string(feed, "link"),
        language=_string(feed, "language"),
        icon=_string(feed, "icon") or _string(_dict(feed, "image"), "href"),
        rights=_string(feed, "rights"),
        entries=[_entry(entry, url, feed) for entry in document.entries],
        wish=_wish(feed),
        hubs=_related(feed, "hub"),
        topic=next(iter(_related(feed, "self")), None),
    )


def _without_attributes(tag: re.Match[bytes]) -> bytes:
    return tag[1] + (b"/" if tag[0].endswith(b"/") else b"")


def _what_it_is(body: bytes) -> NotAFeed:
    start = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return NotAFeed("empty", "is empty")
    if b"<html" in start or start.startswith(b"<!doctype html"):
        return NotAFeed("not_a_feed", "is a web page, not a feed")
    if any(root in start for root in (b"<rss", b"<feed", b"<rdf:rdf")):
        return NotAFeed("malformed", "is a feed that is broken beyond reading")
    return NotAFeed("not_a_feed", "is no RSS, Atom or JSON Feed")


def _string(data: Any, name: str) -> str | None:
    # dict.get: FeedParserDict gives `published` for a missing `updated`
    value = dict.get(data, name)
    return value if isinstance(value, str) and value.strip() else None


def _dict(data: Any, name: str) -> dict[str, Any]:
    # An element that feedparser does not know may have the name under which it keeps what it does know
    value = dict.get(data, name)
    return value if isinstance(value, dict) else {}


def _dicts(data: Any, name: str) -> list[dict[str, Any]]:
    value = dict.get(data, name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _related(feed: Any, rel: str) -> tuple[str, ...]:
    """Where the feed's links of this relation lead: of Atom, or of Atom's namespace in RSS."""
    return tuple(
        href
        for link in _dicts(feed, "links")
        if rel in str(dict.get(link, "rel") or "").lower().split() and (href := _string(link, "href"))
    )


def _detail(data: Any, name: str, url: str) -> Markup | None:
    # The detail alone may be that of an element inside, such as an item's image with a title
    detail = _dict(data, f"{name}_detail")
    return _markup({**detail, "value": dict.get(data, name)}, url)


def _markup(detail: Any, url: str) -> Markup | None:
    value = _string(detail, "value")
    if value is None:
        return None
    base = _string(detail, "base")
    return Markup(
        # feedparser writes XHTML's `<br/>` as `<br></br>`: HTML takes that for two
        value.replace("</br>", ""),
        is_html=dict.get(detail, "type") in _HTML_TYPES,
        base=base if base != url else None,
    )


def _wish(feed: Any) -> Wish:
    numbers = [_number(value) for value in dict.get(feed, "skipped_hours") or []]
    hours = {hour % 24 for hour in numbers if hour is not None and hour <= 24}  # midnight may be 24
    names = [str(value).strip().lower() for value in dict.get(feed, "skipped_days") or []]
    days = {_DAYS[name] for name in names if name in _DAYS}
    period = _PERIODS.get((_string(feed, "sy_updateperiod") or "").strip().lower())
    minutes = [
        _number(_string(feed, "ttl")) or 0,
        period // (_number(_string(feed, "sy_updatefrequency")) or 1) if period else 0,
    ]
    return Wish(
        at_least=timedelta(minutes=min(max(minutes), _PERIODS["weekly"])) if any(minutes) else None,
        # Who names them all has misread the specification
        skip_hours=frozenset(hours) if len(hours) < 24 else frozenset(),
        skip_days=frozenset(days) if len(days) < 7 else frozenset(),
    )


def _number(value: str | None) -> int | None:
    digits = (value or "").strip()
    return int(digits) if digits.isdecimal() and len(digits) < 10 else None


def _entry(entry: Any, url: str, feed: Any) -> RawEntry:
    contents = [
        _markup(content, url)
        for content in _dicts(entry, "content")
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
            label for tag in _dicts(entry, "tags") if (label := _string(tag, "label") or _string(tag, "term"))
        ),
        enclosures=tuple(_enclosures(entry, feed)),
        images=best_first(_images(entry)),
    )


def _links(entry: Any) -> tuple[str, ...]:
    links = _dicts(entry, "links")
    alternates = [link for link in links if dict.get(link, "rel", "alternate") == "alternate"]
    pages = [link for link in alternates if dict.get(link, "type", "text/html") in _HTML_TYPES]
    candidates = [
        _string(entry, "feedburner_origlink"),
        *(_string(link, "href") for link in pages),
        _string(entry, "link"),
        *(_string(link, "href") for link in alternates),
    ]
    guid = _string(entry, "id")
    # feedparser takes every guid for the link of an entry without one
    return tuple(dict.fromkeys(link for link in candidates if link and (link != guid or is_url(link))))


def _author(entry: Any) -> str | None:
    raw = _string(entry, "author")
    address = _string(_dict(entry, "author_detail"), "email")
    if raw and address and raw.startswith(address):
        # RSS: `mail@host (Name)`; feedparser's own reading cuts long top-level domains in two
        people = [name or mail for name, mail in getaddresses([raw])]
    else:
        people = [_string(author, "name") or "" for author in _dicts(entry, "authors")]
    return ", ".join(dict.fromkeys(filter(None, people))) or raw


def _language(entry: Any) -> str | None:
    details = [*(_dicts(entry, "content")), _dict(entry, "title_detail")]
    return next((tag for detail in details if (tag := _string(detail, "language"))), None)


def _enclosures(entry: Any, feed: Any) -> Iterable[RawEnclosure]:
    duration, kind = _string(entry, "itunes_duration"), _string(entry, "itunes_episodetype")
    explicit = _string(entry, "itunes_explicit") or _string(feed, "itunes_explicit")
    for link in _dicts(entry, "links"):
        if dict.get(link, "rel") == "enclosure" and (href := _string(link, "href")):
            yield RawEnclosure(href, _string(link, "type"), _string(link, "length"), duration, explicit, kind)
    for media in _dicts(entry, "media_content"):
        href = _string(media, "url")
        medium = _string(media, "medium") or (_string(media, "type") or "").partition("/")[0]
        if href and medium in ("audio", "video"):
            own = _string(media, "duration") or duration
            yield RawEnclosure(href, _string(media, "type"), _string(media, "filesize"), own, explicit, kind)


def _images(entry: Any) -> Iterable[Declared]:
    for media in _dicts(entry, "media_thumbnail"):
        if url := _string(media, "url"):
            yield Declared(url, *_sides(media))
    for media in _dicts(entry, "media_content"):
        kind = f"{dict.get(media, 'medium')} {dict.get(media, 'type')}"
        if "image" in kind and (url := _string(media, "url")):
            yield Declared(url, *_sides(media))
    if url := _string(_dict(entry, "image"), "href"):
        yield Declared(url)
    for link in _dicts(entry, "links"):
        if str(dict.get(link, "type") or "").startswith("image/") and (url := _string(link, "href")):
            yield Declared(url)


def _sides(media: Any) -> tuple[int | None, int | None]:
    return read_side(_string(media, "width")), read_side(_string(media, "height"))
