"""The command `cluster`: entries from a file → their stories, without a store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, TextIO, TypedDict

import click
from pydantic import BaseModel, ConfigDict, ValidationError

from aggregator.cli.options import embedder_option
from aggregator.cli.output import print_json
from aggregator.errors import UsageError

if TYPE_CHECKING:
    from aggregator.embed import Embedder
    from aggregator.model import EntryId, StoryId
    from aggregator.story.grouping import Arrival, Grouping

_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=5)
_EXPECTED = {"published": "a date (ISO 8601)"}


class Line(BaseModel):
    """A line of the file; what else it holds is not looked at."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str
    title: str = ""
    text: str = ""
    published: datetime | None = None
    language: str | None = None
    url: str | None = None
    source: str | None = None


class Clustered(TypedDict):
    """A line of the output."""

    id: str
    story: str
    duplicate_of: str | None


@click.command()
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"))
@embedder_option
def cluster(file: TextIO, embedder: str) -> None:
    """Group the entries of a file as an update would, to measure or try it; nothing is stored.

    FILE (- reads stdin) holds one JSON object a line, in the order of time: id, title, text, published
    (ISO 8601), language, url, source; all but id may be missing. One object a line is printed, in that
    order: id, story, duplicate_of.

    Example: aggregator cluster entries.jsonl --embedder words
    """
    print_json(_clustered(list(_read(file)), embedder))


def _read(file: TextIO) -> Iterator[Line]:
    seen: dict[str, int] = {}
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            entry = Line.model_validate_json(line)
        except ValidationError as error:
            raise UsageError(
                f"{file.name}:{number}: {_wrong(error.errors()[0])}",
                hint="each line is a JSON object with id, title, text, published, language, url, source",
            ) from error
        if entry.id in seen:
            raise UsageError(f"{file.name}:{number}: the id {entry.id!r} stands in line {seen[entry.id]} too")
        seen[entry.id] = number
        yield entry


def _wrong(detail: Any) -> str:
    """What is wrong with a line, in plain words."""
    field = ".".join(map(str, detail["loc"]))
    if not field:
        return "no JSON" if detail["type"] == "json_invalid" else "expected an object, found something else"
    if detail["type"] == "missing":
        return f"{field} is missing"
    return f"{field}: expected {_EXPECTED.get(field, 'text')}, found {json.dumps(detail['input'])[:80]}"


def _clustered(lines: list[Line], name: str) -> Iterator[Clustered]:
    from aggregator.embed import make_embedder
    from aggregator.story.grouping import LATE, Grouping
    from aggregator.story.likeness import WITH_MEANING, WORDS_ALONE

    embedder = make_embedder(name)
    grouping = Grouping(_SPAN, WITH_MEANING if embedder else WORDS_ALONE)
    arrivals = [_arrival(number, line) for number, line in enumerate(lines)]
    if arrivals:  # as in one pass that brings all of them
        grouping.late = max(arrivals[0].dated, arrivals[-1].dated - LATE * _SPAN)
    originals = {arrival.entry: grouping.original_of(arrival) for arrival in arrivals}
    new = [arrival for arrival in arrivals if originals[arrival.entry] is None]
    vectors = _vectors(lines, [arrival.entry for arrival in new], embedder) if embedder else {}
    stories = _stories(grouping, new, vectors)
    for line, arrival in zip(lines, arrivals, strict=True):
        original = originals[arrival.entry]
        yield Clustered(
            id=line.id,
            story=stories[arrival.entry if original is None else original],
            duplicate_of=None if original is None else lines[original].id,
        )


def _stories(
    grouping: Grouping, arrivals: Sequence[Arrival], vectors: Mapping[EntryId, bytes]
) -> dict[EntryId, StoryId]:
    """The story in which each entry is at last."""
    from aggregator.story.cluster import founded_by, split_from
    from aggregator.story.grouping import AT_ONCE

    held: dict[StoryId, list[EntryId]] = {}
    splits = count(1)
    for place, arrival in enumerate(arrivals):
        if place % AT_ONCE == 0:
            batch = arrivals[place : place + AT_ONCE]
            grouping.learn((one, vectors.get(one.entry)) for one in batch)
        placement = grouping.place(
            arrival,
            own=founded_by(arrival.source, arrival.identity),
            split_off=lambda story, first: split_from(story, next(splits), [first]),
            vector=vectors.get(arrival.entry),
        )
        held.setdefault(placement.joined, []).append(arrival.entry)
        for move in placement.moves:
            held[move.story] = [entry for entry in held[move.story] if entry not in move.entries]
            held.setdefault(move.into, []).extend(move.entries)
        for gone, kept in placement.merged:
            held[kept] += held.pop(gone)
    return {entry: story for story, entries in held.items() for entry in entries}


def _vectors(lines: list[Line], entries: list[EntryId], embedder: Embedder) -> dict[EntryId, bytes]:
    from aggregator.story.grouping import beginning

    texts = [beginning(lines[entry].title, lines[entry].text) for entry in entries]
    return dict(
        zip(entries, embedder.embed(texts, [lines[entry].language for entry in entries]), strict=True)
    )


def _arrival(number: int, line: Line) -> Arrival:
    from aggregator.model import EntryId, SourceId
    from aggregator.story.fingerprint import text_hash
    from aggregator.story.grouping import Arrival
    from aggregator.story.profile import make_profile
    from aggregator.story.sketch import make_sketch
    from aggregator.text.language import detect, normalize_tag
    from aggregator.url import canonical

    published = line.published or _UNDATED
    return Arrival(
        entry=EntryId(number),
        source=SourceId(line.source or ""),
        identity=line.id,
        dated=published if published.tzinfo else published.replace(tzinfo=UTC),
        title=line.title,
        language=normalize_tag(line.language) or detect(f"{line.title}\n{line.text}"),
        canonical_url=canonical(line.url) if line.url else None,
        text_hash=text_hash(line.title, line.text),
        profile=make_profile(line.title, line.text),
        sketch=make_sketch(line.title, line.text),
    )
