"""When a source is due again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Wish
from aggregator.pace import (
    Move,
    Rhythm,
    due_after_failure,
    due_after_success,
    follow,
    interval,
    learn,
    look_elsewhere,
)
from aggregator.settings import Fetch

HOUR = timedelta(hours=1)
FETCH = Fetch()
OLD, NEW, OTHER = (f"https://{name}.example/feed" for name in ("old", "new", "other"))
moments = st.lists(st.timedeltas(timedelta(days=-90), timedelta(days=90)).map(lambda delta: NOON + delta))
rhythms = st.builds(
    Rhythm,
    st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    st.none() | st.timedeltas(timedelta(days=-400), timedelta(days=1)).map(lambda delta: NOON + delta),
)


def waits(rhythm: Rhythm, fetch: Fetch = FETCH, fixed: timedelta | None = None) -> timedelta:
    return interval(rhythm, now=NOON, fixed=fixed, fetch=fetch)


def test_the_rhythm_is_the_middle_gap_of_the_newest_dozen() -> None:
    old = [NOON - timedelta(days=100 + day) for day in range(20)]
    hourly = [NOON - HOUR * count for count in range(12)]
    assert learn([*old, *hourly], now=NOON, known=Rhythm()) == Rhythm(HOUR, NOON)


def test_entries_of_one_moment_count_once_and_future_ones_not_at_all() -> None:
    published = [NOON - HOUR] * 30 + [NOON - 3 * HOUR, NOON + HOUR]
    assert learn(published, now=NOON, known=Rhythm()) == Rhythm(2 * HOUR, NOON - HOUR)


def test_a_document_that_tells_nothing_leaves_what_was_known() -> None:
    known = Rhythm(HOUR, NOON)
    assert learn([], now=NOON, known=known) == known
    assert learn([NOON - 5 * HOUR], now=NOON, known=known) == known


@given(moments, rhythms)
def test_what_is_learnt_never_lies_ahead_or_backwards(published: list[object], known: Rhythm) -> None:
    rhythm = learn(published, now=NOON, known=known)
    assert rhythm.gap is None or rhythm.gap >= timedelta(0)
    assert rhythm.newest is None or rhythm.newest <= max(NOON, known.newest or NOON)
    assert known.newest is None or (rhythm.newest or NOON) >= known.newest


def test_a_source_is_asked_twice_a_gap() -> None:
    assert waits(Rhythm(6 * HOUR, NOON - HOUR)) == 3 * HOUR


def test_a_silent_source_is_asked_more_and_more_seldom() -> None:
    silent = [waits(Rhythm(HOUR, NOON - timedelta(days=days))) for days in (0, 1, 3, 30)]
    assert silent == [HOUR / 2, 3 * HOUR, 9 * HOUR, FETCH.max_interval]


def test_a_source_of_unknown_rhythm_is_asked_every_hour() -> None:
    assert waits(Rhythm()) == HOUR
    assert waits(Rhythm(), Fetch(min_interval=2 * HOUR)) == 2 * HOUR
    assert waits(Rhythm(), Fetch(max_interval=HOUR / 2)) == HOUR / 2


def test_a_configured_interval_holds_but_for_the_least_one() -> None:
    assert waits(Rhythm(HOUR, NOON), fixed=timedelta(days=7)) == timedelta(days=7)
    assert waits(Rhythm(HOUR, NOON), fixed=timedelta(seconds=1)) == FETCH.min_interval


@given(rhythms)
def test_the_wait_lies_between_the_least_and_the_longest_interval(rhythm: Rhythm) -> None:
    assert FETCH.min_interval <= waits(rhythm) <= FETCH.max_interval


@given(st.floats(0, 1), st.timedeltas(FETCH.min_interval, FETCH.max_interval))
def test_jitter_moves_a_fetch_by_a_tenth_but_never_before_the_least_interval(
    jitter: float, wait: timedelta
) -> None:
    due = due_after_success(
        wait, now=NOON, expected=NOON - wait / 2, wish=Wish(), fresh_until=None, jitter=jitter, fetch=FETCH
    )
    assert NOON + max(wait * 0.899, FETCH.min_interval) <= due <= NOON + wait * 1.101


@pytest.mark.parametrize("expected", [None, NOON - 2 * HOUR], ids=["new", "long overdue"])
def test_sources_that_were_fetched_together_part(expected: datetime | None) -> None:
    minutes = [
        due_after_success(
            HOUR, now=NOON, expected=expected, wish=Wish(), fresh_until=None, jitter=jitter / 12, fetch=FETCH
        ).minute
        for jitter in range(12)
    ]
    assert minutes == [5, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55]


def moved(times: int, hours: float) -> tuple[str, Move | None]:
    """Where a source is fetched when so many fetches within so many hours were sent on for good."""
    address, move = OLD, None
    for number in range(times):
        at = NOON + number * hours / max(times - 1, 1) * HOUR
        address, move = follow(address, None if address == NEW else NEW, known=move, now=at)
    return address, move


def test_a_source_moves_when_it_was_sent_on_several_times_over_two_days() -> None:
    assert moved(1, 0)[0] == moved(2, 72)[0] == moved(10, 47)[0] == OLD
    assert moved(3, 48)[0] == moved(10, 49)[0] == NEW


def test_a_move_is_forgotten_once_the_source_answers_itself_again() -> None:
    assert follow(OLD, None, known=Move(NEW, NOON, 2), now=NOON) == (OLD, None)
    assert follow(OLD, OTHER, known=Move(NEW, NOON, 2), now=NOON + HOUR) == (OLD, Move(OTHER, NOON + HOUR))


def test_a_move_that_the_clock_puts_ahead_begins_anew() -> None:
    assert follow(OLD, NEW, known=Move(NEW, NOON + HOUR, 9), now=NOON) == (OLD, Move(NEW, NOON))


def test_a_moved_source_that_fails_is_looked_for_at_both_addresses() -> None:
    address, move = moved(3, 48)
    tried = []
    for failures in range(1, 10):
        address = look_elsewhere(address, url=OLD, known=move, failures=failures)
        tried.append(address)
    assert tried == [NEW, NEW, OLD, OLD, OLD, NEW, NEW, NEW, OLD]


def test_a_source_that_never_moved_stays_where_it_is() -> None:
    assert {look_elsewhere(OLD, url=OLD, known=None, failures=n) for n in range(1, 10)} == {OLD}
    seen_once = Move(NEW, NOON)
    assert {look_elsewhere(OLD, url=OLD, known=seen_once, failures=n) for n in range(1, 10)} == {OLD}


def asked(wish: Wish, *, now: datetime = NOON, wait: timedelta = HOUR, jitter: float = 0.5) -> datetime:
    return due_after_success(
        wait, now=now, expected=now, wish=wish, fresh_until=None, jitter=jitter, fetch=FETCH
    )


def test_a_feed_that_wants_to_be_asked_rarely_is_up_to_the_longest_interval() -> None:
    assert asked(Wish(5 * HOUR), jitter=0) == NOON + 5 * HOUR
    assert asked(Wish(HOUR / 4)) == NOON + HOUR
    assert asked(Wish(timedelta(days=6)), jitter=0) == NOON + FETCH.max_interval


def test_no_feed_is_asked_in_the_hours_and_on_the_days_that_it_skips() -> None:
    assert asked(Wish(skip_hours=frozenset({13, 14}))) == NOON + 3 * HOUR
    assert NOON.weekday() == 2
    assert asked(Wish(skip_days=frozenset({2}))) == NOON + 12 * HOUR
    assert asked(Wish(skip_days=frozenset({2, 3}))) == NOON + FETCH.max_interval


wishes = st.builds(
    Wish,
    st.none() | st.timedeltas(timedelta(minutes=1), timedelta(days=7)),
    st.frozensets(st.integers(0, 23), max_size=24),
    st.frozensets(st.integers(0, 6), max_size=7),
)


@given(
    wishes,
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.timedeltas(timedelta(minutes=1), timedelta(hours=23)),
    st.floats(0, 1),
)
def test_a_wish_never_makes_a_source_wait_longer_than_the_longest_interval(
    wish: Wish, after: timedelta, wait: timedelta, jitter: float
) -> None:
    now = NOON + after
    due = asked(wish, now=now, wait=wait, jitter=jitter)
    longest = max(FETCH.max_interval, wait * 1.1)
    assert now + FETCH.min_interval <= due <= now + longest + timedelta(seconds=1)
    is_skipped = due.hour in wish.skip_hours or due.weekday() in wish.skip_days
    assert not is_skipped or due >= now + FETCH.max_interval


def test_the_origins_wish_for_a_longer_wait_is_heard_up_to_the_longest_interval() -> None:
    def due(fresh: timedelta) -> timedelta:
        fresh_until = NOON + fresh
        found = due_after_success(
            HOUR, now=NOON, expected=NOON, wish=Wish(), fresh_until=fresh_until, jitter=0.5, fetch=FETCH
        )
        return found - NOON

    assert due(HOUR / 2) == HOUR
    assert due(5 * HOUR) == 5 * HOUR
    assert due(timedelta(days=6)) == FETCH.max_interval


def back_off(failures: int, fetch: Fetch = FETCH, retry: timedelta | None = None) -> timedelta:
    retry_at = NOON + retry if retry else None
    return (
        due_after_failure(failures, now=NOON, is_blocked=False, retry_at=retry_at, jitter=0.0, fetch=fetch)
        - NOON
    )


def test_a_bot_wall_is_tried_again_an_hour_later_at_first() -> None:
    due = due_after_failure(2, now=NOON, is_blocked=True, retry_at=None, jitter=0.0, fetch=FETCH)
    assert due == NOON + 2 * HOUR


def test_back_off_doubles_up_to_a_day() -> None:
    minutes = [back_off(failures) / timedelta(minutes=1) for failures in range(1, 12)]
    assert minutes == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    assert back_off(1_000_000) == timedelta(days=1)


def test_back_off_is_never_shorter_than_the_least_interval() -> None:
    assert back_off(1, Fetch(min_interval=timedelta(days=3))) == timedelta(days=3)
    century = timedelta(days=36000)
    assert back_off(99, Fetch(min_interval=century, max_interval=century)) == century


def test_the_origin_may_ask_for_a_longer_back_off_but_not_for_a_shorter_one() -> None:
    assert back_off(1, retry=timedelta(days=2)) == timedelta(days=2)
    assert back_off(4, retry=timedelta(seconds=1)) == timedelta(minutes=40)
