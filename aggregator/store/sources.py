"""The table of sources: what polling has learnt of each, and which are due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlite_utils import Database

from aggregator.model import Failure, FailureKind, Feed, Harvest, SourceId, Validators, Wish
from aggregator.pace import Move, Rhythm
from aggregator.settings import SourceSettings
from aggregator.times import from_text, to_text
from aggregator.url import host, may_be_told

Scope = Literal["due", "all", "force"]


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a source from earlier fetches."""

    id: SourceId
    url: str
    """As configured."""
    address: str
    """Where it is fetched: its URL, or where that has led for good for some time."""
    title: str
    """As configured, else the feed's own, else the id."""
    home: str | None
    validators: Validators
    body_hash: str | None
    next_due_at: datetime | None
    retry_at: datetime | None
    gone_at: datetime | None
    move: Move | None
    fetched_at: datetime | None
    succeeded_at: datetime | None
    rhythm: Rhythm
    wish: Wish
    trackers: int
    """Invisible images that were dropped from its entries."""
    failures: int
    failure_kind: FailureKind | None
    failure_message: str | None


def sync_sources(db: Database, sources: Sequence[SourceSettings]) -> None:
    """Make a row for each configured source; those no longer configured or enabled are never due.

    A source with a new URL starts afresh but keeps its entries.
    """
    known = {
        row["id"]: row
        for row in db.query("SELECT id, url, given_title, active, license, policy, feed FROM sources")
    }
    for source in sources:
        row = known.pop(source.id, None)
        if row is None:
            values = {"id": source.id, "url": source.url, "host": host(source.url)}
            terms = {"license": source.license, "policy": source.policy, "feed": _told(source)}
            db.execute(_NEW, values | terms | {"title": source.title, "active": source.enabled})
            continue
        if row["url"] != source.url:
            db.execute(_NEW_URL, {"id": source.id, "url": source.url, "host": host(source.url)})
        told = (source.title, source.license, source.policy, _told(source))
        if (row["given_title"], row["license"], row["policy"], row["feed"]) != told:
            db.execute(
                "UPDATE sources SET given_title = ?, license = ?, policy = ?, feed = ? WHERE id = ?",
                [*told, source.id],
            )
            # Where it was not told, by an earlier version, no page is another for it
            if (row["given_title"], row["license"], row["policy"]) != told[:3] or row["feed"]:
                _touch_stories(db, source.id)
        if bool(row["active"]) != source.enabled:
            db.execute("UPDATE sources SET active = ? WHERE id = ?", [source.enabled, source.id])
    for id, row in known.items():
        if row["active"]:
            db.execute(_REMOVED, [id])


def _told(source: SourceSettings) -> str | None:
    return source.url if may_be_told(source.url) and not source.headers else None


def due_sources(db: Database, scope: Scope, *, now: datetime) -> list[SourceState]:
    """The enabled sources that a pass of this scope fetches, the longest overdue first.

    `due`: those whose time has come; `all`: every one that is not gone or told to wait; `force`: every
    one.
    """
    rows = db.query(
        f"SELECT * FROM sources WHERE active AND {_SCOPES[scope]} ORDER BY next_due_at, id",
        _instants(now) if scope != "force" else {},
    )
    return [_state(row) for row in rows]


def is_any_due(db: Database, *, now: datetime) -> bool:
    """Whether a pass would find a source that is due."""
    query = f"SELECT EXISTS (SELECT 1 FROM sources WHERE active AND {_SCOPES['due']}) AS found"
    (row,) = db.query(query, _instants(now))
    return bool(row["found"])


def source_states(db: Database, ids: Iterable[str] | None = None) -> dict[SourceId, SourceState]:
    """The state of all sources, or of those named, by id."""
    if ids is None:
        rows = db.query("SELECT * FROM sources ORDER BY id")
    else:
        rows = db.query(
            "SELECT * FROM sources WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            [json.dumps(list(ids))],
        )
    return {SourceId(row["id"]): _state(row) for row in rows}


def record_success(
    db: Database, harvest: Harvest, *, due: datetime, rhythm: Rhythm, address: str, move: Move | None
) -> None:
    """A fetch went well: the validators to send next, where and when, and that nothing is wrong any more."""
    feed = harvest.feed
    db.execute(
        _SUCCESS,
        {
            "id": harvest.source,
            "now": to_text(harvest.fetched_at),
            "due": to_text(due),
            "etag": harvest.validators.etag,
            "last_modified": harvest.validators.last_modified,
            "body_hash": harvest.body_hash,
            "address": address,
            "host": host(address),
            "moved_to": move.to if move else None,
            "moved_since": to_text(move.since) if move else None,
            "moves": move.times if move else 0,
            "gap": rhythm.gap.total_seconds() if rhythm.gap is not None else None,
            "newest": to_text(rhythm.newest) if rhythm.newest else None,
        },
    )
    if harvest.outcome == "fetched":
        _describe(db, harvest.source, feed)


def record_window(db: Database, source: SourceId, entries: Iterable[int]) -> None:
    """Remember which entries the source's document holds now: these are not removed for their age."""
    db.execute(
        """
        UPDATE sources SET window = ?, backlog = coalesce(backlog, (SELECT coalesce(max(id), 0) FROM entries))
        WHERE id = ?
        """,
        [json.dumps(sorted(entries)), source],
    )


def record_failure(
    db: Database,
    source: SourceId,
    failure: Failure,
    *,
    due: datetime,
    failures: int,
    address: str,
    now: datetime,
) -> None:
    """A fetch came to nothing: why, how often in a row, and where and when to try again."""
    db.execute(
        """
        UPDATE sources SET fetched_at = :now, next_due_at = :due, failures = :failures, retry_at = :retry,
            address = :address, host = :host, failure_kind = :kind, failure_message = :message,
            gone_at = CASE WHEN :kind = 'gone' THEN coalesce(gone_at, :now) ELSE gone_at END
        WHERE id = :id
        """,
        {
            "id": source,
            "now": to_text(now),
            "due": to_text(due),
            "failures": failures,
            "address": address,
            "host": host(address),
            "retry": to_text(failure.retry_at) if failure.retry_at else None,
            "kind": failure.kind,
            "message": failure.message,
        },
    )


def leave_alone(db: Database, name: str, *, until: datetime) -> None:
    """No source of this host is asked before then."""
    db.execute(
        """
        UPDATE sources SET retry_at = max(coalesce(retry_at, ''), :until), next_due_at = max(next_due_at, :until)
        WHERE host = :host
        """,
        {"host": name, "until": to_text(until)},
    )


def resting_hosts(db: Database, names: Iterable[str], *, now: datetime) -> dict[str, datetime]:
    """Those of these hosts that want to be left alone, and until when."""
    rows = db.query(
        """
        SELECT host, max(retry_at) AS until FROM sources
        WHERE host IN (SELECT value FROM json_each(?)) AND retry_at > ? GROUP BY host
        """,
        [json.dumps(list(names)), to_text(now)],
    )
    return {row["host"]: from_text(row["until"]) for row in rows}


def ask_soon(db: Database, sources: Iterable[SourceId], *, now: datetime, min_interval: timedelta) -> None:
    """They are due as soon as it is no sooner than a source is asked; one that fails waits as before."""
    db.execute(
        """
        UPDATE sources SET next_due_at = min(next_due_at, max(:now, coalesce(retry_at, ''),
            coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', fetched_at, :wait), '')))
        WHERE id IN (SELECT value FROM json_each(:ids)) AND failures = 0
        """,
        {
            "now": to_text(now),
            "wait": f"+{min_interval.total_seconds():.0f} seconds",
            "ids": json.dumps(list(sources)),
        },
    )


# What was learnt from a clock that ran ahead (a fetch in the future) does not count. `next_due_at` is never
# before `retry_at`. Two selects, since SQLite takes no partial index for an OR
_SCOPES = {
    "due": """id IN (
        SELECT id FROM sources WHERE active AND gone_at IS NULL AND next_due_at <= :now
        UNION ALL SELECT id FROM sources WHERE active AND gone_at IS NULL AND fetched_at > :ahead
    )""",
    "all": "gone_at IS NULL AND (coalesce(retry_at, '') <= :now OR fetched_at > :ahead)",
    "force": "1",
}
_CLOCK_SKEW = timedelta(hours=1)

# A host that rests does so for a source too that is new there
_NEW = """
    INSERT INTO sources (id, url, address, host, given_title, active, license, policy, feed, retry_at,
        next_due_at)
    SELECT :id, :url, :url, :host, :title, :active, :license, :policy, :feed, max(retry_at), coalesce(max(retry_at), '')
    FROM sources WHERE host = :host
"""

_NEW_URL = """
    UPDATE sources SET url = :url, address = :url, host = :host, etag = NULL, last_modified = NULL,
        body_hash = NULL, gone_at = NULL, moved_to = NULL, backlog = NULL,
        hubs = '[]', topic = NULL,
        retry_at = (SELECT max(retry_at) FROM sources WHERE host = :host),
        next_due_at = (SELECT coalesce(max(retry_at), '') FROM sources WHERE host = :host),
        moved_since = NULL, moves = 0, failures = 0, failure_kind = NULL, failure_message = NULL
    WHERE id = :id
"""

# It lists nothing any more; should it come back, it is read anew
_REMOVED = """
    UPDATE sources SET active = 0, window = '[]', etag = NULL, last_modified = NULL, body_hash = NULL,
        backlog = NULL
    WHERE id = ?
"""

_SUCCESS = """
    UPDATE sources SET fetched_at = :now, succeeded_at = :now, next_due_at = :due, etag = :etag,
        last_modified = :last_modified, body_hash = :body_hash, address = :address, host = :host,
        moved_to = :moved_to, moved_since = :moved_since, moves = :moves, gap = :gap,
        newest_at = :newest, retry_at = NULL, gone_at = NULL, failures = 0, failure_kind = NULL,
        failure_message = NULL
    WHERE id = :id
"""


def _describe(db: Database, source: SourceId, feed: Feed) -> None:
    (row,) = db.query("SELECT title, home, rights FROM sources WHERE id = ?", [source])
    if (row["title"], row["home"], row["rights"]) != (feed.title, feed.url, feed.rights):
        _touch_stories(db, source)
    db.execute(
        """
        UPDATE sources SET title = ?, home = ?, language = ?, icon = ?, rights = ?, wish = ?, hubs = ?, topic = ?
        WHERE id = ?
        """,
        [
            *(feed.title, feed.url, feed.language, feed.icon, feed.rights, _wish_text(feed.wish)),
            *(json.dumps(feed.hubs), feed.topic, source),
        ],
    )


def count_trackers(db: Database, source: SourceId, count: int) -> None:
    """So many more were dropped."""
    db.execute("UPDATE sources SET trackers = trackers + ? WHERE id = ?", [count, source])


def _wish_text(wish: Wish) -> str:
    seconds = wish.at_least.total_seconds() if wish.at_least else None
    return json.dumps({"at_least": seconds, "hours": sorted(wish.skip_hours), "days": sorted(wish.skip_days)})


def _wish(text: str) -> Wish:
    known = json.loads(text)
    seconds = known.get("at_least")
    return Wish(
        timedelta(seconds=seconds) if seconds else None,
        frozenset(known.get("hours", ())),
        frozenset(known.get("days", ())),
    )


def _touch_stories(db: Database, source: str) -> None:
    # The name and the rights of a source stand in all that is published of it
    db.execute(
        "UPDATE stories SET version = version + 1 WHERE id IN (SELECT story FROM entries WHERE source = ?)",
        [source],
    )


def _instants(now: datetime) -> dict[str, str]:
    return {"now": to_text(now), "ahead": to_text(now + _CLOCK_SKEW)}


def _time(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _state(row: dict[str, Any]) -> SourceState:
    gap = row["gap"]
    return SourceState(
        id=SourceId(row["id"]),
        url=row["url"],
        address=row["address"],
        title=row["given_title"] or row["title"] or row["id"],
        home=row["home"],
        validators=Validators(row["etag"], row["last_modified"]),
        body_hash=row["body_hash"],
        next_due_at=_time(row["next_due_at"]),
        retry_at=_time(row["retry_at"]),
        gone_at=_time(row["gone_at"]),
        move=Move(row["moved_to"], from_text(row["moved_since"]), row["moves"]) if row["moved_to"] else None,
        fetched_at=_time(row["fetched_at"]),
        succeeded_at=_time(row["succeeded_at"]),
        rhythm=Rhythm(timedelta(seconds=gap) if gap is not None else None, _time(row["newest_at"])),
        wish=_wish(row["wish"]),
        trackers=row["trackers"],
        failures=row["failures"],
        failure_kind=row["failure_kind"],
        failure_message=row["failure_message"],
    )
