"""A story told in the words of its reports: a few sentences in a readable order, little of each source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import nlargest

from aggregator.model import Report, Sentence
from aggregator.story.dateline import prose, told_sentences
from aggregator.story.reading import Line
from aggregator.text.sentences import has_whole_quotations, is_rest

EXCERPT = 400
"""Characters taken from one source at most, in whole sentences."""
ENOUGH = 3
"""Sentences that a story should have."""
_MOST = 8
_CANDIDATES = 60
_SHORTEST = 20
_SHORTEST_OPENING = 30
_LABEL_WORDS = 3
"""Without a full stop they are the name of a section."""
_SAME = 0.5
_COPIED = 0.85
"""Words in common from which two sentences are one."""


def excerpt(report: Report) -> tuple[Sentence, ...]:
    """The beginning of a report in whole sentences, each with its source; the first one cut if need be.

    Half a quotation is left out, and so are what the beginning of the text has of a sentence that began before, and the
    names of its sections.
    """
    sentences: list[Sentence] = []
    length = 0
    texts = told_sentences(prose(report), report.language, within=3 * EXCERPT)
    is_prose = not all(map(_is_label, texts))
    for place, text in enumerate(texts):
        if not sentences and len(text) > EXCERPT:
            text = f"{text[: EXCERPT - 1].rsplit(' ', 1)[0]}…"
        begins_before = not place and is_rest(text) and not all(map(is_rest, texts))
        if begins_before or (is_prose and _is_label(text)) or not has_whole_quotations(text):
            continue
        length += len(text)
        if length > EXCERPT:
            break
        sentences.append(Sentence(text, report.entry, report.url, report.source_title))
    return tuple(sentences)


def _is_label(text: str) -> bool:
    return len(text) < _SHORTEST_OPENING and len(text.split()) <= _LABEL_WORDS and text[-1].isalnum()


def opening(lines: Sequence[Line], language: str) -> Line | None:
    """The sentence of a language that begins the story: the first of the lead, or of the next report, that can.

    What stands first in its report has nothing before it to lean on but its headline. Where every sentence points back,
    the first one has to do: a story is not told in another language for that.
    """
    fit = [line for line in lines if line.language == language and _fits(line) and len(line.text) <= EXCERPT]
    standing = [line for line in fit if not line.leans or (not line.place and not line.points_back)]
    long = (line for line in standing if line.length >= _SHORTEST_OPENING)
    return next(long, next(iter([*standing, *fit]), None))


def without(lines: Sequence[Line], told: Sequence[Line]) -> list[Line]:
    """The lines that say nothing of `told` in the same words."""
    return [line for line in lines if not any(line.says(one.terms, _COPIED) for one in told)]


def tell(lines: Sequence[Line], first: Line) -> list[Line]:
    """Up to eight lines in the language of the opening, from it on, no two that say the same."""
    telling = _Telling(lines, first)
    telling.add([line for line in lines if line.language == first.language], _MOST)
    return telling.in_order()


class _Telling:
    def __init__(self, lines: Sequence[Line], first: Line) -> None:
        self._first = first
        self._at = {(line.order, line.place): line for line in lines}
        self._chosen: list[Line] = [first]
        self._taken: Counter[str] = Counter({first.report.source_title: len(first.text)})

    def add(self, candidates: Sequence[Line], most: int) -> None:
        """Take the best of the candidates until there are so many."""
        fit = [line for line in candidates if line not in self._chosen and _fits(line)]
        left = nlargest(_CANDIDATES, fit, key=_worth)
        while left and len(self._chosen) < most:
            follows = [line for line in left if not line.leans or self._before(line) in self._chosen]
            if not follows:
                return
            best = max(follows, key=self._value)
            left.remove(best)
            source, length = best.report.source_title, len(best.text)
            if self._taken[source] + length <= EXCERPT and not any(
                best.says(one.terms, _SAME) for one in self._chosen
            ):
                self._chosen.append(best)
                self._taken[source] += length

    def in_order(self) -> list[Line]:
        """By report, that of the opening first; what was before at the end, what leans on a sentence right behind
        it."""
        return sorted(self._chosen, key=self._key)

    def _key(self, line: Line) -> tuple[bool, bool, int, int]:
        head = line
        while head.leans and (before := self._before(head)) in self._chosen and before is not None:
            head = before
        past = head.is_background and head is not self._first
        later = line.order != self._first.order
        return past, later, line.order, line.place

    def _before(self, line: Line) -> Line | None:
        return self._at.get((line.order, line.place - 1))

    def _value(self, line: Line) -> tuple[float, int, int]:
        used = 0.6 if self._taken[line.report.source_title] else 1.0
        news = 1 + line.news(one.terms for one in self._chosen)
        return round(_worth(line) * used * news, 9), -line.order, -line.place


def _worth(line: Line) -> float:
    return (0.3 + line.weight) * (1 - 0.05 * min(line.place, 6)) * (1.3 if line.order == 0 else 1.0)


def _fits(line: Line) -> bool:
    return line.is_whole and line.length >= _SHORTEST
