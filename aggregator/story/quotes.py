"""Who said what: quotations of whole sentences whose speaker is named, and none whose speaker is in doubt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aggregator.model import Quote, Report
from aggregator.story.dateline import strip_dateline
from aggregator.story.headline import base_language, plain_headline, thinned
from aggregator.story.stems import stems
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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_QUOTED = re.compile(
    r"“([^“”]+)”|\"([^\"]+)\"|«([^«»]+)»|„([^„“”]+)[“”]|‘([^‘’]{14,})’|(?<!\w)'([^']{14,})'(?![A-Za-z])"
)
_ANY_MARK = re.compile(r"[“”„\"«»]")
_LONGEST_PHRASE = 9

_VERB = (
    r"said|says|added|adds|warned|wrote|argued|explained|noted|stressed|insisted|replied|recalled|announced|declared"
    r"|stated|commented|emphasi[sz]ed"
    r"|(?:сказа|заяви|зазначи|наголоси|дода|повідоми|підкресли|поясни|написа|запевни|нагада|зауважи)(?:в|ла)"
    r"|розпові(?:в|ла)|відпові(?:в|ла)|каже|говорить"
    r"|(?:сказа|заяви|отмети|подчеркну|добави|сообщи|поясни|рассказа|написа|ответи|завери)(?:л|ла)|говорит"
    r"|(?:powiedzia|doda|stwierdzi|podkreśli|zaznaczy|napisa|wyjaśni|oświadczy|przekaza)ła?|mówi"
)
_LEAD_IN = re.compile(
    rf"(?:\b(?:{_VERB})(?:\s(?:reporters|journalists|журналістам|журналистам|dziennikarzom))?|\btold\s[^,:;]{{2,40}})"
    r"(?P<when>\s(?:on|in|at|during|late|earlier|via|after|у|в|на|під|w|na|podczas|во|\w+day)\b[^.,:;]{0,60})?[:,]\s*$"
)
_SAYS_AFTER = re.compile(rf"[,.]?\s*(?:[—–-]\s*)?(?:{_VERB})\s+(?P<phrase>[^\n]+)$")
_SAYS_BEFORE = re.compile(
    rf"[,.]?\s*(?:[—–-]\s*)?(?P<phrase>[^,.;:\n]{{2,90}}?)(?:,\s[^,]{{2,80}},)?\s(?:{_VERB}|told)\b"
)
_APPOSITION = re.compile(r",[^,]{2,80},\s*$")
_NAME = r"(?:[A-ZÀ-ÞĀ-ŽА-ЯЁІЇЄҐ][\w’'ʼ.-]*|al|bin|de|del|der|el|la|van|von)"
_TRAILING_NAME = re.compile(
    rf"(?:^|(?P<before>\S+)\s+)(?P<name>[A-ZÀ-ÞĀ-ŽА-ЯЁІЇЄҐ][\w’'ʼ.-]*(?:\s{_NAME})*)\s*$"
)
_CAPITAL = re.compile(r"[A-ZÀ-ÞĀ-ŽА-ЯЁІЇЄҐ]")
_BREAK = re.compile(
    r"[,.;:()—–«»“”\"]|\s-\s|(?<!\w)(?:on|in|at|to|of|for|after|before|during|from|with|by|via|as|who|when|while|and"
    r"|у|в|на|під|після|для|до|про|за|о|об|від|який|яка|коли|перед|во|для|по|который|которая|w|po|podczas|dla|który"
    r"|która)(?!\w)"
)
_ARTICLE = re.compile(
    r"(?:the|an?|one|his|her|its|their|our|its|його|її|їх|его|её|ее|их|jego|jej|ich)\s+", re.IGNORECASE
)
_ADDRESSED = _words(
    "reporters journalists yesterday today later also журналістам сьогодні вчора учора також тоді журналистам"
    " сегодня вчера также dziennikarzom wczoraj dzisiaj także"
)
_DAYS = _words(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August"
    " September October November December"
)
_NOBODY = _words(
    "he she it they we i you who the this that these those one some many others another both all everyone nobody"
    " officials officers police residents witnesses critics experts analysts authorities sources people ministry"
    " department government office statement report company president minister prime mr mrs ms but and also later then"
    " earlier meanwhile however still yet as in on at for after when while if speaking asked"
    " він вона воно вони ми я ти хто це цей ця там тут також але проте водночас раніше згодом міністр президент"
    " речник влада джерело он она оно они мы кто это также но однако ранее позже министр власти"
    " on ona ono oni my ja kto to także ale jednak wcześniej minister rzecznik"
)
_PRONOUNS = _words(
    "he she it they we i you him her them us me він вона воно вони ми я мені нам їм їй йому он она оно они мы мне нам"
    " ему ей им on ona ono oni mi nam im jemu jej"
)
_LATIN = re.compile(r"[A-Za-zÀ-ž]")
_DEMONYM = re.compile(r"\w+(?:ian|ean|ese|ish|can)s?")
_LEANS = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|that|these|those|but|and|so|then|there|also"
    r"|він|вона|воно|вони|його|її|їх|це|цей|ця|ці|але|і|та|тому|он|она|оно|они|его|её|ее|их|это|но|и|поэтому"
    r"|on|ona|ono|oni|jego|jej|ich|to|ten|ta|te|ale|i|dlatego|이는|이에|이를|이것은|그것은|그는|그리고|그러나)(?!\w)",
    re.IGNORECASE,
)

_KOREAN_TITLE = (
    "대통령|장관|차관|총리|실장|의원|대표|대변인|위원장|총장|교수|회장|사장|원장|청장|국장|본부장|사령관|특사|대사"
    "|시장|지사|감독|선수|소장|센터장|연구원|연구위원|의장|보좌관|총재|수석|부의장|단장|씨"
)
_KOREAN_OFFICE = (
    "대통령실|국방부|외교부|통일부|합동참모본부|합참|국가정보원|국정원|방위사업청|크렘린궁|백악관"
)
_KOREAN_BEFORE = re.compile(
    rf"(?:^|[,.]\s)(?:(?:이날|한편|이어|앞서|또|특히|전날|이에|이에\s대해|그러면서)[,]?\s)*"
    rf"(?P<who>(?:[가-힣A-Za-z·]+\s){{0,4}}?[가-힣]*(?:{_KOREAN_TITLE})|{_KOREAN_OFFICE})(?:은|는|이|가|도)\s"
    r"(?P<between>[^“”\"‘’']{0,60})$"
)
_KOREAN_AFTER = re.compile(
    r"(?:이?라)?(?:고|며|면서)\s?[^“”\"]{0,30}?(?:말했|밝혔|강조했|전했|설명했|덧붙였|주장했|지적했|당부했|평가했|경고했|촉구했|언급했)"
)
_KOREAN_SUBJECT = re.compile(rf"(?:{_KOREAN_TITLE}|{_KOREAN_OFFICE})(?:은|는|이|가)\s")
_KOREAN_UNNAMED = re.compile(rf"(?:(?:그|이|한|본|양국|양|두|각|해당)\s.*|(?:{_KOREAN_TITLE}))")
_KOREAN_WHOLE = re.compile(r".*[다요까죠자라네오][.!?]?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Said:
    quote: Quote
    terms: frozenset[str]
    rank: tuple[int, float, int]


def choose_quotes(reports: Sequence[Report], lead: Report, *, languages: Sequence[str]) -> list[Quote]:
    """At most three quotations from the reports, of different speakers and about different things.

    `languages` are main subtags, the preferred one first; what others than those say comes last.
    """
    read = thinned([lead, *(one for one in reports if one.entry != lead.entry)], _MOST_REPORTS)
    found = [quote for one in read for quote in find_quotes(one)]
    if not found:
        return []
    spread = Counter(term for one in read for term in set(stems(f"{one.title} {one.text[:_LEAD]}")))
    title = frozenset(stems(plain_headline(lead)))
    said = [_weighed(quote, place, spread, languages) for place, quote in enumerate(found)]
    chosen: list[_Said] = []
    for one in sorted(said, key=lambda one: one.rank):
        speakers = {_last_word(other.quote.speaker) for other in chosen}
        known = [title, *(other.terms for other in chosen)]
        if _last_word(one.quote.speaker) not in speakers and not any(_alike(one.terms, old) for old in known):
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


def _weighed(quote: Quote, place: int, spread: Counter[str], languages: Sequence[str]) -> _Said:
    terms = frozenset(stems(quote.text))
    central = sum(spread[term] for term in terms) / (len(terms) + 4)
    language = base_language(quote.language)
    order = languages.index(language) if language in languages else len(languages)
    return _Said(quote, terms, (order, -round(central, 6), place))


def _alike(terms: frozenset[str], others: frozenset[str]) -> bool:
    return len(terms & others) >= _SAME * max(1, min(len(terms), len(others)))


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
    if base_language(report.language) == "ko":
        speaker = _korean_speaker(before, after) if _is_korean_sentence(text) else None
    else:
        speaker = _speaker(before, after, report) if _is_sentence(text) else None
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


def _korean_speaker(before: str, after: str) -> str | None:
    found = _KOREAN_BEFORE.search(before)
    if found is None or not _KOREAN_AFTER.match(after) or _KOREAN_SUBJECT.search(found["between"] + " "):
        return None
    return None if _KOREAN_UNNAMED.fullmatch(found["who"]) else found["who"]


def _speaker(before: str, after: str, report: Report) -> str | None:
    if before.strip(" —–-"):
        return _introduced(before, report) if not after.strip(" .,!?") else None
    if found := _SAYS_AFTER.match(after):
        return _named(_BREAK.split(found["phrase"], maxsplit=1)[0])
    if (found := _SAYS_BEFORE.match(after)) and not _BREAK.search(found["phrase"]):
        return _named(found["phrase"])
    return None


def _introduced(before: str, report: Report) -> str | None:
    lead_in = _LEAD_IN.search(before)
    if lead_in is None or re.search(rf"\b(?:{_VERB}|told|that)\b", lead_in["when"] or ""):
        return None
    head = _APPOSITION.sub("", before[: lead_in.start()])
    found = _TRAILING_NAME.search(head.rstrip())
    if found is None or (found["before"] or "").lower() in ("of", "for", "and", "та", "и", "i"):
        return None
    words = found["name"].split()
    begins_sentence = found["before"] is None
    while words and begins_sentence and words[0].lower() in _NOBODY:
        words = words[1:]
    if len(words) == 1 and begins_sentence and not _is_name_in(words[0], report):
        return None
    return _named(" ".join(words))


def _is_name_in(word: str, report: Report) -> bool:
    """Whether it has its capital inside a sentence too."""
    return re.search(rf"[^\W\d_],?\s{re.escape(word)}\b", report.text) is not None


def _named(phrase: str) -> str | None:
    """The speaker that a phrase names, with their office; None where it names nobody."""
    article = _ARTICLE.match(phrase.strip())
    words = phrase.strip()[article.end() if article else 0 :].split()
    while words and (words[-1].lower() in _ADDRESSED or words[-1] in _DAYS):
        words.pop()
    while words and words[0].lower() in _ADDRESSED:
        words = words[1:]
    if not words or len(words) > _LONGEST_PHRASE or not _CAPITAL.match(words[-1]):
        return None
    names = [word for word in words if _CAPITAL.match(word)]
    if all(word.lower() in _NOBODY or word in _DAYS for word in names):
        return None
    if (
        any(word.lower() in _PRONOUNS for word in words)
        or len({bool(_LATIN.match(word)) for word in names}) > 1
    ):
        # An outlet that was told, and in two scripts, is not the one who speaks
        return None
    if len(" ".join(names)) < 3 or (article and len(names) == 1 and _DEMONYM.fullmatch(names[0])):
        return None
    return " ".join(words)
