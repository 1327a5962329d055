"""What an answer says before it is parsed: nothing new, a failure, or a document worth parsing."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

from aggregator.freshness import asks_for_rest, fresh_until, retry_at
from aggregator.harvest.wall import wall
from aggregator.model import Document, Failure, FailureKind, Harvest, Request, Response, Validators
from aggregator.url import host

_HASHED_BYTES = 256 * 1024


def failed(request: Request, failure: Failure, *, now: datetime) -> Harvest:
    """The harvest of a request that came to nothing; what was known of the source stays."""
    return Harvest(
        request.source,
        "failed",
        now,
        status=failure.status,
        validators=request.validators,
        body_hash=request.body_hash,
        failure=failure,
    )


def body_hash(body: Document) -> str:
    """128 bits of BLAKE2b, to see that a 200 brings nothing new."""
    hash = blake2b(digest_size=16)
    for at in range(0, len(body), _HASHED_BYTES):
        hash.update(body[at : at + _HASHED_BYTES])
    return hash.hexdigest()


def answer(request: Request, response: Response, *, now: datetime) -> Harvest | None:
    """The harvest of a response that needs no parser; None for a 200 with a body not seen before."""
    if response.status == 304:
        if request.validators == Validators():
            failure = Failure("http", "answered 304 Not Modified to an unconditional request", 304)
            return failed(request, failure, now=now)
        # RFC 9110 §15.4.5: a 304 carries the validators that a 200 would have
        return _known(request, response, "not_modified", request.validators, now)
    if response.status != 200:
        return failed(request, _refusal(response, now), now=now)
    if request.body_hash and body_hash(response.body) == request.body_hash:
        return _known(request, response, "unchanged", Validators(), now)
    return None


def _known(request: Request, response: Response, outcome: str, old: Validators, now: datetime) -> Harvest:
    return Harvest(
        request.source,
        "not_modified" if outcome == "not_modified" else "unchanged",
        now,
        status=response.status,
        validators=validators_of(response, old),
        body_hash=request.body_hash,
        moved_to=response.moved_to,
        fresh_until=fresh_until(response.headers, now=now),
    )


def validators_of(response: Response, old: Validators) -> Validators:
    """The validators to send next: those of this response, else the `old` ones."""
    return Validators(
        etag=response.headers.get("etag") or old.etag,
        last_modified=response.headers.get("last-modified") or old.last_modified,
    )


def blocked(name: str, response: Response) -> Failure:
    """The failure of a request that met somebody's bot wall."""
    return Failure("blocked", f"is behind the bot wall of {name} ({response.status})", response.status)


_REFUSALS: dict[int, tuple[FailureKind, str]] = {
    401: ("refused", "asks for a login (401 Unauthorized)"),
    402: ("refused", "asks for a payment (402 Payment Required)"),
    403: ("refused", "refuses this client (403 Forbidden)"),
    404: ("not_found", "is not there (404 Not Found)"),
    410: ("gone", "was taken down for good (410 Gone)"),
    429: ("rate_limited", "asks for fewer requests (429 Too Many Requests)"),
    503: ("rate_limited", "is not available for now (503)"),
}


def _refusal(response: Response, now: datetime) -> Failure:
    if (name := wall(response.headers, response.body)) is not None:
        return blocked(name, response)
    kind, message = _REFUSALS.get(response.status, ("http", f"answered with HTTP status {response.status}"))
    name = host(response.url) if asks_for_rest(response.status, response.headers) else None
    return Failure(kind, message, response.status, retry_at(response.headers, now=now), name)
