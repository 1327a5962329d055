"""Instants in UTC as text, and durations such as `15m`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_duration(text: str) -> timedelta:
    """Read `30s`, `15m`, `2h`, `1d` or `1w`.

    Raises ValueError with a message for a person when it is none of these, or zero.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration (15m, 2h, 1d)")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0 < seconds < 100 * 366 * 86400:
        raise ValueError(f"{text!r} is not a duration between a moment and a century")
    return timedelta(seconds=seconds)


def format_duration(delta: timedelta) -> str:
    """The shortest reading to two places: `45s`, `15m`, `2h 30m`, `3d`."""
    left = int(delta.total_seconds())
    parts = []
    for unit in "dhms":
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def to_text(moment: datetime) -> str:
    """An aware time as ISO 8601 in UTC, to the second: `2024-11-27T09:00:00Z`. Sorts as text."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def from_text(text: str) -> datetime:
    """Inverse of `to_text`."""
    return datetime.fromisoformat(text)
