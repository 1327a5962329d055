"""The command `topics notify`: who is told of new stories, a test for them, another try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.cli import session as clock
from aggregator.cli.options import json_option
from aggregator.cli.output import Column, counted, note, print_list
from aggregator.cli.session import Session
from aggregator.errors import AggregatorError, UsageError

if TYPE_CHECKING:
    from aggregator.receivers import Receiver


@click.command(short_help="Show who is told of new stories.")
@click.argument("topic", required=False)
@click.option("--test", "is_test", is_flag=True, help="Send the newest story to each of them now, as a test.")
@click.option("--retry", "is_retry", is_flag=True, help="Try again what was not delivered or was given up.")
@json_option
@click.pass_obj
def notify(session: Session, topic: str | None, is_test: bool, is_retry: bool, as_json: bool) -> None:
    """Show who is told of new stories, of TOPIC or of all topics, and what waits for them.

    Example: aggregator topics notify korea-ukraine-defense --test
    """
    chosen = _chosen(session, topic)
    if is_test:
        _test(session, chosen)
        return
    if is_retry:
        from aggregator.store.connection import writing
        from aggregator.store.outbox import retry

        with session.store() as db, writing(db):
            count = retry(db, [one.id for one in chosen], now=clock.now())
        click.echo(f"{counted(count, 'delivery is', 'deliveries are')} due again: the next pass sends them.")
        return
    _list(session, chosen, as_json=as_json)


def _chosen(session: Session, topic: str | None) -> list[Receiver]:
    from aggregator.receivers import receivers

    topics = session.configuration.topics.topics
    if topic is not None and topic not in {one.id for one in topics}:
        raise UsageError(f"there is no topic {topic!r}", hint="`aggregator topics list` names the topics")
    return receivers(one for one in topics if topic in (None, one.id))


def _list(session: Session, chosen: list[Receiver], *, as_json: bool) -> None:
    from aggregator.status import receiver_health

    with session.store_if_any() as db:
        rows = receiver_health(db, chosen)
    print_list(
        [
            Column("topic"),
            Column("kind"),
            Column("to"),
            Column("waiting", "number"),
            Column("next try", "time", spare=1),
            Column("last sent", "time", spare=2),
            Column("given up", "number"),
            Column("why", "text"),
        ],
        rows,
        lambda row: (
            row["topic"],
            row["kind"],
            row["to"],
            row["waiting"],
            row["next_due"],
            row["sent"],
            row["failed"],
            row["error"],
        ),
        as_json=as_json,
        nothing="Nobody is told of new stories: write `notify` into a topic.",
    )


def _test(session: Session, chosen: list[Receiver]) -> None:
    from aggregator.notify.trial import try_out
    from aggregator.update import make_limits, make_publisher

    configuration = session.configuration
    if not chosen:
        raise UsageError("there is nobody to write to", hint="write `notify` into the topic")
    failed = 0
    with session.store() as db:
        publisher = make_publisher(db, configuration)
        limits, mail = make_limits(configuration), configuration.aggregator.mail
        for receiver in chosen:
            refusal = try_out(db, publisher, receiver, mail=mail, limits=limits, now=clock.now)
            failed += refusal is not None
            outcome = f"failed: {refusal.message}" if refusal else "a test was sent"
            click.echo(f"{receiver.topic.id}, {receiver.kind} {receiver.name}: {outcome}")
    if failed:
        raise AggregatorError(f"{failed} of {len(chosen)} could not be reached")
    note("Nothing of this is counted: new stories are told as before.")
