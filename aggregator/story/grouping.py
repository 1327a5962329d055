"""The entries of a pass, in the order of their dates → which of them are copies, and the story of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator.model import EntryId, Profile, SourceId, StoryId
from aggregator.story.cluster import Placement, place
from aggregator.story.duplicate import Candidate, Repeats
from aggregator.story.likeness import Member, Weights
from aggregator.story.opinion import unlabelled
from aggregator.story.window import Window

AT_ONCE = 250
"""Entries that are learnt, and stored, together."""
_BEGINNING = 260
"""Characters of the text that are embedded: more takes longer, and makes long texts alike."""
COPIED_WITHIN = timedelta(days=14)
"""A text is recognised in its edited and cut copies for so long, or for as long as stories live."""
LATE = 2
"""So many windows back stories are looked at again for entries that arrive late."""
MOST_ENTRIES = 100_000
"""Entries that are held at most, and texts: beyond that the oldest are let go before their time."""
_TEXT_BYTES = 1400
"""Of memory for each text by which copies are recognised, as tracemalloc finds."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What grouping must know of an entry."""

    entry: EntryId
    source: SourceId
    identity: str
    dated: datetime
    title: str
    language: str | None
    canonical_url: str | None
    text_hash: str | None
    profile: Profile
    sketch: bytes


def beginning(title: str, text: str) -> str:
    """What stands for the meaning of an entry: its title and the beginning of its text."""
    return f"{unlabelled(title)}\n{text[:_BEGINNING]}".strip()


@dataclass(frozen=True, slots=True)
class Held:
    """What grouping keeps in memory: the active window."""

    stories: int
    entries: int
    """Those that new ones are compared with; copies are none."""
    texts: int
    """Those by which copies are recognised."""
    bytes: int
    """About how much memory that is."""


class Grouping:
    """Decides about one entry after the other: first what it repeats, then, for originals, its story."""

    def __init__(self, span: timedelta, weights: Weights, *, most: int = MOST_ENTRIES) -> None:
        self.window = Window(span, weights)
        self.late = datetime.max.replace(tzinfo=UTC)
        """Stories are kept for entries dated since then, though they come after younger ones."""
        self._most = most
        self._repeats = Repeats(max(span, COPIED_WITHIN), most=most)

    def know(self, candidates: Iterable[Candidate]) -> None:
        """Tell of stored entries, of whatever age, that those to come may repeat by page or text.

        All that were told of before are forgotten.
        """
        self._repeats.know(candidates)

    def learn(self, arrivals: Iterable[tuple[Arrival, bytes | None]]) -> None:
        """Take entries with their vectors into account in what is rare and what is common.

        Before they are held or placed: a batch at a time, so that the first of it are judged as the last.
        """
        for arrival, vector in arrivals:
            self.window.learn(
                arrival.profile,
                dated=arrival.dated,
                language=arrival.language,
                vector=_array(vector) if vector else None,
            )

    def remember(self, arrival: Arrival, original: EntryId | None = None) -> None:
        """Recognise edited and cut copies of an entry that was grouped in an earlier pass."""
        self._repeats.remember(arrival, original)

    def hold(
        self,
        arrival: Arrival,
        story: StoryId,
        *,
        began: datetime,
        is_fixed: bool = False,
        vector: bytes | None = None,
    ) -> None:
        """Put an original, which was learnt, into the story that holds it in the store.

        `began`: when that was made; `is_fixed`: an editor had the last word on what belongs to it.
        """
        member = self._member(arrival, vector)
        member.since = began
        group = self.window.groups.get(story)
        if group is None:
            self.window.put(story, [member], is_fixed=is_fixed, began=began)
        else:
            self.window.join(group, member)
        self.window.shrink(self._most)

    def forget(self, before: datetime) -> None:
        """Let go of the stories whose last entry is older."""
        self.window.forget(before)

    def held(self) -> Held:
        """What is held in memory now."""
        texts = len(self._repeats)
        return Held(
            stories=len(self.window.groups),
            entries=self.window.entries,
            texts=texts,
            bytes=self.window.bytes() + texts * _TEXT_BYTES,
        )

    def original_of(self, arrival: Arrival) -> EntryId | None:
        """The entry that a new one repeats: the same page, the same text, or most of it.

        The new one is remembered, for those after it.
        """
        return self._repeats.original_of(arrival)

    def place(
        self,
        arrival: Arrival,
        *,
        own: StoryId,
        split_off: Callable[[StoryId, EntryId], StoryId],
        vector: bytes | None = None,
    ) -> Placement:
        """The story of an entry that repeats no other; see `aggregator.story.cluster.place`."""
        self.window.forget(min(arrival.dated, self.late) - self.window.span)
        placement = place(self.window, self._member(arrival, vector), own=own, split_off=split_off)
        self.window.shrink(self._most)
        return placement

    def _member(self, arrival: Arrival, vector: bytes | None) -> Member:
        return self.window.member(
            arrival.entry,
            arrival.profile,
            source=arrival.source,
            dated=arrival.dated,
            language=arrival.language,
            vector=_array(vector) if vector else None,
        )


def _array(vector: bytes) -> Any:
    import numpy as np

    return np.frombuffer(vector, "<f2")
