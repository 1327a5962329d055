"""What comes of a try."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aggregator.receivers import Receiver


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something did not reach its receiver, in one line for a person."""

    message: str
    is_final: bool = False
    """It is not tried again: it would be refused however often, or was often enough."""
    retry_at: datetime | None = None
    """Before this the receiver wants nothing."""


@dataclass(slots=True)
class Delivered:
    """What one run did."""

    sent: int = 0
    troubles: list[tuple[Receiver, Refusal]] = field(default_factory=list)
    """Each receiver at most once: after that it is left alone until a later run."""

    def count(self, receiver: Receiver, refusal: Refusal | None) -> None:
        """Add what came of one delivery."""
        if refusal is None:
            self.sent += 1
        else:
            self.troubles.append((receiver, refusal))
