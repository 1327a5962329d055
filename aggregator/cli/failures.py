"""Sources that failed in a pass, named on stderr after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.advice import advice
from aggregator.cli.output import note
from aggregator.text.line import one_line

if TYPE_CHECKING:
    from aggregator.ledger import Applied
    from aggregator.model import Harvest


class Failures:
    """Hears of each harvest and keeps what went wrong."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._lines)

    def hear(self, harvest: Harvest, _applied: Applied) -> None:
        """Take note of a harvest that failed."""
        if harvest.failure is not None:
            failure = harvest.failure
            self._lines.append(f"{harvest.source}: {failure.message}; {advice(failure.kind)}")

    def say(self) -> None:
        """Name each source that failed, and why."""
        for line in sorted(self._lines):
            note(f"failed: {one_line(line)}")
