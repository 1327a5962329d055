"""The table of subscriptions at the hubs of sources (WebSub), and whether they make up for polling."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlite_utils import Database

from aggregator.model import SourceId
from aggregator.times import from_text, to_text

State = Literal["asked", "active", "denied", "leaving"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What was agreed on with a hub, or is to be."""

    token: str
    """The last part of the callback's path: known to nobody but the hub."""
    source: SourceId
    hub: str
    topic: str
    callback: str
    """The whole URL, as the hub was told it."""
    secret: str | None
    state: State
    """`asked`: not confirmed, or not any more; `leaving`: it is to end."""
    next_at: datetime
    """When to ask the hub (again): to begin, to renew, to end."""
    lease_until: datetime | None = None
    failures: int = 0
    """How often it was asked for since it was last confirmed."""
    problem: str | None = None
    delivered_at: datetime | None = None
    deliveries: int = 0
    refused: int = 0
    """Deliveries whose signature was missing or wrong."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A source that has hubs."""

    source: SourceId
    hubs: tuple[str, ...]
    topic: str


def offers(db: Database) -> list[Offer]:
    """The hubs of all sources that are fetched."""
    rows = db.query(
        "SELECT id, hubs, topic FROM sources WHERE hubs <> '[]' AND active AND gone_at IS NULL ORDER BY id"
    )
    return [Offer(SourceId(row["id"]), tuple(json.loads(row["hubs"])), row["topic"]) for row in rows]


def subscriptions(db: Database, *, source: str | None = None) -> list[Subscription]:
    """All of them, or those of one source."""
    query = "SELECT * FROM subscriptions WHERE source = coalesce(?, source) ORDER BY source, state, token"
    return [_subscription(row) for row in db.query(query, [source])]


def due_subscriptions(db: Database, *, now: datetime, limit: int) -> list[Subscription]:
    """Those whose hubs are to be asked, the longest overdue first."""
    query = "SELECT * FROM subscriptions WHERE next_at <= ? ORDER BY next_at, source LIMIT ?"
    return [_subscription(row) for row in db.query(query, [to_text(now), limit])]


def save(db: Database, subscription: Subscription) -> None:
    """Insert it, or put it in the place of the one with its token."""
    values = {name: _value(getattr(subscription, name)) for name in Subscription.__dataclass_fields__}
    db.execute(
        f"""
        INSERT INTO subscriptions ({", ".join(values)}) VALUES ({", ".join(f":{name}" for name in values)})
        ON CONFLICT (token) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in values)}
        """,
        values,
    )


def remove(db: Database, token: str) -> None:
    """Forget it."""
    db.execute("DELETE FROM subscriptions WHERE token = ?", [token])


def lapse(db: Database, *, now: datetime) -> list[SourceId]:
    """Leases that were not renewed have ended; returns their sources."""
    rows = db.query(
        """
        UPDATE subscriptions SET state = 'asked', lease_until = NULL
        WHERE state = 'active' AND lease_until <= ? RETURNING source
        """,
        [to_text(now)],
    )
    return [SourceId(row["source"]) for row in rows]


def wait_for(db: Database, hub: str, *, until: datetime) -> None:
    """A hub that is down is asked for nothing before then."""
    db.execute(
        "UPDATE subscriptions SET next_at = :until WHERE hub = :hub AND next_at < :until",
        {"hub": hub, "until": to_text(until)},
    )


def is_pushed(db: Database, source: SourceId, *, now: datetime) -> bool:
    """Whether what is new in a source comes by itself: its last word came so, and the lease runs on."""
    query = """
        SELECT EXISTS (
            SELECT 1 FROM subscriptions WHERE source = ? AND state = 'active' AND lease_until > ?
                AND delivered_at > coalesce(missed_at, '')
        ) AS found
    """
    (row,) = db.query(query, [source, to_text(now)])
    return bool(row["found"])


def record_missed(db: Database, source: SourceId, *, since: datetime | None, now: datetime) -> bool:
    """A poll found what no hub had sent, which has sent nothing since the poll before. Whether one should have.

    One that was relied on may have lost the subscription: it is asked again, once.
    """
    cursor = db.execute(
        """
        UPDATE subscriptions SET missed_at = :now,
            next_at = CASE WHEN delivered_at > coalesce(missed_at, '') THEN min(next_at, :now) ELSE next_at END
        WHERE source = :source AND state = 'active' AND delivered_at < :since
        """,
        {"source": source, "now": to_text(now), "since": to_text(since) if since else ""},
    )
    return cursor.rowcount > 0


def pushed_sources(db: Database) -> list[SourceId]:
    """Sources that are polled less because a hub sends what is new."""
    query = "SELECT DISTINCT source FROM subscriptions WHERE delivered_at IS NOT NULL ORDER BY source"
    return [SourceId(row["source"]) for row in db.query(query)]


def count_refused(db: Database, tokens: Iterable[str]) -> None:
    """For each token one more delivery was not signed as agreed."""
    db.conn.executemany(
        "UPDATE subscriptions SET refused = refused + 1 WHERE token = ?", [(token,) for token in tokens]
    )


def _value(value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else value


def _subscription(row: dict[str, Any]) -> Subscription:
    return Subscription(
        token=row["token"],
        source=SourceId(row["source"]),
        hub=row["hub"],
        topic=row["topic"],
        callback=row["callback"],
        secret=row["secret"],
        state=row["state"],
        next_at=from_text(row["next_at"]),
        lease_until=from_text(row["lease_until"]) if row["lease_until"] else None,
        failures=row["failures"],
        problem=row["problem"],
        delivered_at=from_text(row["delivered_at"]) if row["delivered_at"] else None,
        deliveries=row["deliveries"],
        refused=row["refused"],
    )
