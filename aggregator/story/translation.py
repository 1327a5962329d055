"""Which passages of two reports may be one in two languages: at one place of reports with as many sentences and the
same numbers, in whatever words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aggregator.model import EntryId, Report
from aggregator.text.sentences import split_sentences

_READ = 4000
_NEAR = 0.1
"""So far apart, as shares of their reports, a passage and its translation may stand."""
_SENTENCES = 0.6
"""Of the longer one's sentences the shorter has at least so many: translators join and part them."""
_NUMBERS = 0.4
"""Numbers in common: some become words, or other units."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a report, from 0 to 1."""

    report: Report
    at: float


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is left of a report in another language."""

    sentences: int
    numbers: frozenset[str]

    def may_translate(self, other: _Shape) -> bool:
        fewer, more = sorted((self.sentences, other.sentences))
        either = self.numbers | other.numbers
        is_alike = not either or len(self.numbers & other.numbers) >= _NUMBERS * len(either)
        return fewer >= _SENTENCES * more and is_alike


class Translations:
    """Compares the reports of one story, and looks at each once at most."""

    def __init__(self) -> None:
        self._shapes: dict[EntryId, _Shape] = {}

    def may_be_one(self, one: Spot, other: Spot) -> bool:
        """Whether what stands there, in two languages, may be a passage and its translation."""
        return abs(one.at - other.at) <= _NEAR and self._shape(one.report).may_translate(
            self._shape(other.report)
        )

    def _shape(self, report: Report) -> _Shape:
        if report.entry not in self._shapes:
            text = report.text[:_READ]
            sentences = split_sentences(text, report.language)
            self._shapes[report.entry] = _Shape(len(sentences), frozenset(_NUMBER.findall(text)))
        return self._shapes[report.entry]
