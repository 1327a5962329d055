"""A document worth parsing → its harvest. Runs where it cannot hold up or harm anything else."""

from __future__ import annotations

from datetime import datetime

from aggregator.freshness import fresh_until
from aggregator.harvest.answer import blocked, body_hash, failed, validators_of
from aggregator.harvest.clean import clean_entries, clean_feed
from aggregator.harvest.links import linked_feeds
from aggregator.harvest.parse import parse
from aggregator.harvest.raw import NotAFeed
from aggregator.harvest.wall import wall
from aggregator.model import Failure, Harvest, Request, Response, Validators


def read(request: Request, response: Response, *, now: datetime) -> Harvest:
    """Parse and clean the document of a 200."""
    try:
        raw = parse(response.body, url=response.url, content_type=response.headers.get("content-type"))
    except NotAFeed as error:
        return failed(request, _no_feed(error, response), now=now)
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


def _no_feed(error: NotAFeed, response: Response) -> Failure:
    if error.kind != "not_a_feed":
        return Failure(error.kind, f"the document {error}", response.status)
    if (name := wall(response.headers, response.body)) is not None:
        return blocked(name, response)
    linked = linked_feeds(response.body, url=response.url)
    there = f"; it links to {linked[0]}" if linked else ""
    return Failure("not_a_feed", f"the document {error}{there}", response.status)
