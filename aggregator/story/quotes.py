"""Who said what: quotations of whole sentences whose speaker is named, and none whose speaker is in doubt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aggregator.model import EntryId, Quote, Report
from aggregator.story.dateline import strip_dateline
from aggregator.story.headline import base_language, plain_headline, thinned
from aggregator.story.sound import sound
from aggregator.story.speakers import speaker_of
from aggregator.story.stems import stems
from aggregator.story.translation import shape
from aggregator.text.sentences import split_sentences

_MOST = 3
_MOST_REPORTS = 40
_READ = 4000
"""Characters of a report in which quotations are looked for."""
_LEAD = 400
_SHORTEST, _LONGEST = 30, 280
_SHORTEST_DENSE = 14
_FEWEST_WORDS = 5
_SAME = 0.5
"""Words in common from which two quotations say the same."""


_QUOTED = re.compile(
    r"“([^“”]+)”|\"([^\"]+)\"|«([^«»]+)»|„([^„“”]+)[“”]|‘([^‘’]{14,})’|(?<!\w)'([^']{14,})'(?![A-Za-z])"
)
_NEAR = 0.1
"""So far apart, as shares of their reports, a quotation and its translation may stand."""
_AS_FINAL = str.maketrans("gd", "kt")
"""A Korean syllable ends in the same letter for either."""
_ANY_MARK = re.compile(r"[“”„\"«»]")
_LEANS = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|that|these|those|but|and|so|then|there|also"
    r"|він|вона|воно|вони|його|її|їх|це|цей|ця|ці|але|і|та|тому|он|она|оно|они|его|её|ее|их|это|но|и|поэтому"
    r"|on|ona|ono|oni|jego|jej|ich|to|ten|ta|te|ale|i|dlatego|이는|이에|이를|이것은|그것은|그는|그리고|그러나)(?!\w)",
    re.IGNORECASE,
)

_KOREAN_WHOLE = re.compile(r".*[다요까죠자라네오][.!?]?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Said:
    quote: Quote
    terms: frozenset[str]
    rank: tuple[int, float, int]
    language: str
    """The main subtag."""
    at: float
    """Where in its report it stands, from 0 to 1."""


def choose_quotes(reports: Sequence[Report], lead: Report, *, languages: Sequence[str]) -> list[Quote]:
    """At most three quotations from the reports, of different speakers and about different things.

    Of what may be one quotation in two languages only that of the language preferred is taken, and none that a report
    in the preferred one has too, but without saying plainly whose it is.
    `languages` are main subtags, the preferred one first; what is said in others is left out.
    """
    read = thinned([lead, *(one for one in reports if one.entry != lead.entry)], _MOST_REPORTS)
    heard_of = [one for one in read if base_language(one.language) in languages]
    found = [quote for one in heard_of for quote in find_quotes(one)]
    if not found:
        return []
    spread = Counter(term for one in read for term in set(stems(f"{one.title} {one.text[:_LEAD]}")))
    title = frozenset(stems(plain_headline(lead)))
    shapes = {one.entry: shape(one) for one in read}
    heard = [
        (at, one.entry)
        for one in read
        if base_language(one.language) == languages[0]
        for at in _quoted_at(one)
    ]
    texts = {one.entry: one.text for one in read}

    def is_placed(one: _Said, at: float, entry: EntryId) -> bool:
        return abs(one.at - at) <= _NEAR and shapes[one.quote.entry].may_translate(shapes[entry])

    def is_same(one: _Said, other: _Said) -> bool:
        if one.language == other.language:
            return _last_word(one.quote.speaker) == _last_word(other.quote.speaker) or _alike(
                one.terms, other.terms
            )
        is_of_one = not _names(one).isdisjoint(_names(other))
        return is_of_one or is_placed(one, other.at, other.quote.entry)

    chosen: list[_Said] = []
    said = [
        _weighed(quote, place, texts[quote.entry], spread, languages) for place, quote in enumerate(found)
    ]
    for one in sorted(said, key=lambda one: one.rank):
        is_known = _alike(one.terms, title) or any(is_same(one, other) for other in chosen)
        is_foreign = one.language != languages[0]
        if not is_known and not (is_foreign and any(is_placed(one, at, entry) for at, entry in heard)):
            chosen.append(one)
        if len(chosen) == _MOST:
            break
    return [one.quote for one in chosen]


def find_quotes(report: Report) -> Iterator[Quote]:
    """The quotations of a report that are whole sentences and whose speaker stands beside them."""
    for paragraph in report.text[:_READ].split("\n"):
        if not _QUOTED.search(paragraph):
            continue
        for sentence in split_sentences(strip_dateline(paragraph), report.language):
            found = _attributed(" ".join(sentence.split()), report)
            if found is not None:
                text, speaker = found
                yield Quote(text, speaker, report.entry, report.url, report.source_title, report.language)


def _weighed(quote: Quote, place: int, text: str, spread: Counter[str], languages: Sequence[str]) -> _Said:
    terms = frozenset(stems(quote.text))
    central = sum(spread[term] for term in terms) / (len(terms) + 4)
    language = base_language(quote.language)
    text = " ".join(text.split())
    at = text.find(quote.text) / len(text)
    return _Said(quote, terms, (languages.index(language), -round(central, 6), place), language, at)


def _alike(terms: frozenset[str], others: frozenset[str]) -> bool:
    return len(terms & others) >= _SAME * max(1, min(len(terms), len(others)))


def _quoted_at(report: Report) -> list[float]:
    """Where it quotes something long, as shares of its text."""
    text = " ".join(report.text.split())
    return [
        found.start() / len(text) for found in _QUOTED.finditer(text[:_READ]) if len(found[0]) >= _SHORTEST
    ]


def _names(said: _Said) -> frozenset[str]:
    """How the name of who speaks sounds; in Korean the office is behind it."""
    words = said.quote.speaker.split()
    named = words[:-1] if said.language == "ko" and len(words) > 1 else words[-1:]
    return frozenset(heard.translate(_AS_FINAL) for word in named if (heard := sound(word)))


def _last_word(speaker: str) -> str:
    return speaker.split()[-1].casefold()


def _attributed(sentence: str, report: Report) -> tuple[str, str] | None:
    found = _QUOTED.search(sentence)
    if found is None:
        return None
    before, after = sentence[: found.start()], sentence[found.end() :]
    if _ANY_MARK.search(before + after):
        return None
    text = next(group for group in found.groups() if group is not None).strip().rstrip(",").rstrip()
    language = base_language(report.language)
    is_whole = _is_korean_sentence(text) if language == "ko" else _is_sentence(text)
    speaker = speaker_of(before, after, language=language, text=report.text) if is_whole else None
    return (text, speaker) if speaker else None


def _is_sentence(text: str) -> bool:
    return (
        _SHORTEST <= len(text) <= _LONGEST
        and len(text.split()) >= _FEWEST_WORDS
        and (text[0].isupper() or text[0].isdigit())
        and not text.endswith(("...", "…"))
        and not _LEANS.match(text)
    )


def _is_korean_sentence(text: str) -> bool:
    whole = _KOREAN_WHOLE.fullmatch(text) is not None
    return whole and _SHORTEST_DENSE <= len(text) <= _LONGEST // 2 and not _LEANS.match(text)
