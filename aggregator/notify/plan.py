"""What a receiver is to be told, when, and how often it is tried: no store, no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from aggregator.model import StoryId
from aggregator.values import Weekday

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=2)
_TRIED_FOR = timedelta(days=5)
_AT_LEAST = 5
"""So often something is tried: a machine that slept for a week has tried once, not for a week."""


@dataclass(frozen=True, slots=True)
class News:
    """Of a topic's selection what a receiver has not heard of, the oldest first."""

    new: tuple[StoryId, ...]
    """To be told."""
    old: tuple[StoryId, ...]
    """Not to be told, now or later: these were there before."""


def news(
    selected: Sequence[StoryId],
    *,
    known: Set[StoryId],
    fresh: Set[StoryId],
    merged: Mapping[StoryId, StoryId],
    waiting: Set[StoryId] = frozenset(),
) -> News:
    """What has become part of a selection, which comes newest first.

    `known`: what the receiver was told, is about to be told (`waiting`), or is not to be told. `fresh`: what has an
    entry from after the receiver's beginning that did not come with the first look at its source. A story that took
    one of which the receiver was told (`merged`: it and the one that took it) is no news.
    """
    heard = known | {merged[story] for story in known - waiting if story in merged}
    unheard = [story for story in reversed(selected) if story not in heard]
    return News(
        new=tuple(story for story in unheard if story in fresh),
        old=tuple(story for story in unheard if story not in fresh),
    )


def next_slot(now: datetime, *, every: Literal["day", "week"], at: str, weekday: Weekday) -> datetime:
    """When the digest comes that takes what is new now: the first time after `now` by the schedule, in UTC."""
    hour, minute = map(int, at.split(":"))
    now = now.astimezone(UTC)
    slot = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if every == "week":
        slot += timedelta(days=(get_args(Weekday).index(weekday) - slot.weekday()) % 7)
    step = timedelta(days=7 if every == "week" else 1)
    return slot if slot > now else slot + step


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: 1, 2, 4 … minutes, two hours at most."""
    return min(_FIRST_WAIT * float(2 ** min(failures - 1, 20)), _LONGEST_WAIT)


def is_hopeless(attempts: int, *, first: datetime, now: datetime) -> bool:
    """Whether a delivery was tried long enough: five times, and for five days since the first."""
    return attempts >= _AT_LEAST and now - first >= _TRIED_FOR
