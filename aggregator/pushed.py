"""What hubs sent → harvests → ledger → publications: a pass over sources that were not asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sqlite_utils import Database

from aggregator.config.load import Configuration
from aggregator.embed import Embedder
from aggregator.group import Groups
from aggregator.harvest.fetch import Outcome
from aggregator.ledger import Ledger
from aggregator.model import Harvest, Response, SourceId, StoryId
from aggregator.store.connection import check_place
from aggregator.store.sources import source_states
from aggregator.store.subscriptions import subscriptions
from aggregator.topic.rule import Rule
from aggregator.update import Clock, Observer, Summary, finish, make_request
from aggregator.websub.callback import Delivered, Heard
from aggregator.websub.hubs import hear

log = logging.getLogger("aggregator")


class Reader(Protocol):
    """Where documents are read that came without being asked for."""

    def read(self, documents: Sequence[Outcome], *, stop: threading.Event) -> Iterator[Harvest]:
        """One harvest for each document, as they become ready."""
        ...


def take_in(
    db: Database,
    configuration: Configuration,
    rules: Sequence[Rule],
    reader: Reader,
    heard: Sequence[Heard],
    *,
    clock: Clock,
    jitter: Callable[[], float],
    embedder: Embedder | None,
    groups: Groups,
    stop: threading.Event,
    observer: Observer,
) -> None:
    """Store and publish the content that hubs sent, and note what else they said.

    Nothing of it counts as heard before the content is stored. Raises what `update` does.
    """
    sources = {one.token: one.source for one in subscriptions(db)}
    deliveries = [
        (sources[one.token], one) for one in heard if isinstance(one, Delivered) and one.token in sources
    ]
    unread: set[SourceId] = set()
    if documents := _documents(db, configuration, deliveries):
        check_place(db)
        started, summary, touched = clock.seconds(), Summary(), set[StoryId]()
        states = list(source_states(db, {request.source for request, _ in documents}).values())
        fetch = configuration.aggregator.fetch
        ledger = Ledger(
            db, sources=configuration.sources, states=states, rules=rules, fetch=fetch, jitter=jitter
        )
        for harvest in reader.read(documents, stop=stop):
            applied = ledger.deliver(harvest)
            summary.count(harvest, applied)
            touched |= applied.stories_updated
            observer.harvested(harvest, applied)
            if harvest.failure is not None:
                unread.add(harvest.source)
        finish(db, configuration, rules, summary, touched, clock, embedder, groups, stop)
        summary.seconds = round(clock.seconds() - started, 3)
        _say(summary, documents=len(documents), sources=len(states))
    min_interval = configuration.aggregator.fetch.min_interval
    hear(db, heard, unread=unread, min_interval=min_interval, now=clock.now())


def _documents(
    db: Database, configuration: Configuration, deliveries: Sequence[tuple[SourceId, Delivered]]
) -> list[Outcome]:
    """As if each had been fetched from its source."""
    settings = {SourceId(source.id): source for source in configuration.sources if source.enabled}
    states = source_states(db, {source for source, _ in deliveries})
    documents: list[Outcome] = []
    for source, delivered in deliveries:
        if source in settings and source in states and delivered.document is not None:
            request = make_request(settings[source], states[source])
            headers = {"content-type": delivered.content_type} if delivered.content_type else {}
            documents.append((request, Response(request.url, 200, headers, delivered.document)))
    return documents


def _say(summary: Summary, *, documents: int, sources: int) -> None:
    log.info(
        "hubs sent %d documents of %d sources: %d new entries (%d duplicates), %d stories, %d files, %d failed",
        documents,
        sources,
        summary.entries_new,
        summary.duplicates,
        summary.stories_new + summary.stories_updated,
        summary.files_written,
        summary.failed,
    )
    if summary.warning:
        log.warning("%s", summary.warning)
