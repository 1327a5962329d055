"""One pass: the sources that are due → harvests → ledger → publications."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlite_utils import Database

from aggregator import __version__
from aggregator.articles import fetch_articles
from aggregator.asking import chosen_sources, make_requests
from aggregator.config.load import Configuration
from aggregator.embed import make_embedder
from aggregator.engine.protocol import Engine
from aggregator.errors import PublishError, StoreError
from aggregator.group import Grouped, Groups
from aggregator.harvest.fetch import Limits
from aggregator.harvest.outage import Outage
from aggregator.judge import judge
from aggregator.ledger import Applied, Ledger
from aggregator.model import Harvest, Request, SourceId, StoryId
from aggregator.notify.outcome import Delivered
from aggregator.notify.queue import note, settle
from aggregator.pictures import copy_pictures
from aggregator.publish.groups import make_groups
from aggregator.publish.topics import Published, Publisher
from aggregator.receivers import receivers
from aggregator.store.articles import forget_articles
from aggregator.store.connection import writing
from aggregator.store.meta import forget_unpublished, note_unpublished, record_pass, unpublished
from aggregator.store.outbox import is_any_waiting
from aggregator.store.sources import Scope, SourceState, sync_sources
from aggregator.store.topics import sync_topics
from aggregator.topic.rule import Rule, make_rule


@dataclass(slots=True)
class Summary:
    """What a pass did; the fields and their order are the contract's."""

    sources: int = 0
    fetched: int = 0
    not_modified: int = 0
    unchanged: int = 0
    failed: int = 0
    entries_new: int = 0
    entries_revised: int = 0
    duplicates: int = 0
    stories_new: int = 0
    stories_updated: int = 0
    topics_published: int = 0
    files_written: int = 0
    seconds: float = 0.0
    is_offline: bool = False
    """Nothing answered: no failure was counted, and all sources are due as before; no field of the contract."""
    warning: str | None = None
    """What the person who runs the program should know of grouping; no part of the contract's fields."""

    def count(self, harvest: Harvest, applied: Applied) -> None:
        """Add what one harvest brought."""
        setattr(self, harvest.outcome, getattr(self, harvest.outcome) + 1)
        self.entries_new += applied.entries_new
        self.entries_revised += applied.entries_revised

    def count_stories(self, grouped: Grouped, touched: Set[StoryId]) -> None:
        """Add what grouping made of the entries; `touched` are the stories of revised ones."""
        self.duplicates = grouped.duplicates
        self.stories_new = len(grouped.stories_new)
        self.stories_updated = len((grouped.stories_updated | touched) - grouped.stories_new)
        self.warning = grouped.warning

    def as_dict(self) -> dict[str, int | float]:
        """The summary as `update --json` prints it."""
        fields = asdict(self)
        del fields["warning"], fields["is_offline"]
        return fields


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day, and a count of seconds that never jumps."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Observer:
    """Who watches a pass: told how many sources it has, then of each harvest.

    Then how many entries are to be grouped, and how many more are, which may take longer.
    """

    started: Callable[[int], None] = lambda _count: None
    harvested: Callable[[Harvest, Applied], None] = lambda _harvest, _applied: None
    grouping: Callable[[int], None] = lambda _count: None
    grouped: Callable[[int], None] = lambda _more: None


def make_rules(configuration: Configuration) -> list[Rule]:
    """The rules of all topics. Raises ValueError for one that does not compile."""
    topics = configuration.topics
    return [make_rule(topic, topics.vocabulary, configuration.sources) for topic in topics.topics]


def make_publisher(db: Database, configuration: Configuration) -> Publisher:
    """The publisher of the configuration's topics."""
    return Publisher(
        db,
        site=configuration.aggregator.site,
        output=configuration.aggregator.output,
        topics=configuration.topics.topics,
        folder=configuration.output,
        templates=configuration.templates,
        groups=make_groups(configuration.aggregator.output, configuration.sources),
    )


def make_limits(configuration: Configuration) -> Limits:
    """What bounds each request."""
    fetch = configuration.aggregator.fetch
    return Limits(
        user_agent=fetch.user_agent or _user_agent(configuration.aggregator.site.contact),
        timeout=fetch.timeout.total_seconds(),
        max_bytes=fetch.max_bytes,
        concurrency=fetch.concurrency,
        per_host=fetch.per_host,
        pause=fetch.pause.total_seconds(),
        allow_private_networks=fetch.allow_private_networks,
    )


def synchronize(db: Database, configuration: Configuration, *, stop: threading.Event | None = None) -> None:
    """Bring the store in line with the configuration: sources and topic rules. Raises StoreError."""
    rules = make_rules(configuration)
    with writing(db):
        sync_sources(db, configuration.sources)
        wanting = [source for source in configuration.sources if source.full_text and source.enabled]
        forget_articles(db, but=[SourceId(source.id) for source in wanting])
        changed = sync_topics(db, rules)
    if any(rule.examples for rule in rules if rule.topic in changed):
        judge(db, rules, make_embedder(configuration.aggregator.stories.embedder, stop=stop), stop=stop)
    with writing(db):
        known = receivers(configuration.topics.topics)
        settle(db, known, rules, items=configuration.aggregator.output.items)


def publish(db: Database, configuration: Configuration, *, now: datetime) -> Published:
    """Publish what changed, and queue what is new in it for whom the topics notify. Raises PublishError."""
    published = write_publications(db, configuration, now=now)
    known = receivers(configuration.topics.topics)
    note(db, known, now=now, items=configuration.aggregator.output.items)
    return published


def write_publications(
    db: Database,
    configuration: Configuration,
    *,
    now: datetime,
    only: Sequence[str] | None = None,
    anew: bool = False,
) -> Published:
    """As `Publisher.publish`; that it fails, or does so no more, is kept for `status`. Raises PublishError."""
    try:
        published = make_publisher(db, configuration).publish(now=now, only=only, anew=anew)
    except PublishError as error:
        # Where both are on one full disk, this is what is to be said
        with suppress(StoreError), writing(db):
            note_unpublished(db, error, now=now)
        raise
    if only is None and unpublished(db):
        with writing(db):
            forget_unpublished(db)
    return published


def deliver(db: Database, configuration: Configuration, *, clock: Clock, stop: threading.Event) -> Delivered:
    """Send what waits for whom the topics notify, for half a minute at most; what fails is tried again later."""
    if not is_any_waiting(db, now=clock.now()):
        return Delivered()
    from aggregator.notify.deliver import Courier

    courier = Courier(
        db,
        make_publisher(db, configuration),
        receivers(configuration.topics.topics),
        mail=configuration.aggregator.mail,
        limits=make_limits(configuration),
        now=clock.now,
        seconds=clock.seconds,
    )
    return courier.run(stop=stop)


class Passes:
    """Passes over one store, one after the other, and what they have in common.

    Setting `stop` ends a pass early; what was stored by then stays and is published.
    """

    def __init__(
        self,
        db: Database,
        configuration: Configuration,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        stop: threading.Event | None = None,
    ) -> None:
        self.db = db
        self.clock = clock
        self.stop = stop or threading.Event()
        self.configuration = configuration
        self.rules = make_rules(configuration)
        self._jitter = jitter
        self._begin_groups()

    def synchronize(self) -> None:
        """Bring the store in line with the configuration: due before the first pass. Raises StoreError."""
        synchronize(self.db, self.configuration, stop=self.stop)

    def configure(self, configuration: Configuration) -> None:
        """Go on with another configuration. Raises StoreError."""
        before, self.configuration = self.configuration, configuration
        self.rules = make_rules(configuration)
        if configuration.aggregator.stories != before.aggregator.stories:
            self._begin_groups()
        self.synchronize()

    def forget(self) -> None:
        """Read the active stories from the store again: they may not be what they were after the last pass."""
        self._groups.forget()

    def update(
        self,
        engine: Engine,
        *,
        scope: Scope = "due",
        only: Sequence[str] = (),
        observer: Observer | None = None,
    ) -> Summary:
        """Fetch what is due (or all, or `only` these sources), store it, publish what changed.

        Raises UsageError for an unknown or disabled source, StoreError, PublishError, EngineError.
        """
        started_at, started = self.clock.now(), self.clock.seconds()
        observer = observer or Observer()
        sources = self.configuration.sources
        states = chosen_sources(self.db, sources, only, scope, started_at)
        summary = Summary(sources=len(states))
        observer.started(len(states))
        touched: set[StoryId] = set()
        if requests := make_requests(states, sources):
            touched = _harvest(self.ledger(states), engine, requests, summary, self.stop, observer)
        if not summary.is_offline:
            touched |= self._fetch_articles(engine)
        try:
            self.finish(summary, touched, observer)
        except PublishError:
            self._record(summary, started_at, started)
            raise
        self._record(summary, started_at, started)
        return summary

    def _record(self, summary: Summary, started_at: datetime, started: float) -> None:
        summary.seconds = round(self.clock.seconds() - started, 3)
        if summary.sources:
            with writing(self.db):
                record_pass(self.db, summary.as_dict(), started_at=started_at)

    def ledger(self, states: Sequence[SourceState]) -> Ledger:
        """What stores the harvests of these sources."""
        return Ledger(
            self.db,
            sources=self.configuration.sources,
            states=states,
            rules=self.rules,
            fetch=self.configuration.aggregator.fetch,
            jitter=self._jitter,
        )

    def finish(self, summary: Summary, touched: Set[StoryId], observer: Observer) -> None:
        """Group what was stored into stories and publish what changed; `touched` are the stories of revised entries."""
        grouped = self._groups.group(
            now=self.clock.now(), stop=self.stop, begun=observer.grouping, more=observer.grouped
        )
        summary.count_stories(grouped, touched)
        if summary.is_offline:
            summary.warning = "nothing answered, at no site: is there a network? No source is blamed for it"
        summary.warning = summary.warning or judge(self.db, self.rules, self._embedder, stop=self.stop)
        published = publish(self.db, self.configuration, now=self.clock.now())
        summary.topics_published, summary.files_written = published.topics, published.files
        if not summary.is_offline and (copied := self._copy_pictures()):
            again = publish(self.db, self.configuration, now=self.clock.now())
            summary.topics_published = max(summary.topics_published, again.topics)
            summary.files_written += copied + again.files

    def _fetch_articles(self, engine: Engine) -> set[StoryId]:
        return fetch_articles(
            self.db,
            engine,
            sources=self.configuration.sources,
            rules=self.rules,
            limits=make_limits(self.configuration),
            now=self.clock.now(),
            seconds=self.clock.seconds,
            stop=self.stop,
        )

    def _copy_pictures(self) -> int:
        if self.configuration.aggregator.output.images == "none":
            return 0
        return copy_pictures(
            self.db,
            self.configuration.output,
            limits=make_limits(self.configuration),
            now=self.clock.now(),
            seconds=self.clock.seconds,
            stop=self.stop,
        )

    def _begin_groups(self) -> None:
        stories = self.configuration.aggregator.stories
        self._embedder = make_embedder(stories.embedder, stop=self.stop)
        self._groups = Groups(self.db, span=stories.window, embedder=self._embedder)


def _harvest(
    ledger: Ledger,
    engine: Engine,
    requests: Sequence[Request],
    summary: Summary,
    stop: threading.Event,
    observer: Observer,
) -> set[StoryId]:
    """Store what the sources bring; returns the stories of entries that were revised."""
    revised: set[StoryId] = set()
    outage = Outage({request.source: request.url for request in requests})

    def apply(harvests: Iterable[Harvest]) -> None:
        for harvest in harvests:
            applied = ledger.apply(harvest)
            summary.count(harvest, applied)
            revised.update(applied.stories_updated)
            observer.harvested(harvest, applied)

    for harvest in engine.run(requests, stop=stop):
        apply(outage.take(harvest))
    if outage.is_offline:
        summary.is_offline = True
        summary.failed += outage.held
    apply(outage.finish())
    ledger.finish()
    return revised


def _user_agent(contact: str | None) -> str:
    return f"feed-aggregator/{__version__} (feed fetcher{f'; {contact}' if contact else ''})"
