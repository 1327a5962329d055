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
    lines: Sequence[Line], lead: Report, *, languages: Sequence[str], told: Iterable[Line]
) -> list[Line]:
    """At most three lines that stand by themselves, each saying something else than `told` and the headline.

    Those in the first of `languages` come first, the others only fill up.
    """
    title = frozenset(stems(plain_headline(lead)))
    said = list(told)
    chosen: list[Line] = []
    fit = [line for line in lines if _stands(line) and line.news([title]) >= _BEYOND_TITLE]
    own = [line for line in fit if line.language == languages[0]]
    _add(chosen, own, said)
    _add(chosen, [line for line in own if line in said], [])
    for language in languages[1:]:
        # The first sentence of a report in another language says what the headline says
        _add(chosen, [line for line in fit if line.language == language and line.place], said)
    return chosen


def _add(chosen: list[Line], candidates: Sequence[Line], said: Sequence[Line]) -> None:
    left = nlargest(_CANDIDATES, candidates, key=_worth)
    while left and len(chosen) < _MOST:
        best = max(left, key=lambda line: (_value(line, chosen), -line.order, -line.place))
        left.remove(best)
        if not any(best.says(line.terms, _SAME) for line in [*said, *chosen]):
            chosen.append(best)


def _stands(line: Line) -> bool:
    return _SHORTEST <= line.length <= _LONGEST and line.is_whole and not line.leans


def _worth(line: Line) -> float:
    early = 1 - 0.06 * min(line.place, 5)
    short = min(1.0, _COMFORTABLE / line.length)
    return (0.2 + line.weight) * early * short * (0.7 if line.is_background else 1.0)


def _value(line: Line, chosen: Sequence[Line]) -> float:
    other = 0.6 if any(line.report.source_title == one.report.source_title for one in chosen) else 1.0
    return round(_worth(line) * other * line.news(one.terms for one in chosen), 9)
