"""The command that groups the entries of a file."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from program import AGGREGATOR, aggregator

from aggregator.cli.main import main
from aggregator.group import Groups
from aggregator.model import SourceId
from aggregator.store.connection import open_store, writing
from aggregator.store.entries import insert_entry
from aggregator.story.profile import make_profile
from aggregator.story.sketch import make_sketch
from aggregator.times import to_text

QUAKE = "A strong quake shook the Japanese city of Sendai on Monday and closed its harbour."
AGAIN = "The harbour of Sendai is closed since a strong quake shook the city."
BUDGET = "Lawmakers in Ottawa argued until midnight about spending next year."


def run(file: Path, *options: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["cluster", str(file), *options])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    file = folder / "entries.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return file


def clustered(folder: Path, *lines: dict[str, Any] | str) -> list[dict[str, Any]]:
    output = run(write(folder, *lines), "--embedder", "words").stdout
    return [json.loads(line) for line in output.splitlines()]


def test_a_line_a_line_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = clustered(
        tmp_path,
        {"id": "z", "title": "Quake hits Sendai", "text": QUAKE, "source": "a"},
        {"id": "m", "title": "Parliament votes on budget", "text": BUDGET, "source": "a"},
        {"id": "a", "title": "Sendai closes harbour", "text": AGAIN, "source": "b"},
    )
    assert [list(line) for line in found] == [["id", "story", "duplicate_of"]] * 3
    assert [line["id"] for line in found] == ["z", "m", "a"]
    quake, budget, again = (line["story"] for line in found)
    assert quake == again != budget
    assert {line["duplicate_of"] for line in found} == {None}
    assert len(quake) == 16


def test_it_runs_as_a_program_that_needs_no_configuration(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "1", "title": "Quake"}, {"id": "2", "title": "Budget"})
    one, two = (aggregator("cluster", file, "--embedder", "words") for _ in range(2))
    assert (one.returncode, one.stderr) == (0, "")
    assert one.stdout == two.stdout
    assert len(one.stdout.splitlines()) == 2


def test_a_copy_names_its_original_and_shares_its_story(tmp_path: Path) -> None:
    found = clustered(
        tmp_path,
        {"id": "original", "title": "Delegation in Seoul", "text": LONG, "source": "a"},
        {"id": "retitled", "title": "Kyiv asks", "text": LONG, "source": "b"},
        {"id": "wrapped", "title": "Troops", "text": f"Read on our site. {LONG}. Follow us.", "source": "c"},
        {"id": "copy of a copy", "title": "Visit", "text": LONG, "source": "d"},
    )
    assert [line["duplicate_of"] for line in found] == [None, "original", "original", "original"]
    assert len({line["story"] for line in found}) == 1


def test_what_shares_a_page_with_a_copy_only_is_a_copy_of_the_first_line_too(tmp_path: Path) -> None:
    page = "https://outlet.example/2"
    found = clustered(
        tmp_path,
        {"id": "original", "title": "Delegation in Seoul", "text": LONG, "source": "a"},
        {"id": "copy", "title": "Kyiv asks", "text": LONG, "url": page, "source": "b"},
        {"id": "page", "title": "Troops", "text": "Other words.", "url": page, "source": "c"},
    )
    assert [line["duplicate_of"] for line in found] == [None, "original", "original"]
    assert len({line["story"] for line in found}) == 1


def test_two_entries_with_one_page_are_copies(tmp_path: Path) -> None:
    found = clustered(
        tmp_path,
        {"id": "1", "title": "Quake", "url": "https://outlet.example/q?utm_source=x", "source": "a"},
        {"id": "2", "title": "Sendai", "url": "http://www.outlet.example/q", "source": "b"},
    )
    assert found[1]["duplicate_of"] == "1"


def test_all_but_the_id_may_be_missing(tmp_path: Path) -> None:
    nulls = dict.fromkeys(["published", "language", "url", "source"])
    found = clustered(
        tmp_path, {"id": "bare"}, {"id": "nulls", **nulls}, {"id": 7, "more": [1]}, {"id": "t", "title": "T"}
    )
    assert [line["id"] for line in found] == ["bare", "nulls", "7", "t"]
    assert len({line["story"] for line in found}) == 4


@pytest.mark.parametrize("published", [None, "2024-11-27T12:00:00Z", "2024-11-27T12:00:00", "2024-11-27"])
def test_dates_with_and_without_a_time_zone_are_understood(tmp_path: Path, published: str | None) -> None:
    lines = [
        {"id": id, "title": "Quake hits Sendai", "text": text, "published": published, "source": id}
        for id, text in (("1", QUAKE), ("2", AGAIN))
    ]
    one, two = clustered(tmp_path, *lines)
    assert one["story"] == two["story"]


def test_entries_further_apart_than_the_window_are_two_stories(tmp_path: Path) -> None:
    lines = [
        {"id": day, "title": "Quake hits Sendai", "text": text, "published": f"2024-11-{day}T12:00:00Z"}
        for day, text in (("10", QUAKE), ("16", AGAIN))
    ]
    one, two = clustered(tmp_path, *lines)
    assert one["story"] != two["story"]


def test_an_empty_file_and_empty_lines_say_nothing(tmp_path: Path) -> None:
    assert clustered(tmp_path) == []
    assert [line["id"] for line in clustered(tmp_path, "", {"id": "1"}, "   ", {"id": "2"})] == ["1", "2"]


@pytest.mark.parametrize(
    "wrong",
    [
        "no json",
        '{"id": "2"',
        "[]",
        '"text"',
        "{}",
        '{"id": null}',
        '{"id": "2", "published": "yesterday"}',
        '{"id": "2", "title": ["a"]}',
    ],
)
def test_a_wrong_line_is_told_by_its_number_with_what_is_expected(tmp_path: Path, wrong: str) -> None:
    file = write(tmp_path, {"id": "1"}, "", wrong, {"id": "3"})
    result = run(file, "--embedder", "words", status=2)
    assert f"{file}:3: " in result.stderr
    assert "each line is a JSON object with id, title" in result.stderr
    assert result.stdout == ""


def test_a_wrong_line_is_told_in_plain_words(tmp_path: Path) -> None:
    for line, words in {
        "no json": "no JSON",
        "[]": "expected an object, found something else",
        "{}": "id is missing",
        '{"id": null}': "id: expected text, found null",
        '{"id": "2", "published": "yesterday"}': 'published: expected a date (ISO 8601), found "yesterday"',
        '{"id": "2", "title": ["a"]}': 'title: expected text, found ["a"]',
    }.items():
        file = write(tmp_path, line)
        assert f"error: {file}:1: {words}\n" in run(file, status=2).stderr


def test_a_dash_reads_what_is_piped_in() -> None:
    lines = '{"id": "1", "title": "Quake"}\n{"id": "2", "title": "Budget"}\n'
    done = _piped(lines)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["1", "2"]
    assert "error: <stdin>:2: id is missing" in _piped("\n{}\n").stderr


def _piped(lines: str) -> subprocess.CompletedProcess[str]:
    command = [*AGGREGATOR, "cluster", "-", "--embedder", "words"]
    return subprocess.run(command, input=lines, capture_output=True, text=True, check=False)


def test_an_id_that_stands_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "1"}, {"id": "2"}, {"id": "1"})
    result = run(file, "--embedder", "words", status=2)
    assert f"{file}:3: the id '1' stands in line 1 too" in result.stderr
    assert result.stdout == ""


def test_an_unknown_embedder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "1"})
    assert "nonesuch" in run(file, "--embedder", "nonesuch", status=2).stderr
    assert "missing.jsonl" in run(tmp_path / "missing.jsonl", status=2).stderr


# The same as the ledger

WORDS = ["quake", "harbour", "sendai", "budget", "ottawa", "vote", "strike", "rail", "union"]
REPORTS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.lists(st.sampled_from(WORDS), min_size=2, max_size=6).map(" ".join),
        st.sampled_from([*WORDS, LONG]),
        st.integers(0, 200),
    ),
    max_size=25,
)
Report = tuple[str, str, str, int]


def stored(reports: list[Report]) -> dict[str, tuple[str, str | None]]:
    """Guid → story and original, as a pass over these entries makes them."""
    with TemporaryDirectory() as folder, open_store(Path(folder) / "a.db") as db:
        db.execute("PRAGMA synchronous=OFF")
        books = Books(db, Path(folder) / "feeds")
        for id in "abc":
            entries = [
                entry(
                    str(number),
                    title=title,
                    text=text,
                    published=NOON - timedelta(hours=hours),
                    profile=make_profile(title, text),
                    sketch=make_sketch(title, text),
                )
                for number, (source, title, text, hours) in enumerate(reports)
                if source == id
            ]
            with writing(db):
                for one in entries:
                    insert_entry(db, one, source=SourceId(id), now=NOON)
        Groups(books.db, span=timedelta(days=5)).group(now=NOON)
        rows = books.rows(
            "SELECT one.guid, one.story, original.guid FROM entries AS one"
            " LEFT JOIN entries AS original ON original.id = one.duplicate_of"
        )
        return {guid: (story, original) for guid, story, original in rows}


def partition(memberships: dict[str, tuple[str, str | None]]) -> list[list[str]]:
    stories: dict[str, list[str]] = {}
    for id, (story, _) in memberships.items():
        stories.setdefault(story, []).append(id)
    return sorted(sorted(ids) for ids in stories.values())


@settings(max_examples=60)
@given(REPORTS)
def test_the_same_entries_make_the_same_stories_as_in_the_store(reports: list[Report]) -> None:
    lines = [
        {
            "id": f"guid-{number}",
            "title": title,
            "text": text,
            "published": to_text(NOON - timedelta(hours=hours)),
            "language": "en",
            "url": f"https://outlet.example/{number}",
            "source": source,
        }
        for number, (source, title, text, hours) in enumerate(reports)
    ]
    # In the order of time, as the contract asks for; of equal times as the store takes them
    lines.sort(key=lambda line: (line["published"], line["source"], f"guid:{line['id']}"))
    with TemporaryDirectory() as folder:
        found = {
            line["id"]: (line["story"], line["duplicate_of"]) for line in clustered(Path(folder), *lines)
        }
    expected = stored(reports)
    assert {id: original for id, (_, original) in found.items()} == {
        id: original for id, (_, original) in expected.items()
    }
    assert partition(found) == partition(expected)
