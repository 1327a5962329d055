"""What is new in the topics → what waits for their receivers, in the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlite_utils import Database

from aggregator.model import StoryId, TopicId
from aggregator.notify.plan import news, next_slot
from aggregator.receivers import Receiver
from aggregator.settings import TopicSettings
from aggregator.store.connection import writing
from aggregator.store.outbox import (
    behind,
    caught_up,
    fresh,
    know,
    open_digests,
    put,
    set_due,
    sync_receivers,
    told,
)
from aggregator.store.stories import merged_stories
from aggregator.store.topics import selected_stories
from aggregator.story.fingerprint import digest
from aggregator.topic.rule import Rule
from aggregator.topic.select import choose

_EVER = datetime(1, 1, 1, tzinfo=UTC)


def settle(db: Database, receivers: Sequence[Receiver], rules: Iterable[Rule], *, items: int) -> None:
    """Bring the store in line with the configured receivers, within a transaction.

    Those that are new, or whose topic selects anew, are told of nothing that is there already. `items` is what a
    feed holds unless its topic says otherwise.
    """
    signatures = {rule.topic: rule.signature for rule in rules}
    begun = sync_receivers(
        db,
        {
            one.id: (one.topic_id, _basis(one.topic, signatures[one.topic_id], items=items))
            for one in receivers
        },
    )
    for one in receivers:
        if one.id in begun:
            know(db, one.id, _selection(db, one.topic, since=_EVER, items=items))


def note(db: Database, receivers: Sequence[Receiver], *, now: datetime, items: int) -> None:
    """Queue what has become part of the topics as they are published now, for each of their receivers."""
    late = set(behind(db)) if receivers else set()
    for one in receivers:
        if one.id in late:
            with writing(db, durable=True):
                _note(db, one, now=now, items=items)
    _reschedule(db, receivers, now=now)


def _note(db: Database, receiver: Receiver, *, now: datetime, items: int) -> None:
    known = told(db, receiver.id)
    selected = _selection(db, receiver.topic, since=now - receiver.topic.max_age, items=items)
    found = news(
        selected,
        known=known.keys(),
        waiting={story for story, is_waiting in known.items() if is_waiting},
        fresh=fresh(db, receiver.id, set(selected) - known.keys()),
        merged=merged_stories(db),
    )
    know(db, receiver.id, found.old)
    delivery, due_at = None, now
    if receiver.kind == "mail":
        delivery, due_at = open_digests(db, now=now).get(receiver.id, (None, _slot(receiver, now)))
    for story in found.new:
        if delivery is None or receiver.kind != "mail":
            delivery = digest("delivery", receiver.id, story, now.isoformat())
        put(db, receiver.id, [story], delivery=delivery, due_at=due_at, now=now)
    caught_up(db, receiver.id)


def _reschedule(db: Database, receivers: Sequence[Receiver], *, now: datetime) -> None:
    """Bring digests in line with a schedule that changed, or a clock that was set."""
    waiting = open_digests(db, now=now) if receivers else {}
    for one in receivers:
        if one.kind == "mail" and one.id in waiting:
            delivery, due_at = waiting[one.id]
            if (slot := _slot(one, now)) != due_at:
                with writing(db):
                    set_due(db, delivery, slot)


def _slot(receiver: Receiver, now: datetime) -> datetime:
    wanted = receiver.settings
    return next_slot(now, every=wanted.every, at=wanted.at, weekday=wanted.weekday)


def _selection(db: Database, topic: TopicSettings, *, since: datetime, items: int) -> list[StoryId]:
    """What the topic's feed shows, in its order."""
    stories = selected_stories(db, TopicId(topic.id), since=since)
    return [one.id for one in choose(stories, min_sources=topic.min_sources, items=topic.items or items)]


def _basis(topic: TopicSettings, signature: str, *, items: int) -> str:
    """What the topic's selection depends on beside its stories."""
    return digest(signature, str(topic.min_sources), str(topic.max_age), str(topic.items or items))
