"""What is removed for its age, and backups."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest
from builders import LONG, NOON, Books, entry, source, topic
from program import configure

from aggregator import editor
from aggregator.config import load
from aggregator.errors import ConfigError, StoreError, UsageError
from aggregator.model import Feed
from aggregator.store.connection import open_store, writing
from aggregator.store.meta import write_meta
from aggregator.upkeep import backup, backup_if_due, prune, prune_daily

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
    books.fetch_from("a", old("old"), old("listed"), entry("new"))
    books.fetch_from("a", old("old", title="Headline old"), old("old", text="Revised report."))
    books.fetch_from("a", old("listed"), entry("new"))
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
    books.fetch_from("a", old("listed"))
    books.fetch_from("a", outcome=outcome, feed=Feed(), at=NOON + DAY)
    assert prune(books.db, before=NOON) == 0
    assert books.fetch_from("a", old("listed")).entries_new == 0


def test_a_pinned_story_stays_whole(books: Books) -> None:
    books.fetch_from("a", old("one", text=LONG), old("two"))
    books.fetch_from("b", old("copy", text=LONG))
    editor.pin(books.db, books.story_of("Headline one"))
    forget(books)
    assert prune(books.db, before=NOON) == 1
    assert titles(books) == ["copy", "one"]


def test_the_oldest_copy_becomes_the_original_of_the_others(books: Books) -> None:
    books.fetch_from("a", old("one", text=LONG))
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
    books.fetch_from("a", *(old(f"n{number}") for number in range(1203)))
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
    books.fetch_from("a", old("one"))
    forget(books)
    assert tidy(hours=23) == 0
    assert tidy(hours=24) == 1


def test_a_clock_that_ran_ahead_does_not_end_pruning(books: Books) -> None:
    assert prune_daily(books.db, keep=KEEP, now=NOON + 4000 * DAY) == 0
    books.fetch_from("a", old("one"))
    forget(books)
    assert prune_daily(books.db, keep=KEEP, now=NOON) == 1


def test_a_source_that_was_removed_keeps_its_entries_until_they_are_old(books: Books) -> None:
    books.fetch_from("a", old("old"), entry("new"))
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


def test_a_disk_without_hard_links_takes_backups(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_paths: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    # As exFAT answers, which cannot be mounted everywhere
    monkeypatch.setattr("os.link", link)
    assert backup(books.db, tmp_path / "copy.db")
    with pytest.raises(UsageError, match="is there already"):
        backup(books.db, tmp_path / "copy.db")
    assert sorted(path.name for path in tmp_path.glob("*copy*")) == ["copy.db"]
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_a_killed_backup_left_is_no_hindrance(books: Books, tmp_path: Path) -> None:
    (tmp_path / ".copy.db.partial").write_text("half a database " * 500)
    backup(books.db, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_backup_that_cannot_be_written_is_named(books: Books, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write the backup"):
        backup(books.db, tmp_path / "missing" / "copy.db")


def test_a_damaged_database_is_not_copied(books: Books, tmp_path: Path) -> None:
    books.fetch_from("a", *(entry(f"n{number}", text=f"{number} {LONG}" * 20) for number in range(300)))
    books.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "aggregator.db"
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40_000] = b"\x05" * 40_000
    path.write_bytes(data)
    with open_store(path) as db, pytest.raises(StoreError, match="the database is damaged") as refused:
        backup(db, tmp_path / "copy.db")
    assert refused.value.kind == "corrupt"
    assert list(tmp_path.glob("*copy*")) == []


def test_a_stopped_backup_leaves_nothing(books: Books, tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    assert not backup(books.db, tmp_path / "copy.db", stop=stop)
    assert list(tmp_path.glob("*copy*")) == []
    assert not books.db.conn.in_transaction


def due(books: Books, folder: Path, *, keep: int = 3, **after: float) -> str | None:
    """What the daemon does about backups so long after noon."""
    made = backup_if_due(
        books.db,
        folder.parent / "aggregator.db",
        folder,
        every=DAY,
        keep=keep,
        now=NOON + timedelta(**after),
        stop=Event(),
    )
    return made.name if made else None


def test_backups_are_made_when_due_and_the_oldest_go(books: Books, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "backups"
    (tmp_path / "deep" / "backups").mkdir(parents=True)
    (folder / "aggregator-notes.db").write_text("mine")
    (folder / ".aggregator-20241120T000000Z.db.partial").write_text("half")
    assert due(books, folder) == "aggregator-20241127T120000Z.db"
    assert due(books, folder, hours=23) is None
    for day in range(1, 5):
        assert due(books, folder, days=day) is not None
    assert sorted(path.name for path in folder.iterdir()) == [
        "aggregator-20241129T120000Z.db",
        "aggregator-20241130T120000Z.db",
        "aggregator-20241201T120000Z.db",
        "aggregator-notes.db",
    ]
    assert due(books, folder, keep=1, days=9) == "aggregator-20241206T120000Z.db"
    assert len(list(folder.glob("aggregator-2*"))) == 1


def test_a_clock_that_ran_ahead_does_not_end_backups(books: Books, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    assert due(books, folder, days=4000)
    assert due(books, folder)
    assert due(books, folder, hours=1) is None
    assert due(books, folder, keep=1, days=1) == "aggregator-20241128T120000Z.db"
    assert (folder / "aggregator-20241128T120000Z.db").exists()


def test_backups_are_configured_relative_to_the_file(tmp_path: Path) -> None:
    config = configure(tmp_path, {})
    assert load(config, environ={}).backups is None
    file = config / "aggregator.yaml"
    for written, folder in (
        ("{}", tmp_path / "backups"),
        ("{directory: copies}", config / "copies"),
        ("{directory: /srv/copies, every: 6h, keep: 28}", Path("/srv/copies")),
    ):
        file.write_text(f"storage: {{backup: {written}}}")
        assert load(config, environ={}).backups == folder
    file.write_text("storage:\n  backup: {directory: ' ', every: 5s, keep: 0, kep: 1}\n")
    with pytest.raises(ConfigError) as refused:
        load(config, environ={})
    assert [problem.partition("aggregator.yaml")[2] for problem in refused.value.problems] == [
        ":2:45: storage.backup.keep: must be at least 1, found '0'",
        ":2:48: storage.backup.kep: unknown key 'kep', did you mean 'keep'?",
    ]
    file.write_text("storage:\n  backup: {directory: ' ', every: 5s}\n")
    with pytest.raises(ConfigError) as refused:
        load(config, environ={})
    assert [problem.partition("aggregator.yaml")[2] for problem in refused.value.problems] == [
        ":2:23: storage.backup.directory: ' ' is not a path",
        ":2:35: storage.backup.every: must be at least 1m",
    ]


def test_a_folder_for_backups_that_cannot_be_made_is_named(books: Books, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot keep backups in") as refused:
        due(books, tmp_path / "file" / "backups")
    assert refused.value.kind is None


def test_a_backup_that_is_killed_leaves_no_half_file_under_its_name(books: Books, tmp_path: Path) -> None:
    text = " ".join(f"word{number}" for number in range(2000))
    books.fetch_from("a", *(entry(f"n{number}", text=f"{number} {text}") for number in range(300)))
    program = (
        "import sys, datetime, threading; from pathlib import Path\n"
        "from aggregator.store.connection import open_store; from aggregator.upkeep import backup_if_due\n"
        "path, now = Path(sys.argv[1]), datetime.datetime.fromisoformat(sys.argv[2])\n"
        "with open_store(path) as db:\n"
        "    print('begins', flush=True)\n"
        "    while True:\n"
        "        now += datetime.timedelta(days=1)\n"
        "        backup_if_due(db, path, path.parent / 'backups', every=datetime.timedelta(days=1), keep=5, now=now,"
        " stop=threading.Event())\n"
    )
    folder = tmp_path / "backups"
    random = Random(3)
    for turn in range(8):
        begin = (NOON + turn * 1000 * DAY).isoformat()
        command = [sys.executable, "-c", program, str(tmp_path / "aggregator.db"), begin]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(random.uniform(0.05, 0.4))
            process.kill()
            process.wait()
        for path in folder.glob("*.db"):
            if not path.name.startswith("."):
                with closing(sqlite3.connect(path)) as copy:
                    assert copy.execute("PRAGMA quick_check").fetchall() == [("ok",)]
                    assert copy.execute("SELECT count(*) FROM entries").fetchone() == (300,)
    assert due(books, folder, days=9000)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    assert 1 <= len(list(folder.iterdir())) <= 5
