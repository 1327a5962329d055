"""Content codings of HTTP (RFC 9110 §8.4.1) and the files that hold them beside what they encode."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Literal

Coding = Literal["br", "gzip"]
SUFFIXES: dict[Coding, str] = {"br": ".br", "gzip": ".gz"}
"""By preference: the smaller first."""


def encode(data: bytes, coding: Coding) -> bytes:
    """The data in a coding: equal data gives equal bytes. The levels are those beyond which only time grows."""
    if coding == "gzip":
        return gzip.compress(data, 6, mtime=0)
    import brotli  # most runs compress nothing

    encoded: bytes = brotli.compress(data, mode=brotli.MODE_TEXT, quality=5)
    return encoded


def beside(path: Path, suffix: str) -> Path:
    """The file that holds an encoded copy of another."""
    return path.with_name(path.name + suffix)
