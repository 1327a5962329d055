"""The reports of a story → what is shown of it: headline, story text with its sources, opinions, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aggregator.model import Report, Sentence, Story, StoryId
from aggregator.text.sentences import split_sentences

_EXCERPT = 400
"""Characters taken from one source at most, in whole sentences."""


def compose(
    id: StoryId,
    reports: Sequence[Report],
    *,
    first_published: datetime,
    updated: datetime,
    headline: str | None = None,
    pinned: bool = False,
) -> Story:
    """The story of these reports, oldest first; at least one. `headline` is an editor's."""
    lead = choose_lead(reports)
    return Story(
        id=id,
        headline=headline or lead.title or lead.source_title,
        lead=lead,
        first_published=first_published,
        updated=updated,
        highlights=(),
        story=excerpt(lead),
        opinions=tuple(report for report in reports if report.kind == "opinion"),
        coverage=tuple(reports),
        pinned=pinned,
    )


def choose_lead(reports: Sequence[Report]) -> Report:
    """The report that gives headline and link: reporting before opinion, then the earliest."""
    return min(
        reports, key=lambda report: (report.kind == "opinion", report.published, report.source, report.entry)
    )


def excerpt(report: Report) -> tuple[Sentence, ...]:
    """The beginning of a report in whole sentences, each with its source; the first one cut if need be."""
    sentences: list[Sentence] = []
    length = 0
    for text in split_sentences(report.text, report.language):
        if not sentences and len(text) > _EXCERPT:
            text = f"{text[: _EXCERPT - 1].rsplit(' ', 1)[0]}…"
        length += len(text)
        if length > _EXCERPT:
            break
        sentences.append(Sentence(text, report.entry, report.url, report.source_title))
    return tuple(sentences)
