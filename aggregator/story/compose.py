"""The reports of a story → what is shown of it: headline, highlights, story with its sources, opinions, coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from aggregator.model import Report, Sentence, Story, StoryId
from aggregator.story.headline import base_language, choose_lead, independent, plain_headline
from aggregator.story.highlights import choose_highlights
from aggregator.story.narrative import excerpt, opening, tell
from aggregator.story.reading import Line, read

__all__ = ["choose_lead", "compose", "excerpt"]

_ALONE_ENOUGH = 3
"""Sentences beyond its excerpt that a single report must have to be highlighted: less would repeat it."""


def compose(
    id: StoryId,
    reports: Sequence[Report],
    *,
    first_published: datetime,
    updated: datetime,
    headline: str | None = None,
    pinned: bool = False,
    languages: Sequence[str] = (),
) -> Story:
    """The story of these reports, oldest first; at least one.

    `headline` is an editor's; `languages` are the readers', the preferred one first. Every sentence stands in a
    report word for word.
    """
    lead = choose_lead(reports, languages)
    highlights, story = _told(independent(reports), lead, languages)
    return Story(
        id=id,
        headline=headline or plain_headline(lead) or lead.source_title,
        lead=lead,
        first_published=first_published,
        updated=updated,
        highlights=highlights,
        story=story,
        opinions=tuple(report for report in reports if report.kind == "opinion"),
        coverage=tuple(reports),
        pinned=pinned,
    )


_Sentences = tuple[Sentence, ...]


def _told(reports: Sequence[Report], lead: Report, languages: Sequence[str]) -> tuple[_Sentences, _Sentences]:
    if not reports:
        return (), excerpt(lead)
    lines = read(reports, lead)
    ordered = _languages(lines, lead, languages)
    if len(reports) == 1:
        return _alone(lines, lead, ordered)
    first = opening(lines, ordered[0])
    if first is None:
        return (), excerpt(lead)
    highlights = choose_highlights(lines, lead, languages=ordered, told=[first])
    story_lines = tell(lines, first, languages=ordered, highlights=highlights)
    if len(story_lines) <= len(highlights) and set(highlights) <= set(story_lines):
        highlights = []
    return _sentences(highlights), _sentences(story_lines)


def _alone(lines: Sequence[Line], lead: Report, languages: Sequence[str]) -> tuple[_Sentences, _Sentences]:
    story = excerpt(lead)
    told = {sentence.text for sentence in story}
    said = [line for line in lines if line.text in told]
    rest = [line for line in lines if line.text not in told]
    highlights = choose_highlights(rest, lead, languages=languages, told=said)
    return _sentences(highlights) if len(highlights) >= _ALONE_ENOUGH else (), story


def _languages(lines: Sequence[Line], lead: Report, languages: Sequence[str]) -> list[str]:
    """Those of the lines: the lead's, then as preferred, then by how much there is in them."""
    count = Counter(line.language for line in lines)
    wanted = [
        base_language(lead.language),
        *map(base_language, languages),
        *(one for one, _ in count.most_common()),
    ]
    return list(dict.fromkeys(wanted))


def _sentences(lines: Sequence[Line]) -> _Sentences:
    return tuple(line.sentence() for line in lines)
