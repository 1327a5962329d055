"""Where publications stand: paths below the output folder, and their addresses.

A private topic has a folder that nobody can guess, with the pages of its stories in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aggregator.model import StoryId
from aggregator.settings import Site, TopicSettings

PRIVATE = "private"
PICTURES = "images"
MISSING = "404.html"
FEEDS = ("rss.xml", "atom.xml", "feed.json")
_OURS, _HEAD = b"<generator>feed-aggregator<", 20_000
TOPIC_FILES = (*FEEDS, "index.html")


def folder_of(topic: TopicSettings) -> str:
    """The topic's folder below the output folder."""
    return f"{PRIVATE}/{topic.token}" if topic.token else topic.id


def page_of(token: str | None, story: StoryId) -> str:
    """The story's page below the output folder: that of all public topics, or of the private one with this token."""
    return f"{f'{PRIVATE}/{token}/' if token else ''}stories/{story}.html"


def story_of(page: str) -> StoryId | None:
    """The story whose page has this path; None where it is another file."""
    folder, _, name = page.rpartition("/")
    return StoryId(name.removesuffix(".html")) if folder.endswith("stories") else None


def story_url(site: Site, token: str | None, story: StoryId) -> str:
    """The address of the story's page."""
    return site.base_url + page_of(token, story)


def feed_urls(site: Site, topic: TopicSettings) -> list[str]:
    """The addresses of its feeds of which a hub is told: none of a private topic, which no stranger may know."""
    return [] if topic.token else [f"{site.base_url}{topic.id}/{name}" for name in FEEDS]


def files_of(topic: TopicSettings, stories: Iterable[StoryId]) -> list[str]:
    """All files below the output folder that a topic with these stories has, archive documents aside."""
    within = folder_of(topic)
    return [
        *(f"{within}/{name}" for name in TOPIC_FILES),
        *(page_of(topic.token, story) for story in stories),
    ]


def abandoned(folder: Path, topics: Iterable[TopicSettings]) -> list[Path]:
    """The folders of former public topics below the output folder: with feeds of ours that none of these writes."""
    known = {folder_of(topic) for topic in topics}
    feeds = (feed for feed in folder.glob(f"*/{FEEDS[0]}") if feed.parent.name not in known)
    return sorted(feed.parent for feed in feeds if _is_ours(feed))


def _is_ours(feed: Path) -> bool:
    # Others may publish into the folder of a web server too
    try:
        with feed.open("rb") as file:
            return _OURS in file.read(_HEAD)
    except OSError:
        return False
