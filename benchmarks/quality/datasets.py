"""The labelled files, read into what `aggregator cluster` reads: a line an entry, in time order, and the labels."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parents[2]
CURATION = CHECKOUT.parent / "shared" / "curation"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `published` is ISO 8601 in UTC; None where the file has no dates: its order is the time order."""

    id: str
    title: str
    text: str
    published: str | None
    language: str
    url: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """Entries in time order and the event (or text) that each belongs to."""

    name: str
    lines: tuple[Line, ...]
    gold: dict[str, str]

    @property
    def languages(self) -> dict[str, str]:
        """The language of each entry."""
        return {line.id: line.language for line in self.lines}


@dataclass(frozen=True, slots=True)
class Newsroom:
    """`korea-ukraine-dev`: with the entries that are copies, opinion pieces and on a topic."""

    stories: Labelled
    repeats: dict[str, str]
    """What each entry is a copy of, itself for all but the copies."""
    opinions: dict[str, set[str]]
    topics: dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Wire:
    """Reuters-21578, ModApte split."""

    training: tuple[Line, ...]
    test: tuple[Line, ...]
    topics: dict[str, set[str]]


def ecbplus(folder: Path) -> Labelled:
    """ECB+ topics 1–20. No dates; an outlet that the file does not name is taken as one of its own."""
    rows = list(_rows(folder / "ecbplus-topics-1-20.jsonl"))
    lines = tuple(_line(row, source=_host(row["url"]) or row["id"], published=None) for row in rows)
    return Labelled("ECB+ topics 1–20", lines, _gold(rows))


def uci(folder: Path) -> Labelled:
    """UCI News Aggregator: headlines alone, with the second they appeared."""
    rows = list(_rows(folder / "uci-news-aggregator.jsonl"))
    lines = tuple(
        _line(row, source=row["source"], published=_instant(datetime.fromtimestamp(row["ts"], UTC)))
        for row in rows
    )
    return Labelled("UCI headlines", lines, _gold(rows))


def ntrex(folder: Path) -> Labelled:
    """NTREX: one outlet's documents in four languages. No dates; each language is an outlet of its own."""
    rows = list(_rows(folder / "ntrex-en-ko-uk-ru.jsonl"))
    lines = tuple(
        _line(row, source=f"{row['gold'].rpartition('.')[0]} ({row['lang']})", published=None) for row in rows
    )
    return Labelled("NTREX en ko uk ru", lines, _gold(rows))


def newsroom(folder: Path) -> Newsroom:
    """The made-up outlets of `korea-ukraine-dev`."""
    rows = list(_rows(folder / "korea-ukraine-dev.jsonl"))
    lines = tuple(_line(row, source=row["source"], published=row["published"]) for row in rows)
    return Newsroom(
        Labelled("korea-ukraine-dev", lines, _gold(rows)),
        repeats={row["id"]: row["duplicate_of"] or row["id"] for row in rows},
        opinions={row["id"]: {"opinion"} if row["opinion"] else set() for row in rows},
        topics={row["id"]: set(row["topics"]) for row in rows},
    )


def reuters(folder: Path) -> Wire:
    """Reuters-21578 in the order of the file, dates as printed there."""
    rows = list(_rows(folder / "reuters21578-modapte.jsonl.gz"))
    lines: dict[str, list[Line]] = {"TRAIN": [], "TEST": []}
    for row in rows:
        printed = datetime.strptime(f"{row['date'].partition('.')[0].strip()} +0000", "%d-%b-%Y %H:%M:%S %z")
        row |= {"lang": "en", "id": f"reuters-{row['id']}"}
        lines[row["split"]].append(_line(row, source="Reuters", published=_instant(printed)))
    topics = {row["id"]: set(row["topics"]) for row in rows}
    return Wire(tuple(lines["TRAIN"]), tuple(lines["TEST"]), topics)


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    if not file.is_file():
        raise SystemExit(f"no labelled data at {file}: give its folder with --curation")
    with (
        gzip.open(file, "rt", encoding="utf-8")
        if file.suffix == ".gz"
        else file.open(encoding="utf-8") as text
    ):
        yield from map(json.loads, text)


def _line(row: dict[str, Any], *, source: str, published: str | None) -> Line:
    language = row.get("language") or row["lang"]
    return Line(row["id"], row["title"], row["text"], published, language, row.get("url") or None, source)


def _gold(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["id"]: row["gold"] for row in rows}


def _host(url: str | None) -> str | None:
    return urlsplit(url).hostname if url else None


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
