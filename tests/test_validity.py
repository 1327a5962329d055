"""The published RSS and Atom are flawless to feed validators, whatever the sources hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import Books, entry, topic
from feed_values import Values
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from test_publish_formats import HOSTILE, NOON, channel, hostile_items, item, report, story
from validity import LARGEST, flaws

from aggregator.genres import GENRES
from aggregator.model import Channel, Enclosure, Item, Show, StoryId
from aggregator.publish.content import archived
from aggregator.publish.rss_atom import atom, rss
from aggregator.settings import Output, Site
from aggregator.text.html import clean_html

LATER = NOON + timedelta(hours=1)


def flaws_of(of: Channel) -> dict[str, list[str]]:
    """What is wrong with the channel, by format."""
    return {
        "rss": flaws(rss(of), url=of.url + archived("rss.xml", of.page), now=LATER),
        "atom": flaws(atom(of), url=of.url + archived("atom.xml", of.page), now=LATER),
    }


FLAWLESS = {"rss": [], "atom": []}


def of(**changes: Any) -> Channel:
    """A channel of one item, with these changes to its report."""
    return channel(item(story(report(**changes))))


# What the judge knows

ROOT = (
    '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>T</title>'
    "<link>https://e.example/</link><description>D</description><language>en</language>"
    '<atom:link rel="self" href="https://e.example/rss.xml" type="application/rss+xml"/>'
)
ITEM = "<item><title>T</title><description>D</description><pubDate>Wed, 27 Nov 2024 12:00:00 +0000</pubDate>"
GUID = '<guid isPermaLink="false">tag:e.example,2024:1</guid>'
EPISODE = '<enclosure url="https://e.example/1.mp3" length="1" type="audio/mpeg"/>'


def judged(inside: str = "", *, head: str = "", root: str = ROOT, guid: str = GUID) -> list[str]:
    document = f"{root}{head}\n{ITEM}{guid}{inside}</item></channel></rss>"
    return flaws(document.encode(), url="https://e.example/rss.xml", now=LATER)


def test_the_judge_finds_nothing_in_a_plain_feed() -> None:
    assert judged(EPISODE) == []


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"root": ROOT.replace("rss.xml", "other.xml")}, "leads to https://e.example/other.xml"),
        ({"root": ROOT.replace('rel="self"', 'rel="hub"')}, "has no link to itself"),
        ({"root": ROOT.replace("<title>T</title>", "")}, "has no title"),
        ({"root": ROOT.replace("<title>T", "<title>&lt;b&gt;T&lt;/b&gt;")}, "holds HTML"),
        ({"root": ROOT.replace("<title>T", "<title>1 &lt;b")}, "is not marked as plain text"),
        ({"root": ROOT.replace(">en<", ">klingon<")}, "is in a language"),
        ({"guid": ""}, "has no guid"),
        ({"root": ROOT.replace("<rss", '<rss xmlns:x="urn:x"')}, "declares the namespace urn:x"),
        ({"guid": "<guid>tag:e.example,2024:1</guid>"}, "neither a permalink"),
        ({"guid": GUID + "<extra/>"}, "extra: does not belong into item"),
        ({"guid": GUID + "<pubDate>Wed, 27 Nov 2024 12:00:00 +0000</pubDate>"}, "has 2 of pubDate"),
        ({"head": "<lastBuildDate>Thu, 01 Jan 1970 00:00:00 +0000</lastBuildDate>"}, "is not plausible"),
        ({"head": "<lastBuildDate>Tue, 27 Nov 2024 12:00:00 +0000</lastBuildDate>"}, "another day of the week"),
        ({"head": "<lastBuildDate>2024-11-27</lastBuildDate>"}, "is no date"),
        ({"head": "<managingEditor>a@e.example</managingEditor>"}, "is no e-mail address with a name"),
        ({"head": "<image><title>T</title><link>https://e.example/</link><url>https://e.example/i.svg</url></image>"},
         "is no JPEG, GIF or PNG"),
        ({"head": "<image><title>U</title><link>https://e.example/</link><url>https://e.example/i.png</url></image>"},
         "has another title than its channel"),
        ({"inside": EPISODE + EPISODE}, "has 2 of enclosure"),
        ({"inside": EPISODE.replace('length="1" ', "")}, "is no number"),
        ({"inside": EPISODE.replace("audio/mpeg", "mp3")}, "is of no media type"),
        ({"inside": EPISODE.replace("e.example", "localhost")}, "is at no host with a full name"),
        ({"inside": "<content:encoded>&lt;script&gt;1&lt;/script&gt;</content:encoded>"}, "holds <script>"),
        ({"inside": "<content:encoded>&lt;p style='x'&gt;1&lt;/p&gt;</content:encoded>"}, "holds an attribute style"),
        ({"inside": "<content:encoded>&lt;p&gt;&lt;div&gt;&lt;/p&gt;</content:encoded>"}, "is broken HTML"),
        ({"inside": "<content:encoded>&lt;a href='/x'&gt;1&lt;/a&gt;</content:encoded>"}, "leads to '/x'"),
        ({"inside": "<dc:creator>Caf\xc3\xa9</dc:creator>"}, "holds 'Ã©'"),
        ({"inside": "<category> </category>"}, "is empty"),
        ({"inside": "<author>a@e.example (A)</author>"}, "author: does not belong"),
        ({"inside": "<itunes:duration>1:99</itunes:duration>"}, "is no duration"),
        ({"inside": "<itunes:explicit>yes</itunes:explicit>"}, "is none of true, false"),
        ({"inside": "<itunes:duration>60</itunes:duration>"}, "is a podcast without itunes:owner"),
        ({"inside": '<itunes:image href="https://e.example/i.webp"/>'}, "is no JPEG or PNG"),
        ({"inside": "<itunes:episode>0</itunes:episode>"}, "is no number"),
        ({"inside": EPISODE.replace(".mp3", ".ogg") + "<itunes:title>T</itunes:title>"}, "Apple does not play"),
        ({"head": '<itunes:category text="Cooking"/>'}, "is no category of podcasts"),
        ({"head": '<itunes:category text="Arts"><itunes:category text="Golf"/></itunes:category>'}, "no category"),
        ({"head": "<itunes:owner><itunes:email>desk</itunes:email></itunes:owner>"}, "is no e-mail address"),
    ],
)  # fmt: skip
def test_the_judge_finds_flaws(changes: dict[str, str], flaw: str) -> None:
    found = judged(**changes)
    assert any(flaw in each for each in found), found


@pytest.mark.parametrize(
    ("uri", "is_normal"),
    [
        ("https://e.example/", True),
        ("https://e.example/%EC%8A%A4?q=%2F&a=b%26c", True),
        ("tag:e.example,2024:topic/x", True),
        ("https://e.example", False),
        ("HTTPS://e.example/", False),
        ("https://E.example/", False),
        ("https://e.example:443/", False),
        ("https://e.example/%ec", False),
        ("https://e.example/%7Ea", False),
        ("https://e.example/a/../b", False),
        ("https://e.example/%E9", False),
        ("https://e.example/e%CC%81", False),
        ("https://e.example/%2541", False),
    ],
)
def test_the_judge_knows_the_normal_form_of_a_uri(uri: str, is_normal: bool) -> None:
    values, element = Values([], "", NOON), etree.Element("id")
    element.text = uri
    values.canonical(element)
    assert (not values.found) is is_normal


# What channels of any reports come to


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "How to close a </p> & <b>bold</b> &copy; 1 < 2"},
        {"title": "Ã\x83Â© and caf\xc3\x00\xa9"},
        {"title": "", "text": ""},
        {"author": "John <john@outlet.example>"},
        {"author": "<john@outlet.example>"},
        {"author": "<b>John</b> &copy &#39; R&1"},
        {"source_title": "A &amp; B </b> &copy;"},
        {"source_title": "\x01"},
        {"rights": "&copy; <a href='x'>CC</a> AT&T"},
        {"categories": ("</b>", "&copy;", "<x", "\x01 ", "R&D")},
        {"language": "yue"},
        {"language": "rue"},
        {"language": "english"},
        {"language": "x-private"},
        {"language": "fil-PH"},
        {"url": "http://[2001:db8::1]/x", "image": "http://[::1]/i.png", "source_url": "http://[::1]/"},
    ],
)
def test_any_text_of_a_report_is_fit_for_validators(changes: dict[str, Any]) -> None:
    assert flaws_of(of(**changes)) == FLAWLESS


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/a.mp3",
        "http://my_pod.example.com/a.mp3",
        "http://[::1]/a.mp3",
        "http://e.example?a.mp3",
        "http://e.example./a.mp3",
        "http://подкаст.example/епізод 1.mp3",
        "http://192.0.2.1:8000/a.mp3",
        "http://e.example/a[1].mp3?b[]=c|d#e^f",
    ],
)
def test_a_media_file_is_an_enclosure_where_readers_take_its_address(address: str) -> None:
    files = (
        Enclosure(address, "audio/mpeg", 1),
        Enclosure("https://e.example/b.mp4"),
        Enclosure(address, "x"),
    )
    assert flaws_of(of(enclosures=files)) == FLAWLESS


@pytest.mark.parametrize(
    "address",
    [
        "https://e.example",
        "HTTPS://E.example:443/%ec%8a%a4/./a/../%7Ex?q=%2f&a=%2B",
        "https://e.example/%E9?%FF",
        "https://e.example/e%CC%81",
        "https://e.example/%2541",
        "https://e.example/a/../../b//c/.",
        "https://e.example./b",
        "https://e.example/b?a[]=1#x#y",
        "https://e.example/.",
        "http://e.example:8080",
        "https://новини.example/стрічка?a=б",
        None,
    ],
)
def test_a_source_has_an_id_in_normal_form(address: str | None) -> None:
    assert flaws_of(of(source_url=address)) == FLAWLESS


@pytest.mark.parametrize(
    "changes",
    [
        {"site_title": 'R&D (Kyiv, "Seoul": <x>); \\ @'},
        {"site_title": "<b>Desk</b> <desk@desk.example>"},
        {"site_title": " "},
        {"site_title": "()"},
        {"contact": "a!b@desk.example"},
        {"contact": "desk@localhost"},
        {"contact": "стіл@пошта.укр"},
        {"contact": "Desk <desk@desk.example>"},
        {"title": "Broad &amp; <b>wide</b>\n&copy; two", "description": "One\ntwo &copy; <i>x</i>"},
        {"title": " ", "description": "\n"},
        {"logo": "https://desk.example/лого.png", "icon": "https://desk.example/a b.PNG"},
        {"language": "fil"},
        {"language": "klingon"},
        {"page": "2024-1"},
        {"page": "2024-2", "previous": "2024-1"},
        {"items": ()},
        {"items": (), "contact": None, "hub": None, "description": ""},
    ],
)
def test_any_configuration_is_fit_for_validators(changes: dict[str, Any]) -> None:
    assert flaws_of(channel(**({"items": (item(),)} | changes))) == FLAWLESS


SHOW = Show(genre=("News", "Daily News"), is_explicit=False, email="desk@desk.example", cover=None)
TOLD = {"seconds": 3723, "is_explicit": True, "episode": "full"}


@pytest.mark.parametrize(
    "file",
    [
        Enclosure("https://cdn.example/1.mp3", "audio/mpeg", 1, **TOLD),
        Enclosure("https://cdn.example/1.mp3?from=feed&n=2#t=5", "audio/mpeg", 1, **TOLD),
        Enclosure("https://cdn.example/1.MP3", "audio/mpeg", None, **TOLD),
        Enclosure("https://cdn.example/play/1", "audio/x-m4a", None, **TOLD),
        Enclosure("https://cdn.example/play/1", "video/mp4; codecs=x", None, **TOLD),
        Enclosure("https://cdn.example/1.ogg", "audio/ogg", 1, **TOLD),
        Enclosure("https://my_cdn.example.com/1.mp3", "audio/mpeg", 1, **TOLD),
    ],
)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"is_private": True},
        {"site_title": "<b>R&D</b> &copy; " * 30, "show": replace(SHOW, cover="https://desk.example/c.png")},
        {"page": "2024-1"},
    ],
)
def test_a_podcast_is_fit_for_validators(file: Enclosure, changes: dict[str, Any]) -> None:
    lead = report(enclosures=(file,), author="<i>Ann</i> &amp; " * 30, image="https://cdn.example/i.webp")
    told = (item(story(lead)), replace(item(), id="tag:example.org,2024:story/s2"))
    assert flaws_of(channel(*told, **({"show": SHOW} | changes))) == FLAWLESS


def test_the_judge_and_the_program_know_the_same_categories_of_podcasts() -> None:
    for genre in GENRES.values():
        assert flaws_of(channel(show=replace(SHOW, genre=genre))) == FLAWLESS


def test_entries_of_one_second_never_share_a_moment() -> None:
    # Enough of them for two with one and the same fraction of it
    items = [
        item(story(id=StoryId(f"s{number}")), id=f"tag:e.example,2024:topic/{number}")
        for number in range(3000)
    ]
    moments = [
        entry.findtext("{*}updated") for entry in etree.fromstring(atom(channel(*items))).iter("{*}entry")
    ]
    assert len(set(moments)) == 3000
    assert {moment[:19] for moment in moments if moment} == {"2024-11-27T12:01:00"}


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="https://x.example/"><marquee><a href="https://y.example/">x</a></marquee></a>',
        "<p><button><p>x</p></button></p>",
        "<ul><li><section><li>x</li></section></li></ul>",
        "<h1><font><h2>x</h2></font></h1>",
        '<table><a href="https://x.example/">1<tr><td><a href="https://y.example/">2</table>',
        "<p>&#x1FFFE; &#xFDD0; &#0; &#x80;</p>",
        '<p style="color:red" onclick="x()"><iframe src="x"></iframe><embed src=x><object><p>y</object>',
        '<p dir="rtl" lang="zz zz">x<img src="https://x.example/a b.png" alt="<b>" width="1e3">',
    ],
)
def test_a_whole_article_is_html_without_parse_errors(markup: str) -> None:
    content = clean_html(markup, resolve=lambda address: address if ":" in address else None).markup
    assert flaws_of(of(content=content, policy="full")) == FLAWLESS


STRANGE = st.one_of(
    HOSTILE,
    st.text(st.sampled_from("<>&;/#xbp10 @.()\"'\\\n\xc2\xc3\xa9\x83\ufdd0\U0001fffe\u202e한є")),
    st.sampled_from(["a <b>c</b>", "&copy;", "&#39;x", "d <d@e.example>", "Ã\x83Â©", "yue", "e.example"]),
)


@settings(max_examples=80, deadline=None)
@given(hostile_items(STRANGE), STRANGE, STRANGE, STRANGE, STRANGE)
def test_channels_of_any_text_are_flawless(
    one: Item, title: str, about: str, site_title: str, contact: str
) -> None:
    told = channel(
        one,
        replace(one, id=f"{one.id}-2"),
        title=title,
        description=about,
        site_title=site_title,
        contact=contact,
    )
    assert flaws_of(told) == FLAWLESS


# What is published


def judge_all(folder: Path, base: str, *, now: datetime) -> tuple[int, list[str]]:
    """How many documents a folder of publications has, and what is wrong with them."""
    found = []
    paths = [path for path in sorted(folder.rglob("*.xml")) if path.name.startswith(("rss", "atom"))]
    for path in paths:
        where = path.relative_to(folder).as_posix()
        found += [f"{where}: {flaw}" for flaw in flaws(path.read_bytes(), url=base + where, now=now)]
    return len(paths), found


def test_a_feed_of_whole_articles_is_no_larger_than_validators_take(books: Books) -> None:
    books.configure(topics=[topic()], output=Output(full_content="always"))
    article = "<p>" + "Слово & діло. " * 10_000 + "</p>"
    for number in range(1, 31):
        at = NOON - timedelta(hours=number)
        books.fetch_from("a", entry(f"n{number}", published=at, text=f"report {number}", content=article))
    books.publish()
    for path in books.folder.glob("topic/*.*"):
        assert path.stat().st_size <= LARGEST
    whole = [
        len(one.findtext("{*}encoded") or "") > 100_000
        for one in etree.parse(books.folder / "topic" / "rss.xml").iter("item")
    ]
    assert whole == sorted(whole, reverse=True)
    assert 10 < sum(whole) < 30


@pytest.mark.parametrize(
    "base_url", ["https://новини.example/стрічки", "http://feed_desk:8080", "http://[::1]:8080/"]
)
def test_addresses_and_ids_are_legal_whatever_the_base_url(books: Books, base_url: str) -> None:
    books.configure(site=Site(base_url=base_url), topics=[topic()])
    books.fetch_from("a", entry("one", text="report"))
    books.publish()
    count, found = judge_all(books.folder, books.site.base_url, now=NOON)
    assert count == 2
    if "[" not in base_url:  # of which RSS and Atom know no addresses
        assert found == []
    assert not [flaw for flaw in found if "tag:" in flaw]
