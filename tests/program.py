"""The program as its users run it: a process of its own, on a configuration folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

AGGREGATOR = (sys.executable, "-m", "aggregator")


def aggregator(*args: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; whatever happens, it must not say it with a traceback."""
    done = subprocess.run(
        [*AGGREGATOR, *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def until(check: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """Wait until `check` finds something; fail when it has not after so long."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        if found := check():
            return found
        pause.wait(0.02)
    raise AssertionError(f"waited {seconds:g} s in vain for {what}")


@dataclass
class Running:
    """A process under way, and the file that takes what it says."""

    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def hears(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """Wait until the process says something that matches."""

        def look() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.said())
            assert found or not ended, f"it ended without {pattern!r}, but with:\n{self.said()}"
            return found

        return until(look, f"{pattern!r} in {self.output}", seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10) -> int:
        """Send a signal; returns the exit status. Fails when the process takes longer to end."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def started(output: Path, *args: str | Path, command: Sequence[str] = AGGREGATOR) -> Iterator[Running]:
    """Start a command; it is killed at the end if it still runs."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, *map(str, args)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield Running(process, output)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def configure(
    folder: Path,
    sources: Mapping[str, str],
    *,
    topics: str = "topics: []",
    database: str = "../store.db",
    output: str = "../feeds",
    fetch: str = "per_host: 8",
    listen: str = "127.0.0.1:0",
) -> Path:
    """Write a configuration below `folder` (of the sources ids and URLs); returns its own folder."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "aggregator.yaml").write_text(
        f"storage: {{database: '{database}', keep: 20000d}}\noutput: {{directory: '{output}'}}\n"
        f"fetch: {{allow_private_networks: true, {fetch}}}\nweb: {{listen: '{listen}'}}\n"
        "stories: {embedder: words}\n"
    )
    write_sources(config, sources)
    (config / "topics.yaml").write_text(topics)
    return config


def write_sources(config: Path, sources: Mapping[str, str]) -> None:
    lines = [f"  - {{id: '{id}', url: '{url}'}}\n" for id, url in sources.items()]
    (config / "sources.yaml").write_text("sources:\n" + "".join(lines))
