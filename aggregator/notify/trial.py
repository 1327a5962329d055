"""A test of a receiver, of which nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from sqlite_utils import Database

from aggregator.harvest.fetch import Limits
from aggregator.notify.outcome import Refusal
from aggregator.notify.send import Parcel, Senders
from aggregator.publish.topics import Publisher
from aggregator.receivers import Receiver
from aggregator.settings import Mail
from aggregator.store.topics import selected_stories
from aggregator.story.fingerprint import digest


def try_out(
    db: Database,
    publisher: Publisher,
    receiver: Receiver,
    *,
    mail: Mail | None,
    limits: Limits,
    now: Callable[[], datetime],
) -> Refusal | None:
    """Send the newest story of the topic, marked as a test; returns why that failed."""
    at = now()
    since = at - receiver.topic.max_age
    newest = next(selected_stories(db, receiver.topic_id, since=since), None)
    if newest is None:
        return Refusal("the topic holds no story to send yet")
    channel = publisher.channel(receiver.topic, [newest.id], now=at)
    parcel = Parcel(digest("test", receiver.id, at.isoformat()), receiver, channel, at, is_test=True)
    with closing(Senders(mail, limits, now=now)) as senders:
        ((_, refusal),) = senders.send([parcel])
    return refusal
