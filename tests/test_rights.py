"""How much of others' texts goes out."""

from __future__ import annotations

import json

import pytest
from builders import Books, entry, source, topic
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from test_publish_formats import quotes_of, report, sentence, story

from aggregator.model import EntryId, Feed
from aggregator.publish.rights import within_rights
from aggregator.settings import Output
from aggregator.text.cut import cut

ATOM = "{http://www.w3.org/2005/Atom}"


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 400)), max_size=20),
    st.integers(0, 500),
    st.sampled_from([None, "headline", "excerpt", "full"]),
)
def test_of_each_report_no_more_goes_out_than_may(
    told: list[tuple[int, int]], excerpt: int, policy: str | None
) -> None:
    reports = [report(1, policy=policy), report(2), report(3)]
    sentences = [sentence("w" * length, reports[number - 1]) for number, length in told]
    bounded = within_rights(
        story(
            *reports,
            highlights=tuple(sentences[::2]),
            story=tuple(sentences[1::2]),
            quotes=quotes_of(reports),
        ),
        excerpt=excerpt,
        in_full=False,
    )
    out = [*bounded.highlights, *bounded.story, *bounded.quotes]
    for number, limit in ((1, {None: excerpt, "headline": 0, "excerpt": excerpt}.get(policy)), (2, excerpt)):
        length = sum(len(part.text) for part in out if part.entry == EntryId(number))
        if limit is not None:
            assert length <= limit + len(" …")
    if policy == "full":
        assert [part for part in out if part.entry == 1] == [
            part for part in [*sentences[::2], *sentences[1::2]] if part.entry == 1
        ] + [quote for quote in quotes_of(reports) if quote.entry == 1]


@given(st.text("aб한 ,.", max_size=300), st.integers(0, 100))
def test_a_text_is_cut_at_a_word(text: str, length: int) -> None:
    short = cut(text, length)
    assert len(short) <= length + 2
    assert short == text or text.startswith(short.removesuffix(" …"))


def test_the_terms_of_a_source_go_out_with_its_items(books: Books) -> None:
    books.configure(sources=[source("a", license="CC BY 4.0"), source("b")], topics=[topic(match="alpha")])
    books.fetch_from("a", entry("alpha a"))
    books.fetch_from("b", entry("alpha b"), feed=Feed(title="B", url="https://b.example/", rights="© B & co"))
    books.publish()
    folder = books.folder / "topic"
    root = etree.fromstring((folder / "atom.xml").read_bytes())
    found = {each.findtext(f"{ATOM}title"): each for each in root.iter(f"{ATOM}entry")}
    assert found["Headline alpha a"].findtext(f"{ATOM}rights") == "CC BY 4.0"
    assert found["Headline alpha b"].findtext(f"{ATOM}source/{ATOM}rights") == "© B & co"
    rights = etree.fromstring((folder / "rss.xml").read_bytes()).iter(
        "{http://purl.org/dc/elements/1.1/}rights"
    )
    assert {each.text for each in rights} == {"CC BY 4.0", "© B & co"}
    items = json.loads((folder / "feed.json").read_text())["items"]
    assert {item["_aggregator"]["rights"] for item in items} == {"CC BY 4.0", "© B & co"}


@pytest.mark.parametrize(
    ("policy", "begins", "ends"), [("headline", False, False), ("excerpt", True, False), ("full", True, True)]
)
def test_a_source_says_how_much_of_it_goes_out(books: Books, policy: str, begins: bool, ends: bool) -> None:
    text = "The report alpha begins here. " + "It goes on at length. " * 40 + "And so it ends."
    books.configure(
        sources=[source("a", policy=policy)],
        topics=[topic(match="alpha")],
        output=Output(full_content="never" if policy == "full" else "always"),
    )
    books.fetch_from("a", entry("alpha", text=text, content=f"<p>{text}</p>"))
    books.publish()
    for name in ("topic/rss.xml", "topic/feed.json"):
        out = (books.folder / name).read_text()
        assert "Headline alpha" in out
        assert ("The report alpha begins here" in out) is begins
        assert ("And so it ends." in out) is ends


def test_a_change_of_the_policy_changes_what_is_published(books: Books) -> None:
    books.configure(topics=[topic(match="alpha")])
    books.fetch_from("a", entry("alpha", text="The report alpha begins here."))
    books.publish()
    assert "begins here" in (books.folder / "topic" / "rss.xml").read_text()
    books.configure(sources=[source("a", policy="headline")])
    books.publish()
    assert "begins here" not in (books.folder / "topic" / "rss.xml").read_text()
