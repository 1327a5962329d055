"""The database file: opening, writing, one writer at a time, and what is said when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from builders import NOON, Books, entry, failure, harvest, source, topic
from sqlite_utils import Database

from aggregator import editor, upkeep
from aggregator.errors import AggregatorError, PublishError, StoreError
from aggregator.store.connection import open_store, translated, writer_lock, writing
from aggregator.store.meta import last_passes, read_meta, record_pass, write_meta
from aggregator.store.migrations import MIGRATIONS
from aggregator.store.sources import due_sources, sync_sources


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk" / "aggregator.db"


def schema(db: Database) -> list[Any]:
    return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


# Opening


def test_a_store_is_made_with_its_folder(path: Path) -> None:
    with open_store(path) as db:
        assert {"sources", "entries", "stories", "matches"} <= set(db.table_names())
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_again_changes_nothing(path: Path) -> None:
    with open_store(path) as db:
        sync_sources(db, [source("a")])
        before = schema(db), list(db.query("SELECT * FROM _sqlite_migrations"))
    with open_store(path) as db:
        assert (schema(db), list(db.query("SELECT * FROM _sqlite_migrations"))) == before
        assert [state.id for state in due_sources(db, "due", now=NOON)] == ["a"]


def test_migrations_that_break_off_leave_an_empty_file(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as limited:
        limited.execute("PRAGMA page_size=512")
        limited.execute("PRAGMA max_page_count=20")
        limited.isolation_level = None
        limited.execute("PRAGMA journal_mode=WAL")
        db = Database(limited)
        with pytest.raises(StoreError, match="full"), writing(db):
            MIGRATIONS.apply(db)
        assert schema(db) == []
    with open_store(path) as db:
        assert "entries" in db.table_names()


def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    with open_store(path) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('aggregator', 'version_99', '')"
        )
    with pytest.raises(StoreError, match=r"newer version \(it has version_99\)") as refused, open_store(path):
        pass
    assert "install that version" in str(refused.value.hint)


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StoreError, match="another program") as refused, open_store(path):
        pass
    assert "storage.database" in str(refused.value.hint)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"<rss version='2.0'>" * 1000)
    with pytest.raises(StoreError, match="is damaged or no SQLite database") as refused, open_store(path):
        pass
    assert str(path) in refused.value.message
    assert "backup" in str(refused.value.hint)
    assert path.read_bytes().startswith(b"<rss")


def test_a_damaged_database_is_named(path: Path) -> None:
    with open_store(path) as db:
        sync_sources(db, [source(f"s{number}") for number in range(2000)])
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(1) * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"), open_store(path) as db:
        due_sources(db, "all", now=NOON)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened") as refused, open_store(tmp_path):
        pass
    assert str(tmp_path) in refused.value.message


@pytest.mark.parametrize("below", ["a.db", "x/a.db", "x/y/z/a.db"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / below, Path("/proc/nothing") / below):
        with pytest.raises(StoreError, match=str(path)), open_store(path):
            pass
        with pytest.raises(StoreError, match="cannot be made"), writer_lock(path):
            pass


def test_a_lock_that_cannot_be_taken_is_named(path: Path) -> None:
    path.with_name("aggregator.db.lock").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot lock"), writer_lock(path):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot be opened"), open_store(tmp_path / "a.db"):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_database_that_may_only_be_read_is_named(path: Path) -> None:
    with open_store(path):
        pass
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        pytest.raises(StoreError, match="cannot be written to"),
        translated(path),
    ):
        connection.execute("INSERT INTO meta VALUES ('a', 'b')")


def test_a_full_disk_is_named(path: Path) -> None:
    with (  # noqa: PT012 (the limit comes with the connection)
        pytest.raises(StoreError, match="the disk is full") as refused,
        open_store(path) as db,
    ):
        db.execute("PRAGMA max_page_count=1")
        write_meta(db, "large", "x" * 10_000_000)
    assert "make room" in str(refused.value.hint)


def test_errors_that_are_not_the_stores_pass_through(path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_store(path):
        (path.parent / "elsewhere" / "file").read_bytes()
    with pytest.raises(PublishError), open_store(path):
        raise PublishError("no room")


def test_an_error_of_sql_keeps_its_words(path: Path) -> None:
    with pytest.raises(StoreError, match="no such table: nowhere"), open_store(path) as db:
        db.execute("SELECT * FROM nowhere")


# Writing


def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    with pytest.raises(KeyboardInterrupt), writing(db):  # noqa: PT012 (the write before it counts)
        write_meta(db, "name", "value")
        raise KeyboardInterrupt
    assert read_meta(db, "name") is None
    with writing(db):
        write_meta(db, "name", "value")
        write_meta(db, "name", "other")
    assert read_meta(db, "name") == "other"


def test_a_commit_that_fails_leaves_no_open_transaction(db: Database) -> None:
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("CREATE TABLE mother (id INTEGER PRIMARY KEY)")
    db.execute("CREATE TABLE child (mother REFERENCES mother DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), writing(db):
        db.execute("INSERT INTO child VALUES (1)")
    with writing(db):
        write_meta(db, "after", "all is well")
    assert db.execute("SELECT count(*) FROM child").fetchone() == (0,)


def test_a_transaction_that_sqlite_itself_ended_is_no_second_error(db: Database) -> None:
    db.execute("CREATE TRIGGER refuse BEFORE INSERT ON meta BEGIN SELECT RAISE(ROLLBACK, 'not now'); END")
    with pytest.raises(sqlite3.IntegrityError, match="not now"), writing(db):
        write_meta(db, "name", "value")
    assert not db.conn.in_transaction


def test_what_no_source_would_bring_again_is_flushed_to_disk_at_once(books: Books) -> None:
    books.fetch_from("a", entry("one"))
    said: list[str] = []
    books.db.conn.set_trace_callback(said.append)
    editor.pin(books.db, books.story_of("Headline one"))
    books.db.conn.set_trace_callback(None)
    assert [line for line in said if line.startswith(("PRAGMA", "BEGIN", "COMMIT"))] == [
        "PRAGMA synchronous=FULL",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "PRAGMA synchronous=NORMAL",
    ]
    with writing(books.db, durable=True):
        assert books.db.execute("PRAGMA synchronous").fetchone() == (2,)
    with pytest.raises(KeyError), writing(books.db, durable=True):
        raise KeyError
    assert books.db.execute("PRAGMA synchronous").fetchone() == (1,)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another connection is in the middle of a write."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


WRITERS: dict[str, Callable[[Books], object]] = {
    "a harvest": lambda books: books.apply(harvest("a", entry("new"))),
    "a failed harvest": lambda books: books.apply(failure("a")),
    "the configuration": lambda books: books.configure(topics=[topic("other")]),
    "an editor's pin": lambda books: editor.pin(books.db, books.story_of("Headline one")),
    "an editor's split": lambda books: editor.split(books.db, books.story_of("Headline one"), [2]),
    "a publication": lambda books: books.publish(),
    "a prune": lambda books: upkeep.prune(books.db, before=NOON),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_every_writer_says_that_the_database_is_locked(
    books: Books, tmp_path: Path, write: Callable[[Books], object]
) -> None:
    books.fetch_from("a", entry("one"))
    books.fetch_from("b", entry("one"))
    books.configure(topics=[topic()])
    books.db.execute("PRAGMA busy_timeout=20")
    before = list(books.db.conn.iterdump())
    path = tmp_path / "aggregator.db"
    with (
        held(path),
        pytest.raises(StoreError, match="locked by another program") as refused,
        translated(path),
    ):
        write(books)
    assert "fuser" in str(refused.value.hint)
    assert list(books.db.conn.iterdump()) == before
    write(books)


def test_a_writer_waits_for_another_to_end(books: Books, tmp_path: Path) -> None:
    with closing(
        sqlite3.connect(tmp_path / "aggregator.db", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        end = Timer(0.1, other.execute, ["COMMIT"])
        end.start()
        books.fetch_from("a", entry("one"))
        assert not other.in_transaction
        end.join()
    assert books.coverage() == [["Headline one"]]


# One program at a time


def test_a_second_program_is_refused_while_the_first_is_at_work(path: Path) -> None:
    program = (
        "import sys, pathlib; from aggregator.store.connection import writer_lock\n"
        "with writer_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="another aggregator is at work") as refused, writer_lock(path):
            pass
        assert "stop it first" in str(refused.value.hint)
        first.kill()
        first.wait()
    with writer_lock(path), open_store(path):
        pass


# Small facts


def test_the_last_hundred_passes_are_kept(db: Database) -> None:
    for number in range(130):
        with writing(db):
            record_pass(db, {"sources": number}, started_at=NOON)
    passes = list(last_passes(db, 500))
    assert len(passes) == 100
    assert passes[0] == {"started_at": "2024-11-27T12:00:00Z", "sources": 129}


def test_store_errors_are_for_people(path: Path) -> None:
    with pytest.raises(AggregatorError) as told, translated(path):
        raise sqlite3.Error("something else")
    assert (told.value.message, told.value.hint) == (f"{path}: something else", None)
