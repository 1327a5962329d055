"""The command `entries`."""

from __future__ import annotations

import click

from aggregator.cli.options import json_option, limit_option, shown
from aggregator.cli.output import Column, note_rest, print_list
from aggregator.cli.session import Session


@click.group(no_args_is_help=False)
def entries() -> None:
    """List the stored entries."""


@entries.command("list")
@click.option("--source", metavar="ID", help="Only of this source.")
@click.option("--story", metavar="ID", help="Only of this story.")
@limit_option
@json_option
@click.pass_obj
def list_(session: Session, source: str | None, story: str | None, limit: int | None, as_json: bool) -> None:
    """List entries, the newest first.

    Example: aggregator entries list --source yonhap --limit 10
    """
    from aggregator.store.entries import list_entries
    from aggregator.store.stories import resolve_story

    with session.store() as db:
        of_story = resolve_story(db, story) or story if story else None
        printed = print_list(
            [
                Column("id", "number"),
                Column("published", "time", spare=1),
                Column("source", spare=2),
                Column("title", "text"),
                Column("copy of", "number", spare=3),
                Column("story"),
            ],
            list_entries(db, source=source, story=of_story, limit=shown(limit, as_json=as_json)),
            lambda row: (
                row["id"],
                row["published"],
                row["source"],
                row["title"],
                row["duplicate_of"],
                row["story"],
            ),
            as_json=as_json,
            nothing="There is no such entry.",
        )
    note_rest(printed, limit, as_json=as_json)
