"""One pass of this program next to one of lemon24/reader, over the same origin, in turn.

Three passes: cold (nothing stored), all 304 (nothing changed), changed (5 % of the feeds have new entries).
Every run starts from a fresh copy of the same prepared state, so that rounds do not feed on each other.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import measure, origin, rivals

CONCURRENCY = 20
READER_WORKERS = 10
CHANGED = 0.05
_TIMEOUT_SECONDS = 1800

_AGGREGATOR_YAML = f"""\
fetch: {{allow_private_networks: true, concurrency: {CONCURRENCY}}}
storage: {{keep: 3650d}}
"""
# The origin's texts are random words of 50 to 90 a language: two in a row stand in about 5 % of the entries.
_TOPICS_YAML = """\
vocabulary:
  museum: [river museum, museum opens]
  cities: [Київ Львів, Львів Харків]
  seoul: [서울 부산, 부산 대전]
topics:
  - {id: museum, title: Museums, all_of: [museum], max_age: 3650d}
  - {id: cities, title: Cities, any_of: [cities], languages: [uk], max_age: 3650d}
  - {id: seoul, title: Seoul, all_of: [seoul], none_of: [대전 박물관], max_age: 3650d}
"""
_ADD_FEEDS = """\
import sys
from reader import make_reader
reader = make_reader(sys.argv[1])
for url in sys.stdin.read().split():
    reader.add_feed(url)
reader.close()
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that keeps all its state in one folder."""

    name: str
    prepare: Callable[[Path, list[str]], None]
    """Make a state in the folder that knows the feeds and has fetched none."""
    command: Callable[[Path], list[str]]
    """One pass over everything in that folder."""
    database: str
    """Its SQLite file in the folder, with a table `entries`."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measured pass."""

    usage: measure.Usage
    stored: int
    answers: tuple[int, int]
    """How many 200 and 304 the origin gave."""
    published: int
    """Items in the published feeds."""

    def __str__(self) -> str:
        answers = f"{self.answers[0]} x 200, {self.answers[1]} x 304"
        return f"{self.usage}, {answers}, {self.stored} entries stored, {self.published} items published"


def ours(command: list[str]) -> Program:
    """This program, started by `command`."""

    def prepare(state: Path, urls: list[str]) -> None:
        config = state / "config"
        config.mkdir(parents=True)
        (config / "aggregator.yaml").write_text(_AGGREGATOR_YAML)
        (config / "sources.yaml").write_text("sources:\n" + "".join(f'  - url: "{url}"\n' for url in urls))
        (config / "topics.yaml").write_text(_TOPICS_YAML, encoding="utf-8")

    def one_pass(state: Path) -> list[str]:
        return [*command, "--config", str(state / "config"), "update", "--all"]

    return Program("ours", prepare, one_pass, "aggregator.db")


def reader(python: Path) -> Program:
    """lemon24/reader in the environment of that interpreter."""

    def prepare(state: Path, urls: list[str]) -> None:
        state.mkdir(parents=True)
        database = str(state / "reader.db")
        subprocess.run([python, "-c", _ADD_FEEDS, database], input="\n".join(urls), text=True, check=True)

    def one_pass(state: Path) -> list[str]:
        update = ["update", "--no-scheduled", "--workers", str(READER_WORKERS)]
        return [str(python), "-m", "reader", "--db", str(state / "reader.db"), *update]

    return Program("reader", prepare, one_pass, "reader.db")


@dataclass(frozen=True, slots=True)
class Bench:
    """The origin, the folder of all states, and who competes."""

    server: origin.Origin
    scratch: Path
    programs: tuple[Program, ...]
    rounds: int

    def prepare(self) -> None:
        """Make the state `empty` of each program."""
        urls = self.server.urls()
        for program in self.programs:
            program.prepare(self.scratch / program.name / "empty", urls)

    def measure(self, name: str, start: str, keep: str | None = None) -> dict[str, list[Run]]:
        """Let the programs take turns from the state `start`; the last state of each is kept as `keep`."""
        runs: dict[str, list[Run]] = {program.name: [] for program in self.programs}
        for number in range(self.rounds):
            for program in self.programs if number % 2 == 0 else reversed(self.programs):
                run = self._once(program, start)
                runs[program.name].append(run)
                print(f"{name}, round {number + 1}, {program.name}: {run}", flush=True)
                if keep and number == self.rounds - 1:
                    (self.scratch / program.name / "now").rename(self.scratch / program.name / keep)
        return runs

    def _once(self, program: Program, start: str) -> Run:
        states = self.scratch / program.name
        state = states / "now"
        if state.exists():
            shutil.rmtree(state)
        shutil.copytree(states / start, state)
        os.sync()
        self.server.counters()
        usage = measure.run(program.command(state), log=states / "log", timeout=_TIMEOUT_SECONDS)
        counted = self.server.counters()
        return Run(
            usage=usage,
            stored=_entries(state / program.database),
            answers=(counted["ok"], counted["not_modified"]),
            published=sum(file.read_text().count("<item>") for file in state.glob("feeds/*/rss.xml")),
        )


def _entries(database: Path) -> int:
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        count: int = connection.execute("select count(*) from entries").fetchone()[0]
    return count


def compare(options: argparse.Namespace) -> None:
    """Measure three passes and print tables. Exits 1, without ratios, when a feed was not fetched once."""
    programs = (ours(shlex.split(options.ours)), reader(rivals.python(options.cache)))
    changed = round(CHANGED * options.feeds)
    with (
        origin.Origin(options.origin, options.feeds) as server,
        tempfile.TemporaryDirectory(dir=options.scratch) as scratch,
    ):
        print(server.description, flush=True)
        bench = Bench(server, Path(scratch), programs, options.rounds)
        bench.prepare()
        found = {"cold": bench.measure("cold", "empty", keep="filled")}
        found["all 304"] = bench.measure("all 304", "filled")
        server.advance(CHANGED)
        found["changed"] = bench.measure("changed", "filled")
    _print_medians(found)
    expected = {
        "cold": (options.feeds, 0),
        "all 304": (0, options.feeds),
        "changed": (changed, options.feeds - changed),
    }
    if wrong := _incomplete(found, expected):
        sys.exit("\nno ratios:\n" + "\n".join(wrong))
    _print_ratios(found)


def _incomplete(found: dict[str, dict[str, list[Run]]], expected: dict[str, tuple[int, int]]) -> list[str]:
    return [
        f"{name}, {program}: the origin gave {run.answers[0]} x 200 and {run.answers[1]} x 304, "
        f"not {expected[name][0]} and {expected[name][1]}"
        for name, programs in found.items()
        for program, runs in programs.items()
        for run in runs
        if run.answers != expected[name]
    ]


def _print_medians(found: dict[str, dict[str, list[Run]]]) -> None:
    print(
        "\n| pass | program | wall s | CPU s | largest process MB | process tree MB | entries | published |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, programs in found.items():
        for program, runs in programs.items():
            usages = [run.usage for run in runs]
            cells = [
                f"{median(usage.wall for usage in usages):.2f}",
                f"{median(usage.cpu for usage in usages):.2f}",
                f"{median(usage.largest for usage in usages):.0f}",
                f"{median(usage.tree for usage in usages):.0f}",
                f"{median(run.stored for run in runs):.0f}",
                f"{median(run.published for run in runs):.0f}",
            ]
            print(f"| {name} | {program} | {' | '.join(cells)} |")


def _print_ratios(found: dict[str, dict[str, list[Run]]]) -> None:
    print("\n| reader / ours | wall, pair by pair | median | CPU, pair by pair | median |")
    print("| --- | --- | ---: | --- | ---: |")
    for name, programs in found.items():
        pairs = list(zip(programs["reader"], programs["ours"], strict=True))
        cells = []
        for ratios in (
            [theirs.usage.wall / our.usage.wall for theirs, our in pairs],
            [theirs.usage.cpu / our.usage.cpu for theirs, our in pairs],
        ):
            cells += [", ".join(f"{ratio:.2f}" for ratio in ratios), f"{median(ratios):.2f}"]
        print(f"| {name} | {' | '.join(cells)} |")
