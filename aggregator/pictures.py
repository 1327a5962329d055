"""Copies of the pictures that pages show, so that a page asks nobody else for them.

They are fetched as feeds are, within the same bounds, and known by their first bytes, whatever their server says.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlite_utils import Database

from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.model import Failure, Request, Response, SourceId
from aggregator.publish.files import write_if_changed
from aggregator.publish.pictures import may_be_shown
from aggregator.publish.places import PICTURES
from aggregator.store.connection import writing
from aggregator.store.pictures import due_pictures, keep_picture, miss_picture

_KINDS = (
    ("jpg", rb"\xff\xd8\xff"),
    ("png", rb"\x89PNG\r\n\x1a\n"),
    ("gif", rb"GIF8[79]a"),
    ("webp", rb"RIFF.{4}WEBP"),
    ("avif", rb".{4}ftypavi[fs]"),
)
"""No SVG: it can hold scripts."""
_ACCEPT = ("Accept", "image/avif, image/webp, image/*;q=0.8")
_MAX_BYTES = 5_000_000
_MIN_BYTES = 200
"""Smaller ones are spacers."""
_AT_ONCE = 100
_SECONDS = 20.0
_TRIES = 5
_RETRY = timedelta(hours=1)


def kind_of(data: bytes) -> str | None:
    """The ending for a file of this picture; None when it is none that browsers show safely."""
    return next((kind for kind, start in _KINDS if re.match(start, data, re.DOTALL)), None)


def copy_pictures(
    db: Database,
    folder: Path,
    *,
    limits: Limits,
    now: datetime,
    seconds: Callable[[], float],
    stop: threading.Event,
) -> int:
    """Fetch the pictures that published stories want, into `folder`; returns how many came.

    What takes too long, or is more than a pass has time for, comes with a later one. Raises PublishError.
    """
    due = set(due_pictures(db, now=now, tries=_TRIES, limit=_AT_ONCE).values())
    if not due:
        return 0
    end = seconds() + _SECONDS
    bounds = replace(
        limits, max_bytes=min(limits.max_bytes, _MAX_BYTES), timeout=min(limits.timeout, _SECONDS)
    )
    requests = [Request(SourceId(url), url, headers=(_ACCEPT,)) for url in sorted(due)]
    copied = 0
    with closing(Fetcher(bounds, seconds=seconds, rest=stop.wait)) as fetcher:
        for request, answer in fetcher.run(requests, stopped=lambda: stop.is_set() or seconds() > end):
            file = _kept(answer, folder / PICTURES)
            with writing(db):
                if file:
                    keep_picture(db, request.url, file)
                else:
                    miss_picture(db, request.url, retry_at=now + _RETRY)
            copied += file is not None
    return copied


def _kept(answer: Response | Failure, folder: Path) -> str | None:
    if isinstance(answer, Failure) or answer.status != 200:
        return None
    data = answer.body[:]
    kind = kind_of(data)
    if kind is None or len(data) < _MIN_BYTES or not may_be_shown(data):
        return None
    # Named after what it shows: two stories share it, and it can be cached for ever
    file = f"{sha256(data).hexdigest()[:32]}.{kind}"
    write_if_changed(folder / file, data)
    return file
