"""What a page says of itself to machines, in the words of schema.org (JSON-LD)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aggregator.model import Channel, Report, Story
from aggregator.publish.content import coverage, headline, web_url
from aggregator.publish.languages import language_tag
from aggregator.publish.summary import story_summary
from aggregator.times import to_text

_CONTEXT = "https://schema.org"


def story_metadata(story: Story, *, url: str, home: str, site_title: str) -> dict[str, Any]:
    """A NewsArticle: it is based on the reports whose sentences it holds, and cites the others."""
    used = {sentence.entry for sentence in story.highlights + story.story}
    used |= {quote.entry for quote in story.quotes}
    reports = [one.report for one in coverage(story)]
    image = web_url(story.lead.image)
    publisher = _organization(site_title, home)
    return _given(
        {
            "@context": _CONTEXT,
            "@type": "NewsArticle",
            "headline": headline(story),
            "description": story_summary(story),
            "url": url,
            "mainEntityOfPage": url,
            "datePublished": to_text(story.first_published),
            "dateModified": to_text(story.updated),
            "inLanguage": language_tag(story.language),
            "isAccessibleForFree": True,
            "image": image and [image],
            "author": publisher,
            "publisher": publisher,
            "isBasedOn": [_article(report) for report in reports if report.entry in used],
            "citation": [
                _article(report)
                for report in (*(one for one in reports if one.entry not in used), *story.opinions)
            ],
        }
    )


def topic_metadata(channel: Channel) -> dict[str, Any]:
    """A collection of the topic's stories, in the order of the page."""
    return _collection(
        channel.title,
        channel.description,
        channel.url,
        [(headline(item.story), item.page) for item in channel.items],
    )


def index_metadata(channels: Sequence[Channel], *, site_title: str, home: str) -> dict[str, Any]:
    """A collection of the topics."""
    description = "Every story once, from all who report it."
    return _collection(site_title, description, home, [(channel.title, channel.url) for channel in channels])


def _collection(name: str, description: str, url: str, members: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "@context": _CONTEXT,
        "@type": "CollectionPage",
        "name": name,
        **({"description": description} if description else {}),
        "url": url,
        "mainEntity": {
            "@type": "ItemList",
            "numberOfItems": len(members),
            "itemListElement": [
                {"@type": "ListItem", "position": position, "name": title, "url": place}
                for position, (title, place) in enumerate(members, 1)
            ],
        },
    }


def _article(report: Report) -> dict[str, Any]:
    return _given(
        {
            "@type": "OpinionNewsArticle" if report.kind == "opinion" else "NewsArticle",
            "headline": " ".join(report.title.split()),
            "url": web_url(report.url),
            "datePublished": to_text(report.published),
            "inLanguage": language_tag(report.language),
            "publisher": _organization(report.source_title, None),
        }
    )


def _organization(name: str, url: str | None) -> dict[str, Any]:
    return _given({"@type": "Organization", "name": name, "url": url})


def _given(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value}
