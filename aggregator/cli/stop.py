"""How a command that takes long hears that it shall end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop(threading.Event):
    """Set by a signal."""

    status = 0
    """The exit status that says which signal it was; 0 while there was none."""

    def heard(self) -> None:
        """Wait for it."""
        # A signal that comes just before a wait begins is heard when that wait ends
        while not self.wait(timeout=1):
            pass


@contextmanager
def stopping() -> Iterator[Stop]:
    """An event that SIGTERM and Ctrl-C set; a second one ends the program at once."""
    stop = Stop()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop.status = 128 + number
        stop.set()
        restore()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield stop
    finally:
        restore()
