"""Which topics changed since they were published. What did not change is neither rendered nor touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlite_utils import Database

from aggregator import __version__
from aggregator.model import Channel, StoryId, TopicId
from aggregator.publish.files import Batch, folder_mark, sweep
from aggregator.publish.groups import Group
from aggregator.publish.places import feed_urls, files_of
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.meta import read_meta, write_meta
from aggregator.store.pings import keep_pings
from aggregator.store.publications import archived_in, published_mark, withdraw_from_archives
from aggregator.store.stories import (
    forget_gone,
    gone_stories,
    hidden_stories,
    merged_stories,
    related_stories,
)
from aggregator.store.topics import Selected, group_stories, selected_stories
from aggregator.story.fingerprint import digest
from aggregator.topic.select import choose

_SITE_MARK = "published"
_AUTHORITY = "tag_authority"


@dataclass(frozen=True, slots=True)
class Published:
    """What one publication wrote."""

    topics: int
    files: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a topic's feeds would hold now, and the mark by which we see whether they do already."""

    settings: TopicSettings
    selected: list[Selected]
    mark: str

    @property
    def id(self) -> TopicId:
        """The topic's."""
        return TopicId(self.settings.id)

    @property
    def stories(self) -> list[StoryId]:
        """In the order of the feed."""
        return [story.id for story in self.selected]


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
        groups: Sequence[Group] = (),
    ) -> None:
        self._db = db
        self._site = site
        self._output = output
        self._topics = [*(group.settings for group in groups), *topics]
        self._groups = {group.settings.id: group for group in groups}
        self._folder = folder
        self._templates = templates
        self._look_mark = ""

    def publish(self, *, now: datetime, only: Iterable[str] | None = None, anew: bool = False) -> Published:
        """Write the topics that changed, or with `anew` all (of `only`). Raises PublishError.

        `now` decides which stories are too old. A file that would be written with the same bytes stays
        as it is.
        """
        self._look_mark = folder_mark(self._templates)
        hidden, gone = hidden_stories(self._db), gone_stories(self._db)
        plans = [self._plan(topic, now) for topic in self._topics]
        wanted = set(only) if only is not None else {plan.id for plan in plans}
        stale = [plan for plan in plans if plan.id in wanted and (anew or not self._is_current(plan))]
        site_mark = self._site_mark(plans, hidden)
        if not stale and not gone and not anew and self._site_is_current(site_mark):
            return Published(0, 0)
        # What renders is loaded when something is to be rendered: most passes publish nothing
        from aggregator.publish.design import design
        from aggregator.publish.writing import Writing

        sweep(self._folder)
        rewritten = archived_in(self._db, hidden)
        with Batch(self._output.compress) as batch:
            writer = Writing(
                self._db,
                plans,
                batch,
                site=self._site,
                output=self._output,
                folder=self._folder,
                look=design(self._templates, self._look_mark),
                authority=self._authority(now),
                hidden=hidden,
                now=now,
            )
            for plan in plans:
                if plan in stale:
                    writer.write_topic(plan, anew=anew or plan.id in rewritten)
                elif plan.id in rewritten:
                    writer.write_archives(plan, anew=True)
            writer.write_site()
        writer.remove_pages(gone)
        with writing(self._db):
            withdraw_from_archives(self._db, hidden)
            write_meta(self._db, _SITE_MARK, site_mark)
            told = self._topics if self._output.hub else ()
            keep_pings(self._db, [url for topic in told for url in feed_urls(self._site, topic)])
            forget_gone(self._db, gone)
        return Published(len(stale), batch.written)

    def channel(self, topic: TopicSettings, stories: Sequence[StoryId], *, now: datetime) -> Channel:
        """These stories, in this order, as the topic's feeds show them."""
        from aggregator.publish.telling import Teller

        teller = Teller(
            self._db,
            site=self._site,
            output=self._output,
            authority=self._authority(now),
            shown=set(stories),
        )
        return teller.channel(topic, stories)

    def _plan(self, topic: TopicSettings, now: datetime) -> Plan:
        since = now - topic.max_age
        if group := self._groups.get(topic.id):
            candidates = group_stories(self._db, group.sources, since=since)
        else:
            candidates = selected_stories(self._db, TopicId(topic.id), since=since)
        items = topic.items or self._output.items
        selected = choose(candidates, min_sources=topic.min_sources, items=items)
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
        return Plan(topic, selected, mark)

    def _is_current(self, plan: Plan) -> bool:
        return published_mark(self._db, plan.id) == plan.mark and all(
            file.exists() for file in files_of(self._folder, plan.settings, plan.stories)
        )

    def _site_mark(self, plans: Iterable[Plan], hidden: Sequence[StoryId]) -> str:
        moved = merged_stories(self._db)
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
