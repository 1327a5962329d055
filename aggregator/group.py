"""The entries that have no story yet get one, in the order of their dates, after the harvests of a pass.

The order makes the stories the same in whatever order the sources answered.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from sqlite_utils import Database

from aggregator.embed.protocol import Embedder
from aggregator.model import EntryId, StoryId
from aggregator.store.connection import writing
from aggregator.store.entries import duplicate_candidates, stored_texts, story_of
from aggregator.store.stories import (
    assign_story,
    is_story,
    move_entries,
    open_split,
    open_story,
    refresh_story,
)
from aggregator.store.traits import keep_evidence, keep_vectors, oldest_ungrouped, placed, ungrouped
from aggregator.story.cluster import Placement, founded_by, split_from
from aggregator.story.grouping import AT_ONCE, COPIED_WITHIN, Arrival, Grouping, beginning
from aggregator.story.likeness import WITH_MEANING, WORDS_ALONE

_LATE = 2
"""So many windows back stories are looked at again for entries that arrive late."""


@dataclass(slots=True)
class Grouped:
    """What grouping changed in the store."""

    duplicates: int = 0
    stories_new: set[StoryId] = field(default_factory=set)
    stories_updated: set[StoryId] = field(default_factory=set)


def group(
    db: Database,
    *,
    span: timedelta,
    now: datetime,
    embedder: Embedder | None = None,
    stop: threading.Event | None = None,
) -> Grouped:
    """Give a story to each entry that has none; `span` is how long a story attracts others.

    Batch by batch, each in one transaction: what is left at a stop or a crash is grouped next time.
    """
    grouped = Grouped()
    oldest = oldest_ungrouped(db)
    if oldest is None:
        return grouped
    since = max(oldest, now - _LATE * span) - max(span, COPIED_WITHIN)
    work = _Work(db, span, embedder, since, grouped, now)
    while arrivals := ungrouped(db, limit=AT_ONCE):
        if stop is not None and stop.is_set():
            break
        work.take(arrivals)
    grouped.stories_updated -= grouped.stories_new
    return grouped


class _Work:
    """One run over the entries that wait."""

    def __init__(
        self,
        db: Database,
        span: timedelta,
        embedder: Embedder | None,
        since: datetime,
        grouped: Grouped,
        now: datetime,
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._grouped = grouped
        self._now = now
        self._grouping = Grouping(span, WITH_MEANING if embedder else WORDS_ALONE)
        held = list(placed(db, since=since, space=embedder.name if embedder else None))
        self._grouping.learn((known.arrival, known.vector) for known in held)
        self._own = {
            known.arrival.entry: founded_by(known.arrival.source, known.arrival.identity) for known in held
        }
        for known in held:
            self._grouping.restore(known.arrival, known.story, is_fixed=known.is_fixed, vector=known.vector)

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Group a batch, all of it or, when this is interrupted, nothing."""
        for candidate in duplicate_candidates(self._db, arrivals):
            self._grouping.know(candidate)
        originals = {arrival.entry: self._grouping.original_of(arrival) for arrival in arrivals}
        new = [arrival for arrival in arrivals if originals[arrival.entry] is None]
        vectors = self._embed(new)
        self._grouping.learn((arrival, vectors.get(arrival.entry)) for arrival in new)
        with writing(self._db):
            if self._embedder:
                keep_vectors(self._db, self._embedder.name, vectors.items())
            for arrival in arrivals:
                original = originals[arrival.entry]
                if original is not None:
                    self._grouped.duplicates += 1
                    self._put(arrival, story_of(self._db, original), original)
                else:
                    self._place(arrival, vectors.get(arrival.entry))

    def _embed(self, arrivals: Sequence[Arrival]) -> dict[EntryId, bytes]:
        if self._embedder is None or not arrivals:
            return {}
        stored = stored_texts(self._db, [arrival.entry for arrival in arrivals])
        texts = [beginning(arrival.title, stored[arrival.entry]) for arrival in arrivals]
        vectors = self._embedder.embed(texts, [arrival.language for arrival in arrivals])
        return dict(zip((arrival.entry for arrival in arrivals), vectors, strict=True))

    def _place(self, arrival: Arrival, vector: bytes | None) -> None:
        own = self._own[arrival.entry] = founded_by(arrival.source, arrival.identity)
        if is_story(self._db, own):
            # It was here before, was removed, and is back: its id names its story still
            self._put(arrival, own, None)
            return
        placement = self._grouping.place(arrival, own=own, split_off=self._split_off, vector=vector)
        self._put(arrival, placement.joined, None)
        if placement.evidence is not None and placement.closest is not None:
            keep_evidence(self._db, arrival.entry, placement.closest, placement.evidence)
        self._rearrange(placement)

    def _put(self, arrival: Arrival, story: StoryId, original: EntryId | None) -> None:
        story, is_new = open_story(self._db, story, dated=arrival.dated, now=self._now)
        assign_story(self._db, arrival.entry, story, duplicate_of=original)
        (self._grouped.stories_new if is_new else self._grouped.stories_updated).add(story)

    def _rearrange(self, placement: Placement) -> None:
        for gone, kept in placement.merged:
            move_entries(self._db, gone, kept)
            refresh_story(self._db, kept)
            self._grouped.stories_updated.add(kept)
            self._grouped.stories_new.discard(gone)
            self._grouped.stories_updated.discard(gone)
        if placement.split:
            split = placement.split
            open_split(self._db, split.story, split.entries, split.made)
            for story in (split.story, split.made):
                refresh_story(self._db, story)
            self._grouped.stories_updated.add(split.story)
            self._grouped.stories_new.add(split.made)

    def _split_off(self, story: StoryId, first: EntryId) -> StoryId:
        own = self._own[first]
        return next(id for id in _split_ids(story, own) if not is_story(self._db, id))


def _split_ids(story: StoryId, first: StoryId) -> Iterator[StoryId]:
    return (split_from(story, version, [first]) for version in count(1))
