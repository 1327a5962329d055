"""Which of the images of an entry shows something: not spacers, counters and icons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_LONG_SIDE = 100
_SHORT_SIDE = 75
_ENOUGH = 600
"""Pixels of width that fill the column of a page."""


class Declared(NamedTuple):
    """An image and its sides in pixels, as far as somebody says."""

    url: str
    width: int | None = None
    height: int | None = None


def shows_something(width: int | None, height: int | None) -> bool:
    """Whether an image of these sides, in pixels where known, may be a picture: 100 by 75 at least, or 75 by 100."""
    known = sorted(side for side in (width, height) if side is not None)
    return not known or (known[0] >= _SHORT_SIDE and (len(known) == 1 or known[1] >= _LONG_SIDE))


def best_first(images: Iterable[Declared]) -> tuple[str, ...]:
    """The pictures among them: the narrowest that fills a column, those of unknown width, the widest of the others."""

    def rank(image: Declared) -> tuple[int, int]:
        if image.width is None:
            return 1, 0
        return (0, image.width) if image.width >= _ENOUGH else (2, -image.width)

    return tuple(image.url for image in sorted(filter(_is_picture, images), key=rank))


def read_side(raw: str | None) -> int | None:
    """A side as markup declares it: `640`, `640px`; None where it is no number of pixels."""
    digits = (raw or "").strip().removesuffix("px")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else None


def _is_picture(image: Declared) -> bool:
    return shows_something(image.width, image.height)
