"""What the documentation says is so: settings, commands, examples, links, schemas."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel
from sqlite_utils import Database

from aggregator.cli.main import main
from aggregator.config import load, write_schemas, write_starter
from aggregator.demo import SAMPLES
from aggregator.serve import serving
from aggregator.settings import Aggregator, Sources, Topics
from aggregator.topic.rule import compile_rule, compile_term

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
LINKING = sorted({*PAGES, "CHANGELOG.md", "benchmarks/README.md", "feeds/README.md"})
CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs/commands.md").read_text(encoding="utf-8")

NOT_RUN = [
    ("make (demo|test|fix)", "installs from the network and runs these tests", ".ci/run"),
    (
        r"python3 -m venv ~/aggregator|(pipx|~/aggregator/bin/pip) install '\.\[multilingual\]'",
        "installs from the network",
        ".ci/run",
    ),
    ("aggregator run", "does not end", "tests/test_daemon.py"),
    ("aggregator demo --embedder words", "does not end without --once", "tests/test_demo.py"),
    ("aggregator serve", "does not end", "tests/test_cli.py"),
    ("aggregator sources add https://.*", "asks the network", "tests/test_cli_sources.py"),
    ("aggregator sources discover kyivindependent.com", "asks the network", "tests/test_cli_sources.py"),
    (
        "(sudo|journalctl) .*",
        "changes the machine; the unit's command line is read here",
        "tests/test_docs.py",
    ),
]
"""Commands that are shown but cannot be run here: pattern, why, and the file that tests it instead."""

ENTRIES = {"76": "https://two-capitals.example/episodes/42"}
"""Numbers of entries in example commands. They differ from demo to demo, what they stand for does not."""

STORY = "eqkucm6maqh3mz4b"
WITH_JSON: dict[str, list[str]] = {
    "check": [],
    "check --online": ["--online"],
    "update": [],
    "publish": [],
    "sources list": [],
    "sources show": ["han-river-times"],
    "sources discover": ["{origin}han-river-times.xml"],
    "topics list": [],
    "topics preview": ["korea"],
    "stories list": [],
    "stories show": [STORY],
    "stories search": ["umerov"],
    "entries list": [],
    "explain": [STORY],
    "status": [],
}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table_rows(text: str, *header: str) -> list[list[str]]:
    """The cells of all tables with this header."""
    rows: list[list[str]] = []
    head = f"| {' | '.join(header)} |"
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = table.splitlines()
        if lines[0] == head:
            rows += [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
    return rows


def sections() -> dict[str, str]:
    """Command, as `sources list`, to the text below its heading."""
    parts = re.split(r"^#{2,3} aggregator (.+)\n", COMMANDS, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options_in(text: str) -> set[str]:
    rows = table_rows(text, "option", "meaning")
    return {word for row in rows for word in re.findall(r"`(--?[a-z-]+)", row[0])}


@dataclass
class Example:
    """A command of a console block, and the lines that it is said to print."""

    command: str
    printed: list[str] = field(default_factory=list)


def examples(page: str) -> list[Example]:
    found: list[Example] = []
    for language, text in blocks(read(page)):
        if language != "console":
            continue
        assert text.startswith("$ "), f"{page}: a console block begins with {text.splitlines()[0]!r}"
        for line in text.splitlines():
            if line.startswith("$ "):
                found.append(Example(re.sub(r"\s+#.*", "", line[2:])))
            else:
                found[-1].printed.append(line)
    return found


def exception(command: str) -> int | None:
    """The row of NOT_RUN that covers a command."""
    return next((i for i, row in enumerate(NOT_RUN) if re.fullmatch(row[0], command)), None)


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel], str]]:
    """Each setting as a person writes its place, with the model and field that define it."""
    for name, info in model.model_fields.items():
        inner = next((one for one in (info.annotation, *get_args(info.annotation)) if _is_model(one)), None)
        if inner is None:
            yield f"{prefix}{name}", model, name
        else:
            yield from settings_of(
                inner, f"{prefix}{name}{'[]' if get_origin(info.annotation) is tuple else ''}."
            )


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


SETTINGS = {
    name: (model, key) for one in (Aggregator, Sources, Topics) for name, model, key in settings_of(one)
}
DOCUMENTED = {
    row[0].strip("`"): row[1].strip("`") for row in table_rows(CONFIGURATION, "setting", "default", "meaning")
}


def test_every_setting_is_documented_and_no_other() -> None:
    assert list(DOCUMENTED) == list(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_documented_default_is_the_one_that_holds(name: str) -> None:
    model, key = SETTINGS[name]
    info = model.model_fields[key]
    words = DOCUMENTED[name]
    if info.is_required():
        assert words == "required"
        return
    needed = {"url": "https://news.example/", "id": "one", "title": "One"}
    needed = {one: value for one, value in needed.items() if model.model_fields.get(one, info).is_required()}
    value = "" if words in ("empty", "from the URL") else yaml.safe_load(words)
    assert value != "" or key in ("id", "description")
    if key != "id":
        needed[key] = value
    assert getattr(model.model_validate(needed), key) == info.get_default(call_default_factory=True)


@pytest.mark.parametrize(
    ("term", "compiled"), [row[:2] for row in table_rows(CONFIGURATION, "term", "compiled", "finds")]
)
def test_terms_compile_as_documented(term: str, compiled: str) -> None:
    assert compile_term(term.strip("`")) == compiled.strip("`")


def test_the_rule_compiles_as_documented(tmp_path: Path) -> None:
    found = blocks(CONFIGURATION)
    place = next(i for i, (language, _) in enumerate(found) if language == "fts5")
    topics = _loaded(found[place - 1][1], tmp_path).topics
    assert compile_rule(topics.topics[0], topics.vocabulary) == found[place][1].strip()


YAML_BLOCKS = [
    (f"{page}-{i}", text)
    for page in PAGES
    for i, text in enumerate(text for language, text in blocks(read(page)) if language == "yaml")
]


@pytest.mark.parametrize("text", [text for _, text in YAML_BLOCKS], ids=[name for name, _ in YAML_BLOCKS])
def test_every_yaml_example_is_accepted(text: str, tmp_path: Path) -> None:
    _loaded(text, tmp_path)


def _loaded(text: str, folder: Path) -> Any:
    """Load an example; lines such as `# config/topics.yaml` say which file the next ones are of."""
    before, *parts = re.split(r"^# config/((?:aggregator|sources|topics)\.yaml)$\n", text, flags=re.MULTILINE)
    assert before == "", "the first line of an example names its file"
    (folder / "sources.yaml").write_text("sources: []\n")
    for name, content in zip(parts[::2], parts[1::2], strict=True):
        (folder / name).write_text(content, encoding="utf-8")
    return load(folder, environ=dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "q" * 20))


def commands(group: click.Group = main, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


TREE = dict(commands())


def options_of(command: click.Command) -> set[str]:
    given = [one for one in command.params if isinstance(one, click.Option)]
    return {name for option in given for name in (*option.opts, *option.secondary_opts)}


def test_every_command_is_documented_and_no_other() -> None:
    assert sorted(sections()) == sorted(TREE)


@pytest.mark.parametrize("name", TREE)
def test_the_options_and_arguments_of_a_command_are_documented_and_no_others(name: str) -> None:
    command, text = TREE[name], sections()[name]
    assert options_in(text) == options_of(command)
    pieces = command.collect_usage_pieces(click.Context(command))[1:]
    if pieces and not isinstance(command, click.Group):
        assert f"`aggregator {name} {' '.join(pieces)}`" in text


def test_the_options_of_the_program_are_documented_and_no_others() -> None:
    intro = COMMANDS.partition("\n## ")[0]
    assert options_in(intro) == options_of(main) | {"-h", "--help"}


@pytest.mark.parametrize("name", ["", *TREE])
def test_help_prints_and_names_no_option_that_the_page_lacks(name: str) -> None:
    result = CliRunner().invoke(main, [*name.split(), "--help"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Usage: aggregator")
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", result.stdout)) <= options_in(COMMANDS)
    for line in re.findall(r"Example: aggregator (.+)", result.stdout):
        assert_exists(line)


@pytest.mark.parametrize("page", LINKING)
def test_commands_named_in_passing_exist(page: str) -> None:
    text = read(page)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`aggregator ([^`]+)`", prose) + re.findall(r"bin/aggregator (.+)", text)
    for line in named:
        assert_exists(line)


def assert_exists(line: str) -> None:
    """That the words of a command line are a command and options of it."""
    words = re.sub(r"^--config \S+ ", "", line).split()
    pair = " ".join(words[:2])
    name = pair if pair in TREE else words[0]
    assert name in TREE, f"`aggregator {line}`: there is no such command"
    assert {word for word in words if word.startswith("--")} <= options_of(TREE[name]) | {"--help"}, line


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "demo"
    result = CliRunner().invoke(main, ["demo", "--once", "--embedder", "words", "--dir", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def serving_sources_of(folder: Path) -> AbstractContextManager[str]:
    """The sample sources, where the demo in the folder had them."""
    match = re.search(r"http://(127\.0\.0\.1:\d+)/", (folder / "sources.yaml").read_text(encoding="utf-8"))
    assert match
    return serving(SAMPLES / "feeds", match[1])


def test_the_json_fields_of_every_command_are_documented(demo: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(demo, tmp_path / "demo")
    told = {name for name, command in TREE.items() if "--json" in options_of(command)}
    assert {name.partition(" --")[0] for name in WITH_JSON} == told
    with serving_sources_of(folder) as origin:
        for name, arguments in WITH_JSON.items():
            words = [word.format(origin=origin) for word in arguments]
            command = [*name.partition(" --")[0].split(), *words, "--json"]
            result = CliRunner().invoke(main, ["--config", str(folder), *command])
            assert result.exit_code == 0, result.output
            keys = list(json.loads(result.stdout.splitlines()[0]))
            assert keys == json_fields(name), name


def json_fields(name: str) -> list[str]:
    command, _, option = name.partition(" --")
    text = sections()[command]
    head = f"JSON with `--{option}`:" if option else "JSON:"
    match = re.search(rf"^{re.escape(head)} (.+(?:\n`.+)*)", text, re.MULTILINE)
    assert match, f"{name}: there is no line that begins with {head!r}"
    if other := re.fullmatch(r"as `aggregator (.+)`", match[1]):
        return json_fields(other[1])
    return re.findall(r"`(\w+)`", match[1])


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page: str, demo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shown = examples(page)
    if all(example.command != "aggregator demo --once --embedder words --dir demo" for example in shown):
        shutil.copytree(demo, folder)
    for example in shown:
        if exception(example.command) is None:
            _run(example, folder)


def _run(example: Example, folder: Path) -> None:
    """Run a command as a shell does, in the folder above the demo's."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environ.pop("AGGREGATOR_CONFIG", None)
    if not example.command.startswith("aggregator init"):
        environ["AGGREGATOR_CONFIG"] = "demo"
    command = _with_numbers(example.command, folder)
    fetches = re.match(r"aggregator (update|check)\b", command)
    with serving_sources_of(folder) if fetches else nullcontext():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder.parent,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    if example.printed:
        shown = [settled(line) for line in example.printed]
        told = [[settled(line) for line in text.splitlines()] for text in (done.stdout, done.stderr)]
        assert any(_agrees(shown, lines) for lines in told), "\n".join([f"$ {command}", *told[0], *told[1]])


def _with_numbers(command: str, folder: Path) -> str:
    if not command.startswith("aggregator stories split"):
        return command

    def number(match: re.Match[str]) -> str:
        (row,) = Database(folder / "aggregator.db").query(
            "SELECT id FROM entries WHERE url = ?", [ENTRIES[match[0]]]
        )
        return str(row["id"])

    return re.sub(r"\b\d+\b", number, command)


SETTLED: list[tuple[str, str]] = [
    (r"^ *\d+(?=  )", "#"),  # the number of an entry in the first column
    (r'(\bentry|"entry":) \d+', r"\1 #"),
    (r"\b20(?!24)\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "#"),  # the samples are of 2024; others are of the day
    (r"\b\d+\.\d+ (s|MB)\b", r"# \1"),
    (r" {2,}", "  "),
]


def settled(line: str) -> str:
    """A line of output without what differs from run to run."""
    for pattern, replacement in SETTLED:
        line = re.sub(pattern, replacement, line)
    return line.rstrip()


def _agrees(shown: list[str], told: list[str]) -> bool:
    """Whether the lines are those of an example, in which … stands for the rest of a line or for lines."""
    pattern = ""
    for line in shown:
        inside = re.escape(line).replace("…", ".*")
        pattern += r"(?:.*\n)*?" if line == "…" else f"{inside}\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in told)) is not None


def test_every_exception_is_needed_and_tested_elsewhere() -> None:
    used = {exception(example.command) for page in PAGES for example in examples(page)}
    assert set(range(len(NOT_RUN))) <= used
    for _, reason, file in NOT_RUN:
        assert reason
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("page", LINKING)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)", read(page)):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), f"{page} links to {target}"
        assert not anchor or anchor[1:] in _anchors(file.read_text(encoding="utf-8")), (
            f"{page}: {target}{anchor}"
        )


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}


@pytest.mark.parametrize("made", [lambda folder: write_schemas(folder / "schema"), write_starter])
def test_the_shipped_schemas_are_those_that_the_program_writes(
    made: Callable[[Path], object], tmp_path: Path
) -> None:
    made(tmp_path)
    assert _texts(tmp_path / "schema") == _texts(ROOT / "config/schema")


@pytest.mark.parametrize("name", ["aggregator", "sources", "topics"])
@pytest.mark.parametrize("folder", ["config", "aggregator/config/starter", "aggregator/samples/config"])
def test_shipped_files_satisfy_the_schemas(folder: str, name: str) -> None:
    text = read(f"{folder}/{name}.yaml")
    jsonschema.validate(yaml.safe_load(text), json.loads(read(f"config/schema/{name}.json")))
    if folder != "aggregator/samples/config":
        assert text.startswith(f"# yaml-language-server: $schema=schema/{name}.json\n")


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    heading, text = re.findall(r"^## (.+)\n\n(.+)", read("CHANGELOG.md"), re.MULTILINE)[0]
    assert (heading, bool(text)) == ("Unreleased", True)
