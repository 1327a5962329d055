"""What to ask of which hub, and when: subscriptions as functions of what is known and of the time (WebSub §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.harvest.guard import is_address, is_public
from aggregator.model import SourceId
from aggregator.store.subscriptions import Offer, Subscription
from aggregator.url import host

LEASE = timedelta(days=10)
"""Asked for; the hub decides (§5.1)."""
PATH = "websub/"
"""Below it the callbacks are, each with a token of its own."""
UNCONFIRMED = "takes the request, but confirms nothing: does it reach the callback?"
_LONGEST_LEASE = timedelta(days=30)
"""Relied on: a hub that lost what it knew would send nothing for ever."""
_SHORTEST_RENEWAL = timedelta(minutes=5)
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(days=7)
_TRIES = 3
"""With one of several hubs before the next one is asked; and to end a subscription, which ends by itself too."""
# RFC 6761, RFC 6762, RFC 8375 and what ICANN keeps free: names that only mean something at home
_LOCAL = frozenset(
    {"local", "localhost", "internal", "intranet", "lan", "home", "arpa", "test", "example", "invalid"}
)


def callback_base(setting: str, base_url: str) -> str | None:
    """The URL below which hubs reach this program, ending in a slash; None where they cannot, or shall not.

    `setting` is `web.callback`: `auto`, `none` or a URL.
    """
    if setting == "none":
        return None
    if setting != "auto":
        return setting + PATH
    return base_url + PATH if _is_public_name(host(base_url)) else None


def _is_public_name(name: str) -> bool:
    if is_address(name):
        return is_public(name)
    return "." in name and name.rpartition(".")[2] not in _LOCAL


def may_be_secret(hub: str) -> bool:
    """Whether a secret may be told to the hub: over HTTPS alone (§5.1), or where no stranger's wire lies between."""
    name = host(hub)
    return (
        hub.lower().startswith("https:") or name == "localhost" or (is_address(name) and not is_public(name))
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """To make the subscriptions those that are wanted: what to save, and the tokens of what to forget."""

    save: Sequence[Subscription]
    forget: Sequence[str]


def wanted(
    offers: Iterable[Offer],
    known: Iterable[Subscription],
    *,
    base: str | None,
    mint: Callable[[], str],
    now: datetime,
) -> Changes:
    """One subscription for each source that has hubs, under `base`; those that are not wanted any more end.

    `mint` yields words that nobody can guess.
    """
    save, forget, settled = [], [], set()
    wishes = {offer.source: offer for offer in offers} if base else {}
    for one in known:
        if one.state == "leaving":
            continue
        wish = wishes.get(one.source)
        is_wanted = wish and one.topic == wish.topic and one.hub in wish.hubs
        if is_wanted and one.callback == f"{base}{one.token}" and one.source not in settled:
            settled.add(one.source)
        elif one.lease_until is None:
            forget.append(one.token)
        else:
            save.append(replace(one, state="leaving", next_at=now, failures=0, problem=None))
    for source, wish in wishes.items():
        if base and source not in settled:
            save.append(_subscription(source, wish.hubs[0], wish.topic, base, mint, now))
    return Changes(save, forget)


def _subscription(
    source: SourceId, hub: str, topic: str, base: str, mint: Callable[[], str], now: datetime
) -> Subscription:
    token = mint()
    secret = mint() if may_be_secret(hub) else None
    return Subscription(token, source, hub, topic, base + token, secret, "asked", now)


def asked(
    one: Subscription, hubs: Sequence[str], *, mint: Callable[[], str], now: datetime
) -> Subscription | None:
    """The subscription as its hub is being asked, and when it is asked again if nothing comes of it.

    After some tries it goes to the next of the source's `hubs`, as another one with another token. None: it
    is to be forgotten, having been left in vain or long enough.
    """
    failures = one.failures + 1
    next_at = now + wait(failures)
    if one.state == "leaving":
        is_over = failures > _TRIES or (one.lease_until is not None and one.lease_until <= now)
        return None if is_over else replace(one, failures=failures, next_at=next_at)
    if one.state == "denied":
        one = replace(one, state="asked")
    if one.state == "asked" and one.failures and not one.failures % _TRIES and len(hubs) > 1:
        hub = hubs[(hubs.index(one.hub) + 1) % len(hubs)] if one.hub in hubs else hubs[0]
        base = one.callback.removesuffix(one.token)
        one = _subscription(one.source, hub, one.topic, base, mint, now)
    return replace(one, failures=failures, next_at=next_at)


def wait(failures: int, *, first: timedelta = _FIRST_WAIT, longest: timedelta = _LONGEST_WAIT) -> timedelta:
    """From one try to the next, after so many in vain: doubling, never given up."""
    return min(first * int(2 ** min(failures - 1, 20)), longest)


def form(one: Subscription) -> tuple[tuple[str, str], ...]:
    """What to send to the hub (§5.1)."""
    fields = [
        ("hub.mode", "unsubscribe" if one.state == "leaving" else "subscribe"),
        ("hub.topic", one.topic),
        ("hub.callback", one.callback),
    ]
    if one.state != "leaving":
        fields.append(("hub.lease_seconds", f"{LEASE.total_seconds():.0f}"))
        if one.secret:
            fields.append(("hub.secret", one.secret))
    return tuple(fields)


def confirmed(one: Subscription, lease: timedelta, *, at: datetime) -> Subscription:
    """The hub has verified our intent (§5.3): it sends what is new for so long."""
    lease = min(lease, _LONGEST_LEASE)
    return replace(
        one,
        state="active",
        lease_until=at + lease,
        # Early enough for several tries
        next_at=at + max(lease * 0.8, _SHORTEST_RENEWAL),
        failures=0,
        problem=None,
    )


def denied(one: Subscription, reason: str, *, at: datetime) -> Subscription:
    """The hub does not want to, or not any more (§5.2)."""
    return replace(
        one,
        state="denied",
        lease_until=None,
        next_at=at + _LONGEST_WAIT,
        problem=f"denies it: {reason or 'why, it does not say'}",
    )
