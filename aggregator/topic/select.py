"""Which stories a topic holds, how strongly, and those of them that its feed shows, in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Literal, Protocol, TypeVar

from aggregator.model import EntryId, Report, SourceId, Story

Republish = Literal["never", "on_new_source", "on_revision"]

IN_HEADLINE = 1.0
"""Strength of an entry whose headline alone satisfies a topic's rule."""
AT_THE_BEGINNING = 0.5
"""That of one which satisfies it with the first words of its text."""
FURTHER_DOWN = 0.2
"""That of one which says so far down only: in passing, mostly."""
BEGINNING = 100
"""So many words of a text say what it is about."""
BAR = 0.25
"""A topic holds the stories with a higher score. More than half of the reports satisfy its rule at their
beginnings, or more than a quarter in their headlines: one mention among several does not do."""
_SPEECHLESS = 0.5
"""What a report counts in a language of which no report of the story matches: the words may lack that language."""


class Selectable(Protocol):
    """What the choice depends on."""

    @property
    def pinned(self) -> bool: ...
    @property
    def sources(self) -> int: ...


S = TypeVar("S", bound=Selectable)


def story_score(originals: Iterable[tuple[str | None, float]]) -> float:
    """How strongly a story is in a topic, 0 to 1, from the language and strength of each of its originals.

    The mean of the strengths, of which those that do not match have none.
    """
    languages: dict[str | None, list[float]] = defaultdict(list)
    for language, strength in originals:
        languages[language].append(strength)
    total = sum(map(sum, languages.values()))
    weight = sum(len(found) * (1 if any(found) else _SPEECHLESS) for found in languages.values())
    return round(total / weight, 3) if weight else 0.0


def choose(stories: Iterable[S], *, min_sources: int, items: int) -> list[S]:
    """The first of the stories, which come in the order of the feed, that enough independent sources carry."""
    carried = (story for story in stories if story.pinned or story.sources >= min_sources)
    return list(islice(carried, items))


def shown_as_updated(story: Story, republish: Republish) -> datetime:
    """The date from which readers see the item as new again (RFC 4287 §4.2.15)."""
    if republish == "never":
        return story.first_published
    moments = list(_first_of_each_origin(story.coverage))
    if republish == "on_revision":
        moments += [report.revised_at for report in story.coverage if report.revised_at]
    return max(moments)


def _first_of_each_origin(coverage: Sequence[Report]) -> Iterable[datetime]:
    """When each independent source first reported: copies stand for whoever of them was first."""
    earliest: dict[EntryId, Report] = {}
    for report in sorted(coverage, key=lambda report: (report.published, report.source)):
        earliest.setdefault(report.duplicate_of or report.entry, report)
    first: dict[SourceId, datetime] = {}
    for report in earliest.values():
        first.setdefault(report.source, report.published)
    return first.values()
