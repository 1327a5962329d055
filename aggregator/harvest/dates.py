"""The date of an entry, as publishers write it, to an instant.

The clock and its zone are cut out of the text wherever they stand; what is left is a day. So every
form of day goes with every form of clock. feedparser's own dates are not used: it reads `2020/1/10`
as November, `KST` and `CEST` as UTC, and Korean dates wrongly.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dateparser.date import DateDataParser

_MAX_LENGTH = 100
_MAX_DAY_LENGTH = 50
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_TOLERANCE = timedelta(days=2)

# Languages whose months dateparser looks up, the likelier ones first; English is among them for the
# orders of words that `_DAY` does not have.
_LANGUAGES = ["en", "uk", "ru", "pl", "de", "fr", "es", "it", "pt", "nl", "cs", "tr", "ko", "ja", "zh"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sept", "sep"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}

# Hours from UTC. Where two places share a name, the one that feeds mean: IST India, BST Britain,
# CST the United States, AST the Atlantic. A military letter says nothing (RFC 5322 §4.3), so it is
# UTC like the unknown names, which are not listed.
_ZONES: dict[str, float] = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET"), 0),
    **dict.fromkeys(("CET", "MET", "MEZ", "WEST", "BST", "WAT"), 1),
    **dict.fromkeys(("CEST", "MEST", "MESZ", "EET", "CAT", "SAST"), 2),
    **dict.fromkeys(("EEST", "MSK", "TRT", "EAT", "IDT"), 3),
    **dict.fromkeys(("MSD", "SAMT"), 4),
    **dict.fromkeys(("PKT", "YEKT", "UZT"), 5),
    "IST": 5.5,
    "NPT": 5.75,
    **dict.fromkeys(("ICT", "WIB"), 7),
    **dict.fromkeys(("HKT", "SGT", "PHT", "AWST", "WITA"), 8),
    **dict.fromkeys(("KST", "JST", "WIT"), 9),
    "ACST": 9.5,
    **dict.fromkeys(("AEST", "VLAT"), 10),
    "ACDT": 10.5,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    **dict.fromkeys(("BRT", "ART", "CLST", "ADT"), -3),
    "NDT": -2.5,
    "NST": -3.5,
    **dict.fromkeys(("AST", "EDT", "CLT"), -4),
    **dict.fromkeys(("EST", "CDT", "PET", "COT"), -5),
    **dict.fromkeys(("CST", "MDT"), -6),
    **dict.fromkeys(("MST", "PDT"), -7),
    **dict.fromkeys(("PST", "AKDT"), -8),
    "AKST": -9,
    "HST": -10,
}

# `-040` has lost a digit, `+900` never had one.
_OFFSET = re.compile(r"([+-])([01]\d|\d):?(\d\d?)?")

_FORENOON = ("am", "a.m.", "오전", "午前", "上午")
_AFTERNOON = ("pm", "p.m.", "오후", "午後", "下午")
_HALF = "|".join(map(re.escape, sorted(_FORENOON + _AFTERNOON, key=len, reverse=True)))
_CLOCK = re.compile(
    rf"""
    (?:(?P<before>{_HALF})\s?)?
    (?<!\d)(?P<hour>\d{{1,2}})(?:\s?[:h시時时点]\s?)(?P<minute>\d\d)
    (?:(?:\s?[:분分]\s?)(?P<second>\d{{1,2}})(?:[.,]\d+)?[초秒]?|\s?[분分])?(?!\d)
    (?:\s?(?P<after>{_HALF})(?![a-z]))?
    (?:\s?(?P<zone>{"|".join(sorted(_ZONES, key=len, reverse=True))})(?![^\W\d_]))?
    (?:\s?(?P<offset>[+-]\d{{1,4}}(?::\d\d)?)(?!\d))?
    (?:\s?\([^()]*\))?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,  # ASCII: else İST is IST, and no known zone
)

_RFC1123 = re.compile(
    r"[A-Za-z]{3}, (\d\d?) ([A-Za-z]{3}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) (?:GMT|([+-]\d{4}))",
    re.ASCII,
)
# Any word will do: it may be wrong, and in any language. Possessive, or its tail could pass for a month.
_WEEKDAY = r"(?:\(?[^\W\d]++\.?\)?\s?,?\s?)?"
_DAY = re.compile(
    rf"""
    {_WEEKDAY}
    (?: (?P<day>\d\d?)(?:st|nd|rd|th|\.)?[\s-]?(?P<month>[a-z]+|\d\d?(?=[월月]))[월月]?[.,]?[\s-]?
        (?P<year>\d{{4}}|\d\d)
      | (?P<us_month>[a-z]+)\.?\s(?P<us_day>\d\d?)(?:st|nd|rd|th)?,?\s(?P<us_year>\d{{4}})
    )
    (?:,?\s[a-z]{{1,5}})?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TRUNCATED = re.compile(r"(\d{4})(?:-(\d\d))?")
_YEAR_FIRST = re.compile(
    rf"(\d{{4}})\s?[-/.년年]\s?(\d\d?)\s?[-/.월月]\s?(\d\d?)\s?[일日.T]?,?\s?{_WEEKDAY}", re.IGNORECASE
)
_YEAR_LAST = re.compile(rf"{_WEEKDAY}(\d\d?)([-/.])\s?(\d\d?)\2\s?(\d{{4}})\.?,?\s?{_WEEKDAY}")


def parse_date(raw: str, *, now: datetime) -> datetime | None:
    """Read the raw date of an entry: RSS pubDate, dc:date, Atom updated, JSON Feed date_published.

    Returns an aware time in UTC; None for what is no date, or a date before 1990 or more than two
    days after `now`. A time without a zone is UTC. Never raises.
    """
    if len(raw) > _MAX_LENGTH:
        return None
    text = " ".join(raw.split())
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)[:_MAX_LENGTH]  # one character may become eighteen
    try:
        moment = _iso(text) or _rfc1123(text) or _epoch(text) or _composed(text)
        return moment if moment and _EARLIEST <= moment <= now + _TOLERANCE else None
    except (ValueError, OverflowError):  # the 30th of February; the year 10000
        return None


def _iso(text: str) -> datetime | None:
    """RFC 3339 and ISO 8601 in full; the truncated forms of W3CDTF are read as days."""
    if not text[:4].isdigit() or (text[4:5] != "-" and text[8:9] not in ("T", "t")):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc1123(text: str) -> datetime | None:
    """The commonest form, for speed. `email.utils` reads the year 0001 as 2001 and KST as UTC."""
    found = _RFC1123.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second, offset = found.groups()
    if month.lower() not in _MONTHS:
        return None
    moment = datetime(
        int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), int(second), tzinfo=UTC
    )
    return moment - _offset("GMT", offset)


def _epoch(text: str) -> datetime | None:
    """Digits alone: `20241127`, `20241127150500`, Unix seconds or milliseconds."""
    if not (text.isascii() and text.isdigit()):
        return None
    match len(text):
        case 8:
            return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
        case 9 | 10:
            return datetime.fromtimestamp(int(text), UTC)
        case 13:
            return datetime.fromtimestamp(int(text) // 1000, UTC)
        case 14:
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return None


def _composed(text: str) -> datetime | None:
    clock = _CLOCK.search(text)
    if clock is None:
        return _day(text)
    day = _day(f"{text[: clock.start()].rstrip(' ,-')} {text[clock.end() :].lstrip(' ,-')}".strip())
    return day + _since_midnight(clock) - _offset(clock["zone"], clock["offset"]) if day else None


def _since_midnight(clock: re.Match[str]) -> timedelta:
    """A clock of 24:00:00 and a leap second are in the next day and minute; anything later is an error."""
    hour, minute, second = int(clock["hour"]), int(clock["minute"]), int(clock["second"] or 0)
    half = (clock["before"] or clock["after"] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError("no time of day")
    return timedelta(hours=hour, minutes=minute, seconds=second)


@lru_cache(maxsize=256)
def _offset(zone: str | None, offset: str | None) -> timedelta:
    """What a clock is ahead of UTC. `GMT+9` is nine hours ahead like `+9`; nonsense is UTC."""
    if not offset:
        return timedelta(hours=_ZONES[zone.upper()] if zone else 0)
    found = _OFFSET.fullmatch(offset)
    if found is None:
        return timedelta()
    size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return size if found[1] == "+" else -size


def _day(text: str) -> datetime | None:
    """The first moment of a day in UTC."""
    if found := _DAY.fullmatch(text):
        day, month, year = (found[name] or found[f"us_{name}"] for name in ("day", "month", "year"))
        number = int(month) if month.isdigit() else _MONTHS.get(month.lower())
        if number:
            return datetime(_full_year(year), number, int(day), tzinfo=UTC)
    if found := _YEAR_FIRST.fullmatch(text):
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
    if found := _TRUNCATED.fullmatch(text):
        return datetime(int(found[1]), int(found[2] or 1), 1, tzinfo=UTC)
    if found := _YEAR_LAST.fullmatch(text):
        first, separator, second, year = int(found[1]), found[2], int(found[3]), int(found[4])
        # Slashes are American unless that gives no month; dots and dashes are not.
        is_month_first = separator == "/" and first <= 12
        month_day = (first, second) if is_month_first else (second, first)
        return datetime(year, *month_day, tzinfo=UTC)
    return _foreign_day(text)


def _full_year(digits: str) -> int:
    """Two digits stand for 1950 to 2049 (RFC 5322 §4.3)."""
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 50 else 1900)


@lru_cache(maxsize=512)
def _foreign_day(text: str) -> datetime | None:
    """A day in other languages' words. dateparser takes milliseconds, and entries share their days."""
    if len(text) > _MAX_DAY_LENGTH or not re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", text):
        return None
    found = _dateparser().get_date_data(text).date_obj
    return found.replace(tzinfo=UTC) if found else None


@cache
def _dateparser() -> DateDataParser:
    # Imported late: 20 MB and 0.1 s that most sources never need.
    from dateparser.date import DateDataParser

    return DateDataParser(
        languages=_LANGUAGES,
        use_given_order=True,
        settings={
            "PARSERS": ["absolute-time"],
            "STRICT_PARSING": True,
            "TIMEZONE": "UTC",
            "RETURN_AS_TIMEZONE_AWARE": False,
        },
    )
