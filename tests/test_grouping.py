"""Stories as they grow in the store: join, merge, split, and keep their ids."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry, harvest, source
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from aggregator import editor
from aggregator.group import Grouped, group
from aggregator.ledger import Ledger
from aggregator.model import Entry, Harvest, Profile
from aggregator.store.connection import open_store
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
    profile = Profile(words=tuple((word, 1) for word in words))
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


def grouped(books: Books, now: datetime = NOON, **options: Any) -> Grouped:
    return group(books.db, span=SPAN, now=now, embedder=None, **options)


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
    assert books.story_of("first") == story
    assert merged_stories(books.db) == {}
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
    assert not books.rows("SELECT 1 FROM stories WHERE id NOT IN (SELECT story FROM entries)")
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


@settings(derandomize=True, deadline=None, max_examples=60)
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
        new = {resolve_story(db, id) for id in made.keys() - self.stories.keys()}
        held = dict(self.books.rows("SELECT id, story FROM entries"))
        living = set(newest_stories(db, limit=None))
        # No entry is without a story, and no story without an entry
        assert set(held.values()) == living
        # No id disappears, and none is made a second time
        assert self.stories.items() <= made.items()
        assert all(resolve_story(db, id) in living for id in self.stories)
        # An id that led elsewhere is never again a story of its own
        assert not self.merged & living
        # An entry has another story only where its own merged or it left for one that was made now
        for id, story in self.held.items():
            if held[id] != story:
                assert held[id] == resolve_story(db, story) or held[id] in new
        self.stories, self.held = made, held
        self.merged |= set(merged_stories(db))


@settings(derandomize=True, deadline=None, max_examples=50)
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


@settings(derandomize=True, deadline=None, max_examples=30)
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
