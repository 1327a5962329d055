"""Commands of the person who runs it: status, backup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli import session as clock
from aggregator.cli.abandoned import abandoned_folders, warnings
from aggregator.cli.options import json_option
from aggregator.cli.output import Column, counted, print_fields, print_json, print_table
from aggregator.cli.session import Session
from aggregator.text.line import one_line

if TYPE_CHECKING:
    from aggregator.status import HubHealth, PingHealth, ReceiverHealth, SourceHealth, Status


@click.command()
@json_option
@click.pass_obj
def status(session: Session, as_json: bool) -> None:
    """Show the health of the sources, what is due, the last passes and the size of the store."""
    from aggregator.receivers import receivers
    from aggregator.status import status as figures

    configuration = session.configuration
    with session.store() as db:
        found = figures(
            db,
            configuration.sources,
            receivers=receivers(configuration.topics.topics),
            abandoned=abandoned_folders(configuration),
            database=configuration.database,
            embedder=configuration.aggregator.stories.embedder,
            now=clock.now(),
        )
    if as_json:
        print_json([found])
    else:
        _print(found)


def _print(found: Status) -> None:
    states = ", ".join(f"{count:,} {state}" for state, count in found["sources"].items())
    print_fields(
        {
            "database": f"{found['database']} ({found['database_bytes'] / 1e6:,.1f} MB)",
            "entries": f"{found['entries']:,} ({found['duplicates']:,} duplicates)",
            "stories": f"{found['stories']:,}",
            "compared by": found["embedder"],
            "window": _window(found["window"]),
            "sources": states,
            "due now": f"{found['due']:,}",
            "next due": found["next_due"],
            "hubs": _hubs(found["hubs"]),
            "pings": _pings(found["pings"]),
            **_deliveries(found["notify"]),
        }
    )
    if trouble := found["publication"]:
        click.echo(f"\nerror: publishing fails since {trouble['since']}: {one_line(trouble['error'])}")
        click.echo(f"hint: {trouble['advice']}")
    if found["window"] and found["window"]["warning"]:
        click.echo(f"\nwarning: {found['window']['warning']}")
    for warning in warnings(found["abandoned"]):
        click.echo(f"\n{warning}")
    if found["failing"]:
        _print_failing(found["failing"])
    if troubled := [one for one in found["notify"] if one["error"] or one["failed"]]:
        _print_undelivered(troubled)
    if found["passes"]:
        _print_passes(found["passes"])


def _print_failing(failing: Sequence[SourceHealth]) -> None:
    from aggregator.status import next_try

    click.echo()
    print_table(
        [
            Column("failing"),
            Column("in a row", "number", spare=2),
            Column("next try", "time", spare=1),
            Column("kind"),
            Column("why", "text"),
        ],
        [
            (one["id"], one["failures"], next_try(one["state"], one["next_due"]), one["kind"], one["error"])
            for one in failing
        ],
    )
    # No table: what to do is never cut
    click.echo("\nWhat to do:")
    print_fields(dict(sorted((str(one["kind"]), one["advice"]) for one in failing)))


def _print_undelivered(troubled: Sequence[ReceiverHealth]) -> None:
    click.echo()
    print_table(
        [
            Column("not delivered"),
            Column("to"),
            Column("waiting", "number"),
            Column("next try", "time", spare=1),
            Column("given up", "number"),
            Column("why", "text"),
        ],
        [
            (one["topic"], one["to"], one["waiting"], one["next_due"], one["failed"], one["error"])
            for one in troubled
        ],
    )


def _print_passes(passes: Sequence[dict[str, Any]]) -> None:
    names = ("sources", "failed", "entries_new", "topics_published", "seconds")
    click.echo()
    print_table(
        [
            Column("last passes", "time"),
            Column("sources", "number"),
            Column("failed", "number"),
            Column("entries new", "number"),
            Column("topics published", "number", spare=1),
            Column("seconds", "number", spare=2),
        ],
        [(one["started_at"], *(one[name] for name in names)) for one in passes],
    )


def _hubs(hubs: HubHealth) -> str | None:
    if not hubs["offered"]:
        return None
    states = ", ".join(f"{hubs[state]:,} {state}" for state in ("active", "asked", "denied") if hubs[state])
    problem = f"; {hubs['problem']}" if hubs["problem"] else ""
    return (
        f"{states or 'none active'} of {counted(hubs['offered'], 'source')} with a hub,"
        f" {hubs['deliveries']:,} deliveries, {hubs['refused']:,} refused{problem}"
    )


def _pings(pings: PingHealth) -> str | None:
    if not pings["waiting"]:
        return None
    problem = f": {pings['problem']}" if pings["problem"] else ""
    return f"{pings['waiting']:,} waiting{problem}"


def _deliveries(receivers: list[ReceiverHealth]) -> dict[str, str]:
    if not receivers:
        return {}
    waiting = sum(one["waiting"] for one in receivers)
    failed = sum(one["failed"] for one in receivers)
    more = f", {failed:,} given up (`aggregator topics notify --retry` tries again)" if failed else ""
    return {"deliveries": f"{waiting:,} waiting{more}"}


def _window(window: dict[str, Any] | None) -> str | None:
    if window is None:
        return None
    return (
        f"{window['stories']:,} stories with {window['entries']:,} entries may take new ones,"
        f" {window['bytes'] / 1e6:,.1f} MB of memory"
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(session: Session, file: Path) -> None:
    """Write a consistent copy of the database to FILE, also while the daemon runs.

    FILE must be new. To restore, stop the daemon and put FILE in the database's place.
    """
    from aggregator.upkeep import backup as copy

    with session.store() as db:
        copy(db, file)
    click.echo(f"{file} ({file.stat().st_size / 1e6:,.1f} MB)")
