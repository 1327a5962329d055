"""Harvests on this machine: one thread fetches, a few processes parse, the caller gets the results.

No request is begun while more than a few documents wait for a parser or for the caller, so memory stays
bounded however slow they are.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from aggregator.engine.worker import Task, Worker
from aggregator.errors import EngineError
from aggregator.harvest.answer import answer, failed
from aggregator.harvest.fetch import Fetcher, Limits, Outcome
from aggregator.model import Failure, Harvest, Request

_PARSE_SECONDS = 10.0
_IN_HAND = 16
_LARGE_BYTES = 1_000_000
"""Of a document that is parsed while no other such one is, whose memory is several times that."""
_HEED_SECONDS = 0.2

Room = Callable[[float], bool]


class LocalEngine:
    """Runs many harvests. Connections and parsing processes are kept from one run to the next."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], datetime],
        processes: int | None = None,
        parse_seconds: float = _PARSE_SECONDS,
    ) -> None:
        self._fetcher = Fetcher(limits)
        self._clock = clock
        count = processes or min(4, os.cpu_count() or 1)
        self._workers = [Worker(seconds=parse_seconds) for _ in range(count)]

    def close(self) -> None:
        """End the parsing processes and close the connections."""
        for worker in self._workers:
            worker.close()
        self._fetcher.close()

    def run(self, requests: Sequence[Request], *, stop: threading.Event) -> Iterator[Harvest]:
        """Yield one harvest for each request, in the order in which they are ready.

        After `stop` is set, what is under way is dropped and the run ends.
        Raises EngineError when the machinery itself breaks.
        """

        def fetched(room: Room, stopped: Callable[[], bool]) -> Iterable[Outcome]:
            return self._fetcher.run(requests, room=room, stopped=stopped)

        yield from _Run(fetched, self._workers, self._clock, stop).harvests()

    def read(self, documents: Sequence[Outcome], *, stop: threading.Event) -> Iterator[Harvest]:
        """Yield one harvest for each document that came without being asked for, as `run` does."""
        yield from _Run(lambda _room, _stopped: documents, self._workers, self._clock, stop).harvests()


class _Run:
    """One pass over the answers as they come: the threads and the queues between them."""

    def __init__(
        self,
        outcomes: Callable[[Room, Callable[[], bool]], Iterable[Outcome]],
        workers: Sequence[Worker],
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        self._outcomes = outcomes
        self._workers = workers
        self._clock = clock
        self._stop = stop
        self._tasks = _Tasks()
        self._done: queue.SimpleQueue[Harvest | Exception | None] = queue.SimpleQueue()
        self._in_hand = 0
        self._room = threading.Condition()
        self._over = False

    def harvests(self) -> Iterator[Harvest]:
        targets = [self._fetch, *([lambda w=worker: self._parse(w) for worker in self._workers])]
        threads = [threading.Thread(target=self._guarded, args=(target,)) for target in targets]
        for thread in threads:
            thread.start()
        try:
            running = len(threads)
            while running:
                try:
                    result = self._done.get(timeout=_HEED_SECONDS)
                except queue.Empty:
                    if self._stop.is_set():
                        return
                    continue
                if result is None:
                    running -= 1
                elif isinstance(result, Exception):
                    raise EngineError(f"the harvest broke off: {result}") from result
                else:
                    yield result
                    self._release()
        finally:
            self._over = True
            self._release()
            for thread in threads:
                while thread.is_alive():
                    if self._stop.is_set():  # more than once: a task may be about to begin
                        for worker in self._workers:
                            worker.interrupt()
                    thread.join(_HEED_SECONDS)

    def _guarded(self, target: Callable[[], None]) -> None:
        try:
            target()
        except Exception as error:
            # A thread that dies unheard would leave the caller waiting for ever
            self._done.put(error)
        finally:
            self._done.put(None)

    def _ended(self) -> bool:
        return self._over or self._stop.is_set()

    def _fetch(self) -> None:
        try:
            for request, outcome in self._outcomes(self._wait_for_room, self._ended):
                now = self._clock()
                if isinstance(outcome, Failure):
                    harvest: Harvest | None = failed(request, outcome, now=now)
                else:
                    harvest = answer(request, outcome, now=now)
                with self._room:
                    self._in_hand += 1
                if harvest is not None:
                    self._done.put(harvest)
                elif not isinstance(outcome, Failure):
                    self._tasks.put(Task(request, outcome, now))
        finally:
            self._tasks.end()

    def _parse(self, worker: Worker) -> None:
        while (task := self._tasks.take()) is not None:
            try:
                if not self._ended():
                    self._done.put(worker.run(task))
            finally:
                self._tasks.finish(task)

    def _wait_for_room(self, seconds: float) -> bool:
        with self._room:
            return self._room.wait_for(lambda: self._in_hand < _IN_HAND or self._ended(), timeout=seconds)

    def _release(self) -> None:
        with self._room:
            self._in_hand -= 1
            self._room.notify()


class _Tasks:
    """Documents that wait for a parser, in the order in which they came; a large one lets others past."""

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        self._large: Task | None = None
        self._is_complete = False
        self._change = threading.Condition()

    def put(self, task: Task) -> None:
        with self._change:
            self._waiting.append(task)
            self._change.notify()

    def end(self) -> None:
        """No more will come."""
        with self._change:
            self._is_complete = True
            self._change.notify_all()

    def take(self) -> Task | None:
        """Wait for a task that may begin now; None when there will be none."""
        with self._change:
            while True:
                for place, task in enumerate(self._waiting):
                    if _is_large(task):
                        if self._large is not None:
                            continue
                        self._large = task
                    del self._waiting[place]
                    return task
                if self._is_complete and not self._waiting:
                    return None
                self._change.wait()

    def finish(self, task: Task) -> None:
        """A task that was taken is done with."""
        if self._large is task:
            with self._change:
                self._large = None
                self._change.notify_all()


def _is_large(task: Task) -> bool:
    return len(task.response.body) > _LARGE_BYTES
