"""Which topics changed since they were published. What did not change is neither rendered nor touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlite_utils import Database

from aggregator.model import Channel, StoryId, TopicId
from aggregator.program import program_mark
from aggregator.publish.files import Batch, folder_mark, sweep
from aggregator.publish.folder import Folder
from aggregator.publish.groups import Group
from aggregator.publish.places import MISSING, PICTURES, feed_urls, files_of, folder_of, story_of
from aggregator.publish.planning import Plan, Planner
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.files import all_files, forget_files, made_files
from aggregator.store.meta import PUBLISHED_INTO, read_meta, write_meta
from aggregator.store.pages import changed_pages, due_pages, make_due, make_due_in
from aggregator.store.pictures import lose_pictures, picture_files
from aggregator.store.pings import keep_pings
from aggregator.store.publications import (
    Publication,
    archived_in,
    forget_marks,
    last_change,
    withdraw_from_archives,
)
from aggregator.store.stories import forget_gone, gone_stories, hidden_stories, merged_stories
from aggregator.story.fingerprint import digest

if TYPE_CHECKING:
    from aggregator.publish.story_pages import StoryPages
    from aggregator.publish.writing import Writing

_SITE_MARK = "published"
_AUTHORITY = "tag_authority"
_PLANNED = "planned_change"
_NAMED = "topics_named"
_MOST = 1000
"""Some five seconds: after the title of a topic changed there may be a hundred thousand."""
_OF_NO_PAGE = {"directory", "items", "all", "tags", "compress", "hub", "link"}
"""Settings of the output that no story's page depends on."""


@dataclass(frozen=True, slots=True)
class Published:
    """What one publication wrote."""

    topics: int
    files: int


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

    def publish(
        self, *, now: datetime, only: Iterable[str] | None = None, anew: bool = False, most: int = _MOST
    ) -> Published:
        """Write the topics (of `only`) that changed, and the pages of stories that left them. Raises PublishError.

        Of pages that are to be others though their stories did not change, so many at `most`; next time the next.

        `now` decides which stories are too old. With `anew` whatever does not hold the bytes that were once written to
        it is written again. A file that would be written with the same bytes stays as it is, and so does an archive
        document: another one has another name.
        """
        is_whole = anew and only is None
        self._look_around(anew=anew, is_whole=is_whole)
        hidden, gone = hidden_stories(self._db), gone_stories(self._db)
        withdrawn = self._withdraw(hidden)
        common, last = self._common_mark(), last_change(self._db)
        planner = Planner(self._db, output=self._output, groups=self._groups, made_with=common, now=now)
        asked = {TopicId(topic.id) for topic in self._topics}
        if only is not None:
            asked &= {*map(TopicId, only), *withdrawn}
        since = int(read_meta(self._db, _PLANNED) or 0)
        plans = planner.plans(self._topics, since=since, only=asked)
        beside = planner.beside(plans)
        current = {
            plan.id for plan in plans if plan.id in asked and self._is_current(plan, planner.published)
        }
        stale = asked - (current - beside)
        plans = [
            planner.plan(plan.settings) if plan.id in stale and plan.is_remembered else plan for plan in plans
        ]
        site_mark = self._site_mark(plans, hidden)
        left = changed_pages(self._db, since, (TopicId(topic.id) for topic in self._topics))
        is_due = bool(stale or gone or left or anew or due_pages(self._db))
        files = 0
        if is_due or not self._site_is_current(site_mark):
            begun = [plan for plan in plans if plan.id in stale]
            with self._writing(plans, hidden=hidden, common=common, now=now) as (writer, pages, batch):
                writer.begin(begun, arriving=planner.arriving(begun), beside=beside)
                for plan in begun:
                    writer.write_topic(plan)
                due = due_pages(self._db)
                pages.withdraw(due)
                pages.renew(left | (due if is_whole else {*sorted(due)[:most]}))
                writer.write_site([*gone, *hidden])
            files = batch.written
            self._have_written(site_mark, gone)
        if only is None:
            self._have_planned(last)
        return Published(len(asked if anew else stale), files)

    def _look_around(self, *, anew: bool, is_whole: bool) -> None:
        """Know what is no more as it was written, whoever changed it: files, names, pictures, templates."""
        self._look_mark = folder_mark(self._templates)
        if anew or self._place() != read_meta(self._db, PUBLISHED_INTO):
            self._review()
        self._name(anew=is_whole)
        self._miss_pictures()

    @contextmanager
    def _writing(
        self, plans: Sequence[Plan], *, hidden: Sequence[StoryId], common: str, now: datetime
    ) -> Iterator[tuple[Writing, StoryPages, Batch]]:
        """What writes this publication; at the end all of it is on the disk."""
        # What renders is loaded when something is to be rendered: most passes publish nothing
        from aggregator.publish.design import design
        from aggregator.publish.story_pages import StoryPages
        from aggregator.publish.writing import Writing

        sweep(self._folder)
        look = design(self._templates, self._look_mark)
        with Batch(self._output.compress) as batch:
            folder = Folder(self._db, self._folder, batch)
            pages = StoryPages(
                self._db,
                plans,
                folder,
                site=self._site,
                output=self._output,
                look=look,
                authority=self._authority(now),
                common=common,
                hidden=frozenset(hidden),
            )
            writer = Writing(
                self._db, plans, folder, pages, site=self._site, output=self._output, look=look, now=now
            )
            yield writer, pages, batch

    def _have_written(self, site_mark: str, gone: Sequence[StoryId]) -> None:
        with writing(self._db):
            write_meta(self._db, _SITE_MARK, site_mark)
            told = self._topics if self._output.hub else ()
            keep_pings(self._db, [url for topic in told for url in feed_urls(self._site, topic)])
            forget_gone(self._db, gone)

    def _withdraw(self, hidden: Sequence[StoryId]) -> set[TopicId]:
        """Take what an editor hid out of the archives; returns the topics of which it changes one."""
        topics = archived_in(self._db, hidden) if hidden else set()
        if topics:
            with writing(self._db):
                for topic in topics:
                    withdraw_from_archives(self._db, topic, frozenset(hidden))
        return topics

    def channel(self, topic: TopicSettings, stories: Sequence[StoryId], *, now: datetime) -> Channel:
        """These stories, in this order, as the topic's feeds show them."""
        from aggregator.publish.telling import Teller

        teller = Teller(
            self._db,
            site=self._site,
            output=self._output,
            authority=self._authority(now),
            paged=lambda _, others: others & {*stories},
        )
        return teller.channel(topic, stories)

    def _common_mark(self) -> str:
        return digest(
            program_mark(),
            # A story's page names every public topic that holds it, in this order
            repr([topic.id for topic in self._topics if not topic.token]),
            self._site.model_dump_json(),
            self._output.model_dump_json(),
            self._look_mark,
        )

    def _name(self, *, anew: bool) -> None:
        """The pages of all that a topic ever held are due when they name it otherwise than before, or with `anew`.

        So they are with other settings of the site and the output, and another look. That a newer program would make
        them otherwise is no reason: they may be very many.
        """
        shared = digest(
            self._site.model_dump_json(), self._output.model_dump_json(exclude=_OF_NO_PAGE), self._look_mark
        )
        named = {topic.id: digest(shared, topic.title, folder_of(topic)) for topic in self._topics}
        known = json.loads(read_meta(self._db, _NAMED) or "{}")
        if named != known or anew:
            differing = [id for id in {*named, *known} if anew or named.get(id) != known.get(id)]
            with writing(self._db):
                make_due_in(self._db, map(TopicId, differing))
                write_meta(self._db, _NAMED, json.dumps(named))

    def _have_planned(self, last: int) -> None:
        """All topics are as they should be after this change."""
        if read_meta(self._db, _PLANNED) != str(last):
            with writing(self._db):
                write_meta(self._db, _PLANNED, str(last))

    def _place(self) -> str:
        return repr((str(self._folder), sorted(self._output.compress)))

    def _review(self) -> None:
        """Forget what is known of the files that are not what was written; if there are any, all is published again.

        Those that are get the copies beside them that are to be there.
        """
        with Batch(self._output.compress) as batch:
            files = all_files(self._db).items()
            lost = [path for path, digest in files if not batch.holds(self._folder / path, digest)]
        with writing(self._db):
            write_meta(self._db, PUBLISHED_INTO, self._place())
            if lost:
                forget_files(self._db, lost)
                forget_marks(self._db)
                make_due(self._db, filter(None, map(story_of, lost)))
                write_meta(self._db, _SITE_MARK, "")

    def _miss_pictures(self) -> None:
        known = picture_files(self._db)
        if known and (lost := known - {path.name for path in (self._folder / PICTURES).glob("*")}):
            with writing(self._db):
                lose_pictures(self._db, lost)

    def _is_current(self, plan: Plan, known: Mapping[TopicId, Publication]) -> bool:
        """Whether the topic's files were made from what the plan holds and are there."""
        if plan.id not in known or known[plan.id].mark != plan.mark:
            return False
        paths = files_of(plan.settings, plan.stories)
        made = made_files(self._db, paths)
        return all(path in made and (self._folder / path).exists() for path in paths)

    def _site_mark(self, plans: Iterable[Plan], hidden: Sequence[StoryId]) -> str:
        moved = merged_stories(self._db)
        return digest(*(plan.mark for plan in plans), repr(sorted(moved.items())), repr(sorted(hidden)))

    def _site_is_current(self, mark: str) -> bool:
        return read_meta(self._db, _SITE_MARK) == mark and all(
            (self._folder / name).exists() for name in ("index.html", "topics.opml", MISSING)
        )

    def _authority(self, now: datetime) -> str:
        """The naming authority of every id this store publishes: minted once, whatever moves later."""
        known = read_meta(self._db, _AUTHORITY)
        if known is None:
            host = urlsplit(self._site.base_url).hostname or ""
            name = re.sub("[^a-z0-9.]+", "-", host).strip("-") or "localhost"
            known = f"{name},{now.date().isoformat()}"
            with writing(self._db):
                write_meta(self._db, _AUTHORITY, known)
        return known
