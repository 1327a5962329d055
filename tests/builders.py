"""Values for tests, each with one telling difference, and a store that takes harvests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from aggregator.group import Groups
from aggregator.ledger import Ledger
from aggregator.model import (
    Entry,
    Failure,
    Feed,
    Harvest,
    Profile,
    SourceId,
    Story,
    StoryId,
    TopicId,
    Validators,
    Wish,
)
from aggregator.pace import Rhythm
from aggregator.publish.groups import make_groups
from aggregator.publish.topics import Published, Publisher
from aggregator.settings import Fetch, Output, Site, SourceSettings, TopicSettings
from aggregator.store.connection import writing
from aggregator.store.sources import SourceState, source_states, sync_sources
from aggregator.store.stories import load_stories, newest_stories
from aggregator.store.topics import selected_stories, sync_topics
from aggregator.story.fingerprint import digest, identity, text_hash
from aggregator.story.sketch import make_sketch
from aggregator.topic.rule import Rule, make_rule
from aggregator.url import canonical

NOON = datetime(2024, 11, 27, 12, tzinfo=UTC)
SITE = Site(title="Desk", base_url="https://desk.example/")
LONG = (
    "A Ukrainian delegation led by the defence minister met officials in Seoul on Wednesday and asked for"
    " military aid while thousands of North Korean troops were reported to stand in Russia near the border"
)
"""A text that is long enough to tell a copy by it alone."""


def entry(
    name: str = "one", *, guid: str | None = "", url: str | None = "", text: str | None = None, **changes: Any
) -> Entry:
    """An entry whose guid, link, title and text come from `name`, unless they are given."""
    guid = f"guid-{name}" if guid == "" else guid
    url = f"https://outlet.example/{name}" if url == "" else url
    title = changes.pop("title", f"Headline {name}")
    text = f"The report {name} has a few words." if text is None else text
    canonical_url = canonical(url) if url else None
    values: dict[str, Any] = {
        "identity": identity(guid, canonical_url, title, text),
        "guid": guid,
        "url": url,
        "canonical_url": canonical_url,
        "title": title,
        "author": None,
        "published": NOON - timedelta(hours=1),
        "updated": None,
        "language": "en",
        "content": f"<p>{text}</p>",
        "text": text,
        "text_hash": text_hash(title, text),
        "content_hash": digest(title, text),
        # What makes entries alike is tested on its own: here those of other titles or texts are not
        "profile": Profile(words=((digest(title, text), 2),)),
        "sketch": make_sketch(title, text),
    }
    return Entry(**(values | changes))


def harvest(source: str, *entries: Entry, at: datetime = NOON, **changes: Any) -> Harvest:
    """A document of the source, fetched anew."""
    values: dict[str, Any] = {
        "source": SourceId(source),
        "outcome": "fetched",
        "fetched_at": at,
        "status": 200,
        "validators": Validators(f'"{source}"', None),
        "body_hash": "0" * 32,
        "feed": Feed(title=source.title(), url=f"https://{source}.example/"),
        "entries": entries,
    }
    return Harvest(**(values | changes))


def failure(source: str, *, at: datetime = NOON, kind: Any = "http", **changes: Any) -> Harvest:
    """A fetch of the source that came to nothing."""
    return Harvest(
        SourceId(source), "failed", at, failure=Failure(kind, f"failed because of {kind}", **changes)
    )


def source(id: str, **changes: Any) -> SourceSettings:
    """A configured source."""
    return SourceSettings(**({"id": id, "url": f"https://{id}.example/feed.xml"} | changes))


def topic(id: str = "topic", **changes: Any) -> TopicSettings:
    """A configured topic that asks for the word "report", unless something else is given."""
    asked = {} if {"all_of", "any_of", "match"} & changes.keys() else {"all_of": ("report",)}
    return TopicSettings(**({"id": id, "title": id.title(), **asked} | changes))


def state(id: str = "a", **changes: Any) -> SourceState:
    """What is known of a source that was never fetched."""
    values = dict.fromkeys(SourceState.__dataclass_fields__)
    known = {"id": id, "url": "https://a.example/", "address": "https://a.example/", "title": id}
    known |= {"validators": Validators(), "rhythm": Rhythm(), "wish": Wish(), "trackers": 0, "failures": 0}
    return SourceState(**(values | known | changes))


@dataclass
class Outcome:
    """What a harvest, and grouping after it, changed."""

    entries_new: int
    entries_revised: int
    duplicates: int
    stories_new: set[StoryId]
    stories_updated: set[StoryId]


@dataclass
class Books:
    """A store with its configuration: takes harvests one by one, and publishes."""

    db: Database
    folder: Path
    sources: Sequence[SourceSettings] = (source("a"), source("b"), source("c"))
    topics: Sequence[TopicSettings] = ()
    vocabulary: Mapping[str, Sequence[str]] | None = None
    site: Site = SITE
    output: Output = field(default_factory=Output)
    fetch: Fetch = field(default_factory=Fetch)
    jitter: Callable[[], float] = lambda: 0.5

    def __post_init__(self) -> None:
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Change the configuration and bring the store in line with it."""
        for name, value in changes.items():
            setattr(self, name, value)
        with writing(self.db):
            sync_sources(self.db, self.sources)
            sync_topics(self.db, self.rules)

    @property
    def rules(self) -> list[Rule]:
        return [make_rule(topic, self.vocabulary or {}, self.sources) for topic in self.topics]

    def ledger(self) -> Ledger:
        """The ledger of a pass that begins now."""
        return Ledger(
            self.db,
            sources=self.sources,
            states=list(source_states(self.db).values()),
            rules=self.rules,
            fetch=self.fetch,
            jitter=self.jitter,
        )

    def apply(self, harvest: Harvest) -> Outcome:
        """One harvest, in a pass of its own."""
        ledger = self.ledger()
        applied = ledger.apply(harvest)
        ledger.finish()
        grouped = Groups(self.db, span=timedelta(days=5)).group(now=harvest.fetched_at)
        return Outcome(
            applied.entries_new,
            applied.entries_revised,
            grouped.duplicates,
            grouped.stories_new,
            (grouped.stories_updated | applied.stories_updated) - grouped.stories_new,
        )

    def fetch_from(self, source: str, *entries: Entry, at: datetime = NOON, **changes: Any) -> Outcome:
        """The source's document holds these entries now."""
        return self.apply(harvest(source, *entries, at=at, **changes))

    def state(self, source: str) -> SourceState:
        return source_states(self.db, [source])[SourceId(source)]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self.db.execute(query, list(values)).fetchall()

    def id_of(self, title: str) -> int:
        """The id of the only entry with this title."""
        ((id,),) = self.rows("SELECT id FROM entries WHERE title = ?", title)
        return int(id)

    def story_of(self, title: str) -> StoryId:
        """The story that holds the entries with this title."""
        ((story,),) = self.rows("SELECT DISTINCT story FROM entries WHERE title = ?", title)
        return StoryId(story)

    def story_of_id(self, entry: int) -> StoryId:
        """The story that holds the entry."""
        ((story,),) = self.rows("SELECT story FROM entries WHERE id = ?", entry)
        return StoryId(story)

    def story(self, id: str) -> Story:
        (found,) = load_stories(self.db, [StoryId(id)])
        return found

    def coverage(self) -> list[list[str]]:
        """The titles in each story, the last updated first."""
        stories = load_stories(self.db, newest_stories(self.db, limit=None))
        return [[report.title for report in story.coverage] for story in stories]

    def selected(self, topic: str = "topic", *, since: datetime = NOON - timedelta(days=30)) -> list[str]:
        """The headlines that a topic holds."""
        stories = selected_stories(self.db, TopicId(topic), since=since)
        return [story.headline for story in load_stories(self.db, [story.id for story in stories])]

    def matches(self) -> dict[tuple[str, str], list[str]]:
        """Which entries (by title) each topic's rule selects, with the words."""
        rows = self.rows(
            "SELECT topic, title, words FROM matches JOIN entries ON entries.id = entry ORDER BY topic, title"
        )
        return {(topic, title): words for topic, title, words in rows}

    def publish(
        self, *, now: datetime = NOON, only: Iterable[str] | None = None, anew: bool = False
    ) -> Published:
        publisher = Publisher(
            self.db,
            site=self.site,
            output=self.output,
            topics=self.topics,
            folder=self.folder,
            groups=make_groups(self.output, self.sources),
        )
        return publisher.publish(now=now, only=only, anew=anew)

    def files(self) -> dict[str, int]:
        """The published files, each with the time of its last change in nanoseconds."""
        return {
            str(path.relative_to(self.folder)): path.stat().st_mtime_ns
            for path in self.folder.rglob("*")
            if path.is_file()
        }
