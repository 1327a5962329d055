"""The feeds behind a web page's URL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import islice
from urllib.parse import urljoin

from aggregator.harvest.clean import clean_feed
from aggregator.harvest.fetch import Fetcher
from aggregator.harvest.json_feed import looks_like_json
from aggregator.harvest.parse import parse
from aggregator.harvest.raw import NotAFeed
from aggregator.model import Failure, Request, Response, SourceId
from aggregator.url import absolute

_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/rdf+xml",
    "application/feed+json",
    "application/json",
    "application/xml",
    "text/xml",
}
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
    url: str, fetcher: Fetcher, *, headers: Sequence[tuple[str, str]] = ()
) -> tuple[Found, ...] | Failure:
    """The feeds behind a URL: itself if it is one, else those its page links to, in the page's order.

    A page that links to none has its host's usual addresses tried. Every feed returned was fetched and
    parsed. A failure says why the URL itself could not be had, or that there is no feed behind it.
    """
    ((_, response),) = fetcher.run([_request(url, headers)])
    if isinstance(response, Failure):
        return response
    if response.status != 200:
        return Failure("http", f"answered with HTTP status {response.status}", response.status)
    if (itself := _read(response)) is not None:
        return (itself,)
    links = list(islice(dict.fromkeys(_linked(response)), _CANDIDATES))
    found = _try_all(links, fetcher, headers)
    if not found:
        usual = [
            there for path in _USUAL_PATHS if (there := absolute(path, response.url)) not in (None, *links)
        ]
        found = _try_all([there for there in usual if there], fetcher, headers)[:1]
    if not found:
        return Failure("not_a_feed", "is no feed, and links to none", response.status)
    return found


def _request(url: str, headers: Sequence[tuple[str, str]]) -> Request:
    return Request(SourceId(url), url, headers=tuple(headers))


def _try_all(urls: Iterable[str], fetcher: Fetcher, headers: Sequence[tuple[str, str]]) -> tuple[Found, ...]:
    """Those that are feeds, in the order given; one that two addresses lead to, once."""
    requests = [_request(url, headers) for url in urls]
    outcomes = {request.url: outcome for request, outcome in fetcher.run(requests)}
    found: dict[str, Found] = {}
    for request in requests:
        outcome = outcomes[request.url]
        if isinstance(outcome, Response) and outcome.status == 200 and (feed := _read(outcome)):
            found.setdefault(feed.url, feed)
    return tuple(found.values())


def _read(response: Response) -> Found | None:
    try:
        raw = parse(response.body, url=response.url, content_type=response.headers.get("content-type"))
    except NotAFeed:
        return None
    feed = clean_feed(raw, url=response.url)
    return Found(response.moved_to or response.url, feed.title, _type(response.body), len(raw.entries))


def _type(body: bytes) -> str:
    if looks_like_json(body):
        return "json"
    return "atom" if b"<feed" in body[:2048] else "rss"


def _linked(page: Response) -> Iterable[str]:
    reader = _Links(page.url)
    # What matters is ASCII; a wrong guess of the encoding only spoils text that is not looked at
    reader.feed(page.body.decode("utf-8", "replace"))
    reader.close()
    return [target for link in reader.links if (target := _joined(reader.base, link)) is not None]


def _joined(base: str, link: str) -> str | None:
    # Not `absolute` alone: it takes a bare word, which an entry's link rarely is, for an id
    try:
        return absolute(urljoin(base, link), base)
    except ValueError:
        return None


class _Links(HTMLParser):
    """Collects `<link rel=alternate>` of feed types (rssboard.org/rss-autodiscovery), and the page's base."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base = url
        self.links: list[str] = []
        self._has_base = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in reversed(attrs) if value}
        href = found.get("href", "").strip()
        if tag == "base" and href and not self._has_base:
            self.base, self._has_base = _joined(self.base, href) or self.base, True
        if tag != "link" or not href:
            return
        type = found.get("type", "").partition(";")[0].strip().lower()
        if "alternate" in found.get("rel", "").lower().split() and type in _TYPES:
            self.links.append(href)
