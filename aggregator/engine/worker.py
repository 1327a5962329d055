"""A parsing process as its owner sees it: given one task at a time, killed when one takes too long."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Connection, Pipe
from typing import cast

from aggregator.harvest.answer import failed
from aggregator.model import Failure, Harvest, Request, Response


@dataclass(frozen=True, slots=True)
class Task:
    """A document to parse and clean."""

    request: Request
    response: Response
    now: datetime


def send_task(pipe: Connection, task: Task) -> None:
    """The body goes by itself: pickled, it would be in memory three times."""
    pipe.send(replace(task, response=replace(task.response, body=b"")))
    pipe.send_bytes(task.response.body)


def receive_task(pipe: Connection) -> Task:
    """What `send_task` sent. Raises EOFError when the other end is closed."""
    task = cast(Task, pipe.recv())
    return replace(task, response=replace(task.response, body=pipe.recv_bytes()))


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task, and whether the process ends with it."""

    harvest: Harvest
    is_last: bool


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
            if pipe.poll(self._seconds):
                done = cast(Done, pipe.recv())
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
