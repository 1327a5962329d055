"""Which stored entry, if any, a new entry repeats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from aggregator.model import EntryId, SourceId
from aggregator.story.sketch import Sketch, SketchIndex
from aggregator.text.fold import words

_ALIKE_TITLES = 0.6
"""Share of the shorter title's words that a source keeps when it corrects or repeats a report."""
_FEWEST_WORDS = 3
_ALIKE_TEXTS = 2 / 3
"""Share of the text that it keeps with them; its notices have less in common, or other numbers."""

_SPARE_HEADLINES = 1_000
"""Headlines of texts that are gone are dropped once there are so many more than texts."""


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


class Report(Protocol):
    """What must be known of an entry to tell what it repeats."""

    @property
    def entry(self) -> EntryId: ...
    @property
    def source(self) -> SourceId: ...
    @property
    def dated(self) -> datetime: ...
    @property
    def title(self) -> str: ...
    @property
    def canonical_url(self) -> str | None: ...
    @property
    def text_hash(self) -> str | None: ...
    @property
    def sketch(self) -> bytes: ...


class _Headline(NamedTuple):
    source: SourceId
    title: str
    original: EntryId


class Repeats:
    """Remembers entries, and tells what a new one repeats: the same page, the same text, or most of it."""

    def __init__(self, window: timedelta, *, most: int = 250_000) -> None:
        """`window`: how far apart edited and cut copies are recognised; the same page and text at any time.

        `most`: texts by which such copies are recognised; beyond that the oldest are let go.
        """
        self._window = window
        self._candidates = Candidates(())
        self._sketches = SketchIndex(window, most=most)
        self._headlines: dict[EntryId, _Headline] = {}

    def __len__(self) -> int:
        """How many texts are remembered."""
        return len(self._sketches)

    def know(self, candidates: Iterable[Candidate]) -> None:
        """Tell of stored entries, of whatever age, that those to come may repeat by page or text.

        All that were told of before are forgotten.
        """
        self._candidates = Candidates(candidates)

    def remember(self, report: Report, original: EntryId | None = None) -> None:
        """Recognise edited and cut copies of an entry. `original`: what it repeats itself."""
        self._sketches.forget(report.dated - self._window)
        self._sketches.add(report.entry, report.dated, Sketch(report.sketch), original)
        if report.entry not in self._sketches:
            return
        kept = report.entry if original is None else original
        self._headlines[report.entry] = _Headline(report.source, report.title, kept)
        if len(self._headlines) > 2 * len(self._sketches) + _SPARE_HEADLINES:
            self._headlines = {
                entry: headline for entry, headline in self._headlines.items() if entry in self._sketches
            }

    def original_of(self, report: Report) -> EntryId | None:
        """The entry that a new one repeats, an original always. The new one is remembered."""
        candidate = self._candidates.original_of(
            source=report.source,
            title=report.title,
            canonical_url=report.canonical_url,
            text_hash=report.text_hash,
        )
        if candidate is None:
            original = self._edited_copy(report)
        else:
            original = candidate.id if candidate.duplicate_of is None else candidate.duplicate_of
        self.remember(report, original)
        self._candidates.add(
            Candidate(
                id=report.entry,
                source=report.source,
                dated=report.dated,
                title=report.title,
                canonical_url=report.canonical_url,
                text_hash=report.text_hash,
                duplicate_of=original,
            )
        )
        return original

    def _edited_copy(self, report: Report) -> EntryId | None:
        def admits(key: int, share: float) -> bool:
            stored = self._headlines[EntryId(key)]
            return stored.source != report.source or _is_repeated(stored.title, report.title, share)

        found = self._sketches.copied_by(Sketch(report.sketch), report.dated, admits=admits)
        return None if found is None else self._headlines[EntryId(found)].original


def _is_repeated(title: str, other: str, share: float) -> bool:
    """Whether a source repeats a report under these titles.

    It repeats the frame of its daily notices too, and a live blog its page.
    """
    one, two = words(title), words(other)
    if one == two:
        return True
    mine, its = set(one), set(two)
    if share < _ALIKE_TEXTS or (_has_number(mine - its) and _has_number(its - mine)):
        return False
    return len(mine & its) >= max(_FEWEST_WORDS, _ALIKE_TITLES * min(len(mine), len(its)))


def _has_number(found: Iterable[str]) -> bool:
    return any(word[0].isdigit() for word in found)
