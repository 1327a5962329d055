"""Which stored entry, if any, a new entry repeats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aggregator.model import EntryId, SourceId


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored entry that shares its canonical URL or the digest of its text with a new one."""

    id: EntryId
    source: SourceId
    dated: datetime
    title: str
    canonical_url: str | None
    text_hash: str | None
    duplicate_of: EntryId | None


class Candidates:
    """The entries that a new one may repeat, found by page and by text."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._by_trait: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            self.add(candidate)

    def add(self, candidate: Candidate) -> None:
        """Take in an entry that was just stored."""
        for trait in (candidate.canonical_url, candidate.text_hash):
            if trait is not None:
                self._by_trait.setdefault(trait, []).append(candidate)

    def original_of(
        self, *, source: SourceId, title: str, canonical_url: str | None, text_hash: str | None
    ) -> Candidate | None:
        """The oldest candidate whose text or page an entry repeats; an original rather than a copy.

        Within one source a page or a text may serve several entries (a live blog, a daily notice): there
        the title must agree too.
        """
        alike = [
            candidate
            for trait in (canonical_url, text_hash)
            if trait is not None
            for candidate in self._by_trait.get(trait, ())
            if candidate.source != source or candidate.title == title
        ]
        return min(alike, key=_precedence, default=None)


def _precedence(candidate: Candidate) -> tuple[bool, datetime, SourceId, EntryId]:
    # Not by arrival: the same entries have the same original in whatever order their sources answer
    return candidate.duplicate_of is not None, candidate.dated, candidate.source, candidate.id
