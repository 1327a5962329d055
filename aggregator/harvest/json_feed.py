"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1), read leniently: a field of a wrong type is absent."""

from __future__ import annotations

import json
from typing import Any

from aggregator.harvest.bounds import MOST_ENTRIES, MOST_SIBLINGS
from aggregator.harvest.raw import Markup, NotAFeed, RawEnclosure, RawEntry, RawFeed, is_url
from aggregator.model import Document


def looks_like_json(body: Document) -> bool:
    """Whether the first character of the document is an opening brace."""
    return body[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"{")


def read_json_feed(body: bytes) -> RawFeed:
    """Read a JSON Feed. Raises NotAFeed when it is broken JSON or has no list of items."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAFeed("malformed", f"looks like JSON, but is broken: {error}") from error
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list):
        raise NotAFeed("not_a_feed", "is JSON, but no JSON Feed: it has no list of items")
    title = _text(data, "title")
    return RawFeed(
        title=Markup(title, is_html=False) if title else None,
        url=_text(data, "home_page_url"),
        language=_text(data, "language"),
        icon=_text(data, "icon") or _text(data, "favicon"),
        rights=None,
        entries=tuple(_entry(item) for item in items[:MOST_ENTRIES] if isinstance(item, dict)),
        hubs=_present(*(_hub(hub) for hub in _list(data, "hubs")[:MOST_SIBLINGS] if isinstance(hub, dict))),
        topic=_text(data, "feed_url"),
    )


def _hub(hub: dict[str, Any]) -> str | None:
    # The type is an open list (rssCloud is another)
    return _text(hub, "url") if (_text(hub, "type") or "").lower() == "websub" else None


def _entry(item: dict[str, Any]) -> RawEntry:
    title = _text(item, "title")
    html, plain, summary = (_text(item, name) for name in ("content_html", "content_text", "summary"))
    guid = _text(item, "id")
    return RawEntry(
        guid=guid,
        links=_present(
            _text(item, "url"), _text(item, "external_url"), guid if guid and is_url(guid) else None
        ),
        title=Markup(title, is_html=False) if title else None,
        author=_author(item),
        published=_text(item, "date_published"),
        updated=_text(item, "date_modified"),
        language=_text(item, "language"),
        contents=tuple(
            Markup(value, is_html)
            for value, is_html in ((html, True), (plain, False), (summary, False))
            if value
        ),
        categories=tuple(str(tag) for tag in _list(item, "tags") if isinstance(tag, str)),
        enclosures=tuple(_enclosure(part) for part in _list(item, "attachments") if _is_attachment(part)),
        images=_present(_text(item, "image"), _text(item, "banner_image")),
    )


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # "id" may be a number (JSON Feed 1.1, items)
    return value if isinstance(value, str) and value.strip() else None


def _list(data: dict[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    return value if isinstance(value, list) else []


def _present(*values: str | None) -> tuple[str, ...]:
    return tuple(value for value in values if value)


def _author(item: dict[str, Any]) -> str | None:
    authors = _list(item, "authors") or [item.get("author")]  # 1.0 had one `author`
    names = (_text(author, "name") for author in authors if isinstance(author, dict))
    return ", ".join(name for name in names if name) or None


def _is_attachment(part: Any) -> bool:
    return isinstance(part, dict) and _text(part, "url") is not None


def _enclosure(part: dict[str, Any]) -> RawEnclosure:
    size, duration = _text(part, "size_in_bytes"), _text(part, "duration_in_seconds")
    return RawEnclosure(_text(part, "url") or "", _text(part, "mime_type"), size, duration)
