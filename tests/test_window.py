"""The active window: what is let go of leaves no trace, and never more is held than allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from builders import NOON
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.model import EntryId, Profile, SourceId, StoryId
from aggregator.story.background import Background
from aggregator.story.grouping import Arrival, Grouping
from aggregator.story.likeness import WITH_MEANING, keys
from aggregator.story.sketch import make_sketch

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPAN = 5 * DAY
WORDS = [f"w{number}" for number in range(12)]


@dataclass(frozen=True)
class Told:
    """An entry: when it comes after the one before, what it is about, and how it gets into the window."""

    hours: int
    words: tuple[str, ...]
    language: str | None
    numbers: tuple[float, ...] | None
    """Of its vector."""
    held_by: int | None
    """A story of the store that holds it already; None: it is to be placed."""


TOLD = st.builds(
    Told,
    hours=st.integers(0, 30),
    words=st.lists(st.sampled_from(WORDS), max_size=6, unique=True).map(tuple),
    language=st.sampled_from(["en", "uk", None]),
    numbers=st.none() | st.lists(st.floats(-1, 1, width=16), min_size=3, max_size=3).map(tuple),
    held_by=st.none() | st.integers(0, 3),
)


def arrivals(told: Iterable[Told]) -> list[tuple[Arrival, bytes | None, int | None]]:
    found, at = [], NOON
    for number, one in enumerate(told):
        at += one.hours * HOUR
        profile = Profile(
            words=tuple((word, 1 + place) for place, word in enumerate(one.words)),
            names=tuple((word, 1) for word in one.words[:2]),
            numbers=tuple((word, 1) for word in one.words[:1]),
        )
        arrival = Arrival(
            entry=EntryId(number),
            source=SourceId("a"),
            identity=str(number),
            dated=at,
            title=str(number),
            language=one.language,
            canonical_url=None,
            text_hash=None,
            profile=profile,
            sketch=b"",
        )
        vector = None if one.numbers is None else np.array(one.numbers, "<f2").tobytes()
        found.append((arrival, vector, one.held_by))
    return found


def fill(
    grouping: Grouping, entries: Sequence[tuple[Arrival, bytes | None, int | None]], at_once: int
) -> None:
    splits = iter(range(1000))
    for start in range(0, len(entries), at_once):
        batch = entries[start : start + at_once]
        grouping.learn((arrival, vector) for arrival, vector, _ in batch)
        for arrival, vector, story in batch:
            if story is not None:
                grouping.hold(
                    arrival, StoryId(f"held{story}"), began=NOON, is_fixed=story == 0, vector=vector
                )
                continue
            grouping.place(
                arrival,
                own=StoryId(f"own{arrival.entry}"),
                split_off=lambda _story, _first: StoryId(f"split{next(splits)}"),
                vector=vector,
            )


def traces(background: Background) -> object:
    """All that a background says."""
    vector = np.array([0.5, -0.25, 1], "<f2")
    return (
        background.entries,
        background.rarities([f"{mark}{word}" for mark in ("", "\x01", "\x02") for word in WORDS]),
        [background.centred(vector, language).tolist() for language in ("en", "uk", None)],
        [background.quiet(NOON + days * DAY) for days in range(-20, 40)],
    )


@settings(max_examples=150)
@given(st.lists(TOLD, max_size=60), st.integers(1, 9), st.integers(1, 40), st.floats(-0.3, 0.6))
def test_what_is_common_is_known_of_the_entries_that_are_held_and_of_no_others(
    told: list[Told], at_once: int, most: int, enough: float
) -> None:
    """However they joined, merged and split, and however old stories were let go."""
    grouping = Grouping(SPAN, replace(WITH_MEANING, enough=enough), most=most)
    entries = arrivals(told)
    fill(grouping, entries, at_once)
    held = {member.entry for group in grouping.window.groups.values() for member in group.members}
    assert len(held) == grouping.window.entries <= most
    fresh = Background()
    for arrival, vector, _ in entries:
        if arrival.entry in held:
            array = None if vector is None else np.frombuffer(vector, "<f2")
            fresh.learn(keys(arrival.profile), arrival.dated, arrival.language, array)
    assert traces(grouping.window.background) == traces(fresh)
    grouping.forget(NOON + 1000 * DAY)
    assert traces(grouping.window.background) == traces(Background())
    assert grouping.held().bytes == 0


def test_the_stories_that_are_the_longest_without_an_entry_are_let_go_first() -> None:
    grouping = Grouping(SPAN, WITH_MEANING, most=3)
    told = [Told(1, (word,), "en", None, held) for word, held in (("w1", 1), ("w2", 2), ("w3", 1), ("w4", 3))]
    fill(grouping, arrivals(told), 1)
    assert list(grouping.window.groups) == ["held1", "held3"]


def test_the_texts_by_which_copies_are_recognised_are_bounded_and_the_oldest_go_first() -> None:
    grouping = Grouping(SPAN, WITH_MEANING, most=2)
    texts = [" ".join(f"{word}{number}" for word in WORDS) for number in range(3)]
    for number, (arrival, _, _) in enumerate(arrivals([Told(1, (), "en", None, None)] * 3)):
        grouping.remember(replace(arrival, sketch=make_sketch("", texts[number])))
    assert grouping.held().texts == 2
    late: datetime = NOON + 4 * HOUR
    asked = arrivals([Told(0, (), "en", None, None)] * 13)[10:]
    found = [
        grouping.original_of(replace(arrival, source=SourceId("b"), dated=late, sketch=make_sketch("", text)))
        for (arrival, _, _), text in zip(asked[1:], texts[1:], strict=True)
    ]
    assert found[0] == 1
    (arrival, _, _) = asked[0]
    assert grouping.original_of(replace(arrival, dated=late, sketch=make_sketch("", texts[0]))) is None


@pytest.mark.parametrize(("late", "is_known"), [(NOON, True), (NOON + 20 * DAY, False)])
def test_stories_are_kept_for_entries_that_come_late(late: datetime, is_known: bool) -> None:
    grouping = Grouping(SPAN, WITH_MEANING)
    grouping.late = late
    fill(grouping, arrivals([Told(0, ("w1",), "en", None, None), Told(8 * 24, ("w2",), "en", None, None)]), 1)
    assert ("own0" in grouping.window.groups) is is_known
