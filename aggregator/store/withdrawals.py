"""Entries that their source took back: gone from its document while older ones are still in it."""

from __future__ import annotations

import json
from collections.abc import Set
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import EntryId, SourceId, StoryId
from aggregator.times import to_text


def note_withdrawn(
    db: Database, source: SourceId, present: Set[EntryId], *, is_in_order: bool, now: datetime
) -> list[StoryId]:
    """Compare a document's entries with those of the one before it; returns the stories with a report that changed.

    An entry is withdrawn when two documents in a row lack it that list their entries by date (`is_in_order`) and have
    older ones. One that comes back is so no more.
    """
    ((window, missing),) = db.execute("SELECT window, missing FROM sources WHERE id = ?", [source]).fetchall()
    before = set(json.loads(missing))
    absent = (before | set(json.loads(window))) - present if is_in_order else set()
    lacking = _lacking(db, absent, present) if absent else set()
    doubted = lacking - before
    if doubted != before:
        db.execute("UPDATE sources SET missing = ? WHERE id = ?", [json.dumps(sorted(doubted)), source])
    back = db.execute(
        "SELECT id FROM entries WHERE id IN (SELECT value FROM json_each(?)) AND withdrawn_at IS NOT NULL",
        [json.dumps(sorted(present))],
    ).fetchall()
    return [*_mark(db, lacking & before, to_text(now)), *_mark(db, {id for (id,) in back}, None)]


def _lacking(db: Database, absent: Set[int], present: Set[int]) -> set[int]:
    """Those of the absent entries that are not withdrawn yet, and newer than the oldest that is present.

    Not those that are present under another guid: with the same address or text, or as what grouping found a copy.
    """
    rows = db.execute(
        """
        WITH here AS (SELECT * FROM entries WHERE id IN (SELECT value FROM json_each(:present)))
        SELECT id FROM entries WHERE id IN (SELECT value FROM json_each(:absent)) AND withdrawn_at IS NULL
            AND dated > (SELECT min(dated) FROM here)
            AND NOT EXISTS (
                SELECT 1 FROM here WHERE here.canonical_url = entries.canonical_url
                    OR here.text_hash = entries.text_hash
                    OR coalesce(here.duplicate_of, here.id) = coalesce(entries.duplicate_of, entries.id)
            )
        """,
        {"absent": json.dumps(sorted(absent)), "present": json.dumps(sorted(present))},
    )
    return {id for (id,) in rows}


def _mark(db: Database, entries: Set[int], at: str | None) -> list[StoryId]:
    if not entries:
        return []
    rows = db.query(
        """
        UPDATE entries SET withdrawn_at = ? WHERE id IN (SELECT value FROM json_each(?)) RETURNING story
        """,
        [at, json.dumps(sorted(entries))],
    )
    return sorted({StoryId(row["story"]) for row in rows} - {StoryId("")})
