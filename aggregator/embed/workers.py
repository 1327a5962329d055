"""Processes that hold the model: started when there are texts, killed at a stop, gone when nobody asks.

The model is C code that reads what strangers wrote: what breaks it does not break this process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait

from aggregator.embed.centre import Vector
from aggregator.embed.protocol import Stopped
from aggregator.errors import EngineError

_AT_ONCE = 4
"""Texts a message: little to wait for at the end, when one process has no more to do."""
_WORTH = 16
"""Texts that are worth one more process: to start it costs as much as some ten texts."""
_IDLE_SECONDS = 60.0
_ANSWER_SECONDS = 60.0
_HEED_SECONDS = 0.2
_HINT = "if it happens again, set `stories.embedder: words`"


class Workers:
    """Up to `count` processes, each with a model. They die with this process, whatever ends it."""

    def __init__(
        self,
        count: int,
        *,
        stop: threading.Event | None = None,
        idle_seconds: float = _IDLE_SECONDS,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self._workers = [_Worker(idle_seconds) for _ in range(count)]
        self._stop = stop
        self._answer_seconds = answer_seconds
        # An embedder is dropped, not closed: a reload of the configuration makes another one
        weakref.finalize(self, _kill, self._workers)

    def vectors(self, texts: Sequence[str], done: Callable[[int], None] = lambda _more: None) -> list[Vector]:
        """What `Model.vectors` says of the texts; their order and number do not matter to any vector.

        `done` is told whenever so many more are had. Raises Stopped within a second after the stop event is set,
        EngineError when a process dies, cannot load the model or gives no answer; the next call starts anew.
        """
        parts = [texts[start : start + _AT_ONCE] for start in range(0, len(texts), _AT_ONCE)]
        try:
            return self._collect(parts, self._workers[: 1 + len(texts) // _WORTH], done)
        except BaseException:
            # Answers that nobody awaits any more must not be taken for those of the next call
            _kill(self._workers)
            raise

    def _collect(
        self, parts: Sequence[Sequence[str]], workers: Sequence[_Worker], done: Callable[[int], None]
    ) -> list[Vector]:
        found: dict[int, list[Vector]] = {}
        todo = deque(enumerate(parts))
        busy: dict[Connection, tuple[_Worker, int]] = {}
        for worker in workers[: len(parts)]:
            number, part = todo.popleft()
            busy[worker.ask(part)] = worker, number
        while busy:
            for pipe in self._answering(list(busy)):
                worker, number = busy.pop(pipe)
                vectors = worker.answer()
                if vectors is None:
                    todo.appendleft((number, parts[number]))
                else:
                    found[number] = vectors
                    done(len(vectors))
                if todo:
                    number, part = todo.popleft()
                    busy[worker.ask(part)] = worker, number
        return [vector for number in range(len(parts)) for vector in found[number]]

    def _answering(self, pipes: Sequence[Connection]) -> list[Connection]:
        for _ in range(max(1, round(self._answer_seconds / _HEED_SECONDS))):
            if self._stop is not None and self._stop.is_set():
                raise Stopped
            ready = wait(pipes, timeout=_HEED_SECONDS)
            if ready:
                return [pipe for pipe in pipes if pipe in ready]
        raise EngineError(f"the embedder gave no answer for {self._answer_seconds:g} s", hint=_HINT)


class _Worker:
    """One process, asked one thing at a time."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def ask(self, texts: Sequence[str]) -> Connection:
        """Send texts to the process, started if need be; returns where its answer will come."""
        if self._process is not None and self._process.poll() is not None:
            self.kill()  # it ended between two calls: these texts have no part in that
        pipe = self._pipe or self._start()
        with suppress(OSError):  # it ends just now, which is its answer
            pipe.send(list(texts))
        return pipe

    def answer(self) -> list[Vector] | None:
        """The vectors of the texts it was asked for; None when it left just before, because it had been idle.

        Raises EngineError when it died of them or has no model.
        """
        assert self._pipe is not None
        assert self._process is not None
        try:
            answer: list[Vector] | str = self._pipe.recv()
        except (EOFError, OSError):
            status = self._process.wait()
            self.kill()
            if status == 0:
                return None
            ended = signal.strsignal(-status) if status < 0 else f"exit status {status}"
            raise EngineError(f"the embedder's process died ({ended})", hint=_HINT) from None
        if isinstance(answer, str):
            raise EngineError(answer, hint=_HINT)
        return answer

    def kill(self) -> None:
        """End the process, whatever it is at; it holds nothing that could be lost."""
        if self._pipe is not None and self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.wait()
        self._pipe = self._process = None

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-m", "aggregator.embed.process"]
            command += [str(theirs.fileno()), str(self._idle_seconds)]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._pipe = ours
        return ours


def _kill(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.kill()
