"""What there is to hear or see of a story, as its page offers it: a player that loads nothing by itself, and a link."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from aggregator.model import Enclosure, Story
from aggregator.publish.content import on_one_line
from aggregator.publish.podcast import episodes

_MOST = 5
_UNITS = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000))


@dataclass(frozen=True, slots=True)
class Media:
    """An audio or video file."""

    url: str
    title: str
    language: str | None
    source: str
    is_lead: bool
    """Whether it is the lead report's."""
    is_video: bool
    figures: str
    """How long it plays and how large it is, as far as its source says: `1 h 2 min, 28 MB`."""


def media_of(story: Story) -> tuple[Media, ...]:
    """The audio and video of a story, the lead report's first, a few at most."""
    return tuple(
        Media(
            url=one.file.url,
            title=on_one_line(one.report.title) or one.report.source_title,
            language=one.report.language,
            source=one.report.source_title,
            is_lead=one.report.entry == story.lead.entry,
            is_video=(one.file.type or "").startswith("video/"),
            figures=_figures(one.file),
        )
        for one in islice(episodes(story), _MOST)
    )


def _figures(file: Enclosure) -> str:
    said = [_length(file.seconds) if file.seconds else None, _size(file.length) if file.length else None]
    return ", ".join(filter(None, said))


def _length(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))


def _size(length: int) -> str:
    unit, size = next((found for found in _UNITS if length >= found[1]), _UNITS[-1])
    return f"{max(1, round(length / size))} {unit}"
