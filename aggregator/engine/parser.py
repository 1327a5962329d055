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
from pathlib import Path

from aggregator.engine.worker import Task, receive_task, send_done
from aggregator.harvest.answer import failed
from aggregator.harvest.article import read_article
from aggregator.harvest.source import read
from aggregator.model import Failure, Harvest

_MEMORY_BYTES = 130_000_000
"""Of address space. Resident are 35 MB at rest, up to 65 with an XML document of 20 MB, 105 with one of JSON."""
_GROWN_BYTES = 50_000_000
"""Resident. What a large document took is not given back to the system while the process lives."""
_FOR_PAGES_BYTES = 25_000_000
"""More than that, in a process that has loaded what reads pages."""
_STATM = Path("/proc/self/statm")


def main() -> None:
    """Serve tasks until the owner closes its end."""
    # Ctrl-C in a terminal reaches the whole group: the owner decides, by closing the pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # The other end closes when there is no more to do, or when the owner is killed
    with Connection(int(sys.argv[1])) as pipe, suppress(EOFError, ConnectionError):
        has_grown = False
        while not has_grown:
            harvest = _harvest(receive_task(pipe))
            has_grown = _resident_bytes() > _usual_bytes()
            send_done(pipe, harvest, is_last=has_grown)


def _usual_bytes() -> int:
    return _GROWN_BYTES + (_FOR_PAGES_BYTES if "trafilatura" in sys.modules else 0)


def _resident_bytes() -> int:
    return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()


def _harvest(task: Task) -> Harvest:
    request = task.request
    try:
        if request.entry is not None:
            return read_article(request, request.entry, task.response, now=task.now)
        return read(request, task.response, now=task.now)
    except MemoryError:
        failure = Failure("too_large", "the document needs too much memory to be parsed", 200)
        return failed(request, failure, now=task.now)
    except Exception as error:
        # Whatever a document does to the parser costs this document only
        message = f"broke the parser: {type(error).__name__}: {error}"
        return failed(request, Failure("parser_failed", message[:500], 200), now=task.now)


if __name__ == "__main__":
    main()
