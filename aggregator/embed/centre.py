"""Vectors made comparable across languages, and packed."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

Vector = Sequence[float]


def pack(vector: Vector) -> bytes:
    """The vector divided by its length, as little-endian float16; a vector of zeros stays one."""
    length = math.hypot(*vector) or 1.0
    return struct.pack(f"<{len(vector)}e", *(value / length for value in vector))


@dataclass(frozen=True, slots=True)
class LanguageMeans:
    """The mean vector of each language's texts: what a vector says of its language, not of its event.

    Titles alone have other means than titles with text: a title's length shows in its vector too.
    """

    titles: dict[str, Vector]
    texts: dict[str, Vector]
    digest: str

    def centre(self, vector: Vector, text: str, language: str | None) -> bytes:
        """The vector of `text` without its language's mean, packed; an unknown language's is the mean of all."""
        means = self.texts if "\n" in text else self.titles
        code = (language or "").partition("-")[0].lower()
        mean = means.get(code) or means[""]
        return pack([value - offset for value, offset in zip(vector, mean, strict=True)])


def write_means(path: Path, means: dict[str, tuple[Vector, Vector]]) -> None:
    """Write the mean of titles and of titles with text of each language, for `read_means`."""
    vectors = [vector for pair in means.values() for vector in pair]
    packed = b"".join(struct.pack(f"<{len(vector)}e", *vector) for vector in vectors)
    path.write_bytes(" ".join(means).encode() + b"\n" + packed)


def read_means(path: Path) -> LanguageMeans:
    """Read what `write_means` wrote: a line of language codes, then two float16 vectors for each."""
    content = path.read_bytes()
    head, _, packed = content.partition(b"\n")
    languages = head.decode().split()
    width = len(packed) // (4 * len(languages))
    vectors = list(struct.iter_unpack(f"<{width}e", packed))
    return LanguageMeans(
        _with_unknown(dict(zip(languages, vectors[::2], strict=True))),
        _with_unknown(dict(zip(languages, vectors[1::2], strict=True))),
        sha256(content).hexdigest()[:8],
    )


def _with_unknown(means: dict[str, Vector]) -> dict[str, Vector]:
    return means | {"": [math.fsum(values) / len(means) for values in zip(*means.values(), strict=True)]}
