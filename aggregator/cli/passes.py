"""Commands that fetch and publish: update, publish."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import click

from aggregator.cli import session as clock
from aggregator.cli.abandoned import abandoned_folders, warnings
from aggregator.cli.failures import Failures
from aggregator.cli.output import counted, note, print_json
from aggregator.cli.session import Session
from aggregator.cli.stop import stopping
from aggregator.errors import UsageError
from aggregator.text.line import one_line

if TYPE_CHECKING:
    from sqlite_utils import Database

    from aggregator.config import Configuration
    from aggregator.store.sources import Scope
    from aggregator.update import Summary


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Fetch all but what is disabled, gone or told to wait.")
@click.option("--force", is_flag=True, help="Fetch what is gone or told to wait too.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.pass_obj
@click.pass_context
def update(
    ctx: click.Context, session: Session, ids: tuple[str, ...], is_all: bool, force: bool, as_json: bool
) -> None:
    """Make one pass: fetch what is due, store it, group it into stories, publish what changed.

    With IDs these sources only, due or not. A source that fails is named on stderr and costs nothing
    else: the exit status is 1 only when every source failed.

    Example: aggregator update --all
    """
    scope: Scope = "force" if force else "all" if is_all else "due"
    with stopping() as stop:
        summary = _pass(session, ids, scope, stop)
    if as_json:
        print_json([summary.as_dict()])
    else:
        _print_summary(summary, was_stopped=stop.is_set())
    if stop.status:
        ctx.exit(stop.status)
    done = summary.fetched + summary.not_modified + summary.unchanged
    ctx.exit(1 if summary.failed and not done else 0)


@click.command()
@click.argument("topics", metavar="[TOPIC]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
@click.pass_obj
def publish(session: Session, topics: tuple[str, ...], as_json: bool) -> None:
    """Write the publications again from the store: all, or those of the TOPICs.

    A file that would hold the same bytes stays untouched.
    """
    from aggregator.publish.groups import make_groups
    from aggregator.store.connection import writer_lock
    from aggregator.update import synchronize, write_publications

    configuration = session.configuration
    groups = make_groups(configuration.aggregator.output, configuration.sources)
    known = {topic.id for topic in (*configuration.topics.topics, *(group.settings for group in groups))}
    if unknown := [topic for topic in topics if topic not in known]:
        raise UsageError(
            f"there is no topic {', '.join(map(repr, unknown))}",
            hint="`aggregator topics list` names the topics",
        )
    with session.store() as db, writer_lock(configuration.database, backups=configuration.backups):
        synchronize(db, configuration)
        published = write_publications(db, configuration, now=clock.now(), only=topics or None, anew=True)
        _tell_hub(db, configuration, threading.Event())
    if as_json:
        print_json([{"topics_published": published.topics, "files_written": published.files}])
        return
    files = counted(published.files, "file")
    click.echo(f"{counted(published.topics, 'topic')} published, {files} written to {configuration.output}.")
    for warning in warnings(abandoned_folders(configuration)):
        note(warning)


def _pass(session: Session, ids: tuple[str, ...], scope: Scope, stop: threading.Event) -> Summary:
    from aggregator.cli.progress import progress, watching
    from aggregator.engine.local import LocalEngine
    from aggregator.store.connection import open_store, writer_lock
    from aggregator.update import Clock, Passes, make_limits
    from aggregator.upkeep import prune_daily

    configuration, failures = session.configuration, Failures()
    with (
        writer_lock(configuration.database, backups=configuration.backups),
        open_store(configuration.database) as db,
        closing(LocalEngine(make_limits(configuration), clock=clock.now)) as engine,
    ):
        real = Clock(clock.now, clock.seconds)
        passes = Passes(db, configuration, clock=real, jitter=clock.jitter, stop=stop)
        with progress() as bar:
            passes.synchronize()
            summary = passes.update(engine, scope=scope, only=ids, observer=watching(bar, failures.hear))
        if not stop.is_set():
            _tell_hub(db, configuration, stop)
            _deliver(db, configuration, stop)
        prune_daily(db, keep=configuration.aggregator.storage.keep, now=clock.now())
    failures.say()
    if summary.warning:
        click.echo(f"warning: {summary.warning}", err=True)
    return summary


def _tell_hub(db: Database, configuration: Configuration, stop: threading.Event) -> None:
    from aggregator.update import make_limits
    from aggregator.websub.hubs import ping

    hub, limits = configuration.aggregator.output.hub, make_limits(configuration)
    while ping(db, hub=hub, limits=limits, now=clock.now, stopped=stop.is_set):
        pass


def _deliver(db: Database, configuration: Configuration, stop: threading.Event) -> None:
    from aggregator.update import Clock, deliver

    done = deliver(db, configuration, clock=Clock(clock.now, clock.seconds), stop=stop)
    for receiver, refusal in done.troubles:
        said = one_line(f"{receiver.topic.id}, {receiver.kind} {receiver.name}: {refusal.message}")
        click.echo(f"warning: {said}; {'given up' if refusal.is_final else 'tried again later'}", err=True)
    if done.sent:
        click.echo(f"{counted(done.sent, 'delivery', 'deliveries')} sent.", err=True)


def _print_summary(summary: Summary, *, was_stopped: bool) -> None:
    if not summary.sources:
        click.echo("No source is due. (`aggregator update --all` fetches all of them.)")
        if summary.stories_new or summary.stories_updated or summary.duplicates:
            click.echo(
                f"What an earlier pass left: {counted(summary.stories_new, 'new story', 'new stories')},"
                f" {summary.stories_updated:,} updated ({counted(summary.duplicates, 'duplicate')})."
            )
    else:
        done = {
            "fetched": summary.fetched,
            "not modified": summary.not_modified,
            "unchanged": summary.unchanged,
            "failed": summary.failed,
        }
        outcomes = ", ".join(f"{count:,} {what}" for what, count in done.items() if count) or "none fetched"
        click.echo(
            f"{counted(summary.sources, 'source')}: {outcomes}{', stopped early' if was_stopped else ''}."
        )
        click.echo(
            f"{counted(summary.entries_new, 'new entry', 'new entries')}"
            f" ({counted(summary.duplicates, 'duplicate')}), {summary.entries_revised:,} revised;"
            f" {counted(summary.stories_new, 'new story', 'new stories')},"
            f" {summary.stories_updated:,} updated."
        )
    click.echo(
        f"{counted(summary.topics_published, 'topic')} published, {counted(summary.files_written, 'file')}"
        f" written, {summary.seconds:.1f} s."
    )
