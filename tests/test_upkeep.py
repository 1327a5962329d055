"""What is removed for its age, and backups."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from builders import LONG, NOON, Books, entry, source, topic

from aggregator import editor
from aggregator.errors import StoreError, UsageError
from aggregator.model import Feed
from aggregator.store.connection import open_store, writing
from aggregator.store.meta import write_meta
from aggregator.upkeep import backup, prune, prune_daily

DAY = timedelta(days=1)
KEEP = 30 * DAY


def titles(books: Books) -> list[str]:
    return [
        title.removeprefix("Headline ") for (title,) in books.rows("SELECT title FROM entries ORDER BY title")
    ]


def old(name: str, days: int = 40, **changes: object) -> object:
    return entry(name, published=NOON - days * DAY, **changes)


def forget(books: Books, *sources: str) -> None:
    """The sources list nothing any more."""
    for name in sources or "abc":
        books.fetch_from(name)


def test_old_entries_go_once_their_source_lists_them_no_more(books: Books) -> None:
    books.configure(topics=[topic(all_of=("headline",))])
    books.fetch_from("a", old("old"), old("listed"), entry("new"))  # type: ignore[arg-type]
    books.fetch_from("a", old("old", title="Headline old"), old("old", text="Revised report."))  # type: ignore[arg-type]
    books.fetch_from("a", old("listed"), entry("new"))  # type: ignore[arg-type]
    assert prune(books.db, before=NOON - KEEP) == 1
    assert titles(books) == ["listed", "new"]
    for table in ("revisions", "matches"):
        assert books.rows(f"SELECT count(*) FROM {table} WHERE entry NOT IN (SELECT id FROM entries)") == [
            (0,)
        ]
    assert books.rows("SELECT count(*) FROM stories") == [(2,)]
    books.db.execute("INSERT INTO entries_fts (entries_fts, rank) VALUES ('integrity-check', 1)")


@pytest.mark.parametrize("outcome", ["not_modified", "unchanged"])
def test_what_a_source_still_lists_does_not_come_back_as_new(books: Books, outcome: str) -> None:
    books.fetch_from("a", old("listed"))  # type: ignore[arg-type]
    books.fetch_from("a", outcome=outcome, feed=Feed(), at=NOON + DAY)
    assert prune(books.db, before=NOON) == 0
    assert books.fetch_from("a", old("listed")).entries_new == 0  # type: ignore[arg-type]


def test_a_pinned_story_stays_whole(books: Books) -> None:
    books.fetch_from("a", old("one", text=LONG), old("two"))  # type: ignore[arg-type]
    books.fetch_from("b", old("copy", text=LONG))  # type: ignore[arg-type]
    editor.pin(books.db, books.story_of("Headline one"))
    forget(books)
    assert prune(books.db, before=NOON) == 1
    assert titles(books) == ["copy", "one"]


def test_the_oldest_copy_becomes_the_original_of_the_others(books: Books) -> None:
    books.fetch_from("a", old("one", text=LONG))  # type: ignore[arg-type]
    for name in "bc":
        books.fetch_from(name, entry(name, text=LONG))
    forget(books, "a")
    story = books.story_of("Headline one")
    assert prune(books.db, before=NOON - KEEP) == 1
    assert books.rows("SELECT source, story, duplicate_of FROM entries ORDER BY id") == [
        ("b", story, None),
        ("c", story, 2),
    ]
    assert books.story(story).first_published == NOON - timedelta(hours=1)


def test_many_entries_go_in_short_transactions(books: Books) -> None:
    books.fetch_from("a", *(old(f"n{number}") for number in range(1203)))  # type: ignore[arg-type]
    forget(books)
    begun: list[str] = []
    books.db.conn.set_trace_callback(lambda sql: begun.append(sql) if sql.startswith("BEGIN") else None)
    assert prune(books.db, before=NOON) == 1203
    books.db.conn.set_trace_callback(None)
    assert len(begun) == 3
    assert titles(books) == []


def test_pruning_is_done_once_a_day(books: Books) -> None:
    def tidy(**after: float) -> int:
        return prune_daily(books.db, keep=KEEP, now=NOON + timedelta(**after))

    assert tidy() == 0
    books.fetch_from("a", old("one"))  # type: ignore[arg-type]
    forget(books)
    assert tidy(hours=23) == 0
    assert tidy(hours=24) == 1


def test_a_clock_that_ran_ahead_does_not_end_pruning(books: Books) -> None:
    assert prune_daily(books.db, keep=KEEP, now=NOON + 4000 * DAY) == 0
    books.fetch_from("a", old("one"))  # type: ignore[arg-type]
    forget(books)
    assert prune_daily(books.db, keep=KEEP, now=NOON) == 1


def test_a_source_that_was_removed_keeps_its_entries_until_they_are_old(books: Books) -> None:
    books.fetch_from("a", old("old"), entry("new"))  # type: ignore[arg-type]
    books.configure(sources=[source("b")])
    assert prune(books.db, before=NOON - KEEP) == 1
    assert titles(books) == ["new"]


# Backups


def test_a_backup_made_while_a_writer_writes_is_sound(books: Books, tmp_path: Path) -> None:
    books.fetch_from("a", *(entry(f"n{number}", text=f"{number} {LONG}" * 20) for number in range(300)))
    stop, wrote = Event(), Event()

    def write() -> None:
        with open_store(tmp_path / "aggregator.db") as other:
            number = 0
            while not stop.is_set():
                with writing(other):
                    write_meta(other, "left", str(number))
                    write_meta(other, "right", str(number))
                number += 1
                wrote.set()

    writer = Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(30)
        backup(books.db, tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("SELECT count(*) FROM entries").fetchone() == (300,)
        (left,), (right,) = copy.execute("SELECT value FROM meta WHERE name IN ('left', 'right')").fetchall()
        assert left == right
    assert sorted(path.name for path in tmp_path.glob("*copy*")) == ["copy.db"]
    with open_store(tmp_path / "copy.db") as restored:
        assert restored.execute("SELECT count(*) FROM stories").fetchone() == (300,)


def test_a_backup_overwrites_nothing(books: Books, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        backup(books.db, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_what_a_killed_backup_left_is_no_hindrance(books: Books, tmp_path: Path) -> None:
    (tmp_path / ".copy.db.partial").write_text("half a database " * 500)
    backup(books.db, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_backup_that_cannot_be_written_is_named(books: Books, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write the backup"):
        backup(books.db, tmp_path / "missing" / "copy.db")
