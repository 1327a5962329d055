"""Who is told of new stories: one for each webhook, chat and reader of each topic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from aggregator.model import TopicId
from aggregator.settings import Notify, TopicSettings
from aggregator.story.fingerprint import digest

Kind = Literal["webhook", "mail", "chat"]


@dataclass(frozen=True, slots=True)
class Receiver:
    """One address that one topic writes to."""

    topic: TopicSettings
    kind: Kind
    address: str
    settings: Notify

    @property
    def id(self) -> str:
        """By what the store knows it: addresses may hold secrets, which stay out of the database."""
        return digest("receiver", self.topic.id, self.kind, self.address)

    @property
    def topic_id(self) -> TopicId:
        return TopicId(self.topic.id)

    @property
    def name(self) -> str:
        """The address as far as everybody may see it."""
        if self.kind == "mail":
            return self.address
        parts = urlsplit(self.address)
        if self.kind == "chat":
            return f"{parts.scheme}://…"
        host = parts.netloc.rpartition("@")[2]
        return (
            f"{parts.scheme}://{host}/…"
            if parts.path.strip("/") or parts.query
            else f"{parts.scheme}://{host}/"
        )


def receivers(topics: Iterable[TopicSettings]) -> list[Receiver]:
    """All of them, in the order of the configuration."""
    found = []
    for topic in topics:
        for one in topic.notify:
            if one.webhook:
                found.append(Receiver(topic, "webhook", one.webhook, one))
            elif one.chat:
                found.append(Receiver(topic, "chat", one.chat, one))
            found += [Receiver(topic, "mail", address, one) for address in one.mail]
    return found
