"""What a response says about asking again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.freshness import fresh_until, http_date, retry_at

NOW = datetime(2024, 11, 27, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=300"}, 300),
        ({"cache-control": "public, MAX-AGE = 300"}, 300),
        ({"cache-control": 'max-age="300"'}, 300),
        ({"cache-control": "s-maxage=300"}, None),
        ({"cache-control": "max-age=0"}, None),
        ({"cache-control": "max-age=-5"}, None),
        ({"cache-control": "max-age=300, no-cache"}, None),
        ({"cache-control": "no-store"}, None),
        ({"cache-control": "max-age=300", "age": "100"}, 200),
        ({"cache-control": "max-age=300", "age": "300"}, None),
        ({"cache-control": "max-age=300", "age": "soon"}, 300),
        ({"cache-control": "max-age=300", "age": "²"}, 300),
        ({"cache-control": "max-age=999999999999"}, WEEK.total_seconds()),
        ({"expires": "Wed, 27 Nov 2024 12:05:00 GMT"}, 300),
        ({"expires": "Wed, 27 Nov 2024 12:05:00 GMT", "date": "Wed, 27 Nov 2024 12:04:00 GMT"}, 60),
        ({"expires": "Wed, 27 Nov 2024 12:05:00 GMT", "cache-control": "max-age=10"}, 10),
        ({"expires": "Wed, 27 Nov 2024 11:00:00 GMT"}, None),
        ({"expires": "Wed, 27 Nov 2034 12:05:00 GMT"}, WEEK.total_seconds()),
        ({"expires": "0"}, None),
        ({"expires": "-1"}, None),
        ({"expires": "Fri, 31 Feb 2024 00:00:00 GMT"}, None),
    ],
)
def test_a_response_is_fresh_as_long_as_its_headers_say(
    headers: dict[str, str], seconds: float | None
) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert fresh_until(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("later", None),
        ("", None),
        ("99999999999", WEEK.total_seconds()),
        ("9" * 5000, None),
        ("Wed, 27 Nov 2024 12:30:00 GMT", 1800),
        ("Wed, 27 Nov 2024 11:30:00 GMT", None),
        ("Wed, 27 Nov 2099 11:30:00 GMT", WEEK.total_seconds()),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_week(written: str, seconds: float | None) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert retry_at({"retry-after": written}, now=NOW) == expected


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun, 06 Nov 1994 17:49:37 +0900", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        (None, None),
        ("", None),
        ("tomorrow", None),
        ("Fri, 31 Dec 9999 23:59:59 -0900", None),
    ],
)
def test_each_form_of_an_http_date_is_read(written: str | None, moment: datetime | None) -> None:
    assert http_date(written) == moment


HEADER = st.text(st.characters(max_codepoint=255), max_size=60)
DATES = st.from_regex(
    r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d( [+-]?\w{1,5})?", fullmatch=True
)


@given(
    st.dictionaries(
        st.sampled_from(["cache-control", "age", "expires", "date", "retry-after"]),
        HEADER | DATES | st.from_regex(r"max-age=\d{1,14}", fullmatch=True) | st.integers().map(str),
    )
)
def test_no_header_breaks_anything_or_reaches_beyond_a_week(headers: dict[str, str]) -> None:
    for moment in (fresh_until(headers, now=NOW), retry_at(headers, now=NOW)):
        assert moment is None or NOW < moment <= NOW + WEEK
