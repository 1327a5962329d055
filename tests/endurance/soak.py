"""A month of 1,000 sources in minutes: nothing grows but what is kept, and no origin has reason to complain.

Run as `python -m endurance.soak` in tests/ (`make soak`); ends with status 1 when a figure is not as it must be.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from aggregator.config.load import load
from aggregator.store.connection import open_store
from aggregator.store.sources import is_any_due
from aggregator.update import Clock, Passes, make_limits
from aggregator.upkeep import prune_daily
from endurance.simulated import BEGIN, DAY, Web

TOPICS = "topics:\n  - {id: some, title: Some, all_of: [kaba, loden], max_age: 5d}\n"


@dataclass(frozen=True)
class Day:
    """How things stood at the end of a simulated day."""

    memory: int
    """Resident bytes, now."""
    descriptors: int
    database: int
    """Bytes in use: pages that are free are not counted."""
    entries: int
    stories: int
    requests: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument(
        "--tick", type=float, default=60, help="seconds from one look for what is due to the next"
    )
    parser.add_argument("--keep", type=int, default=10, help="days that entries are kept")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return Soak(Path(folder), options).run()


class Soak:
    """The program's passes over a simulated web, and what is measured meanwhile."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = folder
        self.config = folder / "config"
        self.config.mkdir()
        (self.config / "aggregator.yaml").write_text(
            f"storage: {{database: ../store.db, keep: {options.keep}d}}\noutput: {{directory: ../feeds}}\n"
            "stories: {embedder: words}\n"
        )
        (self.config / "sources.yaml").write_text("sources: []\n")
        (self.config / "topics.yaml").write_text(TOPICS)
        fetch = load(self.config, environ={}).aggregator.fetch
        self.web = Web(
            sources=options.sources,
            seed=options.seed,
            limits=make_limits(load(self.config, environ={})),
            min_interval=fetch.min_interval,
            max_interval=fetch.max_interval,
        )
        lines = [f"  - {{id: s{n}, url: '{origin.url}'}}\n" for n, origin in enumerate(self.web.origins)]
        (self.config / "sources.yaml").write_text("sources:\n" + "".join(lines))
        self.days: list[Day] = []

    def run(self) -> int:
        configuration = load(self.config, environ={})
        clock = Clock(lambda: self.web.now, time.monotonic)
        jitter = random.Random(self.options.seed).random
        keep = timedelta(days=self.options.keep)
        started = time.monotonic()
        with open_store(self.folder / "store.db") as db:
            passes = Passes(db, configuration, clock=clock, jitter=jitter)
            passes.synchronize()
            tick = BEGIN
            for day in range(1, self.options.days + 1):
                while tick < BEGIN + day * DAY:
                    tick = max(tick + timedelta(seconds=self.options.tick), self.web.now)
                    self.web.now = tick
                    if is_any_due(db, now=tick):
                        passes.update(self.web)
                prune_daily(db, keep=keep, now=self.web.now)
                self.measure(db, day, time.monotonic() - started)
            problems = [*self.growth(), *self.etiquette(), *self.entries(keep)]
        for problem in problems:
            print(f"FAILED: {problem}")
        return 1 if problems else 0

    def measure(self, db: Database, day: int, seconds: float) -> None:
        gc.collect()
        ((pages,),) = db.execute("PRAGMA page_count").fetchall()
        ((free,),) = db.execute("PRAGMA freelist_count").fetchall()
        ((size,),) = db.execute("PRAGMA page_size").fetchall()
        statm = Path("/proc/self/statm").read_text().split()
        now = Day(
            memory=int(statm[1]) * resource.getpagesize(),
            descriptors=len(os.listdir("/proc/self/fd")),
            database=(pages - free) * size,
            entries=db.table("entries").count,
            stories=db.table("stories").count,
            requests=self.web.record.requests,
        )
        self.days.append(now)
        print(
            f"day {day:2}  {now.memory / 1e6:6.1f} MB  {now.descriptors:3} descriptors  {now.database / 1e6:6.1f} MB"
            f" of database  {now.entries:6} entries  {now.stories:6} stories  {now.requests:7} requests"
            f"  ({seconds:.0f} s)",
            flush=True,
        )

    def growth(self) -> list[str]:
        """Memory and descriptors are flat once entries are removed as fast as they come; so is the database."""
        if len(self.days) < self.options.keep + 6:
            return []
        then, now = self.days[self.options.keep + 4], self.days[-1]
        problems = []
        if now.descriptors > then.descriptors:
            problems.append(f"{now.descriptors} descriptors are open, there were {then.descriptors}")
        if now.memory > then.memory * 1.1 + 5e6:
            problems.append(f"memory grew from {then.memory / 1e6:.0f} to {now.memory / 1e6:.0f} MB")
        each_then, each_now = then.database / then.entries, now.database / now.entries
        print(f"database: {each_then:.0f} bytes for each kept entry, {each_now:.0f} at the end")
        if each_now > each_then * 1.2:
            problems.append("the database grew by more than the entries that it keeps")
        return problems

    def etiquette(self) -> list[str]:
        """What the origins recorded of us."""
        record = self.web.record
        print(
            f"requests: {record.requests}, {record.conditional / record.requests:.1%} conditional,"
            f" answered {dict(sorted(record.statuses.items()))}"
        )
        figures = {
            "repeats without the validators that were given": record.unconditional_repeats,
            "requests before freshness ends": record.before_fresh,
            "requests before Retry-After ends": record.before_rest,
            "requests within fetch.min_interval": record.before_interval,
            "requests within fetch.pause of another at a domain": record.too_close,
        }
        for words, figure in figures.items():
            print(f"{words}: {figure}")
        per_host = self.web._limits.per_host
        print(f"most at once at a registrable domain: {record.at_once} (per_host: {per_host})")
        by_minute = [record.minutes[minute] for minute in range(60)]
        mean = sum(by_minute) / 60
        print(
            f"requests by minute of the hour: least {min(by_minute)}, most {max(by_minute)}, mean {mean:.0f}"
        )
        problems = [f"{words}: {figure}" for words, figure in figures.items() if figure]
        if record.at_once > per_host:
            problems.append(f"{record.at_once} at once at a domain")
        if mean > 100 and (max(by_minute) > 1.25 * mean or min(by_minute) < 0.75 * mean):
            problems.append("requests are not spread evenly over the hour")
        return problems

    def entries(self, keep: timedelta) -> list[str]:
        """Every entry that was fetched and is to be kept is there, once."""
        with closing(sqlite3.connect(self.folder / "store.db")) as plain:
            stored = [guid for (guid,) in plain.execute("SELECT guid FROM entries")]
            (check,) = plain.execute("PRAGMA integrity_check").fetchone()
            (orphans,) = plain.execute(
                "SELECT count(*) FROM entries WHERE story NOT IN (SELECT id FROM stories)"
            ).fetchone()
        lost = self.web.published_after(self.web.now - keep, fetched=True) - set(stored)
        missed = self.web.published_after(self.web.now - keep, fetched=False)
        print(f"entries: {len(stored)} kept, {len(lost)} lost, {len(stored) - len(set(stored))} doubled")
        print(f"gone from their documents before they could be fetched: {len(missed)}")
        problems = [f"{len(lost)} entries were lost, such as {min(lost)}"] if lost else []
        if len(stored) != len(set(stored)):
            problems.append("entries stand twice")
        if check != "ok":
            problems.append(f"the database is damaged: {check}")
        if orphans:
            problems.append(f"{orphans} entries have no story")
        return problems


if __name__ == "__main__":
    sys.exit(main())
