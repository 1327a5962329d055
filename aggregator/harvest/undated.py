"""When entries are taken to be from whose publisher does not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from aggregator.model import Entry

_APART = timedelta(hours=1)


def assumed_dates(entries: Sequence[Entry], *, newest: datetime) -> Iterator[datetime]:
    """The date of each entry of a document that is read for the first time: its own, else a guess.

    Not all of it is new just because the source is. Documents list the newest first: an entry without a date is
    taken to be an hour older than the one before it, the first as old as the newest that has one, or as `newest`.
    """
    at = max((entry.published for entry in entries if entry.published), default=newest) + _APART
    for entry in entries:
        at = entry.published or at - _APART
        yield at
