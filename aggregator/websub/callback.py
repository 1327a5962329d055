"""What hubs send to the callbacks: judged at once, by what is known in memory; worked on later, by the one writer.

Thread-safe: the web server's thread answers, the daemon's works.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.harvest.spool import Spool
from aggregator.model import Document
from aggregator.store.subscriptions import Subscription
from aggregator.text.line import one_line
from aggregator.websub.agreement import LEASE

_MOST_WAITING = 100
"""Deliveries; past it hubs are told to come again."""
_ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")
"""§7.1.1 demands that all four are understood."""
_LONGEST_REASON = 200
_NOT_YET = 503
"""The hub is to come again."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A hub has asked whether we meant it, and was told yes (§5.3): to begin, with a lease, or to end."""

    token: str
    lease: timedelta | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Denied:
    """A hub has said that there is no subscription (§5.2)."""

    token: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """A hub has sent content (§7); without `document` only that there is some, since nothing proves whose it is."""

    token: str
    document: Document | None
    content_type: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody sent content whose signature was missing or wrong (§7.1.1)."""

    token: str


Heard = Confirmed | Denied | Delivered | Refused


class TooLarge(Exception):
    """A delivery is larger than a document may be."""


class Callbacks:
    """The subscriptions that hubs may speak of, and what they said."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._known: Mapping[str, Subscription] | None = None
        self._max_bytes = 0
        self._heard: deque[Heard] = deque()

    def expect(self, subscriptions: Iterable[Subscription], *, max_bytes: int) -> None:
        """From now on these are the ones, and no document may be larger."""
        self._max_bytes = max_bytes
        self._known = {one.token: one for one in subscriptions}

    def take(self) -> list[Heard]:
        """What was heard since the last time, in order."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def put_back(self, heard: Sequence[Heard]) -> None:
        """It could not be worked on yet."""
        self._heard.extendleft(reversed(heard))

    def verify(self, token: str, query: Mapping[str, str]) -> str | int:
        """What to answer with 200 to a hub's question (§5.3) or denial (§5.2), or the status of a refusal.

        Yes is said only to what was asked for: this topic, under this token, to begin or to end.
        """
        if self._known is None:
            return _NOT_YET
        one = self._known.get(token)
        if one is None or query.get("hub.topic") != one.topic:
            return 404
        mode, challenge = query.get("hub.mode"), query.get("hub.challenge")
        if mode == "denied":
            reason = one_line(query.get("hub.reason", ""))
            self._heard.append(Denied(token, reason[:_LONGEST_REASON], self._now()))
            return ""
        is_meant = (
            mode == ("unsubscribe" if one.state == "leaving" else "subscribe") and one.state != "denied"
        )
        if not is_meant or not challenge:
            return 404
        lease = None if mode == "unsubscribe" else _lease(query.get("hub.lease_seconds", ""))
        self._heard.append(Confirmed(token, lease, self._now()))
        return challenge

    def receive(self, token: str, headers: Mapping[str, str]) -> Reception | int:
        """Begin to take a delivery, or the status by which it is turned away.

        410 lets the hub forget a subscription that we do not know of (§7).
        """
        if self._known is None:
            return _NOT_YET
        one = self._known.get(token)
        if one is None or one.state not in ("asked", "active"):
            return 410
        if sum(isinstance(heard, Delivered) for heard in tuple(self._heard)) >= _MOST_WAITING:
            return _NOT_YET
        return Reception(
            one,
            signature=headers.get("x-hub-signature", ""),
            content_type=headers.get("content-type"),
            max_bytes=self._max_bytes,
            done=lambda heard: self._heard.append(heard),
            now=self._now,
        )


class Reception:
    """One delivery as it comes in."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        signature: str,
        content_type: str | None,
        max_bytes: int,
        done: Callable[[Heard], None],
        now: Callable[[], datetime],
    ) -> None:
        self._subscription = subscription
        self._content_type = content_type
        self._max_bytes = max_bytes
        self._done = done
        self._now = now
        self._body = Spool()
        algorithm, _, self._digest = signature.strip().partition("=")
        is_known = subscription.secret and algorithm.lower() in _ALGORITHMS
        secret = (subscription.secret or "").encode()
        self._hmac = hmac.new(secret, digestmod=algorithm.lower()) if is_known else None

    def write(self, data: bytes) -> None:
        """Take the next piece. Raises TooLarge, OSError where no file can be written."""
        if len(self._body) + len(data) > self._max_bytes:
            raise TooLarge
        if self._hmac is not None:
            self._hmac.update(data)
            self._body.write(data)

    def end(self) -> None:
        """All is there. It counts if it is signed with the secret.

        Where none could be agreed on, the source is asked itself. The hub does not learn which it was.
        """
        token = self._subscription.token
        if self._subscription.secret is None:
            self._done(Delivered(token, None, None, self._now()))
        elif self._hmac and hmac.compare_digest(
            self._hmac.hexdigest().encode(), _bytes(self._digest.lower())
        ):
            self._done(Delivered(token, self._body.document(), self._content_type, self._now()))
        else:
            self._done(Refused(token))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _lease(text: str) -> timedelta:
    """§5.3 demands a lease; what is none is taken for the one that was asked for."""
    is_number = text.isascii() and text.isdigit() and 0 < len(text) < 12 and int(text) > 0
    return timedelta(seconds=min(int(text), 10**9)) if is_number else LEASE
