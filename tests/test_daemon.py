"""`aggregator run`: polls, publishes, serves, hears signals, and shares its database with those that read."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from builders import NOON
from origin import Origin, rss
from program import Running, aggregator, configure, started, until, write_sources
from sqlite_utils import Database
from test_disk import disk

from aggregator.config import load
from aggregator.daemon import Daemon
from aggregator.store.connection import open_store
from aggregator.update import Clock

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
        story = json.loads(listed.stdout)["id"]
        pinned = aggregator("--config", config, "stories", "pin", story)
        assert pinned.stdout == f"{story} is pinned.\n"
        assert pinned.stderr.startswith("The aggregator that runs publishes that within a minute")
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


def test_another_folder_for_the_output_counts_from_the_next_start(tmp_path: Path, origin: Origin) -> None:
    sources = {"one": origin.put("/one.xml", report("one"))}
    config = configure(tmp_path, sources, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears("pass over 1 sources")
        configure(tmp_path, sources, topics=TOPICS.replace("The sea", "The ocean"), output="../elsewhere")
        daemon.hears(r"WARNING output\.directory changed: restart the daemon for it to count")
        until(lambda: b"The ocean" in fetched(f"{address(daemon)}sea/rss.xml"), "the new title")
        assert not (tmp_path / "elsewhere").exists()
        assert daemon.stop() == 0
    with running(config) as daemon:
        daemon.hears("published 1 topics")
        assert b"The ocean" in fetched(f"{address(daemon)}sea/rss.xml")
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
        assert "INFO pass over 1 sources, stopped early, in " in daemon.said()
    held.set()


def test_it_stops_at_once_in_the_middle_of_a_slow_parse_and_leaves_no_process(
    tmp_path: Path, origin: Origin
) -> None:
    # Long texts of many words, which take far longer than this test
    texts = (" ".join(f"w{n * 7919 * m % 99991:x}" for m in range(1500)) for n in range(1500))
    items = [
        {"title": f"{n}", "link": f"https://slow.example/{n}", "text": text} for n, text in enumerate(texts)
    ]
    document = rss("slow", *items)
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


# A store that fails


def notes(daemon: Running, *, level: str) -> list[str]:
    return [line for line in daemon.said().splitlines() if f" {level} " in line]


def test_a_full_disk_stops_fetching_not_serving_and_it_goes_on_by_itself(
    tmp_path: Path, origin: Origin
) -> None:
    with disk(tmp_path / "disk", options="size=60m") as room:
        sources = {"one": origin.put("/one.xml", report("one"))}
        config = configure(tmp_path, sources, topics=TOPICS, database=f"{room}/store.db")
        assert aggregator("--config", config, "update").returncode == 0
        write_sources(config, sources | {"two": origin.put("/two.xml", report("two"))})
        (room / "ballast").write_bytes(b"x" * 50_000_000)
        with running(config) as daemon:
            daemon.hears(
                r"ERROR \S+/disk: the disk is full \(\d+ MB are free, 32 MB are needed\) \(make room; nothing that"
                r" was stored is lost\): nothing is fetched until that has changed, what is published is served on"
            )
            assert item_titles(daemon) == ["A ship in the harbour"]
            (room / "ballast").unlink()
            daemon.hears("the database can be written to again: fetching goes on")
            daemon.hears("pass over 1 sources")
            assert len(item_titles(daemon)) == 2
            assert len(notes(daemon, level="ERROR")) == 1
            assert daemon.stop() == 0
    assert origin.paths() == ["/one.xml", "/two.xml"]


def test_a_database_that_is_taken_away_is_missed_at_once_and_taken_back(
    tmp_path: Path, origin: Origin
) -> None:
    sources = {"one": origin.put("/one.xml", report("one"))}
    config = configure(tmp_path, sources, topics=TOPICS)
    two = origin.put("/two.xml", report("two"))
    store, away = tmp_path / "store.db", tmp_path / "away.db"
    with running(config) as daemon:
        daemon.hears("pass over 1 sources")
        store.rename(away)
        write_sources(config, sources | {"two": two})
        daemon.hears(
            r"ERROR \S+/store\.db: the file was removed or replaced while it was in use \(stop what uses it,"
            r" put the file or a backup in its place, then start again\): nothing is fetched"
        )
        assert item_titles(daemon) == ["A ship in the harbour"]
        away.rename(store)
        daemon.hears("fetching goes on")
        daemon.hears(r"(?s)pass over 1 sources.*pass over 1 sources")
        assert daemon.stop() == 0
    assert origin.paths() == ["/one.xml", "/two.xml"]


def test_a_database_that_is_deleted_is_not_made_anew(tmp_path: Path, origin: Origin) -> None:
    sources = {"one": origin.put("/one.xml", report("one"))}
    config = configure(tmp_path, sources, topics=TOPICS)
    with started(tmp_path / "log", "--config", config, "run") as daemon:
        daemon.hears("pass over 1 sources")
        for path in tmp_path.glob("store.db*"):
            if path.suffix != ".unclean":
                path.unlink()
        write_sources(config, sources | {"two": origin.put("/two.xml", report("two"))})
        daemon.hears("removed or replaced")
        assert item_titles(daemon) == ["A ship in the harbour"]
        assert daemon.stop() == 1
        assert re.search(r"\nerror: \S+/store\.db: the file was removed or replaced", daemon.said())
    done = aggregator("--config", config, "run")
    assert done.returncode == 1
    assert f"error: {tmp_path}/store.db is missing, though there was a database" in done.stderr
    assert not (tmp_path / "store.db").exists()
    assert origin.paths() == ["/one.xml"]


@dataclass
class Ticking:
    """A clock that tests set."""

    seconds: float = 1000.0

    def clock(self) -> Clock:
        return Clock(lambda: NOON + timedelta(seconds=self.seconds), lambda: self.seconds)


@contextmanager
def at_hand(config: Path, ticking: Ticking) -> Iterator[tuple[Daemon, Database]]:
    """A daemon whose jobs the test runs itself."""
    configuration = load(config, environ={})
    with open_store(configuration.database) as db:
        daemon = Daemon(db, configuration, environ={}, clock=ticking.clock(), jitter=lambda: 0.5)
        try:
            yield daemon, db
        finally:
            daemon._engine.close()


def test_passes_that_the_store_cannot_take_rest_longer_each_time(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    text = {f"/{number}": " ".join(f"w{number}x{word}" for word in range(9000)) for number in range(20)}
    items = [
        {"title": f"Ship {link}", "link": f"https://one.example{link}", "text": text[link]} for link in text
    ]
    config = configure(tmp_path, {"one": origin.put("/one.xml", rss("one", *items))}, topics=TOPICS)
    ticking = Ticking()
    with at_hand(config, ticking) as (daemon, db):
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages + 60}")
        asked = []
        for _ in range(300):
            daemon._survive(daemon._poll)
            asked += [ticking.seconds - 1000 for _ in origin.paths()]
            ticking.seconds += 10
            if len(asked) == 9:
                break
        assert asked == [0, 10, 30, 70, 150, 310, 630, 1230, 1830]
        db.execute("PRAGMA max_page_count=1000000")
        ticking.seconds += 600
        daemon._survive(daemon._poll)
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (20,)
    assert "Traceback" not in caplog.text
    assert caplog.text.count("the disk is full (make room") == 9


def test_a_database_that_is_replaced_is_missed_though_nothing_is_to_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "store.db"
    with at_hand(configure(tmp_path, {}), Ticking()) as (daemon, _):
        daemon._survive(daemon._poll)
        shutil.copy(store, tmp_path / "copy.db")
        (tmp_path / "copy.db").replace(store)
        daemon._survive(daemon._poll)
    assert "the file was removed or replaced while it was in use" in caplog.text


def test_a_file_that_is_just_being_saved_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    config = configure(tmp_path, {}, topics=TOPICS)
    with at_hand(config, Ticking()) as (daemon, _):
        daemon._survive(daemon._watch)
        # Editors empty a file before they write it
        for text in ("", TOPICS.replace("The sea", "The ocean")):
            (config / "topics.yaml").write_text(text)
            daemon._survive(daemon._watch)
            assert "configuration loaded" not in caplog.text
        daemon._survive(daemon._watch)
        daemon._survive(daemon._watch)
    assert caplog.text.count("configuration loaded") == 1
    assert "configuration loaded: 0 sources, 1 topics" in caplog.text


@pytest.mark.parametrize(
    ("pragma", "words"),
    [
        ("query_only=ON", "cannot be written to (check the owner"),
        ("busy_timeout=10", "locked by another program"),
    ],
)
def test_a_store_that_cannot_be_written_to_is_said_once(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture, pragma: str, words: str
) -> None:
    caplog.set_level("INFO")
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    ticking = Ticking()
    with at_hand(config, ticking) as (daemon, db):
        db.execute(f"PRAGMA {pragma}")
        with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
            if "busy" in pragma:
                other.execute("BEGIN IMMEDIATE")
            for _ in range(5):
                for job in (daemon._poll, daemon._publish, daemon._tidy, daemon._back_up, daemon._watch):
                    daemon._survive(job)
                ticking.seconds += 1
        assert len(caplog.records) == 1, caplog.text
        assert words in caplog.text
        db.execute("PRAGMA query_only=OFF")
        ticking.seconds += 10
        daemon._survive(daemon._poll)
        assert "fetching goes on" in caplog.text
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    assert origin.paths() == ["/one.xml"] * 2


def test_a_job_that_fails_again_and_again_is_told_of_once(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    file = config / "aggregator.yaml"
    file.write_text(file.read_text().replace("storage: {", "storage: {backup: {directory: 'file/below'}, "))
    (config / "file").write_text("in the way")
    with at_hand(config, Ticking()) as (daemon, _):
        for _ in range(3):
            daemon._survive(daemon._back_up)
        assert caplog.text.count("cannot keep backups in") == 1
        assert "(a file stands where a folder is needed" in caplog.text
        (config / "file").unlink()
        daemon._survive(daemon._back_up)
        assert len(list((config / "file" / "below").iterdir())) == 1


def test_a_template_that_is_broken_is_told_by_status_until_it_is_mended(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    file, template = config / "aggregator.yaml", config / "own" / "topic.html"
    file.write_text(file.read_text().replace("output: {", "output: {templates: own, "))
    template.parent.mkdir()
    template.write_text("{% nonsense %}")
    ticking = Ticking()
    with at_hand(config, ticking) as (daemon, _):
        told = []
        for _ in range(3):
            daemon._survive(daemon._publish)
            told.append(json.loads(aggregator("--config", config, "status", "--json").stdout)["publication"])
            ticking.seconds += 60
        assert caplog.text.count("nonsense") == 1
        assert told[0]["error"].startswith(f"{template}:1: Encountered unknown tag 'nonsense'")
        assert "mend it" in told[0]["advice"]
        assert told[0]["since"] == "2024-11-27T12:16:40Z"
        assert told == told[:1] * 3
        template.write_text('{% extends "shipped/topic.html" %}')
        daemon._survive(daemon._publish)
        assert json.loads(aggregator("--config", config, "status", "--json").stdout)["publication"] is None


SHIFTED = """
import sys
from datetime import datetime, timedelta
from pathlib import Path

import apscheduler.schedulers.base as scheduler

from aggregator.cli import session
from aggregator.cli.main import main

shift, real = Path(sys.argv.pop(1)), datetime

class Shifted(datetime):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + timedelta(hours=float(shift.read_text()))

scheduler.datetime = session.datetime = Shifted
main()
"""


@pytest.mark.parametrize("hours", [24, -24])
def test_a_clock_that_jumps_by_a_day_neither_floods_the_origins_nor_ends_the_polling(
    tmp_path: Path, origin: Origin, hours: int
) -> None:
    shift = tmp_path / "shift"
    shift.write_text("0")
    urls = {name: origin.put(f"/{name}.xml", report(name)) for name in ("one", "two", "three")}
    config = configure(tmp_path, {"one": urls["one"], "two": urls["two"]}, topics=TOPICS)
    command = (sys.executable, "-c", SHIFTED, str(shift))
    with started(tmp_path / "log", "--config", config, "run", command=command) as daemon:
        daemon.hears("pass over 2 sources")
        (tmp_path / "new").write_text(str(hours))
        (tmp_path / "new").rename(shift)
        daemon.hears(
            rf"WARNING the clock jumped by \{hours * 3600:+} s, or the machine slept: all jobs run now"
        )
        daemon.hears(r"(?s)pass over 2 sources.*pass over 2 sources")
        write_sources(config, urls)
        daemon.hears(r"(?s)pass over 2 sources.*pass over 1 sources")
        assert daemon.stop() == 0
    assert sorted(origin.paths()) == ["/one.xml"] * 2 + ["/three.xml"] + ["/two.xml"] * 2


# What its server sends


def test_every_answer_forbids_what_no_page_needs(tmp_path: Path, origin: Origin) -> None:
    config = configure(tmp_path, {"one": origin.put("/one.xml", report("one"))}, topics=TOPICS)
    with running(config) as daemon:
        daemon.hears("pass over 1 sources")
        for path, status in (("", 200), ("sea/rss.xml", 200), ("sea/feed.json", 200), ("nothing", 404)):
            try:
                answer = urlopen(f"{address(daemon)}{path}", timeout=10)
            except HTTPError as error:
                answer = error
            with answer:
                assert answer.status == status, path
                policy = answer.headers.get_all("Content-Security-Policy")
                assert len(policy) == 1, path
                assert policy[0].startswith("default-src 'none'; "), path
                assert "frame-ancestors 'none'" in policy[0], path
                assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], path
                assert answer.headers["X-Frame-Options"] == "DENY", path
                assert answer.headers["Referrer-Policy"] == "no-referrer", path
        page = fetched(address(daemon)).decode()
        said = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)"', page)
        assert said is not None
        # Both hold: what the page allows itself must be allowed by the header too
        allowed = directives(policy[0])
        for name, values in directives(unescape(said[1])).items():
            loose = {"'unsafe-inline'" if value.startswith("'sha256-") else value for value in values}
            assert loose <= allowed[name], name
        assert daemon.stop() == 0


def directives(policy: str) -> dict[str, set[str]]:
    return {name: set(values) for name, *values in (one.split() for one in policy.split(";"))}


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = configure(tmp_path, {}, listen=listen)
        for command in ("run", "serve"):
            done = aggregator("--config", config, command)
            assert done.returncode == 2, command
            assert f"error: cannot listen on {listen}: Address already in use" in done.stderr, command
            assert "hint: set web.listen" in done.stderr, command


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_folder_that_cannot_be_served_is_a_clear_error(tmp_path: Path, command: str) -> None:
    config = configure(tmp_path, {}, output="../file/feeds")
    (tmp_path / "file").write_text("in the way")
    done = aggregator("--config", config, command)
    assert done.returncode == 1
    assert f"error: {tmp_path}/file/feeds cannot be made: Not a directory" in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize("command", ["run", "update", "serve", "check"])
def test_a_misspelt_key_starts_nothing(tmp_path: Path, command: str) -> None:
    config = configure(tmp_path, {})
    (config / "aggregator.yaml").write_text("storage: {databse: x.db}\n")
    done = aggregator("--config", config, command)
    assert done.returncode == 2
    assert re.search(r"aggregator\.yaml:1:\d+: storage\.databse: .*database", done.stderr), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config"]
