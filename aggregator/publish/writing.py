"""One publication under way: renders what changed, and writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import Channel, StoryId, TopicId
from aggregator.opml import Outline, write_opml
from aggregator.publish.content import archived
from aggregator.publish.design import Design
from aggregator.publish.files import remove_file
from aggregator.publish.folder import Folder
from aggregator.publish.items import front_text, last_article, read_front, without_articles
from aggregator.publish.json_feed import json_feed
from aggregator.publish.pages import index_page, missing_page, topic_page
from aggregator.publish.places import FEEDS, MISSING, PICTURES, PRIVATE, feed_urls, folder_of
from aggregator.publish.planning import Plan
from aggregator.publish.rss_atom import atom, rss
from aggregator.publish.story_pages import StoryPages
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.pages import make_due
from aggregator.store.pictures import forget_pictures, picture_files
from aggregator.store.pings import announce
from aggregator.store.publications import (
    Archive,
    archives,
    forget_marks,
    fronts,
    retire,
    set_published,
    show,
)
from aggregator.store.stories import story_rows
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
    """Renders the topics of one publication, each story once, and has their files written to `folder`."""

    def __init__(
        self,
        db: Database,
        plans: Sequence[Plan],
        folder: Folder,
        pages: StoryPages,
        *,
        site: Site,
        output: Output,
        look: Design,
        now: datetime,
    ) -> None:
        self._db = db
        self._plans = plans
        self._folder = folder
        self._pages = pages
        self._site = site
        self._output = output
        self._look = look
        self._now = now

    def begin(self, plans: Sequence[Plan], *, arriving: Iterable[StoryId], beside: Iterable[TopicId]) -> None:
        """Keep what these topics show from now on; what left them goes to the archive.

        From here on the files of theirs, and of the topics `beside`, count as not made until they are written, and the
        pages of what left, and of what is shown beside the stories `arriving`, as due: whenever this breaks off, the
        next publication makes them.
        """
        with writing(self._db):
            forget_marks(self._db, {*beside, *(plan.id for plan in plans)})
            left: set[StoryId] = set()
            for plan in plans:
                dates = {row.id: row.first_published for row in story_rows(self._db, plan.stories).values()}
                show(self._db, plan.id, dates, now=self._now)
                size = plan.settings.items or self._output.items
                left.update(retire(self._db, plan.id, plan.stories, size=size))
            make_due(self._db, left, and_beside=arriving)

    def write_topic(self, plan: Plan) -> None:
        """Write the topic's archive, feeds and page, and the pages of its stories.

        It is marked as published once all of that is on the disk.
        """
        self._write_archives(plan)
        channel = self._pages.tell(plan.settings, plan.stories)
        kept = archives(self._db, plan.id)
        channel = replace(channel, previous=kept[-1].name if kept else None)
        documents = self._write_feeds(channel, plan.settings, plan.mark)
        page = topic_page(channel, home=self._site.base_url, look=self._look)
        self._folder.write(f"{folder_of(plan.settings)}/index.html", page, plan.mark)
        self._folder.finish()
        with writing(self._db):
            set_published(self._db, plan.id, plan.publication, front=front_text(channel))
            if self._output.hub:
                urls = feed_urls(self._site, plan.settings)
                digests = {
                    url: digest(document.decode()) for url, document in zip(urls, documents, strict=False)
                }
                announce(self._db, digests, now=self._now)

    def _write_archives(self, plan: Plan) -> None:
        """Write the topic's archive documents that are not there; remove what they replace."""
        kept = archives(self._db, plan.id)
        for older, archive in zip([None, *kept], kept, strict=False):
            self._write_archive(plan, archive, older)
        names = {name for archive in kept for name in (archive.name, archive.former)}
        for path in (self._folder.path / folder_of(plan.settings) / "archive").glob("*-*.*"):
            found = _ARCHIVED.fullmatch(path.name)
            if found and found[1] not in names:
                self._folder.remove(str(path.relative_to(self._folder.path)))

    def _write_archive(self, plan: Plan, archive: Archive, older: Archive | None) -> None:
        previous = older.name if older else None
        # Not of titles and settings: what readers know never changes. But whole addresses lead from one to the next
        mark = digest(self._site.base_url, archive.name, previous or "", *archive.stories)
        paths = [f"{folder_of(plan.settings)}/{archived(file, archive.name)}" for file in _FEEDS]
        if not self._folder.stale(dict.fromkeys(paths, mark)):
            return
        self._folder.unmake(paths)
        channel = self._pages.channel(plan.settings, archive.stories[::-1])
        self._write_feeds(replace(channel, page=archive.name, previous=previous), plan.settings, mark)

    def write_site(self, removed: Iterable[StoryId]) -> None:
        """Write the index, the list of topics, and where merged stories went; remove what nothing leads to any more.

        `removed` are stories of which no page is to be left.
        """
        told = fronts(self._db)
        listed = [
            read_front(self._pages.teller.channel(plan.settings), told[plan.id])
            for plan in self._plans
            if plan.id in told and not plan.settings.token
        ]
        title, base_url = self._site.title, self._site.base_url
        outlines = [
            Outline(url=f"{front.channel.url}rss.xml", title=front.channel.title, home=front.channel.url)
            for front in listed
        ]
        index = index_page(listed, site_title=title, base_url=base_url, look=self._look)
        self._folder.write("index.html", index)
        missing = missing_page(site_title=title, home=base_url, look=self._look)
        self._folder.write(MISSING, missing)
        self._folder.write("topics.opml", write_opml(title, outlines))
        self._pages.redirect()
        self._pages.remove(removed)
        self._remove_former_tokens()
        self._remove_pictures()
        self._folder.finish()

    def _remove_former_tokens(self) -> None:
        """Whoever knew the former address of a private topic shall not read on."""
        tokens = {plan.settings.token for plan in self._plans}
        former = [
            f"{PRIVATE}/{each.name}"
            for each in (self._folder.path / PRIVATE).glob("*")
            if each.name not in tokens
        ]
        public = [str(plan.id) for plan in self._plans if plan.settings.token]
        for name in [*former, *(name for name in public if (self._folder.path / name / "rss.xml").exists())]:
            self._folder.remove_folder(name)

    def _remove_pictures(self) -> None:
        """Pictures go with the last story that showed them, and all with the setting."""
        with writing(self._db):
            forget_pictures(self._db, all=self._output.images == "none")
        kept = picture_files(self._db)
        for path in (self._folder.path / PICTURES).glob("[!.]*"):
            if path.name not in kept:
                remove_file(path)

    def _write_feeds(self, channel: Channel, topic: TopicSettings, mark: str) -> list[bytes]:
        documents = _documents(channel)
        for file, document in zip(_FEEDS, documents, strict=True):
            self._folder.write(f"{folder_of(topic)}/{archived(file, channel.page)}", document, mark)
        return documents
