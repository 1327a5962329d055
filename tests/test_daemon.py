"""`aggregator run`: polls, publishes, serves, hears signals, and shares its database with those that read."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen

import pytest
from origin import Origin, rss
from program import Running, aggregator, configure, started, until, write_sources

TOPICS = """
topics:
  - {id: sea, title: The sea, match: "harbour OR ship", max_age: 20000d}
"""
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) (?!.*[Jj]ob)\S.*")


def report(id: str, title: str = "A ship in the harbour") -> str:
    return rss(id, {"title": title, "link": f"https://{id}.example/1", "text": f"{title}, says {id}."})


@contextmanager
def running(config: Path) -> Iterator[Running]:
    """A daemon; all it says must be log lines, none of them about the turns of its jobs."""
    with started(config.parent / "log", "--config", config, "run") as daemon:
        yield daemon
    strange = [line for line in daemon.said().splitlines() if not LINE.fullmatch(line)]
    assert strange == []


def address(daemon: Running) -> str:
    return daemon.hears(r"feeds and pages: (http://127\.0\.0\.1:\d+/)\n")[1]


def fetched(url: str) -> Any:
    with urlopen(url, timeout=10) as answer:
        return answer.read()


def item_titles(daemon: Running) -> list[str]:
    return [item["title"] for item in json.loads(fetched(f"{address(daemon)}sea/feed.json"))["items"]]


def test_it_polls_publishes_and_serves_until_sigterm(tmp_path: Path, origin: Origin) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears(r"pass over 1 sources in \d+\.\d s: 1 new entries")
        assert item_titles(daemon) == ["A ship in the harbour"]
        with urlopen(f"{address(daemon)}sea/rss.xml", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
            assert answer.headers["ETag"]
        assert daemon.stop(signal.SIGTERM) == 0
        assert daemon.said().count("INFO stopping") == 1


def test_ctrl_c_stops_it_as_well(tmp_path: Path) -> None:
    with running(configure(tmp_path, {})) as daemon:
        address(daemon)
        assert daemon.stop(signal.SIGINT) == 0


def test_a_restart_forgets_nothing_and_asks_no_source_too_early(tmp_path: Path, origin: Origin) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears("pass over")
        assert daemon.stop() == 0
    assert origin.paths() == ["/one.xml"]
    write_sources(config, {"one": origin.url("/one.xml"), "two": origin.put("/two.xml", report("two"))})
    with running(config) as daemon:
        daemon.hears("pass over 1 sources")
        assert len(item_titles(daemon)) == 2
        assert daemon.stop() == 0
    assert origin.paths() == ["/two.xml"]


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path, origin: Origin) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears("pass over")
        for command in ("run", "update", "publish"):
            done = aggregator("--config", config, command)
            assert done.returncode == 1, command
            assert f"error: another aggregator is at work on {tmp_path / 'store.db'}" in done.stderr, command
            assert "hint: stop it first" in done.stderr, command
        assert aggregator("--config", config, "status").returncode == 0
        listed = aggregator("--config", config, "stories", "list", "--json")
        assert [json.loads(line)["headline"] for line in listed.stdout.splitlines()] == [
            "A ship in the harbour"
        ]
        copy = tmp_path / "copy.db"
        assert aggregator("--config", config, "backup", copy).returncode == 0
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("SELECT guid FROM entries").fetchall() == [("https://one.example/1",)]
        assert daemon.stop() == 0


def test_a_changed_file_is_read_and_a_broken_one_leaves_the_last_good_one_in_force(
    tmp_path: Path, origin: Origin
) -> None:
    one, two = origin.put("/one.xml", report("one")), origin.put("/two.xml", report("two"))
    config = configure(tmp_path, {"one": one}, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears("pass over 1 sources")
        write_sources(config, {"one": "gopher://one.example/"})
        daemon.hears(r"ERROR .*sources\.yaml:2:\d+: sources\[0\]\.url")
        daemon.hears("the last good one stays in force")
        assert item_titles(daemon) == ["A ship in the harbour"]
        write_sources(config, {"one": one, "two": two})
        daemon.hears("configuration loaded: 2 sources, 1 topics")
        daemon.hears(r"(?s)pass over 1 sources.*pass over 1 sources")
        assert len(item_titles(daemon)) == 2
        (config / "topics.yaml").write_text(TOPICS.replace("The sea", "The ocean"))
        until(lambda: b"The ocean" in fetched(f"{address(daemon)}sea/rss.xml"), "the new title")
        assert daemon.stop() == 0


def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    with running(configure(tmp_path, {})) as daemon:
        address(daemon)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.hears("configuration loaded: 0 sources, 0 topics")
        assert daemon.stop() == 0


def test_the_loss_of_a_file_of_the_configuration_does_not_stop_it(tmp_path: Path, origin: Origin) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears("pass over 1 sources")
        shutil.move(config, tmp_path / "away")
        daemon.hears("stays in force")
        assert item_titles(daemon) == ["A ship in the harbour"]
        assert daemon.stop() == 0


def test_it_stops_at_once_in_the_middle_of_a_slow_fetch(tmp_path: Path, origin: Origin) -> None:
    held = Event()
    config = configure(tmp_path, {"slow": origin.put("/slow.xml", report("slow"), held=held)})
    with running(config) as daemon:
        assert origin.reached.wait(30)
        assert daemon.stop(seconds=5) == 0
    held.set()


def test_it_stops_at_once_in_the_middle_of_a_slow_parse_and_leaves_no_process(
    tmp_path: Path, origin: Origin
) -> None:
    # So many attributes keep feedparser busy for half a minute
    attributes = " ".join(f"a{number}='x'" for number in range(45_000))
    document = report("slow").replace("<item>", f"<item {attributes}>")
    config = configure(tmp_path, {"slow": origin.put("/slow.xml", document)})
    with running(config) as daemon:
        busy = until(lambda: busy_children(daemon.process.pid), "a busy parser")
        assert daemon.stop(seconds=5) == 0
        assert not [pid for pid in busy if Path(f"/proc/{pid}").exists()]
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        # What was broken off is no failure of the source: it is due as before
        assert db.execute("SELECT failures, fetched_at FROM sources").fetchall() == [(0, None)]


def busy_children(parent: int) -> list[int]:
    """Processes started by `parent` that have computed for more than a second."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and int(fields[11]) > 100:
            found.append(int(stat.parent.name))
    return found


def test_a_source_that_is_down_costs_a_line_in_the_log(tmp_path: Path, origin: Origin) -> None:
    sources = {"down": origin.url("/nothing"), "up": origin.put("/up.xml", report("up"))}
    with running(configure(tmp_path, sources, topics=TOPICS)) as daemon:
        daemon.hears(r"WARNING down: .*404")
        daemon.hears("pass over 2 sources .* 1 failed")
        assert item_titles(daemon) == ["A ship in the harbour"]
        assert daemon.stop() == 0


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = configure(tmp_path, {}, listen=listen)
        for command in ("run", "serve"):
            done = aggregator("--config", config, command)
            assert done.returncode == 2, command
            assert f"error: cannot listen on {listen}: Address already in use" in done.stderr, command
            assert "hint: set web.listen" in done.stderr, command


@pytest.mark.parametrize("command", ["run", "update", "serve", "check"])
def test_a_misspelt_key_starts_nothing(tmp_path: Path, command: str) -> None:
    config = configure(tmp_path, {})
    (config / "aggregator.yaml").write_text("storage: {databse: x.db}\n")
    done = aggregator("--config", config, command)
    assert done.returncode == 2
    assert re.search(r"aggregator\.yaml:1:\d+: storage\.databse: .*database", done.stderr), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config"]
