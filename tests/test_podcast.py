"""Podcasts: what a source says of its audio and video, from its feed to the published one and into a client."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import feedparser
import pytest
from builders import Books, entry, source, topic
from conftest import Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from origin import Origin
from test_publish_formats import HOSTILE, NOON, channel, hostile_items, item, report, story

from aggregator.genres import GENRES
from aggregator.harvest.enclosures import read_duration
from aggregator.model import Enclosure, Item, Show
from aggregator.publish.podcast import make_show
from aggregator.publish.rss_atom import rss
from aggregator.settings import Podcast, Site

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
MEDIA = "{http://search.yahoo.com/mrss/}"
SHOW = Show(genre=("News",), is_explicit=False, email="editor@desk.example")

_AGGREGATOR = """\
site: {{title: Test desk, contact: {contact}, icon: "{icon}"}}
storage: {{database: ../aggregator.db, keep: 9000d}}
output: {{directory: ../feeds}}
fetch: {{allow_private_networks: true, timeout: 20s}}
stories: {{embedder: words}}
"""
_TALK = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">
<channel><title>Two capitals</title><link>https://two.example/</link><itunes:explicit>yes</itunes:explicit>
<item><title>Seoul and Kyiv talk</title><link>https://two.example/2</link><guid>two-2</guid>
<pubDate>Wed, 27 Nov 2024 09:00:00 GMT</pubDate><itunes:author>Kim Min-ji</itunes:author>
<itunes:duration>1:02:03</itunes:duration><itunes:explicit>false</itunes:explicit>
<itunes:episodeType>trailer</itunes:episodeType><itunes:image href="https://two.example/2.jpg"/>
<description>They met in Seoul.</description>
<enclosure url="https://two.example/2.mp3?from=feed&amp;n=2" length="28410112" type="audio/mpeg"/></item>
<item><title>What the harbour says to Seoul</title><link>https://two.example/1</link><guid>two-1</guid>
<pubDate>Tue, 26 Nov 2024 09:00:00 GMT</pubDate><itunes:duration>90:05</itunes:duration>
<description>Dockers on their work.</description>
<enclosure url="https://two.example/1.m4a" length="0" type="application/octet-stream"/></item>
</channel></rss>
"""
_NOTES = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Notes",
        "home_page_url": "https://notes.example/",
        "items": [
            {
                "id": "n1",
                "url": "https://notes.example/1",
                "title": "Seoul by night",
                "content_text": "Sounds of the market.",
                "date_published": "2024-11-25T09:00:00Z",
                "attachments": [
                    {
                        "url": "https://notes.example/1.mp3",
                        "mime_type": "audio/mpeg",
                        "size_in_bytes": 99,
                        "duration_in_seconds": 59.6,
                    }
                ],
            },
            {
                "id": "n2",
                "url": "https://notes.example/2",
                "title": "Seoul in writing",
                "content_text": "No sound at all.",
                "date_published": "2024-11-24T09:00:00Z",
            },
        ],
    }
)


@pytest.fixture
def studio(desk: Desk, origin: Origin) -> Desk:
    """A desk with two sources that have audio, and a topic for each kind of feed."""
    desk.add("two", origin.put("/two", _TALK))
    desk.add("notes", origin.put("/notes", _NOTES))
    write(desk, podcast="podcast: {category: Daily News}")
    return desk


def write(
    desk: Desk,
    podcast: str,
    *,
    contact: str = "editor@desk.example",
    icon: str = "https://desk.example/i.png",
) -> None:
    desk.write("aggregator.yaml", _AGGREGATOR.format(contact=contact, icon=icon))
    desk.write(
        "topics.yaml",
        "topics:\n"
        f"  - {{id: audio, title: Audio, all_of: [Seoul], max_age: 9000d, {podcast}}}\n"
        "  - {id: plain, title: Plain, all_of: [Seoul], max_age: 9000d}\n",
    )


def published(desk: Desk, topic: str = "audio") -> Any:
    return etree.parse(desk.feeds / topic / "rss.xml").getroot().find("channel")


def tags(element: Any) -> list[tuple[str, str | dict[str, str] | None]]:
    """The podcast tags of an element, each with its text or else its attributes, those inside after their own."""
    return [
        (tag.tag.removeprefix(ITUNES), tag.text.strip() if (tag.text or "").strip() else dict(tag.attrib))
        for child in element
        if child.tag.startswith(ITUNES)
        for tag in child.iter()
    ]


def item_of(*enclosures: Enclosure, show: Show | None = SHOW, **changes: Any) -> Any:
    told = item(story(report(enclosures=enclosures, **changes)))
    return etree.fromstring(rss(channel(told, show=show))).find("channel/item")


# From a source to the published files


def test_the_feed_of_a_podcast_topic_says_what_directories_ask_for(studio: Desk) -> None:
    studio.run("update")
    assert tags(published(studio)) == [
        ("author", "Test desk"),
        ("owner", {}),
        ("name", "Test desk"),
        ("email", "editor@desk.example"),
        ("image", {"href": "https://desk.example/i.png"}),
        ("category", {"text": "News"}),
        ("category", {"text": "Daily News"}),
        ("explicit", "false"),
        ("type", "episodic"),
    ]
    assert published(studio).findtext("language") == "en"


def test_an_item_says_of_its_file_what_its_source_said(studio: Desk) -> None:
    studio.run("update")
    first, second, third, silent = published(studio).findall("item")
    assert tags(first) == [
        ("author", "Kim Min-ji"),
        ("duration", "1:02:03"),
        ("explicit", "false"),
        ("episodeType", "trailer"),
        ("image", {"href": "https://two.example/2.jpg"}),
    ]
    # The show is explicit where its episode says nothing; what a server calls its file is not what it is
    assert tags(second) == [("author", "Two capitals"), ("duration", "1:30:05"), ("explicit", "true")]
    assert tags(third) == [("author", "Notes"), ("duration", "0:01:00")]
    assert [dict(each.find("enclosure").attrib) for each in (first, second, third)] == [
        # Its end says what it is
        {"url": "https://two.example/2.mp3?from=feed&n=2#.mp3", "length": "28410112", "type": "audio/mpeg"},
        {"url": "https://two.example/1.m4a", "length": "0", "type": "audio/x-m4a"},
        {"url": "https://notes.example/1.mp3", "length": "99", "type": "audio/mpeg"},
    ]
    assert silent.findtext("title") == "Seoul in writing"
    assert (silent.find("enclosure"), tags(silent)) == (None, [])


def test_the_other_formats_say_it_in_their_own_words(studio: Desk) -> None:
    studio.run("update")
    items = json.loads((studio.feeds / "audio" / "feed.json").read_text())["items"]
    assert [each.get("attachments") for each in items] == [
        [
            {
                "url": "https://two.example/2.mp3?from=feed&n=2",
                "mime_type": "audio/mpeg",
                "size_in_bytes": 28410112,
                "duration_in_seconds": 3723,
            }
        ],
        [
            {
                "url": "https://two.example/1.m4a",
                "mime_type": "application/octet-stream",
                "duration_in_seconds": 5405,
            }
        ],
        [
            {
                "url": "https://notes.example/1.mp3",
                "mime_type": "audio/mpeg",
                "size_in_bytes": 99,
                "duration_in_seconds": 60,
            }
        ],
        None,
    ]
    atom = (studio.feeds / "audio" / "atom.xml").read_bytes()
    assert b"itunes" not in atom
    (link,) = [link for link in feedparser.parse(atom).entries[0].links if link.rel == "enclosure"]
    assert (link.href, link.type, link.length) == (
        "https://two.example/2.mp3?from=feed&n=2",
        "audio/mpeg",
        "28410112",
    )


def test_readers_find_the_podcast_in_it(studio: Desk) -> None:
    studio.run("update")
    read = feedparser.parse((studio.feeds / "audio" / "rss.xml").read_bytes())
    assert not read.bozo
    assert read.feed.publisher_detail.email == "editor@desk.example"
    assert read.feed.image.href == "https://desk.example/i.png"
    assert {"News", "Daily News"} <= {tag.term for tag in read.feed.tags}
    assert [each.get("itunes_duration") for each in read.entries] == ["1:02:03", "1:30:05", "0:01:00", None]


def test_a_topic_that_is_no_podcast_has_none_of_it(studio: Desk) -> None:
    studio.run("update")
    plain = studio.feeds / "plain" / "rss.xml"
    assert b"itunes" not in plain.read_bytes()
    assert len(published(studio, "plain").findall("item/enclosure")) == 3


@pytest.mark.newsboat
@pytest.mark.skipif(shutil.which("newsboat") is None, reason="newsboat is not installed")
def test_a_podcast_client_queues_each_file(studio: Desk, tmp_path: Path) -> None:
    studio.run("update")
    home = tmp_path / "home"
    (home / ".newsboat").mkdir(parents=True)
    (home / ".newsboat" / "urls").write_text(f"file://{studio.feeds}/audio/rss.xml\n")
    (home / ".newsboat" / "config").write_text("podcast-auto-enqueue yes\n")
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["newsboat", "-x", "reload"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    queue = (home / ".newsboat" / "queue").read_text().splitlines()
    assert sorted(line.split()[0] for line in queue) == [
        "https://notes.example/1.mp3",
        "https://two.example/1.m4a",
        "https://two.example/2.mp3?from=feed&n=2#.mp3",
    ]


# The settings


@pytest.mark.parametrize("contact", ["null", "https://desk.example/about", "editor@localhost"])
def test_without_an_address_of_its_owner_a_topic_is_no_podcast_and_check_says_so(
    studio: Desk, contact: str
) -> None:
    write(studio, podcast="podcast: {}", contact=contact)
    (warning,) = studio.run("check").stderr.splitlines()
    assert re.search(
        r"topics\.yaml:2:\d+: topics\[0\]\.podcast: .*`site\.contact` in aggregator\.yaml", warning
    )
    studio.run("update")
    assert b"itunes" not in (studio.feeds / "audio" / "rss.xml").read_bytes()


def test_a_podcast_without_a_cover_is_one_all_the_same_but_check_warns(studio: Desk) -> None:
    write(studio, podcast="podcast: {explicit: true}", icon="https://desk.example/i.gif")
    (warning,) = studio.run("check").stderr.splitlines()
    assert "topics[0].podcast: has no cover" in warning
    studio.run("update")
    found = dict(tags(published(studio)))
    assert "image" not in found
    assert (found["category"], found["explicit"]) == ({"text": "News"}, "true")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("category: Newz", "category: 'Newz' is not a category of podcasts, did you mean 'News'?"),
        ("category: News & Politics", "category: 'News & Politics' is not a category of podcasts"),
        ("category: 7qq", "category: '7qq' is not a category of podcasts (News, Daily News, Technology, …)"),
        ("explicit: clean", "explicit: expected true or false, found 'clean'"),
        (
            "image: https://a.example/i.gif",
            "image: 'https://a.example/i.gif' is not the URL of a JPEG or PNG",
        ),
        ("author: me", "author: unknown key 'author'"),
    ],
)
def test_a_mistake_is_told_with_its_place(studio: Desk, written: str, message: str) -> None:
    write(studio, podcast=f"podcast: {{{written}}}")
    (line, _hint) = studio.run("check", status=2).stderr.splitlines()
    assert re.search(r"topics\.yaml:2:\d+: topics\[0\]\.podcast\." + re.escape(message), line)


def test_a_cover_of_its_own_comes_before_the_icon() -> None:
    site = Site(icon="https://a.example/icon.png")
    assert Podcast(image="https://a.example/cover.JPG").cover(site) == "https://a.example/cover.JPG"
    assert Podcast().cover(site) == "https://a.example/icon.png"


def test_a_cover_at_an_address_that_no_directory_can_reach_is_left_out() -> None:
    told = topic(podcast=Podcast(image="http://localhost:8080/cover.png"))
    show = make_show(told, Site(contact="editor@desk.example"))
    assert show is not None
    assert show.cover is None


def test_a_subcategory_is_named_once_and_belongs_to_a_category() -> None:
    assert len(GENRES) == 109  # none of them twice
    assert all(GENRES[path[0]] == path[:1] for path in GENRES.values())


def test_a_private_podcast_asks_not_to_be_listed() -> None:
    document = etree.fromstring(rss(channel(item(), show=SHOW, is_private=True)))
    assert ("block", "Yes") in tags(document.find("channel"))


# Which file an item has


OGG = Enclosure("https://a.example/1.ogg", "audio/ogg", 5, seconds=60)
M4A = Enclosure("https://a.example/1.m4a", "audio/x-m4a", 5, seconds=60)
MP3 = Enclosure("https://a.example/1.mp3", "audio/mpeg", 7, seconds=60)
PICTURE = Enclosure("https://a.example/1.png", "image/png", 3)


@pytest.mark.parametrize(
    ("files", "first", "others"),
    [
        ((PICTURE, OGG, MP3), MP3, [PICTURE, OGG]),
        ((PICTURE, OGG), OGG, [PICTURE]),
        ((PICTURE,), None, [PICTURE]),
        ((), None, []),
        # What the validator of the W3C takes for no web address
        ((Enclosure("https://a_b.example/1.mp3", "audio/mpeg"),), None, None),
        ((Enclosure("https://localhost/1.mp3", "audio/mpeg"),), None, None),
    ],
)
def test_the_file_is_one_to_hear_or_see_and_one_that_all_clients_play_before_others(
    files: tuple[Enclosure, ...], first: Enclosure | None, others: list[Enclosure] | None
) -> None:
    found = item_of(*files)
    assert [each.get("url") for each in found.findall("enclosure")] == ([first.url] if first else [])
    assert [each.get("url") for each in found.findall(f"{MEDIA}content")] == [
        each.url for each in (files if others is None else others)
    ]
    # Of what Apple does not play there is nothing for it to read
    assert bool(tags(found)) == (first is MP3)


def test_in_a_feed_that_is_no_podcast_the_first_file_that_rss_may_name_is_the_enclosure() -> None:
    found = item_of(Enclosure("https://a_b.example/1.mp3", "audio/mpeg"), PICTURE, OGG, show=None)
    assert [each.get("url") for each in found.findall("enclosure")] == [PICTURE.url]
    assert dict(found.findall(f"{MEDIA}content")[1].attrib) == {
        "url": OGG.url,
        "type": "audio/ogg",
        "fileSize": "5",
        "duration": "60",
    }


def test_where_the_lead_has_no_audio_the_oldest_report_that_has_any_is_heard() -> None:
    told = story(
        report(1, title="Seoul answers"),
        report(2, enclosures=(MP3,), withdrawn_at=NOON),
        report(3, enclosures=(M4A,)),
        report(4, enclosures=(MP3,)),
    )
    found = etree.fromstring(rss(channel(item(told), show=SHOW))).find("channel/item")
    assert found.find("enclosure").get("url") == M4A.url
    assert dict(tags(found)) == {"author": "Outlet 3", "duration": "0:01:00"}
    assert found.findtext("{http://purl.org/dc/elements/1.1/}creator") == "Outlet 1"


def test_names_are_no_longer_than_a_podcast_allows() -> None:
    found = etree.fromstring(rss(channel(item(), show=SHOW, site_title="x" * 300)))
    assert len(found.findtext(f"channel/{ITUNES}author")) == 255


@settings(max_examples=40)
@given(hostile_items(), HOSTILE)
def test_any_text_gives_a_podcast_that_is_well_formed_and_names_who_made_it(of: Item, title: str) -> None:
    root = etree.fromstring(rss(channel(of, show=SHOW, site_title=title)))
    assert all(
        root.findtext(f"channel/{path}") for path in (f"{ITUNES}author", f"{ITUNES}owner/{ITUNES}name")
    )
    for found in root.iterfind("channel/item/enclosure"):
        assert re.fullmatch(r"https://c\.example/[!-~]*", found.get("url"))
        assert found.getparent().findtext(f"{ITUNES}author")


# What is stored


def test_files_that_were_stored_before_this_was_kept_still_go_out(books: Books) -> None:
    books.configure(
        sources=[source("a")], topics=[topic(podcast=Podcast())], site=Site(contact="editor@desk.example")
    )
    books.fetch_from("a", entry(title="A report", enclosures=(MP3,)))
    books.db.execute("UPDATE entries SET enclosures = json_array(json_array(?, 'audio/mpeg', 7))", [MP3.url])
    books.publish()
    found = etree.parse(books.folder / "topic" / "rss.xml").find("channel/item")
    assert found.find("enclosure").get("length") == "7"
    assert dict(tags(found)) == {"author": "A"}


# Durations


@given(st.integers(1, 1_000_000), st.sampled_from(["", " ", "\n"]))
def test_a_duration_reads_the_same_however_it_is_written(seconds: int, space: str) -> None:
    minutes, rest = divmod(seconds, 60)
    written = [
        f"{minutes // 60}:{minutes % 60:02}:{rest:02}",
        f"{minutes // 60:02}:{minutes % 60}:{rest}",
        f"{minutes}:{rest:02}",
        str(seconds),
        f"{seconds}.0",
        f"00:{minutes}:{rest:02}.4",
    ]
    assert {read_duration(space + each + space) for each in written} == {seconds}


@given(st.text("0123456789:.- ٣", max_size=20) | st.text(max_size=20))
def test_whatever_stands_for_a_duration_it_is_whole_seconds_of_a_few_days_or_nothing(written: str) -> None:
    seconds = read_duration(written)
    assert seconds is None or 0 < seconds <= 1_000_000


@pytest.mark.parametrize(
    "written",
    ["", "0", "0:00", "0.2", "-5", "1:2:3:4", "an hour", "1:", ":30", "٣", "9" * 5000, "1e3", "nan"],
)
def test_what_says_no_duration_is_none(written: str) -> None:
    assert read_duration(written) is None


@given(st.integers(1, 1_000_000))
def test_a_published_duration_is_one_that_podcasts_may_have(seconds: int) -> None:
    file = Enclosure("https://a.example/1.mp3", "audio/mpeg", seconds=seconds)
    (duration,) = (text for name, text in tags(item_of(file)) if name == "duration")
    assert re.fullmatch(r"\d+:[0-5]\d:[0-5]\d", str(duration))
    assert read_duration(str(duration)) == seconds
