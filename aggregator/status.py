"""The health of the program in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from sqlite_utils import Database

from aggregator.advice import advice
from aggregator.embed import describe
from aggregator.receivers import Receiver
from aggregator.settings import SourceSettings
from aggregator.store.articles import ArticleState, article_states
from aggregator.store.meta import last_passes, last_window, unpublished
from aggregator.store.outbox import Post, posts
from aggregator.store.pings import untold
from aggregator.store.sources import SourceState, due_sources, source_states
from aggregator.store.subscriptions import Subscription, offers, subscriptions
from aggregator.times import to_text

_NOTHING = Post(0, 0, None, None, 0, None)


class SourceHealth(TypedDict):
    """A source as `sources list` and `status` show it."""

    id: str
    title: str
    url: str
    tags: list[str]
    language: str | None
    state: str
    fetched: str | None
    succeeded: str | None
    next_due: str | None
    retry_at: str | None
    moved_to: str | None
    failures: int
    kind: str | None
    error: str | None
    advice: str | None
    entries: int
    trackers: int
    articles_waiting: int
    articles_missed: int
    article_problem: str | None
    hub: str | None
    subscription: str | None
    subscribed_until: str | None
    delivered: str | None
    refused: int
    hub_problem: str | None


class HubHealth(TypedDict):
    """How many sources offer a hub, in what state the subscriptions are, and what came of them."""

    offered: int
    active: int
    asked: int
    denied: int
    deliveries: int
    refused: int
    problem: str | None


class PingHealth(TypedDict):
    """What the own hub is still to be told."""

    waiting: int
    problem: str | None


class ReceiverHealth(TypedDict):
    """Whom a topic notifies, as `topics notify` and `status` show it."""

    topic: str
    kind: str
    to: str
    waiting: int
    next_due: str | None
    sent: str | None
    failures: int
    failed: int
    error: str | None


class Status(TypedDict):
    """What `status --json` prints."""

    database: str
    database_bytes: int
    entries: int
    duplicates: int
    stories: int
    sources: dict[str, int]
    due: int
    next_due: str | None
    failing: list[SourceHealth]
    embedder: str
    window: dict[str, Any] | None
    hubs: HubHealth
    pings: PingHealth
    passes: list[dict[str, Any]]
    notify: list[ReceiverHealth]
    publication: dict[str, Any] | None
    abandoned: list[str]


def next_try(state: str, next_due: str | None) -> str | None:
    """When a source in this state is asked next, as people read it; None where that is not known yet."""
    return "never" if state in ("gone", "disabled") else next_due


def source_health(db: Database, sources: tuple[SourceSettings, ...]) -> list[SourceHealth]:
    """The state of each configured source, in the order of the configuration."""
    states = {str(id): state for id, state in source_states(db).items()}
    counts = {
        row["source"]: row["count"]
        for row in db.query("SELECT source, count(*) AS count FROM entries GROUP BY source")
    }
    hubs = {str(offer.source): offer.hubs[0] for offer in offers(db)}
    articles = {str(id): state for id, state in article_states(db).items()}
    agreed = {str(one.source): one for one in subscriptions(db) if one.state != "leaving"}
    return [
        _health(
            source,
            states.get(source.id),
            counts.get(source.id, 0),
            hubs.get(source.id),
            agreed.get(source.id),
            articles.get(source.id, ArticleState()),
        )
        for source in sources
    ]


def receiver_health(db: Database, receivers: Iterable[Receiver]) -> list[ReceiverHealth]:
    """How it stands with each receiver, in the order of the configuration."""
    known = posts(db)
    return [_receiver_health(one, known.get(one.id, _NOTHING)) for one in receivers]


def _receiver_health(receiver: Receiver, post: Post) -> ReceiverHealth:
    return ReceiverHealth(
        topic=receiver.topic.id,
        kind=receiver.kind,
        to=receiver.name,
        waiting=post.waiting,
        next_due=_text(post.next_due),
        sent=_text(post.sent_at),
        failures=post.failures,
        failed=post.failed,
        error=post.error,
    )


def status(
    db: Database,
    sources: tuple[SourceSettings, ...],
    *,
    receivers: Iterable[Receiver] = (),
    abandoned: Iterable[Path] = (),
    database: Path,
    embedder: str,
    now: datetime,
    passes: int = 5,
) -> Status:
    """Figures of the store, of the sources and of the last passes; `embedder` is the setting of that name.

    `abandoned` are the folders of former topics.
    """
    health = source_health(db, sources)
    (counts,) = db.query(
        """
        SELECT (SELECT count(*) FROM entries) AS entries,
            (SELECT count(*) FROM entries WHERE duplicate_of IS NOT NULL) AS duplicates,
            (SELECT count(*) FROM stories WHERE merged_into IS NULL) AS stories
        """
    )
    waiting = [one["next_due"] for one in health if one["next_due"] and one["state"] in ("ok", "failing")]
    waiting_pings, ping_problem = untold(db)
    return Status(
        database=str(database),
        database_bytes=_bytes(database),
        entries=counts["entries"],
        duplicates=counts["duplicates"],
        stories=counts["stories"],
        sources=dict(sorted(Counter(one["state"] for one in health).items())),
        due=len(due_sources(db, "due", now=now)),
        next_due=min(waiting, default=None),
        failing=[one for one in health if one["state"] in ("failing", "gone")],
        embedder=describe(embedder),
        window=last_window(db),
        hubs=_hubs(db),
        pings=PingHealth(waiting=waiting_pings, problem=ping_problem),
        passes=list(last_passes(db, passes)),
        notify=receiver_health(db, receivers),
        publication=unpublished(db),
        abandoned=[str(folder) for folder in abandoned],
    )


def _hubs(db: Database) -> HubHealth:
    known = subscriptions(db)
    states = Counter(one.state for one in known)
    return HubHealth(
        offered=len(offers(db)),
        active=states["active"],
        asked=states["asked"],
        denied=states["denied"],
        deliveries=sum(one.deliveries for one in known),
        refused=sum(one.refused for one in known),
        problem=next((f"{one.hub} {one.problem}" for one in known if one.problem), None),
    )


def _bytes(database: Path) -> int:
    parts = (database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _health(
    source: SourceSettings,
    state: SourceState | None,
    entries: int,
    offered: str | None,
    one: Subscription | None,
    articles: ArticleState,
) -> SourceHealth:
    word = _word(source, state)
    is_asked = word not in ("gone", "disabled")
    return SourceHealth(
        id=source.id,
        title=(state.title if state else source.title) or source.id,
        url=source.url,
        tags=list(source.tags),
        language=source.language,
        state=word,
        fetched=_text(state.fetched_at if state else None),
        succeeded=_text(state.succeeded_at if state else None),
        next_due=_text(state.next_due_at if state and is_asked else None),
        retry_at=_text(state.retry_at if state else None),
        moved_to=_moved_to(state) if state else None,
        failures=state.failures if state else 0,
        kind=state.failure_kind if state else None,
        error=state.failure_message if state else None,
        advice=advice(state.failure_kind) if state and state.failure_kind else None,
        entries=entries,
        trackers=state.trackers if state else 0,
        articles_waiting=articles.waiting,
        articles_missed=articles.missed,
        article_problem=articles.problem,
        hub=one.hub if one else offered,
        subscription=one.state if one else None,
        subscribed_until=_text(one.lease_until if one else None),
        delivered=_text(one.delivered_at if one else None),
        refused=one.refused if one else 0,
        hub_problem=one.problem if one else None,
    )


def _text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _moved_to(state: SourceState) -> str | None:
    if state.address != state.url:
        return state.address
    return state.move.to if state.move else None


def _word(source: SourceSettings, state: SourceState | None) -> str:
    if not source.enabled:
        return "disabled"
    if state is None or state.fetched_at is None:
        return "new"
    if state.gone_at:
        return "gone"
    return "failing" if state.failures else "ok"
