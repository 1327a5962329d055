"""A progress bar on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """Told how much there is to do, then of each piece done; and of a next stage, how much of it is left."""

    started: Callable[[int], None] = lambda _total: None
    advance: Callable[[], None] = lambda: None
    left: Callable[[int], None] = lambda _left: None


@contextmanager
def progress(title: str, then: str = "") -> Iterator[Bar]:
    """A bar on stderr that is gone afterwards. `then` names the stage of which it is told what is left."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None)
        total = 0

        def left(count: int) -> None:
            nonlocal total
            total = total or count
            shown.update(task, description=then, total=total, completed=total - count)

        yield Bar(
            started=lambda total: shown.update(task, total=total),
            advance=lambda: shown.advance(task),
            left=left,
        )
