"""Commands that stay: run, serve, demo."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

import click

from aggregator.cli import session as clock
from aggregator.cli.failures import Failures
from aggregator.cli.options import embedder_option
from aggregator.cli.output import counted, note
from aggregator.cli.progress import progress, watching
from aggregator.cli.session import Session
from aggregator.cli.stop import stopping

if TYPE_CHECKING:
    from aggregator.demo import Demo

_PREFIX = "aggregator-demo-"


@click.command()
@click.pass_obj
def run(session: Session) -> None:
    """Fetch, publish and serve until stopped.

    SIGTERM or Ctrl-C stops it cleanly; SIGHUP or a changed file reloads the configuration.
    """
    from aggregator.daemon import run_daemon
    from aggregator.update import Clock

    _log_to_stderr()
    run_daemon(session.folder, environ=os.environ, clock=Clock(clock.now, clock.seconds), jitter=clock.jitter)


@click.command()
@click.pass_obj
def serve(session: Session) -> None:
    """Serve the published folder, without fetching, until Ctrl-C."""
    from aggregator.serve import serving

    configuration = session.configuration
    with stopping() as stop, serving(configuration.output, configuration.aggregator.web.listen) as address:
        click.echo(f"Serving {configuration.output} at {address} until Ctrl-C.")
        stop.heard()


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep everything in this folder, a new one or that of an earlier demo.",
)
@click.option("--once", is_flag=True, help="End after the pass, serve nothing.")
@embedder_option
@click.pass_context
def demo(ctx: click.Context, folder: Path | None, once: bool, embedder: str) -> None:
    """Run the whole program on bundled sample sources, and serve the result until Ctrl-C.

    The only network it uses is this machine's own. Without --dir a temporary folder is filled,
    which is removed when the serving ends.
    """
    from aggregator.demo import demonstrate
    from aggregator.update import Clock

    failures = Failures()
    with stopping() as stop, _folder(folder, is_kept=once) as place, ExitStack() as stack:
        with progress() as bar:
            demonstration = demonstrate(
                place,
                clock=Clock(clock.now, clock.seconds),
                jitter=clock.jitter,
                serve=not once,
                embedder=embedder,
                stop=stop,
                observer=watching(bar, failures.hear),
            )
            shown = stack.enter_context(demonstration)
        failures.say()
        if stop.is_set():
            note("Stopped before it was done.")
            ctx.exit(stop.status if once else 0)
        _print_result(shown)
        if once:
            ctx.exit(1 if failures else 0)
        _print_addresses(shown)
        stop.heard()


def _print_result(shown: Demo) -> None:
    summary = shown.summary
    if summary.warning:
        note(f"warning: {summary.warning}")
    entries = counted(summary.entries_new, "entry", "entries")
    click.echo(
        f"{counted(summary.fetched, 'source')} fetched,"
        f" {entries} ({counted(summary.duplicates, 'duplicate')}) in"
        f" {counted(summary.stories_new, 'story', 'stories')}."
    )
    click.echo(f"Files:   {shown.configuration.output}")


def _print_addresses(shown: Demo) -> None:
    click.echo(f"Pages:   {shown.address}")
    for topic in shown.configuration.topics.topics:
        click.echo(f"Feed:    {shown.address}{topic.id}/rss.xml")
    click.echo(f"Reader:  {shown.address}topics.opml")
    click.echo("Serving until Ctrl-C.")


@contextmanager
def _folder(folder: Path | None, *, is_kept: bool) -> Iterator[Path]:
    if folder is not None:
        yield folder
    elif is_kept:
        yield Path(mkdtemp(prefix=_PREFIX))
    else:
        with TemporaryDirectory(prefix=_PREFIX) as name:
            yield Path(name)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
