"""Which report gives a story its headline and link, and how its title reads without an outlet's marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from math import sqrt

from aggregator.model import EntryId, Report
from aggregator.story.stems import stems
from aggregator.text.fold import letters, words

_MOST_TITLES = 60
_LEAD = 400
_OFF_PEAK = 0.6
"""Off for a report as far from the peak of the coverage as it goes: before are previews, after are echoes."""
_BRIEF = timedelta(hours=12)
"""Coverage that is over sooner has no previews and echoes."""

_ALERT = (
    r"breaking(?:\ news)?|urgent|exclusive|just\ in|developing|(?:updated?|wrapup|recast|refile)(?:\ ?\d+)?|alert|flash"
    r"|(?:\d(?:st|nd|rd|th)\ )?ld|lead|watch|video|photos?|термінов[оа](?:\ новина)?|оновлено|відео|фото|ексклюзив"
    r"|срочн[оа]я?(?:\ новость)?|молния|обновлено|видео|эксклюзив|pilne|z\ ostatniej\ chwili|aktualizacja|wideo|foto"
    r"|eilmeldung|속보|긴급|단독|종합\d?보?|\d보|상보|영상|포토|사진|그래픽|업데이트|현장영상"
)
_SERIES = r"(?:update|wrapup|recast|refile|corrected)\ ?\d*"
_PREFIX = re.compile(
    rf"\s*(?:[\[(【〔<]\s*(?:{_ALERT})\s*[\])】〕>]\s*[:\-–—]?|(?:{_ALERT})\s*(?:[:|!]+|\s[–—-]+\s)|{_SERIES}-(?=\S)|[⚡❗️‼🔴]+)\s*",
    re.IGNORECASE | re.VERBOSE,
)
_SUFFIX = re.compile(rf"\s*[\[(【]\s*(?:{_ALERT})\s*[\])】]\s*$", re.IGNORECASE | re.VERBOSE)
_CRUMB = re.compile(r"^[^\W\d_]+(?:[ &]+[^\W\d_]+){0,2}\s›\s+")
"""The section that a title stands in."""
_OUTLET = re.compile(r"^(?P<title>.+\S)\s*(?:\s[–—-]|\s?[|»·]|\s::|\s//)\s+(?P<outlet>[^|–—]{2,40})$")
_AGENCIES = frozenset(
    [
        "reuters",
        "ap",
        "apnews",
        "afp",
        "yonhap",
        "yonhapnewsagency",
        "bloomberg",
        "bbc",
        "bbcnews",
        "cnn",
        "interfax",
        "ukrinform",
        "tass",
        "pap",
        "dpa",
        "npr",
        "nbcnews",
        "연합뉴스",
        "뉴시스",
        "뉴스1",
        "укрінформ",
        "тасс",
        "интерфакс",
    ]
)

_FLAWED = re.compile(
    r"""\?\W*$ | !\W*$ | \.\.\.\W*$
    | ^\W*(?:live|explainer|explained|analysis|opinion|podcast|in\ pictures
    |factbox|q&a|timeline|fact\ check)\b\s*[:|–—-]
    | \blive\ (?:updates?|blog|coverage)\b | \bas\ it\ happened\b | \blive: | [|–—:]\s*live\W*$
    | \b(?:you\ won['’]t\ believe|here['’]?s\ (?:why|how|what)|this\ is\ (?:why|how|what)|what\ (?:we|you)\b.*\bknow
    | what\ to\ know|everything\ you\ need|will\ (?:shock|surprise|amaze)\ you|\d+\ (?:things|reasons|ways|takeaways)
    | goes\ viral|jaw-dropping|mind-blowing|one\ weird)\b
    | ^\W*(?-i:Why|How|What|Who|When|Where|Чому|Як|Що|Хто|Коли|Де|Почему|Как|Что|Кто|Dlaczego|Jak|Co|Kto|Kiedy)\b
    | \b(?:що\ відомо|не\ повірите|ось\ чому|що\ потрібно\ знати|наживо|онлайн-трансляц|текстовая\ трансляция
    | что\ известно|не\ поверите|вот\ почему|что\ нужно\ знать|nie\ uwierzysz|oto\ dlaczego|co\ wiemy
    | na\ żywo|relacja\ live)
    | ^\s*[\[(]\s*(?:해설|분석|사설|칼럼|라이브|인터뷰|팩트체크|포토|q&a|문답)
    | 충격|경악|알고\s?보니|이유는|헉|실시간|라이브""",
    re.VERBOSE | re.IGNORECASE,
)


@lru_cache(256)
def base_language(language: str | None) -> str:
    """`en` of `en-GB`; empty where the language is not known."""
    return re.split(r"[-_]", language or "")[0].lower()


def independent(reports: Sequence[Report]) -> list[Report]:
    """The reporting without copies and opinion; the oldest copy stands for an original that is not there."""
    present = {report.entry for report in reports if report.kind == "report"}
    first: dict[EntryId, Report] = {}
    for report in sorted(reports, key=lambda report: (report.published, report.entry)):
        if report.kind == "report" and (report.duplicate_of is None or report.duplicate_of not in present):
            first.setdefault(report.duplicate_of or report.entry, report)
    return list(first.values())


def choose_lead(reports: Sequence[Report], languages: Sequence[str] = ()) -> Report:
    """The report that gives headline and link: in the preferred language, plainly put, and what most report.

    An opinion piece leads only where nobody reported; equals are told apart by their date.
    """
    candidates = independent(reports) or list(reports)
    language = preferred_language(candidates, languages)
    rivals = [report for report in candidates if base_language(report.language) == language]
    read = {report.entry: _terms(report) for report in thinned(rivals, _MOST_TITLES)}
    spread = Counter(term for _, told in read.values() for term in told)
    peak, span = _peak(candidates)

    def rank(report: Report) -> tuple[float, datetime, str, int]:
        title = read.get(report.entry, (frozenset[str](),))[0]
        central = sum(spread[term] - 1 for term in title) / sqrt(len(title)) if title else -1.0
        central *= 1 - _OFF_PEAK * abs(report.published - peak) / span
        return -round(central, 6), report.published, report.source, report.entry

    ranked = sorted(rivals, key=rank)
    return next(
        (report for report in ranked if report.title and not is_flawed(plain_headline(report))), ranked[0]
    )


def _peak(reports: Sequence[Report]) -> tuple[datetime, timedelta]:
    """When coverage is thickest, which is early, and the time that it spans."""
    dates = sorted(report.published for report in reports)
    return dates[len(dates) // 3], max(dates[-1] - dates[0], _BRIEF)


def preferred_language(reports: Sequence[Report], languages: Sequence[str]) -> str:
    """The first of `languages` in which there is a report, else the one in which there are most."""
    count = Counter(base_language(report.language) for report in reports)
    wanted = [base_language(language) for language in languages]
    return next((language for language in wanted if count[language]), count.most_common(1)[0][0])


def thinned(reports: Sequence[Report], most: int) -> list[Report]:
    """At most so many of them, spread evenly from the first to the last."""
    if len(reports) <= most:
        return list(reports)
    return [reports[at * (len(reports) - 1) // (most - 1)] for at in range(most)]


def plain_headline(report: Report) -> str:
    """The title without alert marks and the outlet's name; as it is where nothing else would be left."""
    title = " ".join(report.title.split())
    plain = title
    while (found := _PREFIX.match(plain)) and found.end():
        plain = plain[found.end() :]
    plain = _CRUMB.sub("", _SUFFIX.sub("", plain))
    if (found := _OUTLET.match(plain)) and _is_outlet(found["outlet"], report):
        plain = _SUFFIX.sub("", found["title"])
    return plain if len(letters(plain)) > 3 else title


def is_flawed(title: str) -> bool:
    """Whether a title shouts, asks, teases, comments, or runs live instead of saying what happened."""
    cased = [letter for letter in title if letter.isupper() or letter.islower()]
    shouts = len(cased) > 12 and sum(map(str.isupper, cased)) > 0.6 * len(cased)
    return shouts or bool(_FLAWED.search(title))


def _is_outlet(name: str, report: Report) -> bool:
    folded = letters(name)
    if folded in _AGENCIES or not folded:
        return True
    own = letters(report.source_title)
    host = letters((report.url or "").partition("//")[2].partition("/")[0])
    shorter = len(words(name)) <= 4 and len(folded) > 2
    return folded == own or (shorter and (folded in own or own in folded or folded in host) and bool(own))


def _terms(report: Report) -> tuple[frozenset[str], frozenset[str]]:
    title = frozenset(stems(plain_headline(report)))
    return title, title.union(stems(report.text[:_LEAD]))
