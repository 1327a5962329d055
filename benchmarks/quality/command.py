"""Runs the program as its users do."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.quality.datasets import CHECKOUT, Line

Embedder = Literal["auto", "words"]
AGGREGATOR = (sys.executable, "-m", "aggregator")
_HOURS = 2


@dataclass(frozen=True, slots=True)
class Clustering:
    """What the program made of the entries."""

    stories: dict[str, str]
    duplicate_of: dict[str, str | None]
    seconds: float
    """Wall time, start of the process included."""


def run(*arguments: str | Path) -> list[dict[str, Any]]:
    """The JSON lines that a command prints. Raises SystemExit when it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        done = subprocess.run(
            [*AGGREGATOR, *map(str, arguments)],
            stdout=printed,
            cwd=CHECKOUT,
            timeout=_HOURS * 3600,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"aggregator {' '.join(map(str, arguments))}: ended with {done.returncode}")
        printed.seek(0)
        return [json.loads(line) for line in printed]


def cluster(lines: Iterable[Line], embedder: Embedder) -> Clustering:
    """`aggregator cluster` over entries in time order."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "entries.jsonl")
        with file.open("w", encoding="utf-8") as text:
            text.writelines(json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in lines)
        started = time.perf_counter()
        rows = run("cluster", file, "--embedder", embedder)
        seconds = time.perf_counter() - started
    return Clustering(
        {row["id"]: row["story"] for row in rows}, {row["id"]: row["duplicate_of"] for row in rows}, seconds
    )
