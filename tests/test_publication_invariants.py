"""Whatever comes in and whatever an editor says: what is published by steps is what would be published at once."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

from at_once import stale
from builders import entry, source, topic
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from test_ledger_invariants import Newsroom

from aggregator.errors import PublishError
from aggregator.model import Entry, Feed, StoryId
from aggregator.publish.content import headline
from aggregator.settings import Output
from aggregator.store.connection import writing
from aggregator.store.pictures import due_pictures, keep_picture
from aggregator.store.stories import hidden_stories, merged_stories, relate, resolve_story

TOPICS = (
    topic("t", any_of=("seoul", "report*"), items=3),
    topic("u", all_of=("second version",), token="a-path-that-nobody-would-guess"),
    topic("v", any_of=("kyiv", "delegation"), items=2, max_age="20d"),
)
PUBLISHED = "SELECT topic, story FROM publications"
ANOTHER: tuple[dict[str, Any], ...] = (
    {},
    {"title": "Another title"},
    {"items": 5},
    {"min_sources": 2},
    {"max_age": "5d"},
    {"token": "another-path-that-nobody-would-guess"},
    {"token": None},
)


class Press(Newsroom):
    """A newsroom that publishes now and then."""

    @initialize()
    def open(self) -> None:
        super().open()
        self.is_at_rest = False
        self.pages: set[StoryId] = set()
        self.books.configure(
            sources=[source("a", tags=("near",)), source("b"), source("c", tags=("near",))],
            topics=list(TOPICS),
            output=Output(images="copy"),
        )
        for id in "abc":
            numbers = range(4) if id == "a" else range(2)
            self.books.fetch_from(id, *(report(id, number) for number in numbers))

    # What comes in

    @rule(source=st.sampled_from("abc"), number=st.integers(0, 4), told=st.integers(0, 3))
    def report(self, source: str, number: int, told: int) -> None:
        """A new report, or one that its source tells in other words."""
        self.now += timedelta(hours=1)
        self.books.fetch_from(source, report(source, number, told), at=self.now)

    @rule(source=st.sampled_from("abc"), rights=st.sampled_from([None, "© A", "© B"]))
    def describe(self, source: str, rights: str | None) -> None:
        feed = Feed(source.title(), url=f"https://{source}.example/", rights=rights)
        self.books.fetch_from(source, report(source, 0), at=self.now, feed=feed)

    @rule()
    def copy_pictures(self) -> None:
        folder = self.books.folder / "images"
        folder.mkdir(parents=True, exist_ok=True)
        for url in set(due_pictures(self.books.db, now=self.now, tries=5, limit=2).values()):
            file = f"{url.rpartition('/')[2]}.png"
            (folder / file).touch()
            with writing(self.books.db):
                keep_picture(self.books.db, url, file)

    @precondition(Newsroom.has_stories)
    @rule(one=st.integers(0, 9), other=st.integers(0, 9))
    def relate(self, one: int, other: int) -> None:
        stories = self.stories()
        with writing(self.books.db):
            relate(self.books.db, *(StoryId(stories[number % len(stories)]) for number in (one, other)))

    # What is configured

    @rule(
        which=st.integers(0, 2),
        changes=st.sampled_from(
            [{"title": "By hand"}, {"policy": "headline"}, {"license": "CC0"}, {"tags": ("near",)}]
        ),
    )
    def configure_source(self, which: int, changes: dict[str, Any]) -> None:
        sources = list(self.books.sources)
        sources[which] = source(sources[which].id, **changes)
        self.books.configure(sources=sources)

    @rule(which=st.integers(0, 2), changes=st.sampled_from(ANOTHER))
    def configure_topic(self, which: int, changes: dict[str, Any]) -> None:
        topics = [*TOPICS]
        topics[which] = TOPICS[which].model_copy(update=topic(**changes).model_dump(include=changes.keys()))
        self.books.configure(topics=topics)

    @rule(which=st.integers(0, 2))
    def remove_topic(self, which: int) -> None:
        self.books.configure(topics=[one for one in TOPICS if one != TOPICS[which]])

    @rule(all=st.booleans(), tags=st.booleans(), compress=st.booleans())
    def configure_output(self, all: bool, tags: bool, compress: bool) -> None:
        output = Output(
            all=all,
            tags=("near",) if tags else (),
            compress=("gzip",) if compress else (),
            images="copy",
            items=4,
        )
        self.books.configure(output=output)

    # What happens to it

    @rule(days=st.sampled_from([-9, -1, 1, 9]))
    def set_clock(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule()
    def move(self) -> None:
        """From one folder to another, and back."""
        name = "others" if self.books.folder.name == "feeds" else "feeds"
        self.books.folder = self.books.folder.with_name(name)

    @rule(changes=st.sampled_from(ANOTHER), moment=st.integers(0, 400))
    def try_out(self, changes: dict[str, Any], moment: int) -> None:
        """Another configuration, taken back after its publication broke off."""
        known = self.books.topics
        self.configure_topic(0, changes)
        self.break_off(moment)
        self.books.configure(topics=known)

    @rule(moment=st.integers(0, 400))
    def break_off(self, moment: int) -> None:
        """As by `kill -9` when the store has worked so much."""
        steps = count()
        self.books.db.conn.set_progress_handler(lambda: next(steps) >= moment, 10)
        with suppress(sqlite3.OperationalError):
            self.books.publish(now=self.now)
        self.books.db.conn.set_progress_handler(None, 0)
        self.books.db.conn.rollback()

    @rule()
    def fail_to_write(self) -> None:
        """A folder cannot be written to."""
        with suppress(FileExistsError):
            (self.books.folder / "v" / "rss.xml").mkdir(parents=True)
            with suppress(PublishError):
                self.books.publish(now=self.now)
            (self.books.folder / "v" / "rss.xml").rmdir()

    @rule(topic=st.sampled_from("tuv"))
    def publish_one(self, topic: str) -> None:
        self.books.publish(now=self.now, only=[topic], anew=True)

    @rule(is_at_rest=st.booleans())
    def rest(self, is_at_rest: bool) -> None:
        """Publish no more after each step; or again."""
        self.is_at_rest = is_at_rest

    @invariant()
    def publish(self) -> None:
        if not self.is_at_rest:
            self.books.publish(now=self.now)

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            super().teardown()

    @rule()
    def compare(self) -> None:
        self.books.publish(now=self.now)
        assert self.books.publish(now=self.now).files == 0
        assert self.books.publish(now=self.now, anew=True).files == 0
        assert not stale(self.books, now=self.now)
        self.follow_links()

    def follow_links(self) -> None:
        """Whoever has the address of a page that was ever public finds its story as it is now."""
        db, folder = self.books.db, self.books.folder / "stories"
        public = {one.id for one in self.books.topics if not one.token} | {"all", "tag-near"}
        titles = [one.title for one in self.books.topics if one.token]
        hidden, moved = set(hidden_stories(db)), merged_stories(db)
        # Of a topic that is configured no more, or private, links lead nowhere
        held = {story for topic, story in self.books.rows(PUBLISHED) if topic in public & self.configured()}
        for story in sorted(self.pages & held):
            now = moved.get(story, story)
            page = folder / f"{story}.html"
            if now in hidden or resolve_story(db, now) is None:
                assert not page.exists()
                continue
            text = page.read_text("utf-8")
            assert story == now or f"stories/{now}.html" in text
            told = (folder / f"{now}.html").read_text("utf-8")
            assert f'<h1 lang="en" dir="auto">{headline(self.books.story(now))}</h1>' in told
            assert not any(f'/">{title}</a>' in told for title in titles)
        self.pages |= {StoryId(path.stem) for path in folder.glob("*.html")}

    def configured(self) -> set[str]:
        """The topics and the feeds beside them."""
        output = self.books.output
        beside = {"all"} if output.all else set()
        return {one.id for one in self.books.topics} | beside | {f"tag-{tag}" for tag in output.tags}


def report(source: str, number: int, told: int = 0) -> Entry:
    """Of an event of its own, which all sources tell in words of their own; each time in others."""
    words = f"{source} {number} {'again ' * told}"
    return entry(
        f"{source}{number}",
        title=f"Delegation {number} in Seoul",
        text=f"The report {words}has the first sentence. Kyiv asks {words}for the second version. {words}is the third.",
        image=f"https://pictures.example/{number}-{told}" if told < 2 else None,
    )


TestPress = Press.TestCase
TestPress.settings = settings(max_examples=25, stateful_step_count=20)
