"""Commands about the configuration itself: init, check, schema."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import session as clock
from aggregator.cli.output import NO_SOURCE, Column, counted, json_option, note, print_json, print_list
from aggregator.cli.session import Session
from aggregator.cli.stop import stopping
from aggregator.config import Configuration, write_schemas, write_starter

if TYPE_CHECKING:
    from aggregator.model import Harvest


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def init(session: Session, folder: Path | None) -> None:
    """Write a commented starter configuration into DIR.

    Without DIR it goes where --config points, else to ./config. What is there already is never
    overwritten.
    """
    target = folder or session.folder
    for file in write_starter(target):
        click.echo(file)
    named = "" if target == Path("config") else f" --config {target}"
    note(f"Next: `aggregator{named} update` fetches the sources, `aggregator{named} run` keeps at it.")


@click.command()
@click.option("--online", is_flag=True, help="Fetch each source once too; nothing is stored.")
@json_option
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, session: Session, online: bool, as_json: bool) -> None:
    """Check the configuration: all three files, and that every topic's rule compiles.

    Exit status 2 when something is wrong with it; with --online 1 when a source cannot be fetched.
    """
    configuration = session.configuration
    for warning in configuration.warnings:
        note(f"warning: {warning}")
    counts = {
        "sources": len(configuration.sources),
        "disabled": sum(not source.enabled for source in configuration.sources),
        "topics": len(configuration.topics.topics),
        "vocabulary": len(configuration.topics.vocabulary),
    }
    if online:
        ctx.exit(_check_online(configuration, as_json=as_json))
    if as_json:
        print_json([counts])
        return
    disabled = f" ({counts['disabled']} disabled)" if counts["disabled"] else ""
    words = counted(counts["vocabulary"], "list of vocabulary", "lists of vocabulary")
    click.echo(
        f"{configuration.folder}: ok. {counted(counts['sources'], 'source')}{disabled},"
        f" {counted(counts['topics'], 'topic')}, {words}."
    )
    if not configuration.sources:
        note(NO_SOURCE)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def schema(folder: Path) -> None:
    """Write the JSON Schemas of the three files into DIR, for editors that complete and check YAML."""
    for file in write_schemas(folder):
        click.echo(file)


def _check_online(configuration: Configuration, *, as_json: bool) -> int:
    """Fetch every enabled source; returns the exit status."""
    with stopping() as stop:
        harvests = _harvest_all(configuration, stop)
    rows = [
        {
            "id": harvest.source,
            "ok": harvest.failure is None,
            "status": harvest.status,
            "title": harvest.feed.title,
            "entries": len(harvest.entries),
            "moved_to": harvest.moved_to,
            "error": harvest.failure.message if harvest.failure else None,
        }
        for harvest in harvests
    ]
    print_list(
        [Column("source"), Column("result"), Column("entries", "number", spare=1), Column("about", "text")],
        rows,
        lambda row: (
            row["id"],
            "ok" if row["ok"] else "failed",
            row["entries"],
            row["error"] or (f"moved to {row['moved_to']}" if row["moved_to"] else row["title"]),
        ),
        as_json=as_json,
        nothing="No source was fetched.",
    )
    return stop.status or (0 if all(row["ok"] for row in rows) else 1)


def _harvest_all(configuration: Configuration, stop: threading.Event) -> list[Harvest]:
    """What each enabled source yields, in the order of the configuration."""
    from aggregator.cli.progress import progress
    from aggregator.engine.local import LocalEngine
    from aggregator.model import Request, SourceId
    from aggregator.update import make_limits

    requests = [
        Request(SourceId(source.id), source.url, headers=tuple(source.headers.items()))
        for source in configuration.sources
        if source.enabled
    ]
    harvests: dict[SourceId, Harvest] = {}
    with (
        progress("Checking") as bar,
        closing(LocalEngine(make_limits(configuration), clock=clock.now)) as engine,
    ):
        bar.started(len(requests))
        for harvest in engine.run(requests, stop=stop):
            harvests[harvest.source] = harvest
            bar.advance()
    return [harvests[request.source] for request in requests if request.source in harvests]
