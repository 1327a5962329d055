"""Pages of stories: in which topics a story ever stood, and which pages are to be looked at again.

A page stays where it is when its story leaves the feeds: links to it are out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlite_utils import Database

from aggregator.model import StoryId, TopicId


def ever_in(db: Database, stories: Iterable[StoryId]) -> dict[StoryId, set[TopicId]]:
    """The topics that each of these stories ever stood in, itself or as one that was merged into it."""
    rows = db.execute(
        """
        WITH RECURSIVE former (id, story) AS (
            SELECT value, value FROM json_each(?)
            UNION SELECT stories.id, former.story FROM former CROSS JOIN stories ON merged_into = former.id
        )
        SELECT DISTINCT former.story, topic FROM former CROSS JOIN publications ON publications.story = former.id
        """,
        [json.dumps(list(stories))],
    )
    found: dict[StoryId, set[TopicId]] = {}
    for story, topic in rows.fetchall():
        found.setdefault(StoryId(story), set()).add(TopicId(topic))
    return found


def changed_pages(db: Database, since: int, topics: Iterable[TopicId]) -> set[StoryId]:
    """The stories that left a feed, or that one which did was merged into, of which a page tells otherwise now.

    They, or stories beside them, changed after the change of this number. All have left a feed that is none of these
    `topics`.
    """
    rows = db.execute(
        """
        WITH RECURSIVE changed AS MATERIALIZED (
            SELECT id FROM stories WHERE changed > ?
        ), near AS MATERIALIZED (
            SELECT id FROM changed UNION SELECT other FROM changed CROSS JOIN related ON story = changed.id
        ), former (id, story) AS (
            SELECT id, id FROM near
            UNION SELECT stories.id, former.story FROM former CROSS JOIN stories ON merged_into = former.id
        )
        SELECT DISTINCT former.story FROM former
            CROSS JOIN publications ON publications.story = former.id
                AND (NOT shown OR topic NOT IN (SELECT value FROM json_each(?)))
        """,
        [since, json.dumps(list(topics))],
    )
    return {StoryId(story) for (story,) in rows.fetchall()}


def due_pages(db: Database) -> set[StoryId]:
    """The stories whose pages are to be looked at, whatever else changed, and what they were merged into."""
    rows = db.execute(
        """
        WITH RECURSIVE due (id) AS (
            SELECT story FROM due_pages
            UNION SELECT merged_into FROM due CROSS JOIN stories USING (id) WHERE merged_into IS NOT NULL
        )
        SELECT id FROM due
        """
    )
    return {StoryId(story) for (story,) in rows.fetchall()}


def make_due(db: Database, stories: Iterable[StoryId], *, and_beside: Iterable[StoryId] = ()) -> None:
    """The pages of these stories are to be looked at, and those of all that are shown beside the others."""
    db.conn.executemany("INSERT OR IGNORE INTO due_pages (story) VALUES (?)", [(story,) for story in stories])
    db.execute(
        """
        INSERT OR IGNORE INTO due_pages (story)
        SELECT other FROM json_each(?) AS asked CROSS JOIN related ON related.story = asked.value
        """,
        [json.dumps(list(and_beside))],
    )


def make_due_in(db: Database, topics: Iterable[TopicId]) -> None:
    """So are the pages of all that ever stood in these topics, and of what is shown beside."""
    asked = json.dumps(list(topics))
    db.execute(
        """
        WITH RECURSIVE held (id) AS (
            SELECT story FROM publications WHERE topic IN (SELECT value FROM json_each(?))
            UNION SELECT merged_into FROM held CROSS JOIN stories USING (id) WHERE merged_into IS NOT NULL
        )
        INSERT OR IGNORE INTO due_pages (story)
        SELECT id FROM held UNION SELECT other FROM held CROSS JOIN related ON related.story = held.id
        """,
        [asked],
    )


def have_looked_at(db: Database, stories: Iterable[StoryId]) -> None:
    """The pages of these stories are as they should be."""
    db.conn.executemany("DELETE FROM due_pages WHERE story = ?", [(story,) for story in stories])
