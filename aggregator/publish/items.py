"""Stories → the items of a channel: ids, links, dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aggregator.model import Channel, Item, Story, StoryId, TopicId
from aggregator.settings import Output, Site, TopicSettings
from aggregator.topic.select import shown_as_updated

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def make_channel(
    topic: TopicSettings,
    stories: Sequence[Story],
    *,
    site: Site,
    output: Output,
    authority: str,
    words: Mapping[StoryId, tuple[str, ...]],
) -> Channel:
    """A topic's publication. `authority` is the fixed part of its tag URIs (RFC 4151 §2.1): `host,date`."""
    items = tuple(
        make_item(
            story, topic, site=site, output=output, authority=authority, matched=words.get(story.id, ())
        )
        for story in stories
    )
    return Channel(
        id=TopicId(topic.id),
        title=topic.title,
        description=topic.description or topic.title,
        url=f"{site.base_url}{topic.id}/",
        guid=f"tag:{authority}:topic/{topic.id}",
        language=site.languages[0] if site.languages else "en",
        updated=max((story.updated for story in stories), default=_NEVER),
        site_title=site.title,
        contact=site.contact,
        hub=output.hub,
        items=items,
    )


def make_item(
    story: Story,
    topic: TopicSettings,
    *,
    site: Site,
    output: Output,
    authority: str,
    matched: tuple[str, ...],
) -> Item:
    """A story as it stands in the topic's feeds."""
    page = story_url(site, story.id)
    return Item(
        id=f"tag:{authority}:{topic.id}/{story.id}",
        url=story.lead.url or page if output.link == "source" else page,
        page=page,
        story=story,
        published=story.first_published,
        updated=shown_as_updated(story, topic.republish),
        matched=matched,
    )


def story_url(site: Site, story: StoryId) -> str:
    """Where the story's page stands."""
    return f"{site.base_url}stories/{story}.html"
