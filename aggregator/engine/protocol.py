"""What runs harvests, wherever it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from aggregator.model import Harvest, Request


class Engine(Protocol):
    """Where harvests run."""

    def run(self, requests: Sequence[Request], *, stop: threading.Event) -> Iterator[Harvest]:
        """One harvest for each request, as they become ready."""
        ...
