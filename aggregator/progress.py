"""How far long work has come, said where nothing can be shown: a line now and then."""

from __future__ import annotations

from collections.abc import Callable

_FIRST, _AGAIN = 10.0, 30.0
"""Seconds: what takes no longer needs no word."""
_FEW = 250
"""Pieces that need no word either, however slow the machine is."""


class Meanwhile:
    """Says so many lines only that a log stays readable, and none of what is quick."""

    def __init__(self, say: Callable[[str], None], *, seconds: Callable[[], float]) -> None:
        """`say` gets a line, `seconds` never jumps."""
        self._say = say
        self._seconds = seconds
        self._work = ""
        self._total = self._done = 0
        self._due = 0.0

    def started(self, work: str, total: int) -> None:
        """There is this to do, in so many pieces."""
        self._work, self._total, self._done = work, total, 0
        self._due = self._seconds() + _FIRST

    def advance(self, pieces: int = 1) -> None:
        """So many more are done."""
        self._done += pieces
        if _FEW < self._total > self._done and self._seconds() >= self._due:
            self._due = self._seconds() + _AGAIN
            self._say(f"{self._work}: {self._done:,} of {self._total:,}")
