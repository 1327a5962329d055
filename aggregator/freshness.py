"""What a response says about asking again: Cache-Control, Expires, Retry-After (RFC 9110, RFC 9111)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST_WAIT = timedelta(days=7)
_MAX_AGE = re.compile(r"""(?:^|[\s,])max-age\s*=\s*"?(\d{1,12})"?""", re.IGNORECASE)


def http_date(raw: str | None) -> datetime | None:
    """An HTTP-date (RFC 9110 §5.6.7), or None when it is none."""
    if not raw:
        return None
    try:
        moment = parsedate_to_datetime(raw)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def fresh_until(headers: Mapping[str, str], *, now: datetime) -> datetime | None:
    """When a response becomes stale (RFC 9111 §4.2.1), at most a week ahead; None when it says nothing.

    `headers` have lower-case names. `Age` counts (§4.2.3); `no-cache` and `no-store` are not fresh.
    """
    control = headers.get("cache-control", "")
    if re.search(r"no-(?:cache|store)", control, re.IGNORECASE):
        return None
    if match := _MAX_AGE.search(control):
        age = headers.get("age", "")
        seconds = int(match[1]) - (int(age) if age.isascii() and age.isdigit() and len(age) < 12 else 0)
        lifetime = timedelta(seconds=min(seconds, int(_LONGEST_WAIT.total_seconds())))
    else:
        expires = http_date(headers.get("expires"))
        if expires is None:
            return None
        lifetime = expires - (http_date(headers.get("date")) or now)
    return now + min(lifetime, _LONGEST_WAIT) if lifetime > timedelta(0) else None


def retry_at(headers: Mapping[str, str], *, now: datetime) -> datetime | None:
    """When `Retry-After` (RFC 9110 §10.2.3: seconds or a date) allows the next request, at most in a week."""
    raw = headers.get("retry-after", "").strip()
    if raw.isascii() and raw.isdigit() and len(raw) < 12:
        moment: datetime | None = now + timedelta(seconds=min(int(raw), int(_LONGEST_WAIT.total_seconds())))
    else:
        moment = http_date(raw)
    return min(moment, now + _LONGEST_WAIT) if moment and moment > now else None


def asks_for_rest(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a response speaks for its whole host: 429 (RFC 6585 §4), or 503 with a time (RFC 9110 §15.6.4)."""
    return status == 429 or (status == 503 and "retry-after" in headers)
