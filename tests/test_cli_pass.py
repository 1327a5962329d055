"""The commands update, publish, status, backup, serve, run and demo."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Desk
from origin import Origin, rss
from program import started

from aggregator.cli.main import main
from aggregator.config import load

_TOPICS = """\
topics:
  - {id: aid, title: Aid, all_of: [Seoul, Kyiv], max_age: 9000d}
  - {id: sport, title: Sport, all_of: [football], max_age: 9000d}
"""
_AID = {"title": "Seoul weighs aid for Kyiv", "link": "https://wire.example/1"}
_SPORT = {"title": "Football tonight", "link": "https://wire.example/2"}
_SUMMARY = (
    "sources fetched not_modified unchanged failed entries_new entries_revised duplicates stories_new"
    " stories_updated topics_published files_written seconds"
)


@pytest.fixture
def wire(desk: Desk, origin: Origin) -> Desk:
    """A desk with two topics and one source, which has two entries."""
    desk.write("topics.yaml", _TOPICS)
    desk.add("wire", origin.put("/wire", rss("Wire", _AID, _SPORT), etag='"1"'))
    return desk


def test_a_pass_stores_groups_and_publishes(wire: Desk) -> None:
    (summary,) = wire.rows("update")
    assert list(summary) == _SUMMARY.split()
    assert (summary["sources"], summary["fetched"], summary["failed"]) == (1, 1, 0)
    assert (summary["entries_new"], summary["stories_new"], summary["topics_published"]) == (2, 2, 2)
    assert "Seoul weighs aid" in (wire.feeds / "aid" / "rss.xml").read_text()
    assert "Football" not in (wire.feeds / "aid" / "rss.xml").read_text()


def test_an_embedder_that_is_down_costs_a_warning_and_no_publication(wire: Desk, origin: Origin) -> None:
    embedder = origin.url("/no/embeddings")
    wire.write("aggregator.yaml", wire.read("aggregator.yaml").replace("words", f'"{embedder}"'))
    done = wire.run("update")
    assert "warning: grouped by words alone" in done.stderr
    assert "stories.embedder: words" in done.stderr
    assert "Seoul weighs aid" in (wire.feeds / "aid" / "rss.xml").read_text()
    assert "warning: grouped by words alone" in wire.run("status").stdout
    (status,) = wire.rows("status")
    assert (status["window"]["stories"], status["window"]["entries"]) == (2, 2)
    assert "words alone" in status["window"]["warning"]


def test_status_tells_what_the_window_holds(wire: Desk) -> None:
    wire.run("update")
    assert "2 stories with 2 entries may take new ones, 0.0 MB of memory" in wire.run("status").stdout


def test_what_is_not_due_is_fetched_only_when_asked_for(wire: Desk, origin: Origin) -> None:
    wire.run("update")
    assert origin.paths() == ["/wire"]
    assert "No source is due" in wire.run("update").stdout
    assert origin.paths() == []
    (summary,) = wire.rows("update", "--all")
    assert (summary["not_modified"], summary["files_written"]) == (1, 0)
    assert wire.rows("update", "wire")[0]["sources"] == 1
    assert origin.paths() == ["/wire", "/wire"]


def test_what_a_killed_pass_left_ungrouped_is_told_by_the_next_though_nothing_is_due(wire: Desk) -> None:
    wire.run("update")
    with closing(sqlite3.connect(wire.database)) as db, db:
        db.execute("UPDATE entries SET story = ''")
        db.execute("DELETE FROM stories")
    assert wire.run("update").stdout.startswith(
        "No source is due. (`aggregator update --all` fetches all of them.)\n"
        "What an earlier pass left: 2 new stories, 0 updated (0 duplicates).\n"
    )


def test_only_force_fetches_a_source_that_asked_to_wait(desk: Desk, origin: Origin) -> None:
    desk.add("busy", origin.put("/busy", status=429, headers={"Retry-After": "86400"}))
    desk.run("update", status=1)
    assert desk.rows("update", "--all")[0]["sources"] == 0
    assert desk.rows("update", "--force", status=1)[0]["sources"] == 1


def test_a_source_that_fails_is_named_and_costs_only_itself(wire: Desk, origin: Origin) -> None:
    wire.add("broken", origin.put("/broken", "<html>no feed</html>"))
    result = wire.run("update")
    assert result.stderr == (
        "failed: broken: the document is a web page, not a feed"
        "; put the URL of the feed into sources.yaml: aggregator sources discover URL finds it\n"
    )
    assert result.stdout.startswith("2 sources: 1 fetched, 1 failed.\n2 new entries (0 duplicates)")


def test_a_pass_fails_when_every_source_does(desk: Desk, origin: Origin) -> None:
    desk.add("gone", origin.url("/gone"))
    result = desk.run("update", "--json", status=1)
    assert result.stderr.startswith("failed: gone: ")
    assert json.loads(result.stdout)["failed"] == 1


def test_an_unknown_or_disabled_source_is_refused(wire: Desk) -> None:
    wire.add("resting", "https://resting.example/feed", "    enabled: false\n")
    assert "'nowhere' is not in sources.yaml" in wire.run("update", "nowhere", status=2).stderr
    assert "'resting' is disabled" in wire.run("update", "resting", status=2).stderr


def test_publish_writes_the_topics_named_again(wire: Desk) -> None:
    wire.run("update")
    for topic in ("aid", "sport"):
        (wire.feeds / topic / "rss.xml").unlink()
    (written,) = wire.rows("publish", "aid")
    assert written == {"topics_published": 1, "files_written": 1}
    assert not (wire.feeds / "sport" / "rss.xml").exists()
    assert "2 topics published, 1 file written" in wire.run("publish").stdout
    assert "there is no topic 'none'" in wire.run("publish", "aid", "none", status=2).stderr


def test_publish_knows_the_feed_of_all_stories_by_name_too(wire: Desk) -> None:
    settings = wire.read("aggregator.yaml").replace(
        "{directory: ../feeds}", "{directory: ../feeds, all: true}"
    )
    wire.write("aggregator.yaml", settings)
    wire.run("update")
    (wire.feeds / "all" / "atom.xml").unlink()
    (written,) = wire.rows("publish", "all")
    assert written == {"topics_published": 1, "files_written": 1}


def test_publish_follows_a_rule_that_was_changed_since_the_pass(wire: Desk) -> None:
    wire.run("update")
    wire.write("topics.yaml", _TOPICS.replace("[football]", "[Kyiv]"))
    wire.run("publish")
    assert "Seoul weighs aid" in (wire.feeds / "sport" / "rss.xml").read_text()


def test_status_shows_what_fails_and_the_last_passes(wire: Desk, origin: Origin) -> None:
    wire.add("gone", origin.url("/gone"))
    wire.run("update")
    (found,) = wire.rows("status")
    assert found["sources"] == {"failing": 1, "ok": 1}
    assert [one["id"] for one in found["failing"]] == ["gone"]
    assert found["passes"][0]["entries_new"] == 2
    assert found["next_due"].endswith("Z")
    shown = wire.run("status").stdout
    assert "1 failing, 1 ok" in shown
    assert "404" in shown


def test_status_tells_of_a_publication_that_fails_until_one_succeeds(wire: Desk) -> None:
    wire.run("update")
    assert wire.rows("status")[0]["publication"] is None
    feed = wire.feeds / "aid" / "rss.xml"
    feed.unlink()
    feed.mkdir()
    wire.write("topics.yaml", _TOPICS.replace("title: Aid", "title: Military aid"))
    wire.run("update", "--all", status=1)
    (found,) = wire.rows("status")
    assert [one["topics_published"] for one in found["passes"]] == [0, 2], (
        "the sources were fetched all the same"
    )
    trouble = found["publication"]
    assert trouble["error"] == f"{feed} cannot be written: Is a directory"
    assert trouble["advice"] == "a folder stands where this file belongs: move it away"
    shown = wire.run("status").stdout
    assert f"error: publishing fails since {trouble['since']}: {trouble['error']}" in shown
    assert f"hint: {trouble['advice']}" in shown
    wire.run("publish", status=1)
    assert wire.rows("status")[0]["publication"]["since"] == trouble["since"]
    feed.rmdir()
    wire.run("publish", "sport")
    assert wire.rows("status")[0]["publication"]["since"] == trouble["since"], "it says nothing of the others"
    wire.run("update")
    assert wire.rows("status")[0]["publication"] is None
    assert "publishing fails" not in wire.run("status").stdout


def test_the_folder_of_a_topic_that_is_no_more_is_told_of(wire: Desk) -> None:
    wire.write("aggregator.yaml", wire.read("aggregator.yaml").replace("feeds}", "feeds, all: true}"))
    wire.run("update")
    (wire.feeds / "blog").mkdir()
    (wire.feeds / "blog" / "rss.xml").write_text("<rss/>")
    assert wire.run("check").stderr == ""
    wire.write("topics.yaml", _TOPICS.replace("id: sport", "id: games"))
    left = wire.feeds / "sport"
    feed = json.loads((left / "feed.json").read_text())
    warning = f"warning: {left}: no topic writes it any more, and its readers are not told"
    for command in ("check", "publish"):
        assert warning in wire.run(command).stderr, command
    assert warning in wire.run("status").stdout
    assert wire.rows("status")[0]["abandoned"] == [str(left)]
    shutil.rmtree(left)
    assert wire.rows("status")[0]["abandoned"] == []
    assert wire.run("publish").stderr == ""
    wire.write("topics.yaml", _TOPICS)
    wire.run("publish")
    assert json.loads((left / "feed.json").read_text())["items"] == feed["items"]


def test_a_backup_is_a_whole_database_and_overwrites_nothing(wire: Desk, tmp_path: Path) -> None:
    wire.run("update")
    copy = tmp_path / "copy.db"
    assert wire.run("backup", str(copy)).stdout.startswith(str(copy))
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (2,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "is there already" in wire.run("backup", str(copy), status=2).stderr


def _listen_on_a_free_port(desk: Desk) -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    desk.write("aggregator.yaml", desk.read("aggregator.yaml") + f'web: {{listen: "127.0.0.1:{port}"}}\n')
    return f"http://127.0.0.1:{port}/"


def test_serve_serves_the_published_files_until_it_is_stopped(wire: Desk) -> None:
    wire.run("update")
    address = _listen_on_a_free_port(wire)
    with wire.start("serve") as process:
        assert process.stdout is not None
        assert address in process.stdout.readline()
        with urllib.request.urlopen(f"{address}aid/rss.xml") as response:
            assert b"Seoul weighs aid" in response.read()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0


def test_serve_on_a_busy_port_says_so_once(wire: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        wire.write("aggregator.yaml", f'{wire.read("aggregator.yaml")}web: {{listen: "127.0.0.1:{port}"}}\n')
        result = wire.run("serve", status=2)
    assert result.stderr == (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
        "hint: set web.listen in aggregator.yaml to a free address and port\n"
    )


def test_the_daemon_fetches_and_stops_on_a_signal(wire: Desk, origin: Origin) -> None:
    _listen_on_a_free_port(wire)
    with wire.start("run") as process:
        assert process.stderr is not None
        assert origin.reached.wait(30)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert "INFO 1 sources, 2 topics" in log
    assert "Traceback" not in log


def test_the_demo_fills_a_folder_that_the_other_commands_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    result = CliRunner().invoke(main, ["demo", "--once", "--embedder", "words", "--dir", str(folder)])
    assert result.exit_code == 0, result.output
    assert f"Files:   {folder}/feeds\n" in result.stdout
    listed = CliRunner().invoke(main, ["--config", str(folder), "topics", "list", "--json"])
    topics = [json.loads(line) for line in listed.stdout.splitlines()]
    assert all(topic["stories"] for topic in topics)


def test_the_demo_says_that_its_embedder_is_down(tmp_path: Path, origin: Origin) -> None:
    arguments = ["demo", "--once", "--embedder", origin.url("/none"), "--dir", str(tmp_path / "demo")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "warning: grouped by words alone" in result.stderr


def test_a_demo_on_another_port_writes_its_address_into_its_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    CliRunner().invoke(main, ["demo", "--once", "--embedder", "words", "--dir", str(folder)])
    said = tmp_path / "said"
    with _busy(8080), started(said, "demo", "--embedder", "words", "--dir", folder) as running:
        address = running.hears(r"Pages: +(http://127\.0\.0\.1:\d+/)\n")[1]
        running.hears("until Ctrl-C")
        assert running.stop() == 0
    assert address != "http://127.0.0.1:8080/"
    listed = CliRunner().invoke(main, ["--config", str(folder), "topics", "list"])
    assert f"{address}korea-ukraine-defense/rss.xml" in listed.stdout
    assert address in (folder / "feeds" / "topics.opml").read_text()
    assert load(folder, environ={}).aggregator.web.listen == address.removeprefix("http://").strip("/")


def _busy(port: int) -> socket.socket:
    """A port that nobody else can have now."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.socket()  # somebody has it already


def test_the_demo_serves_its_feeds_and_leaves_nothing_behind(desk: Desk) -> None:
    with desk.start("demo", "--embedder", "words") as process:
        assert process.stdout is not None
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], process.communicate()
        said = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines}
        with urllib.request.urlopen(said["Feed"]) as response:
            assert b"<rss" in response.read(2000)
        assert Path(said["Files"]).is_dir()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert not Path(said["Files"]).exists()
