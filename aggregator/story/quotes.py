"""Who said what: quotations of whole sentences whose speaker is named, and none whose speaker is in doubt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aggregator.model import Quote, Report
from aggregator.story.dateline import strip_dateline
from aggregator.story.headline import base_language, plain_headline, thinned
from aggregator.story.sound import sound
from aggregator.story.speakers import speaker_of
from aggregator.story.stems import stems
from aggregator.story.translation import Spot, Translations
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
    spot: Spot


def choose_quotes(reports: Sequence[Report], lead: Report, *, languages: Sequence[str]) -> list[Quote]:
    """At most three quotations from the reports, of different speakers and about different things.

    Of what may be one quotation in two languages only that of the language preferred is taken, and none that a report
    in the preferred one has too, but without saying plainly whose it is.
    `languages` are main subtags, the preferred one first; what is said in others is left out.
    """
    read = thinned([lead, *(one for one in reports if one.entry != lead.entry)], _MOST_REPORTS)
    found = [
        (quote, one) for one in read if base_language(one.language) in languages for quote in find_quotes(one)
    ]
    if not found:
        return []
    spread = Counter(term for one in read for term in set(stems(f"{one.title} {one.text[:_LEAD]}")))
    title = frozenset(stems(plain_headline(lead)))
    said = [_weighed(quote, report, n, spread, languages) for n, (quote, report) in enumerate(found)]
    quoted = [spot for one in read if base_language(one.language) == languages[0] for spot in _quoted(one)]
    translations = Translations()
    chosen: list[_Said] = []
    for one in sorted(said, key=lambda one: one.rank):
        is_known = _alike(one.terms, title) or any(_is_same(one, old, translations) for old in chosen)
        is_foreign = one.language != languages[0]
        if not is_known and not (is_foreign and any(translations.may_be_one(one.spot, at) for at in quoted)):
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


def _weighed(
    quote: Quote, report: Report, place: int, spread: Counter[str], languages: Sequence[str]
) -> _Said:
    terms = frozenset(stems(quote.text))
    central = sum(spread[term] for term in terms) / (len(terms) + 4)
    language = base_language(quote.language)
    text = " ".join(report.text.split())
    spot = Spot(report, text.find(quote.text) / len(text))
    return _Said(quote, terms, (languages.index(language), -round(central, 6), place), language, spot)


def _is_same(one: _Said, other: _Said, translations: Translations) -> bool:
    """Whether the two are of one speaker or say the same, as far as can be told in two languages."""
    if one.language != other.language:
        return not _names(one).isdisjoint(_names(other)) or translations.may_be_one(one.spot, other.spot)
    return _last_word(one.quote.speaker) == _last_word(other.quote.speaker) or _alike(one.terms, other.terms)


def _alike(terms: frozenset[str], others: frozenset[str]) -> bool:
    return len(terms & others) >= _SAME * max(1, min(len(terms), len(others)))


def _quoted(report: Report) -> list[Spot]:
    """Where it quotes something long."""
    text = " ".join(report.text.split())
    found = [match for match in _QUOTED.finditer(text[:_READ]) if len(match[0]) >= _SHORTEST]
    return [Spot(report, match.start() / len(text)) for match in found]


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
