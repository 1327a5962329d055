"""Compares HTTP clients: conditional requests that are all answered 304, 20 in flight.

Every client hands status, headers and body of each answer to Python. `pycurl guarded` also does what the
product needs: it looks at the address before a socket is opened, bounds headers and body, and times out.
Each client runs in a process of its own, start-up and imports included.
"""

from __future__ import annotations

import argparse
import tempfile
import urllib.request
from pathlib import Path
from statistics import median

from benchmarks import measure, origin, rivals
from benchmarks.client_loops import CLIENTS, PASSES

FEEDS = 1000


def _etag(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.headers["ETag"])


def compare(options: argparse.Namespace) -> None:
    """Measure every client in turn, round by round, and print a table of medians."""
    python = rivals.python(options.cache)
    found: dict[str, list[measure.Usage]] = {name: [] for name in CLIENTS}
    with origin.Origin(options.origin, FEEDS) as server, tempfile.TemporaryDirectory() as scratch:
        print(server.description, flush=True)
        file, log = Path(scratch, "targets"), Path(scratch, "log")
        file.write_text("".join(f"{url}\t{_etag(url)}\n" for url in server.urls()))
        for _ in range(options.rounds):
            for name, usages in found.items():
                command = [str(python), "-m", "benchmarks.client_loops", name, str(file)]
                server.counters()
                usages.append(measure.run(command, log=log, timeout=120, cwd=origin.CHECKOUT))
                counted = server.counters()
                if counted["not_modified"] != FEEDS * PASSES:
                    raise SystemExit(f"{name}: the origin counted {counted}")
                print(f"{name}: {usages[-1]}, {counted['connections']} connections", flush=True)
    print("\n| client | wall s | CPU s | peak MB |\n| --- | ---: | ---: | ---: |")
    for name, usages in found.items():
        wall, cpu, peak = (median(getattr(u, key) for u in usages) for key in ("wall", "cpu", "largest"))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |")
