"""The picture on a story's page: our copy of it, as large as it is."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import imagesize

from aggregator.harvest.images import shows_something

_HEAD = 262_144
"""Bytes in which its sides stand; one that is made to be slow takes a tenth of a second."""
_COLUMN = 608
"""Pixels: the width of a page's text."""
_LOWEST = 1.25
"""Wider than high by this, and as wide as the column, a picture needs no ground around it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture at an address, with its sides in pixels where they can be read."""

    url: str
    width: int | None = None
    height: int | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def fills_column(self) -> bool:
        """Whether it is as wide as the text that it stands above."""
        return bool(self.width and self.height) and (
            (self.width or 0) >= max(_COLUMN, _LOWEST * (self.height or 0))
        )


def picture_at(url: str, path: Path) -> Picture | None:
    """The picture in this file, published at `url`; None for a spacer, or where there is no file."""
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD)
    except FileNotFoundError:
        return None
    return Picture(url, *(_sides(data) or ())) if may_be_shown(data) else None


def may_be_shown(data: bytes) -> bool:
    """Whether a picture that begins like this is no spacer, as far as it can be measured."""
    measured = _sides(data)
    return measured is None or shows_something(*measured)


def _sides(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, as it is to be shown; None where that cannot be read."""
    width, height = imagesize.get(BytesIO(data[:_HEAD]))
    return (width, height) if width > 0 and height > 0 else None
