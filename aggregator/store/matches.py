"""Which entries each topic's rule selects, how strongly, and why."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlite_utils import Database

from aggregator.model import Entry, EntryId, SourceId, TopicId
from aggregator.store.examples import await_judgement
from aggregator.store.migrations import TOKENIZER
from aggregator.topic.like import Nearness
from aggregator.topic.rule import Rule
from aggregator.topic.select import AT_THE_BEGINNING, BEGINNING, FURTHER_DOWN, IN_HEADLINE

_START, _END = "\x02", "\x03"
_MARKED = re.compile(f"{_START}(.*?){_END}", re.DOTALL)
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that a rule selects."""

    entry: EntryId
    words: tuple[str, ...]
    """The words of the entry that matched, as they stand in it."""
    strength: float = 0.0
    """How strongly, 0 to 1: where the words stand, or how near the entry is to an example."""
    near: Nearness | None = None
    """Where it is near an example of the topic."""


def match_new(
    db: Database, rules: Sequence[Rule], arrivals: Sequence[tuple[EntryId, SourceId, Entry]]
) -> None:
    """Record which rules select the new or revised entries; what they selected before is forgotten.

    The entries stand in a small index of their own, so that a query costs the same however large the
    store has grown. What is near examples is found out later, by `record_near`.
    """
    if not rules or not arrivals:
        return
    origins = {id: (source, entry.language) for id, source, entry in arrivals}
    db.conn.executemany("DELETE FROM matches WHERE entry = ?", [(id,) for id in origins])
    if any(rule.examples for rule in rules):
        await_judgement(db, origins)
    with _index_of(db, [(id, entry.title, entry.text) for id, _, entry in arrivals]):
        found = {
            rule.topic: [
                match
                for match in _query(db, "temp.arrivals", "arrivals", rule.query)
                if rule.admits(*origins[match.entry])
            ]
            for rule in rules
        }
    texts = {id: (entry.title, entry.text) for id, _, entry in arrivals}
    matched = {match.entry for matches in found.values() for match in matches}
    if not matched:
        return
    with _index_of(db, _heads((id, *texts[id]) for id in matched)):
        weighed = {rule.topic: _weighed(db, rule.query, found[rule.topic]) for rule in rules}
    for topic, matches in weighed.items():
        _record(db, topic, matches)


def match_all(db: Database, rule: Rule) -> None:
    """Record what the words of a rule select from the whole store."""
    matches = search(db, rule)
    while some := list(islice(matches, _AT_ONCE)):
        with _index_of(db, _heads(_texts(db, [match.entry for match in some]))):
            weighed = _weighed(db, rule.query, some)
        _record(db, rule.topic, weighed)


def search(db: Database, rule: Rule) -> Iterator[Match]:
    """The stored entries that the words of a rule select. Raises ValueError when its query is no FTS5."""
    for match in _query(db, "entries_fts", "entries_fts", rule.query):
        origin = db.execute("SELECT source, language FROM entries WHERE id = ?", [match.entry]).fetchone()
        if rule.admits(*origin):
            yield match


def record_near(db: Database, rule: Rule, near: Sequence[tuple[EntryId, Nearness]]) -> None:
    """Record the entries that are near the examples of a topic, unless its rule keeps them out."""
    if not near:
        return
    out = set()
    if rule.barred:
        with _index_of(db, _texts(db, [entry for entry, _ in near])):
            out = {match.entry for match in _query(db, "temp.arrivals", "arrivals", rule.barred)}
    db.conn.executemany(
        """
        INSERT INTO matches (topic, entry, words, strength, near) VALUES (?, ?, '[]', ?, ?)
        ON CONFLICT (topic, entry) DO UPDATE
            SET strength = max(strength, excluded.strength), near = excluded.near
        """,
        [
            (
                rule.topic,
                entry,
                round(found.score, 3),
                json.dumps([round(found.score, 3), found.nearest, found.words], ensure_ascii=False),
            )
            for entry, found in near
            if entry not in out
        ],
    )


def matches_of(db: Database, topic: str, story: str) -> dict[EntryId, Match]:
    """The entries of a story that a topic's rule selects, the oldest first, and why."""
    rows = db.query(
        """
        SELECT matches.* FROM entries CROSS JOIN matches ON matches.entry = entries.id
        WHERE matches.topic = ? AND entries.story = ? ORDER BY entries.dated, entries.id
        """,
        [topic, story],
    )
    return {row["entry"]: read_match(row) for row in rows}


def read_match(row: dict[str, Any]) -> Match:
    """A row of the table `matches`."""
    near = None
    if row["near"]:
        score, nearest, words = json.loads(row["near"])
        near = Nearness(score, nearest, tuple(words))
    return Match(EntryId(row["entry"]), tuple(json.loads(row["words"])), row["strength"], near)


def unique(found: Iterable[str]) -> tuple[str, ...]:
    """The words, each once whatever its case."""
    unique: dict[str, str] = {}
    for word in found:
        unique.setdefault(word.casefold(), " ".join(word.split()))
    return tuple(unique.values())


_ARRIVALS = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.arrivals USING fts5 (title, text, tokenize='{TOKENIZER}')"
)


@contextmanager
def _index_of(db: Database, texts: Iterable[tuple[int, str, str]]) -> Iterator[None]:
    """Within it `temp.arrivals` holds these numbers, titles and texts."""
    db.execute(_ARRIVALS)
    # Taking the insertion back is twice as fast as deleting, which would read every text again
    db.execute("SAVEPOINT arrivals")
    db.conn.executemany("INSERT INTO temp.arrivals (rowid, title, text) VALUES (?, ?, ?)", texts)
    yield
    db.execute("ROLLBACK TO arrivals")
    db.execute("RELEASE arrivals")


def _heads(texts: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """For each entry its headline under an even number, and with the beginning of its text under an odd one."""
    for id, title, text in texts:
        yield 2 * id, title, ""
        yield 2 * id + 1, title, " ".join(text[: 20 * BEGINNING].split()[:BEGINNING])


def _weighed(db: Database, query: str, matches: Sequence[Match]) -> list[Match]:
    """The matches with their strengths; `_heads` of their entries are indexed."""
    if not matches:
        return []
    heads = {id for (id,) in db.execute("SELECT rowid FROM temp.arrivals WHERE arrivals MATCH ?", [query])}

    def strength(entry: EntryId) -> float:
        if 2 * entry in heads:
            return IN_HEADLINE
        return AT_THE_BEGINNING if 2 * entry + 1 in heads else FURTHER_DOWN

    return [replace(match, strength=strength(match.entry)) for match in matches]


def _texts(db: Database, entries: Sequence[EntryId]) -> list[tuple[int, str, str]]:
    return db.execute(
        "SELECT id, title, text FROM entries WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(entries)],
    ).fetchall()


def _query(db: Database, table: str, name: str, query: str) -> Iterator[Match]:
    if not query:
        return
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
        yield Match(EntryId(id), unique(found))


def _record(db: Database, topic: TopicId, matches: Iterable[Match]) -> None:
    db.conn.executemany(
        "INSERT OR REPLACE INTO matches (topic, entry, words, strength) VALUES (?, ?, ?, ?)",
        [
            (topic, match.entry, json.dumps(match.words, ensure_ascii=False), match.strength)
            for match in matches
        ],
    )
