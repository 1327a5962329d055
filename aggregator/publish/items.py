"""Stories → the items of a channel: ids, links, dates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aggregator.model import Channel, Item, Story, TopicId
from aggregator.publish.content import headline, story_html
from aggregator.publish.places import folder_of
from aggregator.publish.podcast import make_show
from aggregator.publish.summary import story_summary
from aggregator.settings import Output, Site, TopicSettings
from aggregator.times import from_text, to_text
from aggregator.topic.select import shown_as_updated

_HEADLINES = 3
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def make_channel(topic: TopicSettings, *, site: Site, output: Output, authority: str) -> Channel:
    """A topic's publication, without its items. `authority` is the fixed part of its tag URIs (RFC 4151 §2.1)."""
    return Channel(
        id=TopicId(topic.id),
        title=topic.title,
        description=topic.description,
        url=f"{site.base_url}{folder_of(topic)}/",
        guid=f"tag:{authority}:topic/{topic.id}",
        language=site.languages[0] if site.languages else "en",
        updated=_NEVER,
        site_title=site.title,
        contact=site.contact,
        # Of a private topic no hub may know
        hub=None if topic.token else output.hub,
        icon=site.icon,
        logo=site.logo,
        is_private=topic.token is not None,
        show=make_show(topic, site),
    )


def with_items(channel: Channel, items: Sequence[Item]) -> Channel:
    """The channel with these items, newest first."""
    updated = max((item.story.updated for item in items), default=_NEVER)
    return replace(channel, items=tuple(items), updated=updated)


@dataclass(frozen=True, slots=True)
class Told:
    """A story as all feeds that hold it tell it."""

    story: Story
    page: str
    """Where its page stands."""
    html: str
    summary: str


def tell(story: Story, page: str) -> Told:
    """Render a story for feeds."""
    return Told(story, page, story_html(story, page), story_summary(story))


def make_item(
    told: Told,
    topic: TopicSettings,
    *,
    output: Output,
    authority: str,
    published: datetime,
    matched: tuple[str, ...] = (),
) -> Item:
    """A story as it stands in the topic's feeds."""
    story, page = told.story, told.page
    return Item(
        id=f"tag:{authority}:{topic.id}/{story.id}",
        url=story.lead.url or page if output.link == "source" else page,
        page=page,
        story=story,
        published=published,
        updated=max(shown_as_updated(story, topic.republish), published),
        html=told.html,
        summary=told.summary,
        matched=matched,
    )


def last_article(channel: Channel) -> int:
    """After how many items none has a whole article."""
    held = [number for number, item in enumerate(channel.items, 1) if _has_article(item)]
    return held[-1] if held else 0


def without_articles(channel: Channel, after: int) -> Channel:
    """The channel, whose items after so many hold no whole articles."""
    items = channel.items[:after] + tuple(
        replace(item, html=story_html(_without_articles(item.story), item.page))
        if _has_article(item)
        else item
        for item in channel.items[after:]
    )
    return replace(channel, items=items)


def _has_article(item: Item) -> bool:
    return any(report.content for report in item.story.coverage)


def _without_articles(story: Story) -> Story:
    return replace(story, coverage=tuple(replace(report, content="") for report in story.coverage))


@dataclass(frozen=True, slots=True)
class Headline:
    """A story as the index names it."""

    page: str
    headline: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Front:
    """What the index says of a topic: the channel without its items, and its newest headlines."""

    channel: Channel
    headlines: tuple[Headline, ...]


def front_text(channel: Channel) -> str:
    """What `read_front` needs to know of a channel, as JSON."""
    newest = [[item.page, headline(item.story), item.story.language] for item in channel.items[:_HEADLINES]]
    return json.dumps([to_text(channel.updated), newest])


def read_front(channel: Channel, text: str) -> Front:
    """What `front_text` told of this channel."""
    updated, newest = json.loads(text)
    return Front(replace(channel, updated=from_text(updated)), tuple(Headline(*each) for each in newest))
