"""The tables of what grouping compares entries by, and of why it put each into its story."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from aggregator.model import EntryId, Profile, SourceId, StoryId
from aggregator.story.grouping import Arrival
from aggregator.story.likeness import Evidence
from aggregator.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class Placed:
    """An original entry of the window and the story that holds it."""

    arrival: Arrival
    story: StoryId
    is_fixed: bool
    vector: bytes | None


def insert_traits(db: Database, entry: EntryId, profile: Profile, sketch: bytes) -> None:
    """Keep what a new entry is compared by."""
    parts = [dict(profile.words), dict(profile.names), dict(profile.numbers), profile.length]
    db.execute(
        "INSERT OR REPLACE INTO traits (entry, profile, sketch) VALUES (?, ?, ?)",
        [entry, json.dumps(parts, ensure_ascii=False, separators=(",", ":")), sketch],
    )


def keep_vectors(db: Database, space: str, vectors: Iterable[tuple[EntryId, bytes]]) -> None:
    """Keep the sentence vectors of entries. `space`: whose they are; those of two spaces are never compared."""
    db.conn.executemany(
        "UPDATE traits SET space = ?, vector = ? WHERE entry = ?",
        [(space, vector, entry) for entry, vector in vectors],
    )


def ungrouped(db: Database, *, limit: int) -> list[Arrival]:
    """The entries that have no story yet, in the order in which they are to be grouped."""
    return [_arrival(row) for row in db.query(_UNGROUPED, {"limit": limit})]


def oldest_ungrouped(db: Database) -> datetime | None:
    """The date of the first entry that has no story yet."""
    ((dated,),) = db.execute("SELECT min(dated) FROM entries WHERE story = ''").fetchall()
    return from_text(dated) if dated else None


def placed(db: Database, *, since: datetime, space: str | None) -> Iterator[Placed]:
    """The originals dated since then, with their stories, oldest first; vectors of this space only."""
    for row in db.query(_PLACED, {"since": to_text(since)}):
        yield Placed(
            _arrival(row),
            StoryId(row["story"]),
            is_fixed=bool(row["is_fixed"]),
            vector=row["vector"] if row["space"] == space else None,
        )


def keep_evidence(db: Database, entry: EntryId, closest: EntryId, evidence: Evidence) -> None:
    """Keep why an entry joined its story."""
    parts = {
        name: round(part, 3) if isinstance(part, float) else part for name, part in asdict(evidence).items()
    }
    db.execute(
        "INSERT OR REPLACE INTO evidence (entry, closest, parts) VALUES (?, ?, ?)",
        [entry, closest, json.dumps(parts, ensure_ascii=False)],
    )


def evidence_of(db: Database, story: StoryId) -> dict[EntryId, tuple[EntryId, Evidence]]:
    """Of the entries that joined the story: the entry each was closest to, and why."""
    rows = db.query(
        """
        SELECT evidence.entry, closest, parts FROM entries CROSS JOIN evidence ON evidence.entry = entries.id
        WHERE entries.story = ?
        """,
        [story],
    )
    return {
        EntryId(row["entry"]): (EntryId(row["closest"]), _evidence(json.loads(row["parts"]))) for row in rows
    }


def forget_traits(db: Database, *, before: datetime) -> None:
    """Drop what is known of entries that are too old to attract others."""
    db.execute(
        """
        DELETE FROM traits WHERE entry IN (
            SELECT traits.entry FROM traits JOIN entries ON entries.id = traits.entry
            WHERE entries.dated < ? AND entries.story != ''
        )
        """,
        [to_text(before)],
    )


_COLUMNS = """entries.id, entries.source, identity, dated, title, language, canonical_url, text_hash,
    coalesce(profile, '[{},{},{},0]') AS profile, coalesce(sketch, x'') AS sketch"""

_UNGROUPED = f"""
    SELECT {_COLUMNS} FROM entries LEFT JOIN traits ON traits.entry = entries.id
    WHERE entries.story = '' ORDER BY dated, entries.source, identity LIMIT :limit
"""

_PLACED = f"""
    SELECT {_COLUMNS}, entries.story, space, vector,
        stories.pinned OR stories.hidden OR stories.headline IS NOT NULL OR stories.is_edited AS is_fixed
    FROM entries CROSS JOIN traits ON traits.entry = entries.id
        CROSS JOIN stories ON stories.id = entries.story
    WHERE dated >= :since AND duplicate_of IS NULL
    ORDER BY dated, entries.source, identity
"""


def _arrival(row: dict[str, Any]) -> Arrival:
    words, names, numbers, length = json.loads(row["profile"])
    return Arrival(
        entry=EntryId(row["id"]),
        source=SourceId(row["source"]),
        identity=row["identity"],
        dated=from_text(row["dated"]),
        title=row["title"],
        language=row["language"],
        canonical_url=row["canonical_url"],
        text_hash=row["text_hash"],
        profile=Profile(tuple(words.items()), tuple(names.items()), tuple(numbers.items()), length),
        sketch=row["sketch"],
    )


def _evidence(parts: dict[str, Any]) -> Evidence:
    shared: Sequence[str] = parts.pop("shared")
    return Evidence(**parts, shared=tuple(shared))
