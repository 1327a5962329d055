"""Which URL may be asked when: at most so many at a site, and not one right after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.queue import Queue, site

HOSTS = [
    "a.example.com",
    "b.example.com",
    "other.example",
    "one.blogspot.com",
    "two.blogspot.com",
    "127.0.0.1",
]


def queue_of(urls: Iterable[str], *, per_site: int, pause: float) -> Queue[str]:
    queue: Queue[str] = Queue(per_site=per_site, pause=pause)
    for url in urls:
        queue.add(url, f"item of {url}")
    return queue


def begin(queue: Queue[str], now: float = 0) -> str | None:
    """The URL that may be asked now, if any; its item is the one that came with it."""
    found = queue.next(now)
    if found is None:
        return None
    assert found[1] == f"item of {found[0]}"
    return found[0]


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
    queue = queue_of(urls, per_site=2, pause=0)
    assert [begin(queue), begin(queue)] == urls[:2]
    assert begin(queue) is None
    assert queue.wait(0) == inf
    queue.done(urls[0])
    assert begin(queue) == urls[2]


def test_requests_to_a_site_begin_a_pause_apart() -> None:
    queue = queue_of(["https://a.example/1", "https://a.example/2"], per_site=2, pause=0.5)
    assert begin(queue, 10.0)
    assert begin(queue, 10.25) is None
    assert queue.wait(10.25) == 0.25
    assert begin(queue, 10.5)
    assert not queue


@pytest.mark.parametrize("name", ["localhost:8080", "127.0.0.1", "10.1.2.3", "[::1]"])
def test_the_owners_own_machines_need_no_pause(name: str) -> None:
    queue = queue_of([f"http://{name}/{number}" for number in range(2)], per_site=2, pause=0.5)
    assert begin(queue)
    assert begin(queue)


def test_what_is_begun_elsewhere_goes_before_the_rest_and_waits_for_its_turn_as_they_do() -> None:
    urls = [f"https://example.com/{number}" for number in range(2)]
    queue = queue_of(urls, per_site=1, pause=0.5)
    assert begin(queue) == urls[0]
    queue.add("https://www.example.com/", "item of https://www.example.com/", is_begun=True)
    assert begin(queue, 9.0) is None
    queue.done(urls[0])
    assert begin(queue, 0.25) is None
    assert begin(queue, 0.5) == "https://www.example.com/"
    queue.done("https://www.example.com/")
    assert begin(queue, 1.0) == urls[1]


def test_a_host_that_wants_no_more_is_dropped_and_its_neighbours_are_not() -> None:
    urls = [f"https://{name}.example.com/{number}" for number in range(3) for name in "ab"]
    queue = queue_of(urls, per_site=1, pause=0)
    first = begin(queue)
    assert first == urls[0]
    assert queue.drop("a.example.com") == [f"item of {url}" for url in (urls[2], urls[4])]
    assert queue.drop("elsewhere.example") == []
    queue.done(first)
    left = []
    while queue:
        found = begin(queue)
        assert found is not None
        left.append(found)
        queue.done(found)
    assert left == urls[1::2]


@given(
    st.lists(st.sampled_from(HOSTS), max_size=40),
    st.lists(st.sampled_from(HOSTS), max_size=20),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.randoms(use_true_random=False),
)
def test_all_are_asked_once_and_no_site_too_much(
    hosts: list[str], hops: list[str], per_site: int, pause: float, random: Random
) -> None:
    """Some lead on, when they end, to the hosts of `hops`."""
    urls = [f"https://{name}/{number}" for number, name in enumerate(hosts)]
    further = [f"https://{name}/hop/{number}" for number, name in enumerate(hops)]
    expected = sorted(urls + further)
    queue = queue_of(urls, per_site=per_site, pause=pause)
    now, begun = 0.0, dict[str, float]()
    under_way: list[str] = []
    asked: list[str] = []
    while queue or under_way:
        found = begin(queue, now)
        if found is None:
            if under_way and (random.random() < 0.5 or queue.wait(now) == inf):
                queue.done(under_way.pop(random.randrange(len(under_way))))
                if further and (random.random() < 0.5 or not (queue or under_way)):
                    target = further.pop()
                    queue.add(target, f"item of {target}", is_begun=True)
            elif queue:
                now += queue.wait(now)
            continue
        name = site(found)
        if name != "127.0.0.1":
            assert now - begun.get(name, -inf) >= pause
        begun[name] = now
        under_way.append(found)
        asked.append(found)
        assert max(Counter(map(site, under_way)).values()) <= per_site
    assert sorted(asked + further) == expected
