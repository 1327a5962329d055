"""What a feed reader makes of the demo: newsboat, subscribed to what `topics.opml` lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import feedparser
import pytest
from program import started
from readers import Newsboat, needs_newsboat
from test_samples import EXPECTED

from aggregator.opml import read_opml

pytestmark = [pytest.mark.newsboat, needs_newsboat]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("demo")
    with started(folder / "said", "demo", "--embedder", "words", "--dir", folder / "demo") as running:
        address = running.hears(r"Pages: +(http://127\.0\.0\.1:\d+/)\n")[1]
        running.hears("until Ctrl-C")
        yield address
        assert running.stop() == 0


@pytest.fixture(scope="module")
def reader(site: str, tmp_path_factory: pytest.TempPathFactory) -> Newsboat:
    folder = tmp_path_factory.mktemp("reader")
    reader = Newsboat(folder / "home")
    (folder / "topics.opml").write_bytes(read(f"{site}topics.opml"))
    reader.run("-i", folder / "topics.opml")
    reader.reload()
    return reader


def read(url: str) -> bytes:
    with urlopen(url, timeout=10) as answer:
        data: bytes = answer.read()
        return data


def items(document: bytes) -> dict[str, tuple[str, str, int]]:
    """Id → title, link and time of publication."""
    return {
        entry.id: (entry.title, entry.link, int(datetime.fromisoformat(utc(entry)).timestamp()))
        for entry in feedparser.parse(document).entries
    }


def utc(entry: Any) -> str:
    year, month, day, hour, minute, second = entry.published_parsed[:6]
    return f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"


def test_it_subscribes_to_every_topic_and_knows_its_title_and_page(site: str, reader: Newsboat) -> None:
    assert reader.urls() == [f"{site}{topic}/rss.xml" for topic in EXPECTED]
    titles = {outline.url: outline.title for outline in read_opml(read(f"{site}topics.opml"))}
    pages = {url: url.removesuffix("rss.xml") for url in titles}
    assert {(url, titles[url], pages[url]) for url in titles} == set(
        reader.rows("SELECT rssurl, title, url FROM rss_feed")
    )


def test_it_lists_every_item_of_every_topic_with_title_link_and_date(site: str, reader: Newsboat) -> None:
    # One reader takes equal ids in two feeds for one item, and shows it in one of them only
    feeds = {url: items(read(url)) for url in reader.urls()}
    published = {(url, id): item for url, found in feeds.items() for id, item in found.items()}
    listed = reader.rows("SELECT feedurl, guid, title, url, pubDate FROM rss_item WHERE deleted = 0")
    assert {(feed, guid): (title, url, date) for feed, guid, title, url, date in listed} == published
    assert all(link.startswith(f"{site}stories/") for _, link, _ in published.values())


@pytest.mark.parametrize("topic", list(EXPECTED))
@pytest.mark.parametrize("name", ["rss.xml", "atom.xml"])
def test_it_lists_every_item_of_one_topic(site: str, tmp_path: Path, topic: str, name: str) -> None:
    url = f"{site}{topic}/{name}"
    reader = Newsboat(tmp_path / "home")
    reader.subscribe(url)
    reader.reload()
    listed = reader.rows("SELECT guid, title, url, pubDate FROM rss_item WHERE deleted = 0")
    assert {guid: (title, link, date) for guid, title, link, date in listed} == items(read(url))
    assert not reader.rows("SELECT guid FROM rss_item WHERE content = ''")
