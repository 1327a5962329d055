"""The topics that changed → files. What did not change is neither rendered nor touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlite_utils import Database

from aggregator import __version__
from aggregator.model import Channel, Related, Story, StoryId, TopicId
from aggregator.publish.files import folder_mark, publish_file, remove_file, sweep
from aggregator.publish.items import make_channel, story_url
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.meta import read_meta, write_meta
from aggregator.store.stories import (
    forget_gone,
    gone_stories,
    hidden_stories,
    load_stories,
    merged_stories,
    related_stories,
)
from aggregator.store.topics import (
    Selected,
    published_mark,
    selected_stories,
    set_published_mark,
    story_words,
    topics_of,
)
from aggregator.story.fingerprint import digest
from aggregator.topic.select import choose

if TYPE_CHECKING:
    from aggregator.publish.design import Design

_TOPIC_FILES = ("rss.xml", "atom.xml", "feed.json", "index.html")
_SITE_MARK = "published"
_AUTHORITY = "tag_authority"


@dataclass(frozen=True, slots=True)
class Published:
    """What one publication wrote."""

    topics: int
    files: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a topic's feeds would hold now, and the mark by which we see whether they do already."""

    settings: TopicSettings
    selected: list[Selected]
    mark: str


class Publisher:
    """Publishes the topics of one configuration from one store into one folder."""

    def __init__(
        self,
        db: Database,
        *,
        site: Site,
        output: Output,
        topics: Sequence[TopicSettings],
        folder: Path,
        templates: Path | None = None,
    ) -> None:
        self._db = db
        self._site = site
        self._output = output
        self._topics = topics
        self._folder = folder
        self._templates = templates
        self._look_mark = ""

    def publish(self, *, now: datetime, only: Iterable[str] | None = None, anew: bool = False) -> Published:
        """Write the topics that changed, or with `anew` all (of `only`). Raises PublishError.

        `now` decides which stories are too old. A file that would be written with the same bytes stays
        as it is.
        """
        self._look_mark = folder_mark(self._templates)
        plans = [self._plan(topic, now) for topic in self._topics]
        wanted = set(only) if only is not None else {plan.settings.id for plan in plans}
        stale = [
            plan for plan in plans if plan.settings.id in wanted and (anew or not self._is_current(plan))
        ]
        site_mark = self._site_mark(plans)
        gone = gone_stories(self._db)
        if not stale and not gone and not anew and self._site_is_current(site_mark):
            return Published(0, 0)
        authority = self._authority(now)
        sweep(self._folder)
        shown = {story.id for plan in plans for story in plan.selected}
        files = 0
        for plan in stale:
            files += self._write_topic(self._channel(plan, authority, shown))
            with writing(self._db):
                set_published_mark(self._db, TopicId(plan.settings.id), plan.mark)
        files += self._write_site([self._channel(plan, authority, shown) for plan in plans])
        self._remove_pages(gone)
        with writing(self._db):
            write_meta(self._db, _SITE_MARK, site_mark)
            forget_gone(self._db, gone)
        return Published(len(stale), files)

    def _plan(self, topic: TopicSettings, now: datetime) -> _Plan:
        selected = choose(
            selected_stories(self._db, TopicId(topic.id), since=now - topic.max_age),
            min_sources=topic.min_sources,
            items=topic.items or self._output.items,
        )
        beside = related_stories(self._db, [story.id for story in selected])
        stories = " ".join(
            f"{row.id}:{row.version}" for story in selected for row in (story, *beside.get(story.id, ()))
        )
        mark = digest(
            __version__,
            topic.model_dump_json(),
            # A story's page names every topic that holds it
            repr([(other.id, other.title) for other in self._topics]),
            self._site.model_dump_json(),
            self._output.model_dump_json(),
            self._look_mark,
            stories,
        )
        return _Plan(topic, selected, mark)

    def _is_current(self, plan: _Plan) -> bool:
        folder = self._folder / plan.settings.id
        files = [folder / name for name in _TOPIC_FILES]
        files += [self._page(story.id) for story in plan.selected]
        return published_mark(self._db, TopicId(plan.settings.id)) == plan.mark and all(
            file.exists() for file in files
        )

    def _site_mark(self, plans: Iterable[_Plan]) -> str:
        moved = merged_stories(self._db)
        hidden = hidden_stories(self._db)
        return digest(*(plan.mark for plan in plans), repr(sorted(moved.items())), repr(sorted(hidden)))

    def _site_is_current(self, mark: str) -> bool:
        return read_meta(self._db, _SITE_MARK) == mark and all(
            (self._folder / name).exists() for name in ("index.html", "topics.opml")
        )

    def _authority(self, now: datetime) -> str:
        """The naming authority of every id this store publishes: minted once, whatever moves later."""
        known = read_meta(self._db, _AUTHORITY)
        if known is None:
            known = f"{urlsplit(self._site.base_url).hostname or 'localhost'},{now.date().isoformat()}"
            with writing(self._db):
                write_meta(self._db, _AUTHORITY, known)
        return known

    def _channel(self, plan: _Plan, authority: str, shown: Set[StoryId]) -> Channel:
        stories = [story.id for story in plan.selected]
        loaded = load_stories(self._db, stories, languages=self._site.languages)
        return make_channel(
            plan.settings,
            self._with_related(loaded, shown),
            site=self._site,
            output=self._output,
            authority=authority,
            words=story_words(self._db, TopicId(plan.settings.id), stories),
        )

    def _with_related(self, stories: Sequence[Story], shown: Set[StoryId]) -> list[Story]:
        """The stories, each beside related ones that lead somewhere: to their page, or to their lead report."""
        from aggregator.publish.content import Elsewhere

        away = {other.id for story in stories for other in story.related if other.id not in shown}
        found = load_stories(self._db, sorted(away), languages=self._site.languages)
        leads = {story.id: story.lead for story in found}

        def link(other: Related) -> Related | None:
            if other.id in shown:
                return other
            lead = leads.get(other.id)
            if lead is None or lead.url is None:
                return None
            return Elsewhere(
                other.id, other.headline, other.language, other.first_published, lead.url, lead.source_title
            )

        return [replace(story, related=tuple(filter(None, map(link, story.related)))) for story in stories]

    def _write(self, path: Path, data: bytes) -> bool:
        return publish_file(path, data, compress=self._output.compress)

    def _look(self) -> Design:
        from aggregator.publish.design import design

        return design(self._templates, self._look_mark)

    # What renders is loaded when something is to be rendered: most passes publish nothing

    def _write_topic(self, channel: Channel) -> int:
        from aggregator.publish.json_feed import json_feed
        from aggregator.publish.pages import topic_page
        from aggregator.publish.rss_atom import atom, rss

        written = 0
        for item in channel.items:
            written += self._write_story(item.story)
        renderers: tuple[Callable[[Channel], bytes], ...] = (
            *(rss, atom, json_feed),
            partial(topic_page, look=self._look()),
        )
        for name, render in zip(_TOPIC_FILES, renderers, strict=True):
            written += self._write(self._folder / channel.id / name, render(channel))
        return written

    def _write_story(self, story: Story) -> bool:
        from aggregator.publish.pages import story_page

        holding = set(topics_of(self._db, story.id))
        page = story_page(
            story,
            url=story_url(self._site, story.id),
            topics=[self._bare_channel(topic) for topic in self._topics if topic.id in holding],
            site_title=self._site.title,
            look=self._look(),
        )
        return self._write(self._page(story.id), page)

    def _bare_channel(self, topic: TopicSettings) -> Channel:
        return make_channel(topic, [], site=self._site, output=self._output, authority="", words={})

    def _write_site(self, channels: Sequence[Channel]) -> int:
        from aggregator.opml import Outline, write_opml
        from aggregator.publish.pages import index_page, moved_page

        look = self._look()
        index = index_page(channels, site_title=self._site.title, base_url=self._site.base_url, look=look)
        outlines = [
            Outline(url=f"{channel.url}rss.xml", title=channel.title, home=channel.url)
            for channel in channels
        ]
        written = int(self._write(self._folder / "index.html", index))
        written += self._write(self._folder / "topics.opml", write_opml(self._site.title, outlines))
        hidden = set(hidden_stories(self._db))
        moved = merged_stories(self._db)
        for merged, into in moved.items():
            if into not in hidden:
                target = story_url(self._site, into)
                page = moved_page(target, "This story has moved", look=look)
                written += self._write(self._page(merged), page)
        self._remove_pages(hidden | {merged for merged, into in moved.items() if into in hidden})
        return written

    def _remove_pages(self, stories: Iterable[StoryId]) -> None:
        for story in stories:
            remove_file(self._page(story))

    def _page(self, story: StoryId) -> Path:
        return self._folder / "stories" / f"{story}.html"
