"""When and where a source is fetched next: the rhythm learnt from its entries, the server's wish, back-off, jitter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from aggregator.model import Wish
from aggregator.settings import Fetch

_RECENT = 12
_LONGEST_BACK_OFF = timedelta(days=1)
_LEAST_BLOCKED = timedelta(hours=1)
_MOVES_SEEN = 3
_TRIES = 3
_MOVED_FOR = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a source publishes: the usual gap between entries, and when the newest came."""

    gap: timedelta | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Where permanent redirects (301, 308) lead, since when, and how often that was seen."""

    to: str
    since: datetime
    times: int = 1


def follow(
    address: str, moved_to: str | None, *, known: Move | None, now: datetime
) -> tuple[str, Move | None]:
    """Where to fetch next, after a feed was had from `address`, and the move that is not trusted yet.

    RFC 9110 §15.4.2 lets a client take a permanent redirect at its word; but many are gone the next day, with
    the domain that was lost or the login page that was in the way.
    """
    if moved_to is None:
        return address, known if known and known.to == address else None
    if known is None or known.to != moved_to or known.since > now:
        return address, Move(moved_to, now)
    seen = Move(moved_to, known.since, known.times + 1)
    is_stable = seen.times >= _MOVES_SEEN and now - seen.since >= _MOVED_FOR
    return moved_to if is_stable else address, seen


def look_elsewhere(address: str, *, url: str, known: Move | None, failures: int) -> str:
    """Where to fetch after so many failures in a row: every third time the other one of two addresses."""
    if failures % _TRIES:
        return address
    if address != url:
        return url
    return known.to if known and known.times >= _MOVES_SEEN else url


def learn(published: Iterable[datetime], *, now: datetime, known: Rhythm) -> Rhythm:
    """The rhythm of the newest dozen entries; `known` where the document tells nothing.

    Entries of one moment (an import, a feed that stamps its entries alike) count once; dates ahead of
    `now` not at all.
    """
    moments = sorted({moment for moment in published if moment <= now})[-_RECENT:]
    if not moments:
        return known
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    gap = timedelta(seconds=median(gap.total_seconds() for gap in gaps)) if gaps else known.gap
    newest = max(moments[-1], known.newest) if known.newest else moments[-1]
    return Rhythm(gap, newest)


def interval(
    rhythm: Rhythm, *, now: datetime, fixed: timedelta | None, fetch: Fetch, is_pushed: bool = False
) -> timedelta:
    """How long to wait after a success: half the usual gap, longer when a source has fallen silent.

    `is_pushed`: a hub sends what is new, polling is for what it should miss.
    """
    if fixed is not None:
        return max(fixed, fetch.min_interval)
    if is_pushed:
        return fetch.max_interval
    if rhythm.newest is None:
        return min(max(timedelta(hours=1), fetch.min_interval), fetch.max_interval)
    gap = max(rhythm.gap or timedelta(0), (now - rhythm.newest) / 4)
    return min(max(gap / 2, fetch.min_interval), fetch.max_interval)


def due_after_success(
    wait: timedelta,
    *,
    now: datetime,
    expected: datetime | None,
    wish: Wish,
    fresh_until: datetime | None,
    jitter: float,
    fetch: Fetch,
) -> datetime:
    """The next time. `jitter` between 0 and 1 moves it by up to a tenth to either side, but never before
    `fetch.min_interval` is over.

    A source that is new, or was `expected` to be fetched long before, was so together with many others: its
    next time is any within the wait, so that they part.

    The wish of the feed, and the origin's for a longer wait (RFC 9111 §4.2), are heard up to
    `fetch.max_interval`.
    """
    latest = now + fetch.max_interval
    is_adrift = expected is None or now - expected > wait
    due = now + max(wait * (jitter if is_adrift else 0.9 + 0.2 * jitter), fetch.min_interval)
    if wish.at_least:
        due = max(due, min(now + wish.at_least, latest))
    if fresh_until:
        due = max(due, min(fresh_until, latest))
    return max(due, min(_after_skips(due, wish), latest))


def _after_skips(moment: datetime, wish: Wish) -> datetime:
    """The first time from then on that is in none of the hours and days at which the feed is not to be asked."""
    hour = timedelta(hours=1)
    for _ in range(7 * 24):
        if moment.hour not in wish.skip_hours and moment.weekday() not in wish.skip_days:
            break
        moment = moment.replace(minute=0, second=0, microsecond=0) + hour
    return moment


def due_after_failure(
    failures: int,
    *,
    now: datetime,
    is_blocked: bool,
    retry_at: datetime | None,
    jitter: float,
    fetch: Fetch,
) -> datetime:
    """The next time after so many failures in a row: doubling up to a day, never given up.

    `is_blocked`: by a bot wall, which counts how often one knocks.
    """
    first = max(fetch.min_interval, _LEAST_BLOCKED) if is_blocked else fetch.min_interval
    doubled = min(first, _LONGEST_BACK_OFF) * int(2 ** min(failures - 1, 20))
    wait = max(min(doubled, _LONGEST_BACK_OFF), fetch.min_interval)
    due = now + wait * (1 + 0.25 * jitter)
    return max(due, retry_at) if retry_at else due
