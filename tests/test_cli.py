"""The command line as a program: statuses, errors, help, pipes, terminals, signals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from click import Group
from click.testing import CliRunner
from conftest import Desk
from origin import Origin, rss

from aggregator import __version__
from aggregator.cli.main import main
from aggregator.store.connection import open_store


def test_without_arguments_it_shows_its_commands() -> None:
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 0
    assert "  update " in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"aggregator {__version__}\n"


def test_every_command_has_help_that_agrees_with_the_list() -> None:
    context = main.make_context("aggregator", ["check"])
    listed = main.get_help(context)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        assert re.search(rf"^  {name} +\S", listed, re.MULTILINE)
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
        for below in command.commands if isinstance(command, Group) else ():
            assert CliRunner().invoke(main, [name, below, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["sources"],
        ["update", "--nonsense"],
        ["stories", "list", "--limit", "0"],
        ["stories", "merge", "one"],
        ["stories", "split", "one", "two"],
        ["sources", "import", "nowhere.opml"],
    ],
)
def test_a_wrong_command_line_is_one_error_and_a_hint(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert re.fullmatch(r"error: .+\nhint: `aggregator.* --help` .+\n", result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(("given", "meant"), [(["updat"], "update"), (["storys", "list"], "stories")])
def test_a_misspelt_command_is_told_with_what_may_be_meant(given: list[str], meant: str) -> None:
    error = CliRunner().invoke(main, given).stderr.splitlines()[0]
    assert error.lower().endswith(f"did you mean {meant!r}?")


def test_the_line_of_no_command_is_cut_off_in_the_help_of_its_group() -> None:
    for group in ("", "sources", "topics", "stories", "entries"):
        assert (
            "..."
            not in CliRunner().invoke(main, [group, "--help"][not group :]).stdout.partition("Commands:")[2]
        )


def test_each_problem_of_the_configuration_has_its_line(desk: Desk) -> None:
    desk.write("aggregator.yaml", "fetch: {per_host: 0}\nsiet: {}\n")
    result = desk.run("check", status=2)
    first, second, last = result.stderr.splitlines()
    assert "config/aggregator.yaml:1:19: fetch.per_host: " in first
    assert "config/aggregator.yaml:2:1: siet" in second
    assert last == "error: the configuration is wrong (2 problems)"


def test_a_missing_configuration_names_the_command_that_writes_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "none"), "check"])
    assert result.exit_code == 2
    assert "hint: `aggregator init " in result.stderr


def test_the_configuration_folder_comes_from_the_environment(desk: Desk) -> None:
    result = CliRunner().invoke(main, ["check"], env={"AGGREGATOR_CONFIG": str(desk.config)})
    assert result.exit_code == 0
    assert result.stdout == f"{desk.config}: ok. 0 sources, 0 topics, 0 lists of vocabulary.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["stories", "list"],
        ["stories", "pin", "one"],
        ["entries", "list"],
        ["topics", "preview", "seoul"],
        ["explain", "one"],
        ["status"],
        ["publish"],
        ["backup", "copy.db"],
    ],
)
def test_before_the_first_pass_nothing_is_made_and_a_hint_says_what_to_do(
    desk: Desk, arguments: list[str]
) -> None:
    result = desk.run(*arguments, status=1)
    assert "error: nothing is stored yet" in result.stderr
    assert "hint: `aggregator update`" in result.stderr
    assert not desk.database.exists()


def test_a_damaged_database_is_an_error_without_a_traceback(desk: Desk) -> None:
    desk.database.write_bytes(b"no database at all" * 100)
    result = desk.run("status", status=1)
    assert result.stderr.startswith(f"error: {desk.database}: is damaged or no SQLite database")
    assert "hint: " in result.stderr


def test_debug_shows_the_traceback_too(desk: Desk) -> None:
    quiet = desk.start("status")
    assert "Traceback" not in quiet.communicate()[1]
    command = [sys.executable, "-m", "aggregator", "--debug", "--config", str(desk.config), "status"]
    loud = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (quiet.returncode, loud.returncode) == (1, 1)
    assert loud.stderr.startswith("Traceback")
    assert "error: nothing is stored yet" in loud.stderr


def test_init_writes_a_configuration_that_holds_and_never_overwrites(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    made = CliRunner().invoke(main, ["init", str(folder)])
    assert made.exit_code == 0
    assert str(folder / "sources.yaml") in made.stdout.splitlines()
    checked = CliRunner().invoke(main, ["--config", str(folder), "check", "--json"])
    assert json.loads(checked.stdout)["topics"] > 0
    before = (folder / "sources.yaml").read_bytes()
    again = CliRunner().invoke(main, ["init", str(folder)])
    assert again.exit_code == 2
    assert (folder / "sources.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["init", "FILE/below"], "FILE/below/schema: cannot be written: Not a directory"),
        (["schema", "FILE/below"], "FILE/below: cannot be written: Not a directory"),
        (["backup", "FILE/below"], "cannot write the backup FILE/below: "),
    ],
)
def test_where_nothing_can_be_written_a_hint_says_what_to_do(
    desk: Desk, arguments: list[str], said: str
) -> None:
    file = desk.root / "file"
    file.write_text("in the way")
    with open_store(desk.database):
        pass
    done = CliRunner().invoke(
        main, ["--config", str(desk.config), arguments[0], arguments[1].replace("FILE", str(file))]
    )
    assert done.exit_code in (1, 2)
    assert done.stderr.startswith(f"error: {said.replace('FILE', str(file))}")
    assert "hint: a file stands where a folder is needed" in done.stderr


def test_schema_writes_three_json_schemas(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["schema", str(tmp_path / "schema")])
    assert result.exit_code == 0
    files = [Path(line) for line in result.stdout.splitlines()]
    assert {file.name for file in files} == {"aggregator.json", "sources.json", "topics.json"}
    assert all("properties" in json.loads(file.read_text()) for file in files)


def test_check_online_names_the_source_that_fails_and_stores_nothing(desk: Desk, origin: Origin) -> None:
    desk.add("good", origin.put("/good", rss("Good", {"title": "One", "link": "https://good.example/1"})))
    desk.add("gone", origin.url("/gone"))
    desk.add("resting", origin.url("/resting"), "    enabled: false\n")
    good, gone = desk.rows("check", "--online", status=1)
    assert (good["id"], good["ok"], good["title"], good["entries"]) == ("good", True, "Good", 1)
    assert (gone["id"], gone["ok"], gone["status"]) == ("gone", False, 404)
    assert "404" in gone["error"]
    assert sorted(origin.paths()) == ["/gone", "/good"]
    assert not desk.database.exists()
    origin.put("/gone", rss("Back"))
    assert " ok " in desk.run("check", "--online").stdout


def test_check_online_asks_as_a_pass_would(desk: Desk, origin: Origin) -> None:
    page = rss("Good", {"title": "One", "link": "https://good.example/1"})
    desk.add("good", origin.put("/good", page, etag='"1"'))
    desk.run("update")
    (row,) = desk.rows("check", "--online")
    assert (row["ok"], row["outcome"], row["status"]) == (True, "not_modified", 304)
    assert origin.requests[-1].headers["if-none-match"] == '"1"'
    assert "unchanged" in desk.run("check", "--online").stdout

    origin.put("/good", status=429, headers={"Retry-After": "86400"})
    desk.run("update", "--all", status=1)
    asked = len(origin.requests)
    (row,) = desk.rows("check", "--online", status=1)
    assert "wants no request before" in row["error"]
    assert len(origin.requests) == asked


def test_a_reader_that_has_enough_ends_a_listing_quietly(desk: Desk, origin: Origin) -> None:
    items = [{"title": f"Report {n}", "link": f"https://many.example/{n}"} for n in range(3000)]
    desk.add("many", origin.put("/many", rss("Many", *items)))
    desk.run("update")
    listing = desk.start("entries", "list", "--json")
    assert listing.stdout is not None
    assert listing.stderr is not None
    assert json.loads(listing.stdout.readline())["source"] == "many"
    listing.stdout.close()
    assert listing.stderr.read() == ""
    listing.stderr.close()
    listing.wait()


def test_nobody_reading_at_all_is_no_fault_either(desk: Desk, origin: Origin) -> None:
    desk.add("one", origin.url("/one"))
    reader, writer = os.pipe()
    os.close(reader)
    with desk.start("sources", "list", stdout=writer) as listing:
        os.close(writer)
        assert listing.communicate(timeout=30)[1] == ""


@pytest.mark.parametrize("arguments", [["check"], ["sources", "list"], ["--help"]])
def test_a_full_disk_under_the_output_is_no_fault_of_the_program(desk: Desk, arguments: list[str]) -> None:
    desk.add("one", "https://one.example/feed")
    with open("/dev/full", "w") as full, desk.start(*arguments, stdout=full) as done:
        said = done.communicate(timeout=30)[1]
    assert done.returncode == 1
    assert said.startswith("error: No space left on device\nhint: make room on the disk")


@pytest.mark.parametrize("closed", [1, 2])
def test_a_stream_that_was_closed_is_done_without(desk: Desk, closed: int) -> None:
    desk.add("one", "https://one.example/feed")
    with desk.start("check", preexec_fn=lambda: os.close(closed)) as done:
        out, err = done.communicate(timeout=30)
    assert (done.returncode, err) == (0, "")
    assert out.endswith("ok. 1 source, 0 topics, 0 lists of vocabulary.\n" if closed == 2 else "")


def test_what_a_terminal_has_no_letters_for_is_shown_as_question_marks(desk: Desk) -> None:
    desk.add("one", "https://one.example/feed", "    title: 한강 Times\n")
    with desk.start("sources", "list", env=os.environ | {"PYTHONIOENCODING": "latin-1"}) as done:
        out, err = done.communicate(timeout=30)
    assert (done.returncode, err) == (0, "")
    assert "?? Times" in out
    with desk.start("sources", "list", "--json", env=os.environ | {"PYTHONIOENCODING": "latin-1"}) as done:
        assert json.loads(done.communicate(timeout=30)[0])["title"] == "한강 Times"


def test_a_table_in_a_pipe_is_uncut_and_on_a_terminal_fits_it(desk: Desk, origin: Origin) -> None:
    title = "A title that is far longer than the narrow terminal of this test is wide, by a good measure"
    desk.add("long", origin.url("/long"), f"    title: {title}\n")
    assert desk.run("sources", "list").stdout.splitlines()[1].endswith(title)
    shown, _ = _on_terminal(desk, "sources", "list")
    assert shown
    assert max(map(len, shown)) <= 80
    assert title not in "".join(shown)
    assert any("…" in line and "long" in line for line in shown)


_LONG_ID = "the-quarterly-review-of-a-very-long-name-in-international-affairs"
_LISTS = [
    ("sources", "list"),
    ("topics", "list"),
    ("stories", "list"),
    ("entries", "list"),
    ("topics", "preview", "seoul"),
    ("check", "--online"),
]


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("command", _LISTS, ids=" ".join)
def test_a_terminal_of_any_width_shows_ids_whole_and_leaves_room_for_the_text(
    desk: Desk, origin: Origin, command: tuple[str, ...], width: int
) -> None:
    title = "Seoul says at length what it thinks of howitzers, of their price and of what comes after them"
    feed = rss(title, {"title": title, "link": "https://wire.example/1"})
    desk.add("quarterly-of-seoul", origin.put("/q", feed))
    topics = "".join(f"  - {{id: the-topic-of-seoul-{n}, title: {title!r}, all_of: [Seoul]}}\n" for n in "ab")
    desk.write("topics.yaml", f"topics:\n{topics}")
    desk.run("update")
    keys = ("entry",) if "preview" in command else ("id", "story")
    ids = {str(row[key]) for row in desk.rows(*command) for key in keys if row.get(key)}
    lines, _ = _on_terminal(desk, *command, width=width)
    rows = [line for line in lines if title[:30] in line]
    assert rows
    assert all(any(id in line for line in rows) for id in ids)
    assert all(len(line) <= width for line in lines)


def test_half_a_terminal_shows_what_a_table_is_about(desk: Desk, origin: Origin) -> None:
    title = "Seoul says at length what it thinks of howitzers, and of their price"
    desk.add("one", origin.put("/one", rss("One", {"title": title, "link": "https://wire.example/1"})))
    desk.run("update")
    (story,) = desk.rows("stories", "list")
    lines, _ = _on_terminal(desk, "stories", "list", width=48)
    assert any(story["id"] in line and title[:20] in line for line in lines)
    shown, _ = _on_terminal(desk, "status", width=48)
    passes = shown[next(n for n, line in enumerate(shown) if line.startswith("last passes")) :]
    assert passes[1].split()[1:] == ["1", "0", "1"]
    assert all(len(line) <= 48 for line in lines[:-1] + passes[:-1])
    assert lines[-1] == "The terminal is too narrow for: updated, sources, topics (--json has all)."
    assert passes[-1] == "The terminal is too narrow for: topics published, seconds (--json has all)."


def test_an_id_that_is_too_long_for_the_terminal_goes_on_in_the_next_line(desk: Desk, origin: Origin) -> None:
    desk.add(f"{_LONG_ID}-and-its-neighbours", origin.url("/long"))
    lines, _ = _on_terminal(desk, "sources", "list")
    assert any(f"{_LONG_ID}-and-its-neighbours  new" in line for line in lines)
    assert lines[-1] == "The terminal is too narrow for: entries, next due (--json has all)."


def test_a_check_without_sources_says_what_to_do_next(desk: Desk) -> None:
    result = desk.run("check")
    assert "ok. 0 sources" in result.stdout
    assert "aggregator sources add URL" in result.stderr


def test_a_check_warns_of_a_word_that_looks_like_a_misspelt_list(desk: Desk) -> None:
    desk.write(
        "topics.yaml", "vocabulary: {korea: [Korea*]}\ntopics:\n  - {id: k, title: K, all_of: [koera]}\n"
    )
    result = desk.run("check")
    assert "ok." in result.stdout
    assert result.stderr.startswith(
        f"warning: {desk.config}/topics.yaml:3:32: topics[0].all_of[0]: 'koera' is no"
    )
    assert "did you mean 'korea'?" in result.stderr


def test_a_terminal_shows_a_progress_bar_that_a_pipe_does_not(desk: Desk, origin: Origin) -> None:
    item = {"title": "Aid", "link": "https://e.example/aid"}
    desk.add("good", origin.put("/good", rss("Good", item)))
    lines, status = _on_terminal(desk, "update")
    assert status == 0
    for work in ("Fetching", "Grouping"):
        assert any(work in line for line in lines)
    output = desk.run("update", "--all").output
    assert "Fetching" not in output
    assert "Grouping" not in output


def _on_terminal(desk: Desk, *args: str, width: int = 80) -> tuple[list[str], int]:
    """What a command writes on a terminal that wants no colour, and its exit status."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": str(width)}
    with desk.start(*args, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        data = b""
        try:
            while chunk := os.read(ours, 65536):
                data += chunk
        except OSError:
            pass  # Linux says so when the other end of a terminal is closed
        os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode().replace("\r\n", "\n"))
    return text.splitlines(), process.returncode


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_pass_cleanly(
    desk: Desk, origin: Origin, number: signal.Signals, status: int
) -> None:
    held = Event()
    desk.add("slow", origin.put("/slow", rss("Slow"), held=held))
    with desk.start("update") as process:
        assert origin.reached.wait(30)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    held.set()
    assert (process.returncode, err) == (status, "")
    assert "stopped early" in out
    assert desk.rows("status")[0]["passes"][0]["sources"] == 1


def test_ctrl_c_ends_other_commands_quietly(desk: Desk, origin: Origin) -> None:
    held = Event()
    url = origin.put("/slow", rss("Slow"), held=held)
    with desk.start("sources", "discover", url) as process:
        assert origin.reached.wait(30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    held.set()
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_a_second_program_on_one_database_is_refused(desk: Desk, origin: Origin) -> None:
    held = Event()
    desk.add("slow", origin.put("/slow", rss("Slow"), held=held))
    with desk.start("update") as process:
        assert origin.reached.wait(30)
        refused = desk.run("update", status=1)
        held.set()
        process.communicate(timeout=30)
    assert refused.stderr.startswith(f"error: another aggregator is at work on {desk.database}\nhint: ")
    assert process.returncode == 0
