"""Feed readers from Debian, each with a folder of its own."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from configparser import ConfigParser
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

needs_newsboat = pytest.mark.skipif(shutil.which("newsboat") is None, reason="newsboat is not installed")
needs_rss2email = pytest.mark.skipif(shutil.which("r2e") is None, reason="rss2email is not installed")


def _run(home: Path, *command: str | Path) -> None:
    """Run a reader that knows no other folder than its own; it must have nothing to complain of."""
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@dataclass
class Newsboat:
    """It lists what it read in a database."""

    home: Path

    def __post_init__(self) -> None:
        self.home.mkdir()
        (self.home / "config").touch()
        (self.home / "urls").touch()

    def subscribe(self, *urls: str) -> None:
        """Read these feeds from now on."""
        (self.home / "urls").write_text("".join(f"{url}\n" for url in urls))

    def run(self, *args: str | Path) -> None:
        """Run it with its own files."""
        files = {"-u": self.home / "urls", "-c": self.home / "cache.db", "-C": self.home / "config"}
        _run(self.home, "newsboat", *(part for pair in files.items() for part in pair), *args)

    def reload(self) -> None:
        """Read all feeds."""
        self.run("-x", "reload")

    def urls(self) -> list[str]:
        """The feeds that it reads."""
        return (self.home / "urls").read_text().split()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds in its database."""
        with closing(sqlite3.connect(self.home / "cache.db")) as db:
            return db.execute(query).fetchall()


@dataclass
class Rss2email:
    """It sends each item as a mail, in a new thread or, where it is set so, in reply to the one before."""

    home: Path
    smtp_port: int

    def __post_init__(self) -> None:
        self.home.mkdir()
        self._config = ConfigParser(interpolation=None)
        self._config["DEFAULT"] = {
            "to": "reader@desk.example",
            "email-protocol": "smtp",
            "smtp-server": "127.0.0.1",
            "smtp-port": str(self.smtp_port),
            "verbose": "error",
        }

    def subscribe(self, name: str, url: str, settings: Mapping[str, str] | None = None) -> None:
        """Read a feed from now on, with these settings of its own."""
        self._config[f"feed.{name}"] = {"url": url, **(settings or {})}
        with (self.home / "config").open("w") as file:
            self._config.write(file)

    def run(self) -> None:
        """Read all feeds, and send what is new."""
        _run(self.home, "r2e", "-c", self.home / "config", "-d", self.home / "data.json", "run")
