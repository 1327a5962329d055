"""Large documents: read piece by piece, they have the same entries as read at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.parse import parse
from aggregator.harvest.pieces import pieces
from aggregator.harvest.raw import RawEntry

URL = "https://feed.example/feed.xml"
FEEDS = Path(__file__).parent / "data" / "feeds"


def rss(*texts: str) -> str:
    items = "".join(f"<item><title>{text}</title><guid>{n}</guid></item>\n" for n, text in enumerate(texts))
    return f'<rss version="2.0"><channel><title>T</title><ttl>60</ttl>{items}</channel></rss>'


def rdf(*texts: str) -> str:
    items = "".join(
        f'<item rdf:about="https://e.example/{n}"><title>{text}</title></item>'
        for n, text in enumerate(texts)
    )
    spaces = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
    return f"<rdf:RDF {spaces}><channel><title>T</title></channel>{items}</rdf:RDF>"


def atom(*texts: str) -> str:
    entries = "".join(
        f"<a:entry><a:title>{text}</a:title><a:id>tag:{n}</a:id><a:source><a:title>entry</a:title></a:source></a:entry>"
        for n, text in enumerate(texts)
    )
    return f'<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>T</a:title>{entries}</a:feed>'


def entries(document: bytes, *, longest: int) -> list[RawEntry]:
    with patch("aggregator.harvest.pieces.LONGEST_PIECE", longest):
        return list(parse(document, url=URL, content_type=None).entries)


@given(
    form=st.sampled_from([rss, rdf, atom]),
    encoding=st.sampled_from(["utf-8", "windows-1251", "euc-kr", "shift_jis", "gb18030", "iso-8859-1"]),
    texts=st.lists(st.text("aб한日é ", min_size=1, max_size=60), min_size=1, max_size=30),
    longest=st.integers(1000, 3000),
    before=st.sampled_from(["", "\n \n", "\ufeff"]),
)
def test_entries_are_the_same_in_pieces(
    form: Callable[..., str], encoding: str, texts: list[str], longest: int, before: str
) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    document = (before + declaration + form(*texts)).encode(encoding, "xmlcharrefreplace")
    if before:
        document = document.replace(b"&#65279;", b"")
    assert entries(document, longest=longest) == entries(document, longest=10**9)


@pytest.mark.parametrize(
    "path", sorted(path for path in FEEDS.iterdir() if path.suffix != ".json"), ids=lambda path: path.name
)
def test_documents_of_all_kinds_have_as_many_entries_in_pieces(path: Path) -> None:
    document = path.read_bytes()
    whole = entries(document, longest=10**9)
    cut = entries(document, longest=max(len(document) // 2, 4000))
    assert [entry.guid for entry in cut] == [entry.guid for entry in whole]


def test_a_large_document_comes_in_whole_documents() -> None:
    document = rss(*("word " * 10 for _ in range(500))).encode()
    with patch("aggregator.harvest.pieces.LONGEST_PIECE", 2000):
        parts = list(pieces(document))
    assert len(parts) >= len(document) / 2200
    assert max(map(len, parts)) < 2300
    for part in parts:
        assert part.startswith(b'<rss version="2.0"><channel><title>T</title><ttl>60</ttl><item>')
        assert part.endswith(b"</channel></rss>")


def test_what_comes_before_a_fault_counts() -> None:
    document = rss(*(f"A{n}" for n in range(300))).replace("<title>A250", "<title>A<x").encode()
    titles = [entry.title.value for entry in entries(document, longest=3000) if entry.title]
    assert titles[:250] == [f"A{n}" for n in range(250)]


def test_an_entry_that_is_too_large_by_itself_loses_its_end_and_no_other_entry() -> None:
    large = f"<title>A40</title><description>{'large ' * 10_000}</description>"
    document = rss(*(f"A{n}" for n in range(100))).replace("<title>A40</title>", large)
    found = entries(document.encode(), longest=3000)
    assert [entry.title.value for entry in found if entry.title] == [f"A{n}" for n in range(100)]
    assert found[40].contents[0].value.startswith("large large")


@pytest.mark.parametrize("middle", [b"<!--" + b"x" * 900_000, b"<x " + b"y='' " * 200_000, b"<x>" * 5000])
def test_what_has_no_end_ends_the_reading(middle: bytes) -> None:
    document = rss(*(f"A{n}" for n in range(20))).encode().replace(b"</channel>", middle + b"</channel>")
    assert [entry.guid for entry in entries(document, longest=3000)][:20] == [str(n) for n in range(20)]


def test_a_document_that_is_no_feed_for_long_is_looked_at_in_its_beginning_only() -> None:
    head = "<description>x</description>" * 1000
    document = rss("A").replace("<ttl>", f"{head}<ttl>").encode()
    with patch("aggregator.harvest.pieces.LONGEST_PIECE", 3000):
        assert [len(piece) for piece in pieces(document)] == [3000]
