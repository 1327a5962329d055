"""Entries through the whole program: served as feeds, fetched, stored, grouped, put into topics."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement

import yaml

from aggregator.serve import serving
from benchmarks.quality.command import Clustering, Embedder, run
from benchmarks.quality.datasets import Line

_ATOM = "http://www.w3.org/2005/Atom"
_SETTINGS = """\
storage: {{database: ../store.db, keep: 20000d}}
output: {{directory: ../feeds}}
fetch: {{allow_private_networks: true, per_host: 8}}
stories: {{embedder: {embedder}}}
"""


@dataclass(frozen=True, slots=True)
class Passed:
    """What one pass over the feeds left in the store, under the ids of the lines."""

    clustering: Clustering
    opinions: dict[str, set[str]]
    """"opinion" for each entry that was taken for an opinion piece."""
    topics: dict[str, set[str]]
    """The topics of each entry's story."""
    matches: dict[str, set[str]]
    """The topics whose rule selects the entry itself."""


def through_the_program(
    lines: Sequence[Line], topics: Mapping[str, Any], embedder: Embedder, *, before: Sequence[Line] = ()
) -> Passed:
    """One `aggregator update` over a feed a source; `topics` is the document of topics.yaml.

    What is in the store by then are the lines `before`, from a pass of their own.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = folder / "config"
        config.mkdir()
        (config / "aggregator.yaml").write_text(_SETTINGS.format(embedder=embedder))
        (config / "topics.yaml").write_text(
            yaml.safe_dump(dict(topics), allow_unicode=True), encoding="utf-8"
        )
        with serving(folder / "origin", "127.0.0.1:0") as address:
            sources: list[dict[str, str]] = []
            for stored in (before, lines):
                if not stored:
                    continue
                sources += [_feed(folder / "origin", address, feed) for feed in _by_source(stored)]
                (config / "sources.yaml").write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
                (summary,) = run("--config", config, "update", "--all", "--json")
                if summary["entries_new"] != len(stored):
                    raise SystemExit(f"of {len(stored)} entries {summary['entries_new']} were stored")
        asked = {line.id for line in lines}
        entries = [
            row for row in run("--config", config, "entries", "list", "--json") if row["guid"] in asked
        ]
        stories = run("--config", config, "stories", "list", "--json")
        with closing(sqlite3.connect(folder / "store.db")) as store:
            matches = store.execute("SELECT entry, topic FROM matches").fetchall()
    return _passed(entries, stories, matches, summary["seconds"])


def _passed(
    entries: Iterable[dict[str, Any]],
    stories: Iterable[dict[str, Any]],
    matches: Iterable[tuple[int, str]],
    seconds: float,
) -> Passed:
    by_number = {row["id"]: row for row in entries}
    topics = {row["id"]: set(row["topics"]) for row in stories}
    ids = {number: str(row["guid"]) for number, row in by_number.items()}
    matched: dict[str, set[str]] = {id: set() for id in ids.values()}
    for number, topic in matches:
        if number in ids:
            matched[ids[number]].add(topic)
    return Passed(
        Clustering(
            {ids[number]: row["story"] for number, row in by_number.items()},
            {ids[number]: ids.get(row["duplicate_of"]) for number, row in by_number.items()},
            seconds,
        ),
        {ids[n]: {"opinion"} if row["kind"] == "opinion" else set() for n, row in by_number.items()},
        {ids[number]: topics[row["story"]] for number, row in by_number.items()},
        matched,
    )


def _by_source(lines: Iterable[Line]) -> list[list[Line]]:
    feeds: dict[str, list[Line]] = {}
    for line in lines:
        feeds.setdefault(line.source, []).append(line)
    return list(feeds.values())


def _feed(folder: Path, address: str, lines: Sequence[Line]) -> dict[str, str]:
    """Write a source's Atom feed; returns what sources.yaml says of it."""
    feed = Element("feed", xmlns=_ATOM)
    id = f"source-{len(list(folder.iterdir()))}"
    SubElement(feed, "id").text = f"tag:example.org,2024:{id}"
    SubElement(feed, "title").text = lines[0].source
    SubElement(feed, "updated").text = lines[-1].published
    for line in lines:
        entry = SubElement(feed, "entry")
        SubElement(entry, "id").text = line.id
        SubElement(entry, "title").text = line.title
        SubElement(entry, "published").text = SubElement(entry, "updated").text = line.published
        SubElement(entry, "content").text = line.text
        if line.url:
            SubElement(entry, "link", href=line.url)
    ElementTree(feed).write(folder / f"{id}.xml", encoding="utf-8", xml_declaration=True)
    return {"id": id, "url": f"{address}{id}.xml", "language": lines[0].language}
