"""A store whose topics notify somebody, with a clock that is set by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from threading import Event
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from builders import NOON, Books, entry, topic

from aggregator.config.load import Configuration
from aggregator.model import Entry
from aggregator.notify.outcome import Delivered
from aggregator.receivers import receivers
from aggregator.settings import Aggregator, Fetch, Mail, Notify, Site, Topics, TopicSettings
from aggregator.status import ReceiverHealth, receiver_health
from aggregator.update import Clock, deliver, publish, synchronize

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Office:
    """Takes entries as a pass does, and delivers what is new in the topics."""

    books: Books
    now: datetime = NOON
    mail: Mail | None = None
    fetch: Fetch = field(default_factory=lambda: Fetch(allow_private_networks=True))
    stop: Event = field(default_factory=Event)
    elapsed: float = 0.0

    @property
    def configuration(self) -> Configuration:
        site = Site(title="Desk", base_url="https://desk.example/", contact="editor@desk.example")
        folder = self.books.folder.parent
        return Configuration(
            folder=folder,
            aggregator=Aggregator(site=site, mail=self.mail, fetch=self.fetch),
            sources=tuple(self.books.sources),
            topics=Topics(topics=tuple(self.books.topics)),
            database=folder / "aggregator.db",
            output=self.books.folder,
        )

    def configure(self, *topics: TopicSettings) -> None:
        """These are the topics from now on."""
        self.books.topics = topics
        synchronize(self.books.db, self.configuration)

    def notify(self, *who: Notify, **rule: Any) -> None:
        """One topic, which tells these."""
        self.configure(topic(title="The topic", notify=who, **rule))

    def bring(self, *names: str, source: str = "a") -> None:
        """A pass in which the source lists these reports; each is a story of its own."""
        self.fetch_from(source, *(entry(name, published=self.now) for name in names))

    def fetch_from(self, source: str, *entries: Entry) -> None:
        self.books.fetch_from(source, *entries, at=self.now)
        self.publish()

    def publish(self) -> None:
        publish(self.books.db, self.configuration, now=self.now)

    def deliver(self) -> Delivered:
        clock = Clock(lambda: self.now, lambda: self.elapsed)
        return deliver(self.books.db, self.configuration, clock=clock, stop=self.stop)

    def after(self, **delta: float) -> Delivered:
        """Some time later."""
        self.now += timedelta(**delta)
        return self.deliver()

    def health(self) -> list[ReceiverHealth]:
        return receiver_health(self.books.db, receivers(self.books.topics))


def begun(books: Books, *who: Notify, **changes: Any) -> Office:
    """An office whose sources were all read before."""
    office = Office(books, **changes)
    office.notify(*who)
    for source in ("a", "b", "c"):
        office.bring(f"before {source}", source=source)
    return office


def titles(requests: list[Any]) -> list[str]:
    """The headlines that webhooks were sent."""
    return [json.loads(one.body)["data"]["story"]["title"] for one in requests]


@dataclass
class Mailbox:
    """An SMTP server's script, and what it took."""

    port: int = 0
    taken: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    """Address → what it is told."""
    is_down: str | None = None
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(
        self, _server: SMTP, _session: object, envelope: Envelope, address: str, _options: object
    ) -> str:
        if words := self.refuses.get(address):
            return words
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:
        if self.is_down:
            return self.is_down
        message = BytesParser(policy=default).parsebytes(envelope.content or b"")
        self.taken.append((envelope, message))
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: object, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    @property
    def messages(self) -> list[EmailMessage]:
        return [message for _, message in self.taken]


class _Controller(Controller):
    def _trigger_server(self) -> None:
        # It asks whether the server answers: at the port that the system chose, not at 0
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serving_mailbox(mailbox: Mailbox | None = None, **options: Any) -> Iterator[Mailbox]:
    """An SMTP server on a free port of loopback."""
    mailbox = mailbox or Mailbox()
    controller = _Controller(
        mailbox, hostname="127.0.0.1", port=mailbox.port, authenticator=mailbox.authenticate, **options
    )
    controller.start()
    try:
        mailbox.port = controller.port
        yield mailbox
    finally:
        controller.stop()
