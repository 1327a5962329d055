"""A document worth parsing → its harvest. Runs where it cannot hold up or harm anything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aggregator.freshness import fresh_until
from aggregator.harvest.answer import blocked, body_hash, failed, validators_of
from aggregator.harvest.clean import clean_entries, clean_feed
from aggregator.harvest.hubs import offered
from aggregator.harvest.json_feed import looks_like_json
from aggregator.harvest.links import linked_feeds
from aggregator.harvest.parse import parse
from aggregator.harvest.raw import NotAFeed
from aggregator.harvest.wall import wall
from aggregator.model import Document, Failure, Harvest, Request, Response, Validators

_END_BYTES = 4096
"""Comments and signatures of servers follow the root."""


def read(request: Request, response: Response, *, now: datetime) -> Harvest:
    """Parse and clean the document of a 200."""
    try:
        raw = parse(response.body, url=response.url, content_type=response.headers.get("content-type"))
    except NotAFeed as error:
        return failed(request, _no_feed(error, response), now=now)
    # A packed body that breaks off is the one case that libcurl does not notice
    is_whole = "content-encoding" not in response.headers or _ends_as_a_feed(response.body)
    hubs, topic = offered(response.headers, raw, url=response.url)
    return Harvest(
        request.source,
        "fetched",
        now,
        status=200,
        # Of a document that was cut off the rest is wanted, though it has not changed
        validators=validators_of(response, Validators()) if is_whole else Validators(),
        body_hash=body_hash(response.body) if is_whole else None,
        feed=replace(clean_feed(raw, url=response.url), hubs=hubs, topic=topic),
        entries=clean_entries(raw, url=response.url, request=request, now=now),
        moved_to=response.moved_to,
        fresh_until=fresh_until(response.headers, now=now),
    )


def _ends_as_a_feed(body: Document) -> bool:
    """Whether the root element is closed; JSON that is cut off could not be read, and neither form tells in UTF-16."""
    if looks_like_json(body) or b"\x00" in body[:64]:
        return True
    end = body[-_END_BYTES:].lower()
    return any(
        root in end for root in (b"</rss", b"</feed", b":rdf>", b"</rdf", b":rss>", b":feed>", b"</channel")
    )


def _no_feed(error: NotAFeed, response: Response) -> Failure:
    if error.kind != "not_a_feed":
        return Failure(error.kind, f"the document {error}", response.status)
    if (name := wall(response.headers, response.body)) is not None:
        return blocked(name, response)
    linked = linked_feeds(response.body, url=response.url)
    there = f"; it links to {linked[0]}" if linked else ""
    return Failure("not_a_feed", f"the document {error}{there}", response.status)
