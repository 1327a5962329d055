"""Whether a pass has the network at all: without it no source is to blame."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.harvest.queue import site
from aggregator.model import Harvest, SourceId

_UNREACHED = ("dns", "connect", "timeout")
_UNSENT = ("bad_url", "private_address")
_SITES = 3
"""So many sites are not down at once by chance."""


class Outage:
    """Holds back what was not reached until one answer, good or bad, shows that there is a network.

    `urls` are those of the pass's requests.
    """

    def __init__(self, urls: Mapping[SourceId, str]) -> None:
        self._urls = urls
        self._held: list[Harvest] = []
        self._is_connected = False

    def take(self, harvest: Harvest) -> list[Harvest]:
        """The harvests to apply now, this one among them or not."""
        kind = harvest.failure.kind if harvest.failure else None
        if kind in _UNSENT or self._is_connected:
            return [harvest]
        self._held.append(harvest)
        if kind in _UNREACHED:
            return []
        self._is_connected = True
        return self._release()

    def finish(self) -> list[Harvest]:
        """The harvests that are still to be applied; none of those held when there is no network."""
        return [] if self.is_offline else self._release()

    @property
    def held(self) -> int:
        """How many harvests are held back now."""
        return len(self._held)

    @property
    def is_offline(self) -> bool:
        """Whether nothing answered, and what did not belongs to several sites."""
        return len({site(self._urls[harvest.source]) for harvest in self._held}) >= _SITES

    def _release(self) -> list[Harvest]:
        held, self._held = self._held, []
        return held
