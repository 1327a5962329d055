"""A database that is damaged, empty or gone: it is never passed over, never replaced by an empty one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from builders import source
from origin import Origin, rss
from program import aggregator, configure, started
from sqlite_utils import Database

from aggregator.errors import StoreError
from aggregator.store.connection import open_store, writer_lock, writing
from aggregator.store.health import ROOM, damage, ensure_room, try_room
from aggregator.store.meta import read_meta, write_meta
from aggregator.store.sources import sync_sources

BACKUP = "backups/aggregator-20261101T000000Z.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aggregator.db"


@contextmanager
def at_work(path: Path) -> Iterator[None]:
    with writer_lock(path, backups=path.parent / "backups"), open_store(path):
        yield


def fill(path: Path) -> None:
    with writer_lock(path), open_store(path) as db, writing(db):
        sync_sources(db, [source(f"s{number}") for number in range(2000)])
        write_meta(db, "is", "filled")


def back_up(path: Path) -> None:
    (path.parent / "backups").mkdir()
    shutil.copy(path, path.parent / BACKUP)


def spoil(path: Path) -> None:
    """Overwrite pages in the middle, as a disk might."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 20 * 4096] = os.urandom(20 * 4096)
    path.write_bytes(data)


def is_filled(path: Path) -> bool:
    with open_store(path) as db:
        return read_meta(db, "is") == "filled"


def killed_at_work(path: Path) -> None:
    """A writer is killed while it holds the store open."""
    program = (
        "import sys, pathlib; from aggregator.store.connection import open_store, writer_lock, writing\n"
        "from aggregator.store.meta import write_meta\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "with writer_lock(path), open_store(path) as db:\n"
        "    with writing(db): write_meta(db, 'left', 'in the log')\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGKILL)
        process.wait()


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


# After an end that was not clean


def test_a_clean_end_leaves_no_mark(path: Path) -> None:
    fill(path)
    assert names(path) == ["aggregator.db", "aggregator.db.lock"]


def test_an_error_of_other_kind_is_a_clean_end(path: Path) -> None:
    with pytest.raises(ValueError, match="other"), at_work(path):
        raise ValueError("other")
    assert names(path) == ["aggregator.db", "aggregator.db.lock"]


def test_a_sound_database_goes_on_after_a_kill(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fill(path)
    killed_at_work(path)
    assert "aggregator.db.unclean" in names(path)
    with at_work(path):
        assert "did not end cleanly the last time: checking" in caplog.text
    with open_store(path) as db:
        assert read_meta(db, "left") == "in the log"
    assert names(path) == ["aggregator.db", "aggregator.db.lock"]


def test_a_first_start_that_was_killed_is_made_again(path: Path) -> None:
    killed_at_work(path)
    for file in path.parent.glob("aggregator.db*"):
        if not file.name.endswith(".unclean"):
            file.unlink()
    assert (path.parent / "aggregator.db.unclean").read_bytes() == b"new"
    for beginning in (lambda: None, path.touch):
        beginning()
        with at_work(path):
            pass
        path.unlink()
        (path.parent / "aggregator.db.unclean").write_bytes(b"new")


def test_a_damaged_database_is_set_aside_and_the_newest_backup_named(path: Path) -> None:
    fill(path)
    back_up(path)
    shutil.copy(path, path.parent / "backups/aggregator-20261031T000000Z.db")
    killed_at_work(path)
    log = Path(f"{path}-wal").read_bytes()
    spoil(path)
    spoilt = path.read_bytes()
    with pytest.raises(StoreError, match="was damaged when the program last ended") as refused, at_work(path):
        pass
    assert refused.value.kind == "corrupt"
    (aside,) = path.parent.glob("aggregator.db.damaged-*Z")
    assert str(aside) in refused.value.message
    assert aside.read_bytes() == spoilt
    # What SQLite had not written back is kept too, and can't be played into what is put in its place
    assert Path(f"{aside}-wal").read_bytes() == log
    assert not list(path.parent.glob("aggregator.db-*"))
    restore = shlex.join(["cp", str(path.parent / BACKUP), str(path)])
    assert f"the newest backup is of 2026-11-01 00:00 UTC: `{restore}`" in str(refused.value.hint)
    with pytest.raises(StoreError, match=r"is missing, though .*damaged-.* is kept") as again, at_work(path):
        pass
    assert not path.exists()
    command = re.search(r"`(cp .*)`", str(again.value.hint))
    assert command is not None
    subprocess.run(command[1], shell=True, check=True)
    with at_work(path):
        pass
    assert is_filled(path)


def test_damage_that_is_met_at_work_is_looked_into_at_the_next_start(path: Path) -> None:
    fill(path)
    spoil(path)
    with pytest.raises(StoreError, match="is damaged") as met, writer_lock(path), open_store(path) as db:
        db.execute("SELECT sum(length(url)), sum(length(host)) FROM sources").fetchall()
    assert met.value.kind == "corrupt"
    assert "backup" in str(met.value.hint)
    with pytest.raises(StoreError, match="it is kept as"), at_work(path):
        pass


def test_without_anything_left_of_it_a_new_one_is_made(path: Path) -> None:
    fill(path)
    for file in path.parent.glob("aggregator.db*"):
        file.unlink()
    with at_work(path):
        pass
    assert not is_filled(path)


# A database that should be there


def test_a_missing_database_is_not_made_anew_while_there_is_a_backup(path: Path) -> None:
    fill(path)
    back_up(path)
    path.unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="is missing, though there was a database"), at_work(path):
            pass
        assert not path.exists()


def test_a_missing_database_is_not_made_anew_when_its_log_is_left(path: Path) -> None:
    fill(path)
    killed_at_work(path)
    path.unlink()
    with pytest.raises(StoreError, match=r"is missing, .*damaged-\w+-wal"), at_work(path):
        pass
    assert not path.exists()
    assert not Path(f"{path}-wal").exists()


@pytest.mark.parametrize("is_backed_up", [True, False])
def test_an_empty_file_is_not_taken_for_a_new_database(path: Path, is_backed_up: bool) -> None:
    fill(path)
    if is_backed_up:
        back_up(path)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="is empty") as refused, at_work(path):
        pass
    assert "backup" in str(refused.value.hint)
    with pytest.raises(StoreError, match="is empty"), open_store(path):
        pass
    assert path.read_bytes() == b""


def test_a_file_of_another_kind_is_never_moved(path: Path) -> None:
    path.write_text("# A page of ours\n" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="no SQLite database"), at_work(path):
            pass
        assert path.read_text().startswith("# A page")


# A database that goes away while it is open


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_nothing_is_written_into_a_database_that_was_taken_away(path: Path, how: str) -> None:
    fill(path)

    def take_away() -> None:
        path.rename(path.with_name("away.db"))
        if how == "replaced":
            shutil.copy(path.with_name("away.db"), path)

    with (  # noqa: PT012 (the file goes while it is open)
        pytest.raises(StoreError, match="removed or replaced") as refused,
        writer_lock(path),
        open_store(path) as db,
    ):
        take_away()
        with writing(db):
            write_meta(db, "is", "lost")
    assert refused.value.kind == "gone"
    path.unlink(missing_ok=True)
    with pytest.raises(StoreError, match="is missing, though there was a database"), at_work(path):
        pass
    path.with_name("away.db").rename(path)
    with at_work(path):
        assert is_filled(path)


@pytest.mark.parametrize("how", ["replaced", "moved"])
def test_the_log_of_a_database_that_was_taken_away_is_left_to_no_other(path: Path, how: str) -> None:
    away, older = path.with_name("away.db"), path.with_name("older.db")
    fill(path)
    shutil.copy(path, older)
    with writer_lock(path), open_store(path) as db:
        write_many(db, "before")
    with writer_lock(path), open_store(path) as db:
        write_many(db, "after")
        path.rename(away)
        if how == "replaced":
            shutil.copy(older, path)
    held = {away: 4001, path: 1} if how == "replaced" else {away: 4001}
    for file, count in held.items():
        with closing(sqlite3.connect(file)) as found:
            assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert found.execute("SELECT count(*) FROM meta WHERE value != ''").fetchone() == (count,)


def write_many(db: Database, name: str) -> None:
    with writing(db):
        for number in range(2000):
            write_meta(db, f"{name}-{number}", "x" * 100)


# Room


def test_the_room_on_a_disk_is_known(tmp_path: Path) -> None:
    ensure_room(tmp_path)
    try_room(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match=r"the disk is full \(\d+ MB are free") as refused:
        ensure_room(tmp_path, need=10**18)
    assert refused.value.kind == "full"
    with pytest.raises(StoreError, match="No such file") as missing:
        ensure_room(tmp_path / "nowhere")
    assert missing.value.kind == "disk"
    assert ROOM >= 32_000_000


def test_damage_is_told_from_soundness(path: Path) -> None:
    fill(path)
    for change, found in (
        (lambda: None, "None"),
        (lambda: spoil(path), ".+"),
        (lambda: path.write_text("text " * 1000), "file is not a database"),
    ):
        change()
        with closing(sqlite3.connect(path)) as db:
            assert re.fullmatch(found, str(damage(db)))


# The daemon


def test_a_killed_daemon_with_a_damaged_database_is_restored_by_the_command_it_names(
    tmp_path: Path, origin: Origin
) -> None:
    items = [{"title": f"Ship {number}", "link": f"https://one.example/{number}"} for number in range(300)]
    topics = "topics:\n  - {id: sea, title: The sea, match: ship, max_age: 20000d, items: 500}\n"
    config = configure(tmp_path, {"one": origin.put("/one.xml", rss("one", *items))}, topics=topics)
    file = config / "aggregator.yaml"
    file.write_text(file.read_text().replace("storage: {", "storage: {backup: {every: 1m}, "))
    assert aggregator("--config", config, "update").returncode == 0
    with started(tmp_path / "log", "--config", config, "run") as daemon:
        daemon.hears(r"backup written: \S+/backups/store-\d{8}T\d{6}Z\.db")
        daemon.process.kill()
        daemon.process.wait()
    spoil(tmp_path / "store.db")
    done = aggregator("--config", config, "run", timeout=30)
    assert done.returncode == 1
    assert "was damaged when the program last ended" in done.stderr
    said = re.search(r"hint: the newest backup is of .* UTC: `(cp .*)` puts it in its place", done.stderr)
    assert said is not None, done.stderr
    assert aggregator("--config", config, "run").returncode == 1
    assert not (tmp_path / "store.db").exists()
    subprocess.run(said[1], shell=True, check=True)
    with started(tmp_path / "log", "--config", config, "run") as daemon:
        daemon.hears("feeds and pages")
        assert daemon.stop() == 0
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (300,)
