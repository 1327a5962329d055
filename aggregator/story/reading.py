"""What the reports of a story say, sentence by sentence, and how many outlets bear each out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aggregator.model import Report, Sentence
from aggregator.story.dateline import prose, told_sentences
from aggregator.story.headline import base_language, plain_headline, thinned
from aggregator.story.stems import stems, telling_stems
from aggregator.text.sentences import has_whole_quotations, is_rest

_MOST_REPORTS = 40
"""Reports that are read, half of them at least in the preferred language: the rest would repeat them."""
_MOST_SENTENCES = 120
"""Read in all; of each report its share, from the beginning, where what matters stands."""
_FEWEST_EACH, _MOST_EACH = 3, 8
_MOST_ALONE = 20
_CHARACTERS = 160
"""Of a sentence that is not short."""
_DENSE = ("ko", "ja", "zh")

_WHOLE = re.compile(r"[\w\"“„«‘'「『(£$€][^\n]*(?<!\.\.)[.。।][\"”»’'」』)]*", re.DOTALL)
_LEANS = {
    language: re.compile(f"[\"“„«‘'(]*(?:{first})|{within}", re.IGNORECASE)
    for language, first, within in (
        (
            "en",
            r"(?:he|she|it|they|we|i|his|her|its|their|this|that|these|those|but|and|also|however|so|then|both|such"
            r"|there|here|instead|others?|another|the (?:same|other|latter|former)|(?:some|most|many|few|several|all"
            r"|none|half) (?:have|had|has|were|was|are|is|of)|(?:much|little|nothing) else|what|whether|why|how"
            r"|(?:the )?(?:first|second|third)(?=,)|in addition|meanwhile|moreover|yet|still|neither|asked"
            r"|for (?:his|her|its|their) part)\b",
            r".*(?:, (?:he|she|it|they) (?:said|says|added|told|wrote|noted)|\bof them|\bhere (?:is|are))\b"
            r"|(?:\S+ ){1,3}(?:him|them)\b|(?:\S+ ){1,4}it (?:as|for|from|with)\b"
            r"|(?:\S+ ){1,4}(?:said|says|added|replied|noted)(?: (?:in|on|at|during|to|with|later)\b[^,:]*)?\.$"
            r"|.*\balso\b|.*\bboth\b(?!.*\band\b)|.*\bthat as\b|.*\b(?:this|that)\W*$"
            r"|.*\b(?:is|are|was|were|come|comes|came|arrived) here\b"
            r"|(?:in|on|at|by|after|since) (?:\w+,? ){1,2}(?:he|she|they|we)\b",
        ),
        (
            "uk",
            r"(?:він|вона|воно|вони|ми|я|його|її|їх(?:ній|ня|нє|ні)?|це|цей|ця|ці|цього|також|але|однак|проте|водночас"
            r"|натомість|тому|там|саме|по-перше|по-друге|при цьому|крім того)\b",
            r".*(?:, (?:сказав|додав|заявив) він|, (?:сказала|додала|заявила) вона|\bза (?:його|її) словами)\b"
            r"|.*\bтакож\b",
        ),
        (
            "ru",
            r"(?:он|она|оно|они|мы|я|его|её|ее|их|это|этот|эта|эти|также|но|однако|поэтому|во-первых|во-вторых"
            r"|при этом|кроме того)\b",
            r".*(?:, (?:сказал|добавил|заявил) он|, (?:сказала|добавила|заявила) она|\bпо (?:его|её|ее) словам)\b"
            r"|.*\bтакже\b",
        ),
        (
            "pl",
            r"(?:on|ona|ono|oni|one|jego|jej|ich|to|ten|ta|te|ale|jednak|także|również|ponadto|jednocześnie|dlatego"
            r"|tam)\b",
            r".*, (?:powiedział|dodał|powiedziała|dodała)\.",
        ),
        (
            "ko",
            "그는|그가|그녀|그의|그들|이는|이에|이를|이와|이로|이어|이날|이들|이번|이 |그러나|하지만|그런데|또|특히"
            "|한편|다만|반면|앞서|여기에|이같|이처럼|아울러|따라서|그리고|그래서|우리|첫째|둘째|셋째",
            "(?!)",
        ),
    )
}
"""By language, how a sentence begins, or what it holds, that needs the one before it."""
_POINTS_BACK = re.compile(
    r"[\"“„«‘'(]*(?:(?:he|she|it|they|his|her|its|their|them|him|він|вона|воно|вони|його|її"
    r"|їх(?:ній|ня|нє|ні)?|он|она|оно|они|его|её|ее|их|ono|ona|oni|jego|jej|ich)\b|그는|그가|그녀|그의|그들|이는|이에|이를)",
    re.IGNORECASE,
)
_TEASES = re.compile(
    r"\braises? (?:\w+ ){0,2}questions?\b|\bthe question is\b|\bremains to be seen\b|\bwhat you need to know\b"
    r"|\b(?:read|see) (?:more|also)\b|\bclick here\b|\bsubscribe\b|\bsign up\b|постає питання|читайте також"
    r"|підпис(?:уйтесь|уйтеся)|возникает вопрос|читайте также|подписывайтесь|nasuwa się pytanie|pojawia się pytanie"
    r"|czytaj (?:też|także|więcej)|관심이 쏠|귀추가 주목|주목된다|구독",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"(?:[^\W\d_][\w'’-]*[ ]?){1,3}: (?=[^\W_])(?![A-ZА-ЯЄІЇҐ])")
"""A point of a list, such as "Money: two billion dollars in loans.": one alone may be a sentence."""
_BARE_QUOTE = re.compile(
    r"[\"“„«‘'「『][^\"“”„«»「」]*[\"”“»’'」』]?[.!?。]?[\"”“»’'」』]?|[\"“„«].*[\"”“»]\.?[\"”“»]?"
)
_BACKGROUND = tuple(
    line.strip()
    for line in """
    since 19 | since 20 | in 19 | in 20 | last year | last month | earlier this | year ago | years ago | previously
    so far | has long | нагадаємо | раніше | торік | минулого року | минулого місяця | напомним | ранее | в прошлом году
    wcześniej | w zeszłym roku | dotychczas | przypomnijmy | 지난해 | 지난달 | 지금까지 | 그동안
    """.replace("\n", "|").split("|")
    if line.strip()
)
"""Words, in lower case, of a sentence that tells what was before."""
_AWAITED = re.compile(
    r"\b(?:(?:is|are) (?:expected|due|scheduled|set) (?:in|to|on)|очікується|ожидается|ma przybyć)\b|예정이다",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A sentence as it was read: where it stands, its words, and how well it is borne out."""

    text: str
    report: Report
    order: int
    """Of its report among those read: the lead first, then by date."""
    place: int
    """In its report, from 0."""
    terms: frozenset[str]
    weight: float
    """How central it is: what other independent sources share of it."""

    about: float
    """How much of what the headlines say it says, 0 to 1."""
    language: str
    """The main subtag."""
    is_whole: bool
    """Whether it is a sentence that says something: none that asks, shouts or teases, no point of a list, no half
    of a quotation, no rest of a sentence."""
    leans: bool
    """Whether it needs the sentence before it: its first word points there, or nobody is said to speak."""
    points_back: bool
    """Whether it begins with a word for somebody or something named before, or with a quotation of nobody."""
    is_background: bool
    """Whether it tells what was before."""

    @property
    def length(self) -> int:
        """In characters of Latin script: a Korean or Chinese one says as much as two."""
        return len(self.text) * (2 if self.language in _DENSE else 1)

    def news(self, told: Iterable[frozenset[str]]) -> float:
        """The share of its words that the nearest of what was told does not have."""
        if not self.terms:
            return 0.0
        return 1 - max((len(self.terms & terms) for terms in told), default=0) / len(self.terms)

    def says(self, terms: frozenset[str], enough: float) -> bool:
        """Whether the shorter of the two has so much in common with the other."""
        fewer = min(len(self.terms), len(terms))
        return len(self.terms & terms) >= enough * fewer

    def sentence(self) -> Sentence:
        """It, with its source."""
        report = self.report
        return Sentence(self.text, report.entry, report.url, report.source_title)


def read(reports: Sequence[Report], lead: Report) -> list[Line]:
    """The sentences of independent reports, the lead's first, then by date; bounded however many there are."""
    ordered = _chosen(reports, lead)
    each = (
        _MOST_ALONE
        if len(ordered) == 1
        else min(max(_MOST_SENTENCES // len(ordered), _FEWEST_EACH), _MOST_EACH)
    )
    told = [
        told_sentences(prose(report), report.language, within=each * _CHARACTERS)[:each] for report in ordered
    ]
    said = [[(text, frozenset(stems(text))) for text in texts] for texts in told]
    heard = _Heard(ordered, said)
    return [
        _line(text, terms, report, order, place, heard, is_point=is_listed and bool(_LABELLED.match(text)))
        for order, (report, sentences) in enumerate(zip(ordered, said, strict=True))
        for is_listed in [sum(bool(_LABELLED.match(text)) for text, _ in sentences) > 1]
        for place, (text, terms) in enumerate(sentences)
        if not (report.published < lead.published and _AWAITED.search(text))
    ]


_Said = list[tuple[str, frozenset[str]]]


def _line(
    text: str,
    terms: frozenset[str],
    report: Report,
    order: int,
    place: int,
    heard: _Heard,
    *,
    is_point: bool,
) -> Line:
    lowered = text.lower()
    language = base_language(report.language)
    leans = _LEANS.get(language, _LEANS["en"])
    return Line(
        text=text,
        report=report,
        order=order,
        place=place,
        terms=terms,
        weight=heard.weigh(terms, frozenset(telling_stems(text))),
        about=heard.about(terms),
        language=language,
        is_whole=bool(_WHOLE.fullmatch(text))
        and not is_point
        and not _TEASES.search(text)
        and has_whole_quotations(text)
        and not is_rest(text),
        leans=bool(leans.match(text) or _BARE_QUOTE.fullmatch(text)),
        points_back=bool(_POINTS_BACK.match(text) or _BARE_QUOTE.fullmatch(text)),
        is_background=any(words in lowered for words in _BACKGROUND),
    )


def _chosen(reports: Sequence[Report], lead: Report) -> list[Report]:
    language = base_language(lead.language)
    others = [report for report in reports if report.entry != lead.entry]
    own = thinned([one for one in others if base_language(one.language) == language], _MOST_REPORTS // 2)
    foreign = [one for one in others if base_language(one.language) != language]
    return [lead, *own, *thinned(foreign, _MOST_REPORTS - 1 - len(own))]


class _Heard:
    """Which words how many sources say; of a single source, which it says more than once."""

    def __init__(self, reports: Sequence[Report], said: Sequence[_Said]) -> None:
        by_source: dict[str, list[frozenset[str]]] = {}
        for report, sentences in zip(reports, said, strict=True):
            voices = [frozenset(stems(plain_headline(report))), *(terms for _, terms in sentences)]
            by_source.setdefault(report.source_title, []).extend(voices)
        alone = len(by_source) == 1
        heard = next(iter(by_source.values())) if alone else map(_union, by_source.values())
        self._voices = Counter(term for voice in heard for term in voice)
        titles = [(report.source_title, frozenset(stems(plain_headline(report)))) for report in reports]
        named = Counter(term for _, term in {(source, term) for source, title in titles for term in title})
        lead = titles[0][1]
        self._named = {term: count for term, count in named.items() if count > 1 or term in lead}

    def weigh(self, terms: frozenset[str], telling: frozenset[str]) -> float:
        """How many others say its words too, three at most, on average; names and numbers count twice."""
        total = shared = 0
        for term in terms:
            value = 2 if term in telling else 1
            total += value
            shared += value * min(self._voices[term] - 1, 3)
        return shared / (total + 6)

    def about(self, terms: frozenset[str]) -> float:
        """The share that it has of the lead's headline and of what several headlines have in common."""
        shared = sum(count for term, count in self._named.items() if term in terms)
        return shared / max(1, sum(self._named.values()))


def _union(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)
