"""Of the stories that a rule selects, those a topic's feed shows, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from aggregator.model import EntryId, Report, SourceId, Story, StoryId

Republish = Literal["never", "on_new_source", "on_revision"]


class Selectable(Protocol):
    """What the choice depends on."""

    @property
    def id(self) -> StoryId: ...
    @property
    def updated(self) -> datetime: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def sources(self) -> int: ...


S = TypeVar("S", bound=Selectable)


def choose(stories: Iterable[S], *, min_sources: int, items: int) -> list[S]:
    """Pinned stories first, then the last updated; only what enough independent sources carry."""
    carried = [story for story in stories if story.pinned or story.sources >= min_sources]
    carried.sort(key=lambda story: story.id)
    carried.sort(key=lambda story: (story.pinned, story.updated), reverse=True)
    return carried[:items]


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
