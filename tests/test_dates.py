from __future__ import annotations

import io
from calendar import timegm
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.dates import parse_date

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "real"

READ = {
    # RFC 3339, ISO 8601, W3CDTF and its truncations
    "2024-11-27T15:05:00Z": "2024-11-27T15:05:00",
    "2024-11-27T15:05:00+09:00": "2024-11-27T06:05:00",
    "2024-11-27T15:05:00+0900": "2024-11-27T06:05:00",
    "2024-11-27T15:05:00+9": "2024-11-27T06:05:00",
    "2024-11-27T15:05:00.25-05:00": "2024-11-27T20:05:00.250000",
    "2024-11-27T15:05:00.1267979-07:00": "2024-11-27T22:05:00.126797",
    "2024-11-27t15:05:00z": "2024-11-27T15:05:00",
    "2024-11-27T15:05:00": "2024-11-27T15:05:00",
    "2024-11-27T15:05Z": "2024-11-27T15:05:00",
    "2024-11-27T15:05+02:00": "2024-11-27T13:05:00",
    "2024-11-27T15:05:9+01:00": "2024-11-27T14:05:09",
    "2024-11-27T24:00:00Z": "2024-11-28T00:00:00",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00",
    "2024-11-27": "2024-11-27T00:00:00",
    "2024-11": "2024-11-01T00:00:00",
    "2024": "2024-01-01T00:00:00",
    "2024-W48-3": "2024-11-27T00:00:00",
    "20241127": "2024-11-27T00:00:00",
    "20241127T150500Z": "2024-11-27T15:05:00",
    "20241127150500": "2024-11-27T15:05:00",
    "2024-11-27 15:05:00": "2024-11-27T15:05:00",
    "2024-11-27 15:05:00 +0900": "2024-11-27T06:05:00",
    "2024-11-27 15:05:00 KST": "2024-11-27T06:05:00",
    "2024-11-27 15:05 UTC": "2024-11-27T15:05:00",
    "  2024-11-27T15:05:00Z\n": "2024-11-27T15:05:00",
    # RFC 822, 1123, 2822, 850, asctime
    "Wed, 27 Nov 2024 15:05:00 +0200": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 15:05:00 GMT": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05:00 -0000": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05:00 +02:00": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 15:05:00 +9": "2024-11-27T06:05:00",
    "Wed, 27 Nov 2024 15:05:00 +900": "2024-11-27T06:05:00",
    "Wed, 27 Nov 2024 15:05:00 -040": "2024-11-27T19:05:00",
    "Wed, 27 Nov 2024 15:05:00 GMT+9": "2024-11-27T06:05:00",
    "Wed, 27 Nov 2024 15:05:00 GMT-0500": "2024-11-27T20:05:00",
    "Wed, 27 Nov 2024 15:05:00 UTC+02:00": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 15:05:00 +0200 (EET)": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 15:05:00 +0000 GMT": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05:00": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05 +0200": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 7:05:00 +0200": "2024-11-27T05:05:00",
    "Wed, 27 Nov 2024": "2024-11-27T00:00:00",
    "27 Nov 2024 15:05:00 +0200": "2024-11-27T13:05:00",
    "7 Nov 2024 15:05:00 Z": "2024-11-07T15:05:00",
    "Mon, 27 Nov 2024 15:05:00 GMT": "2024-11-27T15:05:00",
    "Wednesday, 27 November 2024 15:05:00 GMT": "2024-11-27T15:05:00",
    "Thu, 12 Sept 2024 15:05:00 GMT": "2024-09-12T15:05:00",
    "WED, 27 NOV 2024 15:05:00 GMT": "2024-11-27T15:05:00",
    "wed, 27 nov 2024 15:05:00 gmt": "2024-11-27T15:05:00",
    "Wed, 27 Nov 24 15:05:00 GMT": "2024-11-27T15:05:00",
    "Wed, 27 Nov 96 15:05:00 GMT": "1996-11-27T15:05:00",
    "Wednesday, 27-Nov-24 15:05:00 GMT": "2024-11-27T15:05:00",
    "Wed, Nov 27 2024 15:05:00 PST": "2024-11-27T23:05:00",
    "Wed Nov 27 15:05:00 2024": "2024-11-27T15:05:00",
    "Wed Nov  7 15:05:00 2024": "2024-11-07T15:05:00",
    "Wed Nov 27 15:05:00 KST 2024": "2024-11-27T06:05:00",
    "Wed Nov 27 2024 15:05:00 GMT+0900 (Korean Standard Time)": "2024-11-27T06:05:00",
    # names of zones
    "Wed, 27 Nov 2024 15:05:00 UT": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05:00 EST": "2024-11-27T20:05:00",
    "Wed, 27 Nov 2024 15:05:00 EDT": "2024-11-27T19:05:00",
    "Wed, 27 Nov 2024 15:05:00 PDT": "2024-11-27T22:05:00",
    "Wed, 27 Nov 2024 15:05:00 KST": "2024-11-27T06:05:00",
    "Wed, 27 Nov 2024 15:05:00 JST": "2024-11-27T06:05:00",
    "Wed, 27 Nov 2024 15:05:00 CET": "2024-11-27T14:05:00",
    "Wed, 27 Nov 2024 15:05:00 CEST": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 15:05:00 EET": "2024-11-27T13:05:00",
    "Wed, 27 Nov 2024 15:05:00 EEST": "2024-11-27T12:05:00",
    "Wed, 27 Nov 2024 15:05:00 MSK": "2024-11-27T12:05:00",
    "Wed, 27 Nov 2024 15:05:00 MSD": "2024-11-27T11:05:00",
    "Wed, 27 Nov 2024 15:05:00 IST": "2024-11-27T09:35:00",
    "Wed, 27 Nov 2024 15:05:00 BST": "2024-11-27T14:05:00",
    "Wed, 27 Nov 2024 15:05:00 AEST": "2024-11-27T05:05:00",
    # RFC 5322 §4.3: military letters and unknown names say nothing
    "Wed, 27 Nov 2024 15:05:00 A": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05:00 XYZ": "2024-11-27T15:05:00",
    "Wed, 27 Nov 2024 15:05:00 +3000": "2024-11-27T15:05:00",
    "2024-11-27 15:05 İST": "2024-11-27T15:05:00",
    # year first, whatever divides it
    "2020/1/10": "2020-01-10T00:00:00",
    "2020/1/10 12:30": "2020-01-10T12:30:00",
    "2024.11.27": "2024-11-27T00:00:00",
    "2024.11.27 15:05": "2024-11-27T15:05:00",
    "2024. 11. 27. 15:05": "2024-11-27T15:05:00",
    # Korean, Japanese, Chinese
    "2024년 11월 27일 오후 3:05": "2024-11-27T15:05:00",
    "2024년 11월 27일 오전 12:05": "2024-11-27T00:05:00",
    "2024년 11월 27일 오후 12:05:30": "2024-11-27T12:05:30",
    "2024년 11월 27일 15시 05분": "2024-11-27T15:05:00",
    "2024년11월27일 15시05분30초": "2024-11-27T15:05:30",
    "2024년 11월 27일 (수) 오후 3:05": "2024-11-27T15:05:00",
    "2024년 11월 27일 수요일": "2024-11-27T00:00:00",
    "2024. 11. 27. 오후 3:05": "2024-11-27T15:05:00",
    "2024-11-27 오후 3:05": "2024-11-27T15:05:00",
    "2024-11-27 오전 9:05:00": "2024-11-27T09:05:00",
    "2024-11-27 PM 3:05": "2024-11-27T15:05:00",
    "수, 27 11월 2024 15:05:00 +0900": "2024-11-27T06:05:00",
    "2024年11月27日": "2024-11-27T00:00:00",
    "2024年11月27日 15:05": "2024-11-27T15:05:00",
    "2024年11月27日15時05分": "2024-11-27T15:05:00",
    "2024年11月27日（水曜日）午後3:05": "2024-11-27T15:05:00",
    "水, 27 11月 2024 15:05:00 +0900": "2024-11-27T06:05:00",
    # months in other languages
    "27 листопада 2024, 15:05": "2024-11-27T15:05:00",
    "27 листопада 2024 р. о 15:05": "2024-11-27T15:05:00",
    "Ср, 27 Лис 2024 15:05:00 +0200": "2024-11-27T13:05:00",
    "27 ноября 2024 г.": "2024-11-27T00:00:00",
    "27 ноября 2024 г., 15:05": "2024-11-27T15:05:00",
    "Ср, 27 ноя 2024 15:05:00 +0300": "2024-11-27T12:05:00",
    "27 listopada 2024": "2024-11-27T00:00:00",
    "śr., 27 lis 2024 15:05:00 +0100": "2024-11-27T14:05:00",
    "Mi, 27 Dez 2023 15:05:00 +0100": "2023-12-27T14:05:00",
    "27. März 2024, 15:05 Uhr": "2024-03-27T15:05:00",
    "27 février 2024 à 15h05": "2024-02-27T15:05:00",
    "27 de enero de 2024": "2024-01-27T00:00:00",
    "27 gennaio 2024 alle 15:05": "2024-01-27T15:05:00",
    # day or month first
    "11/27/2024 3:05 PM": "2024-11-27T15:05:00",
    "11/12/2024 12:05 am": "2024-11-12T00:05:00",
    "27/11/2024 15:05": "2024-11-27T15:05:00",
    "27.11.2024 15:05": "2024-11-27T15:05:00",
    "01.02.2024, 15:05": "2024-02-01T15:05:00",
    "27-11-2024": "2024-11-27T00:00:00",
    "November 27, 2024": "2024-11-27T00:00:00",
    "Nov 27, 2024 3:05 p.m. EST": "2024-11-27T20:05:00",
    "Nov 27, 2024 3 PM": "2024-11-27T15:00:00",
    "3:05 PM - 27 Nov 2024": "2024-11-27T15:05:00",
    # Unix time
    "1732719900": "2024-11-27T15:05:00",
    "1732719900000": "2024-11-27T15:05:00",
}

NOT_READ = {
    "": "nothing",
    "   ": "nothing",
    "now": "relative",
    "yesterday": "relative",
    "3 hours ago": "relative",
    "10:30": "a clock alone",
    "27": "a day alone",
    "November": "a month alone",
    "27 November": "no year",
    "1 2 3": "figures",
    "11.12.13": "figures in no certain order",
    "hello world": "no date",
    "may 2024 be a better year": "no day",
    "2024-02-30": "no such day",
    "2023-02-29T00:00:00Z": "no such day",
    "Wed, 27 Nov 2024 25:05:00 GMT": "no such hour",
    "2024-13-01": "no such month",
    "13/13/2024": "no such month",
    "Wed, 27 Foo 2024 15:05:00 GMT": "no such month",
    "1970-01-01T00:00:00Z": "before there were feeds",
    "Thu, 01 Jan 1970 00:00:00 GMT": "before there were feeds",
    "Mon, 01 Jan 0001 00:00:00 +0000": "the zero of .NET",
    "0001-01-01T00:00:00+14:00": "before the first year in UTC",
    "9999-12-31T23:59:59-14:00": "after the last year in UTC",
    "2099-01-01T00:00:00Z": "the far future",
    "99999999": "digits",
    "0": "the zero of Unix",
    "2024-11-27T15:05:00Z" + " " * 90: "too long",
    "2024-11-27" + "x" * 91: "too long",
}


@pytest.mark.parametrize(("raw", "instant"), READ.items(), ids=READ.keys())
def test_a_date_is_read_as_the_instant_it_means(raw: str, instant: str) -> None:
    assert parse_date(raw, now=NOW) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize("raw", NOT_READ.keys(), ids=[f"{why}: {raw[:30]}" for raw, why in NOT_READ.items()])
def test_what_is_no_plausible_date_is_none(raw: str) -> None:
    assert parse_date(raw, now=NOW) is None


def test_a_date_may_be_two_days_ahead_of_the_clock_and_no_more() -> None:
    ahead = NOW + timedelta(days=2)
    assert parse_date(ahead.isoformat(), now=NOW) == ahead
    assert parse_date((ahead + timedelta(seconds=1)).isoformat(), now=NOW) is None


def test_the_answer_is_in_utc() -> None:
    moment = parse_date("2024-11-27T15:05:00+09:00", now=NOW)
    assert moment
    assert moment.tzinfo is UTC


OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1990, 1, 3), datetime(2026, 11, 20), timezones=OFFSETS)  # noqa: DTZ001 (Hypothesis's)


@given(MOMENTS)
def test_a_mail_date_comes_back_as_it_was(moment: datetime) -> None:
    assert parse_date(format_datetime(moment), now=NOW) == moment.replace(microsecond=0)


@given(MOMENTS, st.sampled_from("T "))
def test_an_iso_date_comes_back_as_it_was(moment: datetime, separator: str) -> None:
    assert parse_date(moment.isoformat(separator), now=NOW) == moment


@given(MOMENTS)
def test_a_korean_date_comes_back_as_it_was(moment: datetime) -> None:
    half = "오전" if moment.hour < 12 else "오후"
    clock = f"{(moment.hour - 1) % 12 + 1}:{moment:%M:%S}"
    for day in (f"{moment.year}년 {moment.month}월 {moment.day}일", f"{moment:%Y. %m. %d.}"):
        assert parse_date(f"{day} {half} {clock}", now=NOW) == moment.replace(microsecond=0, tzinfo=UTC)


PIECES = st.sampled_from(
    (
        *("2024", "27", "11", "Nov", "листопада", "15:05", "오후", "년", "월", "PM", "mar.", "ago", "KST"),
        *("İST", "+0900", "+99:99", "٢٠٢٤", "²", "ﷺ", "T", "Z", ":", "/", "-", ".", ", ", " ", "(", "\n"),
        *("\0", "\ud800"),
    )
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=20).map("".join)))
def test_no_text_raises_or_gives_a_date_out_of_bounds(raw: str) -> None:
    moment = parse_date(raw, now=NOW)
    assert moment is None or datetime(1990, 1, 1, tzinfo=UTC) <= moment <= NOW + timedelta(days=2)


def _corpus_dates() -> Iterator[tuple[str, Any]]:
    """Raw dates of real entries, and what feedparser makes of them."""
    for path in sorted(CORPUS.rglob("*")):
        if not path.is_file() or path.suffix == ".json":
            continue
        document = feedparser.parse(
            io.BytesIO(path.read_bytes()), sanitize_html=False, resolve_relative_uris=False
        )
        for entry in document.entries:
            for name in ("published", "updated"):
                # dict.get: an entry without `updated` would answer with `published`, and a warning
                if raw := dict.get(entry, name):
                    yield raw, dict.get(entry, f"{name}_parsed")


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus/real")
def test_real_feeds_give_the_dates_that_feedparser_reads_and_more() -> None:
    pairs = dict(_corpus_dates())
    theirs = {raw: datetime.fromtimestamp(timegm(parsed), UTC) for raw, parsed in pairs.items() if parsed}
    plausible = {raw: moment for raw, moment in theirs.items() if 1990 <= moment.year <= 2026}
    ours = {raw: moment for raw in pairs if (moment := parse_date(raw, now=NOW))}
    assert len(plausible) > 1000
    assert len(ours.keys() & plausible.keys()) >= 0.995 * len(plausible)
    assert len(ours) >= len(plausible)
    differing = {
        raw for raw in ours.keys() & plausible.keys() if ours[raw].replace(microsecond=0) != plausible[raw]
    }
    # Unix seconds taken for a date of digits; an offset of thirty hours.
    assert differing == {"1518478934", "Fri, 11 Mar 2016 01:15:00 +3000"}
