"""The one writer: a harvest becomes state, entries and matches, in one transaction.

The entries get their stories after the last harvest of the pass: see `aggregator.group`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from sqlite_utils import Database

from aggregator.freshness import http_date
from aggregator.harvest.undated import assumed_dates
from aggregator.model import Entry, EntryId, Harvest, SourceId, StoryId
from aggregator.pace import due_after_failure, due_after_success, follow, interval, learn, look_elsewhere
from aggregator.settings import Fetch, SourceSettings
from aggregator.store.articles import want_articles
from aggregator.store.connection import writing
from aggregator.store.entries import (
    Known,
    amend_entry,
    dated,
    index_entries,
    insert_entry,
    known_entries,
    revise_entry,
)
from aggregator.store.matches import match_new
from aggregator.store.sources import (
    SourceState,
    ask_soon,
    count_trackers,
    leave_alone,
    record_failure,
    record_success,
    record_window,
)
from aggregator.store.stories import touch_story
from aggregator.store.subscriptions import is_pushed, record_missed
from aggregator.store.withdrawals import note_withdrawn
from aggregator.story.fingerprint import details
from aggregator.topic.rule import Rule
from aggregator.url import host

_QUIET_AT_ONCE = 100
_ARTICLES_SINCE = timedelta(days=30)
"""Entries that are older keep what their feed said: the first document of a source may reach back for years."""


@dataclass(slots=True)
class Applied:
    """What one harvest changed in the store."""

    entries_new: int = 0
    entries_revised: int = 0
    stories_updated: set[StoryId] = field(default_factory=set)


class Ledger:
    """Applies the harvests of one pass to the store, one after the other.

    `states` are those of the pass's sources before it; `jitter` yields numbers between 0 and 1.
    """

    def __init__(
        self,
        db: Database,
        *,
        sources: Sequence[SourceSettings],
        states: Sequence[SourceState],
        rules: Sequence[Rule],
        fetch: Fetch,
        jitter: Callable[[], float],
    ) -> None:
        self._db = db
        self._sources = {SourceId(source.id): source for source in sources}
        self._states = {state.id: state for state in states}
        self._rules = rules
        self._fetch = fetch
        self._jitter = jitter
        self._quiet: list[Harvest] = []
        self._retry_at: dict[str, datetime] = {}
        """When each host that asked for fewer requests in this pass may be asked again."""

    def apply(self, harvest: Harvest) -> Applied:
        """Store what the harvest brought. All of it or, when this is interrupted, nothing.

        One that brought nothing new waits for others like it, or for `finish`, to share their
        transaction: lost in a crash, its source is merely asked once more.
        """
        if harvest.outcome in ("not_modified", "unchanged"):
            self._quiet.append(harvest)
            if len(self._quiet) >= _QUIET_AT_ONCE:
                self.finish()
            return Applied()
        with writing(self._db):
            if harvest.failure is not None:
                self._fail(harvest)
                return Applied()
            # First, so that the new name of a source touches the stories stored by now, not its new ones
            self._succeed(harvest)
            is_first = self._states[harvest.source].succeeded_at is None
            applied, present = self._store(harvest, is_first=is_first)
            self._compare(harvest, present, applied)
            if applied.entries_new:
                self._doubt_hubs(harvest)
            return applied

    def deliver(self, harvest: Harvest) -> Applied:
        """Store what a hub sent of a source: any of its entries, so that nothing else is learnt of it."""
        with writing(self._db):
            return self._store(harvest, is_first=False)[0]

    def finish(self) -> None:
        """Store the harvests that wait."""
        if self._quiet:
            with writing(self._db):
                for harvest in self._quiet:
                    self._succeed(harvest)
            self._quiet.clear()

    def _fail(self, harvest: Harvest) -> None:
        assert harvest.failure is not None
        state, failure = self._states[harvest.source], harvest.failure
        failures = state.failures + 1
        if failure.retry_at and failure.host:
            # Two answers of one host may name two times: who waits for the later one has heeded both
            known = self._retry_at.get(failure.host, failure.retry_at)
            self._retry_at[failure.host] = max(known, failure.retry_at)
        retry_at = self._retry_at.get(failure.host, state.retry_at) if failure.host else failure.retry_at
        due = due_after_failure(
            failures,
            now=harvest.fetched_at,
            is_blocked=failure.kind == "blocked",
            retry_at=retry_at,
            jitter=self._jitter(),
            fetch=self._fetch,
        )
        record_failure(
            self._db,
            harvest.source,
            replace(failure, retry_at=retry_at),
            due=due,
            failures=failures,
            address=look_elsewhere(state.address, url=state.url, known=state.move, failures=failures),
            now=harvest.fetched_at,
        )
        if failure.retry_at and failure.host:
            leave_alone(self._db, failure.host, until=failure.retry_at)
        self._let_rest(state)

    def _let_rest(self, state: SourceState) -> None:
        """Whatever came of a request that was under way: its host asked for rest meanwhile, for all of its sources."""
        name = host(state.address)
        if until := self._retry_at.get(name):
            leave_alone(self._db, name, until=until)

    def _doubt_hubs(self, harvest: Harvest) -> None:
        """What a poll found, a hub that had been relied on should have sent: the source is polled as others are."""
        now, since = harvest.fetched_at, self._states[harvest.source].fetched_at
        if record_missed(self._db, harvest.source, since=since, now=now):
            ask_soon(self._db, [harvest.source], now=now, min_interval=self._fetch.min_interval)

    def _succeed(self, harvest: Harvest) -> None:
        now = harvest.fetched_at
        published = [entry.published for entry in harvest.entries if entry.published]
        state = self._states[harvest.source]
        rhythm = learn(published, now=now, known=state.rhythm)
        fixed = self._sources[harvest.source].interval
        wait = interval(
            rhythm,
            now=now,
            fixed=None if fixed == "auto" else fixed,
            fetch=self._fetch,
            is_pushed=is_pushed(self._db, harvest.source, now=now),
        )
        due = due_after_success(
            wait,
            now=now,
            expected=state.next_due_at,
            wish=harvest.feed.wish if harvest.outcome == "fetched" else state.wish,
            fresh_until=harvest.fresh_until,
            jitter=self._jitter(),
            fetch=self._fetch,
        )
        address, move = follow(state.address, harvest.moved_to, known=state.move, now=now)
        record_success(self._db, harvest, due=due, rhythm=rhythm, address=address, move=move)
        self._let_rest(state)

    def _store(self, harvest: Harvest, *, is_first: bool) -> tuple[Applied, set[EntryId]]:
        """Store its entries; returns the ids of all of them too."""
        applied = Applied()
        known = known_entries(self._db, harvest.source, (entry.identity for entry in harvest.entries))
        new = [entry for entry in harvest.entries if entry.identity not in known]
        again = [(known[entry.identity], entry) for entry in harvest.entries if entry.identity in known]
        revised = [(was, entry) for was, entry in again if was.content_hash != entry.content_hash]
        amended = [
            (was, entry)
            for was, entry in again
            if was.content_hash == entry.content_hash and was.details != _details(entry)
        ]
        source, now = harvest.source, harvest.fetched_at
        assumed = _assumed(harvest) if is_first else {}
        ids = [
            insert_entry(self._db, entry, source=source, now=now, assumed=assumed.get(entry.identity))
            for entry in new
        ]
        applied.entries_new = len(ids)
        if trackers := sum(entry.trackers for entry in new):
            count_trackers(self._db, source, trackers)
        index_entries(self._db, ids)
        arrivals = [*zip(ids, new, strict=True), *((was.id, entry) for was, entry in revised)]
        for was, entry in revised:
            revise_entry(self._db, was.id, entry, now=now)
            applied.entries_revised += 1
            self._touch(was, applied, at=now)
        for was, entry in amended:
            amend_entry(self._db, was.id, entry)
            self._touch(was, applied, at=None)
        match_new(self._db, self._rules, [(id, source, entry) for id, entry in arrivals])
        if self._sources[source].full_text:
            since = now - _ARTICLES_SINCE
            recent = [id for id, one in arrivals if one.url and dated(one.published, now) >= since]
            want_articles(self._db, recent)
        return applied, {*(id for id, _ in arrivals), *(entry.id for entry in known.values())}

    def _touch(self, entry: Known, applied: Applied, *, at: datetime | None) -> None:
        if entry.story:
            touch_story(self._db, entry.story, at=at)
            applied.stories_updated.add(entry.story)

    def _compare(self, harvest: Harvest, present: set[EntryId], applied: Applied) -> None:
        """Note which entries its source took back, by what its document lists and listed."""
        changed = note_withdrawn(
            self._db,
            harvest.source,
            present,
            is_in_order=_is_in_order(harvest.entries),
            now=harvest.fetched_at,
        )
        for story in changed:
            touch_story(self._db, story, at=harvest.fetched_at)
            applied.stories_updated.add(story)
        record_window(self._db, harvest.source, present)


def _assumed(harvest: Harvest) -> dict[str, datetime]:
    newest = http_date(harvest.validators.last_modified) or harvest.fetched_at
    dates = assumed_dates(harvest.entries, newest=newest)
    return {entry.identity: date for entry, date in zip(harvest.entries, dates, strict=True)}


def _details(entry: Entry) -> tuple[str | None, ...]:
    media = (entry.image, *(part.url for part in entry.enclosures))
    return details(entry.canonical_url, entry.author, media)


def _is_in_order(entries: Sequence[Entry]) -> bool:
    """Whether a document lists its entries by date, the newest first: one that is missing amid them was removed."""
    dates = [entry.published for entry in entries]
    return len(dates) > 1 and all(a and b and a >= b for a, b in pairwise(dates))
