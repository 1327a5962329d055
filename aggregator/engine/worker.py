"""The process that parses: it can be killed without loss, and its memory is bounded.

Started as `python -m aggregator.engine.worker FD`; the other end of the socket sends tasks, one at a
time, and takes a harvest for each.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection, Pipe
from typing import cast

from aggregator.harvest.source import failed, read
from aggregator.model import Failure, Harvest, Request, Response

_MEMORY_BYTES = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """A document to parse and clean."""

    request: Request
    response: Response
    now: datetime


class Worker:
    """A parsing process as its owner sees it: started at the first task, killed when one takes too long."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def run(self, task: Task) -> Harvest:
        """The task's harvest; a failure when the process dies or is killed after `seconds`."""
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it died between two tasks: this one has no part in that
        pipe = self._pipe or self._start()
        try:
            pipe.send(task)
            if pipe.poll(self._seconds):
                return cast(Harvest, pipe.recv())
            failure = Failure("parser_killed", f"could not be parsed within {self._seconds:g} s")
        except (EOFError, OSError):
            failure = Failure("parser_killed", "crashed the parser")
        self._kill()
        return failed(task.request, failure, now=task.now)

    def interrupt(self) -> None:
        """From another thread: end a task under way; its `run` then yields a failure."""
        process = self._process  # which `run` may set to None meanwhile
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Let the process end: it has no task."""
        if self._pipe is not None and self._process is not None:
            self._pipe.close()
            self._process.wait()
        self._pipe = self._process = None

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-m", "aggregator.engine.worker", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._pipe = ours
        return ours

    def _kill(self) -> None:
        self.interrupt()
        self.close()


def main() -> None:
    """Serve tasks until the owner closes its end."""
    # Ctrl-C in a terminal reaches the whole group: the owner decides, by closing the pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # The other end closes when there is no more to do, or when the owner is killed
    with Connection(int(sys.argv[1])) as pipe, suppress(EOFError, ConnectionError):
        while True:
            pipe.send(_harvest(cast(Task, pipe.recv())))


def _harvest(task: Task) -> Harvest:
    try:
        return read(task.request, task.response, now=task.now)
    except Exception as error:
        # Whatever a document does to the parser costs this document only
        message = f"broke the parser: {type(error).__name__}: {error}"
        return failed(task.request, Failure("parser_failed", message[:500], 200), now=task.now)


if __name__ == "__main__":
    main()
