"""What leaves a feed stays in its archive (RFC 5005 §4): complete, immutable, linked from one document to the next."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import feedparser
import pytest
from builders import NOON, Books, entry, topic
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator import editor
from aggregator.publish.topics import Published
from aggregator.settings import Output, Site
from aggregator.store.connection import open_store

HOUR = timedelta(hours=1)
ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"


@pytest.fixture
def desk(books: Books) -> Books:
    """A topic whose feed has room for three stories."""
    books.configure(topics=[topic(items=3)])
    return books


def report(books: Books, *numbers: int) -> None:
    """One report after the other, each published by itself."""
    for number in numbers:
        at = NOON + number * HOUR
        books.fetch_from("a", entry(f"n{number}", published=at, text=f"report {number}"), at=at)
        books.publish(now=at)


def read(books: Books, address: str) -> bytes:
    return (books.folder / urlsplit(address).path.lstrip("/")).read_bytes()


def chain(books: Books, file: str = "atom.xml") -> list[Any]:
    """The feed and its archive documents, as a reader finds them from link to link."""
    documents, address = [], f"https://desk.example/topic/{file}"
    while address:
        documents.append(etree.fromstring(read(books, address)))
        (address,) = [*links(documents[-1], "prev-archive"), None][:1]
    return documents


def archive(books: Books) -> dict[str, bytes]:
    """The archive documents of the topic by their names."""
    return {path.name: path.read_bytes() for path in (books.folder / "topic" / "archive").glob("*")}


def links(document: Any, rel: str) -> list[str]:
    return [link.get("href") for link in document.iter(f"{ATOM}link") if link.get("rel") == rel]


def titles(document: Any) -> list[str]:
    entries = [*document.iter(f"{ATOM}entry"), *document.iter("item")]
    found = [entry.findtext(f"{ATOM}title") or entry.findtext("title") for entry in entries]
    return [title.removeprefix("Headline n") for title in found]


@pytest.mark.parametrize("file", ["atom.xml", "rss.xml"])
def test_all_that_a_topic_ever_held_is_found_from_link_to_link(desk: Books, file: str) -> None:
    report(desk, *range(1, 9))
    assert [titles(document) for document in chain(desk, file)] == [
        ["8", "7", "6"],
        ["5", "4"],
        ["3", "2", "1"],
    ]


def test_a_json_feed_leads_to_its_older_items(desk: Books) -> None:
    report(desk, *range(1, 9))
    found, address = [], "https://desk.example/topic/feed.json"
    while address:
        document = json.loads(read(desk, address))
        assert document["feed_url"] == address
        found += [item["title"].removeprefix("Headline n") for item in document["items"]]
        address = document.get("next_url")
    assert found == ["8", "7", "6", "5", "4", "3", "2", "1"]


def test_an_archive_document_says_what_it_is(desk: Books) -> None:
    report(desk, *range(1, 9))
    current, middle, oldest = chain(desk)
    assert current.find(f"{HISTORY}archive") is None
    assert middle.find(f"{HISTORY}archive") is not None
    for document in (middle, oldest):
        assert links(document, "current") == ["https://desk.example/topic/atom.xml"]
        assert document.findtext(f"{ATOM}id") == current.findtext(f"{ATOM}id")
        assert not feedparser.parse(etree.tostring(document)).bozo
    assert links(current, "current") == []
    assert links(middle, "self") == ["https://desk.example/topic/archive/atom-2-2.xml"]


def test_a_document_that_readers_know_never_changes(desk: Books) -> None:
    known: dict[str, bytes] = {}
    for number in range(1, 12):
        report(desk, number)
        for path in (desk.folder / "topic" / "archive").glob("*"):
            assert known.setdefault(path.name, path.read_bytes()) == path.read_bytes()
    # Of the one that is being filled the last two are there: a reader may be on its way to the first of them
    there = {path.name for path in (desk.folder / "topic" / "archive").glob("atom-*")}
    assert there == {
        "atom-1-3.xml",
        "atom-1-2.xml",
        "atom-2-3.xml",
        "atom-2-2.xml",
        "atom-3-2.xml",
        "atom-3-1.xml",
    }
    assert len(known) == 3 * 8


def test_a_story_that_is_too_old_for_the_feed_is_kept_too(desk: Books) -> None:
    desk.configure(topics=[topic(items=3, max_age=timedelta(days=1))])
    report(desk, 1, 2)
    desk.publish(now=NOON + timedelta(days=2))
    assert [titles(document) for document in chain(desk)] == [[], ["2", "1"]]
    assert desk.publish(now=NOON + timedelta(days=3)) == Published(0, 0)


def test_a_story_that_comes_back_is_in_the_feed_and_leaves_it_once_more(desk: Books) -> None:
    report(desk, 1, 2, 3, 4)
    desk.fetch_from("a", entry("n1", text="report 1 told anew"), at=NOON + 5 * HOUR)
    desk.publish(now=NOON + 5 * HOUR)
    assert titles(chain(desk)[0]) == ["1", "4", "3"]
    report(desk, 6, 7, 8)
    newest_first = [title for document in chain(desk) for title in titles(document)]
    assert sorted(set(newest_first)) == ["1", "2", "3", "4", "6", "7", "8"]
    assert b"told anew" in b"".join(
        path.read_bytes() for path in (desk.folder / "topic/archive").glob("atom-2*")
    )


def test_a_story_that_comes_back_to_leave_again_stands_once_in_its_document(desk: Books) -> None:
    desk.configure(topics=[topic(items=3, max_age=timedelta(hours=4))])
    report(desk, 1)
    for turn in range(1, 4):
        at = NOON + turn * 12 * HOUR
        desk.publish(now=at)
        assert [titles(document) for document in chain(desk)] == [[], ["1"]]
        desk.fetch_from("a", entry("n1", text=f"report 1 told in turn {turn}"), at=at)
        desk.publish(now=at)
        assert titles(chain(desk)[0]) == ["1"]


@pytest.mark.parametrize("only", [None, ["other"]])
def test_what_an_editor_hides_leaves_the_archive(desk: Books, only: list[str] | None) -> None:
    desk.configure(topics=[topic(items=3), topic("other", match="nothing")])
    report(desk, *range(1, 9))
    before = archive(desk)
    editor.hide(desk.db, desk.story_of("Headline n2"))
    desk.publish(now=NOON + 9 * HOUR, only=only)
    assert [titles(document) for document in chain(desk)] == [["8", "7", "6"], ["5", "4"], ["3", "1"]]
    # The documents without it, and those that lead to them, have other names: caches keep what they know for ever
    assert not before.keys() & archive(desk).keys()


def test_what_is_hidden_in_a_younger_document_leaves_the_older_ones_as_they_are(desk: Books) -> None:
    report(desk, *range(1, 9))
    before = archive(desk)
    editor.hide(desk.db, desk.story_of("Headline n5"))
    desk.publish(now=NOON + 9 * HOUR)
    assert [titles(document) for document in chain(desk)] == [["8", "7", "6"], ["4"], ["3", "2", "1"]]
    kept = {name for name in before if "-1-" in name}
    assert {name: data for name, data in archive(desk).items() if name in before} == {
        name: before[name] for name in kept
    }


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {"topics": [topic(items=3, title="Another title")]},
        {"site": Site(title="Another desk", base_url="https://desk.example/", contact="me@desk.example")},
        {"output": Output(hub="https://hub.example/")},
    ],
)
def test_another_title_is_for_documents_to_come(desk: Books, changes: dict[str, Any], anew: bool) -> None:
    report(desk, *range(1, 9))
    before = archive(desk)
    desk.configure(**changes)
    desk.publish(now=NOON + 9 * HOUR, anew=anew)
    assert archive(desk) == before


def test_at_another_address_the_documents_lead_to_each_other_there(desk: Books) -> None:
    report(desk, *range(1, 9))
    desk.configure(site=Site(title="Desk", base_url="https://moved.example/"))
    desk.publish(now=NOON + 9 * HOUR)
    address = "https://moved.example/topic/atom.xml"
    for held in (["8", "7", "6"], ["5", "4"], ["3", "2", "1"]):
        document = etree.fromstring(read(desk, address))
        assert titles(document) == held
        assert links(document, "self") == [address]
        (address,) = links(document, "prev-archive") or [""]
        assert address.startswith("https://moved.example/topic/archive/") or held[0] == "3"


def test_what_was_hidden_or_merged_while_in_the_feed_does_not_go_to_the_archive(desk: Books) -> None:
    report(desk, 1, 2, 3)
    editor.hide(desk.db, desk.story_of("Headline n1"))
    editor.merge(desk.db, desk.story_of("Headline n3"), [desk.story_of("Headline n2")])
    desk.publish(now=NOON + 4 * HOUR)
    assert len(chain(desk)) == 1


def test_an_archive_document_that_was_lost_is_written_again(desk: Books) -> None:
    report(desk, *range(1, 9))
    lost = desk.folder / "topic" / "archive" / "rss-1-3.xml"
    before = lost.read_bytes()
    lost.unlink()
    desk.publish(now=NOON + 9 * HOUR, anew=True)
    assert lost.read_bytes() == before


class Killed(BaseException):
    """What no code catches."""


def killed_before_archives(desk: Books, *, now: datetime) -> None:
    with (
        patch("aggregator.publish.writing.Writing._write_archive", side_effect=Killed),
        pytest.raises(Killed),
    ):
        desk.publish(now=now)


def test_a_publication_that_was_killed_before_its_archive_is_made_good(desk: Books) -> None:
    report(desk, 1, 2, 3)
    at = NOON + 4 * HOUR
    desk.fetch_from("a", entry("n4", published=at, text="report 4"), at=at)
    killed_before_archives(desk, now=at)
    desk.publish(now=at)
    assert [titles(document) for document in chain(desk)] == [["4", "3", "2"], ["1"]]


def test_what_was_hidden_leaves_the_archive_also_when_that_was_killed(desk: Books) -> None:
    report(desk, *range(1, 9))
    editor.hide(desk.db, desk.story_of("Headline n2"))
    killed_before_archives(desk, now=NOON + 9 * HOUR)
    desk.publish(now=NOON + 9 * HOUR)
    assert [titles(document) for document in chain(desk)] == [["8", "7", "6"], ["5", "4"], ["3", "1"]]


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 12), max_size=5, unique=True), max_size=8), st.integers(1, 4))
def test_no_item_is_ever_lost_between_feed_and_archive(
    tmp_path_factory: pytest.TempPathFactory, passes: list[list[int]], items: int
) -> None:
    folder: Path = tmp_path_factory.mktemp("archive")
    with open_store(folder / "store.db") as db:
        books = Books(db, folder / "feeds", topics=[topic(items=items)])
        ever: set[str] = set()
        for turn, numbers in enumerate(passes):
            at = NOON + turn * HOUR
            entries = [entry(f"n{n}", published=at, text=f"report {n} of turn {turn}") for n in numbers]
            books.fetch_from("a", *entries, at=at)
            books.publish(now=at)
            ever |= set(titles(chain(books)[0])) if (folder / "feeds").exists() else set()
            found = [titles(document) for document in chain(books)]
            assert all(len(set(held)) == len(held) for held in found)
            assert len(found[0]) <= items
            assert {title for document in found for title in document} == ever
