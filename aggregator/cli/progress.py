"""A progress bar on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """Told how much there is to do, then of each piece done."""

    started: Callable[[int], None] = lambda _total: None
    advance: Callable[[], None] = lambda: None


@contextmanager
def progress(title: str) -> Iterator[Bar]:
    """A bar on stderr that is gone afterwards."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None)
        yield Bar(
            started=lambda total: shown.update(task, total=total),
            advance=lambda: shown.advance(task),
        )
