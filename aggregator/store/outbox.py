"""Who is told of new stories, what each of them knows, and what is on its way to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from aggregator.model import StoryId, TopicId
from aggregator.times import from_text, to_text

_FAR = timedelta(days=1)
"""A try that is due later than this was set by a clock that ran ahead."""
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What goes to a receiver in one piece: a story, or a digest of several."""

    id: str
    """Made when the first of its stories came in, and the same at each try."""
    receiver: str
    stories: tuple[StoryId, ...]
    """The oldest first."""
    made_at: datetime
    attempts: int
    first_tried: datetime | None
    failures: int
    """Of the receiver, in a row."""


@dataclass(frozen=True, slots=True)
class Post:
    """How it stands with a receiver."""

    waiting: int
    failed: int
    """Deliveries that were given up."""
    next_due: datetime | None
    sent_at: datetime | None
    """When something reached it last."""
    failures: int
    """In a row."""
    error: str | None
    """The last one, until something reaches it again, or while there is something that was given up."""


def sync_receivers(db: Database, wanted: Mapping[str, tuple[TopicId, str]]) -> list[str]:
    """Keep these receivers, of each its topic and by what the topic selects; forget the others, with what waits.

    Returns those that are new, or whose topic selects anew: they are told of what comes in from now on.
    """
    known = {row["id"]: row["basis"] for row in db.query("SELECT id, basis FROM receivers")}
    gone = json.dumps(sorted(known.keys() - wanted.keys()))
    for table, column in (("told", "receiver"), ("deliveries", "receiver"), ("receivers", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", [gone])
    begun = [id for id, (_, basis) in wanted.items() if known.get(id) != basis]
    for id in begun:
        topic, basis = wanted[id]
        db.execute(
            """
            INSERT INTO receivers (id, topic, basis, since) VALUES (:id, :topic, :basis, :since)
            ON CONFLICT (id) DO UPDATE SET basis = :basis, since = :since, noted = NULL
            """,
            {"id": id, "topic": topic, "basis": basis, "since": _last_entry(db)},
        )
    return begun


def _last_entry(db: Database) -> int:
    ((last,),) = db.execute("SELECT coalesce(max(id), 0) FROM entries").fetchall()
    return int(last)


def behind(db: Database) -> list[str]:
    """The receivers whose topic was published since they were last held against it."""
    rows = db.query(
        """
        SELECT receivers.id FROM receivers JOIN channels USING (topic)
        WHERE channels.mark IS NOT NULL AND channels.mark IS NOT receivers.noted
        """
    )
    return [row["id"] for row in rows]


def caught_up(db: Database, receiver: str) -> None:
    """The receiver was held against its topic as that is published."""
    db.execute(
        "UPDATE receivers SET noted = (SELECT mark FROM channels WHERE topic = receivers.topic) WHERE id = ?",
        [receiver],
    )


def told(db: Database, receiver: str) -> dict[StoryId, bool]:
    """The stories that a receiver knows or is not to be told of, and of each whether it is still on its way."""
    rows = db.query(
        """
        SELECT story, deliveries.id IS NOT NULL AS waits
        FROM told LEFT JOIN deliveries ON deliveries.id = told.delivery AND sent_at IS NULL
        WHERE told.receiver = ?
        """,
        [receiver],
    )
    return {StoryId(row["story"]): bool(row["waits"]) for row in rows}


def fresh(db: Database, receiver: str, stories: Iterable[StoryId]) -> set[StoryId]:
    """Those with an entry from after the receiver's beginning that its source did not have when it was new itself."""
    rows = db.query(
        """
        SELECT DISTINCT entries.story FROM json_each(:stories) AS asked
            CROSS JOIN entries ON entries.story = asked.value
            LEFT JOIN sources ON sources.id = entries.source
        WHERE entries.id > (SELECT since FROM receivers WHERE id = :receiver)
            AND entries.id > coalesce(sources.backlog, 0)
        """,
        {"stories": json.dumps(list(stories)), "receiver": receiver},
    )
    return {StoryId(row["story"]) for row in rows}


def know(db: Database, receiver: str, stories: Iterable[StoryId]) -> None:
    """The receiver is not to be told of these."""
    db.conn.executemany(
        "INSERT OR IGNORE INTO told (receiver, story) VALUES (?, ?)", [(receiver, story) for story in stories]
    )


def put(
    db: Database, receiver: str, stories: Iterable[StoryId], *, delivery: str, due_at: datetime, now: datetime
) -> None:
    """Put stories into a delivery, which is made unless it is there."""
    db.execute(
        "INSERT OR IGNORE INTO deliveries (id, receiver, made_at, due_at) VALUES (?, ?, ?, ?)",
        [delivery, receiver, to_text(now), to_text(due_at)],
    )
    db.conn.executemany(
        "INSERT INTO told (receiver, story, delivery) VALUES (?, ?, ?)",
        [(receiver, story, delivery) for story in stories],
    )


def open_digests(db: Database, *, now: datetime) -> dict[str, tuple[str, datetime]]:
    """Of each receiver the delivery that still takes stories, and when it is due: later than now, and never tried."""
    rows = db.query(
        """
        SELECT receiver, min(id) AS id, due_at FROM deliveries
        WHERE due_at > ? AND attempts = 0 AND sent_at IS NULL AND given_up_at IS NULL GROUP BY receiver
        """,
        [to_text(now)],
    )
    return {row["receiver"]: (row["id"], from_text(row["due_at"])) for row in rows}


def set_due(db: Database, delivery: str, due_at: datetime) -> None:
    """It goes out at another time than was thought."""
    db.execute("UPDATE deliveries SET due_at = ? WHERE id = ?", [to_text(due_at), delivery])


def is_any_waiting(db: Database, *, now: datetime) -> bool:
    """Whether something may have to be sent now."""
    return bool(
        db.execute(
            """
            SELECT 1 FROM deliveries WHERE sent_at IS NULL AND given_up_at IS NULL
                AND (due_at <= ? OR (attempts AND due_at > ?)) LIMIT 1
            """,
            [to_text(now), to_text(now + _FAR)],
        ).fetchall()
    )


def next_deliveries(db: Database, *, now: datetime) -> list[Delivery]:
    """What is to be sent now, one for each receiver: what was tried least often, of that the oldest."""
    rows = db.query(
        """
        SELECT due.*, (SELECT json_group_array(story) FROM (
            SELECT story FROM told WHERE delivery = due.id ORDER BY rowid
        )) AS stories
        FROM (
            SELECT deliveries.*, receivers.failures, row_number() OVER (
                PARTITION BY receiver ORDER BY attempts, made_at, deliveries.rowid
            ) AS place
            FROM deliveries JOIN receivers ON receivers.id = deliveries.receiver
            WHERE sent_at IS NULL AND given_up_at IS NULL
                AND (due_at <= :now OR (attempts AND due_at > :far))
                AND (retry_at IS NULL OR retry_at <= :now OR retry_at > :far)
        ) AS due
        WHERE place = 1 ORDER BY due.made_at, due.id
        """,
        {"now": to_text(now), "far": to_text(now + _FAR)},
    )
    return [_delivery(row) for row in rows]


def record_sent(db: Database, delivery: Delivery, *, now: datetime) -> None:
    """It reached its receiver."""
    db.execute("UPDATE deliveries SET sent_at = ?, error = NULL WHERE id = ?", [to_text(now), delivery.id])
    db.execute("UPDATE receivers SET failures = 0, retry_at = NULL WHERE id = ?", [delivery.receiver])


def record_failure(
    db: Database,
    delivery: Delivery,
    error: str,
    *,
    due_at: datetime | None,
    rest_until: datetime | None,
    now: datetime,
) -> None:
    """It did not: it is tried again at `due_at`, None for never; nothing goes to the receiver before `rest_until`."""
    db.execute(
        """
        UPDATE deliveries SET attempts = attempts + 1, first_tried = coalesce(first_tried, :now), error = :error,
            due_at = coalesce(:due, due_at), given_up_at = iif(:due IS NULL, :now, NULL)
        WHERE id = :id
        """,
        {"id": delivery.id, "error": error, "due": _text(due_at), "now": to_text(now)},
    )
    if rest_until is not None:
        db.execute(
            "UPDATE receivers SET failures = failures + 1, retry_at = ? WHERE id = ?",
            [to_text(rest_until), delivery.receiver],
        )


def take_out(db: Database, delivery: Delivery, stories: Iterable[StoryId]) -> None:
    """These are not to be sent after all: the receiver does not know them. What holds nothing any more is gone."""
    db.conn.executemany(
        "DELETE FROM told WHERE receiver = ? AND story = ?", [(delivery.receiver, story) for story in stories]
    )
    db.execute(
        "DELETE FROM deliveries WHERE id = :id AND NOT EXISTS (SELECT 1 FROM told WHERE delivery = :id)",
        {"id": delivery.id},
    )


def retry(db: Database, receivers: Iterable[str], *, now: datetime) -> int:
    """Try all again now that waits for another try or was given up; returns how many they are."""
    values = {"receivers": json.dumps(list(receivers)), "now": to_text(now)}
    ours = "(SELECT value FROM json_each(:receivers))"
    db.execute(f"UPDATE receivers SET retry_at = NULL, failures = 0 WHERE id IN {ours}", values)
    return db.execute(
        f"""
        UPDATE deliveries SET due_at = :now, given_up_at = NULL, first_tried = NULL, attempts = 0
        WHERE receiver IN {ours} AND sent_at IS NULL AND attempts > 0
        """,
        values,
    ).rowcount


def forget_old(db: Database, *, now: datetime) -> None:
    """Drop the record of what was sent or given up a month ago; who was told of what is kept."""
    before = to_text(now - _KEPT)
    db.execute("DELETE FROM deliveries WHERE sent_at < ? OR given_up_at < ?", [before, before])


def posts(db: Database) -> dict[str, Post]:
    """How it stands with each receiver that the store knows."""
    rows = db.query(
        """
        SELECT receivers.id, failures,
            count(*) FILTER (WHERE sent_at IS NULL AND given_up_at IS NULL AND deliveries.id IS NOT NULL) AS waiting,
            count(given_up_at) AS failed,
            min(max(due_at, coalesce(retry_at, ''))) FILTER (WHERE sent_at IS NULL AND given_up_at IS NULL)
                AS next_due,
            max(sent_at) AS sent_at,
            (SELECT error FROM deliveries WHERE receiver = receivers.id AND error IS NOT NULL
                ORDER BY given_up_at IS NOT NULL, attempts DESC LIMIT 1) AS error
        FROM receivers LEFT JOIN deliveries ON deliveries.receiver = receivers.id
        GROUP BY receivers.id
        """
    )
    return {row["id"]: _post(row) for row in rows}


def _post(row: dict[str, Any]) -> Post:
    return Post(
        waiting=row["waiting"],
        failed=row["failed"],
        next_due=_time(row["next_due"]),
        sent_at=_time(row["sent_at"]),
        failures=row["failures"],
        error=row["error"],
    )


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(
        id=row["id"],
        receiver=row["receiver"],
        stories=tuple(map(StoryId, json.loads(row["stories"]))),
        made_at=from_text(row["made_at"]),
        attempts=row["attempts"],
        first_tried=_time(row["first_tried"]),
        failures=row["failures"],
    )


def _text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _time(text: str | None) -> datetime | None:
    return from_text(text) if text else None
