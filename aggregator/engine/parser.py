"""The process that parses: it can be killed without loss, and its memory is bounded.

Started as `python -m aggregator.engine.parser FD`; the other end of the socket sends tasks, one at a
time, and takes a harvest for each. Only here feedparser is loaded.
"""

from __future__ import annotations

import resource
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import cast

from aggregator.engine.worker import Task
from aggregator.harvest.answer import failed
from aggregator.harvest.source import read
from aggregator.model import Failure, Harvest

_MEMORY_BYTES = 1_500_000_000


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
