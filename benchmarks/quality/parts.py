"""What is measured, on what, and what it has to reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.quality import datasets, wires
from benchmarks.quality.command import Clustering, Embedder, cluster
from benchmarks.quality.datasets import CHECKOUT, Labelled, Line
from benchmarks.quality.duplicates import KINDS, with_copies, without_repeats
from benchmarks.quality.live import Passed, through_the_program
from benchmarks.quality.metrics import Score, bcubed, pairwise, pairwise_across, repeats, selection

_REUTERS_FEEDS = 8
_REUTERS_TOPICS = ("earn", "acq", "money-fx", "grain", "crude", "trade", "interest", "ship", "wheat", "corn")
_EXAMPLES = 3000
"""Reports of the training split given as `like:` of each Reuters topic, at most."""
_READ = 100
"""Words of a report's text that are given."""
_WIDE = "20000d"
"""`max_age` of topics: the labelled entries are old."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured score. `seconds` are of the whole run that it was measured on, of so many entries."""

    part: str
    data: str
    measure: str
    embedder: Embedder
    score: Score
    entries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the labelled data and the synthetic origin lie."""

    curation: Path
    origin: Path


def stories(inputs: Inputs, embedder: Embedder) -> Iterator[Row]:
    """Groupings by `aggregator cluster`, and by a pass of the whole program over the one set made for it."""
    for read in (datasets.ecbplus, datasets.uci, datasets.ntrex):
        data = read(inputs.curation)
        yield from _grouping(data, data.name, cluster(data.lines, embedder), embedder)
    data = datasets.newsroom(inputs.curation).stories
    passed = _newsroom_pass(inputs.curation, embedder).clustering
    for name, found in ((data.name, cluster(data.lines, embedder)), (f"{data.name}, by `update`", passed)):
        yield from _grouping(data, name, found, embedder)
        across = pairwise_across(data.gold, found.stories, data.languages)
        yield Row("stories", name, "pairs across languages", embedder, across, len(data.lines), found.seconds)


def duplicates(inputs: Inputs, embedder: Embedder) -> Iterator[Row]:
    """Copies made of real texts, the origin's wire stories, and the few copies of the newsroom."""
    texts = without_repeats(
        [
            *datasets.ecbplus(inputs.curation).lines,
            *datasets.reuters(inputs.curation).training,
            *datasets.ntrex(inputs.curation).lines,
        ]
    )
    for kind in KINDS:
        yield _flags(with_copies(texts, kind), embedder)
    yield _flags(wires.syndicated(inputs.origin), embedder)
    newsroom = datasets.newsroom(inputs.curation)
    yield _flags(replace(newsroom.stories, gold=newsroom.repeats), embedder)


def topics(inputs: Inputs, embedder: Embedder) -> Iterator[Row]:
    """The shipped topics on the newsroom's stories."""
    newsroom = datasets.newsroom(inputs.curation)
    passed = _newsroom_pass(inputs.curation, embedder)
    gold, selected = on_stories(newsroom.topics, passed.topics, passed.clustering.stories)
    score = selection(gold, selected)
    lines, seconds = newsroom.stories.lines, passed.clustering.seconds
    yield Row("topics", newsroom.stories.name, "stories in topics", embedder, score, len(lines), seconds)


def examples(inputs: Inputs, embedder: Embedder) -> Iterator[Row]:
    """Topics of nothing but examples (`like:`) on Reuters' test split, which follows the training split."""
    wire = datasets.reuters(inputs.curation)
    passed = through_the_program(_dealt(wire.test), _by_example(wire), embedder, before=_dealt(wire.training))
    gold = {line.id: wire.topics[line.id] & set(_REUTERS_TOPICS) for line in wire.test}
    name = f"Reuters ModApte, up to {_EXAMPLES} reports a topic"
    for measure, found in (("entries, top ten", passed.matches), ("their stories, top ten", passed.topics)):
        score, seconds = selection(gold, found), passed.clustering.seconds
        yield Row("examples", name, measure, embedder, score, len(wire.test), seconds)


def opinions(inputs: Inputs, embedder: Embedder) -> Iterator[Row]:
    """Opinion pieces among the newsroom's entries."""
    newsroom = datasets.newsroom(inputs.curation)
    passed = _newsroom_pass(inputs.curation, embedder)
    score = selection(newsroom.opinions, passed.opinions)
    lines, seconds = newsroom.stories.lines, passed.clustering.seconds
    yield Row("opinions", newsroom.stories.name, "opinion pieces", embedder, score, len(lines), seconds)


PARTS: dict[str, Callable[[Inputs, Embedder], Iterator[Row]]] = {
    "stories": stories,
    "duplicates": duplicates,
    "topics": topics,
    "examples": examples,
    "opinions": opinions,
}


def on_stories(
    gold: Mapping[str, Set[str]], topics: Mapping[str, Set[str]], stories: Mapping[str, str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Labels and topics of entries → of their stories.

    A label is a story's when at least half of its entries have it; topics that no entry is labelled with are
    left out.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for entry in gold:
        members[stories[entry]].append(entry)
    labels = set[str]().union(*gold.values())
    wanted = {
        story: {
            label for label in labels if 2 * sum(label in gold[entry] for entry in entries) >= len(entries)
        }
        for story, entries in members.items()
    }
    return wanted, {story: labels & topics[entries[0]] for story, entries in members.items()}


def _grouping(data: Labelled, name: str, found: Clustering, embedder: Embedder) -> Iterator[Row]:
    for measure, score in (
        ("BCubed", bcubed(data.gold, found.stories)),
        ("pairs", pairwise(data.gold, found.stories)),
    ):
        yield Row("stories", name, measure, embedder, score, len(data.lines), found.seconds)


def _flags(data: Labelled, embedder: Embedder) -> Row:
    found = cluster(data.lines, embedder)
    score = repeats(data.gold, found.duplicate_of)
    return Row("duplicates", data.name, "flagged", embedder, score, len(data.lines), found.seconds)


@cache
def _newsroom_pass(curation: Path, embedder: Embedder) -> Passed:
    shipped = yaml.safe_load((CHECKOUT / "config" / "topics.yaml").read_text(encoding="utf-8"))
    for topic in shipped["topics"]:
        topic["max_age"] = _WIDE
    return through_the_program(datasets.newsroom(curation).stories.lines, shipped, embedder)


def _by_example(wire: datasets.Wire) -> dict[str, Any]:
    random = Random(1)
    rules = []
    for topic in _REUTERS_TOPICS:
        reports = sorted(
            {
                f"{line.title}\n{' '.join(line.text.split()[:_READ])}"
                for line in wire.training
                if topic in wire.topics[line.id] and line.title
            }
        )
        like = random.sample(reports, min(_EXAMPLES, len(reports)))
        rules.append({"id": topic, "title": topic, "like": like, "max_age": _WIDE})
    return {"topics": rules}


def _dealt(lines: tuple[Line, ...]) -> list[Line]:
    """To so many feeds in turn, so that they are harvested as several sources are."""
    return [
        replace(line, source=f"{line.source} {number % _REUTERS_FEEDS}") for number, line in enumerate(lines)
    ]
