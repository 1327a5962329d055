"""What waits → its receivers, and the record of what came of it.

A delivery is in the store before it is sent, and is marked as sent after the receiver took it: a crash between the two
sends it again, under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event

from sqlite_utils import Database

from aggregator.harvest.fetch import Limits
from aggregator.model import StoryId
from aggregator.notify.outcome import Delivered, Refusal
from aggregator.notify.plan import is_hopeless, wait_after
from aggregator.notify.send import Parcel, Senders
from aggregator.publish.topics import Publisher
from aggregator.receivers import Receiver
from aggregator.settings import Mail
from aggregator.store.connection import writing
from aggregator.store.outbox import (
    Delivery,
    forget_old,
    next_deliveries,
    record_failure,
    record_sent,
    take_out,
    told,
)
from aggregator.store.stories import merged_stories, story_rows
from aggregator.store.topics import standing

_RUN_SECONDS = 30.0
"""After so long nothing new is sent in one run: the next pass waits for its end."""
_LONGEST_REST = timedelta(days=1)


class Courier:
    """Brings what waits to the receivers of one configuration."""

    def __init__(
        self,
        db: Database,
        publisher: Publisher,
        receivers: Iterable[Receiver],
        *,
        mail: Mail | None,
        limits: Limits,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        """`limits` are those of fetching; `seconds` reads a clock that never jumps."""
        self._db = db
        self._publisher = publisher
        self._receivers = {one.id: one for one in receivers}
        self._mail = mail
        self._limits = limits
        self._now = now
        self._seconds = seconds

    def run(self, *, stop: Event) -> Delivered:
        """Send what is due, for half a minute at most. What is under way when `stop` is set comes to its end."""
        done, end = Delivered(), self._seconds() + _RUN_SECONDS
        with closing(Senders(self._mail, self._limits, now=self._now)) as senders:
            while not senders.is_closed and (parcels := self._parcels(done)):
                deliveries = {parcel.id: delivery for parcel, delivery in parcels}
                for parcel, refusal in senders.send([parcel for parcel, _ in parcels]):
                    done.count(parcel.receiver, self._record(deliveries[parcel.id], refusal))
                    senders.is_closed = stop.is_set() or self._seconds() > end
        with writing(self._db):
            forget_old(self._db, now=self._now())
        return done

    def _parcels(self, done: Delivered) -> list[tuple[Parcel, Delivery]]:
        """One for each receiver that is not in trouble, as long as there are any."""
        troubled = {receiver.id for receiver, _ in done.troubles}
        while True:
            found = [
                (self._receivers[one.receiver], one)
                for one in next_deliveries(self._db, now=self._now())
                if one.receiver in self._receivers.keys() - troubled
            ]
            parcels = [
                (parcel, one)
                for receiver, one in found
                if (parcel := self._parcel(receiver, one)) is not None
            ]
            # Where one came to nothing, the next one of its receiver may not
            if parcels or not found:
                return parcels

    def _parcel(self, receiver: Receiver, delivery: Delivery) -> Parcel | None:
        """A delivery without the stories that are not to be told any more; None when none is left."""
        lost = self._lost(receiver, delivery.stories)
        stories = [story for story in delivery.stories if story not in lost]
        if lost or not stories:
            with writing(self._db):
                take_out(self._db, delivery, lost)
        if not stories:
            return None
        now = self._now()
        channel = self._publisher.channel(receiver.topic, stories, now=now)
        return Parcel(delivery.id, receiver, channel, delivery.made_at)

    def _lost(self, receiver: Receiver, stories: Sequence[StoryId]) -> set[StoryId]:
        """Those that were hidden, merged with one that was told, or that left the topic since they were queued."""
        rows = story_rows(self._db, stories)
        merged = merged_stories(self._db)
        heard = {
            merged[story]
            for story, is_waiting in told(self._db, receiver.id).items()
            if story in merged and not is_waiting
        }
        return {
            story
            for story in stories
            if story not in rows
            or story in heard
            or rows[story].hidden
            or not standing(self._db, receiver.topic_id, story).is_held
        }

    def _record(self, delivery: Delivery, refusal: Refusal | None) -> Refusal | None:
        """Keep what came of it; a refusal is final where it is given up."""
        now = self._now()
        with writing(self._db, durable=True):
            if refusal is None:
                record_sent(self._db, delivery, now=now)
                return None
            first = delivery.first_tried or now
            gives_up = refusal.is_final or is_hopeless(delivery.attempts + 1, first=first, now=now)
            rest = wait_after(delivery.failures + 1)
            if refusal.retry_at is not None:
                rest = min(max(rest, refusal.retry_at - now), _LONGEST_REST)
            record_failure(
                self._db,
                delivery,
                refusal.message,
                due_at=None if gives_up else now + max(rest, wait_after(delivery.attempts + 1)),
                rest_until=None if refusal.is_final else now + rest,
                now=now,
            )
        return replace(refusal, is_final=gives_up)
