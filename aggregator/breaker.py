"""A circuit breaker between the daemon's jobs and a store that cannot be written to."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlite_utils import Database

from aggregator.errors import StoreError
from aggregator.store.connection import probe

log = logging.getLogger("aggregator")

_REST_SECONDS = 10
_LONGEST_REST_SECONDS = 600


class Breaker:
    """Tripped by a fault of the store, so that nothing is fetched that could not be stored, until that has gone.

    It rests before it looks again, twice as long each time that the store works but cannot take a whole pass.
    """

    def __init__(self, db: Database, *, seconds: Callable[[], float]) -> None:
        self._db = db
        self._seconds = seconds
        self._trips = 0
        """How often since the last complete pass."""
        self._rest_until = 0.0
        self.fault: StoreError | None = None
        """Why the store cannot be written to at the moment."""

    def trip(self, fault: StoreError) -> None:
        """Say what is wrong with the store, and begin to rest."""
        rest = min(_REST_SECONDS * 2.0**self._trips, _LONGEST_REST_SECONDS)
        self._trips += 1
        self._rest_until = self._seconds() + rest
        self.fault = fault
        log.error(
            "%s: nothing is fetched until that has changed, what is published is served on", fault.in_full
        )

    def recovers(self) -> bool:
        """Whether a store that could not be written to can be now."""
        # Whether a damaged database is whole again is seen at the next start
        if self.fault is None or self.fault.kind == "corrupt" or self._seconds() < self._rest_until:
            return False
        try:
            probe(self._db)
        except StoreError:
            return False
        self.fault = None
        log.info("the database can be written to again: fetching goes on")
        return True

    def forgive(self) -> None:
        """The store took a whole pass: the next rest is a short one again."""
        self._trips = 0
