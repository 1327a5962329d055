"""Which request may begin when: at most so many at a site, and not one right after the other."""

from __future__ import annotations

from collections import Counter
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.queue import Queue, site
from aggregator.model import Request, SourceId

HOSTS = [
    "a.example.com",
    "b.example.com",
    "other.example",
    "one.blogspot.com",
    "two.blogspot.com",
    "127.0.0.1",
]


def request(url: str) -> Request:
    return Request(SourceId(url), url)


@pytest.mark.parametrize(
    ("url", "registrable"),
    [
        ("https://feeds.bbci.co.uk/news/rss.xml", "bbci.co.uk"),
        ("https://WWW.Example.com:8443/feed", "example.com"),
        ("https://example.com./feed", "example.com"),
        ("https://one.blogspot.com/feeds/posts/default", "one.blogspot.com"),
        ("https://новини.укр/feed", "xn--b1amarcd.xn--j1amh"),
        ("http://localhost:8080/", "localhost"),
        ("http://192.0.2.7/feed", "192.0.2.7"),
        ("http://[2001:db8::1]/feed", "2001:db8::1"),
        ("https://com/", "com"),
    ],
)
def test_a_site_is_what_one_owner_registered(url: str, registrable: str) -> None:
    assert site(url) == registrable


def test_the_hosts_of_a_site_share_its_places() -> None:
    urls = [f"https://{name}.example.com/" for name in "abcd"]
    queue = Queue(map(request, urls), per_site=2, pause=0)
    begun = [queue.next(0), queue.next(0)]
    assert [one and one.url for one in begun] == urls[:2]
    assert queue.next(0) is None
    assert queue.wait(0) == inf
    queue.done(request(urls[0]))
    third = queue.next(0)
    assert third is not None
    assert third.url == urls[2]


def test_requests_to_a_site_begin_a_pause_apart() -> None:
    queue = Queue(map(request, ["https://a.example/1", "https://a.example/2"]), per_site=2, pause=0.5)
    assert queue.next(10.0) is not None
    assert queue.next(10.25) is None
    assert queue.wait(10.25) == 0.25
    assert queue.next(10.5) is not None
    assert not queue


@pytest.mark.parametrize("name", ["localhost:8080", "127.0.0.1", "10.1.2.3", "[::1]"])
def test_the_owners_own_machines_need_no_pause(name: str) -> None:
    queue = Queue([request(f"http://{name}/{number}") for number in range(2)], per_site=2, pause=0.5)
    assert queue.next(0) is not None
    assert queue.next(0) is not None


def test_a_host_that_wants_no_more_is_dropped_and_its_neighbours_are_not() -> None:
    urls = [f"https://{name}.example.com/{number}" for number in range(3) for name in "ab"]
    queue = Queue(map(request, urls), per_site=1, pause=0)
    first = queue.next(0)
    assert first is not None
    assert [one.url for one in queue.drop("a.example.com")] == [urls[2], urls[4]]
    queue.done(first)
    left = []
    while queue:
        found = queue.next(0)
        assert found is not None
        left.append(found.url)
        queue.done(found)
    assert left == urls[1::2]


@given(
    st.lists(st.sampled_from(HOSTS), max_size=40),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.randoms(use_true_random=False),
)
def test_all_are_asked_once_and_no_site_too_much(
    hosts: list[str], per_site: int, pause: float, random: Random
) -> None:
    requests = [request(f"https://{name}/{number}") for number, name in enumerate(hosts)]
    queue = Queue(requests, per_site=per_site, pause=pause)
    now, under_way, asked = 0.0, [], []
    begun: dict[str, float] = {}
    while queue or under_way:
        found = queue.next(now)
        if found is None:
            if under_way and (random.random() < 0.5 or queue.wait(now) == inf):
                queue.done(under_way.pop(random.randrange(len(under_way))))
            elif queue:
                now += queue.wait(now)
            continue
        name = site(found.url)
        if name != "127.0.0.1":
            assert now - begun.get(name, -inf) >= pause
        begun[name] = now
        under_way.append(found)
        asked.append(found)
        assert max(Counter(site(one.url) for one in under_way).values()) <= per_site
    assert sorted(asked, key=str) == sorted(requests, key=str)
