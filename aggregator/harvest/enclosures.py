"""Media files as a source declares them → enclosures: links absolute, what is said of them read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple
from itertools import islice
from typing import get_args

from aggregator.harvest.raw import RawEnclosure
from aggregator.model import Enclosure, EpisodeKind
from aggregator.text.html import tidy_text
from aggregator.url import absolute

_MOST_FILES = 50
_DURATION = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,6}):)?(\d{1,9}(?:\.\d{0,9})?)", re.ASCII)
_LONGEST_SECONDS = 1_000_000
_EXPLICIT = {
    **dict.fromkeys(("yes", "true", "explicit"), True),
    **dict.fromkeys(("no", "false", "clean"), False),
}
_EPISODES: dict[str, EpisodeKind] = {kind: kind for kind in get_args(EpisodeKind)}


def clean_enclosures(raw: Iterable[RawEnclosure], base: str) -> tuple[Enclosure, ...]:
    """The files with a web address, each once: what its first mention leaves open, a later one may say."""
    found: dict[str, Enclosure] = {}
    for part in raw:
        if url := absolute(part.url, base):
            said = _enclosure(url, part)
            found[url] = _both(found[url], said) if url in found else said
    return tuple(islice(found.values(), _MOST_FILES))


def read_duration(raw: str) -> int | None:
    """Seconds, from `1:02:03`, `62:03` or `3723`; None when it says nothing that can be, or next to nothing."""
    match = _DURATION.fullmatch(raw.strip())
    if match is None:
        return None
    seconds = round(int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3]))
    return seconds if 0 < seconds <= _LONGEST_SECONDS else None


def _enclosure(url: str, part: RawEnclosure) -> Enclosure:
    media, length = _media_type(part.type), _length(part.length)
    if media and media.startswith("image/"):
        # What an entry says of its episode is not said of the picture beside it
        return Enclosure(url, media, length)
    return Enclosure(
        url,
        media,
        length,
        seconds=read_duration(part.duration) if part.duration else None,
        is_explicit=_EXPLICIT.get(_word(part.explicit)),
        episode=_EPISODES.get(_word(part.episode)),
    )


def _both(first: Enclosure, later: Enclosure) -> Enclosure:
    pairs = zip(astuple(first), astuple(later), strict=True)
    return Enclosure(*(mine if mine is not None else other for mine, other in pairs))


def _word(raw: str | None) -> str:
    return (raw or "").strip().lower()


def _media_type(raw: str | None) -> str | None:
    media = tidy_text(raw).lower() if raw else ""
    return media if media.count("/") == 1 and len(media) < 100 and " " not in media else None


def _length(raw: str | int | None) -> int | None:
    try:
        length = int(str(raw).strip())
    except ValueError:
        return None
    return length if 0 < length < 2**53 else None
