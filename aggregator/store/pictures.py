"""The picture of each story that has one: where its lead report shows it, and the copy that pages show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import StoryId
from aggregator.times import to_text


def want_pictures(db: Database, wanted: Mapping[StoryId, str]) -> None:
    """Pages of these stories would show the picture at this address; another one than before is to be fetched."""
    db.conn.executemany(
        """
        INSERT INTO pictures (story, url) VALUES (?, ?)
        ON CONFLICT (story) DO UPDATE SET url = excluded.url, file = NULL, tries = 0, retry_at = NULL
        WHERE url != excluded.url
        """,
        list(wanted.items()),
    )


def pictures_of(db: Database, stories: Iterable[StoryId]) -> dict[StoryId, str]:
    """The files of those stories whose picture is here."""
    rows = db.query(
        "SELECT story, file FROM pictures WHERE file IS NOT NULL AND story IN (SELECT value FROM json_each(?))",
        [json.dumps(list(stories))],
    )
    return {StoryId(row["story"]): row["file"] for row in rows}


def due_pictures(db: Database, *, now: datetime, tries: int, limit: int) -> dict[StoryId, str]:
    """The addresses of pictures that are to be fetched now: those not tried so often yet, the newest first."""
    rows = db.query(
        """
        SELECT story, url FROM pictures
        WHERE file IS NULL AND tries < ? AND coalesce(retry_at, '') <= ? ORDER BY tries, rowid DESC LIMIT ?
        """,
        [tries, to_text(now), limit],
    )
    return {StoryId(row["story"]): row["url"] for row in rows}


def keep_picture(db: Database, url: str, file: str) -> None:
    """The picture at this address is here: the pages that show it are no longer as they should be."""
    db.execute(
        """
        UPDATE stories SET version = version + 1
        WHERE id IN (SELECT story FROM pictures WHERE url = ? AND file IS NULL)
        """,
        [url],
    )
    db.execute("UPDATE pictures SET file = ? WHERE url = ?", [file, url])


def miss_picture(db: Database, url: str, *, retry_at: datetime) -> None:
    """The picture at this address could not be had."""
    db.execute("UPDATE pictures SET tries = tries + 1, retry_at = ? WHERE url = ?", [to_text(retry_at), url])


def forget_pictures(db: Database, *, all: bool = False) -> set[str]:
    """Forget the pictures of stories that are gone, or `all`; returns the files that are still of use."""
    db.execute(
        "DELETE FROM pictures WHERE ? OR story NOT IN (SELECT id FROM stories WHERE merged_into IS NULL)",
        [all],
    )
    return {row["file"] for row in db.query("SELECT file FROM pictures WHERE file IS NOT NULL")}
