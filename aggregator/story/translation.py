"""Which reports of a story are one in two languages: as many sentences and the same numbers, in whatever words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aggregator.model import Report
from aggregator.text.sentences import split_sentences

_READ = 4000
_SENTENCES = 0.6
"""Of the longer one's sentences the shorter has at least so many: translators join and part them."""
_NUMBERS = 0.4
"""Numbers in common: some become words, or other units."""
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Shape:
    """What is left of a report in another language."""

    sentences: int
    numbers: frozenset[str]

    def may_translate(self, other: Shape) -> bool:
        """Whether the two reports, in two languages, may be translations."""
        fewer, more = sorted((self.sentences, other.sentences))
        either = self.numbers | other.numbers
        is_alike = not either or len(self.numbers & other.numbers) >= _NUMBERS * len(either)
        return fewer >= _SENTENCES * more and is_alike


def shape(report: Report) -> Shape:
    """The shape of the beginning of a report."""
    text = report.text[:_READ]
    return Shape(len(split_sentences(text, report.language)), frozenset(_NUMBER.findall(text)))
