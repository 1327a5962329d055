"""A disk without room or without the right to write: said in a line, and nothing that was stored is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from origin import Origin, rss
from program import aggregator, configure

TOPICS = """
topics:
  - {id: all, title: All, match: "report", max_age: 20000d}
"""


@contextmanager
def disk(folder: Path, *, options: str) -> Iterator[Path]:
    """A small file system in memory, mounted at `folder`."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root with the right to mount can make a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def document(rng: Random, *, entries: int, words: int) -> str:
    """Reports of many different words, which fill a disk."""
    return rss(
        "big",
        *(
            {
                "title": f"Report {number}",
                "link": f"https://big.example/{number}",
                "text": " ".join(f"{rng.getrandbits(48):x}" for _ in range(words)),
            }
            for number in range(entries)
        ),
    )


def stored(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = db.execute("SELECT count(*) FROM entries").fetchone()
        return int(count)


def test_a_full_disk_under_the_database_is_said_and_a_later_pass_with_room_completes(
    tmp_path: Path, origin: Origin
) -> None:
    rng = Random(1)
    small = origin.put("/small.xml", rss("small", {"title": "Report", "link": "https://small.example/1"}))
    big = origin.put("/big.xml", document(rng, entries=150, words=1500), etag='"big"')
    with disk(tmp_path / "disk", options="size=2m") as room:
        config = configure(tmp_path, {"small": small, "big": big}, topics=TOPICS, database=f"{room}/store.db")
        assert aggregator("--config", config, "update", "small").returncode == 0
        done = aggregator("--config", config, "update", "--all")
        assert done.returncode == 1
        assert "error: " in done.stderr
        assert "full" in done.stderr
        assert "hint: make room" in done.stderr
        assert stored(room / "store.db") == 1
        subprocess.run(["mount", "-o", "remount,size=60m", str(room)], check=True)
        done = aggregator("--config", config, "update", "--all")
        assert (done.returncode, done.stderr) == (0, "")
        assert stored(room / "store.db") == 151
    assert (tmp_path / "feeds" / "all" / "rss.xml").read_text().count("<item>") == 50


def test_a_disk_without_any_room_is_told_as_full(tmp_path: Path, origin: Origin) -> None:
    small = origin.put("/small.xml", rss("small", {"title": "Report", "link": "https://small.example/1"}))
    with disk(tmp_path / "disk", options="size=2m") as room:
        config = configure(tmp_path, {"small": small}, topics=TOPICS, database=f"{room}/store.db")
        assert aggregator("--config", config, "update").returncode == 0
        with suppress(OSError), (room / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(b"x" * 4096):
                pass
        for command in (["update"], ["run"], ["stories", "list"]):
            done = aggregator("--config", config, *command)
            assert done.returncode == 1, command
            assert f"error: {room}/store.db: the disk is full\nhint: make room" in done.stderr, command


def test_a_full_disk_under_the_output_is_said_and_leaves_no_half_file(tmp_path: Path, origin: Origin) -> None:
    big = origin.put("/big.xml", document(Random(2), entries=40, words=1000))
    with disk(tmp_path / "disk", options="size=200k") as room:
        config = configure(tmp_path, {"big": big}, topics=TOPICS, output=f"{room}/feeds")
        done = aggregator("--config", config, "update")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "hint: make room on the disk" in done.stderr
        assert stored(tmp_path / "store.db") == 40
        whole = [path for path in (room / "feeds").rglob("*") if path.is_file()]
        assert all(path.suffix != ".part" and path.read_bytes().endswith(b"</html>") for path in whole)
        subprocess.run(["mount", "-o", "remount,size=20m", str(room)], check=True)
        assert aggregator("--config", config, "update").returncode == 0
        assert (room / "feeds" / "all" / "rss.xml").read_text().count("<item>") == 40


def test_an_output_folder_that_cannot_be_written_to_is_said(tmp_path: Path, origin: Origin) -> None:
    small = origin.put("/small.xml", rss("small", {"title": "Report", "link": "https://small.example/1"}))
    with disk(tmp_path / "disk", options="ro") as room:
        config = configure(tmp_path, {"small": small}, topics=TOPICS, output=str(room))
        done = aggregator("--config", config, "update")
        assert done.returncode == 1
        assert f"error: {room}/" in done.stderr
        assert "Read-only file system" in done.stderr
        assert "hint: the file system is read-only" in done.stderr
    assert stored(tmp_path / "store.db") == 1
    assert aggregator("--config", config, "update").returncode == 0
    assert (room / "all" / "rss.xml").exists()


def test_a_database_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", options="ro") as room:
        config = configure(tmp_path, {}, database=f"{room}/store.db")
        for command in ("update", "run"):
            done = aggregator("--config", config, command)
            assert done.returncode == 1, command
            assert f"error: cannot lock {room}/store.db: Read-only file system" in done.stderr, command
            assert "hint: the file system is read-only" in done.stderr, command
