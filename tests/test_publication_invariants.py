"""Whatever comes in and whatever an editor says: what is published by steps is what would be published at once."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from builders import entry, source, topic
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from test_ledger_invariants import Newsroom

from aggregator.model import Entry, StoryId
from aggregator.settings import Output
from aggregator.store.connection import open_store, writing
from aggregator.store.stories import relate


class Press(Newsroom):
    """A newsroom that publishes now and then."""

    @initialize()
    def open(self) -> None:
        super().open()
        self.books.configure(
            sources=[source("a", tags=("near",)), source("b"), source("c", tags=("near",))],
            topics=[
                topic("t", any_of=("seoul", "report*"), items=3),
                topic("u", all_of=("second version",), token="a-path-that-nobody-would-guess"),
                topic("v", any_of=("kyiv", "delegation"), items=2, max_age="20d"),
            ],
            output=Output(all=True, tags=("near",)),
        )

        for id in "abc":
            numbers = range(4) if id == "a" else range(2)
            self.books.fetch_from(id, *(report(id, number) for number in numbers))

    @rule(source=st.sampled_from("abc"), number=st.integers(0, 4), told=st.integers(0, 3))
    def report(self, source: str, number: int, told: int) -> None:
        """A new report, or one that its source tells in other words."""
        self.now += timedelta(hours=1)
        self.books.fetch_from(source, report(source, number, told), at=self.now)

    @precondition(Newsroom.has_stories)
    @rule(one=st.integers(0, 9), other=st.integers(0, 9))
    def relate(self, one: int, other: int) -> None:
        stories = self.stories()
        with writing(self.books.db):
            relate(self.books.db, *(StoryId(stories[number % len(stories)]) for number in (one, other)))

    @invariant()
    def publish(self) -> None:
        self.books.publish(now=self.now)

    @precondition(Newsroom.has_stories)
    @rule()
    def compare(self) -> None:
        published = contents(self.books.folder)
        assert self.books.publish(now=self.now, anew=True).files == 0
        with tempfile.TemporaryDirectory() as folder:
            assert contents(self.published_at_once(Path(folder))).items() <= published.items()

    def published_at_once(self, folder: Path) -> Path:
        """What a store that remembers nothing of its files and stories publishes."""
        with closing(sqlite3.connect(folder / "copy.db")) as copy:
            self.books.db.conn.backup(copy)
            copy.executescript("DELETE FROM files; DELETE FROM compositions; UPDATE channels SET mark = NULL")
        with open_store(folder / "copy.db") as db:
            copied = replace(self.books, db=db, folder=folder / "feeds")
            copied.publish(now=self.now)
        return copied.folder


def report(source: str, number: int, told: int = 0) -> Entry:
    """Of an event of its own, which all sources tell in words of their own; each time in others."""
    words = f"{source} {number} {'again ' * told}"
    return entry(
        f"{source}{number}",
        title=f"Delegation {number} in Seoul",
        text=f"The report {words}has the first sentence. Kyiv asks {words}for the second version. {words}is the third.",
    )


def contents(folder: Path) -> dict[str, bytes]:
    """All files but archive documents, which never change."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "archive"
    }


TestPress = Press.TestCase
TestPress.settings = settings(max_examples=25, stateful_step_count=20)
