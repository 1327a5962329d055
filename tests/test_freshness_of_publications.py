"""What publishing remembers never keeps something stale: whatever changed is published with the next publication."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from at_once import stale
from builders import NOON, Books, entry, topic

from aggregator import editor
from aggregator.errors import StoreError
from aggregator.model import Feed
from aggregator.settings import Output, Site
from aggregator.store.connection import open_store, writing
from aggregator.store.matches import record_near
from aggregator.store.stories import relate
from aggregator.topic.like import Nearness
from aggregator.upkeep import backup, prune

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TOKEN = "k3YqT8vXw2Nb6RmZ"
MOMENTS = range(0, 600, 23)


@pytest.fixture
def desk(books: Books) -> Books:
    """Two topics, published; story `both` is in both."""
    books.configure(topics=[topic("alpha", all_of=("alpha",)), topic("beta", all_of=("beta",))])
    books.fetch_from("a", entry("alpha"), entry("beta"), entry("both", text="alpha and beta"), entry("none"))
    books.publish()
    return books


# What is not said of the story itself


@pytest.mark.parametrize("said", [{"title": "Other"}, {"url": "https://new.example/"}, {"rights": "© A"}])
def test_what_a_feed_says_of_itself(desk: Books, said: dict[str, str]) -> None:
    desk.fetch_from("a", entry("alpha"), feed=Feed(**({"title": "A", "url": "https://a.example/"} | said)))
    desk.publish()
    assert not stale(desk)


def test_the_words_for_which_a_story_is_in_a_topic_though_they_are_found_late(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",), like=("Told in headlines.",)), desk.topics[1]])
    desk.publish()
    near = [(desk.id_of("Headline alpha"), Nearness(0.9, "Told in headlines.", ("headline",)))]
    with writing(desk.db):
        record_near(desk.db, desk.rules[0], near)
    desk.publish()
    assert not stale(desk)


def test_a_story_that_was_removed_and_came_back_with_another_text(desk: Books) -> None:
    desk.fetch_from("a")
    prune(desk.db, before=NOON)
    desk.fetch_from("a", entry("both", text="alpha and beta, told anew"))
    desk.publish()
    assert not stale(desk)


def test_a_topic_that_becomes_private_is_named_by_no_page(desk: Books) -> None:
    for changes in ({}, {"title": "Another title"}):
        desk.configure(topics=[topic("alpha", all_of=("alpha",), token=TOKEN, **changes), desk.topics[1]])
        desk.publish()
        assert not stale(desk)
    desk.configure(topics=[topic("alpha", all_of=("alpha",)), desk.topics[1]])
    desk.publish()
    assert not stale(desk)


def test_stories_that_are_shown_beside_one_that_comes_or_goes(desk: Books) -> None:
    with writing(desk.db):
        relate(desk.db, desk.story_of("Headline alpha"), desk.story_of("Headline beta"))
    alpha, beta = desk.topics
    for asked in (beta, topic("beta", all_of=("beta",), min_sources=2), beta):
        desk.configure(topics=[alpha, asked])
        desk.publish()
        assert not stale(desk)
    desk.publish(now=NOON + 60 * DAY)
    editor.pin(desk.db, desk.story_of("Headline beta"))
    desk.publish(now=NOON + 60 * DAY)
    assert not stale(desk, now=NOON + 60 * DAY)


def test_a_topic_that_is_not_asked_for_is_taken_as_it_was_published(desk: Books) -> None:
    with writing(desk.db):
        relate(desk.db, desk.story_of("Headline alpha"), desk.story_of("Headline beta"))
    alpha, beta = desk.topics
    desk.configure(topics=[alpha, topic("beta", all_of=("gamma",))])
    desk.publish()
    desk.configure(topics=[alpha, beta])
    desk.publish(only=["alpha"])
    page = desk.folder / "stories" / f"{desk.story_of('Headline both')}.html"
    assert "/beta/" not in page.read_text("utf-8")
    desk.publish()
    assert not stale(desk)


def test_links_of_a_story_that_is_in_a_private_topic_and_in_its_archive(desk: Books) -> None:
    desk.configure(topics=[topic(items=2, token=TOKEN, all_of=("number",))])
    for hours in range(1, 4):
        at = NOON + hours * HOUR
        desk.fetch_from("a", entry(f"n{hours}", published=at, text=f"number {hours}"), at=at)
        desk.publish(now=at)
    first, last = desk.story_of("Headline n1"), desk.story_of("Headline n3")
    with writing(desk.db):
        relate(desk.db, first, last)
    desk.fetch_from("a", entry("n1", text="number 1 told anew"), at=at + HOUR)
    desk.publish(now=at + HOUR)
    page = desk.folder / "private" / TOKEN / "stories" / f"{first}.html"
    assert f'href="https://desk.example/private/{TOKEN}/stories/{last}.html"' in page.read_text("utf-8")


# What stays, and what goes


def test_the_page_of_a_merged_story_stays_though_one_of_its_topics_is_gone(desk: Books) -> None:
    both = desk.story_of("Headline both")
    editor.merge(desk.db, desk.story_of("Headline alpha"), [both])
    desk.configure(topics=desk.topics[:1])
    desk.publish()
    before = desk.files()
    assert f"stories/{both}.html" in before
    desk.fetch_from("b", entry("new", text="alpha too"))
    desk.publish()
    assert desk.files()[f"stories/{both}.html"] == before[f"stories/{both}.html"]


def test_what_was_merged_into_a_story_that_is_hidden_leaves_the_archive(books: Books) -> None:
    books.configure(topics=[topic(items=1)])
    archive(books, 3)
    first, last = books.story_of("Headline n1"), books.story_of("Headline n3")
    editor.merge(books.db, last, [first])
    books.publish(now=NOON + 3 * HOUR)
    editor.hide(books.db, last)
    books.publish(now=NOON + 3 * HOUR)
    files = [path for path in books.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"Headline n1" in path.read_bytes()]


def test_archive_documents_get_their_copies_and_stay_what_they_are(books: Books) -> None:
    books.configure(topics=[topic(items=1)])
    archive(books, 3)
    editor.retitle(books.db, books.story_of("Headline n1"), "By hand")
    documents = {path: path.read_bytes() for path in (books.folder / "topic" / "archive").iterdir()}
    books.configure(output=Output(compress=("gzip",)))
    books.publish(now=NOON + 3 * HOUR)
    for path, data in documents.items():
        assert path.read_bytes() == data
        assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == data
    assert books.publish(now=NOON + 3 * HOUR, anew=True).files == 0
    books.configure(output=Output())
    books.publish(now=NOON + 3 * HOUR)
    assert {path: path.read_bytes() for path in (books.folder / "topic" / "archive").iterdir()} == documents


def test_a_folder_that_was_published_into_before_the_site_moved(books: Books) -> None:
    books.configure(topics=[topic(items=1)])
    archive(books, 3)
    elsewhere = replace(books, folder=books.folder.with_name("elsewhere"))
    elsewhere.configure(site=Site(title="Desk", base_url="https://moved.example/"))
    elsewhere.publish(now=NOON + 3 * HOUR)
    back = replace(elsewhere, folder=books.folder)
    back.publish(now=NOON + 3 * HOUR)
    assert not [path for path in back.folder.glob("topic/archive/*") if b"desk.example/" in path.read_bytes()]


def test_a_folder_that_was_moved_keeps_its_archive(books: Books) -> None:
    books.configure(topics=[topic(items=1)])
    archive(books, 3)
    editor.retitle(books.db, books.story_of("Headline n1"), "By hand")
    moved = replace(books, folder=books.folder.rename(books.folder.with_name("moved")))
    before = {name: time for name, time in moved.files().items() if "/archive/" in name}
    moved.publish(now=NOON + 3 * HOUR)
    assert before.items() <= moved.files().items()


def test_what_was_published_after_the_backup_that_is_restored(desk: Books, tmp_path: Path) -> None:
    backup(desk.db, tmp_path / "backup.db")
    editor.retitle(desk.db, desk.story_of("Headline alpha"), "By hand")
    desk.publish()
    with open_store(tmp_path / "backup.db") as db:
        restored = replace(desk, db=db)
        restored.publish()
        assert not stale(restored)


def archive(books: Books, count: int) -> None:
    """So many reports, each published by itself."""
    for number in range(1, count + 1):
        at = NOON + number * HOUR
        books.fetch_from("a", entry(f"n{number}", published=at, text=f"report {number}"), at=at)
        books.publish(now=at)


# Publications that break off


def test_what_a_publication_that_broke_off_wrote_of_a_configuration_that_is_taken_back(desk: Books) -> None:
    known, others = desk.topics, [topic("alpha", title="New", all_of=("alpha",)), desk.topics[1]]
    for moment in MOMENTS:
        desk.configure(topics=others)
        broken_off(desk, moment)
        desk.configure(topics=known)
        desk.publish()
        assert not stale(desk)


def test_the_page_of_a_story_that_left_a_topic_when_a_publication_broke_off(desk: Books) -> None:
    desk.configure(topics=[desk.topics[0], topic("beta", all_of=("beta",), items=2)])
    page = desk.folder / "stories" / f"{desk.story_of('Headline both')}.html"
    for number, moment in enumerate(MOMENTS):
        now = NOON + 2 * number * HOUR
        desk.fetch_from("a", entry("both", text=f"alpha and beta {number}"), at=now)
        desk.publish(now=now)
        assert "/beta/" in page.read_text("utf-8")
        now += HOUR
        later = [entry(f"beta {number} {n}", text=f"beta {number} {n}", published=now) for n in range(2)]
        desk.fetch_from("b", *later, at=now)
        broken_off(desk, moment, now=now)
        desk.publish(now=now)
        assert not stale(desk, now=now)


def test_a_clock_that_is_set_back_after_a_publication_broke_off(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",), max_age="2d"), desk.topics[1]])
    desk.publish()
    for moment in MOMENTS:
        broken_off(desk, moment, now=NOON + 3 * DAY)
        desk.publish()
        assert not stale(desk)


# Others at work meanwhile


def test_what_an_editor_says_in_the_middle_of_a_publication(desk: Books) -> None:
    desk.configure(
        topics=[topic("alpha", all_of=("alpha",), items=1), topic("beta", all_of=("beta",), items=2)]
    )
    both = desk.story_of("Headline both")
    page = desk.folder / "stories" / f"{both}.html"
    with open_store(desk.folder.parent / "aggregator.db") as other:
        other.execute("PRAGMA busy_timeout=0")
        for number, moment in enumerate(range(300, 600, 8)):
            now = NOON + 2 * number * HOUR
            desk.fetch_from("a", entry("both", text=f"alpha and beta {number}"), at=now)
            desk.publish(now=now)
            now += HOUR
            # `both` goes to the archive of alpha, which tells it before beta does
            later = [
                entry(f"{name} {number}", text=f"{name} {number}", published=now)
                for name in ("alpha", "beta")
            ]
            desk.fetch_from("b", *later, at=now)
            in_the_middle(desk, moment, partial(editor.retitle, other, both, f"By hand {number}."))
            desk.publish(now=now)
            desk.publish(now=now)
            assert f"By hand {number}." in page.read_text("utf-8")


def broken_off(books: Books, moment: int, *, now: datetime = NOON) -> None:
    """Publish, and break off when the store has worked so much; at the last moments it is done before."""
    steps = count()
    books.db.conn.set_progress_handler(lambda: next(steps) >= moment, 10)
    try:
        with suppress(sqlite3.OperationalError):
            books.publish(now=now)
            assert moment > 100
    finally:
        books.db.conn.set_progress_handler(None, 0)
        books.db.conn.rollback()


def in_the_middle(books: Books, moment: int, act: Callable[[], object]) -> None:
    """Do something once the store has worked so much and can be written to."""
    steps, acts = count(), [act]

    def look() -> None:
        if acts and next(steps) >= moment:
            with suppress(StoreError):
                acts[0]()
                acts.clear()

    books.db.conn.set_progress_handler(look, 10)
