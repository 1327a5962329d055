"""One publication under way: renders what changed, and writes it."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from aggregator.model import Channel, Item, StoryId, TopicId
from aggregator.opml import Outline, write_opml
from aggregator.publish.content import archived, web_url
from aggregator.publish.design import Design
from aggregator.publish.files import Batch, remove_file, remove_folder
from aggregator.publish.items import front_text, last_article, read_front, without_articles
from aggregator.publish.json_feed import json_feed
from aggregator.publish.pages import index_page, moved_page, story_page, topic_page
from aggregator.publish.places import FEEDS, PICTURES, PRIVATE, feed_urls, folder_of, page_of, story_url
from aggregator.publish.planning import Plan
from aggregator.publish.rss_atom import atom, rss
from aggregator.publish.telling import Teller
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.files import Made, forget_files, made_files, record_files
from aggregator.store.pictures import forget_pictures, picture_files, pictures_of, want_pictures
from aggregator.store.pings import announce
from aggregator.store.publications import (
    Archive,
    archives,
    forget_marks,
    fronts,
    published_in,
    retire,
    set_published,
    show,
)
from aggregator.store.stories import merged_stories, related_stories, story_rows
from aggregator.story.fingerprint import digest

_FEEDS = dict(zip(FEEDS, (rss, atom, json_feed), strict=True))
_LARGEST = 5_000_000
"""Bytes of a feed: the W3C's validator takes no more, and many readers take less."""
_ARCHIVED = re.compile(r"\w+-(\d+-\d+)\.\w+")


def _documents(channel: Channel) -> list[bytes]:
    """The channel in every format; where that is too much, its oldest items lose their whole articles."""
    after = last_article(channel)
    documents = [render(channel) for render in _FEEDS.values()]
    while after and max(map(len, documents)) > _LARGEST:
        after = after * 3 // 4
        documents = [render(without_articles(channel, after)) for render in _FEEDS.values()]
    return documents


class Writing:
    """Renders the topics of one publication, each story once, and has their files written to `batch`."""

    def __init__(
        self,
        db: Database,
        plans: Sequence[Plan],
        batch: Batch,
        *,
        site: Site,
        output: Output,
        folder: Path,
        look: Design,
        authority: str,
        common: str,
        hidden: Iterable[StoryId],
        now: datetime,
    ) -> None:
        self._batch = batch
        self._db = db
        self._plans = plans
        self._site = site
        self._output = output
        self._folder = folder
        self._look = look
        self._hidden = frozenset(hidden)
        self._now = now
        public = [plan for plan in plans if not plan.settings.token]
        self._holding: dict[StoryId, list[TopicSettings]] = {}
        for plan in public:
            for story in plan.stories:
                self._holding.setdefault(story, []).append(plan.settings)
        self._teller = Teller(
            db,
            site=site,
            output=output,
            authority=authority,
            shown=self._holding.keys(),
            private={plan.id: frozenset(plan.stories) for plan in plans if plan.settings.token},
            keeping=True,
        )
        self._common = common
        self._written: set[str] = set()
        self._states: dict[str, str] = {}
        """How each story stood before it was told, by its page."""
        self._marks: dict[str, str] = {}
        self._removed: list[str] = []
        self._pictures: dict[StoryId, str] = {}
        self._left: dict[StoryId, TopicSettings] = {}

    def begin(self, plans: Sequence[Plan], beside: Iterable[TopicId]) -> None:
        """Keep what these topics show from now on; what left them goes to the archive.

        From here on the files of theirs, and of the topics `beside`, count as not made until they are written: whenever
        this breaks off, the next publication makes them.
        """
        with writing(self._db):
            forget_marks(self._db, {*beside, *(plan.id for plan in plans)})
            for plan in plans:
                dates = {row.id: row.first_published for row in story_rows(self._db, plan.stories).values()}
                show(self._db, plan.id, dates, now=self._now)
                size = plan.settings.items or self._output.items
                for story in retire(self._db, plan.id, plan.stories, size=size):
                    if others := self._holding.get(story):
                        self._left[story] = others[0]
            forget_files(self._db, [page_of(topic, story) for story, topic in self._left.items()])

    def write_topic(self, plan: Plan) -> None:
        """Write the topic's archive, feeds and page, and the pages of its stories.

        It is marked as published once all of that is on the disk.
        """
        self._write_archives(plan)
        channel = self._tell(plan.settings, plan.stories)
        kept = archives(self._db, plan.id)
        channel = replace(channel, previous=kept[-1].name if kept else None)
        documents = self._write_feeds(channel, plan.settings, plan.mark)
        page = topic_page(channel, home=self._site.base_url, look=self._look)
        self._write(f"{folder_of(plan.settings)}/index.html", page, plan.mark)
        self.finish()
        with writing(self._db):
            set_published(self._db, plan.id, plan.publication, front=front_text(channel))
            if self._output.hub:
                urls = feed_urls(self._site, plan.settings)
                digests = {
                    url: digest(document.decode()) for url, document in zip(urls, documents, strict=False)
                }
                announce(self._db, digests, now=self._now)

    def write_left(self) -> None:
        """Write the pages of the stories that left a topic and are in another: they name the former no more."""
        for story, topic in self._left.items():
            self._tell(topic, [story])

    def finish(self) -> None:
        """Until all files are on the disk, and how they stand is kept."""
        digests = self._batch.wait()
        with writing(self._db):
            made = {path: Made(mark, digests[self._folder / path]) for path, mark in self._marks.items()}
            record_files(self._db, made)
            forget_files(self._db, self._removed)
        self._marks.clear()
        self._removed.clear()

    def _want_pictures(self, channel: Channel) -> None:
        if self._output.images == "none":
            return
        leads = {item.story.id: item.story.lead for item in channel.items}
        urls = {id: web_url(lead.image) if lead.policy != "headline" else None for id, lead in leads.items()}
        with writing(self._db):
            want_pictures(self._db, urls)
        self._pictures |= pictures_of(self._db, leads)

    def _write_archives(self, plan: Plan) -> None:
        """Write the topic's archive documents that are not there; remove what they replace."""
        kept = archives(self._db, plan.id)
        for older, archive in zip([None, *kept], kept, strict=False):
            self._write_archive(plan, archive, older)
        names = {name for archive in kept for name in (archive.name, archive.former)}
        for path in (self._folder / folder_of(plan.settings) / "archive").glob("*-*.*"):
            found = _ARCHIVED.fullmatch(path.name)
            if found and found[1] not in names:
                self._remove(str(path.relative_to(self._folder)))

    def _write_archive(self, plan: Plan, archive: Archive, older: Archive | None) -> None:
        previous = older.name if older else None
        # Not of titles and settings: what readers know never changes. But whole addresses lead from one to the next
        mark = digest(self._site.base_url, archive.name, previous or "", *archive.stories)
        paths = [f"{folder_of(plan.settings)}/{archived(file, archive.name)}" for file in _FEEDS]
        made = made_files(self._db, paths)
        if all(self._stands(path, mark, made) for path in paths):
            return
        self._unmake(paths)
        channel = self._channel(plan.settings, archive.stories[::-1])
        self._write_feeds(replace(channel, page=archive.name, previous=previous), plan.settings, mark)

    def write_site(self, gone: Iterable[StoryId]) -> None:
        """Write the index, the list of topics, and where merged stories went; remove what nothing leads to any more.

        `gone` are stories that were removed from the store.
        """
        told = fronts(self._db)
        listed = [
            read_front(self._teller.channel(plan.settings), told[plan.id])
            for plan in self._plans
            if plan.id in told and not plan.settings.token
        ]
        title, base_url = self._site.title, self._site.base_url
        outlines = [
            Outline(url=f"{front.channel.url}rss.xml", title=front.channel.title, home=front.channel.url)
            for front in listed
        ]
        self._write("index.html", index_page(listed, site_title=title, base_url=base_url, look=self._look))
        self._write("topics.opml", write_opml(title, outlines))
        self._redirect()
        self._remove_pages({*gone, *self._hidden})
        self._remove_former_tokens()
        self._remove_pictures()

    def _redirect(self) -> None:
        moved = {story: to for story, to in merged_stories(self._db).items() if story not in self._hidden}
        topics = {plan.id: plan.settings for plan in self._plans}
        nowhere, targets = set(), {}
        for topic, story in published_in(self._db, moved):
            if topic in topics:
                path = page_of(topics[topic], story)
                targets[path] = story_url(self._site, topics[topic], moved[story])
            else:
                nowhere.add(story)
        self._remove_pages(nowhere, but=targets)
        made = made_files(self._db, targets)
        marks = {path: digest(self._common, target) for path, target in targets.items()}
        stale = [path for path, mark in marks.items() if not self._stands(path, mark, made)]
        self._unmake(stale)
        for path in stale:
            page = moved_page(targets[path], "This story has moved", look=self._look)
            self._write(path, page, marks[path])

    def _remove_pages(self, stories: Iterable[StoryId], *, but: Container[str] = ()) -> None:
        """Remove the pages of these stories, wherever there are any."""
        folders = ["", *(f"{PRIVATE}/{folder.name}/" for folder in (self._folder / PRIVATE).glob("*"))]
        for story in stories:
            for folder in folders:
                if (path := f"{folder}stories/{story}.html") not in but:
                    self._remove(path)

    def _remove_former_tokens(self) -> None:
        """Whoever knew the former address of a private topic shall not read on."""
        tokens = {plan.settings.token for plan in self._plans}
        folders = [folder for folder in (self._folder / PRIVATE).glob("*") if folder.name not in tokens]
        public = [self._folder / plan.id for plan in self._plans if plan.settings.token]
        for folder in [*folders, *(folder for folder in public if (folder / "rss.xml").exists())]:
            remove_folder(folder)
            self._removed.append(str(folder.relative_to(self._folder)))

    def _remove_pictures(self) -> None:
        """Pictures go with the last story that showed them, and all with the setting."""
        with writing(self._db):
            forget_pictures(self._db, all=self._output.images == "none")
        kept = picture_files(self._db)
        for path in (self._folder / PICTURES).glob("[!.]*"):
            if path.name not in kept:
                remove_file(path)

    def _write_feeds(self, channel: Channel, topic: TopicSettings, mark: str) -> list[bytes]:
        documents = _documents(channel)
        for file, document in zip(_FEEDS, documents, strict=True):
            self._write(f"{folder_of(topic)}/{archived(file, channel.page)}", document, mark)
        return documents

    def _tell(self, topic: TopicSettings, stories: Sequence[StoryId]) -> Channel:
        """The topic's channel with these stories, whose pages are written unless they are made from just the same."""
        channel = self._channel(topic, stories)
        self._want_pictures(channel)
        paths = {page_of(topic, item.story.id): item for item in channel.items}
        made = made_files(self._db, paths)
        marks = {}
        for path in (path for path in paths if path not in self._written):
            id = paths[path].story.id
            holders = [each.model_dump_json() for each in self._holders(id, topic)]
            mark = digest(self._common, self._states[path], *holders, "", self._pictures.get(id, ""))
            if not self._stands(path, mark, made):
                marks[path] = mark
        self._unmake(marks)
        for path, mark in marks.items():
            self._write(path, self._story_page(paths[path], topic), mark)
        self._written |= paths.keys()
        return channel

    def _channel(self, topic: TopicSettings, stories: Sequence[StoryId]) -> Channel:
        """The topic's channel with these stories.

        How each stands, with those beside it, is kept before it is told for the first time: what changes between that
        and the writing of its page is seen by the next publication.
        """
        shown = self._teller.shown_in(topic)
        rows, beside = story_rows(self._db, stories), related_stories(self._db, stories)
        for story in stories:
            others = [(other.id, other.changed, other.id in shown) for other in beside.get(story, ())]
            state = repr((rows[story].changed if story in rows else None, others))
            self._states.setdefault(page_of(topic, story), state)
        return self._teller.channel(topic, stories)

    def _holders(self, story: StoryId, topic: TopicSettings) -> list[TopicSettings]:
        return [topic] if topic.token else self._holding[story]

    def _story_page(self, item: Item, topic: TopicSettings) -> bytes:
        picture = self._pictures.get(item.story.id)
        return story_page(
            item.story,
            url=item.page,
            topics=[self._teller.channel(each) for each in self._holders(item.story.id, topic)],
            site_title=self._site.title,
            home=self._site.base_url,
            picture=f"{self._site.base_url}{PICTURES}/{picture}" if picture else None,
            look=self._look,
        )

    def _stands(self, path: str, mark: str, made: Mapping[str, Made]) -> bool:
        """Whether a file was made from just this and is there."""
        return path in made and made[path].mark == mark and (self._folder / path).exists()

    def _unmake(self, paths: Collection[str]) -> None:
        """Before these files are written: if this breaks off, nothing is known of what they hold."""
        if paths:
            with writing(self._db):
                forget_files(self._db, paths)

    def _write(self, path: str, data: bytes, mark: str = "") -> None:
        self._marks[path] = mark
        self._batch.write(self._folder / path, data)

    def _remove(self, path: str) -> None:
        self._removed.append(path)
        remove_file(self._folder / path)
