"""The table of entries: store, revise, look up, list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from aggregator.model import Correction, Enclosure, Entry, EntryId, Report, SourceId, StoryId
from aggregator.store.traits import insert_traits
from aggregator.story.duplicate import Candidate
from aggregator.story.fingerprint import details
from aggregator.story.grouping import Arrival
from aggregator.text.fold import words
from aggregator.times import from_text, to_text
from aggregator.url import untracked


@dataclass(frozen=True, slots=True)
class Known:
    """A stored entry as a harvest of its source meets it again."""

    id: EntryId
    content_hash: str
    details: tuple[str | None, ...]
    """What it shows beside title and text, as `fingerprint.details` has it."""
    story: StoryId | None
    """None until it is grouped."""


def known_entries(db: Database, source: SourceId, identities: Iterable[str]) -> dict[str, Known]:
    """Those of the identities that the source's stored entries have."""
    rows = db.query(
        """
        SELECT id, identity, content_hash, canonical_url, author, image, enclosures, story FROM entries
        WHERE source = ? AND identity IN (SELECT value FROM json_each(?))
        """,
        [source, json.dumps(list(identities))],
    )
    return {
        row["identity"]: Known(
            EntryId(row["id"]),
            row["content_hash"],
            details(
                row["canonical_url"],
                row["author"],
                (row["image"], *(url for url, *_ in json.loads(row["enclosures"]))),
            ),
            StoryId(row["story"]) or None,
        )
        for row in rows
    }


def duplicate_candidates(db: Database, arrivals: Sequence[Arrival]) -> list[Candidate]:
    """Entries with a story that share a canonical URL or a text with one of these."""
    urls = json.dumps([arrival.canonical_url for arrival in arrivals if arrival.canonical_url])
    texts = json.dumps([arrival.text_hash for arrival in arrivals if arrival.text_hash])
    columns = "id, source, dated, title, canonical_url, text_hash, duplicate_of"
    rows = db.query(
        f"""
        SELECT {columns} FROM entries
            WHERE canonical_url IN (SELECT value FROM json_each(?)) AND story != ''
        UNION
        SELECT {columns} FROM entries WHERE text_hash IN (SELECT value FROM json_each(?)) AND story != ''
        """,
        [urls, texts],
    )
    return [Candidate(**(row | {"dated": from_text(row["dated"])})) for row in rows]


def insert_entry(
    db: Database,
    entry: Entry,
    *,
    source: SourceId,
    now: datetime,
    assumed: datetime | None = None,
) -> EntryId:
    """Store a new entry, first seen `now`; it belongs to no story until it is grouped.

    `assumed`: when it is taken to be from if its publisher does not say; by default `now`.
    Full-text search finds it after `index_entries`.
    """
    cursor = db.execute(
        _INSERT,
        {
            **_columns(entry),
            "source": source,
            "identity": entry.identity,
            "dated": to_text(dated(entry.published or assumed, now)),
            "first_seen": to_text(now),
        },
    )
    id = EntryId(int(cursor.lastrowid or 0))
    insert_traits(db, id, entry.profile, entry.sketch)
    return id


def index_entries(db: Database, ids: Iterable[EntryId]) -> None:
    """Let full-text search find new entries: all of a harvest at once takes half the time of one by one."""
    db.execute(
        """
        INSERT INTO entries_fts (rowid, title, text)
        SELECT id, title, text FROM entries WHERE id IN (SELECT value FROM json_each(?))
        """,
        [json.dumps(list(ids))],
    )


def revise_entry(db: Database, id: EntryId, entry: Entry, *, now: datetime) -> None:
    """Put the entry's new text in place of the old one, which is kept as a revision."""
    db.execute(
        """
        INSERT INTO revisions (entry, replaced_at, title, text)
        SELECT id, ?, title, text FROM entries WHERE id = ?
        """,
        [to_text(now), id],
    )
    db.execute(_REVISE, {**_columns(entry), "id": id, "now": to_text(now)})
    insert_traits(db, id, entry.profile, entry.sketch)


def amend_entry(db: Database, id: EntryId, entry: Entry) -> None:
    """Take over what the entry shows beside title and text."""
    db.execute(_AMEND, {**_columns(entry), "id": id})


def story_of(db: Database, entry: EntryId) -> StoryId:
    """The story of an entry that was grouped."""
    ((story,),) = db.execute("SELECT story FROM entries WHERE id = ?", [entry]).fetchall()
    return StoryId(story)


def origin_of(db: Database, entry: EntryId) -> tuple[SourceId, str]:
    """The source of an entry, and what it is known by there."""
    ((source, identity),) = db.execute(
        "SELECT source, identity FROM entries WHERE id = ?", [entry]
    ).fetchall()
    return SourceId(source), identity


def stored_texts(db: Database, entries: Sequence[EntryId]) -> dict[EntryId, str]:
    """The text of each entry."""
    rows = db.query(
        "SELECT id, text FROM entries WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(entries)]
    )
    return {EntryId(row["id"]): row["text"] for row in rows}


def promote(db: Database, copies: Sequence[int]) -> None:
    """Make the first of these copies of one entry the original of the others."""
    db.execute(
        "UPDATE entries SET duplicate_of = nullif(?, id) WHERE id IN (SELECT value FROM json_each(?))",
        [copies[0], json.dumps(copies)],
    )


def dated(published: datetime | None, first_seen: datetime) -> datetime:
    """The time an entry is ordered by: its publisher's date, unless missing or later than we saw it."""
    return min(published, first_seen) if published else first_seen


def reports(db: Database, stories: Iterable[StoryId]) -> dict[StoryId, list[Report]]:
    """The reports of each story, oldest first."""
    rows = db.query(
        """
        SELECT entries.*, coalesce(sources.given_title, sources.title, entries.source) AS source_title,
            sources.home AS source_url, sources.feed AS source_feed,
            coalesce(sources.license, sources.rights) AS rights, sources.policy
        FROM entries LEFT JOIN sources ON sources.id = entries.source
        WHERE story IN (SELECT value FROM json_each(?))
        ORDER BY story, dated, entries.source, entries.id
        """,
        [json.dumps(list(stories))],
    )
    found: dict[StoryId, list[Report]] = {}
    for row in rows:
        found.setdefault(StoryId(row["story"]), []).append(_report(row))
    return found


def corrections(db: Database, stories: Iterable[StoryId]) -> dict[StoryId, list[Correction]]:
    """The headlines of each story's reports that their sources changed, oldest first; not how they are spelt."""
    rows = db.query(
        """
        SELECT entries.story, revisions.entry, revisions.replaced_at, revisions.title AS old,
            coalesce(lead(revisions.title) OVER (PARTITION BY revisions.entry ORDER BY revisions.id), entries.title)
                AS new,
            coalesce(sources.given_title, sources.title, entries.source) AS source
        FROM entries JOIN revisions ON revisions.entry = entries.id LEFT JOIN sources ON sources.id = entries.source
        WHERE story IN (SELECT value FROM json_each(?))
        ORDER BY revisions.replaced_at, revisions.id
        """,
        [json.dumps(list(stories))],
    )
    found: dict[StoryId, list[Correction]] = {}
    for row in rows:
        if words(row["old"]) != words(row["new"]):
            correction = Correction(
                EntryId(row["entry"]), row["source"], from_text(row["replaced_at"]), row["old"], row["new"]
            )
            found.setdefault(StoryId(row["story"]), []).append(correction)
    return found


def list_entries(
    db: Database, *, source: str | None = None, story: str | None = None, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Stored entries as the contract lists them, the newest first."""
    return db.query(
        f"""
        SELECT id, source, guid, url, canonical_url, title, published, updated, first_seen, language, kind,
            duplicate_of, story
        FROM entries
        WHERE {"source = :source" if source else "1"} AND {"story = :story" if story else "1"}
        ORDER BY dated DESC, id DESC LIMIT :limit
        """,
        {"source": source, "story": story, "limit": -1 if limit is None else limit},
    )


def _columns(entry: Entry) -> dict[str, object]:
    return {
        "guid": entry.guid,
        "url": entry.url,
        "canonical_url": entry.canonical_url,
        "title": entry.title,
        "author": entry.author,
        "published": to_text(entry.published) if entry.published else None,
        "updated": to_text(entry.updated) if entry.updated else None,
        "language": entry.language,
        "kind": entry.kind,
        "content": entry.content,
        "text": entry.text,
        "text_hash": entry.text_hash,
        "content_hash": entry.content_hash,
        "categories": json.dumps(entry.categories, ensure_ascii=False) if entry.categories else "[]",
        "enclosures": json.dumps([astuple(part) for part in entry.enclosures]),
        "image": entry.image,
    }


_INSERT = """
    INSERT INTO entries (source, identity, guid, url, canonical_url, title, author, published, updated, dated,
        first_seen, language, kind, content, text, text_hash, content_hash, categories, enclosures, image,
        story)
    VALUES (:source, :identity, :guid, :url, :canonical_url, :title, :author, :published, :updated, :dated,
        :first_seen, :language, :kind, :content, :text, :text_hash, :content_hash, :categories, :enclosures,
        :image, '')
"""

_AMEND = """
    UPDATE entries SET url = :url, canonical_url = :canonical_url, author = :author, enclosures = :enclosures,
        image = :image
    WHERE id = :id
"""

_REVISE = """
    UPDATE entries SET url = :url, canonical_url = :canonical_url, title = :title, author = :author,
        updated = :updated, language = :language, content = :content, text = :text, text_hash = :text_hash,
        content_hash = :content_hash, categories = :categories, enclosures = :enclosures, image = :image,
        revised_at = :now
    WHERE id = :id
"""


def _report(row: dict[str, Any]) -> Report:
    return Report(
        entry=EntryId(row["id"]),
        source=SourceId(row["source"]),
        source_title=row["source_title"],
        source_url=row["source_url"],
        source_feed=row["source_feed"],
        title=row["title"],
        url=untracked(row["url"]) if row["url"] else None,
        author=row["author"],
        published=from_text(row["dated"]),
        revised_at=from_text(row["revised_at"]) if row["revised_at"] else None,
        language=row["language"],
        kind=row["kind"],
        duplicate_of=row["duplicate_of"],
        text=row["text"],
        content=row["content"],
        categories=tuple(json.loads(row["categories"])),
        enclosures=tuple(Enclosure(*part) for part in json.loads(row["enclosures"])),
        image=row["image"],
        rights=row["rights"],
        policy=row["policy"],
        withdrawn_at=from_text(row["withdrawn_at"]) if row["withdrawn_at"] else None,
    )
