"""New stories as webhooks, by the Standard Webhooks specification (https://www.standardwebhooks.com)."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from datetime import datetime

from aggregator.freshness import retry_at
from aggregator.model import Channel, Failure, Request, Response, SourceId
from aggregator.notify.outcome import Refusal
from aggregator.publish.json_feed import json_item
from aggregator.receivers import Receiver
from aggregator.times import to_text
from aggregator.values import webhook_key

_GONE = 410
_ALLOWED = ": allow it with fetch.allow_private_networks"


def make_request(
    receiver: Receiver, channel: Channel, *, id: str, made_at: datetime, now: datetime, is_test: bool = False
) -> Request:
    """What is sent to a webhook about the first story of the channel. `id` is the same at each try."""
    message = {
        "type": "test" if is_test else "story.new",
        "timestamp": to_text(made_at),
        "data": {
            "topic": {
                "id": channel.id,
                "title": channel.title,
                "url": channel.url,
                "feed_url": f"{channel.url}feed.json",
            },
            "story": json_item(channel.items[0]),
        },
    }
    body = json.dumps(message, ensure_ascii=False).encode()
    headers = dict(receiver.settings.headers)
    headers["webhook-id"], headers["webhook-timestamp"] = id, str(int(now.timestamp()))
    if secret := receiver.settings.secret:
        headers["webhook-signature"] = sign(secret, id=id, timestamp=headers["webhook-timestamp"], body=body)
    return Request(
        source=SourceId(id),
        url=receiver.address,
        headers=tuple(headers.items()),
        body=body,
        content_type="application/json; charset=utf-8",
    )


def sign(secret: str, *, id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of the HMAC-SHA256 over id, timestamp and body, with dots between."""
    key = webhook_key(secret)
    assert key is not None, "the configuration was checked"
    signed = hmac.digest(key, b".".join([id.encode(), timestamp.encode(), body]), "sha256")
    return f"v1,{b64encode(signed).decode()}"


def read_answer(answer: Response | Failure, *, now: datetime) -> Refusal | None:
    """Why a webhook did not take what it was sent; None when it did: any status from 200 to 299."""
    if isinstance(answer, Failure):
        remedy = _ALLOWED if answer.kind == "private_address" else ""
        return Refusal(f"{answer.message}{remedy}", is_final=answer.kind == "bad_url")
    if 200 <= answer.status < 300:
        return None
    return Refusal(
        f"answered {answer.status}",
        is_final=answer.status == _GONE,
        retry_at=retry_at(answer.headers, now=now),
    )
