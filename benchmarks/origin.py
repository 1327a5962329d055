"""Starts the synthetic origin that every benchmark fetches from."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any

CHECKOUT = Path(__file__).resolve().parents[1]
DEFAULT_ORIGIN = CHECKOUT.parent / "shared" / "bench" / "origin.py"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Origin:
    """A running origin; leaving the `with` block stops it. Raises SystemExit when it does not start."""

    def __init__(self, script: Path, feeds: int, *, python: Path | None = None) -> None:
        if not script.is_file():
            raise SystemExit(f"no origin at {script}: give its path with --origin")
        self._control = f"http://127.0.0.1:{_free_port()}"
        port = self._control.rpartition(":")[2]
        command = [str(python or sys.executable), str(script), "--feeds", str(feeds), "--port", port]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.description = self._pipe().readline().strip()
        if not self.description.startswith("ready"):
            self._process.kill()
            raise SystemExit(f"the origin did not start: {self.description or 'see its error above'}")

    def _pipe(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def ask(self, path: str) -> str:
        """The answer of one of its control addresses, such as `/_urls`."""
        with urllib.request.urlopen(f"{self._control}{path}", timeout=60) as answer:
            body: bytes = answer.read()
        return body.decode()

    def urls(self) -> list[str]:
        """One URL a feed."""
        return self.ask("/_urls").split()

    def advance(self, fraction: float) -> None:
        """That share of the feeds gains one to three entries."""
        self.ask(f"/_advance?fraction={fraction}")

    def counters(self) -> dict[str, Any]:
        """What it counted since the last call."""
        counters: dict[str, Any] = json.loads(self.ask("/_reset"))
        return counters

    def __enter__(self) -> Origin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._pipe().close()
