"""What a harvest becomes in the store."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from builders import LONG, NOON, Books, entry, failure, harvest, source, topic
from sqlite_utils import Database

from aggregator.errors import StoreError
from aggregator.model import Enclosure, Feed, Validators, Wish
from aggregator.pace import Move
from aggregator.settings import Fetch
from aggregator.store.entries import list_entries
from aggregator.store.sources import due_sources, is_any_due

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def due(books: Books, scope: str, **after: float) -> list[str]:
    """The sources that a pass fetches after this time."""
    return [str(one.id) for one in due_sources(books.db, scope, now=NOON + timedelta(**after))]


# Identity and revisions


def test_an_entry_is_stored_as_it_came(books: Books) -> None:
    parts = (
        Enclosure("https://outlet.example/a.mp3", "audio/mpeg", 12),
        Enclosure("https://outlet.example/b"),
    )
    full = entry(
        "full",
        author="Kim Min-ji",
        categories=("국방", "Arms"),
        enclosures=parts,
        image="https://outlet.example/i.jpg",
        kind="opinion",
        language="ko",
    )
    books.fetch_from("a", full)
    (report,) = books.story(books.story_of("Headline full")).coverage
    assert (report.author, report.categories, report.enclosures) == ("Kim Min-ji", ("국방", "Arms"), parts)
    assert (report.image, report.kind, report.language) == ("https://outlet.example/i.jpg", "opinion", "ko")
    assert (report.published, report.revised_at) == (NOON - HOUR, None)
    assert (report.source_title, report.source_url) == ("A", "https://a.example/")


def test_an_entry_is_known_by_its_guid_whatever_its_link(books: Books) -> None:
    books.fetch_from("a", entry("one"))
    applied = books.fetch_from("a", entry("one", url="https://outlet.example/moved"))
    assert (applied.entries_new, applied.entries_revised) == (0, 0)


def test_an_entry_without_guid_is_known_by_its_canonical_link(books: Books) -> None:
    books.fetch_from("a", entry("one", guid=None))
    tracked = "https://www.outlet.example/one?utm_source=rss"
    applied = books.fetch_from("a", entry("one", guid=None, url=tracked, title="Another headline"))
    assert (applied.entries_new, applied.entries_revised) == (0, 1)


def test_an_entry_without_guid_and_link_is_known_by_its_words(books: Books) -> None:
    books.fetch_from("a", entry("one", guid=None, url=None))
    assert books.fetch_from("a", entry("one", guid=None, url=None)).entries_new == 0
    assert books.fetch_from("a", entry("one", guid=None, url=None, title="Other")).entries_new == 1


def test_one_guid_at_two_sources_is_two_entries(books: Books) -> None:
    books.fetch_from("a", entry("one", guid="1"))
    applied = books.fetch_from("b", entry("two", guid="1"))
    assert (applied.entries_new, applied.duplicates) == (1, 0)
    assert books.coverage() == [["Headline one"], ["Headline two"]] or len(books.coverage()) == 2


@pytest.mark.parametrize("change", [{"title": "A new headline"}, {"text": "The report has other words now."}])
def test_a_changed_title_or_text_is_a_revision(books: Books, change: dict[str, str]) -> None:
    books.fetch_from("a", entry("one"))
    applied = books.fetch_from("a", entry("one", **change), at=NOON + HOUR)
    story = books.story_of(change.get("title", "Headline one"))
    assert (applied.entries_new, applied.entries_revised, applied.stories_updated) == (0, 1, {story})
    assert books.rows("SELECT replaced_at, title, text FROM revisions") == [
        ("2024-11-27T13:00:00Z", "Headline one", "The report one has a few words.")
    ]
    (report,) = books.story(story).coverage
    assert report.revised_at == books.story(story).updated == NOON + HOUR
    assert (report.title, report.text) == (
        change.get("title", "Headline one"),
        change.get("text", "The report one has a few words."),
    )


def test_every_revision_is_kept(books: Books) -> None:
    for number in range(4):
        books.fetch_from("a", entry("one", title=f"Headline {number}"), at=NOON + number * HOUR)
    assert [row[0] for row in books.rows("SELECT title FROM revisions ORDER BY id")] == [
        "Headline 0",
        "Headline 1",
        "Headline 2",
    ]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"author": "Kim Min-ji"}, ("Kim Min-ji", "/one", "/a.jpg", "/a.mp3")),
        ({"url": "https://outlet.example/two"}, (None, "/two", "/a.jpg", "/a.mp3")),
        ({"image": "https://outlet.example/b.jpg"}, (None, "/one", "/b.jpg", "/a.mp3")),
        ({"enclosures": (Enclosure("https://outlet.example/b.mp3"),)}, (None, "/one", "/a.jpg", "/b.mp3")),
    ],
)
def test_what_changes_beside_title_and_text_is_shown_and_is_no_revision(
    books: Books, change: dict[str, Any], shown: tuple[str | None, ...]
) -> None:
    media = {
        "image": "https://outlet.example/a.jpg",
        "enclosures": (Enclosure("https://outlet.example/a.mp3"),),
    }
    books.fetch_from("a", entry("one", **media))
    story = books.story_of("Headline one")
    before = books.rows("SELECT updated FROM stories")
    applied = books.fetch_from("a", entry("one", **(media | change)), at=NOON + HOUR)
    assert (applied.entries_revised, applied.stories_updated) == (0, {story})
    (report,) = books.story(story).coverage
    addresses = (report.url, report.image, report.enclosures[0].url)
    assert (report.author, *(urlsplit(str(one)).path for one in addresses)) == shown
    assert report.revised_at is None
    assert books.rows("SELECT updated FROM stories") == before
    assert books.rows("SELECT * FROM revisions") == []
    assert books.fetch_from("a", entry("one", **(media | change))).stories_updated == set()


def test_a_picture_whose_address_is_signed_anew_each_time_changes_nothing(books: Books) -> None:
    books.fetch_from("a", entry("one", image="https://cdn.example/a.jpg"))
    for turn in range(3):
        media = f"https://cdn.example/a.jpg?Expires={turn}"
        applied = books.fetch_from("a", entry("one", image=media))
        assert applied.stories_updated == set(), turn


def test_an_entry_that_comes_again_unchanged_changes_nothing(books: Books) -> None:
    books.fetch_from("a", entry("one"), entry("two"))
    before = books.rows("SELECT * FROM entries"), books.rows("SELECT * FROM stories")
    applied = books.fetch_from("a", entry("two"), entry("one"), at=NOON + HOUR)
    assert not (applied.entries_new)
    assert not (applied.entries_revised)
    assert not (applied.stories_updated)
    assert (books.rows("SELECT * FROM entries"), books.rows("SELECT * FROM stories")) == before
    assert books.rows("SELECT * FROM revisions") == []


def test_an_entry_is_dated_when_it_was_first_seen_if_its_date_is_missing_or_ahead(books: Books) -> None:
    books.fetch_from("a", entry("none", published=None), entry("ahead", published=NOON + DAY))
    for title in ("Headline none", "Headline ahead"):
        assert books.story(books.story_of(title)).first_published == NOON


def test_entries_are_listed_by_source_and_story_the_newest_first(books: Books) -> None:
    books.fetch_from("a", entry("old", published=NOON - DAY), entry("new"))
    books.fetch_from("b", entry("third", published=None))
    titles = [row["title"] for row in list_entries(books.db)]
    assert titles == ["Headline third", "Headline new", "Headline old"]
    assert [row["title"] for row in list_entries(books.db, source="a", limit=1)] == ["Headline new"]
    (row,) = list_entries(books.db, story=books.story_of("Headline third"))
    assert (row["source"], row["guid"], row["published"], row["first_seen"]) == (
        "b",
        "guid-third",
        None,
        "2024-11-27T12:00:00Z",
    )


# One transaction a harvest


def everything(db: Database) -> list[str]:
    return list(db.conn.iterdump())


@pytest.mark.parametrize("table", ["entries", "traits", "revisions", "matches"])
def test_a_harvest_that_breaks_off_leaves_nothing(books: Books, table: str) -> None:
    books.configure(topics=[topic()])
    books.fetch_from("a", entry("old"))
    books.db.execute(
        f"CREATE TRIGGER broken BEFORE INSERT ON {table} WHEN (SELECT count(*) FROM entries) > 1"
        " BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"
    )
    before = everything(books.db)
    coming = harvest(
        "a", entry("one"), entry("two"), entry("old", title="Revised"), at=NOON + HOUR, feed=Feed("New name")
    )
    with pytest.raises(sqlite3.IntegrityError, match="on purpose"):
        books.apply(coming)
    assert everything(books.db) == before
    books.db.execute("DROP TRIGGER broken")
    assert books.apply(coming).entries_new == 2
    assert books.selected() == ["Revised", "Headline one", "Headline two"] or len(books.selected()) == 3


def test_a_harvest_that_finds_the_disk_full_leaves_nothing(books: Books) -> None:
    books.fetch_from("a", entry("old"))
    (pages,) = books.db.execute("PRAGMA page_count").fetchone()
    books.db.execute(f"PRAGMA max_page_count={pages + 20}")
    before = everything(books.db)
    large = harvest("a", *(entry(f"n{number}", text=f"{number} {LONG}" * 200) for number in range(20)))
    with pytest.raises(StoreError, match="full"):
        books.apply(large)
    assert everything(books.db) == before
    books.db.execute("PRAGMA max_page_count=1000000")
    assert books.apply(large).entries_new == 20


# What is learnt of a source


def test_a_success_is_remembered(books: Books) -> None:
    books.fetch_from(
        "a",
        entry("one"),
        validators=Validators('W/"x"', "Wed, 27 Nov 2024 09:00:00 GMT"),
        moved_to="https://m.example/",
    )
    state = books.state("a")
    assert state.validators == Validators('W/"x"', "Wed, 27 Nov 2024 09:00:00 GMT")
    assert (state.body_hash, state.move) == ("0" * 32, Move("https://m.example/", NOON))
    assert (state.fetched_at, state.succeeded_at, state.failures) == (NOON, NOON, 0)
    assert (state.title, state.home) == ("A", "https://a.example/")
    assert state.rhythm.newest == NOON - HOUR


@pytest.mark.parametrize("outcome", ["not_modified", "unchanged"])
def test_a_document_that_did_not_change_leaves_what_is_known(books: Books, outcome: str) -> None:
    books.fetch_from("a", entry("one"), entry("two", published=NOON - 3 * HOUR))
    before = books.state("a")
    applied = books.fetch_from(
        "a", at=NOON + HOUR, outcome=outcome, feed=Feed(), validators=before.validators
    )
    assert not (applied.entries_new)
    assert not (applied.stories_updated)
    after = books.state("a")
    assert (after.title, after.home, after.rhythm) == (before.title, before.home, before.rhythm)
    assert after.fetched_at == NOON + HOUR
    assert books.rows("SELECT json_array_length(window) FROM sources WHERE id = 'a'") == [(2,)]


def test_back_off_doubles_up_to_a_day_and_a_success_ends_it(books: Books) -> None:
    books.jitter = lambda: 0.0
    waits = []
    for _ in range(10):
        books.apply(failure("a", kind="timeout"))
        state = books.state("a")
        assert state.next_due_at is not None
        waits.append((state.next_due_at - NOON) / timedelta(minutes=1))
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440]
    assert (state.failures, state.failure_kind, state.failure_message) == (
        10,
        "timeout",
        "failed because of timeout",
    )
    books.fetch_from("a", entry("one"))
    state = books.state("a")
    assert (state.failures, state.failure_kind, state.failure_message) == (0, None, None)


def test_a_failure_keeps_the_validators_and_entries_of_the_last_success(books: Books) -> None:
    books.fetch_from("a", entry("one"))
    before = books.state("a")
    books.apply(failure("a", at=NOON + HOUR))
    after = books.state("a")
    assert (after.validators, after.body_hash, after.succeeded_at) == (before.validators, "0" * 32, NOON)
    assert (after.fetched_at, after.rhythm) == (NOON + HOUR, before.rhythm)
    assert books.coverage() == [["Headline one"]]


def test_a_source_is_due_when_its_time_has_come(books: Books) -> None:
    assert due(books, "due") == ["a", "b", "c"]
    books.fetch_from("a", entry("one", published=NOON))
    books.apply(failure("b"))
    assert due(books, "due") == ["c"]
    books.apply(failure("c"))
    assert due(books, "due") == []
    assert not is_any_due(books.db, now=NOON)
    assert due(books, "due", minutes=7) == ["a", "b", "c"]
    assert is_any_due(books.db, now=NOON + HOUR)
    assert due(books, "all") == ["a", "b", "c"]


def test_sources_wait_as_long_as_retry_after_asks_unless_forced(books: Books) -> None:
    books.apply(failure("a", kind="rate_limited", retry_at=NOON + DAY))
    assert "a" not in due(books, "due", hours=23)
    assert "a" not in due(books, "all", hours=23)
    assert "a" in due(books, "force", hours=23)
    assert "a" in due(books, "all", hours=24)
    assert "a" in due(books, "due", hours=24)


def test_a_source_that_is_gone_is_never_asked_again_until_forced(books: Books) -> None:
    books.apply(failure("a", kind="gone"))
    assert due(books, "due", days=3000) == due(books, "all", days=3000) == ["b", "c"]
    assert books.state("a").gone_at == NOON
    assert "a" in due(books, "force")
    books.apply(failure("a", at=NOON + DAY, kind="timeout"))
    assert books.state("a").gone_at == NOON
    books.fetch_from("a", entry("one"), at=NOON + DAY)
    assert books.state("a").gone_at is None
    assert "a" in due(books, "due", days=3)


def test_a_clock_that_ran_ahead_does_not_silence_the_sources(books: Books) -> None:
    books.fetch_from("a", entry("one"), at=NOON + 400 * DAY)
    books.apply(failure("b", at=NOON + 400 * DAY, kind="rate_limited", retry_at=NOON + 401 * DAY))
    assert due(books, "due") == due(books, "all") == ["c", "a", "b"]
    assert is_any_due(books.db, now=NOON)


def test_a_source_that_moved_is_asked_at_its_new_address_and_keeps_its_name(books: Books) -> None:
    new = "https://m.example/"
    for day in range(3):
        assert books.state("a").address == "https://a.example/feed.xml"
        books.fetch_from("a", entry("one"), at=NOON + day * DAY, moved_to=new)
    assert (books.state("a").address, books.state("a").url) == (new, "https://a.example/feed.xml")
    assert books.rows("SELECT count(*) FROM entries") == [(1,)]
    books.fetch_from("a", at=NOON + 3 * DAY)
    assert books.state("a").address == new
    for hour in range(3):
        books.apply(failure("a", at=NOON + 4 * DAY + hour * HOUR, kind="dns"))
    assert books.state("a").address == "https://a.example/feed.xml"


def test_a_host_that_asks_for_rest_is_left_alone_with_all_of_its_sources(books: Books) -> None:
    urls = {"a": "https://news.example/a", "b": "https://News.example:443/b", "c": "https://other.example/c"}
    books.configure(sources=[source(id, url=url) for id, url in urls.items()])
    asked = {"kind": "rate_limited", "host": "news.example"}
    books.apply(failure("a", retry_at=NOON + 3 * HOUR, **asked))
    assert [state.id for state in due_sources(books.db, "all", now=NOON + 2 * HOUR)] == ["c"]
    assert [state.id for state in due_sources(books.db, "due", now=NOON + 3 * HOUR)] == ["c", "a", "b"]
    books.apply(failure("b", **asked))  # was not even asked
    assert [state.id for state in due_sources(books.db, "all", now=NOON + 2 * HOUR)] == ["c"]


def test_of_two_times_that_a_host_names_the_later_one_counts_for_all(books: Books) -> None:
    for id in "ab":
        books.db.execute("UPDATE sources SET host = 'news.example' WHERE id = ?", [id])
    ledger = books.ledger()
    asked = {"kind": "rate_limited", "host": "news.example"}
    ledger.apply(failure("a", **asked, retry_at=NOON + 5 * HOUR))
    ledger.apply(failure("b", **asked, retry_at=NOON + HOUR))
    for id in "ab":
        assert books.state(id).retry_at == NOON + 5 * HOUR
        assert (books.state(id).next_due_at or NOON) >= NOON + 5 * HOUR


@pytest.mark.parametrize("outcome", ["fetched", "not_modified", "failed"])
def test_what_was_under_way_when_its_host_asked_for_rest_rests_too(books: Books, outcome: str) -> None:
    books.configure(sources=[source(id, url=f"https://news.example/{id}") for id in "ab"])
    ledger = books.ledger()
    ledger.apply(failure("a", kind="rate_limited", host="news.example", retry_at=NOON + 30 * HOUR))
    ledger.apply(failure("b") if outcome == "failed" else harvest("b", outcome=outcome))
    ledger.finish()
    assert (books.state("b").next_due_at or NOON) >= NOON + 30 * HOUR
    assert due_sources(books.db, "all", now=NOON + 29 * HOUR) == []


def test_a_source_that_is_new_at_a_resting_host_waits_too(books: Books) -> None:
    books.configure(sources=[source("a", url="https://news.example/a")])
    books.apply(failure("a", kind="rate_limited", host="news.example", retry_at=NOON + HOUR))
    both = [source(id, url=f"https://news.example/{id}") for id in ("a", "b")]
    books.configure(sources=[*both, source("c")])
    assert [state.id for state in due_sources(books.db, "due", now=NOON)] == ["c"]
    assert [state.id for state in due_sources(books.db, "due", now=NOON + HOUR)] == ["c", "a", "b"]


def test_a_feeds_wish_is_kept_while_it_says_nothing_new(books: Books) -> None:
    wish = Wish(5 * HOUR, frozenset({3}), frozenset({6}))
    books.fetch_from("a", entry("one", published=NOON), feed=Feed("A", wish=wish))
    assert books.state("a").wish == wish
    assert books.state("a").next_due_at == NOON + 5 * HOUR
    books.fetch_from("a", outcome="not_modified", at=NOON + 5 * HOUR)
    assert books.state("a").wish == wish
    assert books.state("a").next_due_at == NOON + 10 * HOUR
    books.fetch_from("a", feed=Feed("A"), at=NOON + 10 * HOUR)
    assert books.state("a").wish == Wish()


def test_the_trackers_that_were_dropped_are_counted(books: Books) -> None:
    books.fetch_from("a", replace(entry("one"), trackers=2), replace(entry("two"), trackers=1))
    books.fetch_from("a", replace(entry("one"), trackers=2), replace(entry("three"), trackers=1))
    assert books.state("a").trackers == 4


def test_a_configured_interval_holds(books: Books) -> None:
    books.configure(sources=[source("a", interval="2h")])
    books.fetch_from("a", entry("one", published=NOON))
    assert books.state("a").next_due_at == NOON + HOUR  # the first time, to part from others
    books.fetch_from("a", entry("one", published=NOON), at=NOON + HOUR)
    assert books.state("a").next_due_at == NOON + 3 * HOUR


def test_the_origins_freshness_is_heard(books: Books) -> None:
    books.fetch_from("a", entry("one", published=NOON), fresh_until=NOON + 9 * HOUR)
    assert books.state("a").next_due_at == NOON + 9 * HOUR


def test_the_learnt_pace_lies_between_the_limits(books: Books) -> None:
    books.jitter = lambda: 1.0
    books.fetch = Fetch(min_interval=timedelta(minutes=10), max_interval=4 * HOUR)
    books.fetch_from("a", *(entry(f"n{n}", published=NOON - n * timedelta(seconds=1)) for n in range(9)))
    assert books.state("a").next_due_at == NOON + timedelta(minutes=10)
    books.fetch_from(
        "b", entry("rare", published=NOON - 90 * DAY), entry("rarer", published=NOON - 300 * DAY)
    )
    assert books.state("b").next_due_at == NOON + 4 * HOUR


# The configuration of sources


def test_only_enabled_and_configured_sources_are_due(books: Books) -> None:
    books.configure(sources=[source("a", enabled=False), source("b")])
    assert due(books, "force") == ["b"]
    books.configure(sources=[source("a"), source("b"), source("c")])
    assert due(books, "force") == ["a", "b", "c"]


def test_a_source_with_a_new_address_starts_afresh_but_keeps_its_entries(books: Books) -> None:
    books.fetch_from("a", entry("one"))
    books.apply(failure("a", kind="gone", retry_at=NOON + DAY))
    books.configure(sources=[source("a", url="https://new.example/feed"), source("b"), source("c")])
    state = books.state("a")
    assert (state.url, state.validators, state.body_hash) == ("https://new.example/feed", Validators(), None)
    assert (state.gone_at, state.retry_at, state.failures, state.next_due_at) == (None, None, 0, None)
    assert "a" in due(books, "due")
    assert books.fetch_from("a", entry("one")).entries_new == 0


def test_a_sources_new_name_shows_in_its_stories(books: Books) -> None:
    books.fetch_from("a", entry("one"), feed=Feed())
    story = books.story_of("Headline one")

    def shown() -> tuple[str, int]:
        ((version,),) = books.rows("SELECT version FROM stories WHERE id = ?", story)
        return books.story(story).lead.source_title, version

    names = [shown()]
    for feed in (Feed("First name"), Feed("First name"), Feed("Second name")):
        books.fetch_from("a", entry("one"), feed=feed)
        names.append(shown())
    books.configure(sources=[source("a", title="Given name"), source("b")])
    names.append(shown())
    books.configure()
    names.append(shown())
    assert names == [
        ("a", 1),
        ("First name", 2),
        ("First name", 2),
        ("Second name", 3),
        ("Given name", 4),
        ("Given name", 4),
    ]


def test_a_new_source_does_not_touch_the_stories_it_brings(books: Books) -> None:
    books.fetch_from("a", entry("one"))
    assert books.rows("SELECT DISTINCT version FROM stories") == [(1,)]


def test_the_summary_of_a_harvest_counts_each_change_once(books: Books) -> None:
    books.fetch_from("a", entry("one", text=LONG), entry("two"))
    applied = books.fetch_from(
        "b",
        entry("copy", text=LONG),
        entry("copy again", text=LONG, title="Another headline"),
        entry("three"),
        replace(entry("four"), published=None),
    )
    assert (applied.entries_new, applied.duplicates, applied.entries_revised) == (4, 2, 0)
    assert applied.stories_new == {books.story_of("Headline three"), books.story_of("Headline four")}
    assert applied.stories_updated == {books.story_of("Headline one")}
