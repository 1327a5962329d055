"""What tests of more than one part need: an origin to fetch from, and a desk that runs the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders import Books
from click.testing import CliRunner, Result
from hypothesis import settings
from origin import Origin, serving_origin
from sqlite_utils import Database

from aggregator.cli.main import main
from aggregator.store.connection import open_store

# No test fails because the machine is busy, and a run repeats the one before
settings.register_profile("aggregator", deadline=None, derandomize=True)
settings.load_profile("aggregator")

_AGGREGATOR = """\
site: {title: Test desk}
storage: {database: ../aggregator.db, keep: 9000d}
output: {directory: ../feeds}
fetch: {allow_private_networks: true, timeout: 20s}
stories: {embedder: words}
"""


@dataclass
class Desk:
    """A folder with a configuration, which is made unless it is there, database and published files."""

    root: Path

    def __post_init__(self) -> None:
        if self.config.exists():
            return
        self.config.mkdir()
        self.write("aggregator.yaml", _AGGREGATOR)
        self.write("sources.yaml", "# Kept by hand\nsources:\n")

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def feeds(self) -> Path:
        return self.root / "feeds"

    @property
    def database(self) -> Path:
        return self.root / "aggregator.db"

    def write(self, name: str, text: str) -> None:
        (self.config / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.config / name).read_text(encoding="utf-8")

    def add(self, id: str, url: str, more: str = "") -> None:
        """List a source; `more` are further lines of YAML, each indented by four spaces."""
        text = f"{self.read('sources.yaml')}  - url: {url}\n    id: {id}\n{more}"
        self.write("sources.yaml", text)

    def run(self, *args: str, input: str | None = None, status: int = 0) -> Result:
        """Run a command in this process, and see that it ends with this status."""
        result = CliRunner().invoke(main, ["--config", str(self.config), *args], input=input)
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result

    def rows(self, *args: str, status: int = 0) -> list[dict[str, Any]]:
        """What a command prints with --json."""
        return [json.loads(line) for line in self.run(*args, "--json", status=status).stdout.splitlines()]

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        command = [sys.executable, "-m", "aggregator", "--config", str(self.config), *args]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": self.root}
        return subprocess.Popen(command, **{**pipes, "env": dict(os.environ), **options})


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A scripted HTTP server."""
    with serving_origin() as origin:
        yield origin


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk without sources and topics."""
    return Desk(tmp_path)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An empty store in a file."""
    with open_store(tmp_path / "aggregator.db") as db:
        yield db


@pytest.fixture
def books(db: Database, tmp_path: Path) -> Books:
    """An empty store with the sources a, b and c, that publishes into a folder of its own."""
    return Books(db, tmp_path / "feeds")
