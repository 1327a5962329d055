"""Commands about the configuration itself: init, check, schema."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import session as clock
from aggregator.cli.abandoned import abandoned_folders, warnings
from aggregator.cli.options import json_option
from aggregator.cli.output import NO_SOURCE, Column, counted, note, print_json, print_list
from aggregator.cli.session import Session
from aggregator.cli.stop import stopping
from aggregator.config import write_schemas, write_starter
from aggregator.errors import ConfigError, PublishError

if TYPE_CHECKING:
    from aggregator.model import Harvest, SourceId


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
    if configuration.templates:
        _check_templates(configuration.templates)
    for warning in configuration.warnings:
        note(f"warning: {warning}")
    for warning in warnings(abandoned_folders(configuration)):
        note(warning)
    counts = {
        "sources": len(configuration.sources),
        "disabled": sum(not source.enabled for source in configuration.sources),
        "topics": len(configuration.topics.topics),
        "vocabulary": len(configuration.topics.vocabulary),
    }
    if online:
        ctx.exit(_check_online(session, as_json=as_json))
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


def _check_templates(folder: Path) -> None:
    from aggregator.publish.design import Design

    try:
        Design(folder).check()
    except PublishError as error:
        raise ConfigError([error.message], hint=error.hint) from error


def _check_online(session: Session, *, as_json: bool) -> int:
    """Fetch every enabled source, as a pass would; returns the exit status."""
    with stopping() as stop:
        harvests, titles = _harvest_all(session, stop)
    rows = [
        {
            "id": harvest.source,
            "ok": harvest.failure is None,
            "status": harvest.status,
            "outcome": harvest.outcome,
            "title": harvest.feed.title or titles.get(harvest.source),
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
            {"fetched": "ok", "failed": "failed"}.get(row["outcome"], "unchanged"),
            row["entries"] if row["outcome"] == "fetched" else None,
            row["error"] or (f"moved to {row['moved_to']}" if row["moved_to"] else row["title"]),
        ),
        as_json=as_json,
        nothing="No source was fetched.",
    )
    return stop.status or (0 if all(row["ok"] for row in rows) else 1)


def _harvest_all(session: Session, stop: threading.Event) -> tuple[list[Harvest], dict[SourceId, str]]:
    """What each enabled source yields, in the order of the configuration, and the titles known before.

    What earlier passes learnt counts: validators are sent, and a server that asked for rest has it.
    """
    from aggregator.asking import make_request
    from aggregator.cli.progress import progress
    from aggregator.engine.local import LocalEngine
    from aggregator.harvest.answer import failed
    from aggregator.model import Failure, SourceId
    from aggregator.store.sources import source_states
    from aggregator.update import make_limits

    configuration = session.configuration
    with session.store_if_any() as db:
        states = source_states(db)
    requests, harvests = [], {}
    for source in configuration.sources:
        state = states.get(SourceId(source.id))
        request = make_request(source, state if state and state.url == source.url else None)
        if source.enabled and state and state.retry_at and state.retry_at > clock.now():
            until = f"{state.retry_at:%Y-%m-%d %H:%M} UTC"
            failure = Failure("rate_limited", f"was not asked: its server wants no request before {until}")
            harvests[request.source] = failed(request, failure, now=clock.now())
        elif source.enabled:
            requests.append(request)
    with (
        progress() as bar,
        closing(LocalEngine(make_limits(configuration), clock=clock.now)) as engine,
    ):
        bar.started("Checking", len(requests))
        for harvest in engine.run(requests, stop=stop):
            harvests[harvest.source] = harvest
            bar.advance(1)
    ids = [SourceId(source.id) for source in configuration.sources]
    return [harvests[id] for id in ids if id in harvests], {id: state.title for id, state in states.items()}
