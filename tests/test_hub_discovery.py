"""Which hubs a fetched document offers, and by what name they know it (WebSub §4)."""

from __future__ import annotations

import json

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.hubs import _links
from aggregator.harvest.source import read
from aggregator.harvest.transfer import Transfer
from aggregator.model import Failure, Request, Response, SourceId

URL = "https://news.example/feeds/all.xml"
HUB, SELF = "https://hub.example/", "https://news.example/feeds/all.xml?full=1&x=a|b"
HREF = SELF.replace("&", "&amp;")
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title>{}<entry><title>One</title><id>1</id></entry></feed>'
RSS = (
    '<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel><title>A</title>{}'
    "<item><title>One</title></item></channel></rss>"
)


def offered(body: str, link: str | None = None) -> tuple[tuple[str, ...], str | None]:
    headers = {"link": link} if link else {}
    harvest = read(Request(SourceId("a"), URL), Response(URL, 200, headers, body.encode()), now=NOON)
    assert harvest.outcome == "fetched"
    return harvest.feed.hubs, harvest.feed.topic


JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "A",
        "feed_url": SELF,
        "hubs": [{"type": "rssCloud", "url": "https://cloud.example/"}, {"type": "WebSub", "url": HUB}, 7],
        "items": [],
    }
)


@pytest.mark.parametrize(
    "body",
    [
        ATOM.format(f'<link rel="hub" href="{HUB}"/><link rel="self" href="{HREF}"/>'),
        RSS.format(f'<a:link rel="hub" href="{HUB}"/><a:link rel="self" type="x/y" href="{HREF}"/>'),
        JSON_FEED,
    ],
    ids=["atom", "rss", "json"],
)
def test_each_format_names_them_in_its_own_way(body: str) -> None:
    # The topic to the letter: a hub knows it by nothing else
    assert offered(body) == ((HUB,), SELF)


def test_headers_come_first() -> None:
    body = ATOM.format(
        '<link rel="hub" href="https://old.example/"/><link rel="self" href="https://old.example/f"/>'
    )
    link = f'<{HUB}>; rel="hub", </page>; title="a, b"; rel=next, <{SELF}>; rel="self alternate"'
    assert offered(body, link) == ((HUB,), SELF)
    assert offered(body, f"<{HUB}>; rel=hub") == ((HUB,), "https://old.example/f")


def test_what_is_relative_is_joined() -> None:
    body = ATOM.format('<link rel="hub" href="/hub"/><link rel="self" href="all.xml#top"/>')
    assert offered(body) == (("https://news.example/hub",), URL)
    assert offered(RSS.format(""), "</hub>; rel=hub, <all.xml>; rel=self") == (
        ("https://news.example/hub",),
        URL,
    )


def test_of_many_hubs_three_are_kept_in_order_and_once() -> None:
    links = "".join(f'<link rel="hub" href="https://hub{n}.example/"/>' for n in (1, 1, 2, 3, 4))
    hubs, _ = offered(ATOM.format(f'{links}<link rel="self" href="{URL}"/>'))
    assert hubs == ("https://hub1.example/", "https://hub2.example/", "https://hub3.example/")


@pytest.mark.parametrize(
    "links",
    [
        f'<link rel="hub" href="{HUB}"/>',
        f'<link rel="self" href="{SELF.replace("&", "&amp;")}"/>',
        f'<link rel="hub" href="ftp://hub.example/"/><link rel="self" href="{URL}"/>',
        f'<link rel="hub" href="{HUB}"/><link rel="self" href="urn:uuid:1"/>',
        f'<link rel="hub" href="https://hub.example/{"x" * 5000}"/><link rel="self" href="{URL}"/>',
        f'<link rel="hub"/><link rel="self" href="{URL}"/>',
    ],
    ids=["no topic", "no hub", "another scheme", "a topic that is no address", "too long", "empty"],
)
def test_what_is_not_complete_is_no_offer(links: str) -> None:
    assert offered(ATOM.format(links)) == ((), None)


_WORD = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
_TARGET = st.from_regex(r"https://[a-z]{1,9}\.example/[a-z,;?=]{0,9}", fullmatch=True)


@given(st.lists(st.tuples(_TARGET, st.lists(_WORD, min_size=1, max_size=3), st.text('a, ;<>="', max_size=9))))
def test_a_header_of_many_links_is_read_as_it_was_written(links: list[tuple[str, list[str], str]]) -> None:
    header = ", ".join(
        f'<{target}>; rel="{" ".join(rels)}"; title="{title.replace(chr(34), "")}"'
        for target, rels, title in links
    )
    assert list(_links(header)) == [(target, rels) for target, rels, _ in links]


@given(st.text('<>;," =rel\\ab', max_size=200))
def test_a_header_that_is_nonsense_is_no_harm(header: str) -> None:
    for target, rels in _links(header):
        assert target in header
        assert all(rel in header for rel in rels)


@pytest.mark.parametrize(
    ("status", "location", "goes_on"),
    [
        (307, "https://other.example/hub", True),
        (308, "/there", True),
        (302, "/there", True),
        (303, "/there", False),
        (307, "http://other.example/hub", False),
    ],
)
def test_what_is_sent_is_sent_on_but_not_out_of_https(status: int, location: str, goes_on: bool) -> None:
    request = Request(SourceId("a"), HUB, body=b"hub.secret=s", resends=True)
    transfer = Transfer(request, HUB, 1000)
    transfer.headers["location"] = location
    outcome = transfer.outcome(status)
    assert (outcome is None) is goes_on
    assert goes_on or isinstance(outcome, Failure)
