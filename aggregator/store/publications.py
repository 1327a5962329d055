"""What was published: when a story first stood in a topic, what left it and where that is kept, how the files stand."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import StoryId, TopicId
from aggregator.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive document: items that left a topic's feed (RFC 5005 §4)."""

    name: str
    """Its page and how often it changed so far: another name each time."""
    former: str | None
    """The name before that, which readers may still ask for."""
    stories: tuple[StoryId, ...]
    """Oldest first."""

    @property
    def page(self) -> int:
        """Counted from 1, the oldest."""
        return int(self.name.partition("-")[0])

    @property
    def next_name(self) -> str:
        """Its name once it changes."""
        page, _, changes = self.name.partition("-")
        return f"{page}-{int(changes) + 1}"

    def with_story(self, story: StoryId) -> Archive:
        """It, with a story at its end; one that was in the feed again meanwhile moves there."""
        stories = (*(other for other in self.stories if other != story), story)
        return Archive(self.next_name, self.former, stories)


@dataclass(frozen=True, slots=True)
class Publication:
    """How a topic was last published."""

    mark: str | None
    """Of all that its files were made from; None where they are to be made again."""
    own: str
    """The mark of what they were made with, the stories aside."""
    chosen_at: datetime | None
    """When its stories were chosen; None where that is not known any more."""
    holds_until: datetime | None
    """When the first of them is too old; None where none will be."""

    def holds(self, own: str, now: datetime) -> bool:
        """Whether the choice of stories is the same now, if none of them changed."""
        return (
            self.mark is not None
            and self.own == own
            and self.chosen_at is not None
            and self.chosen_at <= now
            and (self.holds_until is None or now < self.holds_until)
        )


UNPUBLISHED = Publication(None, "", None, None)


def publications(db: Database) -> dict[TopicId, Publication]:
    """How each topic was last published."""
    rows = db.execute("SELECT topic, mark, own, chosen_at, holds_until FROM channels").fetchall()
    return {
        TopicId(topic): Publication(mark, own, *(from_text(at) if at else None for at in times))
        for topic, mark, own, *times in rows
    }


def set_published(db: Database, topic: TopicId, publication: Publication, *, front: str) -> None:
    """Remember how the topic was published, and what the index says of it (JSON)."""
    times = [to_text(at) if at else None for at in (publication.chosen_at, publication.holds_until)]
    db.execute(
        """
        INSERT INTO channels (topic, mark, own, chosen_at, holds_until, front) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (topic) DO UPDATE SET mark = excluded.mark, own = excluded.own,
            chosen_at = excluded.chosen_at, holds_until = excluded.holds_until, front = excluded.front
        """,
        [topic, publication.mark, publication.own, *times, front],
    )


def shown_stories(db: Database) -> dict[TopicId, list[StoryId]]:
    """The stories in each topic's feed, in no order."""
    found: dict[TopicId, list[StoryId]] = {}
    for topic, story in db.execute("SELECT topic, story FROM publications WHERE shown").fetchall():
        found.setdefault(topic, []).append(story)
    return found


def last_change(db: Database) -> int:
    """The number of the last change of any story."""
    ((last,),) = db.execute("SELECT last FROM changes").fetchall()
    return int(last)


def concerned(db: Database, since: int) -> set[TopicId]:
    """The topics that may hold other stories, or tell them in another way, after the changes since this one."""
    rows = db.execute(
        """
        WITH changed AS MATERIALIZED (
            SELECT id FROM stories WHERE changed > ? UNION ALL SELECT id FROM gone_stories
        ), near AS MATERIALIZED (
            SELECT id FROM changed UNION SELECT other FROM changed CROSS JOIN related ON story = changed.id
        )
        SELECT topic FROM near CROSS JOIN entries ON entries.story = near.id
            CROSS JOIN matches ON matches.entry = entries.id
        UNION
        SELECT topic FROM near CROSS JOIN publications ON story = near.id AND shown
        """,
        [since],
    )
    return {TopicId(topic) for (topic,) in rows.fetchall()}


def topics_beside(db: Database, stories: Collection[StoryId]) -> set[TopicId]:
    """The topics that show a story which one of these is shown beside."""
    rows = db.execute(
        """
        SELECT DISTINCT topic FROM json_each(?) AS asked CROSS JOIN related ON related.story = asked.value
            CROSS JOIN publications ON publications.story = related.other AND shown
        """,
        [json.dumps(list(stories))],
    )
    return {TopicId(topic) for (topic,) in rows.fetchall()}


def forget_marks(db: Database, topics: Iterable[TopicId] | None = None) -> None:
    """These topics, or all, are to be published again."""
    if topics is None:
        db.execute("UPDATE channels SET mark = NULL")
    else:
        db.conn.executemany("UPDATE channels SET mark = NULL WHERE topic = ?", [(topic,) for topic in topics])


def fronts(db: Database) -> dict[TopicId, str]:
    """What the index says of each topic (JSON), as of its last publication."""
    return {TopicId(row["topic"]): row["front"] for row in db.query("SELECT topic, front FROM channels")}


def show(db: Database, topic: TopicId, stories: Mapping[StoryId, datetime], *, now: datetime) -> None:
    """The topic's feed holds these stories now.

    `stories` have the dates of their first reports. In a topic's first publication these count: else a reader would
    see all that is old as new.
    """
    is_new = not db.execute("SELECT 1 FROM publications WHERE topic = ? LIMIT 1", [topic]).fetchall()
    db.conn.executemany(
        """
        INSERT INTO publications (topic, story, published_at, shown) VALUES (?, ?, ?, 1)
        ON CONFLICT (topic, story) DO UPDATE SET shown = 1
        """,
        [(topic, story, to_text(first if is_new else now)) for story, first in stories.items()],
    )


def retire(db: Database, topic: TopicId, still: Collection[StoryId], *, size: int) -> list[StoryId]:
    """What the feed held and holds no more goes to the archive, `size` items a document. Returns these stories.

    Not what an editor hid, or what was merged or removed.
    """
    rows = db.query(
        """
        SELECT story, stories.id IS NOT NULL AS is_there
        FROM publications LEFT JOIN stories ON id = story AND NOT hidden AND merged_into IS NULL
        WHERE topic = ? AND shown AND story NOT IN (SELECT value FROM json_each(?))
        ORDER BY published_at, story
        """,
        [topic, json.dumps(list(still))],
    )
    left = [(StoryId(row["story"]), row["is_there"]) for row in rows]
    gone = [story for story, _ in left]
    if not gone:
        return []
    db.execute(
        "UPDATE publications SET shown = 0 WHERE topic = ? AND story IN (SELECT value FROM json_each(?))",
        [topic, json.dumps(gone)],
    )
    kept = archives(db, topic)
    newest = kept[-1] if kept else Archive("1-0", None, ())
    for story in (story for story, is_there in left if is_there):
        if len(newest.stories) >= size and story not in newest.stories:
            _keep(db, topic, newest)
            newest = Archive(f"{newest.page + 1}-0", None, ())
        newest = newest.with_story(story)
    if newest == (kept[-1] if kept else Archive("1-0", None, ())):
        return gone
    # Readers know of the names between, if at all, for this moment only
    former = kept[-1].name if kept and kept[-1].page == newest.page else None
    _keep(db, topic, replace(newest, former=former))
    return gone


def _keep(db: Database, topic: TopicId, archive: Archive) -> None:
    db.execute(
        "INSERT OR REPLACE INTO archives (topic, page, name, former, stories) VALUES (?, ?, ?, ?, ?)",
        [topic, archive.page, archive.name, archive.former, json.dumps(archive.stories)],
    )


def archives(db: Database, topic: TopicId) -> list[Archive]:
    """The topic's archive documents, the oldest first."""
    rows = db.query("SELECT name, former, stories FROM archives WHERE topic = ? ORDER BY page", [topic])
    return [
        Archive(row["name"], row["former"], tuple(map(StoryId, json.loads(row["stories"])))) for row in rows
    ]


def first_shown(db: Database, topic: TopicId, stories: Iterable[StoryId]) -> dict[StoryId, datetime]:
    """When each of these stories first stood in the topic."""
    rows = db.query(
        "SELECT story, published_at FROM publications WHERE topic = ? AND story IN (SELECT value FROM json_each(?))",
        [topic, json.dumps(list(stories))],
    )
    return {StoryId(row["story"]): from_text(row["published_at"]) for row in rows}


def published_in(db: Database, stories: Iterable[StoryId]) -> list[tuple[TopicId, StoryId]]:
    """The topics that each of these stories ever stood in."""
    rows = db.query(
        "SELECT topic, story FROM publications WHERE story IN (SELECT value FROM json_each(?)) ORDER BY topic, story",
        [json.dumps(list(stories))],
    )
    return [(TopicId(row["topic"]), StoryId(row["story"])) for row in rows]


def archived_in(db: Database, stories: Iterable[StoryId]) -> set[TopicId]:
    """The topics of which an archive document holds one of these stories."""
    rows = db.query(
        """
        SELECT DISTINCT topic FROM archives, json_each(archives.stories)
        WHERE value IN (SELECT value FROM json_each(?))
        """,
        [json.dumps(list(stories))],
    )
    return {TopicId(row["topic"]) for row in rows}


def withdraw_from_archives(db: Database, topic: TopicId, stories: Collection[StoryId]) -> None:
    """The topic's archive holds these stories no more, and its feed is to lead to other documents.

    Those that held one, and all after them, which lead there, have other names; nobody finds the former.
    """
    changed = False
    for archive in archives(db, topic):
        held = tuple(story for story in archive.stories if story not in stories)
        changed = changed or held != archive.stories
        if changed:
            _keep(db, topic, Archive(archive.next_name, None, held))
    forget_marks(db, [topic])
