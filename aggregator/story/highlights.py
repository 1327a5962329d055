"""The few short sentences that say what a story is about, as several outlets bear them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest

from aggregator.model import Report
from aggregator.story.headline import plain_headline
from aggregator.story.reading import Line
from aggregator.story.stems import stems

_MOST = 3
_CANDIDATES = 40
_SHORTEST, _LONGEST = 30, 260
_COMFORTABLE = 170
_BEYOND_TITLE = 0.25
_SAME = 0.5
"""Words in common with what was said already from which a sentence says nothing new."""


def choose_highlights(
    lines: Sequence[Line], lead: Report, *, language: str, told: Iterable[Line] = ()
) -> list[Line]:
    """At most three lines of a language that stand by themselves, the one that matters most first.

    Each says something else than `told`, the others, and the headline alone.
    """
    title = frozenset(stems(plain_headline(lead)))
    fit = [line for line in lines if line.language == language and _stands(line, title)]
    left = nlargest(_CANDIDATES, fit, key=_worth)
    said = list(told)
    chosen: list[Line] = []
    while left and len(chosen) < _MOST:
        best = max(left, key=lambda line: (_value(line, chosen), -line.order, -line.place))
        left.remove(best)
        if not any(best.says(line.terms, _SAME) for line in [*said, *chosen]):
            chosen.append(best)
    return chosen


def _stands(line: Line, title: frozenset[str]) -> bool:
    is_fit = _SHORTEST <= line.length <= _LONGEST and line.is_whole and not line.leans
    return is_fit and line.news([title]) >= _BEYOND_TITLE


def _worth(line: Line) -> float:
    early = 1 - 0.06 * min(line.place, 5)
    short = min(1.0, _COMFORTABLE / line.length)
    return (0.2 + line.weight) * (0.5 + line.about) * early * short * (0.7 if line.is_background else 1.0)


def _value(line: Line, chosen: Sequence[Line]) -> float:
    other = 0.6 if any(line.report.source_title == one.report.source_title for one in chosen) else 1.0
    return round(_worth(line) * other * line.news(one.terms for one in chosen), 9)
