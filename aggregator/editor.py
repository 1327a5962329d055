"""The editor's last word: pin, hide, merge, split, retitle. It outlives every later update."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from aggregator.errors import UsageError
from aggregator.model import EntryId, StoryId
from aggregator.store.connection import writing
from aggregator.store.entries import promote
from aggregator.store.stories import (
    former_story,
    leave_story,
    mark_edited,
    merge_story,
    refresh_story,
    resolve_story,
    set_word,
    story_rows,
)
from aggregator.story.cluster import split_from


def pin(db: Database, story: str, *, pinned: bool = True) -> StoryId:
    """Keep a story at the top of its topics whatever its age, or let it go again."""
    return _say(db, story, "pinned", int(pinned))


def hide(db: Database, story: str, *, hidden: bool = True) -> StoryId:
    """Take a story out of every topic, or let it back in."""
    return _say(db, story, "hidden", int(hidden))


def retitle(db: Database, story: str, headline: str | None) -> StoryId:
    """Give a story a headline of the editor's own; None goes back to the lead's."""
    return _say(db, story, "headline", (" ".join(headline.split()) or None) if headline else None)


def merge(db: Database, into: str, others: Sequence[str]) -> StoryId:
    """Let `into` take the entries of the other stories; their ids lead to it from now on."""
    with writing(db, durable=True):
        target = _resolve(db, into)
        merged = [story for story in (_resolve(db, other) for other in others) if story != target]
        if not merged:
            raise UsageError("there is nothing to merge: these are one story already")
        for story in merged:
            merge_story(db, story, target)
        mark_edited(db, [target])
        refresh_story(db, target)
    return target


def split(db: Database, story: str, entries: Sequence[int]) -> StoryId:
    """Make a story of some entries of a story, with their copies; returns it.

    It is a new one, or the one that they began before it was merged.
    """
    with writing(db, durable=True):
        origin = _resolve(db, story)
        held = _originals(db, origin)
        unknown = [str(id) for id in entries if id not in held]
        if unknown:
            raise UsageError(
                f"story {origin} does not hold entry {', '.join(unknown)}",
                hint=f"`aggregator entries list --story {origin}` names its entries",
            )
        leaving = sorted(id for id, original in held.items() if id in entries or original in entries)
        if len(leaving) == len(held):
            raise UsageError(f"all entries of story {origin} would leave it: there is nothing to split")
        ids = [EntryId(id) for id in leaving]
        made = former_story(db, origin, ids) or split_from(
            origin, story_rows(db, [origin])[origin].version, ids
        )
        leave_story(db, origin, ids, made)
        mark_edited(db, [origin, made])
        for original in {held[id] for id in leaving} - {None, *leaving}:
            promote(db, [id for id in leaving if held[id] == original])
        for changed in (origin, made):
            refresh_story(db, changed)
    return made


def _say(db: Database, story: str, word: str, value: object) -> StoryId:
    with writing(db, durable=True):
        id = _resolve(db, story)
        set_word(db, id, word, value)
    return id


def _resolve(db: Database, story: str) -> StoryId:
    id = resolve_story(db, story)
    if id is None:
        raise UsageError(f"there is no story {story!r}", hint="`aggregator stories list` names the stories")
    return id


def _originals(db: Database, story: StoryId) -> dict[int, int | None]:
    rows = db.query("SELECT id, duplicate_of FROM entries WHERE story = ?", [story])
    return {row["id"]: row["duplicate_of"] for row in rows}
