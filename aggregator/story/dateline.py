"""What a report says, without what an outlet puts around it: datelines, bylines, captions, calls to subscribe."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aggregator.model import Report
from aggregator.text.html import html_to_text
from aggregator.text.sentences import split_sentences

_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|січ|лют|берез|квіт|трав|черв|лип|серп|верес|жовт|листоп|груд"
    r"|янв|фев|март|апр|ма[йя]|июн|июл|авг|сент|окт|ноя|дек|sty|lut|kwie|maj|czerw|lip|sierp|wrze|paź|listop|gru)"
)
_DATE = rf"(?:{_MONTH}\w*\.?\s+\d{{1,2}}(?:,?\s+\d{{4}})?|\d{{1,2}}\.?\s+{_MONTH}\w*\.?(?:\s+\d{{4}})?)"
_PLACE = r"(?P<place>[^\W\d_][\w.’'\- ]{1,30}(?:[,/]\ ?[^\W\d_][\w.’'\- ]{1,25}?)?)"
_DATELINE = re.compile(
    rf"""\s*(?:{_PLACE}(?P<date>,?\s+{_DATE})?[.,]?\s*)?
    (?P<agency>[(/][^()/\n]{{2,40}}[)/]\.?)?\s*(?:--|[—–-]|(?P<colon>:))\s+
    (?:(?:РИА\ Новости|РБК-Украина|Интерфакс|INTERFAX\.RU|ТАСС)\.\s+)?""",
    re.VERBOSE | re.IGNORECASE,
)
_RUSSIAN_AGENCY = re.compile(rf"\s*{_PLACE},\s+{_DATE}\s*\.?\s*/[^/\n]{{2,40}}/\.?\s+", re.IGNORECASE)
_KOREAN = re.compile(
    r"""\s*(?:
    [(\[【][^()\[\]【】\n]{1,25}=[^()\[\]【】\n]{1,30}[)\]】]\s*(?:[가-힣·,\ ]{2,40}?\s?(?:기자|특파원|통신원|PD)?\s*=)?
    | [가-힣]{2,4}\s(?:선임|인턴|수습|전문)?(?:기자|특파원|통신원)\s*(?:[\w.+-]+@[\w.-]+\s*)?=
    | \[[가-힣·\ ]{2,20}(?:기자|특파원|앵커)\] | \[앵커\]
    )\s*""",
    re.VERBOSE,
)
_MARK = re.compile(r"\s*(?:UPDATED?|Updated|EXCLUSIVE|Exclusive|BREAKING)(?::\s*|\s+)(?=[^\W\d_a-z])")
_BYLINE = re.compile(
    r"\s*(?:by|автор|text|tekst|текст)[:\s]\s*[^\W\d_][\w.’'\-]+(?:\s+[^\W\d_][\w.’'\-]+){0,4}\s*$",
    re.IGNORECASE,
)
_HEAD = 5
"""Paragraphs that may begin with a dateline."""
_BULLET = re.compile(r"[•·▪●◦‣∙*★☆■◆►]+\s+")
_FURNITURE = tuple(
    line.strip()
    for line in """
    @ | © | ⓒ | ▶ | ▲ | ☞ | ■ | http:// | https:// | www.
    earn a commission | earn commission | affiliate commission | written independently by
    [...] | […] | has more. | has details. | has the details. | has the latest. | see how | thoughts inside
    read more | read also | also read | read the full | continue reading | click here | sign up | subscribe to
    subscribe now | subscription | newsletter | follow us | join us on | download our app | download the app
    all rights reserved | appeared first on | not been edited | has been edited by | support independent journalism
    support our | support us | donate now | share this | thank you for reading | more to come | more to follow
    with inputs from | our morning briefing | our daily briefing | this report was | this story was | this article was
    this article is | reporting by | editing by | written by | getty images | file photo | ap photo
    читайте також | читайте ще | читайте также | підписуйтесь | підписуйтеся | підпишіться | подписывайтесь
    подпишитесь | долучайтес | приєднуйтес | усі права захищен | все права защищены | передрук матеріал
    перепечатка материал | наш telegram | наш телеграм | нашому telegram | нашем telegram | наш канал | за матеріалами:
    czytaj też | czytaj także | czytaj więcej | zobacz też | zobacz także | przeczytaj | wszelkie prawa | zapisz się
    subskrybuj | dalszy ciąg materiału
    무단 전재 | 무단전재 | 재배포 | 저작권자 | 제보는 | 제보를 | 제보하기 | 구독하기 | 구독을 | 자료사진 | 자료 사진
    사진제공 | 사진 제공 | 연합뉴스 제공 | 카카오톡 | 네이버에서 | 앱 다운
    """.replace("\n", "|").split("|")
    if line.strip()
)
"""Words, in lower case, by which a sentence is known to be the outlet's own and none of the report."""

_LABEL = re.compile(
    r"""\W*(?:photos?|picture|image|video|watch|credit|caption|sources?|related|advertisement|read|see\ also|topics?
    |фото|відео|видео|джерело|источник|читайте|дивіться|смотрите|реклама|теги|fot|foto|źródło|wideo|zobacz|czytaj
    |사진|영상|출처|관련기사|자료)\s*[\])]?\s*[:.=/|]""",
    re.VERBOSE,
)
_CREDIT = re.compile(
    r"\((?:yonhap|afp|reuters|epa|xinhua|ap|연합뉴스|뉴스1|pap)(?:[-/=\ ,][^()]*)?\)\W*$|(?:기자|특파원)\s*=?\s*$"
)

_POINT = re.compile(r"<li\b[^>]*>(.*?)(?=</?(?:li|ul|ol)\b)", re.DOTALL | re.IGNORECASE)
"""In cleaned HTML a point of a list, without the list in it."""


def prose(report: Report) -> str:
    """The text without the points of lists; as it is where it is nothing but a list."""
    if "<li" not in report.content:
        return report.text
    points = {
        line for found in _POINT.finditer(report.content) for line in html_to_text(found[1]).split("\n")
    }
    return "\n".join(line for line in report.text.split("\n") if line not in points) or report.text


def strip_dateline(paragraph: str) -> str:
    """A paragraph from where the report begins: without alert, place, date, agency and reporter."""
    if found := _MARK.match(paragraph):
        paragraph = paragraph[found.end() :]
    for pattern in (_KOREAN, _RUSSIAN_AGENCY):
        if found := pattern.match(paragraph):
            return paragraph[found.end() :]
    found = _DATELINE.match(paragraph)
    # Before a colon there may also be who speaks
    if found and (
        (found["agency"] and not found["colon"])
        or found["date"]
        or _is_shouted(found["place"], paragraph[found.end() :])
    ):
        return paragraph[found.end() :]
    return paragraph


def _is_shouted(place: str | None, rest: str) -> bool:
    city = re.split(r"[,/]", place or "")[0]
    return city.isupper() and len(city) > 3 and rest[:1].isupper()


def told_sentences(text: str, language: str | None, *, within: int) -> list[str]:
    """The sentences of the first characters of a report, whitespace folded; one cut at the limit is left out."""
    paragraphs = [each for each in text[:within].split("\n") if each.strip() and not _BYLINE.match(each)]
    kept = [*map(strip_dateline, paragraphs[:_HEAD]), *paragraphs[_HEAD:]]
    sentences = split_sentences("\n".join(kept), language)
    if len(text) > within and sentences:
        sentences.pop()
    lowered = text[:within].lower()
    suspects = [phrase for phrase in _FURNITURE if phrase in lowered]
    found = [" ".join(sentence.split()) for sentence in sentences if not _is_furniture(sentence, suspects)]
    marked = (_BULLET.match(sentence) for sentence in found)
    return [
        sentence[mark.end() :] if mark else sentence for sentence, mark in zip(found, marked, strict=True)
    ]


def _is_furniture(sentence: str, suspects: Sequence[str]) -> bool:
    lowered = sentence.lower()
    if any(phrase in lowered for phrase in suspects) or _LABEL.match(lowered):
        return True
    return lowered.rstrip(" .=").endswith((")", "기자", "특파원")) and bool(_CREDIT.search(lowered))
