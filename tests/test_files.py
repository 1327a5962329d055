"""Files of a publication: whole or absent, and left alone when nothing changed."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.errors import PublishError
from aggregator.publish.coding import Coding
from aggregator.publish.files import remove_file, sweep, write_if_changed


def test_a_new_file_holds_the_data_and_its_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "topic" / "rss.xml"
    assert write_if_changed(path, b"one")
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


def test_an_equal_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "rss.xml"
    write_if_changed(path, b"one")
    os.utime(path, ns=(1, 1))
    before = path.stat()
    assert not write_if_changed(path, b"one")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_each_change_is_of_a_later_second_for_who_asks_by_last_modified_alone(tmp_path: Path) -> None:
    path = tmp_path / "rss.xml"
    write_if_changed(path, b"one")
    os.utime(path, (4e9, 4e9))  # written while the clock was wrong
    seconds = [int(path.stat().st_mtime)]
    for data in (b"two", b"three", b"four"):
        write_if_changed(path, data, compress=["gzip"])
        seconds.append(int(path.stat().st_mtime))
        assert path.with_name("rss.xml.gz").stat().st_mtime_ns == path.stat().st_mtime_ns
    assert seconds == [4_000_000_000, 4_000_000_001, 4_000_000_002, 4_000_000_003]


@given(old=st.binary(), new=st.binary())
def test_it_says_whether_it_wrote(tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes) -> None:
    path = tmp_path_factory.mktemp("files") / "f"
    write_if_changed(path, old)
    assert write_if_changed(path, new) == (old != new)
    assert path.read_bytes() == new


def test_everyone_may_read_it_as_far_as_the_umask_allows(tmp_path: Path) -> None:
    for mask, mode in ((0o022, 0o644), (0o027, 0o640)):
        previous = os.umask(mask)
        try:
            write_if_changed(tmp_path / f"{mask}", b"x")
        finally:
            os.umask(previous)
        assert (tmp_path / f"{mask}").stat().st_mode & 0o777 == mode


def test_a_reader_that_has_the_old_file_open_keeps_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_if_changed(path, b"old" * 1000)
    with path.open("rb") as reader:
        write_if_changed(path, b"new")
        assert reader.read() == b"old" * 1000


KILLED_AT = """
import os, signal, sys, threading
from pathlib import Path
from aggregator.publish.files import write_if_changed
left = int(sys.argv[2])
def die(frame, event, argument):
    global left
    if event == "c_call" and "/publish/files.py" in frame.f_code.co_filename:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
threading.setprofile(die)
sys.setprofile(die)
write_if_changed(Path(sys.argv[1]), b"new" * 100_000)
sys.setprofile(None)
threading.setprofile(None)
"""


def test_a_run_killed_at_any_step_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    old, new = b"old", b"new" * 100_000
    seen = set()
    for step in range(100):
        path = tmp_path / str(step) / "rss.xml"
        write_if_changed(path, old)
        run = subprocess.run([sys.executable, "-c", KILLED_AT, str(path), str(step)], check=False)
        content = path.read_bytes()
        assert content in (old, new)
        seen.add(content)
        leftovers = [each.name for each in path.parent.iterdir() if each != path]
        sweep(path.parent)
        assert list(path.parent.iterdir()) == [path], leftovers
        if run.returncode == 0:
            break
    assert run.returncode == 0
    assert seen == {old, new}


def test_a_sweep_removes_what_a_dead_run_left_in_any_folder_and_nothing_else(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "stories").mkdir()
    leftover = tmp_path / "stories" / f".s1.html.{dead.pid}-1.part"
    kept = [tmp_path / "rss.xml", tmp_path / ".htaccess", tmp_path / ".mine.part", tmp_path / ".x.1-1.part"]
    for path in (leftover, *kept):
        path.write_bytes(b"x")
    sweep(tmp_path)
    assert not leftover.exists()
    assert all(path.exists() for path in kept)  # process 1 runs: its file may be in use


def test_a_sweep_removes_what_names_no_possible_process(tmp_path: Path) -> None:
    leftover = tmp_path / f".rss.xml.{10**30}-1.part"
    leftover.write_bytes(b"x")
    sweep(tmp_path)
    assert not leftover.exists()


def test_a_sweep_of_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "missing")


def test_a_folder_in_the_files_place_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "rss.xml").mkdir()
    with pytest.raises(PublishError, match=r"rss\.xml cannot be written: Is a directory") as caught:
        write_if_changed(tmp_path / "rss.xml", b"x")
    assert "move it away" in (caught.value.hint or "")
    assert [each.name for each in tmp_path.iterdir()] == ["rss.xml"]


def test_a_file_in_a_folders_place_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "topic").write_bytes(b"")
    with pytest.raises(PublishError) as caught:
        write_if_changed(tmp_path / "topic" / "rss.xml", b"x")
    assert "a file stands where a folder is needed" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "make room on the disk"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "let the user that runs this program write there"),
        (errno.EIO, "check the disk"),
    ],
)
def test_a_disk_that_refuses_is_an_error_with_path_and_advice_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, hint: str
) -> None:
    path = tmp_path / "rss.xml"
    write_if_changed(path, b"old")

    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(PublishError) as caught:
        write_if_changed(path, b"new")
    assert str(path) in caught.value.message
    assert hint in (caught.value.hint or "")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_leftover_that_cannot_be_removed_is_an_error_with_its_path(tmp_path: Path) -> None:
    leftover = tmp_path / f".rss.xml.{os.getpid()}-1.part"
    leftover.mkdir()
    with pytest.raises(PublishError, match="cannot be removed"):
        sweep(tmp_path)


# Copies for web servers that send them


def decoded(folder: Path) -> dict[str, bytes]:
    """What each file of the folder says, whatever its coding."""
    decoders = {".gz": gzip.decompress, ".br": brotli.decompress}
    return {path.name: decoders.get(path.suffix, bytes)(path.read_bytes()) for path in folder.iterdir()}


def test_a_file_has_a_copy_in_each_coding_and_nothing_is_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "rss.xml"
    assert write_if_changed(path, b"one", compress=("gzip", "br"))
    assert decoded(tmp_path) == {"rss.xml": b"one", "rss.xml.gz": b"one", "rss.xml.br": b"one"}
    before = {file: file.stat() for file in tmp_path.iterdir()}
    assert not write_if_changed(path, b"one", compress=("gzip", "br"))
    assert {file: file.stat() for file in tmp_path.iterdir()} == before
    assert write_if_changed(path, b"two", compress=("gzip", "br"))
    assert set(decoded(tmp_path).values()) == {b"two"}


def test_copies_come_and_go_with_the_setting_and_with_their_file(tmp_path: Path) -> None:
    path = tmp_path / "rss.xml"
    write_if_changed(path, b"one")
    assert not write_if_changed(path, b"one", compress=("gzip",))
    assert decoded(tmp_path) == {"rss.xml": b"one", "rss.xml.gz": b"one"}
    assert not write_if_changed(path, b"one", compress=("br",))
    assert decoded(tmp_path) == {"rss.xml": b"one", "rss.xml.br": b"one"}
    remove_file(path)
    remove_file(path)
    assert decoded(tmp_path) == {}


def test_equal_data_gives_equal_copies(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_if_changed(tmp_path / name / "rss.xml", b"one" * 1000, compress=("gzip", "br"))
    for suffix in (".gz", ".br"):
        first, second = (tmp_path / name / f"rss.xml{suffix}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("lost", [(), ("gzip",), ("br",)])
def test_a_publication_killed_at_any_step_leaves_no_copy_of_another_text(
    tmp_path: Path, lost: tuple[Coding, ...]
) -> None:
    seen = set()
    for step in range(200):
        path = tmp_path / str(step) / "rss.xml"
        write_if_changed(path, b"old", compress={"gzip", "br"} - set(lost))
        killed = KILLED_AT.replace("100_000)", "1000, compress=('gzip', 'br'))")
        run = subprocess.run([sys.executable, "-c", killed, str(path), str(step)], check=False)
        sweep(path.parent)
        found = decoded(path.parent)
        assert len(set(found.values())) == 1, step
        seen.add((found["rss.xml"] == b"old", len(found)))
        if run.returncode == 0:
            break
    assert run.returncode == 0
    assert found == dict.fromkeys(("rss.xml", "rss.xml.gz", "rss.xml.br"), b"new" * 1000)
    # It was killed with the old text, without any copy, and with some
    assert {(True, 1), (False, 1), (False, 2)} <= seen
