"""The picture on a story's page: our copy of it, as large as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import imagesize

from aggregator.harvest.images import shows_something

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
    """The picture in this file, published at `url`; None for a spacer."""
    width, height = imagesize.get(path)
    if width <= 0 or height <= 0:
        return Picture(url)
    return Picture(url, width, height) if shows_something(width, height) else None
