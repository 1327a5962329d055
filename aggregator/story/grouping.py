"""The entries of a pass, in the order of their dates → which of them are copies, and the story of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aggregator.model import EntryId, Profile, SourceId, StoryId
from aggregator.story.cluster import Placement, place
from aggregator.story.duplicate import Candidate, Candidates
from aggregator.story.likeness import Member, Weights
from aggregator.story.sketch import Sketch, SketchIndex
from aggregator.story.window import Window
from aggregator.text.fold import words

AT_ONCE = 250
"""Entries that are learnt, and stored, together."""
_BEGINNING = 260
"""Characters of the text that are embedded: more takes longer, and makes long texts alike."""
COPIED_WITHIN = timedelta(days=14)
"""A text is recognised in its edited and cut copies for so long, or for as long as stories live."""


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
    return f"{title}\n{text[:_BEGINNING]}".strip()


class Grouping:
    """Decides about one entry after the other: first what it repeats, then, for originals, its story."""

    def __init__(self, span: timedelta, weights: Weights) -> None:
        self.window = Window(span, weights)
        self._sketches = SketchIndex(max(span, COPIED_WITHIN))
        self._repeats = Candidates(())
        self._headlines: dict[EntryId, tuple[SourceId, str, EntryId]] = {}

    def know(self, candidate: Candidate) -> None:
        """Tell of a stored entry, of whatever age, that a new one may repeat by page or text."""
        self._repeats.add(candidate)

    def learn(self, arrivals: Iterable[tuple[Arrival, bytes | None]]) -> None:
        """Take entries with their vectors into account in what is rare and what is common.

        Before they are restored or placed: a batch at a time, so that the first of it are judged as the last.
        """
        for arrival, vector in arrivals:
            self.window.learn(arrival.profile, arrival.language, _array(vector) if vector else None)

    def restore(
        self, arrival: Arrival, story: StoryId, *, is_fixed: bool = False, vector: bytes | None = None
    ) -> None:
        """Put back an original of the window that was grouped in an earlier pass.

        `is_fixed`: an editor had the last word on what belongs to its story.
        """
        self._remember(arrival, None)
        member = self._member(arrival, vector)
        group = self.window.groups.get(story)
        if group is None:
            self.window.put(story, [member], is_fixed=is_fixed)
        else:
            self.window.join(group, member)

    def original_of(self, arrival: Arrival) -> EntryId | None:
        """The entry that a new one repeats: the same page, the same text, or most of it.

        The new one is remembered, for those after it.
        """
        candidate = self._repeats.original_of(
            source=arrival.source,
            title=arrival.title,
            canonical_url=arrival.canonical_url,
            text_hash=arrival.text_hash,
        )
        if candidate is None:
            found = self._edited_copy(arrival)
        else:
            found = candidate.id if candidate.duplicate_of is None else candidate.duplicate_of
        self._remember(arrival, found)
        self._repeats.add(
            Candidate(
                id=arrival.entry,
                source=arrival.source,
                dated=arrival.dated,
                title=arrival.title,
                canonical_url=arrival.canonical_url,
                text_hash=arrival.text_hash,
                duplicate_of=found,
            )
        )
        return found

    def place(
        self,
        arrival: Arrival,
        *,
        own: StoryId,
        split_off: Callable[[StoryId, EntryId], StoryId],
        vector: bytes | None = None,
    ) -> Placement:
        """The story of an entry that repeats no other; see `aggregator.story.cluster.place`."""
        self.window.forget(arrival.dated - self.window.span)
        return place(self.window, self._member(arrival, vector), own=own, split_off=split_off)

    def _edited_copy(self, arrival: Arrival) -> EntryId | None:
        found = self._sketches.copied_by(Sketch(arrival.sketch), arrival.dated)
        if found is None:
            return None
        source, title, original = self._headlines[EntryId(found)]
        # A source repeats the frame of its daily notices, and a live blog its page: the title must agree
        if source == arrival.source and words(title) != words(arrival.title):
            return None
        return original

    def _remember(self, arrival: Arrival, original: EntryId | None) -> None:
        if not arrival.sketch:
            return
        self._sketches.forget(arrival.dated - max(self.window.span, COPIED_WITHIN))
        self._sketches.add(arrival.entry, arrival.dated, Sketch(arrival.sketch), original)
        self._headlines[arrival.entry] = (
            arrival.source,
            arrival.title,
            arrival.entry if original is None else original,
        )

    def _member(self, arrival: Arrival, vector: bytes | None) -> Member:
        return self.window.member(
            arrival.entry,
            arrival.profile,
            dated=arrival.dated,
            language=arrival.language,
            vector=_array(vector) if vector else None,
        )


def _array(vector: bytes) -> Any:
    import numpy as np

    return np.frombuffer(vector, "<f2").astype(np.float32)
