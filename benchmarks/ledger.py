"""The ledger with stories on, by words alone: new entries a second, and whether the cost of one grows with the store.

A store of each size is filled: the last two weeks through the ledger itself, what is older by bulk, spread over the
years before at the same pace. Then passes bring new entries; harvests are made beforehand, outside the clock. Within a
round the sizes take turns, so that other work on the machine falls on all of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlite_utils import Database

from aggregator.group import Groups
from aggregator.ledger import Ledger
from aggregator.model import Harvest
from aggregator.settings import Fetch, SourceSettings, TopicSettings
from aggregator.store.connection import open_store, writing
from aggregator.store.sources import source_states, sync_sources
from aggregator.store.topics import sync_topics
from aggregator.story.fingerprint import digest
from aggregator.times import to_text
from aggregator.topic.rule import Rule, make_rule
from benchmarks.events import Stream, harvested
from benchmarks.filled import fill

_END = datetime(2026, 1, 1, tzinfo=UTC)
_RECENT = timedelta(days=14)
_SPAN = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one pass, by the clock and of the processor, and of their part that is grouping."""

    new: int
    wall: float
    cpu: float
    grouping: float


@dataclass(slots=True)
class Bench:
    """A store of one size and what it cost to add to it."""

    size: int
    db: Database
    sources: Sequence[SourceSettings]
    rules: list[Rule]
    groups: Groups
    costs: list[Cost] = field(default_factory=list)

    def take(self, harvests: Sequence[Harvest], *, at: datetime) -> Cost:
        """One pass over harvests that are there already."""
        wall, cpu = time.perf_counter(), time.process_time()
        ledger = Ledger(
            self.db,
            sources=self.sources,
            states=list(source_states(self.db).values()),
            rules=self.rules,
            fetch=Fetch(),
            jitter=lambda: 0.5,
        )
        new = sum(ledger.apply(harvest).entries_new for harvest in harvests)
        ledger.finish()
        stored = time.perf_counter()
        self.groups.group(now=at)
        ended = time.perf_counter()
        return Cost(new, ended - wall, time.process_time() - cpu, ended - stored)


def _topics(stream: Stream, count: int) -> list[TopicSettings]:
    return [
        TopicSettings(
            id=f"t{number}", title=f"T{number}", all_of=tuple(stream.words(2)), max_age=timedelta(days=30)
        )
        for number in range(count)
    ]


def _prepared(path: Path, size: int, stream: Stream, options: argparse.Namespace, stack: ExitStack) -> Bench:
    started = time.perf_counter()
    recent = min(size, round(options.a_day * _RECENT.total_seconds() / 86400))
    db = stack.enter_context(open_store(path))
    sources = [
        SourceSettings(id=f"outlet-{number}", url=f"https://outlet-{number}.example/feed.xml")
        for number in range(options.outlets)
    ]
    rules = [make_rule(topic, {}, sources) for topic in _topics(stream, options.topics)]
    with writing(db):
        sync_sources(db, sources)
        sync_topics(db, rules)
    fill(path, _old(size - recent, stream, options))
    bench = Bench(size, db, sources, rules, Groups(db, span=_SPAN, embedder=None))
    for at, documents in stream.harvests(recent, at_once=options.at_once):
        bench.take([harvested(document, at=at) for document in documents], at=at)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    bench.groups = Groups(db, span=_SPAN, embedder=None)
    print(f"{size:,} entries stored in {time.perf_counter() - started:.0f} s", flush=True)
    return bench


def _old(count: int, stream: Stream, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Old entries, each two of them a story: nothing reads what stands in them."""
    words = stream.words(100_000)
    end = _END - _RECENT
    for number in range(1, count + 1):
        at = to_text(end - timedelta(days=(count - number) / options.a_day))
        source = f"outlet-{number * 7919 % options.outlets}"
        start = number * 104_729 % (len(words) - 400)
        title = " ".join(words[start : start + 8])
        yield {
            "id": number,
            "source": source,
            "guid": f"guid:old-{number}",
            "url": f"https://{source}.example/{at[:7]}/{title.replace(' ', '-')}-{number}",
            "title": title,
            "at": at,
            "text": f"{' '.join(words[start + 8 : start + 60])} {number}",
            "hash": digest(str(number)),
            "story": f"old{number // 2:013}",
        }


def measure(options: argparse.Namespace) -> None:
    """Fill a store of each size, let them take turns, print a table."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder, ExitStack() as stack:
        start = _END - _RECENT
        streams = [Stream(start=start, a_day=options.a_day, outlets=options.outlets) for _ in options.sizes]
        benches = [
            _prepared(Path(folder) / f"{size}.db", size, stream, options, stack)
            for size, stream in zip(options.sizes, streams, strict=True)
        ]
        cleaning: list[float] = []
        for _ in range(options.passes + 1):
            for bench, stream in zip(benches, streams, strict=True):
                ((at, documents),) = stream.harvests(options.at_once, at_once=options.at_once)
                began = time.process_time()
                harvests = [harvested(document, at=at) for document in documents]
                cleaning.append((time.process_time() - began) / sum(len(one.entries) for one in harvests))
                bench.costs.append(bench.take(harvests, at=at))
        _print(benches, cleaning)


def _print(benches: Sequence[Bench], cleaning: Sequence[float]) -> None:
    print(f"\ncleaning, in the harvest: {median(cleaning) * 1e6:,.0f} µs an entry\n")
    print("stored      new/s   µs an entry  CPU µs (lowest – highest)  grouping   ratio  first pass  window")
    base = 0.0
    for bench in benches:
        first, *costs = bench.costs
        cpu = sorted(cost.cpu / cost.new * 1e6 for cost in costs)
        wall = median(cost.wall / cost.new for cost in costs) * 1e6
        grouping = median(cost.grouping / cost.new for cost in costs) * 1e6
        held = bench.groups.held()
        window = f"{held.entries:,} entries, {held.bytes / 1e6:.0f} MB" if held else ""
        base = base or median(cpu)
        print(
            f"{bench.size:>9,} {1e6 / wall:>7,.0f} {wall:>13,.0f} {median(cpu):>7,.0f} ({cpu[0]:,.0f} – {cpu[-1]:,.0f})"
            f" {grouping:>16,.0f} {median(cpu) / base:>7.2f} {first.wall:>9.2f} s  {window}"
        )
