"""The table of stories: when each began and changed, what an editor said of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import EntryId, Related, Story, StoryId
from aggregator.store.compositions import keep, recall
from aggregator.store.connection import writing
from aggregator.store.entries import corrections, origin_of, reports
from aggregator.story.cluster import founded_by
from aggregator.story.compose import choose_lead, compose, compose_story, make_headline
from aggregator.times import from_text, to_text

_MOST_RELATED = 5


@dataclass(frozen=True, slots=True)
class StoryRow:
    """A story without its reports."""

    id: StoryId
    first_published: datetime
    updated: datetime
    version: int
    """Grows with every change that a reader could see, as long as the story is there."""
    changed: int
    """The number of its last change among those of all stories: another one even when it goes and comes back."""
    headline: str | None
    """An editor's, in place of the lead's title."""
    pinned: bool
    hidden: bool


def open_story(db: Database, id: StoryId, *, dated: datetime, now: datetime) -> tuple[StoryId, bool]:
    """Let an entry of this date into the story, which is made unless it is there.

    Returns the story that took it (another one when `id` was merged) and whether it was made.
    """
    at = to_text(dated)
    made = db.execute(
        "INSERT OR IGNORE INTO stories (id, created_at, first_published, updated) VALUES (?, ?, ?, ?)",
        [id, to_text(now), at, at],
    ).rowcount
    if made:
        return id, True
    id = resolve_story(db, id) or id
    db.execute(
        """
        UPDATE stories SET first_published = min(first_published, :at), updated = max(updated, :at),
            version = version + 1
        WHERE id = :id
        """,
        {"id": id, "at": at},
    )
    return id, False


def is_story(db: Database, id: StoryId) -> bool:
    """Whether the id names a story, or one that was merged into another."""
    return bool(db.execute("SELECT 1 FROM stories WHERE id = ?", [id]).fetchall())


def assign_story(db: Database, entry: EntryId, story: StoryId, *, duplicate_of: EntryId | None) -> None:
    """Put an entry that has no story into one."""
    db.execute("UPDATE entries SET story = ?, duplicate_of = ? WHERE id = ?", [story, duplicate_of, entry])


def touch_story(db: Database, id: StoryId, *, at: datetime | None) -> None:
    """A report of the story was revised, or with None shows something else beside its title and text."""
    db.execute(
        "UPDATE stories SET updated = max(updated, ?), version = version + 1 WHERE id = ?",
        [to_text(at) if at else "", id],
    )


def refresh_story(db: Database, id: StoryId) -> None:
    """Take the story's times from the entries it holds now.

    When it holds none it is removed, and with it the ids that lead to it.
    """
    db.execute(
        """
        UPDATE stories SET version = version + 1,
            first_published = (SELECT min(dated) FROM entries WHERE story = :id),
            updated = (SELECT max(max(dated, coalesce(revised_at, ''))) FROM entries WHERE story = :id)
        WHERE id = :id AND EXISTS (SELECT 1 FROM entries WHERE story = :id)
        """,
        {"id": id},
    )
    db.execute(
        """
        WITH RECURSIVE lost (id) AS (
            SELECT :id WHERE NOT EXISTS (SELECT 1 FROM entries WHERE story = :id)
            UNION SELECT stories.id FROM lost JOIN stories ON stories.merged_into = lost.id
        )
        DELETE FROM stories WHERE id IN (SELECT id FROM lost)
        """,
        {"id": id},
    )


def story_rows(db: Database, ids: Iterable[StoryId]) -> dict[StoryId, StoryRow]:
    """The stories of these ids that are there and not merged into another."""
    rows = db.query(
        """
        SELECT id, first_published, updated, version, changed, headline, pinned, hidden FROM stories
        WHERE id IN (SELECT value FROM json_each(?)) AND merged_into IS NULL
        """,
        [json.dumps(list(ids))],
    )
    return {
        StoryId(row["id"]): StoryRow(
            id=StoryId(row["id"]),
            first_published=from_text(row["first_published"]),
            updated=from_text(row["updated"]),
            version=row["version"],
            changed=row["changed"],
            headline=row["headline"],
            pinned=bool(row["pinned"]),
            hidden=bool(row["hidden"]),
        )
        for row in rows
    }


def load_stories(
    db: Database, ids: Sequence[StoryId], *, languages: Sequence[str] = (), keeping: bool = False
) -> list[Story]:
    """The stories of these ids, composed of their reports, in the order given; those gone are left out.

    `languages` are the readers', the preferred one first. With `keeping`, for the store's writer, what was composed is
    kept for the next time.
    """
    rows = story_rows(db, ids)
    coverage = reports(db, rows)
    versions = {id: rows[id].version for id in coverage}
    compositions = recall(db, coverage, versions, languages)
    missing = {id: compose(coverage[id], languages) for id in coverage if id not in compositions}
    if keeping and missing:
        with writing(db):
            keep(db, missing, versions, languages)
    compositions |= missing
    related = _related(db, rows, languages)
    corrected = corrections(db, rows)
    return [
        compose_story(
            id,
            coverage[id],
            first_published=rows[id].first_published,
            updated=rows[id].updated,
            headline=rows[id].headline,
            pinned=rows[id].pinned,
            languages=languages,
            related=related.get(id, ()),
            corrections=corrected.get(id, ()),
            composition=compositions[id],
        )
        for id in ids
        if id in coverage
    ]


def relate(db: Database, story: StoryId, other: StoryId) -> None:
    """Say that one of two stories follows the other; both show it, also under the ids that they merge into.

    Nothing is said of a story that is not there, or of a story and itself.
    """
    first, second = resolve_story(db, story), resolve_story(db, other)
    if first and second and first != second:
        db.execute("INSERT OR IGNORE INTO related VALUES (?, ?), (?, ?)", [first, second, second, first])


def related_stories(db: Database, ids: Iterable[StoryId]) -> dict[StoryId, list[StoryRow]]:
    """The stories that are shown beside each of these: not hidden, the latest first, few."""
    links = list(
        db.query(
            "SELECT story, other FROM related WHERE story IN (SELECT value FROM json_each(?)) ORDER BY other",
            [json.dumps(list(ids))],
        )
    )
    others = story_rows(db, {StoryId(link["other"]) for link in links})
    found: dict[StoryId, list[StoryRow]] = {}
    for link in links:
        other = others.get(StoryId(link["other"]))
        if other and not other.hidden:
            found.setdefault(StoryId(link["story"]), []).append(other)
    for rows in found.values():
        rows.sort(key=lambda row: row.first_published, reverse=True)
        del rows[_MOST_RELATED:]
    return found


def _related(
    db: Database, ids: Iterable[StoryId], languages: Sequence[str]
) -> dict[StoryId, tuple[Related, ...]]:
    found = related_stories(db, ids)
    coverage = reports(db, {row.id for rows in found.values() for row in rows})

    def show(row: StoryRow) -> Related:
        lead = choose_lead(coverage[row.id], languages)
        headline = make_headline(lead, row.headline)
        return Related(row.id, headline, lead.language, row.first_published, lead.url, lead.source_title)

    return {id: tuple(show(row) for row in rows if row.id in coverage) for id, rows in found.items()}


def resolve_story(db: Database, id: str) -> StoryId | None:
    """The story that `id` names, or that it was merged into; None when there is none."""
    rows = list(
        db.query(
            """
            WITH RECURSIVE chain (id, merged_into) AS (
                SELECT id, merged_into FROM stories WHERE id = ?
                UNION SELECT stories.id, stories.merged_into FROM stories, chain
                WHERE stories.id = chain.merged_into
            )
            SELECT id FROM chain WHERE merged_into IS NULL
            """,
            [id],
        )
    )
    return StoryId(rows[0]["id"]) if rows else None


def former_story(db: Database, story: StoryId, entries: Iterable[EntryId]) -> StoryId | None:
    """The story that one of these entries began, if it was merged into this one: readers know it by its id."""
    begun = (founded_by(*origin_of(db, entry)) for entry in entries)
    return next((id for id in begun if id != story and resolve_story(db, id) == story), None)


def merged_stories(db: Database) -> dict[StoryId, StoryId]:
    """Every story that was merged, with the one that holds its entries now."""
    rows = db.query(
        """
        WITH RECURSIVE chain (id, target) AS (
            SELECT id, merged_into FROM stories WHERE merged_into IS NOT NULL
            UNION ALL SELECT chain.id, stories.merged_into
            FROM chain JOIN stories ON stories.id = chain.target
            WHERE stories.merged_into IS NOT NULL
        )
        SELECT chain.id, target FROM chain JOIN stories ON stories.id = target
        WHERE stories.merged_into IS NULL
        """
    )
    return {StoryId(row["id"]): StoryId(row["target"]) for row in rows}


def newest_stories(db: Database, *, limit: int | None, query: str | None = None) -> list[StoryId]:
    """Ids of stories, the last updated first; with an FTS5 `query` those with an entry that matches."""
    matching = "AND id IN (SELECT story FROM entries WHERE id IN (SELECT rowid FROM entries_fts(:query)))"
    rows = db.query(
        f"""
        SELECT id FROM stories WHERE merged_into IS NULL {matching if query else ""}
        ORDER BY updated DESC, id LIMIT :limit
        """,
        {"query": query, "limit": -1 if limit is None else limit},
    )
    return [StoryId(row["id"]) for row in rows]


def hidden_stories(db: Database) -> list[StoryId]:
    """The stories that an editor took out of every topic, and those that were merged into them."""
    rows = db.query(
        """
        WITH RECURSIVE found (id) AS (
            SELECT id FROM stories WHERE hidden AND merged_into IS NULL
            UNION SELECT stories.id FROM found JOIN stories ON stories.merged_into = found.id
        )
        SELECT id FROM found ORDER BY id
        """
    )
    return [StoryId(row["id"]) for row in rows]


def gone_stories(db: Database) -> list[StoryId]:
    """The stories that were removed from the store since `forget_gone` was last told of them."""
    return [StoryId(row["id"]) for row in db.query("SELECT id FROM gone_stories ORDER BY id")]


def forget_gone(db: Database, ids: Iterable[StoryId]) -> None:
    """Nothing is left of these removed stories outside the store either."""
    db.execute(
        "DELETE FROM gone_stories WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))]
    )


def set_word(db: Database, id: StoryId, word: str, value: object) -> None:
    """Keep an editor's word: `pinned`, `hidden` or `headline`."""
    assert word in ("pinned", "hidden", "headline")
    db.execute(f"UPDATE stories SET {word} = ?, version = version + 1 WHERE id = ?", [value, id])


def merge_story(db: Database, story: StoryId, into: StoryId) -> None:
    """Move all entries of a story into another one, to which its id leads from now on."""
    db.execute("UPDATE entries SET story = ? WHERE story = ?", [into, story])
    db.execute("UPDATE stories SET merged_into = ?, version = version + 1 WHERE id = ?", [into, story])
    for link in list(db.query("SELECT other FROM related WHERE story = ?", [story])):
        db.execute(
            "DELETE FROM related WHERE (story, other) IN (VALUES (:a, :b), (:b, :a))",
            {"a": story, "b": link["other"]},
        )
        relate(db, into, link["other"])


def mark_edited(db: Database, stories: Iterable[StoryId]) -> None:
    """An editor decided what these stories hold: grouping may add to them, but merges and splits them no more."""
    db.execute(
        "UPDATE stories SET is_edited = 1 WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(stories))],
    )


def leave_story(db: Database, story: StoryId, entries: Sequence[EntryId], into: StoryId) -> bool:
    """Move entries of a story and their copies into another one; returns whether that is made by this.

    One that was merged is a story again. The times of one that is made are still those of `story`: `refresh_story`
    both.
    """
    is_new = db.execute(
        """
        INSERT OR IGNORE INTO stories (id, created_at, first_published, updated)
        SELECT ?, created_at, first_published, updated FROM stories WHERE id = ?
        """,
        [into, story],
    ).rowcount
    db.execute("UPDATE stories SET merged_into = NULL WHERE id = ?", [into])
    db.execute(
        """
        UPDATE entries SET story = :into WHERE story = :story
            AND (id IN (SELECT value FROM json_each(:ids)) OR duplicate_of IN (SELECT value FROM json_each(:ids)))
        """,
        {"into": into, "story": story, "ids": json.dumps(list(entries))},
    )
    return bool(is_new)
