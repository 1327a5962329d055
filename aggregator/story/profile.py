"""What an entry is about, in a form that can be compared: its words, names and numbers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from aggregator.model import Profile
from aggregator.story.sound import sound
from aggregator.text.fold import words

_LEAD = 600
"""Characters of the text whose words count: what a report is about stands in its beginning."""
_NAMES_IN = 3000
"""Characters of the text in which names and numbers are looked for."""
_TITLE_WEIGHT = 2
_MOST_WORDS = 48
_MOST_NAMES = 32
_FEW_CAPITALS = 0.6
"""Share of words with a capital in a headline, above which they say nothing of names."""
_FULL_LENGTH = 1500

_HANGUL = re.compile(r"[가-힣]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD_CASED = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_UNCASED = re.compile(r"[가-힣ァ-ヴ]")
"""Scripts without capitals, in which foreign names are spelt by their sound: any word may be one."""
_CLAUSE = re.compile(r"(?<=[.!?»”\"])\s+|\n|: ")

_STOP_WORDS = """
a an the of in on at to for and or but is are was were be been being by with from as it its this that
these those he she they i we you his her their our your them him us me who which what when where why how
will would could should can may might must has have had do does did not no new says say said after over
into out up down about more most than amid also just now all some any one two first last s t m re ve і й
та в у на з із зі до за що як не це його її їх від для про під по при але або чи який яка яке які щоб
був була було були буде також вже ще так він вона вони ми ви и во с со к ко что как это его ее их от о
об под но или ли который которая которые чтобы был была было были будет также уже еще он она они мы вы
из w na z ze za że jak nie jego jej ich od dla o pod po przy ale lub czy który która które był była było
były będzie także już jeszcze tak ona oni się jest są oraz u der die das den dem des ein eine einer und
oder aber ist sind war im auf zu für mit von bei nach aus als auch nicht es er sie wir le la les un une
du de et ou mais est sont dans sur au aux pour par avec que qui ne pas ce cette il elle el los las una y
pero son en al por con se su sus lo del gli uno e ma di da per che non si è della
"""
_STOP = frozenset(_STOP_WORDS.split())
"""Words that say nothing of what a text is about, in the languages of most sources."""


def make_profile(title: str, text: str) -> Profile:
    """The traits of an entry, its most frequent words and names only."""
    counts: Counter[str] = Counter()
    for term in terms(title):
        counts[term] += _TITLE_WEIGHT
    counts.update(terms(text[:_LEAD]))
    return Profile(
        words=_most(counts, _MOST_WORDS),
        names=_most(Counter([*_title_names(title), *_names(text[:_NAMES_IN])]), _MOST_NAMES),
        numbers=_most(Counter(_NUMBER.findall(f"{title} {text[:_NAMES_IN]}")), _MOST_NAMES),
        length=round(min(len(text) / _FULL_LENGTH, 1.0), 3),
    )


def _most(counts: Counter[str], limit: int) -> tuple[tuple[str, int], ...]:
    # By count, then as they stand in the text: equal texts yield equal profiles
    return tuple(counts.most_common(limit))


def terms(text: str) -> Iterable[str]:
    """The terms by which texts are compared: words without endings, without those that say nothing."""
    for word in words(text):
        if word in _STOP:
            continue
        if word.isascii():
            yield word[:6]
        elif _HANGUL.search(word) or _UNSPACED.search(word):
            # No spaces, or particles that stick to the word: pairs of characters stand for it
            if len(word) <= 2:
                yield word
            else:
                yield from (word[at : at + 2] for at in range(len(word) - 1))
        elif _CYRILLIC.match(word):
            yield word[:5]
        else:
            yield word[:6]


def _title_names(title: str) -> Iterable[str]:
    """The names of a headline, unless it Writes Every Word Like a Name."""
    found = _WORD_CASED.findall(title)
    cased = [word for word in found if word[0].isupper() or word[0].islower()]
    if sum(word[0].isupper() for word in cased) <= _FEW_CAPITALS * len(cased):
        yield from filter(None, map(_name, found))


def _names(text: str) -> Iterable[str]:
    """Words with a capital inside a sentence: names of people, places, bodies."""
    for clause in _CLAUSE.split(text):
        found = _WORD_CASED.findall(clause)
        # What begins a sentence has a capital in any case
        yield from filter(None, map(_name, found[_UNCASED.match(found[0]) is None :] if found else ()))


def _name(word: str) -> str | None:
    """How a name sounds; what is too short for that, as it is written without its ending."""
    if _UNCASED.match(word):
        return sound(word)
    if not word[0].isupper() or len(word) < 2:
        return None
    folded = unicodedata.normalize("NFKC", word).casefold()
    return None if folded in _STOP else sound(word) or folded[:6]
