"""Instants as text, and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.times import format_duration, from_text, parse_duration, to_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("1w", 604800), (" 1.5 h ", 5400)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "m", "15 minuts", "-5m", "1h30m", "1e3s", "5M", "nan s"])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration \(15m, 2h, 1d\)"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0.0d", "36600d", "9999999999999999999999d"])
def test_a_duration_lies_between_a_moment_and_a_century(text: str) -> None:
    with pytest.raises(ValueError, match="between a moment and a century"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.4, "0s"), (45, "45s"), (900, "15m"), (9000, "2h 30m"), (259200, "3d"), (90061, "1d 1h")],
)
def test_a_duration_is_shown_to_two_places(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.integers(1, 99), st.sampled_from("smhd"))
def test_a_shown_duration_of_one_place_is_read_back(count: int, unit: str) -> None:
    delta = parse_duration(f"{count}{unit}")
    shown = format_duration(delta).split()
    assert sum((parse_duration(part) for part in shown), timedelta()) == delta


def test_an_instant_is_written_in_utc() -> None:
    in_seoul = datetime(2024, 11, 27, 18, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=9)))
    assert to_text(in_seoul) == "2024-11-27T09:00:00Z"


_MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


@given(_MOMENTS, _MOMENTS)
def test_instants_come_back_as_written_and_sort_as_text(one: datetime, other: datetime) -> None:
    assert from_text(to_text(one)) == one
    assert (to_text(one) < to_text(other)) == (one < other)
