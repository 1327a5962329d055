"""The table of topics, and the stories that each holds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlite_utils import Database

from aggregator.model import EntryId, SourceId, StoryId, TopicId
from aggregator.store.examples import await_judgement_of_all
from aggregator.store.matches import match_all, read_match, unique
from aggregator.store.publications import forget_marks
from aggregator.times import from_text, to_text
from aggregator.topic.rule import Rule
from aggregator.topic.select import BAR, story_score

_AT_ONCE = 100
_MANY = 10_000
"""A topic with more matches than this has many among the latest stories."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a story stands with a topic."""

    score: float
    originals: int
    """Its entries that the topic listens to, copies aside."""
    matching: int
    """Those of them that the topic's rule selects."""
    sources: int
    """How many independent sources carry it: copies are none."""

    @property
    def is_held(self) -> bool:
        """Whether the topic holds the story."""
        return self.score > BAR


@dataclass(frozen=True, slots=True)
class Selected:
    """A story that a topic holds."""

    id: StoryId
    updated: datetime
    changed: int
    """The number of its last change, as in `StoryRow`."""
    pinned: bool
    sources: int
    """How many independent sources carry it: copies are none."""
    score: float


def sync_topics(db: Database, rules: Sequence[Rule]) -> list[TopicId]:
    """Match the whole store anew for each topic whose rule is new or changed; their ids.

    Examples teach by contrast, so that new ones concern all topics that have some. Then every topic is to be
    published again: a story's page names all topics that hold it.
    """
    known = {row["id"]: row["rule"] for row in db.query("SELECT id, rule FROM topics")}
    changed = [rule for rule in rules if known.get(rule.topic) != rule.signature]
    if any(rule.examples for rule in changed):
        changed = [rule for rule in rules if rule.examples or rule in changed]
        await_judgement_of_all(db)
    for rule in changed:
        db.execute("DELETE FROM matches WHERE topic = ?", [rule.topic])
        match_all(db, rule)
        db.execute(
            """
            INSERT INTO topics (id, rule, admits) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, admits = excluded.admits
            """,
            [rule.topic, rule.signature, _admits_text(rule)],
        )
    gone = known.keys() - {rule.topic for rule in rules}
    for topic in gone:
        db.execute("DELETE FROM matches WHERE topic = ?", [topic])
        db.execute("DELETE FROM topics WHERE id = ?", [topic])
    if changed or gone:
        forget_marks(db)
    return [rule.topic for rule in changed]


def standing(db: Database, topic: TopicId, story: StoryId) -> Standing:
    """Where a story stands with a topic."""
    return _standings(db, topic, [story]).get(story, Standing(0.0, 0, 0, 0))


def topics_of(db: Database, story: StoryId) -> list[TopicId]:
    """The topics that hold the story."""
    rows = db.query(
        """
        SELECT DISTINCT topic FROM entries CROSS JOIN matches ON matches.entry = entries.id
        WHERE entries.story = ? ORDER BY topic
        """,
        [story],
    )
    return [TopicId(row["topic"]) for row in rows if standing(db, row["topic"], story).is_held]


def selected_stories(db: Database, topic: TopicId, *, since: datetime) -> Iterator[Selected]:
    """The topic's stories in the order of its feed, without hidden ones: pinned ones, then those updated after
    `since`, the last updated first.

    They come as they are asked for: the first fifty cost the same however many there are.
    """
    candidates = iter(_candidates(db, topic, since))
    while rows := list(islice(candidates, _AT_ONCE)):
        standings = _standings(db, topic, [row["id"] for row in rows])
        for row in rows:
            found = standings.get(row["id"])
            if found and found.is_held:
                yield Selected(
                    id=StoryId(row["id"]),
                    updated=from_text(row["updated"]),
                    changed=row["changed"],
                    pinned=bool(row["pinned"]),
                    sources=found.sources,
                    score=found.score,
                )


def story_words(db: Database, topic: TopicId, stories: Iterable[StoryId]) -> dict[StoryId, tuple[str, ...]]:
    """The words for which each of these stories is in the topic."""
    rows = db.query(
        """
        SELECT entries.story, matches.* FROM entries CROSS JOIN matches ON matches.entry = entries.id
        WHERE matches.topic = ? AND entries.story IN (SELECT value FROM json_each(?))
        ORDER BY entries.dated, entries.id
        """,
        [topic, json.dumps(list(stories))],
    )
    found: dict[StoryId, list[str]] = {}
    for row in rows:
        match = read_match(row)
        words = found.setdefault(StoryId(row["story"]), [])
        words += [*match.words, *(match.near.words if match.near else ())]
    return {story: unique(words) for story, words in found.items()}


def group_stories(
    db: Database, sources: Collection[SourceId] | None, *, since: datetime
) -> Iterator[Selected]:
    """All stories, or those that one of these sources reports, in the order of a feed and without hidden ones."""
    chosen = "source IN (SELECT value FROM json_each(:sources))"
    reported = f"EXISTS (SELECT 1 FROM entries WHERE story = stories.id AND {chosen})"
    rows = db.query(
        f"""
        SELECT id, updated, changed, pinned FROM stories
        WHERE (updated >= :since OR pinned) AND NOT hidden AND merged_into IS NULL
            AND {"1" if sources is None else reported}
        ORDER BY pinned DESC, updated DESC, id
        """,
        {"since": to_text(since), "sources": json.dumps(sorted(sources or ()))},
    )
    for row in rows:
        updated, pinned = from_text(row["updated"]), bool(row["pinned"])
        yield Selected(StoryId(row["id"]), updated, row["changed"], pinned, sources=1, score=1.0)


def _candidates(db: Database, topic: TopicId, since: datetime) -> Iterator[dict[str, Any]]:
    """Stories that may be in the topic, in the order of its feed."""
    columns = "id, updated, changed, pinned"
    yield from db.query(
        f"SELECT {columns} FROM stories WHERE pinned AND NOT hidden ORDER BY updated DESC, id"
    )
    ((count,),) = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM matches WHERE topic = ? AND strength > ? LIMIT ?)",
        [topic, BAR, _MANY],
    ).fetchall()
    yield from db.query(
        f"""
        SELECT {columns} FROM stories
        WHERE updated >= :since AND NOT pinned AND NOT hidden AND {_FEW if count < _MANY else _EACH}
        ORDER BY updated DESC, id
        """,
        {"since": to_text(since), "topic": topic, "bar": BAR},
    )


# A mean above the bar has a part above it
_FEW = """id IN (
    SELECT story FROM matches JOIN entries ON entries.id = entry WHERE topic = :topic AND strength > :bar
)"""
"""From the few matches to their stories."""
_EACH = """EXISTS (
    SELECT 1 FROM entries CROSS JOIN matches ON topic = :topic AND entry = entries.id AND strength > :bar
    WHERE story = stories.id
)"""
"""Through the latest stories, of which enough will hold a match soon."""


def _standings(db: Database, topic: TopicId, stories: Sequence[StoryId]) -> dict[StoryId, Standing]:
    """Of those stories that have an entry to which the topic listens."""
    # Plain rows: this is most of what it takes to see that nothing is to be published
    rows = db.execute(
        """
        SELECT story, coalesce(duplicate_of, entries.id), duplicate_of IS NULL, source, language,
            coalesce(strength, 0)
        FROM json_each(:stories) AS asked CROSS JOIN entries ON entries.story = asked.value
            LEFT JOIN matches ON matches.topic = :topic AND matches.entry = entries.id
        """,
        {"stories": json.dumps(stories), "topic": topic},
    )
    admitted, languages = _admits(db, topic)
    # A report and its copies are as one, and match as the one of them that matches best
    originals: dict[StoryId, dict[EntryId, float]] = defaultdict(dict)
    sources: dict[StoryId, set[str]] = defaultdict(set)
    for story, original, is_original, source, language, strength in rows:
        if is_original:
            sources[story].add(source)
        if (admitted is None or source in admitted) and (not languages or language in languages):
            found = originals[story]
            found[original] = max(found.get(original, 0.0), strength)
    return {
        story: Standing(
            story_score(found.values()),
            originals=len(found),
            matching=sum(strength > 0 for strength in found.values()),
            sources=len(sources[story]),
        )
        for story, found in originals.items()
    }


def _admits_text(rule: Rule) -> str:
    return json.dumps([None if rule.sources is None else sorted(rule.sources), sorted(rule.languages)])


def _admits(db: Database, topic: TopicId) -> tuple[frozenset[str] | None, frozenset[str]]:
    rows = db.execute("SELECT admits FROM topics WHERE id = ?", [topic]).fetchall()
    return _read_admits(rows[0][0]) if rows else (None, frozenset())


@lru_cache(maxsize=64)
def _read_admits(text: str) -> tuple[frozenset[str] | None, frozenset[str]]:
    sources, languages = json.loads(text)
    return None if sources is None else frozenset(sources), frozenset(languages)
