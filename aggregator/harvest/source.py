"""A document worth parsing → its harvest. Runs where it cannot hold up or harm anything else."""

from __future__ import annotations

from datetime import datetime

from aggregator.freshness import fresh_until
from aggregator.harvest.answer import body_hash, failed, validators_of
from aggregator.harvest.clean import clean_entries, clean_feed
from aggregator.harvest.parse import parse
from aggregator.harvest.raw import NotAFeed
from aggregator.model import Failure, Harvest, Request, Response, Validators


def read(request: Request, response: Response, *, now: datetime) -> Harvest:
    """Parse and clean the document of a 200."""
    try:
        raw = parse(response.body, url=response.url, content_type=response.headers.get("content-type"))
    except NotAFeed as error:
        return failed(request, Failure("not_a_feed", f"the document {error}", 200), now=now)
    return Harvest(
        request.source,
        "fetched",
        now,
        status=200,
        validators=validators_of(response, Validators()),
        body_hash=body_hash(response.body),
        feed=clean_feed(raw, url=response.url),
        entries=clean_entries(raw, url=response.url, request=request, now=now),
        moved_to=response.moved_to,
        fresh_until=fresh_until(response.headers, now=now),
    )
