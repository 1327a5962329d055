"""The daemon's dealings with hubs (WebSub): what they sent is stored and published, they are asked and told.

All but the callbacks is done by the daemon's one worker, a job at a time.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from aggregator.asking import make_request
from aggregator.errors import AggregatorError
from aggregator.harvest.fetch import Outcome
from aggregator.model import Harvest, Response, SourceId, StoryId
from aggregator.settings import Aggregator
from aggregator.store.connection import check_place, writing
from aggregator.store.sources import ask_soon, source_states
from aggregator.store.subscriptions import pushed_sources, subscriptions
from aggregator.update import Observer, Passes, Summary, make_limits
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
    """The jobs, for the store of these passes and the callbacks of one web server."""

    def __init__(self, passes: Passes, callbacks: Callbacks) -> None:
        self._passes = passes
        self._db, self._clock, self._stop = passes.db, passes.clock, passes.stop
        self._callbacks = callbacks

    @property
    def _settings(self) -> Aggregator:
        return self._passes.configuration.aggregator

    def begin(self) -> None:
        """Hear hubs from now on. What they sent while nobody was there is had from the sources. Raises StoreError."""
        fetch = self._settings.fetch
        with writing(self._db):
            sources = pushed_sources(self._db)
            ask_soon(self._db, sources, now=self._clock.now(), min_interval=fetch.min_interval)
        self._callbacks.expect(subscriptions(self._db), max_bytes=fetch.max_bytes)

    def hear(self, reader: Reader, *, observer: Observer) -> None:
        """Store and publish the content that hubs sent, and note what else they said.

        What could not be stored is heard again. Raises what `Passes.update` does.
        """
        if not (heard := self._callbacks.take()):
            return
        try:
            documents = self._documents(heard)
            unread = self._take_in(reader, documents, observer) if documents else set()
            min_interval = self._settings.fetch.min_interval
            hear(self._db, heard, unread=unread, min_interval=min_interval, now=self._clock.now())
        except AggregatorError:
            self._callbacks.put_back(heard)
            raise

    def _take_in(self, reader: Reader, documents: Sequence[Outcome], observer: Observer) -> set[SourceId]:
        """Store and publish what is new in the documents; returns the sources of those that were no feeds."""
        check_place(self._db)
        started, summary, touched, unread = self._clock.seconds(), Summary(), set[StoryId](), set[SourceId]()
        states = source_states(self._db, {request.source for request, _ in documents})
        ledger = self._passes.ledger(list(states.values()))
        # Stopped early, the rest is had from the sources after the next start
        for harvest in reader.read(documents, stop=self._stop):
            applied = ledger.deliver(harvest)
            summary.count(harvest, applied)
            touched |= applied.stories_updated
            observer.harvested(harvest, applied)
            if harvest.failure is not None:
                unread.add(harvest.source)
        self._passes.finish(summary, touched, observer)
        summary.seconds = self._clock.seconds() - started
        _say(summary, documents=len(documents))
        return unread

    def subscribe(self) -> None:
        """Ask the hubs of sources for what is due. Raises StoreError."""
        subscribe(
            self._db,
            self._callbacks,
            base=callback_base(self._settings.web.callback, self._settings.site.base_url),
            limits=make_limits(self._passes.configuration),
            min_interval=self._settings.fetch.min_interval,
            mint=lambda: secrets.token_urlsafe(32),
            now=self._clock.now,
            stopped=self._stop.is_set,
        )

    def ping(self) -> None:
        """Tell the own hub what was published. Raises StoreError."""
        ping(
            self._db,
            hub=self._settings.output.hub,
            limits=make_limits(self._passes.configuration),
            now=self._clock.now,
            stopped=self._stop.is_set,
        )

    def _documents(self, heard: Sequence[Heard]) -> list[Outcome]:
        """The deliveries as if each had been fetched from its source."""
        sources = {one.token: one.source for one in subscriptions(self._db)}
        configured = self._passes.configuration.sources
        settings = {SourceId(source.id): source for source in configured if source.enabled}
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
