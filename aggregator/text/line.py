"""What others wrote, where it stands on a line of ours."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text on one line, without control characters: they could steer a terminal, or write into a log."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
