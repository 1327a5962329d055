"""The stems of a text's words, quickly: a word is looked at once, however often it stands in a story."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from aggregator.story.profile import terms

_WORD = re.compile(r"\w+")
_WORDS_KEPT = 1 << 15


def stems(text: str) -> Iterator[str]:
    """The terms by which entries are compared, without words that say nothing; one word may have several."""
    for word in _WORD.findall(text):
        yield from _stems(word)


def telling_stems(text: str) -> Iterator[str]:
    """Those of names and numbers: of words with a digit, or with a capital after the first word."""
    for at, word in enumerate(_WORD.findall(text)):
        if (at and word[0].isupper()) or not word.isalpha():
            yield from _stems(word)


@lru_cache(_WORDS_KEPT)
def _stems(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(terms(word[:64])))
