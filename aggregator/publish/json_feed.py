"""A channel as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

import json
from typing import Any

from aggregator.model import Channel, Item
from aggregator.publish.content import (
    archived,
    author_name,
    categories,
    coverage,
    email,
    enclosures,
    headline,
    item_url,
    legal,
    web_url,
)
from aggregator.publish.languages import language_tag
from aggregator.times import to_text


def json_feed(channel: Channel) -> bytes:
    """The channel as JSON Feed 1.1; `_aggregator` in an item lists the story's coverage."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": legal(channel.title) or channel.id,
        "home_page_url": channel.url,
        "feed_url": channel.url + archived("feed.json", channel.page),
        "next_url": channel.url + archived("feed.json", channel.previous) if channel.previous else None,
        "description": channel.description,
        "icon": channel.logo or channel.icon,
        "favicon": channel.icon,
        "language": language_tag(channel.language),
        "authors": [_author(channel)],
        "hubs": [{"type": "WebSub", "url": hub}] if (hub := web_url(channel.hub)) else [],
    }
    head = json.dumps(_compact(feed), ensure_ascii=False, indent=1).removesuffix("\n}")
    # A line for each item: what changed is easy to see, and unlike indented JSON it is written fast
    items = ",\n  ".join(json.dumps(json_item(item), ensure_ascii=False) for item in channel.items)
    return f'{head},\n "items": [\n  {items}\n ]\n}}\n'.encode()


def json_item(item: Item) -> dict[str, Any]:
    """An item as it stands in the feed."""
    compact: dict[str, Any] = _compact(_item(item))
    return compact


def _author(channel: Channel) -> dict[str, Any]:
    address = email(channel)
    return {"name": channel.site_title, "url": f"mailto:{address}" if address else web_url(channel.contact)}


def _item(item: Item) -> dict[str, Any]:
    lead = item.story.lead
    return {
        "id": item.id,
        "url": item_url(item),
        "external_url": web_url(lead.url),
        "title": headline(item.story),
        "content_html": item.html,
        "summary": item.summary,
        "image": web_url(lead.image),
        "date_published": to_text(item.published),
        "date_modified": to_text(item.updated),
        "authors": [{"name": author_name(lead), "url": web_url(lead.source_url)}],
        "tags": categories(item),
        "language": language_tag(lead.language),
        "attachments": [
            {
                "url": media.url,
                "mime_type": media.type,
                "size_in_bytes": media.length,
                "duration_in_seconds": media.seconds,
            }
            for media in enclosures(lead)
        ],
        "_aggregator": _extension(item),
    }


def _extension(item: Item) -> dict[str, Any]:
    return {
        "about": web_url(item.page),
        "rights": item.story.lead.rights,
        "matched": item.matched,
        "coverage": [
            {
                "source": report.source,
                "title": report.title,
                "outlet": report.source_title,
                "url": web_url(report.url),
                "language": language_tag(report.language),
                "date_published": to_text(report.published),
                "same_text_as": carried.report.source if report is not carried.report else None,
            }
            for carried in coverage(item.story)
            for report in (carried.report, *carried.copies)
        ],
    }


def _compact(value: Any) -> Any:
    """Without what is absent or empty, and without characters that are no text."""
    if isinstance(value, str):
        return legal(value)
    if isinstance(value, dict):
        kept = {key: _compact(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, "", [])}
    if isinstance(value, (list, tuple)):
        return [_compact(inner) for inner in value]
    return value
