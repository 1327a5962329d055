"""What holds in the store whatever comes in, whatever an editor says, whatever is pruned."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from builders import LONG, NOON, Books, entry, failure, topic
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aggregator import editor
from aggregator.store.connection import open_store
from aggregator.store.matches import search
from aggregator.store.stories import merged_stories, newest_stories, resolve_story
from aggregator.topic.rule import Rule
from aggregator.upkeep import prune

TEXTS = [LONG, f"{LONG} and the second version", "Short report.", ""]
ENTRIES = st.builds(
    lambda number, text, title, days: entry(
        f"e{number}",
        url=f"https://outlet.example/{number // 2}" if number < 6 else None,
        text=text,
        title=title,
        published=NOON - timedelta(days=days),
    ),
    st.integers(0, 8),
    st.sampled_from(TEXTS),
    st.sampled_from(["Delegation in Seoul", "Kyiv asks", "Report"]),
    st.integers(0, 60),
)
DOCUMENTS = st.lists(ENTRIES, max_size=5, unique_by=lambda one: one.identity)
SOURCES = st.sampled_from("abc")
SEVERAL = st.lists(st.integers(0, 30), min_size=1, max_size=3)


class Newsroom(RuleBasedStateMachine):
    """A store that takes harvests, an editor's words and prunes, in any order."""

    @initialize()
    def open(self) -> None:
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        db = self.stack.enter_context(open_store(folder / "a.db"))
        db.execute("PRAGMA synchronous=OFF")
        asked: list[Any] = [topic("t", any_of=("seoul", "report*")), topic("u", all_of=("second version",))]
        self.books = Books(db, folder / "feeds", topics=asked)
        self.now: datetime = NOON
        self.merged: set[str] = set()
        self.seen: dict[str, int] = {}

    def teardown(self) -> None:
        self.stack.close()

    def stories(self) -> list[str]:
        return [str(id) for id in newest_stories(self.books.db, limit=None)]

    def has_stories(self) -> bool:
        return bool(self.stories())

    @rule(source=SOURCES, entries=DOCUMENTS)
    def harvest(self, source: str, entries: list[Any]) -> None:
        self.now += timedelta(hours=1)
        (before,) = self.books.rows("SELECT count(*) FROM entries")[0]
        applied = self.books.fetch_from(source, *entries, at=self.now)
        (after,) = self.books.rows("SELECT count(*) FROM entries")[0]
        assert after - before == applied.entries_new <= len(entries)
        assert not applied.stories_new & applied.stories_updated
        assert self.books.fetch_from(source, *entries, at=self.now).entries_new == 0

    @rule(source=SOURCES)
    def fail(self, source: str) -> None:
        before = self.books.rows("SELECT * FROM entries")
        self.books.apply(failure(source, at=self.now))
        assert self.books.rows("SELECT * FROM entries") == before

    @rule(days=st.integers(0, 60))
    def prune(self, days: int) -> None:
        listed = self.books.rows("SELECT json_each.value FROM sources, json_each(sources.window)")
        prune(self.books.db, before=NOON - timedelta(days=days))
        kept = {id for (id,) in self.books.rows("SELECT id FROM entries")}
        assert {id for (id,) in listed} <= kept

    @precondition(has_stories)
    @rule(
        which=st.integers(0, 30),
        on=st.booleans(),
        word=st.sampled_from([editor.pin, editor.hide, editor.retitle]),
    )
    def say(self, which: int, on: bool, word: Any) -> None:
        stories = self.stories()
        story = stories[which % len(stories)]
        if word is editor.retitle:
            editor.retitle(self.books.db, story, "By hand" if on else None)
        else:
            word(self.books.db, story, **{"pinned" if word is editor.pin else "hidden": on})

    @precondition(has_stories)
    @rule(which=SEVERAL, into=st.integers(0, 30))
    def merge(self, which: list[int], into: int) -> None:
        stories = [*self.stories(), *sorted(self.merged & set(merged_stories(self.books.db)))]
        target = resolve_story(self.books.db, stories[into % len(stories)])
        others = {stories[number % len(stories)] for number in which}
        moved = {resolve_story(self.books.db, other) for other in others} - {target}
        if moved:
            assert editor.merge(self.books.db, str(target), sorted(others)) == target
            self.merged |= {str(story) for story in moved}

    @precondition(has_stories)
    @rule(which=st.integers(0, 30), picked=SEVERAL)
    def split(self, which: int, picked: list[int]) -> None:
        stories = self.stories()
        story = stories[which % len(stories)]
        rows = self.books.rows("SELECT id, duplicate_of FROM entries WHERE story = ? ORDER BY id", story)
        entries = {rows[number % len(rows)][0] for number in picked}
        if any(id not in entries and original not in entries for id, original in rows):
            made = editor.split(self.books.db, story, sorted(entries))
            assert made not in stories
            assert self.books.story_of_id(min(entries)) == made

    @invariant()
    def every_entry_is_in_one_living_story(self) -> None:
        assert not self.books.rows(
            "SELECT * FROM entries WHERE story NOT IN (SELECT id FROM stories WHERE merged_into IS NULL)"
        )

    @invariant()
    def no_living_story_is_empty(self) -> None:
        assert not self.books.rows(
            "SELECT * FROM stories WHERE merged_into IS NULL AND id NOT IN (SELECT story FROM entries)"
        )

    @invariant()
    def a_copy_points_to_an_original_of_the_same_story(self) -> None:
        assert not self.books.rows(
            "SELECT copy.id FROM entries AS copy"
            " LEFT JOIN entries AS original ON original.id = copy.duplicate_of"
            " WHERE copy.duplicate_of IS NOT NULL AND (original.id IS NULL"
            " OR original.duplicate_of IS NOT NULL OR original.story <> copy.story)"
        )

    @invariant()
    def an_identity_is_stored_once_a_source(self) -> None:
        assert not self.books.rows("SELECT 1 FROM entries GROUP BY source, identity HAVING count(*) > 1")

    @invariant()
    def the_matches_are_those_of_the_whole_store(self) -> None:
        rows = self.books.rows("SELECT topic, entry FROM matches ORDER BY topic, entry")
        rules: list[Rule] = self.books.rules
        assert rows == sorted(
            (one.topic, match.entry) for one in rules for match in search(self.books.db, one)
        )
        self.books.db.execute("INSERT INTO entries_fts (entries_fts, rank) VALUES ('integrity-check', 1)")

    @invariant()
    def merged_ids_lead_to_a_living_story_and_no_version_goes_back(self) -> None:
        stories = dict(self.books.rows("SELECT id, version FROM stories"))
        living = set(self.stories())
        for merged in self.merged & set(stories):
            assert resolve_story(self.books.db, merged) in living
        assert all(self.seen.get(id, 0) <= version for id, version in stories.items())
        self.seen = stories


TestNewsroom = Newsroom.TestCase
TestNewsroom.settings = settings(max_examples=60, stateful_step_count=25)
