"""Where sentences end."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sentencex import segment

_LONGEST = 10_000
_LONGEST_QUOTE = 600
_END = 20
"""Characters in which an abbreviation or a closing mark is looked for."""
_ABBREVIATED = re.compile(
    r"""(?:^|[\s(«„“"])(?:
    [a-zà-žЀ-ӿ]
    | adm | al | approx | art | capt | cf | col | dr | fr | ft | gen | gov | jan | feb | aug | sept? | oct | nov | dec
    | lt | maj | mr | mrs | ms | mt | nr | prof | rep | rev | sen | sgt | st | vs
    | ген | полк | підполк | проф | акад | див | св | ім | вул | бул | просп | обл | ст | стор | рис | напр
    | им | ул | см | напр | адм | г-н
    | bp | gen | ks | płk | ppłk | por | mjr | św | ul | al | woj | godz | ok | tzw | tj | np | red | zob
    )\.\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Before a name or a number: no sentence ends here."""

_DATED = re.compile(r"\d\s*\w{3,6}\.\s*$")
"""A day with a shortened month, `27 нояб.`: a year may follow."""

_GOES_ON = re.compile(r"[^\w\s]*\s*[a-zß-öø-ÿąćęłńóśźżа-яёіїєґ]|[–—-]\s")
_HOUR = re.compile(r"\b[ap]\.m\.\s*$", re.IGNORECASE)
_ZONE = re.compile(r"(?:[ECMP][SDE]?T|CEST|EES?T|GMT|BST|UTC|[IJK]ST)\b")
_REST = re.compile(r"(?!(?:von|van|de|der|al|el|bin|la|le|di|da)\b)[a-zß-öø-ÿąćęłńóśźżа-яёіїєґ]+(?![\w'’-])")
_INCHES = re.compile(r"[^\"]*\d\"[^\"]*")
_SPEAKER = re.compile(
    r"(?:\S+ ){1,4}(?:said|says|told|added|asked|wrote|warned)(?: [^.]{1,40})?\.\s*$", re.ASCII
)
_QUOTED = re.compile(r"[\"”»’][,.!?]?\s*$")
_CLOSED_BY = {"«": "»", "„": "“”", "“": "”", "「": "」", "『": "』", "(": ")", '"': '"'}
_MARKS = re.compile(r"[«»„“”「」『』()\"]")


def split_sentences(text: str, language: str | None) -> list[str]:
    """The sentences of the beginning of a text, quotations whole; a newline ends one too."""
    base = re.split(r"[-_]", language or "en")[0].lower() or "en"
    found: list[str] = []
    for line in text[:_LONGEST].split("\n"):
        if line.strip():
            found += [sentence for part in _mended(segment(base, line)) if (sentence := part.strip())]
    return found


def is_rest(text: str) -> bool:
    """Whether the text is what is left of a sentence that began before; names such as iPhone and al-Qaeda are not."""
    return _REST.match(text) is not None


def has_whole_quotations(text: str) -> bool:
    """Whether each quotation mark in the text has its other one; apostrophes are not looked at."""
    if text.count("«") != text.count("»") or text.count("「") != text.count("」"):
        return False
    low, high, closing = text.count("„"), text.count("“"), text.count("”")
    # „ is closed by “ or ”, and in the North ” by another one
    left = high + closing - low if low else high - closing
    if not low and not high:
        left = closing % 2
    if text.count('"') % 2:
        # It may stand for one of the others
        return abs(left) == 1 or (not left and _INCHES.fullmatch(text) is not None)
    return not left


def _mended(parts: Iterable[str]) -> list[str]:
    """Without the ends that are none: after an abbreviation, inside a quotation, before its speaker."""
    found: list[str] = []
    for part in parts:
        if found and _is_one(found[-1], part):
            found[-1] += part
        else:
            found.append(part)
    return _quotations(found)


def _is_one(before: str, after: str) -> bool:
    end = before[-_END:]
    if _GOES_ON.match(after) or _ABBREVIATED.search(end) or not any(map(str.isalpha, before)):
        return True
    if _QUOTED.search(end):
        # Korean and Japanese put the verb to the quotation without a space
        return bool(_SPEAKER.match(after)) or (not before[-1].isspace() and after[0].isalpha())
    if _HOUR.search(end) and _ZONE.match(after):
        return True
    return after[0].isdigit() and bool(_DATED.search(end))


def _quotations(parts: list[str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(parts):
        end = at + 1
        if _open(parts[at]):
            joined = parts[at]
            for ahead in range(at + 1, min(at + 5, len(parts))):
                joined += parts[ahead]
                if len(joined) > _LONGEST_QUOTE:
                    break
                if not _open(joined):
                    end = ahead + 1
                    break
        found.append("".join(parts[at:end]))
        at = end
    return found


def _open(text: str) -> bool:
    """Whether a quotation or a bracket begins in the text and does not end in it."""
    waiting: list[str] = []
    for mark in _MARKS.findall(text):
        if waiting and mark in waiting[-1]:
            waiting.pop()
        elif mark in _CLOSED_BY:
            waiting.append(_CLOSED_BY[mark])
    return bool(waiting)
