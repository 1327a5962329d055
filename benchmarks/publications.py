"""What publishing costs: the first time, with nothing new, after changes, and into an empty folder.

The store is filled by bulk: no part of what is measured depends on how its stories came together.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree

from sqlite_utils import Database

from aggregator.model import StoryId
from aggregator.publish.topics import Publisher
from aggregator.settings import Output, Site, SourceSettings, TopicSettings
from aggregator.store.connection import open_store, writing
from aggregator.store.sources import sync_sources
from aggregator.store.stories import touch_story
from aggregator.store.topics import sync_topics
from aggregator.story.fingerprint import digest
from aggregator.times import to_text
from aggregator.topic.rule import make_rule
from benchmarks.events import Stream
from benchmarks.filled import fill

_END = datetime(2026, 1, 1, tzinfo=UTC)
_OUTLETS = 200
_REPORTS = 3
"""Of each story."""
_RARITY = 66
"""The rank of the first topic's word by the size of the store: some two thousand entries hold each topic's."""


def measure(options: argparse.Namespace) -> None:
    """Fill a store, publish it several times, print what that took."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        path = Path(folder) / "store.db"
        stream = Stream(start=_END, a_day=1000, outlets=_OUTLETS)
        with open_store(path) as db:
            sources = [
                SourceSettings(id=f"outlet-{n}", url=f"https://outlet-{n}.example/feed.xml")
                for n in range(_OUTLETS)
            ]
            with writing(db):
                sync_sources(db, sources)
            fill(path, _rows(options.entries, stream, timedelta(days=options.days)))
            topics = _topics(stream, options)
            with writing(db):
                sync_topics(db, [make_rule(topic, {}, sources) for topic in topics])
            _publish(db, topics, Path(folder) / "feeds")


def _publish(db: Database, topics: list[TopicSettings], folder: Path) -> None:
    publisher = Publisher(db, site=Site(), output=Output(), topics=topics, folder=folder)
    print("                          wall s   CPU s   topics    files")
    _time("everything", publisher)
    _time("nothing new", publisher)
    _time("again (`publish`)", publisher, anew=True)
    page = min((folder / "stories").iterdir())
    _touch(db, [StoryId(page.stem)])
    _time("one story changed", publisher)
    newest = [json.loads((folder / topic.id / "feed.json").read_bytes())["items"][:1] for topic in topics]
    _touch(db, [StoryId(item["id"].rpartition("/")[2]) for items in newest for item in items])
    _time("one in each topic", publisher)
    rmtree(folder)
    _time("an empty folder", publisher)
    pages = sum(1 for _ in (folder / "stories").iterdir())
    items = sum(file.read_text().count("<item>") for file in folder.glob("*/rss.xml"))
    print(f"{items:,} items of {pages:,} stories in {len(topics)} topics")


def _time(name: str, publisher: Publisher, *, anew: bool = False) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    done = publisher.publish(now=_END, anew=anew)
    print(
        f"{name:<23} {time.perf_counter() - wall:>8.2f} {time.process_time() - cpu:>7.2f}"
        f" {done.topics:>8,} {done.files:>8,}",
        flush=True,
    )


def _touch(db: Database, stories: list[StoryId]) -> None:
    with writing(db):
        for story in stories:
            touch_story(db, story, at=_END)


def _topics(stream: Stream, options: argparse.Namespace) -> list[TopicSettings]:
    first = options.entries // _RARITY
    return [
        TopicSettings(id=f"t{n}", title=f"Topic {n}", all_of=(word,), items=options.items)
        for n, word in enumerate(stream.common_words(first, first + options.topics))
    ]


def _rows(count: int, stream: Stream, span: timedelta) -> Iterator[dict[str, object]]:
    for number, report in enumerate(stream.reports(count)):
        at = to_text(_END - span * (count - number) / count)
        assert report.raw.title is not None
        yield {
            "id": number + 1,
            "source": report.source,
            "guid": report.raw.guid,
            "url": report.raw.links[0],
            "title": report.raw.title.value,
            "at": at,
            "text": report.raw.contents[0].value.removeprefix("<p>").removesuffix("</p>"),
            "hash": digest(str(number)),
            "story": f"s{number // _REPORTS:015}",
        }
