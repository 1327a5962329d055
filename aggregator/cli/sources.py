"""The commands `sources`: list, show, add, remove, discover, import, export."""

from __future__ import annotations

from collections.abc import Set
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

import click

from aggregator.advice import advice
from aggregator.cli.options import json_option, limit_option, shown
from aggregator.cli.output import (
    NO_SOURCE,
    Column,
    counted,
    note,
    note_rest,
    print_fields,
    print_json,
    print_list,
)
from aggregator.cli.session import Session
from aggregator.cli.stop import stopping
from aggregator.errors import AggregatorError, UsageError
from aggregator.text.line import one_line
from aggregator.url import subscribed

if TYPE_CHECKING:
    from aggregator.harvest.discover import Found

_LIST = "`aggregator sources list` names the sources"
_ANSWERS = "see whether a browser gets an answer there"
_HINTS = {
    "dns": "check the host name",
    "connect": _ANSWERS,
    "tls": _ANSWERS,
    "timeout": _ANSWERS,
    "bad_url": "write it as https://example.org/feed",
    "http": "give the address of the feed itself",
    "not_a_feed": "give the address of the feed itself",
}
"""What to do about an address that is not listed yet."""
_WHATEVER_THE_SCHEME = ("dns", "private_address", "bad_url")
"""Failures that another scheme does not mend."""


@click.group(no_args_is_help=False)
def sources() -> None:
    """List the sources and edit sources.yaml, whose comments stay as they are."""


@sources.command("list")
@limit_option
@json_option
@click.pass_obj
def list_(session: Session, limit: int | None, as_json: bool) -> None:
    """List the configured sources and how each is doing."""
    from aggregator.status import next_try, source_health

    configured = session.configuration.sources[: shown(limit, as_json=as_json)]
    with session.store_if_any() as db:
        rows = source_health(db, configured)
    printed = print_list(
        [
            Column("id"),
            Column("state"),
            Column("entries", "number", spare=1),
            Column("next due", "time", spare=2),
            Column("about", "text"),
        ],
        rows,
        lambda row: (
            row["id"],
            row["state"],
            row["entries"],
            next_try(row["state"], row["next_due"]),
            row["error"] or row["title"],
        ),
        as_json=as_json,
        nothing=NO_SOURCE,
    )
    note_rest(printed, limit, as_json=as_json)


@sources.command()
@click.argument("id")
@json_option
@click.pass_obj
def show(session: Session, id: str, as_json: bool) -> None:
    """Show all that is known of the source ID."""
    from aggregator.status import next_try, source_health

    named = tuple(source for source in session.configuration.sources if source.id == id)
    if not named:
        raise UsageError(f"there is no source {id!r}", hint=_LIST)
    with session.store_if_any() as db:
        (health,) = source_health(db, named)
    if as_json:
        print_json([health])
        return
    fields = {name.replace("_", " "): value for name, value in health.items()}
    print_fields(
        {
            **fields,
            "next due": next_try(health["state"], health["next_due"]),
            "tags": ", ".join(health["tags"]),
        }
    )


@sources.command(short_help="Add a feed, or the first that a web page links to.")
@click.argument("url")
@click.option("--id", metavar="ID", help="Its name here. [default: made from the URL]")
@click.option("--title", metavar="TITLE", help="[default: the feed's own]")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="A tag; may be given several times.")
@click.pass_obj
def add(session: Session, url: str, id: str | None, title: str | None, tags: tuple[str, ...]) -> None:
    """Add the feed at URL, or the first feed that the web page at URL links to.

    Example: aggregator sources add https://kyivindependent.com --tag ukraine
    """
    from aggregator.config import add_source

    if any(url == source.url for source in session.configuration.sources):
        raise UsageError(f"{url} is a source already", hint=_LIST)
    first, *others = _discover(session, url)
    made = add_source(session.folder / "sources.yaml", first.url, id=id, title=title, tags=tags)
    entries = counted(first.entries, "entry", "entries")
    click.echo(f"{made}: {one_line(first.title or first.url)}, {entries}, {first.url}")
    for other in others:
        note(f"The page links to {other.url} too ({one_line(other.title or 'no title')}).")


@sources.command()
@click.argument("id")
@click.pass_obj
def remove(session: Session, id: str) -> None:
    """Remove the source ID from sources.yaml. Its stored entries stay until they are old."""
    from aggregator.config import remove_source

    remove_source(session.folder / "sources.yaml", id)
    click.echo(f"{id} is no source any more.")


@sources.command()
@click.argument("url")
@json_option
@click.pass_obj
def discover(session: Session, url: str, as_json: bool) -> None:
    """Find the feeds behind the URL of a web page; nothing is added."""
    print_list(
        [
            Column("url"),
            Column("type", spare=2),
            Column("entries", "number", spare=1),
            Column("title", "text"),
        ],
        [
            {"url": found.url, "type": found.type, "title": found.title, "entries": found.entries}
            for found in _discover(session, url)
        ],
        lambda row: (row["url"], row["type"], row["entries"], row["title"]),
        as_json=as_json,
        nothing="There is no feed.",
    )


@sources.command("import", short_help="Add the feeds of an OPML file.")
@click.argument("file", type=click.File("rb"), metavar="FILE.opml")
@click.pass_obj
@click.pass_context
def import_(ctx: click.Context, session: Session, file: BinaryIO) -> None:
    """Add the feeds of an OPML file (- reads stdin); its folders become tags.

    A feed that is a source already is passed over, one whose address cannot be fetched is named: then the exit status
    is 1. Nothing is fetched.
    """
    from aggregator.config import NewSource, add_sources
    from aggregator.opml import read_opml

    try:
        outlines = read_opml(file.read())
    except ValueError as error:
        raise UsageError(str(error)) from None
    known = {source.url for source in session.configuration.sources}
    addresses = [_imported(outline.url, known) for outline in outlines]
    new = [
        NewSource(url, title=outline.title or None, tags=outline.tags)
        for url, outline in zip(addresses, outlines, strict=True)
        if url not in known
    ]
    added, refused = add_sources(session.folder / "sources.yaml", new)
    for id in added:
        click.echo(id)
    for one in refused:
        title = f"{one.source.title}: " if one.source.title else ""
        note(f"not imported: {one_line(title + one.reason)}")
    left = f", {len(refused):,} not imported" if refused else ""
    passed_over = len(outlines) - len(added) - len(refused)
    note(f"{counted(len(added), 'source')} added, {passed_over:,} passed over{left}.")
    ctx.exit(1 if refused else 0)


def _imported(url: str, known: Set[str]) -> str:
    found = subscribed(url)
    if not found.startswith("//"):
        return found
    # Where there is encryption, http leads to it; nobody is asked here
    return f"https:{found}" if f"https:{found}" in known else f"http:{found}"


@sources.command(short_help="Print the sources as OPML for another reader.")
@click.pass_obj
def export(session: Session) -> None:
    """Print the sources as OPML for another reader; their first tags become folders.

    Example: aggregator sources export > subscriptions.opml
    """
    from aggregator.opml import Outline, write_opml
    from aggregator.store.sources import source_states

    configuration = session.configuration
    with session.store_if_any() as db:
        known = {str(id): state for id, state in source_states(db).items()}
    outlines = []
    for source in configuration.sources:
        state = known.get(source.id)
        learnt = state.title if state and state.title != source.id else ""
        home = state.home if state else None
        outlines.append(Outline(source.url, source.title or learnt, home, source.tags))
    click.echo(write_opml(configuration.aggregator.site.title, outlines, folders=True), nl=False)


def _discover(session: Session, url: str) -> tuple[Found, ...]:
    """The feeds behind an address; where it has no scheme, over https, else over http. Raises AggregatorError."""
    from aggregator.harvest.discover import discover
    from aggregator.harvest.fetch import Fetcher
    from aggregator.model import Failure
    from aggregator.update import make_limits

    address = subscribed(url)
    bare = address.removeprefix("//")
    tries = [address] if "://" in bare else [f"https://{bare}", f"http://{bare}"]
    said = []
    # Not as KeyboardInterrupt: libcurl would take that for a callback's refusal of the document
    with stopping() as stop, closing(Fetcher(make_limits(session.configuration))) as fetcher:
        for there in tries:
            found = discover(there, fetcher, stopped=stop.is_set)
            if not isinstance(found, Failure) or stop.is_set():
                break
            said.append(f"{there}: {found.message}")
            if found.kind in _WHATEVER_THE_SCHEME:
                break
    if stop.status:
        click.get_current_context().exit(stop.status)
    if isinstance(found, Failure):
        raise AggregatorError("; ".join(said), hint=_HINTS.get(found.kind) or advice(found.kind))
    for failure in said:
        note(f"{failure}. Over http it answers.")
    return found
