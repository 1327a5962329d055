"""Which stories a topic holds, how strongly, and those of them that its feed shows, in their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
BAR = 0.3
"""A topic holds the stories with a higher score. Two thirds of the reports satisfy its rule at their beginnings, or
a third in their headlines: one mention among several does not do."""


class Selectable(Protocol):
    """What the choice depends on."""

    @property
    def pinned(self) -> bool: ...
    @property
    def sources(self) -> int: ...


S = TypeVar("S", bound=Selectable)


def story_score(strengths: Collection[float]) -> float:
    """How strongly a story is in a topic, 0 to 1: the mean of the strengths of its originals.

    Those that do not match have none, so that one more that matches in its headline never makes it less.
    """
    return round(sum(strengths) / len(strengths), 3) if strengths else 0.0


def choose(stories: Iterable[S], *, min_sources: int, items: int) -> list[S]:
    """The first of the stories, which come in the order of the feed, that enough independent sources carry."""
    carried = (story for story in stories if story.pinned or story.sources >= min_sources)
    return list(islice(carried, items))


def shown_as_updated(story: Story, republish: Republish) -> datetime:
    """The date from which readers see the item as new again (RFC 4287 §4.2.15)."""
    if republish == "never":
        return story.first_published
    moments = list(_first_of_each_origin(story.coverage))
    # What a source takes back matters to whoever has read it
    moments += [correction.at for correction in story.corrections]
    moments += [report.withdrawn_at for report in story.coverage if report.withdrawn_at]
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
