"""Progress of long work on stderr: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from aggregator.cli import session as clock
from aggregator.progress import Meanwhile

if TYPE_CHECKING:
    from aggregator.ledger import Applied
    from aggregator.model import Harvest
    from aggregator.update import Observer


@dataclass(frozen=True, slots=True)
class Bar:
    """Told what there is to do, and how much of it, then of what is done."""

    started: Callable[[str, int], None]
    advance: Callable[[int], None]


def watching(bar: Bar, harvested: Callable[[Harvest, Applied], None]) -> Observer:
    """Who shows the progress of a pass, and hears of its harvests."""
    from aggregator.update import Observer

    def heard(harvest: Harvest, applied: Applied) -> None:
        bar.advance(1)
        harvested(harvest, applied)

    return Observer(
        started=partial(bar.started, "Fetching"),
        harvested=heard,
        grouping=partial(bar.started, "Grouping"),
        grouped=bar.advance,
    )


@contextmanager
def progress() -> Iterator[Bar]:
    """A bar that is gone afterwards, or lines where it could not be seen."""
    if not sys.stderr.isatty():
        lines = Meanwhile(lambda line: click.echo(line, err=True), seconds=clock.seconds)
        yield Bar(lines.started, lines.advance)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("Starting", total=None)
        yield Bar(
            started=lambda work, total: shown.reset(task, description=work, total=total),
            advance=lambda pieces: shown.advance(task, pieces),
        )
