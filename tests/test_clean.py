"""Raw entries → entries: identities within a document, links that single out an entry, labels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.harvest.clean import clean_entries, clean_feed
from aggregator.harvest.raw import Markup, RawEnclosure, RawEntry, RawFeed
from aggregator.model import Enclosure, Entry, Request, SourceId

URL = "https://e.example/feeds/all.xml"
NOW = datetime(2024, 12, 1, tzinfo=UTC)


def raw(title: str | None = "Title", *links: str, **changes: Any) -> RawEntry:
    values: dict[str, Any] = {
        "guid": None,
        "links": links,
        "title": Markup(title, is_html=True) if title is not None else None,
        "author": None,
        "published": None,
        "updated": None,
        "language": None,
        "contents": (),
        "categories": (),
        "enclosures": (),
        "images": (),
    }
    return RawEntry(**(values | changes))


def document(*entries: RawEntry, **changes: Any) -> RawFeed:
    values = {"title": None, "url": None, "language": None, "icon": None, "rights": None, "entries": entries}
    return RawFeed(**(values | changes))


def clean(
    *entries: RawEntry, language: str | None = None, title: str | None = None, **request: Any
) -> tuple[Entry, ...]:
    asked = Request(SourceId("s"), URL, **request)
    named = Markup(title, is_html=False) if title else None
    return clean_entries(document(*entries, language=language, title=named), url=URL, request=asked, now=NOW)


def clean_one(entry: RawEntry, **more: Any) -> Entry:
    (cleaned,) = clean(entry, **more)
    return cleaned


def test_an_exact_repeat_within_a_document_is_one_entry() -> None:
    for entry in (raw("A", guid="g"), raw("A", "/a"), raw("A"), raw(None)):
        assert len(clean(entry, raw("Between", guid="b"), entry)) == 2


def test_a_guid_that_several_entries_share_tells_none_of_them_apart() -> None:
    shared = [raw(title, f"/{title}", guid="https://e.example/") for title in ("A", "B", "A")]
    entries = clean(*shared, raw("C", "/c", guid="own"))
    assert [entry.title for entry in entries] == ["A", "B", "C"]
    assert len({entry.identity for entry in entries}) == 3
    assert entries[2].identity == "guid:own"
    assert {entry.guid for entry in entries[:2]} == {"https://e.example/"}


def test_entries_with_one_guid_and_one_link_differ_by_their_titles() -> None:
    entries = clean(*(raw(title, "/live", guid="live") for title in ("A", "B")))
    assert len({entry.identity for entry in entries}) == 2


def test_a_link_that_several_entries_share_is_not_compared_with_others() -> None:
    entries = clean(
        raw("A", "/live", guid="1"), raw("B", "http://www.e.example/live", guid="2"), raw("C", "/c")
    )
    assert [entry.canonical_url for entry in entries] == [None, None, "e.example/c"]
    assert entries[0].url == "https://e.example/live"


@given(st.permutations(range(6)))
def test_identities_do_not_depend_on_the_order_of_a_document(order: list[int]) -> None:
    entries = [
        raw(title, link, guid=guid)
        for title in "AB"
        for link, guid in (("/x", "g"), ("/y", None), ("/z", "z"))
    ]
    shuffled = clean(*(entries[index] for index in order))
    assert {entry.identity for entry in shuffled} == {entry.identity for entry in clean(*entries)}
    assert len(shuffled) == 6


def test_the_first_link_that_leads_to_a_page_is_taken() -> None:
    assert clean_one(raw("A", "javascript:x", "tag:1", URL, "/a", "/b")).url == "https://e.example/a"
    assert clean_one(raw("A", URL)).url is None


def test_without_a_title_the_text_begins_it() -> None:
    text = "word " * 30
    entry = clean_one(raw(None, contents=(Markup(f"<p>{text}</p><p>More.</p>", is_html=True),)))
    assert entry.title == ("word " * 15).strip() + "…"
    assert clean_one(raw("<i> </i>", contents=(Markup("Short. Text", is_html=False),))).title == "Short. Text"
    assert clean_one(raw(None)).title == ""


def test_a_long_title_is_cut() -> None:
    assert clean_one(raw("x" * 501)).title == "x" * 499 + "…"
    assert clean_one(raw("x" * 500)).title == "x" * 500


def test_the_longest_text_wins_and_is_resolved_against_its_own_base() -> None:
    contents = (Markup("<a href=x>t</a>", is_html=True, base="/own/"), Markup("short", is_html=False))
    assert 'href="https://e.example/own/x"' in clean_one(raw("A", "/a/b", contents=contents)).content
    contents = (Markup("t", is_html=True), Markup("Plain <b> & longer", is_html=False))
    assert clean_one(raw("A", contents=contents)).content == "<p>Plain &lt;b&gt; &amp; longer</p>"


def test_what_is_relative_in_an_entry_is_relative_to_its_page() -> None:
    entry = clean_one(
        raw(
            "A",
            "/news/1",
            contents=(Markup("<img src=p.png>", is_html=True),),
            enclosures=(RawEnclosure("a.mp3"),),
            images=("mailto:x", "i.png"),
        )
    )
    assert entry.content == '<img src="https://e.example/news/p.png">'
    assert entry.enclosures == (Enclosure("https://e.example/news/a.mp3"),)
    assert entry.image == "https://e.example/news/i.png"


def test_enclosures_are_links_once_each_with_a_type_and_a_length_that_can_be() -> None:
    parts = [
        RawEnclosure("/a", " Audio/MPEG ", " 12 "),
        RawEnclosure("/a", "audio/ogg", 13),
        RawEnclosure("javascript:x", "audio/mpeg", 1),
        RawEnclosure("/b", "audio", "0"),
        RawEnclosure("/c", "a/b c", "-1"),
        RawEnclosure("/d", "x/" + "y" * 100, 2**53),
        RawEnclosure("/e", None, "9" * 5000),
        RawEnclosure("/f", "video/mp4; codecs=x", None),
    ]
    entry = clean_one(raw("A", enclosures=tuple(parts)))
    assert entry.enclosures[0] == Enclosure("https://e.example/a", "audio/mpeg", 12)
    assert entry.enclosures[1:] == tuple(Enclosure(f"https://e.example/{name}") for name in "bcdef")


def test_labels_are_short_lines_of_text_once_each() -> None:
    entry = clean_one(raw("A", categories=("R&amp;D", "<b>R&D</b>", " ", "x" * 300), author="<i> A\n B </i>"))
    assert entry.categories == ("R&D", "x" * 200)
    assert entry.author == "A B"
    assert clean_one(raw("A", author="<br>")).author is None


GERMAN = Request(SourceId("s"), URL, language="de")
TITLES = (
    "Kaspersky-Update zerlegte Vista 64",
    "Netbooks mit UMTS ab 1 Euro",
    "Der Bundesrat fordert mehr Datenschutz beim elektronischen Einkommensnachweis",
    "Bundesländer wünschen ein härteres Vorgehen gegen unerwünschte Telefonwerbung",
    "Ricoh R10",
)


@pytest.mark.parametrize("declared", ["de", None, "en-us"])
def test_a_few_words_are_in_the_language_of_the_feed(declared: str | None) -> None:
    found = clean(*(raw(title) for title in TITLES), language=declared)
    assert [entry.language for entry in found] == ["de"] * len(TITLES)


def test_a_long_text_overrules_what_its_feed_declares() -> None:
    english = raw(
        "Bundesrat",
        contents=(Markup("The chamber of the German states asks for better protection of data.", True),),
    )
    german = (*map(raw, TITLES), raw("Pipeline for the people?"), raw("Ricoh R11", language="nl"))
    found = clean(*german, english, raw("한국 국방부, 무기 지원 검토"), language="de")
    assert [entry.language for entry in found] == ["de"] * 6 + ["nl", "en", "ko"]
    assert clean_entries(document(english), url=URL, request=GERMAN, now=NOW)[0].language == "de"


def test_a_feed_in_several_languages_expects_none() -> None:
    found = clean(
        raw("Міністр оборони прибув до Сеула просити зброю"),
        raw("The minister of defence has arrived in Seoul to ask for arms"),
        raw("Der Bundesrat fordert mehr Datenschutz beim elektronischen Einkommensnachweis"),
        raw("Ricoh R10"),
    )
    assert [entry.language for entry in found] == ["uk", "en", "de", None]


def test_the_configured_language_counts_more_than_the_entrys_and_that_more_than_the_feeds() -> None:
    entry = raw("Warszawa", language="pl-PL")
    asked = Request(SourceId("s"), URL, language="ko")
    assert clean_entries(document(entry, language="de"), url=URL, request=asked, now=NOW)[0].language == "ko"
    assert clean_one(entry, language="de").language == "pl"
    assert clean_one(raw("Title"), language="de_AT").language == "de"
    assert clean_one(raw("Український міністр прибув до Сеула")).language == "uk"


def test_without_a_date_of_publication_that_of_the_update_stands() -> None:
    dates = {"published": "Wed, 27 Nov 2024 09:00:00 GMT", "updated": "2024-11-28T00:00:00Z"}
    both = clean_one(raw("A", **dates))
    assert (both.published, both.updated) == (
        datetime(2024, 11, 27, 9, tzinfo=UTC),
        datetime(2024, 11, 28, tzinfo=UTC),
    )
    assert clean_one(raw("A", **(dates | {"published": "soon"}))).published == datetime(
        2024, 11, 28, tzinfo=UTC
    )
    assert clean_one(raw("A", published="Fri, 27 Nov 2099 09:00:00 GMT")).published is None


def test_a_source_of_opinions_has_only_opinions() -> None:
    assert clean_one(raw("A"), is_opinion=True).kind == "opinion"
    assert clean_one(raw("A")).kind == "report"


def test_what_the_publisher_calls_an_opinion_is_one() -> None:
    opinion = raw("Opinion: A bridge too far", "/news/1")
    entries = (
        raw("A", "/opinion/1"),
        raw("B", "/news/2", categories=("Opinion",)),
        opinion,
        raw("C", "/news/3"),
    )
    assert [entry.kind for entry in clean(*entries)] == ["opinion", "opinion", "opinion", "report"]
    feed = document(raw("A", "/1"), title=Markup("The Post: Opinion", is_html=True))
    (entry,) = clean_entries(feed, url=URL, request=Request(SourceId("s"), URL), now=NOW)
    assert entry.kind == "opinion"


def test_a_text_that_argues_is_an_opinion_and_one_that_quotes_is_none() -> None:
    argument = "I believe the minister should go."
    said = (Markup(f"<p>{argument} This is a disgrace.</p>", is_html=True),)
    quoted = (Markup(f"<p>The talks failed. “{argument} This is a disgrace.”</p>", is_html=True),)
    assert clean_one(raw("A", contents=said), language="en").kind == "opinion"
    assert clean_one(raw("A", contents=quoted), language="en").kind == "report"


def test_a_revision_changes_the_content_hash_and_nothing_else_does() -> None:
    text = (Markup("<p>Text</p>", is_html=True),)
    one = clean_one(raw("A", guid="g", contents=text))
    same = clean_one(
        raw("A", "/elsewhere", guid="g", contents=(Markup("Text", is_html=False),), author="New")
    )
    assert one.content_hash == same.content_hash
    assert one.content_hash != clean_one(raw("B", guid="g", contents=text)).content_hash


def test_a_feed_is_described_by_text_and_absolute_addresses() -> None:
    feed = clean_feed(
        document(
            title=Markup("A &amp; <b>B</b>", is_html=True),
            url="/home",
            language="Korean",
            icon="i.png",
            rights=" © &amp; more <br>",
        ),
        url=URL,
    )
    assert (feed.title, feed.url, feed.language) == ("A & B", "https://e.example/home", "ko")
    assert (feed.icon, feed.rights) == ("https://e.example/feeds/i.png", "© & more")
    empty = clean_feed(document(rights="<br>", icon="javascript:x", url="x y"), url=URL)
    assert empty == clean_feed(document(), url=URL)


@pytest.mark.parametrize(
    ("author", "kept"),
    [
        ("Explained", None),
        ("EXPLAINERS", None),
        ("World-News", None),
        ("the daily", None),
        ("Kim Min-ji", "Kim Min-ji"),
        ("Kim Explained", "Kim Explained"),
        ("2024", None),
        ("seoul", "seoul"),
    ],
)
def test_an_author_that_is_a_rubric_or_the_outlet_is_none(author: str, kept: str | None) -> None:
    link = "https://daily.example/explained/world%20news/2024/seoul"
    entry = clean_one(raw("A", link, author=author, categories=("Explainers",)), title="The Daily")
    assert entry.author == kept
