"""Which entries each topic's rule selects, and with which words."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import Entry, EntryId, SourceId, StoryId, TopicId
from aggregator.store.migrations import TOKENIZER
from aggregator.times import from_text, to_text
from aggregator.topic.rule import Rule

_START, _END = "\x02", "\x03"
_MARKED = re.compile(f"{_START}(.*?){_END}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that a query selects."""

    entry: EntryId
    words: tuple[str, ...]
    """The words of the entry that matched, as they stand in it."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A story that a topic holds."""

    id: StoryId
    updated: datetime
    version: int
    pinned: bool
    sources: int
    """How many independent sources carry it: copies are none."""


def match_new(
    db: Database, rules: Sequence[Rule], arrivals: Sequence[tuple[EntryId, SourceId, Entry]]
) -> None:
    """Record which rules select the new or revised entries; what they selected before is forgotten.

    The entries stand in a small index of their own, so that a query costs the same however large the
    store has grown.
    """
    if not rules or not arrivals:
        return
    origins = {id: (source, entry.language) for id, source, entry in arrivals}
    db.conn.executemany("DELETE FROM matches WHERE entry = ?", [(id,) for id in origins])
    db.execute(_ARRIVALS)
    # Taking the insertion back is twice as fast as deleting, which would read every text again
    db.execute("SAVEPOINT arrivals")
    db.conn.executemany(
        "INSERT INTO temp.arrivals (rowid, title, text) VALUES (?, ?, ?)",
        [(id, entry.title, entry.text) for id, _, entry in arrivals],
    )
    found = {
        rule.topic: [
            match
            for match in _query(db, "temp.arrivals", "arrivals", rule.query)
            if rule.admits(*origins[match.entry])
        ]
        for rule in rules
    }
    db.execute("ROLLBACK TO arrivals")
    db.execute("RELEASE arrivals")
    for topic, matches in found.items():
        _record(db, topic, matches)


def sync_topics(db: Database, rules: Sequence[Rule]) -> list[TopicId]:
    """Match the whole store anew for each topic whose rule is new or changed; their ids.

    Then every topic is to be published again: a story's page names all topics that hold it.
    """
    known = {row["id"]: row["rule"] for row in db.query("SELECT id, rule FROM topics")}
    changed = [rule for rule in rules if known.get(rule.topic) != rule.signature]
    for rule in changed:
        db.execute("DELETE FROM matches WHERE topic = ?", [rule.topic])
        _record(db, rule.topic, search(db, rule))
        db.execute(
            """
            INSERT INTO topics (id, rule) VALUES (?, ?)
            ON CONFLICT (id) DO UPDATE SET rule = excluded.rule
            """,
            [rule.topic, rule.signature],
        )
    gone = known.keys() - {rule.topic for rule in rules}
    for topic in gone:
        db.execute("DELETE FROM matches WHERE topic = ?", [topic])
        db.execute("DELETE FROM topics WHERE id = ?", [topic])
    if changed or gone:
        db.execute("UPDATE topics SET published = NULL")
    return [rule.topic for rule in changed]


def search(db: Database, rule: Rule) -> Iterator[Match]:
    """The stored entries that a rule selects. Raises ValueError when its query is no FTS5."""
    for match in _query(db, "entries_fts", "entries_fts", rule.query):
        origin = db.execute("SELECT source, language FROM entries WHERE id = ?", [match.entry]).fetchone()
        if rule.admits(*origin):
            yield match


def matched_words(db: Database, topic: str, story: str) -> dict[EntryId, tuple[str, ...]]:
    """The entries of a story that a topic's rule selects, with the words for which it does."""
    rows = db.query(
        """
        SELECT matches.entry, matches.words FROM entries CROSS JOIN matches ON matches.entry = entries.id
        WHERE matches.topic = ? AND entries.story = ? ORDER BY entries.dated, entries.id
        """,
        [topic, story],
    )
    return {EntryId(row["entry"]): tuple(json.loads(row["words"])) for row in rows}


def topics_of(db: Database, story: StoryId) -> list[TopicId]:
    """The topics that hold the story."""
    rows = db.query(
        """
        SELECT DISTINCT topic FROM matches JOIN entries ON entries.id = matches.entry
        WHERE entries.story = ? ORDER BY topic
        """,
        [story],
    )
    return [TopicId(row["topic"]) for row in rows]


def selected_stories(db: Database, topic: TopicId, *, since: datetime) -> list[Selected]:
    """The topic's stories updated after `since` or pinned, without hidden ones, the last updated first."""
    rows = db.query(_SELECTED, {"topic": topic, "since": to_text(since)})
    return [
        Selected(
            id=StoryId(row["id"]),
            updated=from_text(row["updated"]),
            version=row["version"],
            pinned=bool(row["pinned"]),
            sources=row["sources"],
        )
        for row in rows
    ]


def story_words(db: Database, topic: TopicId, stories: Iterable[StoryId]) -> dict[StoryId, tuple[str, ...]]:
    """The words for which each of these stories is in the topic."""
    rows = db.query(
        """
        SELECT entries.story, matches.words FROM entries CROSS JOIN matches ON matches.entry = entries.id
        WHERE matches.topic = ? AND entries.story IN (SELECT value FROM json_each(?))
        ORDER BY entries.dated, entries.id
        """,
        [topic, json.dumps(list(stories))],
    )
    found: dict[StoryId, list[str]] = {}
    for row in rows:
        found.setdefault(StoryId(row["story"]), []).extend(json.loads(row["words"]))
    return {story: _unique(words) for story, words in found.items()}


def published_mark(db: Database, topic: TopicId) -> str | None:
    """What the topic's files were last made from."""
    rows = list(db.query("SELECT published FROM topics WHERE id = ?", [topic]))
    return rows[0]["published"] if rows else None


def set_published_mark(db: Database, topic: TopicId, mark: str) -> None:
    """Remember what the topic's files were made from."""
    db.execute("UPDATE topics SET published = ? WHERE id = ?", [mark, topic])


_SELECTED = """
    SELECT stories.id, stories.updated, stories.version, stories.pinned,
        (
            SELECT count(DISTINCT carrying.source) FROM entries AS carrying
            WHERE carrying.story = stories.id AND carrying.duplicate_of IS NULL
        ) AS sources
    FROM matches
        JOIN entries ON entries.id = matches.entry
        JOIN stories ON stories.id = entries.story
    WHERE matches.topic = :topic AND NOT stories.hidden AND (stories.updated >= :since OR stories.pinned)
    GROUP BY stories.id
    ORDER BY stories.updated DESC, stories.id
"""


_ARRIVALS = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.arrivals USING fts5 (title, text, tokenize='{TOKENIZER}')"
)


def _query(db: Database, table: str, name: str, query: str) -> Iterator[Match]:
    try:
        rows = db.execute(
            f"SELECT rowid, highlight({name}, 0, ?, ?), highlight({name}, 1, ?, ?)"
            f" FROM {table} WHERE {name} MATCH ?",
            [_START, _END, _START, _END, query],
        )
    except sqlite3.OperationalError as error:
        raise ValueError(f"no full-text query: {error}") from error
    for id, title, text in rows:
        found = _MARKED.findall(title or "") + _MARKED.findall(text or "")
        yield Match(EntryId(id), _unique(found))


def _record(db: Database, topic: TopicId, matches: Iterable[Match]) -> None:
    db.conn.executemany(
        "INSERT OR REPLACE INTO matches (topic, entry, words) VALUES (?, ?, ?)",
        [(topic, match.entry, json.dumps(match.words, ensure_ascii=False)) for match in matches],
    )


def _unique(found: Iterable[str]) -> tuple[str, ...]:
    unique: dict[str, str] = {}
    for word in found:
        unique.setdefault(word.casefold(), " ".join(word.split()))
    return tuple(unique.values())
