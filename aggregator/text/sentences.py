"""Where sentences end."""

from __future__ import annotations

from sentencex import segment

_LONGEST = 10_000


def split_sentences(text: str, language: str | None) -> list[str]:
    """The sentences of the beginning of a text; a newline ends one too."""
    found = []
    for line in text[:_LONGEST].split("\n"):
        found += [sentence.strip() for sentence in segment(language or "en", line) if sentence.strip()]
    return found
