"""Talks to hubs: subscribes to what sources offer, renews and ends it, tells the own hub what was published.

Every request goes through the guard of `harvest.fetch`. Used by the one writer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sqlite_utils import Database

from aggregator.freshness import retry_at
from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.model import Failure, Request, Response, SourceId
from aggregator.store.connection import writing
from aggregator.store.pings import (
    Ping,
    due_pings,
    hold_pings,
    record_told,
    record_untold,
)
from aggregator.store.sources import ask_soon
from aggregator.store.subscriptions import (
    Subscription,
    count_refused,
    due_subscriptions,
    lapse,
    offers,
    remove,
    save,
    subscriptions,
    wait_for,
)
from aggregator.text.line import one_line
from aggregator.websub.agreement import UNCONFIRMED, asked, confirmed, denied, form, wait, wanted
from aggregator.websub.callback import Callbacks, Confirmed, Delivered, Denied, Heard, Refused

log = logging.getLogger("aggregator")

_ASKED_AT_ONCE = 20
_TOLD_AT_ONCE = 50
_SECONDS = 10.0
_ANSWER_BYTES = 100_000
_SHOWN = 200
_FIRST_PING = timedelta(minutes=1)
_LONGEST_PING = timedelta(hours=6)
_WARN_AT = 3


def hear(
    db: Database,
    heard: Iterable[Heard],
    *,
    unread: Collection[SourceId],
    min_interval: timedelta,
    now: datetime,
) -> None:
    """Note what hubs said. Sources are asked themselves where a hub denies, or sent nothing that could be read.

    `unread` are the sources of which a delivery was no feed.
    """
    known = {one.token: one for one in subscriptions(db)}
    refused: list[str] = []
    soon: set[SourceId] = set()
    with writing(db):
        for one in heard:
            before = known.get(one.token)
            if before is None:
                continue
            if isinstance(one, Refused):
                refused.append(one.token)
                continue
            if isinstance(one, Confirmed) and one.lease is None:
                remove(db, one.token)
                log.info("%s: the subscription at %s has ended", before.source, before.hub)
                continue
            after = _after(before, one)
            if isinstance(one, Denied) or (
                isinstance(one, Delivered) and (one.document is None or before.source in unread)
            ):
                soon.add(before.source)
            known[one.token] = after
            save(db, after)
        count_refused(db, refused)
        ask_soon(db, soon, now=now, min_interval=min_interval)


def _after(one: Subscription, heard: Heard) -> Subscription:
    if isinstance(heard, Confirmed) and heard.lease is not None:
        after = confirmed(one, heard.lease, at=heard.at)
        if one.state != "active":
            log.info("%s: %s sends what is new", one.source, one.hub)
        return after
    if isinstance(heard, Denied):
        log.warning(
            "%s: %s denies the subscription: %s", one.source, one.hub, heard.reason or "no reason given"
        )
        return denied(one, heard.reason, at=heard.at)
    assert isinstance(heard, Delivered)
    return replace(one, delivered_at=heard.at, deliveries=one.deliveries + 1)


def subscribe(
    db: Database,
    callbacks: Callbacks,
    *,
    base: str | None,
    limits: Limits,
    min_interval: timedelta,
    mint: Callable[[], str],
    now: Callable[[], datetime],
    stopped: Callable[[], bool],
) -> None:
    """Bring the subscriptions in line with what sources offer, and ask the hubs of those that are due.

    `base` is where callbacks are, None when no hub reaches this program. Answers to hubs that verify at once are
    given by another thread.
    """
    offered = offers(db)
    changes = wanted(offered, subscriptions(db), base=base, mint=mint, now=now())
    with writing(db):
        for one in changes.save:
            save(db, one)
        for token in changes.forget:
            remove(db, token)
        ask_soon(db, lapse(db, now=now()), now=now(), min_interval=min_interval)
        due = _ask(db, {offer.source: offer.hubs for offer in offered}, mint, now())
    callbacks.expect(subscriptions(db), max_bytes=limits.max_bytes)
    if due:
        _send(db, due, _hub_limits(limits), now, stopped)


def _ask(
    db: Database, hubs: dict[SourceId, tuple[str, ...]], mint: Callable[[], str], now: datetime
) -> list[Subscription]:
    """Note that these are being asked before they are: not to do it again at once after a crash."""
    sent = []
    for one in due_subscriptions(db, now=now, limit=_ASKED_AT_ONCE):
        after = asked(one, hubs.get(one.source, ()), mint=mint, now=now)
        if after is None or after.token != one.token:
            remove(db, one.token)
        if after is not None:
            save(db, after)
            sent.append(after)
    return sent


def _send(
    db: Database,
    due: Sequence[Subscription],
    limits: Limits,
    now: Callable[[], datetime],
    stopped: Callable[[], bool],
) -> None:
    requests = {_request(one.source, one.hub, form(one)): one for one in due}
    warned: dict[str, str] = {}
    with closing(Fetcher(limits)) as fetcher:
        for request, outcome in fetcher.run(requests, stopped=stopped):
            one = requests[request]
            problem = _problem(outcome)
            with writing(db):
                if problem is None:
                    # Asked before in vain, though it took that request too
                    save(db, replace(one, problem=UNCONFIRMED if one.failures > 1 else None))
                else:
                    again = _again(outcome, one.next_at, now())
                    save(db, replace(one, problem=problem, next_at=again))
                    if _is_down(outcome):
                        wait_for(db, one.hub, until=again)
            if one.failures == _WARN_AT:
                warned[one.hub] = problem or UNCONFIRMED
    for hub, problem in warned.items():
        log.warning("hub %s %s: its sources are polled as others are, it is asked again later", hub, problem)


def ping(
    db: Database,
    *,
    hub: str | None,
    limits: Limits,
    now: Callable[[], datetime],
    stopped: Callable[[], bool],
) -> int:
    """Tell the hub which feeds were published anew (`hub.mode=publish`, of which WebSub §6 leaves the form open).

    One goes ahead: while the hub is down it is asked for one alone. What it does not take is told later and
    later, for as long as it takes. Returns how many it took; there may be more.
    """
    if hub is None or not (due := due_pings(db, now=now(), limit=_TOLD_AT_ONCE)):
        return 0
    told = 0
    with closing(Fetcher(_hub_limits(limits))) as fetcher:
        for batch in (due[:1], due[1:]):
            requests = {_request(SourceId("hub"), hub, _publication(one.url)): one for one in batch}
            is_down = False
            for request, outcome in fetcher.run(requests, stopped=stopped):
                _note(db, requests[request], hub, outcome, now())
                told += _problem(outcome) is None
                is_down |= _is_down(outcome)
            if is_down:
                break
    return told


def _request(source: SourceId, hub: str, fields: tuple[tuple[str, str], ...]) -> Request:
    body = urlencode(fields).encode()
    return Request(source, hub, body=body, content_type="application/x-www-form-urlencoded", resends=True)


def _publication(url: str) -> tuple[tuple[str, str], ...]:
    # What PubSubHubbub 0.4 named `hub.url` some hubs call `hub.topic`, as everywhere else
    return (("hub.mode", "publish"), ("hub.url", url), ("hub.topic", url))


def _note(db: Database, one: Ping, hub: str, outcome: Response | Failure, now: datetime) -> None:
    problem = _problem(outcome)
    with writing(db):
        if problem is None:
            record_told(db, one)
            if one.failures:
                log.info("hub %s has taken %s", hub, one.url)
            return
        again_at = now + wait(one.failures + 1, first=_FIRST_PING, longest=_LONGEST_PING)
        again_at = _again(outcome, again_at, now)
        record_untold(db, one, problem=problem, again_at=again_at)
        if _is_down(outcome):
            hold_pings(db, until=again_at)
    if not one.failures:
        log.error("hub %s %s: it is told of %s later (output.hub)", hub, problem, one.url)


def _hub_limits(limits: Limits) -> Limits:
    """A word to a hub is short, and waits for nobody."""
    return replace(
        limits,
        timeout=min(limits.timeout, _SECONDS),
        max_bytes=_ANSWER_BYTES,
        per_host=_ASKED_AT_ONCE,
        pause=0.0,
    )


def _problem(outcome: Response | Failure) -> str | None:
    if isinstance(outcome, Failure):
        return outcome.message
    if 200 <= outcome.status < 300:
        return None
    # §5.1: an error is explained in plain text
    words = outcome.body[: 4 * _SHOWN].decode("utf-8", "replace")
    if "html" in outcome.headers.get("content-type", ""):
        words = ""
    told = one_line(words)[:_SHOWN]
    return f"answered with HTTP status {outcome.status}{f': {told}' if told else ''}"


def _is_down(outcome: Response | Failure) -> bool:
    """Whether it would answer others in the same way."""
    return isinstance(outcome, Failure) or outcome.status == 429 or outcome.status >= 500


def _again(outcome: Response | Failure, planned: datetime, now: datetime) -> datetime:
    if isinstance(outcome, Failure):
        return planned
    return max(planned, retry_at(outcome.headers, now=now) or planned)
