"""Passes in this process, at a time of day of the test's own."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from builders import NOON
from conftest import Desk
from sqlite_utils import Database

from aggregator.config.load import Configuration, load
from aggregator.engine.local import LocalEngine
from aggregator.model import Harvest
from aggregator.update import Clock, Observer, Passes, Summary, make_limits


@dataclass
class Runs:
    """Passes over the sources of a desk, at a time of day of our own."""

    desk: Desk
    db: Database
    now: datetime = NOON
    watched: list[Harvest] = field(default_factory=list)

    def configuration(self) -> Configuration:
        return load(self.desk.config, environ={})

    def run(
        self,
        *only: str,
        after: timedelta = timedelta(0),
        stop: threading.Event | None = None,
        **options: Any,
    ) -> Summary:
        configuration = self.configuration()
        self.now += after
        self.watched.clear()
        clock = Clock(lambda: self.now, lambda: 1.0)
        engine = LocalEngine(make_limits(configuration), clock=clock.now, processes=1)
        with closing(engine):
            passes = Passes(self.db, configuration, clock=clock, jitter=lambda: 0.5, stop=stop)
            passes.synchronize()
            return passes.update(
                engine, only=only, **{"observer": Observer(harvested=self._watch), **options}
            )

    def _watch(self, harvest: Harvest, _applied: object) -> None:
        self.watched.append(harvest)

    def files(self) -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in self.desk.feeds.rglob("*") if path.is_file()}
