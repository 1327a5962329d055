"""JSON Feed, read leniently: a field of a wrong type is absent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.json_feed import looks_like_json, read_json_feed
from aggregator.harvest.parse import parse
from aggregator.harvest.raw import Markup, NotAFeed, RawEnclosure, RawEntry


def item(**fields: Any) -> RawEntry:
    (entry,) = read_json_feed(json.dumps({"items": [fields]}).encode()).entries
    return entry


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_each_encoding_of_json_is_read(encoding: str) -> None:
    body = ' \n{"title": "한국", "items": []}'.encode(encoding)
    assert looks_like_json(body)
    title = parse(body, url="https://e.example/", content_type="application/xml; charset=koi8-r").title
    assert title == Markup("한국", is_html=False)


@pytest.mark.parametrize("body", [b"", b"<rss/>", b"[1]", b'"{"', b"x" * 100 + b"{"])
def test_what_does_not_begin_with_a_brace_is_no_json(body: bytes) -> None:
    assert not looks_like_json(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "is broken"),
        (b'{"items": [}', "is broken"),
        (b'{"items": "\xff"}', "is broken"),
        (b'{"items": [' + b"9" * 5000 + b"]}", "is broken"),
        (b'{"a":' * 100_000, "is broken"),
        (b"{}", "no list of items"),
        (b'{"items": {}}', "no list of items"),
        (b'{"items": null}', "no list of items"),
    ],
    ids=range(8),
)
def test_broken_json_and_json_of_another_kind_are_no_feed(body: bytes, words: str) -> None:
    with pytest.raises(NotAFeed, match=words):
        read_json_feed(body)


def test_a_feed_says_who_it_is() -> None:
    feed = read_json_feed(
        json.dumps(
            {"title": "T", "home_page_url": "h", "language": "ko", "favicon": "f", "items": []}
        ).encode()
    )
    assert (feed.title, feed.url, feed.language, feed.icon) == (Markup("T", is_html=False), "h", "ko", "f")
    assert (feed.rights, feed.entries) == (None, ())
    assert read_json_feed(b'{"icon": "i", "favicon": "f", "items": []}').icon == "i"


@pytest.mark.parametrize(
    ("id", "guid"),
    [("a", "a"), (7, "7"), (1.5, "1.5"), (True, None), (None, None), (["a"], None), ("  ", None)],
)
def test_an_id_is_a_text_or_a_number(id: object, guid: str | None) -> None:
    assert item(id=id).guid == guid


@pytest.mark.parametrize(
    ("fields", "links"),
    [
        ({"url": "u", "external_url": "e", "id": "https://i.example/"}, ("u", "e", "https://i.example/")),
        ({"id": "HTTP://i.example/"}, ("HTTP://i.example/",)),
        ({"id": "2024/11/27/x.html"}, ()),
        ({"id": "/x"}, ()),
    ],
)
def test_an_id_is_a_link_only_if_it_is_one_by_itself(fields: dict[str, Any], links: tuple[str, ...]) -> None:
    assert item(**fields).links == links


def test_text_and_html_are_told_apart() -> None:
    entry = item(title="A <b>", content_html="<p>h</p>", content_text="t <", summary="s &amp;")
    assert entry.title == Markup("A <b>", is_html=False)
    assert entry.contents == (
        Markup("<p>h</p>", is_html=True),
        Markup("t <", is_html=False),
        Markup("s &amp;", is_html=False),
    )


@pytest.mark.parametrize(
    ("fields", "author"),
    [
        ({"author": {"name": "A"}}, "A"),
        ({"authors": [{"name": "A"}, {"name": "B"}]}, "A, B"),
        ({"authors": [{"url": "u"}, "x", {"name": ""}, {"name": "B"}]}, "B"),
        ({"authors": [], "author": {"name": "A"}}, "A"),
        ({"authors": "A", "author": "B"}, None),
        ({}, None),
    ],
)
def test_authors_are_named_in_the_form_of_either_version(fields: dict[str, Any], author: str | None) -> None:
    assert item(**fields).author == author


def test_attachments_without_an_address_and_tags_that_are_no_text_are_left_out() -> None:
    entry = item(
        tags=["a", 1, None, "b"],
        attachments=[
            {"url": "u", "mime_type": "a/b", "size_in_bytes": 5},
            {"mime_type": "x"},
            {"url": 3},
            "x",
        ],
        image=5.0,
        banner_image="b",
    )
    assert entry.categories == ("a", "b")
    assert entry.enclosures == (RawEnclosure("u", "a/b", "5"), RawEnclosure("3"))
    assert entry.images == ("5.0", "b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)
NAMES = [
    "id",
    "url",
    "external_url",
    "title",
    "content_html",
    "content_text",
    "summary",
    "image",
    "banner_image",
]
NAMES += ["date_published", "date_modified", "author", "authors", "tags", "attachments", "language"]


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON, max_size=3))
def test_fields_of_any_type_break_nothing(items: list[object]) -> None:
    feed = read_json_feed(json.dumps({"items": items}).encode())
    assert len(feed.entries) == sum(isinstance(one, dict) for one in items)
