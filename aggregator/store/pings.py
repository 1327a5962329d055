"""The table of what the own hub is to be told: which published feeds are other than when it was last told."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from aggregator.times import to_text


@dataclass(frozen=True, slots=True)
class Ping:
    """A published feed that the hub does not know as it is now."""

    url: str
    digest: str
    failures: int


def announce(db: Database, digests: Mapping[str, str], *, now: datetime) -> None:
    """These feeds are published so now, by their URLs: the hub is to be told of those that changed.

    In one transaction with the mark of the publication, it is neither lost nor said twice.
    """
    db.conn.executemany(
        """
        INSERT INTO pings (url, digest, next_at) VALUES (:url, :digest, :now)
        ON CONFLICT (url) DO UPDATE SET digest = excluded.digest,
            next_at = CASE WHEN failures THEN next_at ELSE excluded.next_at END
        WHERE digest <> excluded.digest
        """,
        [{"url": url, "digest": digest, "now": to_text(now)} for url, digest in digests.items()],
    )


def due_pings(db: Database, *, now: datetime, limit: int) -> list[Ping]:
    """What the hub is to be told now; what it did not take before goes ahead."""
    query = """
        SELECT url, digest, failures FROM pings WHERE told <> digest AND next_at <= ?
        ORDER BY failures DESC, next_at, url LIMIT ?
    """
    return [
        Ping(row["url"], row["digest"], row["failures"]) for row in db.query(query, [to_text(now), limit])
    ]


def record_told(db: Database, ping: Ping) -> None:
    """The hub took it; what was published meanwhile is still to be told."""
    db.execute(
        "UPDATE pings SET told = ?, failures = 0, problem = NULL WHERE url = ?", [ping.digest, ping.url]
    )


def record_untold(db: Database, ping: Ping, *, problem: str, again_at: datetime) -> None:
    """The hub did not take it."""
    db.execute(
        "UPDATE pings SET failures = failures + 1, problem = ?, next_at = ? WHERE url = ?",
        [problem, to_text(again_at), ping.url],
    )


def hold_pings(db: Database, *, until: datetime) -> None:
    """The hub takes nothing at the moment."""
    db.execute(
        "UPDATE pings SET next_at = :until WHERE told <> digest AND next_at < :until",
        {"until": to_text(until)},
    )


def keep_pings(db: Database, urls: Collection[str]) -> None:
    """Forget all feeds but these: they are not published any more, or there is no hub."""
    db.execute(
        "DELETE FROM pings WHERE url NOT IN (SELECT value FROM json_each(?))", [json.dumps(list(urls))]
    )


def untold(db: Database) -> tuple[int, str | None]:
    """How many feeds the hub is still to be told of, and what was wrong at the last try."""
    (row,) = db.query(
        """
        SELECT count(*) AS count,
            (SELECT problem FROM pings WHERE told <> digest AND failures ORDER BY failures DESC, url) AS problem
        FROM pings WHERE told <> digest
        """
    )
    return row["count"], row["problem"]
