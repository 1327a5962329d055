"""How much of others' texts goes out: excerpts, unless a source or the topic allows more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from aggregator.model import EntryId, Quote, Report, Sentence, Story
from aggregator.text.cut import cut

_ALL = 10**9


def within_rights(story: Story, *, excerpt: int, in_full: bool) -> Story:
    """The story with no more of each report than may go out.

    Of a report's text at most `excerpt` characters are told, in whole sentences: the highlights, the story and the
    quotes together. Its first sentence always is, cut where it is longer. With `in_full`, reports whose source does not
    forbid it keep their whole `content`; others lose it. A source's own policy counts more than either.
    """
    limits = {report.entry: _limit(report, excerpt) for report in story.coverage}
    used: Counter[EntryId] = Counter()
    # The story's beginning comes first, whatever stands above it on the page
    first = _fitting(story.story[:1], limits, used)
    highlights = _fitting(story.highlights, limits, used)
    rest = _fitting(story.story[1:], limits, used)
    quotes = tuple(quote for quote in story.quotes if _fits(quote, limits, used))
    return replace(
        story,
        lead=_bounded(story.lead, limits, in_full),
        highlights=highlights,
        story=first + rest,
        quotes=quotes,
        opinions=tuple(_bounded(report, limits, in_full) for report in story.opinions),
        coverage=tuple(_bounded(report, limits, in_full) for report in story.coverage),
    )


def _limit(report: Report, excerpt: int) -> int:
    return {"headline": 0, "full": _ALL}.get(report.policy or "", excerpt)


def _fitting(
    sentences: Iterable[Sentence], limits: dict[EntryId, int], used: Counter[EntryId]
) -> tuple[Sentence, ...]:
    found = []
    for sentence in sentences:
        limit = limits.get(sentence.entry, 0)
        if not used[sentence.entry] and limit:
            sentence = replace(sentence, text=cut(sentence.text, limit))
        elif used[sentence.entry] + len(sentence.text) > limit:
            continue
        used[sentence.entry] += len(sentence.text)
        found.append(sentence)
    return tuple(found)


def _fits(quote: Quote, limits: dict[EntryId, int], used: Counter[EntryId]) -> bool:
    used[quote.entry] += len(quote.text)
    return used[quote.entry] <= limits.get(quote.entry, 0)


def _bounded(report: Report, limits: dict[EntryId, int], in_full: bool) -> Report:
    is_full = report.policy == "full" or (report.policy is None and in_full)
    text = cut(report.text, limits.get(report.entry, 0))
    return replace(report, text=text, content=report.content if is_full else "")
