"""What is news to a receiver, when its digest comes, how long something is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aggregator.model import StoryId
from aggregator.notify.plan import is_hopeless, news, next_slot, wait_after
from aggregator.values import Weekday

MOMENTS = st.integers(1_577_836_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TIMES = st.times().map(lambda one: f"{one:%H:%M}")
WEEKDAYS = st.sampled_from(get_args(Weekday))


@given(MOMENTS, TIMES, WEEKDAYS)
def test_a_daily_digest_comes_within_a_day_at_its_time(now: datetime, at: str, weekday: Weekday) -> None:
    slot = next_slot(now, every="day", at=at, weekday=weekday)
    assert timedelta(0) < slot - now <= timedelta(days=1)
    assert f"{slot:%H:%M:%S}" == f"{at}:00"


@given(MOMENTS, TIMES, WEEKDAYS)
def test_a_weekly_digest_comes_within_a_week_on_its_day(now: datetime, at: str, weekday: Weekday) -> None:
    slot = next_slot(now, every="week", at=at, weekday=weekday)
    assert timedelta(0) < slot - now <= timedelta(days=7)
    assert f"{slot:%A %H:%M:%S}".lower() == f"{weekday} {at}:00"


@given(MOMENTS, MOMENTS, TIMES, st.sampled_from(["day", "week"]), WEEKDAYS)
def test_what_comes_in_later_goes_out_no_earlier(
    one: datetime, other: datetime, at: str, every: str, weekday: Weekday
) -> None:
    first, second = sorted([one, other])
    schedule = {"every": every, "at": at, "weekday": weekday}
    assert next_slot(first, **schedule) <= next_slot(second, **schedule)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        ("2024-11-27T06:59:59+00:00", "2024-11-27T07:00:00+00:00"),
        ("2024-11-27T07:00:00+00:00", "2024-11-28T07:00:00+00:00"),
        ("2024-11-27T08:30:00+02:00", "2024-11-27T07:00:00+00:00"),
    ],
)
def test_digest_times_are_in_utc(now: str, slot: str) -> None:
    found = next_slot(datetime.fromisoformat(now), every="day", at="07:00", weekday="monday")
    assert found == datetime.fromisoformat(slot)


def test_the_wait_doubles_up_to_two_hours() -> None:
    minutes = [wait_after(failures).total_seconds() / 60 for failures in (1, 2, 3, 7, 8, 5000)]
    assert minutes == [1, 2, 4, 64, 120, 120]


def test_it_is_hopeless_after_five_tries_and_five_days() -> None:
    days = timedelta(days=1)
    assert not is_hopeless(4, first=NOON, now=NOON + 50 * days)
    assert not is_hopeless(50, first=NOON, now=NOON + 4.9 * days)
    assert is_hopeless(5, first=NOON, now=NOON + 5 * days)


class Topic(RuleBasedStateMachine):
    """A topic lives; its receiver is told of each event at most once, and of each new one that stays."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.shown: list[StoryId] = []
        """The selection, newest first."""
        self.old: set[StoryId] = set()
        self.into: dict[StoryId, StoryId] = {}
        self.known: dict[StoryId, bool] = {}
        """Story → whether it waits."""
        self.sent: list[StoryId] = []

    def target(self, story: StoryId) -> StoryId:
        while story in self.into:
            story = self.into[story]
        return story

    def merged(self) -> dict[StoryId, StoryId]:
        return {story: self.target(story) for story in self.into}

    @rule(is_old=st.booleans())
    def a_story_comes_in(self, is_old: bool) -> None:
        self.count += 1
        story = StoryId(f"s{self.count}")
        self.shown.insert(0, story)
        if is_old:
            self.old.add(story)

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def one_moves_up(self, data: st.DataObject) -> None:
        story = data.draw(st.sampled_from(self.shown))
        self.shown.remove(story)
        self.shown.insert(0, story)

    @precondition(lambda self: len(self.shown) > 1)
    @rule(data=st.data())
    def one_takes_another(self, data: st.DataObject) -> None:
        taken, taker = data.draw(st.permutations(self.shown))[:2]
        self.shown.remove(taken)
        self.into[taken] = taker

    @rule()
    def it_is_noted(self) -> None:
        found = news(
            self.shown,
            known=self.known.keys(),
            waiting={story for story, waits in self.known.items() if waits},
            fresh=set(self.shown) - self.old,
            merged=self.merged(),
        )
        assert not set(found.new) & self.old
        assert not set(found.new + found.old) & self.known.keys()
        order = [story for story in reversed(self.shown) if story in found.new]
        assert list(found.new) == order
        self.known |= dict.fromkeys(found.old, False) | dict.fromkeys(found.new, True)

    @rule()
    def what_waits_is_sent(self) -> None:
        for story in [story for story, waits in self.known.items() if waits]:
            heard = {self.target(one) for one, waits in self.known.items() if not waits}
            if story in self.into or story in heard:
                del self.known[story]
            else:
                self.known[story] = False
                self.sent.append(story)

    @invariant()
    def no_story_is_sent_twice(self) -> None:
        assert len(self.sent) == len(set(self.sent))
        assert not self.old & set(self.sent)

    def teardown(self) -> None:
        self.it_is_noted()
        self.what_waits_is_sent()
        told = {self.target(story) for story, waits in self.known.items() if not waits}
        assert set(self.shown) <= told


TestTopic = Topic.TestCase
