"""Small facts about the store itself, and the record of passes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from aggregator.errors import PublishError
from aggregator.story.grouping import Held
from aggregator.times import to_text

PUBLISHED_INTO = "published_into"
"""The name under which it is kept where the published files stand that are known."""
_PASSES_KEPT = 100
_WINDOW = "window"
_UNPUBLISHED = "unpublished"


def read_meta(db: Database, name: str) -> str | None:
    """The value kept under this name."""
    rows = list(db.query("SELECT value FROM meta WHERE name = ?", [name]))
    return rows[0]["value"] if rows else None


def write_meta(db: Database, name: str, value: str) -> None:
    """Keep a value under this name."""
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", [name, value])


def record_pass(db: Database, summary: Mapping[str, object], *, started_at: datetime) -> None:
    """Keep what a pass did; the oldest are forgotten."""
    db.execute(
        "INSERT INTO passes (started_at, summary) VALUES (?, ?)", [to_text(started_at), json.dumps(summary)]
    )
    db.execute("DELETE FROM passes WHERE id <= (SELECT max(id) FROM passes) - ?", [_PASSES_KEPT])


def last_passes(db: Database, limit: int) -> Iterator[dict[str, Any]]:
    """The last passes, the newest first: when each started, and its summary."""
    for row in db.query("SELECT started_at, summary FROM passes ORDER BY id DESC LIMIT ?", [limit]):
        yield {"started_at": row["started_at"], **json.loads(row["summary"])}


def record_window(db: Database, held: Held, *, warning: str | None, at: datetime) -> None:
    """Keep what the last grouping held in memory, and what it warns of."""
    write_meta(db, _WINDOW, json.dumps({"at": to_text(at), **asdict(held), "warning": warning}))


def last_window(db: Database) -> dict[str, Any] | None:
    """What `record_window` kept last."""
    text = read_meta(db, _WINDOW)
    return json.loads(text) if text else None


def note_unpublished(db: Database, error: PublishError, *, now: datetime) -> None:
    """Keep why nothing can be published, and since when: since the first failure after the last success."""
    before = unpublished(db)
    since = before["since"] if before else to_text(now)
    trouble = {"since": since, "error": error.message, "advice": error.hint}
    if trouble != before:
        write_meta(db, _UNPUBLISHED, json.dumps(trouble))


def forget_unpublished(db: Database) -> None:
    """All was published: there is nothing to tell of any more."""
    db.execute("DELETE FROM meta WHERE name = ?", [_UNPUBLISHED])


def unpublished(db: Database) -> dict[str, Any] | None:
    """What `note_unpublished` kept: `since`, `error`, `advice`; None where the last publication succeeded."""
    text = read_meta(db, _UNPUBLISHED)
    return json.loads(text) if text else None
