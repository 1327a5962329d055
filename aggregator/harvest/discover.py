"""The feeds behind a web page's URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from aggregator.harvest.clean import clean_feed
from aggregator.harvest.encoding import narrowed
from aggregator.harvest.fetch import Fetcher
from aggregator.harvest.json_feed import looks_like_json
from aggregator.harvest.links import linked_feeds
from aggregator.harvest.parse import parse
from aggregator.harvest.raw import NotAFeed
from aggregator.model import Document, Failure, Request, Response, SourceId
from aggregator.url import absolute

_USUAL_PATHS = (
    "/feed",
    "/rss",
    "/rss.xml",
    "/atom.xml",
    "/feed.xml",
    "/feed.json",
    "/index.xml",
    "/feeds/posts/default",
)
_CANDIDATES = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A feed that was fetched and could be read. `type` is `rss`, `atom` or `json`."""

    url: str
    title: str | None
    type: str
    entries: int


def discover(
    url: str,
    fetcher: Fetcher,
    *,
    headers: Sequence[tuple[str, str]] = (),
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Found, ...] | Failure:
    """The feeds behind a URL: itself if it is one, else those its page links to, in the page's order.

    A page that links to none has its host's usual addresses tried. Every feed returned was fetched and
    parsed. A failure says why the URL itself could not be had, or that there is no feed behind it. It ends early,
    with nothing, once it is `stopped`.
    """
    for _, response in fetcher.run([_request(url, headers)], stopped=stopped):
        return _behind(response, fetcher, headers, stopped)
    return ()


def _behind(
    response: Response | Failure,
    fetcher: Fetcher,
    headers: Sequence[tuple[str, str]],
    stopped: Callable[[], bool],
) -> tuple[Found, ...] | Failure:
    if isinstance(response, Failure):
        return response
    if response.status != 200:
        return Failure("http", f"answered with HTTP status {response.status}", response.status)
    if (itself := _read(response)) is not None:
        return (itself,)
    links = list(islice(dict.fromkeys(linked_feeds(response.body, url=response.url)), _CANDIDATES))
    found = _try_all(links, fetcher, headers, stopped)
    if not found:
        usual = [
            there for path in _USUAL_PATHS if (there := absolute(path, response.url)) not in (None, *links)
        ]
        found = _try_all([there for there in usual if there], fetcher, headers, stopped)[:1]
    if not found:
        return Failure("not_a_feed", "is no feed, and links to none", response.status)
    return found


def _request(url: str, headers: Sequence[tuple[str, str]]) -> Request:
    return Request(SourceId(url), url, headers=tuple(headers))


def _try_all(
    urls: Iterable[str],
    fetcher: Fetcher,
    headers: Sequence[tuple[str, str]],
    stopped: Callable[[], bool],
) -> tuple[Found, ...]:
    """Those that are feeds, in the order given; one that two addresses lead to, once."""
    requests = [_request(url, headers) for url in urls]
    outcomes = {request.url: outcome for request, outcome in fetcher.run(requests, stopped=stopped)}
    found: dict[str, Found] = {}
    for request in requests:
        outcome = outcomes.get(request.url)
        if isinstance(outcome, Response) and outcome.status == 200 and (feed := _read(outcome)):
            found.setdefault(feed.url, feed)
    return tuple(found.values())


def _read(response: Response) -> Found | None:
    try:
        raw = parse(response.body, url=response.url, content_type=response.headers.get("content-type"))
    except NotAFeed:
        return None
    feed = clean_feed(raw, url=response.url)
    count = sum(1 for _ in raw.entries)
    return Found(response.moved_to or response.url, feed.title, _type(narrowed(response.body)), count)


def _type(body: Document) -> str:
    if looks_like_json(body):
        return "json"
    return "atom" if b"<feed" in body[:2048] else "rss"
