"""The pages people read: a topic, a story, the index, and where a merged story went."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.model import Channel, Story
from aggregator.publish.design import Design, design
from aggregator.publish.items import Front
from aggregator.publish.media import media_of
from aggregator.publish.metadata import index_metadata, story_metadata, topic_metadata
from aggregator.publish.pictures import Picture


def topic_page(channel: Channel, *, home: str, look: Design | None = None) -> bytes:
    """A topic's stories, newest first, with links to subscribe; `home` is the index."""
    return (look or design(None)).render(
        "topic.html", channel=channel, home=home, is_private=channel.is_private, data=topic_metadata(channel)
    )


def story_page(
    story: Story,
    *,
    url: str,
    topics: Sequence[Channel],
    site_title: str,
    home: str,
    picture: Picture | None = None,
    look: Design | None = None,
) -> bytes:
    """One story: headline, times, highlights, the story with its sources, opinions, coverage, and an end.

    `topics` are those whose feeds hold it; `home` is the index, `picture` our copy of one.
    """
    media = media_of(story)
    return (look or design(None)).render(
        "story.html",
        has_media=bool(media),
        story=story,
        media=media,
        url=url,
        topics=topics,
        site_title=site_title,
        home=home,
        picture=picture,
        is_private=any(topic.is_private for topic in topics),
        data=story_metadata(story, url=url, home=home, site_title=site_title),
    )


def index_page(
    fronts: Sequence[Front], *, site_title: str, base_url: str, look: Design | None = None
) -> bytes:
    """Every topic with its newest headlines and links to subscribe; `base_url` ends in a slash."""
    return (look or design(None)).render(
        "index.html",
        fronts=fronts,
        site_title=site_title,
        home=base_url,
        data=index_metadata([front.channel for front in fronts], site_title=site_title, home=base_url),
    )


def missing_page(*, site_title: str, home: str, look: Design | None = None) -> bytes:
    """What a server sends where there is nothing; `home` is the index."""
    return (look or design(None)).render("missing.html", site_title=site_title, home=home)


def moved_page(target: str, title: str, *, look: Design | None = None) -> bytes:
    """What stays at the address of a story that was merged into the one at `target`."""
    return (look or design(None)).render("moved.html", target=target, title=title)
