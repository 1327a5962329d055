"""Stories as they grow in the store: join, merge, split, and keep their ids."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from builders import LONG, NOON, Books, entry, harvest, source
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Handler, Server, answering
from sqlite_utils import Database

from aggregator import editor
from aggregator.embed import Stopped, make_embedder
from aggregator.group import Grouped, Groups
from aggregator.ledger import Ledger
from aggregator.model import Entry, Harvest, Profile
from aggregator.store.connection import open_store
from aggregator.store.meta import last_window
from aggregator.store.sources import source_states
from aggregator.store.stories import merged_stories, newest_stories, resolve_story
from aggregator.store.traits import evidence_of
from aggregator.story.profile import make_profile
from aggregator.story.sketch import make_sketch

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPAN = 5 * DAY

QUAKE = [
    (
        "Quake hits Sendai harbour",
        "A strong quake shook the Japanese city of Sendai on Monday and closed its harbour.",
    ),
    (
        "Sendai closes harbour after strong quake",
        "Officials in Sendai closed the harbour after a quake on Monday.",
    ),
    ("Japan: quake shakes Sendai", "The harbour of Sendai is closed since a strong quake shook the city."),
]
BUDGET = [
    ("Parliament votes on budget", "Lawmakers in Ottawa argued until midnight about spending next year."),
    (
        "Ottawa lawmakers pass budget",
        "The parliament in Ottawa passed a budget for next year after long debates.",
    ),
]


def report(name: str, title: str, text: str, **changes: Any) -> Entry:
    """An entry that is compared by its real words."""
    real = {"profile": make_profile(title, text), "sketch": make_sketch(title, text)}
    return entry(name, title=title, text=text, **(real | changes))


def about(name: str, *words: str, **changes: Any) -> Entry:
    """An entry that is compared by these words."""
    profile = Profile(words=tuple((word, 1) for word in words), length=1.0)
    return entry(name, title=name, profile=profile, **({"sketch": b""} | changes))


def store(books: Books, *harvests: Harvest) -> None:
    """Apply the harvests of one pass; their entries wait for their stories."""
    ledger = Ledger(
        books.db,
        sources=books.sources,
        states=list(source_states(books.db).values()),
        rules=books.rules,
        fetch=books.fetch,
        jitter=books.jitter,
    )
    for one in harvests:
        ledger.apply(one)
    ledger.finish()


def grouped(books: Books, now: datetime = NOON, *, stop: threading.Event | None = None) -> Grouped:
    return Groups(books.db, span=SPAN).group(now=now, stop=stop)


def memberships(books: Books) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Source and identity → story, and what the entry is a copy of; says nothing of ids of entries."""
    rows = books.rows(
        """
        SELECT one.source, one.identity, one.story, original.source || ' ' || original.identity
        FROM entries AS one LEFT JOIN entries AS original ON original.id = one.duplicate_of
        """
    )
    return {(source, identity): (story, original) for source, identity, story, original in rows}


def partition(books: Books) -> list[list[str]]:
    """The titles in each story, sorted."""
    stories: dict[str, list[str]] = {}
    for title, story in books.rows("SELECT title, story FROM entries"):
        stories.setdefault(story, []).append(title)
    return sorted(sorted(titles) for titles in stories.values())


def dump(db: Database) -> list[str]:
    return list(db.conn.iterdump())


# Join or start


def test_reports_of_several_outlets_on_one_event_are_one_story_and_others_are_not(books: Books) -> None:
    for id, quake in zip("abc", QUAKE, strict=True):
        books.fetch_from(id, report(f"quake-{id}", *quake))
    for id, budget in zip("ab", BUDGET, strict=True):
        books.fetch_from(id, report(f"budget-{id}", *budget))
    assert partition(books) == sorted([sorted(t for t, _ in QUAKE), sorted(t for t, _ in BUDGET)])


def test_all_entries_of_one_pass_are_grouped_together(books: Books) -> None:
    store(
        books,
        harvest("a", report("q1", *QUAKE[0]), report("b1", *BUDGET[0])),
        harvest("b", report("q2", *QUAKE[1]), report("b2", *BUDGET[1])),
        harvest("c", report("q3", *QUAKE[2])),
    )
    assert {story for story, _ in memberships(books).values()} == {""}
    found = grouped(books)
    assert (len(found.stories_new), found.stories_updated, found.duplicates) == (2, set(), 0)
    assert partition(books) == sorted([sorted(t for t, _ in QUAKE), sorted(t for t, _ in BUDGET)])


def test_a_late_entry_joins_the_story_of_its_event(books: Books) -> None:
    first = books.fetch_from("a", report("q1", *QUAKE[0], published=NOON - 3 * DAY))
    later = books.fetch_from("b", report("q2", *QUAKE[1], published=NOON - 2 * DAY), at=NOON)
    assert later.stories_new == set()
    assert later.stories_updated == first.stories_new


def test_an_entry_dated_before_the_story_joins_it_and_moves_its_beginning(books: Books) -> None:
    books.fetch_from("a", report("q1", *QUAKE[0], published=NOON - 2 * DAY))
    books.fetch_from("b", report("q2", *QUAKE[1], published=NOON - 3 * DAY))
    (story,) = newest_stories(books.db, limit=None)
    assert books.story(story).first_published == NOON - 3 * DAY


@pytest.mark.parametrize("days", [6, 9, 30, 400])
def test_an_entry_that_is_older_than_the_window_joins_no_story(books: Books, days: int) -> None:
    books.fetch_from("a", report("q1", *QUAKE[0]))
    books.fetch_from("b", report("q2", *QUAKE[1], published=NOON - days * DAY))
    assert len(partition(books)) == 2


@pytest.mark.parametrize("days", [6, 30])
def test_a_story_takes_nothing_more_when_its_window_is_over(books: Books, days: int) -> None:
    books.fetch_from("a", report("q1", *QUAKE[0]))
    books.fetch_from("b", report("q2", *QUAKE[1], published=NOON + days * DAY), at=NOON + days * DAY)
    assert len(partition(books)) == 2


def test_a_story_that_goes_on_keeps_taking_entries_beyond_the_window(books: Books) -> None:
    for number, days in enumerate((0, 4, 8)):
        at = NOON + days * DAY
        books.fetch_from("abc"[number], report(f"q{number}", *QUAKE[number], published=at), at=at)
    assert len(partition(books)) == 1


def test_why_an_entry_joined_is_kept(books: Books) -> None:
    books.fetch_from("a", report("q1", *QUAKE[0]))
    books.fetch_from("b", report("q2", *QUAKE[1]))
    (story,) = newest_stories(books.db, limit=None)
    ((joined, (closest, evidence)),) = evidence_of(books.db, story).items()
    assert (joined, closest) == (books.id_of(QUAKE[1][0]), books.id_of(QUAKE[0][0]))
    assert {"quake", "sendai", "harbou"} <= set(evidence.shared)
    assert evidence.words > 0
    assert evidence.meaning is None


# Copies


def test_copies_join_their_original_and_weigh_nothing(books: Books) -> None:
    books.fetch_from("a", report("one", "Delegation in Seoul", LONG))
    copied = books.fetch_from("b", report("two", "Kyiv asks", f"Read more here. {LONG}"))
    assert copied.duplicates == 1
    assert copied.stories_new == set()
    ((original, story), (copy, same)) = books.rows("SELECT duplicate_of, story FROM entries ORDER BY source")
    assert (original, copy) == (None, books.id_of("Delegation in Seoul"))
    assert story == same
    assert evidence_of(books.db, books.story_of("Kyiv asks")) == {}


def test_an_event_is_not_more_likely_for_being_copied_often(books: Books) -> None:
    """The average likeness of a story is that of its originals."""

    def fill(copies: int) -> tuple[Any, ...]:
        sources = [f"s{number}" for number in range(copies)]
        books.configure(sources=[source(id) for id in ("a", "b", *sources)])
        books.fetch_from("a", about("original", "ship", "sinks", "gale", text=LONG))
        for id in sources:
            books.fetch_from(id, about(f"copy-{id}", "cattle", "fair", "prize", text=LONG))
        books.fetch_from("b", about("other", "cattle", "fair", "prize"))
        return (books.story_of("original"), books.story_of("other"))

    original, other = fill(3)
    assert original != other
    assert len(books.story(original).coverage) == 4


def test_a_copy_follows_its_original_when_stories_merge_and_split(books: Books) -> None:
    books.fetch_from("a", about("original", "ship", "sinks", text=LONG))
    books.fetch_from("b", about("copy", "anything", text=LONG))
    books.fetch_from("c", about("other", "cattle"))
    into = editor.merge(books.db, books.story_of("other"), [books.story_of("original")])
    assert books.story_of("copy") == into
    made = editor.split(books.db, into, [books.id_of("original")])
    assert books.story_of("copy") == books.story_of("original") == made


# Merge and split


def bridge(books: Books) -> tuple[str, str, datetime]:
    """Two stories that are near each other, then reports that belong to both."""
    books.configure(sources=[source(id) for id in "abcdef"])
    books.fetch_from("a", about("east", "ship", "gale", "port", "east"))
    books.fetch_from("b", about("west", "crew", "rescue", "boat", "west", published=NOON))
    east, west = books.story_of("east"), books.story_of("west")
    assert east != west
    return east, west, NOON


def join_both(books: Books) -> None:
    words = ("ship", "gale", "port", "east", "crew", "rescue", "boat", "west")
    for hours, id in enumerate("cdef"):
        at = NOON + hours * HOUR
        books.fetch_from(id, about(f"both-{id}", *words, published=at), at=at)


def test_two_stories_that_turn_out_to_be_one_merge_and_the_older_id_stays(books: Books) -> None:
    east, west, _ = bridge(books)
    join_both(books)
    assert len(partition(books)) == 1
    assert books.story_of("west") == east
    assert resolve_story(books.db, west) == east
    assert merged_stories(books.db) == {west: east}
    assert books.story(east).first_published == NOON - HOUR


@pytest.mark.parametrize("is_kept", [True, False])
def test_of_two_stories_that_merge_the_one_that_readers_knew_first_keeps_its_id(
    books: Books, is_kept: bool
) -> None:
    """Though the other holds an entry that is older, and came late."""
    kept = Groups(books.db, span=SPAN)

    def take(hours: int, *entries: Entry) -> None:
        store(books, harvest("abc"[hours % 3], *entries, at=NOON + hours * HOUR))
        (kept if is_kept else Groups(books.db, span=SPAN)).group(now=NOON + hours * HOUR)

    take(0, about("east", "ship", "gale", "port", "east"))
    take(1, about("west", "crew", "rescue", "boat", "west", published=NOON - DAY))
    east, west = books.story_of("east"), books.story_of("west")
    assert east != west
    words = ("ship", "gale", "port", "east", "crew", "rescue", "boat", "west")
    take(2, *(about(f"both-{number}", *words) for number in range(4)))
    assert merged_stories(books.db) == {west: east}


@pytest.mark.parametrize("word", ["pin", "hide", "retitle"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_story_of_which_an_editor_said_something_is_not_merged(books: Books, word: str, which: int) -> None:
    stories = bridge(books)[:2]
    if word == "retitle":
        editor.retitle(books.db, stories[which], "By hand")
    else:
        getattr(editor, word)(books.db, stories[which])
    join_both(books)
    assert (books.story_of("east"), books.story_of("west")) == stories
    assert merged_stories(books.db) == {}
    assert len({*map(books.story_of, (f"both-{id}" for id in "cdef"))} - {*stories}) == 0


def mixed(number: int, side: str) -> Entry:
    at = NOON + number * HOUR
    words = (f"{side}1", f"{side}2", f"{side}3", f"{side}4")
    return about(f"{side}-{number}", *words, f"own{number}", published=at)


def fill_mixed(books: Books) -> str:
    """A first report on two events, and then reports on either: returns its story."""
    books.fetch_from("a", about("first", "x1", "x2", "y1", "y2", "y3", "y4", "x3", "x4"))
    story = books.story_of("first")
    for number in range(20):
        side = "yx"[number % 2]
        books.fetch_from("abc"[number % 3], mixed(number, side), at=NOON + number * HOUR)
    return story


def test_a_story_that_holds_two_events_splits(books: Books) -> None:
    story = fill_mixed(books)
    stories = {
        side: {books.story_of(f"{side}-{n}") for n in range(20) if "yx"[n % 2] == side} for side in "xy"
    }
    assert all(len(found) == 1 for found in stories.values())
    assert len(partition(books)) == 2
    (made,) = (stories["x"] | stories["y"]) - {story}
    first = books.rows("SELECT first_published FROM stories WHERE id = ?", made)[0][0]
    assert first == books.rows("SELECT min(dated) FROM entries WHERE story = ?", made)[0][0]


@pytest.mark.parametrize("is_edited", [True, False])
def test_what_an_editor_put_together_is_not_split_but_takes_new_entries(
    books: Books, is_edited: bool
) -> None:
    books.fetch_from("a", about("x", "x1", "x2", "x3", "x4"))
    books.fetch_from("b", about("y", "y1", "y2", "y3", "y4"))
    story = editor.merge(books.db, books.story_of("x"), [books.story_of("y")])
    # Without the editor's word the same entries do split
    books.db.execute("UPDATE stories SET is_edited = ?", [is_edited])
    for number in range(10):
        books.fetch_from("abc"[number % 3], mixed(number, "yx"[number % 2]), at=NOON + number * HOUR)
    stories = {story for (story,) in books.rows("SELECT story FROM entries")}
    assert (stories == {story}) is is_edited
    assert (books.story_of("x") == books.story_of("y")) is is_edited


def test_what_an_editor_took_apart_is_not_merged_but_takes_new_entries(books: Books) -> None:
    words = ("ship", "gale", "port", "crew")
    books.fetch_from("a", about("one", *words))
    books.fetch_from("b", about("two", *words))
    old = books.story_of("one")
    made = editor.split(books.db, old, [books.id_of("two")])
    applied = books.fetch_from("c", *(about(f"new{number}", *words) for number in range(8)))
    assert (books.story_of("one"), books.story_of("two")) == (old, made)
    assert applied.stories_new == set()
    assert merged_stories(books.db) == {}


# Stops and crashes


def arrivals() -> list[Harvest]:
    """Two events, entries that wait in one pass."""
    entries = {id: [mixed(number, "xy"[number % 2]) for number in range(12)] for id in "abc"}
    return [
        harvest(
            id,
            *(about(f"{one.title}-{id}", *dict(one.profile.words), published=one.published) for one in found),
            at=NOON + 2 * DAY,
        )
        for id, found in entries.items()
    ]


@contextmanager
def opened(*sources: str) -> Iterator[Books]:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "a.db") as db:
        db.execute("PRAGMA synchronous=OFF")
        yield Books(db, Path(folder) / "feeds", sources=[source(id) for id in sources or "abc"])


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.group.AT_ONCE", 5)


def uninterrupted() -> dict[tuple[str, str], tuple[str, str | None]]:
    with opened() as books:
        store(books, *arrivals())
        grouped(books, NOON + 2 * DAY)
        return memberships(books)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("batch", [0, 1, 3, 6])
def test_a_grouping_that_breaks_off_keeps_whole_batches_and_is_finished_later(
    books: Books, batch: int
) -> None:
    store(books, *arrivals())
    books.db.execute(
        f"""
        CREATE TRIGGER broken BEFORE UPDATE OF story ON entries
            WHEN (SELECT count(*) FROM entries WHERE story != '') >= {batch * 5 + 2}
            BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END
        """
    )
    with pytest.raises(sqlite3.IntegrityError, match="on purpose"):
        grouped(books, NOON + 2 * DAY)
    assert books.rows("SELECT count(*) FROM entries WHERE story != ''") == [(batch * 5,)]
    assert not books.rows(
        "SELECT 1 FROM stories WHERE merged_into IS NULL AND id NOT IN (SELECT story FROM entries)"
    )
    books.db.execute("DROP TRIGGER broken")
    grouped(books, NOON + 2 * DAY)
    assert memberships(books) == uninterrupted()


@pytest.mark.parametrize("table", ["stories", "evidence"])
def test_a_grouping_that_breaks_off_leaves_nothing_grouped(books: Books, table: str) -> None:
    store(books, *arrivals())
    before = dump(books.db)
    books.db.execute(
        f"CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="on purpose"):
        grouped(books, NOON + 2 * DAY)
    books.db.execute("DROP TRIGGER broken")
    assert dump(books.db) == before
    grouped(books, NOON + 2 * DAY)
    assert memberships(books) == uninterrupted()


class StopsAfter(threading.Event):
    """Is set from the moment it was asked so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.usefixtures("small_batches")
def test_a_stop_ends_grouping_after_a_batch_and_the_rest_is_grouped_next_time(books: Books) -> None:
    store(books, *arrivals())
    for batches in (0, 1, 2):
        before = books.rows("SELECT count(*) FROM entries WHERE story != ''")[0][0]
        grouped(books, NOON + 2 * DAY, stop=StopsAfter(batches))
        after = books.rows("SELECT count(*) FROM entries WHERE story != ''")[0][0]
        assert after - before == 5 * batches
    grouped(books, NOON + 2 * DAY)
    assert memberships(books) == uninterrupted()


# Whatever comes, in whatever order


@dataclass(frozen=True)
class Told:
    """An entry of an event, which shares words with the event before and after it."""

    event: int
    picks: tuple[int, ...]
    hours: int
    source: str
    copied: str
    """What is put after a text that others have too; "own" for a text that no other has."""

    def entry(self, number: int) -> Entry:
        words = dict.fromkeys(f"w{self.event * 4 + pick}" for pick in self.picks)
        text = f"{LONG} {self.event}{self.copied}"
        copied: dict[str, Any] = {"text": text, "sketch": make_sketch("", text)}
        at = NOON + self.hours * HOUR
        return about(f"e{number}", *words, published=at, **(copied if self.copied != "own" else {}))


SOURCES = "abcd"
END = NOON + 10 * DAY
TOLD = st.builds(
    Told,
    event=st.integers(0, 3),
    picks=st.lists(st.integers(0, 5), min_size=2, max_size=5).map(tuple),
    hours=st.integers(0, 240) | st.sampled_from([0, 96, 240]),
    source=st.sampled_from(SOURCES),
    copied=st.sampled_from(["own", "own", "own", "own", "", " and a few more", " but not in Pyongyang"]),
)
ENTRIES = st.lists(TOLD, min_size=1, max_size=40)


def documents(told: Sequence[Told], offset: int = 0) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for number, one in enumerate(told, start=offset):
        found.setdefault(one.source, []).append(one.entry(number))
    return found


def take(books: Books, order: Sequence[str], entries: dict[str, list[Entry]], at: datetime) -> None:
    """One pass whose sources answer in this order."""
    store(books, *(harvest(id, *entries[id], at=at) for id in order if id in entries))
    grouped(books, at)


@settings(max_examples=60)
@given(ENTRIES, ENTRIES, st.permutations(SOURCES), st.permutations(SOURCES))
def test_stories_and_their_ids_are_the_same_in_whatever_order_the_sources_answer(
    first: list[Told], second: list[Told], one: list[str], other: list[str]
) -> None:
    found = []
    for order in (one, other):
        with opened(*SOURCES) as books:
            take(books, order, documents(first), END)
            take(books, [*reversed(order)], documents(second, 100), END + DAY)
            found.append((memberships(books), merged_stories(books.db)))
    assert found[0] == found[1]


@dataclass
class Reader:
    """Who remembers every story id it was ever shown."""

    books: Books
    stories: dict[str, str] = field(default_factory=dict)
    """Story id → when it was made."""
    merged: set[str] = field(default_factory=set)
    held: dict[int, str] = field(default_factory=dict)

    def look(self) -> None:
        db = self.books.db
        made = dict(self.books.rows("SELECT id, created_at FROM stories"))
        held = dict(self.books.rows("SELECT id, story FROM entries"))
        living = set(newest_stories(db, limit=None))
        # No entry is without a story, and no story without an entry
        assert set(held.values()) == living
        # No id disappears, and none is made a second time
        assert self.stories.items() <= made.items()
        assert all(resolve_story(db, id) in living for id in self.stories)
        # An id that led elsewhere is never again a story of its own
        assert not self.merged & living
        # An id goes on naming something of what it named, unless it led elsewhere now
        for story in set(self.held.values()) & living:
            assert any(held[id] == story for id, before in self.held.items() if before == story)
        self.stories, self.held = made, held
        self.merged |= set(merged_stories(db))


@settings(max_examples=50)
@given(st.lists(ENTRIES, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_over_many_passes_no_story_id_disappears_or_comes_back_as_another_story(
    passes: list[list[Told]], random: Any
) -> None:
    with opened(*SOURCES) as books:
        reader = Reader(books)
        for number, told in enumerate(passes):
            order = [*SOURCES]
            random.shuffle(order)
            take(books, order, documents(told, number * 100), END + number * HOUR)
            reader.look()
            before = dump(books.db)
            assert grouped(books, END + number * HOUR) == Grouped()
            assert dump(books.db) == before


@settings(max_examples=30)
@given(ENTRIES, st.integers(1, 9), st.integers(1, 9))
def test_a_grouping_that_was_stopped_ends_as_one_that_was_not(
    told: list[Told], at_once: int, batches: int
) -> None:
    found = []
    for stop in (StopsAfter(batches), None):
        with opened(*SOURCES) as books, pytest.MonkeyPatch.context() as patch:
            patch.setattr("aggregator.group.AT_ONCE", at_once)
            store(books, *(harvest(id, *entries, at=END) for id, entries in documents(told).items()))
            grouped(books, END, stop=stop)
            grouped(books, END)
            found.append(memberships(books))
    assert found[0] == found[1]


# Between passes


@settings(max_examples=40)
@given(st.lists(ENTRIES, min_size=2, max_size=5), st.lists(st.integers(0, 200), min_size=5, max_size=5))
def test_a_window_that_is_kept_between_passes_keeps_the_ids_too(
    passes: list[list[Told]], hours: list[int]
) -> None:
    """Entries come late, and stories are let go."""
    with opened(*SOURCES) as books:
        reader, groups, at = Reader(books), Groups(books.db, span=SPAN), END
        for number, told in enumerate(passes):
            at += hours[number] * HOUR
            stored = documents(told, number * 100)
            store(books, *(harvest(id, *entries, at=at) for id, entries in stored.items()))
            groups.group(now=at)
            reader.look()


def test_an_entry_joins_a_story_of_the_pass_before(books: Books) -> None:
    groups = Groups(books.db, span=SPAN)
    for number, hours in enumerate((0, 30, 60)):
        at = NOON + hours * HOUR
        entry = report(f"q{number}", *QUAKE[number], published=at)
        store(books, harvest("abc"[number], entry, at=at))
        groups.group(now=at)
    assert len(partition(books)) == 1


def test_a_late_entry_finds_the_story_of_its_time_though_the_window_moved_on(books: Books) -> None:
    groups = Groups(books.db, span=SPAN)
    for name, quake, published, at in (
        ("q0", QUAKE[0], NOON, NOON),
        ("other", BUDGET[0], NOON + 20 * DAY, NOON + 20 * DAY),
        ("q1", QUAKE[1], NOON + DAY, NOON + 9 * DAY),
    ):
        store(books, harvest("a" if name != "q1" else "b", report(name, *quake, published=published), at=at))
        groups.group(now=at)
    assert books.story_of(QUAKE[0][0]) == books.story_of(QUAKE[1][0])


def test_an_entry_that_was_removed_and_is_back_is_in_its_story_also_for_those_after_it(books: Books) -> None:
    groups = Groups(books.db, span=SPAN)
    store(books, harvest("a", report("q0", *QUAKE[0])), harvest("b", report("q1", *QUAKE[1])))
    groups.group(now=NOON)
    story = books.story_of(QUAKE[0][0])
    books.db.execute("DELETE FROM entries WHERE source = 'a'")
    groups.forget()
    store(books, harvest("a", report("q0", *QUAKE[0])))
    groups.group(now=NOON)
    assert books.story_of(QUAKE[0][0]) == story
    store(books, harvest("c", report("q2", *QUAKE[2])))
    assert groups.group(now=NOON).stories_updated == {story}
    held = groups.held()
    assert held is not None
    assert (held.stories, held.entries) == (1, 3)


def other_program(books: Books) -> Any:
    """The store as another program has it open."""
    (file,) = (file for _, name, file in books.rows("PRAGMA database_list") if name == "main")
    return open_store(Path(file))


@pytest.mark.parametrize("is_pinned", [True, False])
def test_what_an_editor_says_between_two_passes_counts_in_the_next(books: Books, is_pinned: bool) -> None:
    groups = Groups(books.db, span=SPAN)
    _, west, _ = bridge(books)
    store(books, harvest("c", about("cattle", "fair")))
    groups.group(now=NOON)
    if is_pinned:
        with other_program(books) as db:
            editor.pin(db, west)
    words = ("ship", "gale", "port", "east", "crew", "rescue", "boat", "west")
    store(books, *(harvest(id, about(f"both-{id}", *words)) for id in "cdef"))
    groups.group(now=NOON)
    assert bool(merged_stories(books.db)) is not is_pinned


class Interferes(threading.Event):
    """An editor who acts when the window was read, before the first batch is stored."""

    def __init__(self, books: Books, story: str) -> None:
        super().__init__()
        self.books, self.story, self.asked = books, story, 0

    def is_set(self) -> bool:
        self.asked += 1
        if self.asked == 1:
            with other_program(self.books) as db:
                editor.pin(db, self.story)
        return False


@pytest.mark.parametrize("is_pinned", [True, False])
def test_what_an_editor_says_during_a_pass_is_not_overruled_by_it(books: Books, is_pinned: bool) -> None:
    _, west, _ = bridge(books)
    words = ("ship", "gale", "port", "east", "crew", "rescue", "boat", "west")
    entries = [
        harvest(id, about(f"both-{id}", *words, published=NOON + hours * HOUR), at=NOON + DAY)
        for hours, id in enumerate("cdef")
    ]
    store(books, *entries)
    groups = Groups(books.db, span=SPAN)
    groups.group(now=NOON + DAY, stop=Interferes(books, west) if is_pinned else None)
    assert bool(merged_stories(books.db)) is not is_pinned


def test_a_grouping_that_broke_off_knows_nothing_that_was_not_stored(books: Books) -> None:
    groups = Groups(books.db, span=SPAN)
    store(books, *arrivals())
    books.db.execute(
        "CREATE TRIGGER broken BEFORE INSERT ON evidence BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="on purpose"):
        groups.group(now=NOON + 2 * DAY)
    books.db.execute("DROP TRIGGER broken")
    groups.group(now=NOON + 2 * DAY)
    assert memberships(books) == uninterrupted()
    held = groups.held()
    assert held is not None
    assert books.rows("SELECT count(*) FROM entries WHERE duplicate_of IS NULL") == [(held.entries,)]


def test_the_window_is_bounded_and_what_it_holds_is_recorded(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.group.MOST_ENTRIES", 10)
    groups = Groups(books.db, span=SPAN)
    for number in range(3):
        entries = [about(f"e{number}-{one}", f"w{number}-{one}") for one in range(8)]
        store(books, harvest("abc"[number], *entries))
        groups.group(now=NOON)
        window = last_window(books.db)
        assert window is not None
        assert window["entries"] == min(8 * (number + 1), 10)
        assert window["bytes"] > 0
    assert Groups(books.db, span=SPAN).held() is None
    store(books, harvest("a", about("last", "w")))
    grouped(books)
    window = last_window(books.db)
    assert window is not None
    assert window["entries"] == 10


# The embedder fails


class Model(Server):
    """An endpoint of embeddings: a text's vector is that of the first of these words in it."""

    words = ("quake", "землетрус", "budget")
    meanings: ClassVar = {"quake": [1, 0, 0], "землетрус": [1, 0, 0], "budget": [0, 1, 0]}

    def __init__(self) -> None:
        super().__init__(_Answer)
        self.is_down = False
        self.texts: list[str] = []

    def meaning(self, text: str) -> list[int]:
        self.texts.append(text)
        return next((self.meanings[word] for word in self.words if word in text.casefold()), [0, 0, 1])


class _Answer(Handler):
    server: Model

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        rows = [] if self.server.is_down else list(map(self.server.meaning, texts))
        answer = json.dumps({"data": [{"index": at, "embedding": row} for at, row in enumerate(rows)]})
        self.answer(503 if self.server.is_down else 200, answer.encode())


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    with answering(model):
        yield model


def endpoint(model: Model, name: str = "m") -> Any:
    return make_embedder(f"http://127.0.0.1:{model.server_port}/v1/embeddings#{name}")


QUAKE_UK = ("Землетрус у Японії", "Сильний землетрус стався в понеділок, порт закрито.")


def lacking(books: Books) -> int:
    """How many originals have no vector."""
    ((count,),) = books.rows(
        "SELECT count(*) FROM entries JOIN traits ON entry = id WHERE vector IS NULL AND duplicate_of IS NULL"
    )
    return int(count)


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_embedder_that_fails_is_done_without_until_it_works_again(
    books: Books, model: Model, is_kept: bool
) -> None:
    embedder = endpoint(model)
    kept = Groups(books.db, span=SPAN, embedder=embedder)

    def take(at: datetime, id: str, *entries: Entry) -> Grouped:
        store(books, harvest(id, *entries, at=at))
        return (kept if is_kept else Groups(books.db, span=SPAN, embedder=embedder)).group(now=at)

    assert take(NOON, "a", report("b0", *BUDGET[0])).warning is None
    model.is_down = True
    found = take(NOON + HOUR, "a", report("q0", *QUAKE[0]), report("q1", *QUAKE[1]))
    assert found.warning is not None
    assert "status 503" in found.warning
    assert "stories.embedder: words" in found.warning
    window = last_window(books.db)
    assert window is not None
    assert window["warning"] == found.warning
    # Words alone still tell what is one event
    assert books.story_of(QUAKE[0][0]) == books.story_of(QUAKE[1][0]) != books.story_of(BUDGET[0][0])
    assert lacking(books) == 2
    assert take(NOON + 2 * HOUR, "b", report("b1", *BUDGET[1])).warning is not None
    model.is_down = False
    found = take(NOON + 3 * HOUR, "c", report("uk", *QUAKE_UK, language="uk"))
    assert found.warning is None
    assert lacking(books) == 0
    # By its meaning, which the others were given now
    assert books.story_of(QUAKE_UK[0]) == books.story_of(QUAKE[0][0])
    window = last_window(books.db)
    assert window is not None
    assert window["warning"] is None


def test_entries_get_the_vectors_of_another_embedder_bit_by_bit_the_newest_first(
    books: Books, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.group._EMBEDDED_LATER", 3)
    entries = [about(f"e{one}", f"w{one}", published=NOON - (9 - one) * HOUR) for one in range(8)]
    store(books, harvest("a", *entries))
    grouped(books)
    groups = Groups(books.db, span=SPAN, embedder=endpoint(model, "other"))
    for number, left in enumerate((5, 2, 0, 0)):
        model.texts.clear()
        store(books, harvest("b", about(f"new{number}", f"new{number}"), at=NOON))
        assert groups.group(now=NOON).warning is None
        assert lacking(books) == left
        assert len(model.texts) == min(3, [8, 5, 2, 0][number]) + 1
        if number == 0:
            assert [text.split("\n")[0] for text in model.texts] == ["e7", "e6", "e5", "new0"]


@pytest.mark.parametrize("embedder", ["none", "up", "down"])
def test_who_waits_hears_how_many_there_are_and_that_each_is_done(
    books: Books, model: Model, embedder: str
) -> None:
    model.is_down = embedder == "down"
    copy = report("copy", *QUAKE[0])
    store(books, harvest("a", *(report(f"q{n}", *quake) for n, quake in enumerate(QUAKE)), copy))
    heard: list[int] = []
    groups = Groups(books.db, span=SPAN, embedder=None if embedder == "none" else endpoint(model))
    groups.group(now=NOON, begun=lambda count: heard.clear() or heard.append(-count), more=heard.append)
    assert heard[0] == -4
    assert sum(heard) == 0
    groups.group(now=NOON, begun=heard.append)
    assert sum(heard) == 0


def test_a_stop_while_texts_are_embedded_leaves_them_for_the_next_pass(books: Books) -> None:
    class Stops:
        name = "stops"

        def embed(self, _texts: Sequence[str], _languages: Sequence[str | None], **_: Any) -> list[bytes]:
            raise Stopped

    store(books, harvest("a", report("q0", *QUAKE[0])))
    stops: Any = Stops()
    found = Groups(books.db, span=SPAN, embedder=stops).group(now=NOON)
    assert found == Grouped()
    assert grouped(books).stories_new
