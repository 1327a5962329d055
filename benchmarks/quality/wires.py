"""The entries of the synthetic origin's feeds, and which of them carry the same wire story."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from aggregator.harvest.source import read
from aggregator.model import Entry, Request, Response, SourceId
from benchmarks.origin import Origin
from benchmarks.quality.datasets import Labelled, Line

_FEEDS = 100
_NOW = datetime(2026, 1, 1, tzinfo=UTC)  # the origin's own at its start


def syndicated(script: Path) -> Labelled:
    """Its entries as the program harvests them, oldest first. Raises SystemExit when it does not start."""
    lines, gold = [], {}
    with Origin(script, _FEEDS) as origin:
        truth = {
            (row["feed"], row["guid"]): row["story"]
            for row in map(json.loads, origin.ask("/_truth").strip().split("\n"))
        }
        for number, url in enumerate(origin.urls()):
            for entry in _entries(number, url):
                line = _line(number, entry)
                lines.append(line)
                gold[line.id] = truth[number, entry.guid]
    lines.sort(key=lambda line: line.published or "")
    return Labelled(f"origin.py, {_FEEDS} feeds", tuple(lines), {line.id: gold[line.id] for line in lines})


def _entries(number: int, url: str) -> tuple[Entry, ...]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        response = Response(url, 200, {"content-type": answer.headers["content-type"]}, answer.read())
    return read(Request(SourceId(f"feed-{number}"), url), response, now=_NOW).entries


def _line(number: int, entry: Entry) -> Line:
    assert entry.published is not None
    return Line(
        id=f"{number}/{entry.guid}",
        title=entry.title,
        text=entry.text,
        published=entry.published.isoformat().replace("+00:00", "Z"),
        language=entry.language or "und",
        url=entry.url,
        source=f"feed-{number}",
    )
