"""The daemon's dealings with hubs (WebSub): what they sent is stored and published, they are asked and told.

All but the callbacks is done by the daemon's one worker, a job at a time.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sqlite_utils import Database

from aggregator.config.load import Configuration
from aggregator.embed import Embedder
from aggregator.errors import AggregatorError
from aggregator.group import Groups
from aggregator.harvest.fetch import Outcome
from aggregator.ledger import Ledger
from aggregator.model import Harvest, Response, SourceId, StoryId
from aggregator.store.connection import check_place, writing
from aggregator.store.sources import ask_soon, source_states
from aggregator.store.subscriptions import pushed_sources, subscriptions
from aggregator.topic.rule import Rule
from aggregator.update import Clock, Observer, Summary, finish, make_limits, make_request
from aggregator.websub.agreement import callback_base
from aggregator.websub.callback import Callbacks, Delivered, Heard
from aggregator.websub.hubs import hear, ping, subscribe

log = logging.getLogger("aggregator")


class Reader(Protocol):
    """Where documents are read that came without being asked for."""

    def read(self, documents: Sequence[Outcome], *, stop: threading.Event) -> Iterator[Harvest]:
        """One harvest for each document, as they become ready."""
        ...


class Exchange:
    """The jobs, for one store and the callbacks of one web server."""

    def __init__(
        self,
        db: Database,
        callbacks: Callbacks,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._db = db
        self._callbacks = callbacks
        self._clock = clock
        self._jitter = jitter
        self._stop = stop

    def begin(self, configuration: Configuration) -> None:
        """Hear hubs from now on. What they sent while nobody was there is had from the sources. Raises StoreError."""
        fetch = configuration.aggregator.fetch
        with writing(self._db):
            sources = pushed_sources(self._db)
            ask_soon(self._db, sources, now=self._clock.now(), min_interval=fetch.min_interval)
        self._callbacks.expect(subscriptions(self._db), max_bytes=fetch.max_bytes)

    def hear(
        self,
        configuration: Configuration,
        rules: Sequence[Rule],
        reader: Reader,
        *,
        embedder: Embedder | None,
        groups: Groups,
        observer: Observer,
    ) -> None:
        """Store and publish the content that hubs sent, and note what else they said.

        What could not be stored is heard again. Raises what `update` does.
        """
        if not (heard := self._callbacks.take()):
            return
        try:
            unread: set[SourceId] = set()
            if documents := self._documents(configuration, heard):
                unread = self._take_in(configuration, rules, reader, documents, embedder, groups, observer)
            min_interval = configuration.aggregator.fetch.min_interval
            hear(self._db, heard, unread=unread, min_interval=min_interval, now=self._clock.now())
        except AggregatorError:
            self._callbacks.put_back(heard)
            raise

    def _take_in(
        self,
        configuration: Configuration,
        rules: Sequence[Rule],
        reader: Reader,
        documents: Sequence[Outcome],
        embedder: Embedder | None,
        groups: Groups,
        observer: Observer,
    ) -> set[SourceId]:
        """Store and publish what is new in the documents; returns the sources of those that were no feeds."""
        check_place(self._db)
        started, summary, touched, unread = self._clock.seconds(), Summary(), set[StoryId](), set[SourceId]()
        ledger = self._ledger(configuration, rules, documents)
        # Stopped early, the rest is had from the sources after the next start
        for harvest in reader.read(documents, stop=self._stop):
            applied = ledger.deliver(harvest)
            summary.count(harvest, applied)
            touched |= applied.stories_updated
            observer.harvested(harvest, applied)
            if harvest.failure is not None:
                unread.add(harvest.source)
        finish(
            self._db,
            configuration,
            rules,
            summary,
            touched,
            clock=self._clock,
            embedder=embedder,
            groups=groups,
            stop=self._stop,
        )
        summary.seconds = self._clock.seconds() - started
        _say(summary, documents=len(documents))
        return unread

    def subscribe(self, configuration: Configuration) -> None:
        """Ask the hubs of sources for what is due. Raises StoreError."""
        aggregator = configuration.aggregator
        subscribe(
            self._db,
            self._callbacks,
            base=callback_base(aggregator.web.callback, aggregator.site.base_url),
            limits=make_limits(configuration),
            min_interval=aggregator.fetch.min_interval,
            mint=lambda: secrets.token_urlsafe(32),
            now=self._clock.now,
            stopped=self._stop.is_set,
        )

    def ping(self, configuration: Configuration) -> None:
        """Tell the own hub what was published. Raises StoreError."""
        ping(
            self._db,
            hub=configuration.aggregator.output.hub,
            limits=make_limits(configuration),
            now=self._clock.now,
            stopped=self._stop.is_set,
        )

    def _ledger(
        self, configuration: Configuration, rules: Sequence[Rule], documents: Sequence[Outcome]
    ) -> Ledger:
        return Ledger(
            self._db,
            sources=configuration.sources,
            states=list(source_states(self._db, {request.source for request, _ in documents}).values()),
            rules=rules,
            fetch=configuration.aggregator.fetch,
            jitter=self._jitter,
        )

    def _documents(self, configuration: Configuration, heard: Sequence[Heard]) -> list[Outcome]:
        """The deliveries as if each had been fetched from its source."""
        sources = {one.token: one.source for one in subscriptions(self._db)}
        settings = {SourceId(source.id): source for source in configuration.sources if source.enabled}
        states = source_states(self._db, settings)
        documents: list[Outcome] = []
        for one in heard:
            source = sources.get(one.token)
            if isinstance(one, Delivered) and one.document is not None and source in states:
                request = make_request(settings[source], states[source])
                headers = {"content-type": one.content_type} if one.content_type else {}
                documents.append((request, Response(request.url, 200, headers, one.document)))
        return documents


def _say(summary: Summary, *, documents: int) -> None:
    log.info(
        "hubs sent %d documents: %d new entries (%d duplicates), %d stories, %d files, %d failed, in %.1f s",
        documents,
        summary.entries_new,
        summary.duplicates,
        summary.stories_new + summary.stories_updated,
        summary.files_written,
        summary.failed,
        summary.seconds,
    )
    if summary.warning:
        log.warning("%s", summary.warning)
