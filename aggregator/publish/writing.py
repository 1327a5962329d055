"""One publication under way: renders what changed, and writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from aggregator.model import Channel, Item, StoryId
from aggregator.opml import Outline, write_opml
from aggregator.publish.content import archived, web_url
from aggregator.publish.design import Design
from aggregator.publish.files import Batch, remove_file, remove_folder
from aggregator.publish.items import front_text, read_front
from aggregator.publish.json_feed import json_feed
from aggregator.publish.pages import index_page, moved_page, story_page, topic_page
from aggregator.publish.places import FEEDS, PICTURES, PRIVATE, feed_urls, folder_of, page_of, story_url
from aggregator.publish.rss_atom import atom, rss
from aggregator.publish.telling import Teller
from aggregator.publish.topics import Plan
from aggregator.settings import Output, Site, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.pictures import forget_pictures, pictures_of, want_pictures
from aggregator.store.pings import announce
from aggregator.store.publications import (
    Archive,
    archives,
    fronts,
    published_in,
    retire,
    set_published,
    show,
)
from aggregator.store.stories import merged_stories, story_rows
from aggregator.story.fingerprint import digest

_FEEDS = dict(zip(FEEDS, (rss, atom, json_feed), strict=True))
_ARCHIVED = re.compile(r"\w+-(\d+-\d+)\.\w+")


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
        self._teller = Teller(db, site=site, output=output, authority=authority, shown=self._holding.keys())
        self._written: set[str] = set()
        self._pictures: dict[StoryId, str] = {}

    def write_topic(self, plan: Plan, *, anew: bool) -> None:
        """Write the topic's feeds and page, and the pages of its stories; what left it goes to the archive.

        It is marked as published once all of that is on the disk.
        """
        size = plan.settings.items or self._output.items
        with writing(self._db):
            dates = {row.id: row.first_published for row in story_rows(self._db, plan.stories).values()}
            show(self._db, plan.id, dates, now=self._now)
            retire(self._db, plan.id, plan.stories, size=size)
        self.write_archives(plan, anew=anew)
        channel = self._teller.channel(plan.settings, plan.stories)
        kept = archives(self._db, plan.id)
        channel = replace(channel, previous=kept[-1].name if kept else None)
        self._want_pictures(channel)
        for item in channel.items:
            self._write_story(item, plan.settings)
        documents = self._write_feeds(channel, plan.settings)
        page = topic_page(channel, home=self._site.base_url, look=self._look)
        self._write(f"{folder_of(plan.settings)}/index.html", page)
        self._batch.wait()
        with writing(self._db):
            set_published(self._db, plan.id, mark=plan.mark, front=front_text(channel))
            if self._output.hub:
                urls = feed_urls(self._site, plan.settings)
                digests = {
                    url: digest(document.decode()) for url, document in zip(urls, documents, strict=False)
                }
                announce(self._db, digests, now=self._now)

    def _want_pictures(self, channel: Channel) -> None:
        if self._output.images == "none":
            return
        leads = {item.story.id: item.story.lead for item in channel.items}
        urls = {id: web_url(lead.image) for id, lead in leads.items() if lead.policy != "headline"}
        with writing(self._db):
            want_pictures(self._db, {id: url for id, url in urls.items() if url})
        self._pictures |= pictures_of(self._db, leads)

    def write_archives(self, plan: Plan, *, anew: bool) -> None:
        """Write the topic's archive documents that are not there, or with `anew` all; remove what they replace."""
        kept = archives(self._db, plan.id)
        for older, archive in zip([None, *kept], kept, strict=False):
            if anew or not all(path.exists() for path in self._archive_paths(plan.settings, archive.name)):
                self._write_archive(plan, archive, older)
        names = {name for archive in kept for name in (archive.name, archive.former)}
        for path in (self._folder / folder_of(plan.settings) / "archive").glob("*-*.*"):
            found = _ARCHIVED.fullmatch(path.name)
            if found and found[1] not in names:
                remove_file(path)

    def _write_archive(self, plan: Plan, archive: Archive, older: Archive | None) -> None:
        stories = [story for story in archive.stories[::-1] if story not in self._hidden]
        channel = self._teller.channel(plan.settings, stories)
        page = replace(channel, page=archive.name, previous=older.name if older else None)
        self._write_feeds(page, plan.settings)

    def _archive_paths(self, topic: TopicSettings, name: str) -> list[Path]:
        return [self._folder / folder_of(topic) / archived(file, name) for file in _FEEDS]

    def write_site(self) -> None:
        """Write the index, the list of topics, and where merged stories went."""
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
        self._remove_former_tokens()
        self._remove_pictures()

    def _redirect(self) -> None:
        moved = merged_stories(self._db)
        topics = {plan.id: plan.settings for plan in self._plans}
        gone = set(self._hidden)
        for topic, story in published_in(self._db, moved):
            into = moved[story]
            if into in self._hidden or topic not in topics:
                gone.add(story)
            else:
                target = story_url(self._site, topics[topic], into)
                page = moved_page(target, "This story has moved", look=self._look)
                self._write(page_of(topics[topic], story), page)
        self.remove_pages(gone)

    def _remove_former_tokens(self) -> None:
        """Whoever knew the former address of a private topic shall not read on."""
        tokens = {plan.settings.token for plan in self._plans}
        for folder in (self._folder / PRIVATE).glob("*"):
            if folder.name not in tokens:
                remove_folder(folder)
        for plan in self._plans:
            if plan.settings.token and (self._folder / plan.id / "rss.xml").exists():
                remove_folder(self._folder / plan.id)

    def _remove_pictures(self) -> None:
        """Pictures go with the last story that showed them, and all with the setting."""
        with writing(self._db):
            kept = forget_pictures(self._db, all=self._output.images == "none")
        for path in (self._folder / PICTURES).glob("[!.]*"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def remove_pages(self, stories: Iterable[StoryId]) -> None:
        """Remove the pages of these stories, wherever there are any."""
        folders = [self._folder, *(self._folder / PRIVATE).glob("*")]
        for story in stories:
            for folder in folders:
                remove_file(folder / "stories" / f"{story}.html")

    def _write_feeds(self, channel: Channel, topic: TopicSettings) -> list[bytes]:
        documents = [render(channel) for render in _FEEDS.values()]
        for file, document in zip(_FEEDS, documents, strict=True):
            self._write(f"{folder_of(topic)}/{archived(file, channel.page)}", document)
        return documents

    def _write_story(self, item: Item, topic: TopicSettings) -> None:
        path = page_of(topic, item.story.id)
        if path in self._written:
            return
        self._written.add(path)
        holding = [topic] if topic.token else self._holding[item.story.id]
        picture = self._pictures.get(item.story.id)
        page = story_page(
            item.story,
            url=item.page,
            topics=[self._teller.channel(each) for each in holding],
            site_title=self._site.title,
            home=self._site.base_url,
            picture=f"{self._site.base_url}{PICTURES}/{picture}" if picture else None,
            look=self._look,
        )
        self._write(path, page)

    def _write(self, path: str, data: bytes) -> None:
        self._batch.write(self._folder / path, data)
