"""What sources take back: headlines that they change, reports that they withdraw."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry, topic
from selectolax.lexbor import LexborHTMLParser

from aggregator import editor

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(books: Books) -> Books:
    books.configure(topics=[topic(match="alpha")])
    return books


def item(books: Books, number: int = 0) -> Any:
    return json.loads((books.folder / "topic" / "feed.json").read_text())["items"][number]


def alpha(title: str = "Minister arrives in Seoul", **changes: Any) -> Any:
    return entry("alpha", title=title, text="The report alpha.", **changes)


def dated(name: str, hours: int, **changes: Any) -> Any:
    return entry(name, **({"published": NOON - hours * HOUR, "text": f"alpha {name}"} | changes))


# Headlines


def test_a_corrected_headline_updates_the_item_in_place_and_says_so(desk: Books) -> None:
    desk.fetch_from("a", alpha())
    desk.publish()
    before = item(desk)
    at = NOON + 2 * HOUR
    desk.fetch_from("a", alpha("Minister arrives in Busan"), at=at)
    desk.publish(now=at)
    after = item(desk)
    assert after["id"] == before["id"]
    assert after["date_published"] == before["date_published"]
    assert after["date_modified"] == "2024-11-27T14:00:00Z" > before["date_modified"]
    assert after["title"] == "Minister arrives in Busan"
    note = "Corrected: A changed its headline “Minister arrives in Seoul” to “Minister arrives in Busan”."
    assert note in after["content_html"]
    assert "27 Nov 2024, 14:00 UTC" in after["content_html"]
    page = (desk.folder / "stories" / f"{desk.story_of('Minister arrives in Busan')}.html").read_text()
    assert note in page


@pytest.mark.parametrize("title", ["MINISTER arrives in Seoul!", "Minister arrives – in Seoul"])
def test_how_a_headline_is_spelt_is_no_correction(desk: Books, title: str) -> None:
    desk.fetch_from("a", alpha())
    desk.publish()
    before = item(desk)
    desk.fetch_from("a", alpha(title), at=NOON + HOUR)
    desk.publish(now=NOON + HOUR)
    assert item(desk)["title"] == title
    assert item(desk)["date_modified"] == before["date_modified"]
    assert "Corrected" not in item(desk)["content_html"]


def test_each_correction_of_a_headline_is_told(desk: Books) -> None:
    for turn, title in enumerate(["One is dead", "Two are dead", "Three are dead"]):
        desk.fetch_from("a", alpha(title), at=NOON + turn * HOUR)
    desk.publish(now=NOON + 3 * HOUR)
    html = item(desk)["content_html"]
    assert html.index("“One is dead” to “Two are dead”") < html.index("“Two are dead” to “Three are dead”")


def test_who_does_not_want_items_again_has_them_once(desk: Books) -> None:
    desk.configure(topics=[topic(match="alpha", republish="never")])
    desk.fetch_from("a", alpha())
    desk.publish()
    before = item(desk)["date_modified"]
    desk.fetch_from("a", alpha("Minister arrives in Busan"), at=NOON + HOUR)
    desk.publish(now=NOON + HOUR)
    assert item(desk)["date_modified"] == before
    assert item(desk)["title"] == "Minister arrives in Busan"


# Reports that are withdrawn


def withdrawn(books: Books) -> dict[str, str]:
    return dict(books.rows("SELECT title, withdrawn_at FROM entries WHERE withdrawn_at IS NOT NULL"))


def fetch(books: Books, at: datetime, *hours: int) -> None:
    """The document lists the reports of so many hours before noon."""
    books.fetch_from("a", *(dated(f"h{n}", n) for n in hours), at=at)


def test_a_report_that_is_gone_from_amid_others_twice_is_withdrawn(desk: Books) -> None:
    fetch(desk, NOON, 1, 2, 3)
    fetch(desk, NOON + HOUR, 1, 3)
    assert withdrawn(desk) == {}
    desk.publish(now=NOON + HOUR)
    fetch(desk, NOON + 2 * HOUR, 1, 3)
    assert withdrawn(desk) == {"Headline h2": "2024-11-27T14:00:00Z"}
    assert desk.publish(now=NOON + 2 * HOUR).topics == 1
    told = {one["title"]: one for one in json.loads((desk.folder / "topic/feed.json").read_text())["items"]}
    gone = told["Headline h2"]
    page = LexborHTMLParser((desk.folder / "stories" / f"{desk.story_of('Headline h2')}.html").read_bytes())
    assert "withdrawn 27 Nov 2024, 14:00" in " ".join(page.css_first(".coverage").text().split())
    assert page.css_first(".notes p.meta time").attributes["datetime"] == "2024-11-27T14:00:00Z"
    assert "Withdrawn: A no longer carries “Headline h2”." in gone["content_html"]
    assert gone["date_modified"] == "2024-11-27T14:00:00Z"


@pytest.mark.parametrize(
    "changes",
    [{"url": "https://outlet.example/2024/h2"}, {"text": "alpha told anew"}],
    ids=["and address", "and text"],
)
def test_a_report_that_has_another_guid_each_time_was_not_withdrawn(
    desk: Books, changes: dict[str, str]
) -> None:
    fetch(desk, NOON, 1, 2, 3)
    for turn in (1, 2, 3):
        again = dated("h2", 2, guid=f"h2-{turn}", **changes)
        desk.fetch_from("a", dated("h1", 1), again, dated("h3", 3), at=NOON + turn * HOUR)
    assert withdrawn(desk) == {}


def test_a_report_that_is_found_again_by_its_text_was_not_withdrawn(desk: Books) -> None:
    desk.fetch_from("a", dated("h1", 1), dated("h2", 2, text=LONG), dated("h3", 3))
    for turn in (1, 2, 3):
        again = dated("moved", 2, text=f"{LONG}. More soon.", title="Headline h2")
        desk.fetch_from("a", dated("h1", 1), again, dated("h3", 3), at=NOON + turn * HOUR)
    assert withdrawn(desk) == {}


def test_a_report_that_comes_back_was_not_withdrawn(desk: Books) -> None:
    for turn, hours in enumerate([(1, 2, 3), (1, 3), (1, 3), (1, 2, 3)]):
        fetch(desk, NOON + turn * HOUR, *hours)
    assert withdrawn(desk) == {}


@pytest.mark.parametrize(
    "documents",
    [
        [(1, 2, 3), (0, 1, 2), (0, 1, 2)],  # the oldest makes room
        [(1, 2, 3), (3, 1), (3, 1)],  # not by date: a list of what is read most
        [(1, 2, 3), (1, 3), (1, 2, 3), (1, 3)],  # it flickers
        [(1, 2, 3), (1,), (1,)],  # one alone says nothing of others
    ],
)
def test_what_is_missing_for_another_reason_is_not_withdrawn(
    desk: Books, documents: list[tuple[int, ...]]
) -> None:
    for turn, hours in enumerate(documents):
        fetch(desk, NOON + turn * HOUR, *hours)
    assert withdrawn(desk) == {}


def test_a_story_is_told_by_those_who_stand_by_it(desk: Books) -> None:
    desk.fetch_from("a", dated("one", 1), dated("two", 2), dated("three", 3))
    desk.fetch_from("b", entry("other", published=NOON - HOUR, text="alpha told by another"))
    editor.merge(desk.db, desk.story_of("Headline two"), [desk.story_of("Headline other")])
    for turn in (1, 2):
        desk.fetch_from("a", dated("one", 1), dated("three", 3), at=NOON + turn * HOUR)
    story = desk.story(desk.story_of("Headline two"))
    assert story.headline == "Headline other"
    assert [report.title for report in story.coverage] == ["Headline two", "Headline other"]
    assert {sentence.entry for sentence in story.story} == {desk.id_of("Headline other")}
