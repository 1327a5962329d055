"""A parsing process as its owner sees it: given one task at a time, killed when one takes too long."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Connection, Pipe
from typing import cast

from aggregator.harvest import spool
from aggregator.harvest.answer import failed
from aggregator.model import Entry, Failure, Harvest, Request, Response

_ENTRIES_SENT = 100


@dataclass(frozen=True, slots=True)
class Task:
    """A document to parse and clean."""

    request: Request
    response: Response
    now: datetime


def send_task(pipe: Connection, task: Task) -> None:
    """The body goes by itself."""
    pipe.send(replace(task, response=replace(task.response, body=b"")))
    spool.send(pipe, task.response.body)


def receive_task(pipe: Connection) -> Task:
    """What `send_task` sent. Raises EOFError when the other end is closed."""
    task = cast(Task, pipe.recv())
    return replace(task, response=replace(task.response, body=spool.receive(pipe)))


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task, and whether the process ends with it. Its entries came before, some at a time."""

    harvest: Harvest
    is_last: bool


def send_done(pipe: Connection, harvest: Harvest, *, is_last: bool) -> None:
    """Answer a task. Pickled at once, the entries of a large document would be in memory twice."""
    for at in range(0, len(harvest.entries), _ENTRIES_SENT):
        pipe.send(harvest.entries[at : at + _ENTRIES_SENT])
    pipe.send(Done(replace(harvest, entries=()), is_last))


def _receive_done(pipe: Connection, *, seconds: float) -> Done | None:
    """What `send_done` sent; None when nothing comes for so long. Raises EOFError when the other end is closed."""
    entries: list[Entry] = []
    while pipe.poll(seconds):
        message = pipe.recv()
        if isinstance(message, Done):
            return replace(message, harvest=replace(message.harvest, entries=tuple(entries)))
        entries += message
    return None


class Worker:
    """Started at the first task."""

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
            send_task(pipe, task)
            if (done := _receive_done(pipe, seconds=self._seconds)) is not None:
                if done.is_last:
                    self.close()
                return done.harvest
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
            command = [sys.executable, "-m", "aggregator.engine.parser", str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._pipe = ours
        return ours

    def _kill(self) -> None:
        self.interrupt()
        self.close()
