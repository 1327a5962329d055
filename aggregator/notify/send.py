"""The ways out: webhooks through the HTTP client of fetching, digests through a mail server, chats through Apprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from aggregator import chat
from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.model import Channel
from aggregator.notify.mail import MailServer, compose
from aggregator.notify.outcome import Refusal
from aggregator.notify.webhook import make_request, read_answer
from aggregator.publish.content import headline, item_url
from aggregator.receivers import Receiver
from aggregator.settings import Mail

_ANSWER_SECONDS = 10.0
_ANSWER_BYTES = 5_000_000
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes to a receiver in one piece."""

    id: str
    """The same at each try."""
    receiver: Receiver
    channel: Channel
    """Holds the stories to tell, the oldest first; at least one."""
    made_at: datetime
    is_test: bool = False


class Senders:
    """One HTTP client, one connection to a mail server, and chat services; each is used when it is needed."""

    def __init__(self, mail: Mail | None, limits: Limits, *, now: Callable[[], datetime]) -> None:
        """`limits` are those of fetching. Nobody waits long for a webhook's answer, which is not read anyway."""
        self._mail = mail
        self._server = MailServer(mail) if mail else None
        timeout = min(limits.timeout, _ANSWER_SECONDS)
        hasty = replace(limits, timeout=timeout, max_bytes=_ANSWER_BYTES, per_host=_AT_ONCE, pause=0.0)
        self._fetcher = Fetcher(hasty)
        self._now = now
        self.is_closed = False
        """Nothing new is sent any more; what is under way comes to its end."""

    def close(self) -> None:
        """Close all connections."""
        self._fetcher.close()
        if self._server is not None:
            self._server.close()

    def send(self, parcels: Sequence[Parcel]) -> Iterator[tuple[Parcel, Refusal | None]]:
        """What came of each that was sent, None where its receiver took it."""
        webhooks = iter([one for one in parcels if one.receiver.kind == "webhook"])
        while not self.is_closed and (some := list(islice(webhooks, _AT_ONCE))):
            yield from self._webhooks(some)
        for parcel in parcels:
            if parcel.receiver.kind != "webhook" and not self.is_closed:
                yield parcel, self._chat(parcel) if parcel.receiver.kind == "chat" else self._digest(parcel)

    def _webhooks(self, parcels: Sequence[Parcel]) -> Iterator[tuple[Parcel, Refusal | None]]:
        by_id = {parcel.id: parcel for parcel in parcels}
        now = self._now()
        requests = [
            make_request(
                one.receiver, one.channel, id=one.id, made_at=one.made_at, now=now, is_test=one.is_test
            )
            for one in parcels
        ]
        for request, answer in self._fetcher.run(requests):
            yield by_id[request.source], read_answer(answer, now=self._now())

    def _digest(self, parcel: Parcel) -> Refusal | None:
        assert self._mail is not None, "the configuration was checked"
        assert self._server is not None
        message = compose(
            parcel.channel,
            to=parcel.receiver.address,
            mail=self._mail,
            id=parcel.id,
            every=parcel.receiver.settings.every,
            now=self._now(),
            is_test=parcel.is_test,
        )
        return self._server.send(message)

    def _chat(self, parcel: Parcel) -> Refusal | None:
        item = parcel.channel.items[0]
        words = chat.tell(
            parcel.receiver.address,
            title=f"{'Test: ' if parcel.is_test else ''}{headline(item.story)}",
            body="\n\n".join(filter(None, (item.summary, f"{item_url(item)}\n{parcel.channel.title}"))),
        )
        return Refusal(words) if words else None
