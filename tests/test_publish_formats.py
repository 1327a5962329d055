"""A channel as RSS, Atom and JSON Feed, read back by other people's parsers."""

from __future__ import annotations

import io
import json
import re
import string
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import feedparser
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from aggregator.model import (
    Channel,
    Enclosure,
    EntryId,
    Item,
    Quote,
    Related,
    Report,
    Sentence,
    SourceId,
    Story,
    StoryId,
    TopicId,
)
from aggregator.publish.content import coverage, legal, outlets, story_html, web_url
from aggregator.publish.json_feed import json_feed
from aggregator.publish.rss_atom import atom, rss
from aggregator.publish.summary import story_summary

NOON = datetime(2024, 11, 27, 12, 0, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def report(entry: int = 1, **changes: Any) -> Report:
    values: dict[str, Any] = {
        "entry": EntryId(entry),
        "source": SourceId(f"outlet-{entry}"),
        "source_title": f"Outlet {entry}",
        "source_url": f"https://outlet{entry}.example/feed.xml",
        "title": "Ukrainian delegation asks Seoul for arms",
        "url": f"https://outlet{entry}.example/news/{entry}",
        "author": None,
        "published": NOON + timedelta(minutes=entry),
        "revised_at": None,
        "language": "en",
        "kind": "report",
        "duplicate_of": None,
        "text": "A delegation led by the defence minister came to Seoul.",
        "content": "",
    }
    return Report(**(values | changes))


def sentence(text: str, of: Report) -> Sentence:
    return Sentence(text, of.entry, of.url, of.source_title)


def quotes_of(reports: Sequence[Report]) -> tuple[Quote, ...]:
    return tuple(
        Quote(f"We of {each.source_title} said so.", "Ann", each.entry, each.url, each.source_title, "en")
        for each in reports
    )


def story(*reports: Report, **changes: Any) -> Story:
    reports = reports or (report(),)
    lead = reports[0]
    values: dict[str, Any] = {
        "id": StoryId("s1"),
        "headline": lead.title,
        "lead": lead,
        "first_published": min(each.published for each in reports),
        "updated": max(each.published for each in reports),
        "highlights": (),
        "story": (sentence("A delegation came to Seoul.", lead), sentence("It asked for arms.", lead)),
        "opinions": tuple(each for each in reports if each.kind == "opinion"),
        "coverage": reports,
    }
    return Story(**(values | changes))


def item(of: Story | None = None, **changes: Any) -> Item:
    of = of or story()
    values: dict[str, Any] = {
        "id": f"tag:example.org,2024:story/{of.id}",
        "url": f"https://news.example/stories/{of.id}.html",
        "page": f"https://news.example/stories/{of.id}.html",
        "story": of,
        "published": of.first_published,
        "updated": of.updated,
        "summary": story_summary(of),
    }
    values |= {"html": story_html(of, changes.get("page", values["page"]))}
    return Item(**(values | changes))


def channel(*items: Item, **changes: Any) -> Channel:
    values: dict[str, Any] = {
        "id": TopicId("korea-ukraine-defense"),
        "title": "Korea–Ukraine defense",
        "description": "Arms & troops between Korea and Ukraine.",
        "url": "https://news.example/korea-ukraine-defense/",
        "guid": "tag:example.org,2024:topic/korea-ukraine-defense",
        "language": "en",
        "updated": max((each.updated for each in items), default=NOON),
        "site_title": "Seoul–Kyiv desk",
        "contact": "editor@example.org",
        "hub": "https://hub.example/",
        "items": items,
    }
    return Channel(**(values | changes))


def parsed(document: bytes) -> Any:
    feed = feedparser.parse(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


def atom_entry(of: Item) -> Any:
    return etree.fromstring(atom(channel(of))).find(f"{ATOM}entry")


def plain(construct: Any) -> str:
    """The text of an Atom Text Construct (RFC 4287 §3.1) of the type text or html."""
    return unescape(construct.text or "") if construct.get("type") == "html" else construct.text


def joined(text: str) -> str:
    """The text without what keeps an end tag in it from being taken for one."""
    return re.sub(r"<\u2060(?=/\w+>)", "<", text)


def rss_item(of: Item) -> Any:
    return etree.fromstring(rss(channel(of))).find("channel/item")


FULL = item(
    story(
        report(
            1,
            author="Kim Min-ji",
            language="ko",
            source_title="연합뉴스",
            categories=("Politics", "Defense", "Politics"),
            image="https://outlet1.example/사진.jpg",
            enclosures=(
                Enclosure("https://outlet1.example/report.mp3", "audio/mpeg", 1234),
                Enclosure("https://outlet1.example/clip.mp4"),
                Enclosure("javascript:alert(1)", "audio/mpeg", 1),
            ),
        ),
        report(2, duplicate_of=EntryId(1)),
        report(3, title="Seoul weighs its answer"),
        report(4, kind="opinion", title="Why Seoul should help"),
    ),
    matched=("Seoul", "arms"),
)


# What every format says


def test_readers_that_know_no_thumbnails_show_the_picture_of_the_lead_report() -> None:
    lead = FULL.story.lead
    pictures = [image.attributes["src"] for image in LexborHTMLParser(FULL.html).css("img")]
    assert pictures == [web_url(lead.image)]


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "headline"},
        {"policy": "full", "content": '<p><img src="https://outlet1.example/p.jpg"></p>'},
        {"image": "data:image/png;base64,AA"},
    ],
)
def test_no_picture_is_shown_twice_or_that_may_not_be(changes: dict[str, Any]) -> None:
    lead = report(1, **({"image": "https://outlet1.example/p.jpg"} | changes))
    shown = item(story(lead)).html
    assert shown.count("<img") == (changes.get("content") or "").count("<img")


@pytest.mark.parametrize("write", [rss, atom])
def test_items_keep_their_order_ids_titles_and_dates(write: Any) -> None:
    items = [
        item(
            story(report(n), id=StoryId(f"s{n}"), headline=f"Headline {n}"),
            published=NOON + timedelta(hours=n),
        )
        for n in (3, 2, 1)
    ]
    feed = parsed(write(channel(*items)))
    assert [entry.id for entry in feed.entries] == [each.id for each in items]
    assert [entry.title for entry in feed.entries] == ["Headline 3", "Headline 2", "Headline 1"]
    assert [entry.published_parsed[3] for entry in feed.entries] == [15, 14, 13]
    assert feed.feed.updated_parsed[:5] == (2024, 11, 27, 12, 3)
    assert feed.feed.title == "Korea–Ukraine defense"
    assert feed.feed.language == "en"
    assert feed.feed.generator.startswith("feed-aggregator")


@pytest.mark.parametrize(("write", "file"), [(rss, "rss.xml"), (atom, "atom.xml")])
def test_a_feed_links_to_its_page_to_itself_and_to_its_hub(write: Any, file: str) -> None:
    feed = parsed(write(channel(FULL))).feed
    assert feed.link == "https://news.example/korea-ukraine-defense/"
    links = {link["rel"]: link["href"] for link in feed.links}
    assert links["self"] == f"https://news.example/korea-ukraine-defense/{file}"
    assert links["hub"] == "https://hub.example/"


@pytest.mark.parametrize("write", [rss, atom])
def test_an_item_names_its_author_source_categories_and_content(write: Any) -> None:
    entry = parsed(write(channel(FULL))).entries[0]
    assert entry.author == "Kim Min-ji"
    assert entry.source.title == "연합뉴스"
    assert [tag.term for tag in entry.tags] == ["Politics", "Defense"]
    assert entry.media_thumbnail == [{"url": "https://outlet1.example/%EC%82%AC%EC%A7%84.jpg"}]
    assert entry.link == FULL.url
    assert entry.content[0].value == FULL.html
    assert entry.content[0].type == "text/html"
    assert entry.summary == "A delegation came to Seoul. It asked for arms."


@pytest.mark.parametrize("write", [rss, atom, json_feed])
def test_equal_channels_give_equal_bytes(write: Any) -> None:
    assert write(channel(FULL)) == write(channel(FULL))


@pytest.mark.parametrize("write", [rss, atom])
def test_a_channel_without_items_or_contact_is_still_a_feed(write: Any) -> None:
    feed = parsed(write(channel(contact=None, hub=None, description="")))
    assert feed.entries == []
    assert feed.feed.get("subtitle", "") in ("", "Korea–Ukraine defense" if write is rss else "")
    assert feed.feed.updated_parsed[:4] == (2024, 11, 27, 12)


def test_a_contact_that_is_a_url_with_an_at_sign_is_no_email_address() -> None:
    social = channel(contact="https://social.example/@desk")
    assert etree.fromstring(rss(social)).find("channel/managingEditor") is None
    assert etree.fromstring(atom(social)).find(f"{ATOM}author/{ATOM}email") is None
    assert json.loads(json_feed(social))["authors"][0]["url"] == "https://social.example/@desk"
    assert etree.fromstring(rss(channel())).findtext("channel/managingEditor") == (
        "editor@example.org (Seoul–Kyiv desk)"
    )


# Atom


def test_atom_entry_links_keep_rel_type_and_length() -> None:
    links = [dict(link.attrib) for link in atom_entry(FULL).findall(f"{ATOM}link")]
    assert links == [
        {"href": FULL.url, "rel": "alternate", "type": "text/html"},
        {"href": "https://outlet1.example/news/1", "rel": "via", "type": "text/html", "hreflang": "ko"},
        {
            "href": "https://outlet1.example/report.mp3",
            "rel": "enclosure",
            "type": "audio/mpeg",
            "length": "1234",
        },
        {"href": "https://outlet1.example/clip.mp4", "rel": "enclosure", "type": "video/mp4"},
    ]


def test_atom_content_is_escaped_html_and_its_language_is_that_of_the_lead() -> None:
    entry = atom_entry(FULL)
    content = entry.find(f"{ATOM}content")
    assert content.get("type") == "html"
    assert len(content) == 0
    assert entry.get(XML_LANG) == "ko"
    assert b"CDATA" not in atom(channel(FULL))


def test_atom_source_has_id_title_updated_and_link() -> None:
    source = atom_entry(FULL).find(f"{ATOM}source")
    assert [child.tag.removeprefix(ATOM) for child in source] == ["id", "title", "updated", "link"]
    assert source.findtext(f"{ATOM}updated") == "2024-11-27T12:01:00Z"


def test_the_outlet_is_the_author_where_the_report_names_none() -> None:
    assert atom_entry(item()).findtext(f"{ATOM}author/{ATOM}name") == "Outlet 1"
    assert parsed(rss(channel(item()))).entries[0].author == "Outlet 1"


def test_a_report_without_source_address_or_foreign_language_needs_no_source_and_no_language() -> None:
    plain = item(story(report(source_url=None, url=None)))
    entry, element = atom_entry(plain), rss_item(plain)
    assert entry.find(f"{ATOM}source") is None
    assert element.find("source") is None
    assert entry.get(XML_LANG) is None
    assert [link.get("rel") for link in entry.findall(f"{ATOM}link")] == ["alternate"]


def test_an_rss_item_in_another_language_says_so() -> None:
    assert rss_item(FULL).findtext("{http://purl.org/dc/elements/1.1/}language") == "ko"


# RSS


def test_rss_guid_is_no_permalink_and_an_author_without_email_is_a_creator() -> None:
    element = rss_item(FULL)
    assert element.find("guid").attrib == {"isPermaLink": "false"}
    assert element.find("author") is None
    assert element.findtext("{http://purl.org/dc/elements/1.1/}creator") == "Kim Min-ji"
    assert element.find("source").get("url") == "https://outlet1.example/feed.xml"


def test_an_rss_item_has_one_enclosure_and_its_length_is_zero_when_unknown() -> None:
    assert [dict(found.attrib) for found in rss_item(FULL).findall("enclosure")] == [
        {"url": "https://outlet1.example/report.mp3", "length": "1234", "type": "audio/mpeg"}
    ]
    unknown = report(enclosures=(Enclosure("https://outlet1.example/file", "not a type"),))
    assert dict(rss_item(item(story(unknown))).find("enclosure").attrib) == {
        "url": "https://outlet1.example/file",
        "length": "0",
        "type": "application/octet-stream",
    }


def test_an_rss_description_is_read_as_html_so_its_text_is_escaped() -> None:
    risky = item(story(story=(sentence("Seoul & Kyiv: 3 < 4.", report()),)))
    assert rss_item(risky).findtext("description") == "Seoul &amp; Kyiv: 3 &lt; 4."


def test_namespaces_are_declared_once_at_the_root() -> None:
    for document in (rss(channel(FULL, FULL)), atom(channel(FULL, FULL))):
        assert document.count(b'xmlns:media="') == 1
        assert b"ns0" not in document


# JSON Feed

URL = {"type": "string", "pattern": "^https?://"}
DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
AUTHORS = {
    "type": "array",
    "items": {"type": "object", "minProperties": 1, "properties": {"name": {"type": "string"}}},
}
JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string"},
        "home_page_url": URL,
        "feed_url": URL,
        "description": {"type": "string"},
        "language": {"type": "string"},
        "authors": AUTHORS,
        "hubs": {"type": "array", "items": {"type": "object", "required": ["type", "url"]}},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "content_html"],
                "additionalProperties": False,
                "patternProperties": {"^_[a-z]": {"type": "object"}},
                "properties": {
                    "id": {"type": "string"},
                    "url": URL,
                    "external_url": URL,
                    "title": {"type": "string"},
                    "content_html": {"type": "string"},
                    "summary": {"type": "string"},
                    "image": URL,
                    "date_published": DATE,
                    "date_modified": DATE,
                    "authors": AUTHORS,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "language": {"type": "string"},
                    "attachments": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["url", "mime_type"],
                            "properties": {"url": URL, "size_in_bytes": {"type": "integer"}},
                        },
                    },
                },
            },
        },
    },
}


def test_json_feed_is_version_1_1_with_all_that_an_item_has() -> None:
    feed = json.loads(json_feed(channel(FULL)))
    jsonschema.validate(feed, JSON_FEED)
    assert feed["feed_url"] == "https://news.example/korea-ukraine-defense/feed.json"
    assert feed["hubs"] == [{"type": "WebSub", "url": "https://hub.example/"}]
    assert feed["authors"] == [{"name": "Seoul–Kyiv desk", "url": "mailto:editor@example.org"}]
    (found,) = feed["items"]
    assert found["external_url"] == "https://outlet1.example/news/1"
    assert found["attachments"][0]["size_in_bytes"] == 1234
    assert found["tags"] == ["Politics", "Defense"]
    assert found["_aggregator"]["matched"] == ["Seoul", "arms"]
    assert [(each["outlet"], each.get("same_text_as")) for each in found["_aggregator"]["coverage"]] == [
        ("연합뉴스", None),
        ("Outlet 2", "outlet-1"),
        ("Outlet 3", None),
    ]


def test_json_feed_is_utf8_and_keeps_its_items_member_when_empty() -> None:
    assert "연합뉴스".encode() in json_feed(channel(FULL))
    assert json.loads(json_feed(channel()))["items"] == []


# The content of an item


def test_consecutive_sentences_of_one_entry_share_one_attribution() -> None:
    first, second = report(1), report(2)
    told = (sentence("One.", first), sentence("Two.", first), sentence("Three.", second))
    html = item(story(first, second, story=told)).html
    assert re.findall(r"<p[^>]*>([^<]*)\(<a [^>]*>([^<]*)", html) == [
        ("One. Two. ", "Outlet 1"),
        ("Three. ", "Outlet 2"),
    ]


def test_an_item_holds_quotes_opinions_beginnings_and_related_stories() -> None:
    quote = Quote("Ми чекаємо", "Зеленський", EntryId(1), "https://outlet1.example/1", "Outlet 1", "uk")
    opinion = report(2, kind="opinion", text="Seoul should decide. It has waited.")
    other = Related(StoryId("s2"), "The day after", "en", NOON)
    html = item(story(report(1), opinion, quotes=(quote,), related=(other,))).html
    assert re.search(
        r'<blockquote lang="uk" dir="auto"><p>«Ми чекаємо»<br>Зеленський \(<a [^>]*>Outlet 1</a>, Ukrainian\)',
        html,
    )
    assert ">Seoul should decide. It has waited.</span>" in html
    assert '<a href="https://news.example/stories/s2.html" hreflang="en">The day after</a>' in html
    assert ", 27 Nov 2024, 12:00 UTC" in html


def test_sections_without_anything_in_them_are_left_out() -> None:
    html = item().html
    assert "Opinions" not in html
    assert "Also reported by" not in html
    assert "<li" not in html
    assert 'href="https://news.example/stories/s1.html"' in html


def test_each_outlet_is_named_once_and_copies_say_whose_text_they_carry() -> None:
    same_outlet = SourceId("outlet-2")
    of = story(
        report(1),
        report(2, duplicate_of=EntryId(1)),
        report(3, source=same_outlet, source_title="Outlet 2", title="Seoul answers"),
        report(4, duplicate_of=EntryId(2)),
    )
    html = item(of).html
    assert html.count("Outlet 2:") == 1
    assert "Seoul answers" in html
    assert re.search(r"Outlet 4: <a [^>]*>same text as Outlet 1</a>", html)
    assert [mention.report.entry for mention in outlets(of)] == [1, 3, 4]


def test_opinions_stand_apart_from_the_coverage() -> None:
    html = FULL.html
    assert html.index("Opinions") < html.index("Why Seoul should help") < html.index("Also reported by")
    assert "Why Seoul should help" not in html[html.index("Also reported by") :]
    assert [carried.report.entry for carried in coverage(FULL.story)] == [1, 3]


def test_copies_whose_original_left_the_story_gather_under_the_oldest_of_them() -> None:
    of = story(report(5, duplicate_of=EntryId(99)), report(6, duplicate_of=EntryId(99)))
    (carried,) = coverage(of)
    assert (carried.report.entry, [copy.entry for copy in carried.copies]) == (5, [6])


def test_reports_that_call_each_other_copies_do_not_hang_the_coverage() -> None:
    of = story(report(1, duplicate_of=EntryId(2)), report(2, duplicate_of=EntryId(1)))
    assert sum(1 + len(carried.copies) for carried in coverage(of)) == 2


def test_links_are_http_or_nothing() -> None:
    html = item(story(report(url="javascript:alert(1)"), story=())).html
    assert "javascript" not in html
    assert "Outlet 1" in html


def test_a_summary_is_short_and_plain_and_repeats_no_headline() -> None:
    long = sentence("word " * 200, report())
    assert len(item(story(story=(long,))).summary) <= 402
    assert item(story(story=(long,))).summary.endswith("word …")
    for text in ("", "Ukrainian delegation asks Seoul for arms.", "Ukrainian delegation."):
        bare = item(story(report(text=text), story=()))
        assert bare.summary == ""
        assert rss_item(bare).findtext("description") == "Reported by Outlet 1."
        summary = etree.fromstring(atom(channel(bare))).findtext(f"{ATOM}entry/{ATOM}summary")
        assert summary == "Reported by Outlet 1."
        assert "summary" not in json.loads(json_feed(channel(bare)))["items"][0]


def test_where_there_is_no_summary_feeds_name_who_reported() -> None:
    def told(*reports: Report) -> str | None:
        return rss_item(item(story(*reports, story=(), headline=reports[0].title))).findtext("description")

    reports = [report(number, text="", title=f"Title {number}") for number in range(1, 6)]
    assert told(*reports[:2]) == "Reported by Outlet 1 and Outlet 2."
    assert told(*reports) == "Reported by Outlet 1, Outlet 2, Outlet 3 and 2 more."
    assert told(report(text="", kind="opinion")) == "Opinion in Outlet 1."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://ko.example/뉴스?q=무기#끝",
            "https://ko.example/%EB%89%B4%EC%8A%A4?q=%EB%AC%B4%EA%B8%B0#%EB%81%9D",
        ),
        ("http://україна.example:81/a b", "http://xn--80aa2annq7l.example:81/a%20b"),
        ("https://a.example/100%/50%25", "https://a.example/100%25/50%25"),
        ("HTTPS://A.Example/X", "https://a.example/X"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ('https://a.example/"><script>', "https://a.example/%22%3E%3Cscript%3E"),
        ("javascript:alert(1)", None),
        ("/relative", None),
        ("http://[broken/", None),
        ("http://a.example:99999/", None),
        (None, None),
    ],
)
def test_addresses_are_http_and_percent_encoded(url: str | None, expected: str | None) -> None:
    assert web_url(url) == expected


# Any text at all

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["]]>", "<script>alert(1)</script>", "&amp; & <", "\x00\x0b\ufffe", "\ud800", "👩‍🚀 عربي", "{{ x }}"]
    ),
)


@st.composite
def hostile_items(draw: st.DrawFn, hostile: st.SearchStrategy[str] = HOSTILE) -> Item:
    lead = report(
        author=draw(hostile),
        title=draw(hostile),
        source_title=draw(hostile),
        language=draw(st.one_of(st.none(), hostile)),
        url=draw(st.one_of(st.none(), hostile, hostile.map("https://a.example/".__add__))),
        source_url=draw(hostile.map("http://b.example/?".__add__)),
        image=draw(hostile),
        categories=(draw(hostile), draw(hostile)),
        enclosures=(Enclosure(draw(hostile.map("https://c.example/".__add__)), draw(hostile)),),
        text=draw(hostile),
    )
    told = sentence(draw(hostile), lead)
    copy = replace(lead, entry=EntryId(2), source=SourceId("other"), duplicate_of=lead.entry)
    opinion = replace(lead, entry=EntryId(3), kind="opinion")
    quote = Quote(draw(hostile), draw(hostile), lead.entry, lead.url, lead.source_title, lead.language)
    other = Related(StoryId("s2"), draw(hostile), lead.language, NOON)
    parts = {"highlights": (told,), "story": (told,), "quotes": (quote,), "related": (other,)}
    return item(story(lead, copy, opinion, headline=draw(hostile), **parts))


@settings(max_examples=80)
@given(hostile_items(), HOSTILE, HOSTILE)
def test_any_text_gives_well_formed_feeds_that_read_back_the_same(of: Item, title: str, about: str) -> None:
    of_channel = channel(of, title=title, description=about)
    rss_root, atom_root = etree.fromstring(rss(of_channel)), etree.fromstring(atom(of_channel))
    feed = json.loads(json_feed(of_channel))
    jsonschema.validate(feed, JSON_FEED)
    headline = " ".join(legal(of.story.headline).split()) or "Untitled"
    assert joined(rss_root.findtext("channel/item/title")) == headline
    assert joined(plain(atom_root.find(f"{ATOM}entry/{ATOM}title"))) == headline
    assert feed["items"][0]["title"] == headline
    for found in (rss_root.findtext("channel/title"), plain(atom_root.find(f"{ATOM}title"))):
        assert joined(found) == (" ".join(legal(title).split()) or "korea-ukraine-defense")
    assert feed["title"] == (legal(title) or "korea-ukraine-defense")
    html = of.html
    assert rss_root.findtext("channel/item/{*}encoded") == html
    assert atom_root.findtext(f"{ATOM}entry/{ATOM}content") == html
    assert feed["items"][0]["content_html"] == html
    assert "<script" not in html
    for link in atom_root.iter(f"{ATOM}link"):
        assert set(link.get("href")) <= set(string.printable) - set(' "<>\\^`{|}\t\n\r\x0b\x0c')
