"""The reports of a story → what is shown of it: headline, highlights, story, quotes, opinions, coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.model import Correction, EntryId, Quote, Related, Report, Sentence, Story, StoryId
from aggregator.story.headline import base_language, choose_lead, independent, plain_headline
from aggregator.story.highlights import choose_highlights
from aggregator.story.narrative import ENOUGH, excerpt, opening, tell, without
from aggregator.story.quotes import choose_quotes
from aggregator.story.reading import Line, read

__all__ = ["Composition", "choose_lead", "compose", "compose_story", "excerpt", "make_headline"]

_FEWEST = 2
"""Highlights that are worth a list."""
_ALONE_ENOUGH = 3
"""Sentences beyond its excerpt that a single report must have to be highlighted: less would repeat it."""


@dataclass(frozen=True, slots=True)
class Composition:
    """What is told of a story; every sentence stands in a report word for word."""

    lead: EntryId
    """The report that speaks for the story."""
    story: tuple[Sentence, ...]
    highlights: tuple[Sentence, ...] = ()
    quotes: tuple[Quote, ...] = ()


def compose(reports: Sequence[Report], languages: Sequence[str] = ()) -> Composition:
    """What these reports, oldest first, tell; at least one. `languages` are the readers', the preferred one first.

    What a source withdrew is not told from while others tell of it.
    """
    standing = _standing(reports)
    lead = choose_lead(standing, languages)
    told = _told(independent(standing), lead, languages)
    return Composition(lead.entry, told.story, _sentences(told.highlights), tuple(told.quotes))


def compose_story(
    id: StoryId,
    reports: Sequence[Report],
    *,
    first_published: datetime,
    updated: datetime,
    headline: str | None = None,
    pinned: bool = False,
    languages: Sequence[str] = (),
    related: Sequence[Related] = (),
    corrections: Sequence[Correction] = (),
    composition: Composition | None = None,
) -> Story:
    """The story of these reports, as of `compose`, or with what it said of them before.

    `headline` is an editor's.
    """
    told = composition or compose(reports, languages)
    lead = next(report for report in reports if report.entry == told.lead)
    return Story(
        id=id,
        headline=make_headline(lead, headline),
        lead=lead,
        first_published=first_published,
        updated=updated,
        highlights=told.highlights,
        story=told.story,
        opinions=tuple(report for report in reports if report.kind == "opinion"),
        coverage=tuple(reports),
        quotes=told.quotes,
        related=tuple(related),
        corrections=tuple(corrections),
        pinned=pinned,
    )


def _standing(reports: Sequence[Report]) -> Sequence[Report]:
    return [report for report in reports if report.withdrawn_at is None] or reports


def make_headline(lead: Report, given: str | None) -> str:
    """What stands above a story: an editor's headline, else the title of its lead, else the outlet."""
    return given or plain_headline(lead) or lead.source_title


@dataclass(frozen=True, slots=True)
class _Told:
    story: tuple[Sentence, ...]
    highlights: Sequence[Line] = ()
    quotes: Sequence[Quote] = ()


def _told(reports: Sequence[Report], lead: Report, languages: Sequence[str]) -> _Told:
    if not reports:
        # Opinion alone stands among the opinions
        return _Told(())
    lines = read(reports, lead)
    ordered = _languages(lines, lead, languages)
    # A reader can do nothing with a quotation in a language that is not theirs
    heard = list(dict.fromkeys([ordered[0], *map(base_language, languages)])) if languages else ordered
    quotes = choose_quotes(reports, lead, languages=heard)
    if len(reports) == 1:
        return _alone(lines, lead, ordered, quotes)
    for language in ordered:
        if first := opening(lines, language):
            return _together(lines, first, lead, quotes)
        of_one = next((told for one in _in(language, reports, lead) if (told := excerpt(one))), None)
        if of_one:
            return _Told(of_one, quotes=_not_in([sentence.text for sentence in of_one], quotes))
    return _Told((), quotes=quotes)


def _in(language: str, reports: Sequence[Report], lead: Report) -> list[Report]:
    own = [report for report in reports if base_language(report.language) == language]
    return sorted(own, key=lambda report: report.entry != lead.entry)


def _together(lines: Sequence[Line], first: Line, lead: Report, quotes: Sequence[Quote]) -> _Told:
    """Highlights and story from the opening on, in its language, nothing in both.

    Where there is too little for the two, the highlights go.
    """
    quotes = _not_in([first.text], quotes)
    lines = [line for line in lines if not any(quote.text in line.text for quote in quotes)]
    # Those that say in other words what the opening says may be among them
    highlights = choose_highlights(without(lines, [first]), lead, language=first.language)
    while len(highlights) >= _FEWEST:
        story = tell(without(lines, highlights), first)
        if len(story) >= ENOUGH and len(story) > len(highlights):
            return _Told(_sentences(story), highlights, quotes)
        highlights = highlights[:-1]
    return _Told(_sentences(tell(lines, first)), quotes=quotes)


def _alone(lines: Sequence[Line], lead: Report, languages: Sequence[str], quotes: Sequence[Quote]) -> _Told:
    story = excerpt(lead)
    told = {sentence.text for sentence in story}
    quotes = _not_in(told, quotes)
    said = [line for line in lines if line.text in told]
    rest = [
        line
        for line in lines
        if line.text not in told and not any(quote.text in line.text for quote in quotes)
    ]
    highlights = choose_highlights(rest, lead, language=languages[0], told=said)
    return _Told(story, highlights if len(highlights) >= _ALONE_ENOUGH else (), quotes)


def _not_in(texts: Iterable[str], quotes: Sequence[Quote]) -> list[Quote]:
    """The quotes that no text holds already."""
    held = [" ".join(text.split()) for text in texts]
    return [quote for quote in quotes if not any(quote.text in text for text in held)]


def _languages(lines: Sequence[Line], lead: Report, languages: Sequence[str]) -> list[str]:
    """Those of the lines: the lead's, then as preferred, then by how much there is in them."""
    count = Counter(line.language for line in lines)
    wanted = [
        base_language(lead.language),
        *map(base_language, languages),
        *(one for one, _ in count.most_common()),
    ]
    return list(dict.fromkeys(wanted))


def _sentences(lines: Sequence[Line]) -> tuple[Sentence, ...]:
    return tuple(line.sentence() for line in lines)
