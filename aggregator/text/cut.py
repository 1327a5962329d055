"""Texts that are too long, cut."""

from __future__ import annotations

_LONGEST_WORD = 40


def cut(text: str, length: int) -> str:
    """The text, or its first words and " …" when it has more than `length` characters; empty for a length of 0."""
    if len(text) <= length:
        return text
    start = text[:length]
    # Many languages have no spaces between words
    words = start.rfind(" ", max(0, length - _LONGEST_WORD))
    return start[: words if words > 0 else length].rstrip(",;:–—- ") + " …" if length else ""
