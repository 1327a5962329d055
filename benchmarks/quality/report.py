"""Measured scores as a page and as JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.quality.command import Embedder
from benchmarks.quality.metrics import Score
from benchmarks.quality.parts import Row

_COLUMNS: dict[Embedder, str] = {"auto": "with embeddings", "words": "words alone"}
_HEADINGS = {
    "stories": "Stories: one event once",
    "duplicates": "Duplicates: the same text again",
    "topics": "Topics",
    "examples": "Topics by example headlines",
    "opinions": "Opinion pieces",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The least that is asked for; None: nothing."""

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None

    def is_met(self, score: Score) -> bool:
        """Whether a score reaches all of it."""
        asked = ((self.precision, score.precision), (self.recall, score.recall), (self.f1, score.f1))
        return all(least is None or share >= least for least, share in asked)

    def __str__(self) -> str:
        named = (("P", self.precision), ("R", self.recall), ("F1", self.f1))
        return ", ".join(f"{name} ≥ {least:.2f}" for name, least in named if least is not None) or "–"


_COPY = Target(precision=0.99, recall=0.95)
_TARGETS = {
    ("stories", "ECB+ topics 1–20", "BCubed"): Target(f1=0.90),
    ("stories", "ECB+ topics 1–20", "pairs"): Target(f1=0.87),
    ("stories", "UCI headlines", "BCubed"): Target(f1=0.90),
    ("stories", "UCI headlines", "pairs"): Target(f1=0.92),
    ("stories", "NTREX en ko uk ru", "BCubed"): Target(f1=0.94),
    ("stories", "korea-ukraine-dev", "BCubed"): Target(f1=0.95),
    ("stories", "korea-ukraine-dev", "pairs"): Target(f1=0.92),
    ("stories", "korea-ukraine-dev", "pairs across languages"): Target(f1=0.90),
    ("duplicates", "retitled, with boilerplate", "flagged"): _COPY,
    ("duplicates", "cut to 40–70 %", "flagged"): _COPY,
    ("duplicates", "5–15 % of words edited", "flagged"): _COPY,
    ("duplicates", "first 60 words only", "flagged"): _COPY,
    ("duplicates", "origin.py, 100 feeds", "flagged"): _COPY,
    ("topics", "korea-ukraine-dev", "stories in topics"): Target(precision=0.95, recall=0.90),
    ("examples", "Reuters ModApte", "entries, top ten"): Target(f1=0.90),
    ("opinions", "korea-ukraine-dev", "opinion pieces"): Target(precision=0.90, recall=0.90),
}


def target(row: Row) -> Target:
    """What the row has to reach; of data named with an addition after a comma, what the data has to."""
    key = (row.part, row.data, row.measure)
    return _TARGETS.get(key) or _TARGETS.get((row.part, row.data.partition(",")[0], row.measure), Target())


def json_line(row: Row) -> str:
    """One JSON object; `entries_per_second` counts the start of the program too."""
    asked = target(row)
    return json.dumps(
        {
            "part": row.part,
            "data": row.data,
            "measure": row.measure,
            "embedder": row.embedder,
            "precision": round(row.score.precision, 4),
            "recall": round(row.score.recall, 4),
            "f1": round(row.score.f1, 4),
            "target": str(asked),
            "met": asked.is_met(row.score),
            "entries": row.entries,
            "seconds": round(row.seconds, 2),
            "entries_per_second": round(row.entries / row.seconds),
        },
        ensure_ascii=False,
    )


def page(rows: Sequence[Row], *, version: str, date: str) -> str:
    """docs/quality.md: nothing in it depends on the machine."""
    lines = [
        "# Quality",
        "",
        f"Version {version}, measured {date} by `make evaluate`, on the labelled data in `../shared/curation`.",
        "One configuration, the shipped one, for all of it. P / R / F1 are precision, recall and their harmonic mean,",
        "rounded down; ✗ marks what misses its target.",
        "",
    ]
    for part, heading in _HEADINGS.items():
        lines += _table(heading, [row for row in rows if row.part == part])
    return "\n".join(lines)


def _table(heading: str, rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    columns = [embedder for embedder in _COLUMNS if any(row.embedder == embedder for row in rows)]
    found: dict[tuple[str, str], dict[Embedder, Row]] = {}
    for row in rows:
        found.setdefault((row.data, row.measure), {})[row.embedder] = row
    yield from (f"## {heading}", "")
    yield from _lines(["data", "entries", "measure", "target", *(_COLUMNS[column] for column in columns)])
    yield "| --- | ---: | --- | --- |" + " --- |" * len(columns)
    for (data, measure), by_embedder in found.items():
        first = next(iter(by_embedder.values()))
        cells = [_cell(by_embedder[column]) if column in by_embedder else "–" for column in columns]
        yield from _lines([data, str(first.entries), measure, str(target(first)), *cells])
    yield ""


def _lines(cells: Iterable[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _cell(row: Row) -> str:
    shares = (row.score.precision, row.score.recall, row.score.f1)
    text = " / ".join(f"{math.floor(share * 100 + 1e-9) / 100:.2f}" for share in shares)
    return text if target(row).is_met(row.score) else f"{text} ✗"
