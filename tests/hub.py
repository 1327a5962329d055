"""A WebSub hub on loopback, written from the Recommendation (section numbers are its): it can also be down, or lie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from loopback import Handler, Server, answering


@dataclass(frozen=True)
class Answered:
    """What a callback answered."""

    status: int
    body: bytes


@dataclass
class Held:
    """A subscription as the hub holds it (§5.1): by topic and callback."""

    secret: str | None
    until: datetime


@dataclass
class Hub:
    """The server's state; the tests turn its switches and look into its books."""

    now: Callable[[], datetime]
    address: str = ""
    lease: timedelta | None = None
    """Granted; by default as asked for."""
    is_prompt: bool = True
    """Verify before the request is answered; else when `verify` is called."""
    status: int | None = None
    """Answer every request so, and do nothing."""
    moved: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Paths that redirect, each with its status and target."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The forms that came in, in order."""
    pending: list[dict[str, str]] = field(default_factory=list)
    held: dict[tuple[str, str], Held] = field(default_factory=dict)
    verified: list[Answered] = field(default_factory=list)

    def take(self, form: dict[str, str]) -> int:
        """A request of a subscriber (§5.1) or a publisher (§6)."""
        self.asked.append(form)
        if self.status is not None:
            return self.status
        if form.get("hub.mode") == "publish":
            return 204
        if form.get("hub.mode") not in ("subscribe", "unsubscribe") or len(form.get("hub.secret", "")) >= 200:
            return 400
        self.pending.append(form)
        if self.is_prompt:
            self.verify()
        return 202

    def verify(self, **lies: str) -> None:
        """Ask whether the subscribers meant what came in (§5.3), and keep what they confirm."""
        pending, self.pending = self.pending, []
        for form in pending:
            lease = self.lease or timedelta(seconds=int(form.get("hub.lease_seconds", "864000")))
            challenge = secrets.token_urlsafe()
            query = {
                "hub.mode": form["hub.mode"],
                "hub.topic": form["hub.topic"],
                "hub.challenge": challenge,
                "hub.lease_seconds": str(int(lease.total_seconds())),
            }
            answered = self.get(form["hub.callback"], **(query | lies))
            self.verified.append(answered)
            if not 200 <= answered.status < 300 or answered.body != challenge.encode():
                continue  # "the subscription state is left unchanged"
            key = (form["hub.topic"], form["hub.callback"])
            if form["hub.mode"] == "unsubscribe":
                self.held.pop(key, None)
            else:
                self.held[key] = Held(form.get("hub.secret"), self.now() + lease)

    def deny(self, topic: str, reason: str) -> list[Answered]:
        """End the subscriptions to a topic, and say so (§5.2)."""
        query = {"hub.mode": "denied", "hub.topic": topic, "hub.reason": reason}
        ended = [key for key in self.held if key[0] == topic]
        return [self.get(callback, **query) for _, callback in ended if self.held.pop((topic, callback))]

    def distribute(
        self,
        topic: str,
        body: str,
        *,
        algorithm: str = "sha256",
        secret: str | None = None,
        signature: str | None = None,
        content_type: str = "application/rss+xml",
    ) -> list[Answered]:
        """Send content to all who are subscribed to the topic now (§7), signed as agreed (§7.1).

        `secret` and `signature` lie; an empty signature sends none.
        """
        answers = []
        for (wanted, callback), held in list(self.held.items()):
            if wanted != topic or held.until <= self.now():
                continue
            headers = {
                "Content-Type": content_type,
                "Link": f'<{self.address}>; rel="hub", <{topic}>; rel="self"',
            }
            key = secret if secret is not None else held.secret
            if signature is None and key is not None:
                digest = hmac.new(key.encode(), body.encode(), getattr(hashlib, algorithm)).hexdigest()
                headers["X-Hub-Signature"] = f"{algorithm}={digest}"
            elif signature:
                headers["X-Hub-Signature"] = signature
            answers.append(self.post(callback, body.encode(), headers))
            if answers[-1].status == 410:
                del self.held[(wanted, callback)]  # §7: the subscriber is gone
        return answers

    def get(self, callback: str, **query: str) -> Answered:
        separator = "&" if urlsplit(callback).query else "?"
        return _answer(Request(f"{callback}{separator}{urlencode(query)}"))

    def post(self, callback: str, body: bytes, headers: dict[str, str]) -> Answered:
        return _answer(Request(callback, data=body, headers=headers, method="POST"))

    def modes(self) -> list[str]:
        """What was asked for since the last time."""
        modes = [form.get("hub.mode", "") for form in self.asked]
        self.asked.clear()
        return modes


def _answer(request: Request) -> Answered:
    try:
        with urlopen(request, timeout=10) as answer:
            return Answered(answer.status, answer.read())
    except HTTPError as error:
        with error:
            return Answered(error.code, error.read())


@contextmanager
def serving_hub(now: Callable[[], datetime]) -> Iterator[Hub]:
    """A hub on a free port, until the block ends."""
    hub = Hub(now)

    class Asked(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            if (moved := hub.moved.get(self.path)) is not None:
                self.answer(moved[0], headers={"Location": moved[1]})
                return
            form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
            status = hub.take(form)
            self.answer(status, b"" if status < 300 else b"No,\nthank you")

    with answering(Server(Asked)) as address:
        hub.address = f"{address}/"
        yield hub
