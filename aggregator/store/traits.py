"""The tables of what grouping compares entries by, and of why it put each into its story."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json
from sqlite_utils import Database

from aggregator.model import EntryId, Profile, SourceId, StoryId
from aggregator.story.grouping import Arrival
from aggregator.story.likeness import Evidence
from aggregator.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class Standing:
    """A story as grouping sees it."""

    story: StoryId
    began: datetime
    """The pass that made it."""
    is_fixed: bool
    """An editor had the last word on what belongs to it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An original entry that was grouped, its profile only where its story is in the window."""

    arrival: Arrival
    standing: Standing | None
    """The story that holds it, None where that is too old to take new entries."""
    vector: bytes | None


def insert_traits(db: Database, entry: EntryId, profile: Profile, sketch: bytes) -> None:
    """Keep what a new entry is compared by."""
    parts = [dict(profile.words), dict(profile.names), dict(profile.numbers), profile.length]
    db.execute(
        "INSERT OR REPLACE INTO traits (entry, profile, sketch) VALUES (?, ?, ?)",
        [entry, to_json(parts).decode(), sketch],
    )


def keep_vectors(db: Database, space: str, vectors: Iterable[tuple[EntryId, bytes]]) -> None:
    """Keep the sentence vectors of entries. `space`: whose they are; those of two spaces are never compared."""
    db.conn.executemany(
        "UPDATE traits SET space = ?, vector = ? WHERE entry = ?",
        [(space, vector, entry) for entry, vector in vectors],
    )


def ungrouped(db: Database, *, limit: int) -> list[Arrival]:
    """The entries that have no story yet, in the order in which they are to be grouped."""
    return [_arrival(row) for row in db.conn.execute(_UNGROUPED, {"limit": limit})]


def backlog(db: Database) -> tuple[int, datetime | None]:
    """How many entries have no story yet, and the date of the first of them."""
    ((count, dated),) = db.execute("SELECT count(*), min(dated) FROM entries WHERE story = ''").fetchall()
    return count, from_text(dated) if dated else None


def placed(db: Database, *, since: datetime, updated_since: datetime, space: str | None) -> Iterator[Placed]:
    """The originals dated since then, oldest first; with all that is known of those in stories updated since.

    Vectors of this space only.
    """
    wanted = {"since": to_text(since), "updated": to_text(updated_since), "space": space}
    for *columns, story, began, is_fixed, is_live, vector in db.conn.execute(_PLACED, wanted):
        yield Placed(
            _arrival(columns),
            Standing(StoryId(story), from_text(began), bool(is_fixed)) if is_live else None,
            vector,
        )


def standing(db: Database, story: StoryId) -> Standing:
    """A story that is there, as grouping sees it."""
    ((began, is_fixed),) = db.execute(
        f"SELECT created_at, {_IS_FIXED} FROM stories WHERE id = ?", [story]
    ).fetchall()
    return Standing(story, from_text(began), bool(is_fixed))


def join_story(db: Database, story: StoryId, *, dated: datetime) -> bool:
    """Let an entry of this date into a story that stands for itself; False where there is none."""
    return bool(db.conn.execute(_JOIN, {"id": story, "at": to_text(dated)}).rowcount)


def without_vector(db: Database, space: str, *, since: datetime, limit: int) -> list[Arrival]:
    """The originals dated since then that were grouped without a vector of this space, the newest first."""
    rows = db.conn.execute(_WITHOUT_VECTOR, {"space": space, "since": to_text(since), "limit": limit})
    return [_arrival(row) for row in rows]


def keep_evidence(db: Database, entry: EntryId, closest: EntryId, evidence: Evidence) -> None:
    """Keep why an entry joined its story."""
    values = ((name, getattr(evidence, name)) for name in Evidence.__dataclass_fields__)
    parts = {name: round(part, 3) if isinstance(part, float) else part for name, part in values}
    db.execute(
        "INSERT OR REPLACE INTO evidence (entry, closest, parts) VALUES (?, ?, ?)",
        [entry, closest, to_json(parts).decode()],
    )


def forget_evidence(db: Database, entries: Sequence[EntryId]) -> None:
    """Drop why entries joined a story that they left."""
    db.conn.executemany("DELETE FROM evidence WHERE entry = ?", [(entry,) for entry in entries])


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
        EntryId(row["entry"]): (EntryId(row["closest"]), _evidence(from_json(row["parts"]))) for row in rows
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


_NO_PROFILE = "[{},{},{},0]"

_COLUMNS = f"""entries.id, entries.source, identity, dated, title, language, canonical_url, text_hash,
    coalesce(profile, '{_NO_PROFILE}'), coalesce(sketch, x'')"""

_UNGROUPED = f"""
    SELECT {_COLUMNS} FROM entries LEFT JOIN traits ON traits.entry = entries.id
    WHERE entries.story = '' ORDER BY dated, entries.source, identity LIMIT :limit
"""

_IS_FIXED = "stories.pinned OR stories.hidden OR stories.headline IS NOT NULL OR stories.is_edited"

_PLACED = f"""
    SELECT entries.id, entries.source, identity, dated, title, language, canonical_url, text_hash,
        CASE WHEN stories.updated >= :updated THEN profile ELSE '{_NO_PROFILE}' END, sketch,
        entries.story, stories.created_at, {_IS_FIXED}, stories.updated >= :updated,
        CASE WHEN space = :space THEN vector END
    FROM entries CROSS JOIN traits ON traits.entry = entries.id
        CROSS JOIN stories ON stories.id = entries.story
    WHERE dated >= :since AND duplicate_of IS NULL
    ORDER BY dated, entries.source, identity
"""

_JOIN = """
    UPDATE stories SET first_published = min(first_published, :at), updated = max(updated, :at),
        version = version + 1
    WHERE id = :id AND merged_into IS NULL
"""

_WITHOUT_VECTOR = f"""
    SELECT {_COLUMNS} FROM entries CROSS JOIN traits ON traits.entry = entries.id
    WHERE dated >= :since AND duplicate_of IS NULL AND entries.story != '' AND space IS NOT :space
    ORDER BY dated DESC, entries.id DESC LIMIT :limit
"""


def _arrival(row: Sequence[Any]) -> Arrival:
    entry, source, identity, dated, title, language, canonical_url, text_hash, profile, sketch = row
    words, names, numbers, length = from_json(profile)
    return Arrival(
        entry=EntryId(entry),
        source=SourceId(source),
        identity=identity,
        dated=from_text(dated),
        title=title,
        language=language,
        canonical_url=canonical_url,
        text_hash=text_hash,
        profile=Profile(tuple(words.items()), tuple(names.items()), tuple(numbers.items()), length),
        sketch=sketch,
    )


def _evidence(parts: dict[str, Any]) -> Evidence:
    shared: Sequence[str] = parts.pop("shared")
    return Evidence(**parts, shared=tuple(shared))
