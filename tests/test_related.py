"""Stories that follow each other: kept on both sides, through merges and removals, and shown with a link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, Books, entry, topic
from selectolax.lexbor import LexborHTMLParser

from aggregator import editor
from aggregator.model import StoryId
from aggregator.publish.topics import Published
from aggregator.store.connection import writing
from aggregator.store.stories import relate, related_stories
from aggregator.upkeep import prune

HOUR = timedelta(hours=1)
NAMES = ("one", "two", "three", "four")


@pytest.fixture
def desk(books: Books) -> Books:
    """Four reports, each of a later hour, each a story."""
    books.configure(topics=[topic()])
    entries = [entry(name, published=NOON - (9 - hour) * HOUR) for hour, name in enumerate(NAMES)]
    books.fetch_from("a", *entries)
    return books


def of(desk: Books, name: str) -> StoryId:
    return desk.story_of(f"Headline {name}")


def link(desk: Books, story: str, other: str) -> None:
    with writing(desk.db):
        relate(desk.db, of(desk, story), of(desk, other))


def beside(desk: Books, name: str) -> list[str]:
    return [other.headline.removeprefix("Headline ") for other in desk.story(of(desk, name)).related]


def links(desk: Books) -> int:
    ((count,),) = desk.rows("SELECT count(*) FROM related")
    return int(count)


def page(desk: Books, name: str) -> LexborHTMLParser:
    return LexborHTMLParser((desk.folder / "stories" / f"{of(desk, name)}.html").read_bytes())


def shown(desk: Books, name: str) -> list[tuple[str, str | None]]:
    return [(node.text(), node.attributes["href"]) for node in page(desk, name).css(".related a")]


def test_both_stories_show_each_other_the_latest_first(desk: Books) -> None:
    link(desk, "two", "one")
    link(desk, "two", "three")
    assert [beside(desk, name) for name in NAMES] == [["two"], ["three", "one"], ["two"], []]


def test_what_was_said_twice_is_shown_once(desk: Books) -> None:
    link(desk, "one", "two")
    link(desk, "two", "one")
    assert beside(desk, "one") == ["two"]


def test_nothing_is_said_of_a_story_and_itself_or_of_none(desk: Books) -> None:
    link(desk, "one", "one")
    relate(desk.db, of(desk, "one"), StoryId("nowhere"))
    assert links(desk) == 0


def test_links_move_with_a_merge(desk: Books) -> None:
    link(desk, "one", "two")
    link(desk, "one", "three")
    editor.merge(desk.db, of(desk, "four"), [of(desk, "one")])
    assert beside(desk, "four") == ["three", "two"]
    assert beside(desk, "two") == ["one"]  # the older of the two entries leads
    assert links(desk) == 4


def test_a_merge_of_related_stories_leaves_no_link_to_itself(desk: Books) -> None:
    link(desk, "one", "two")
    link(desk, "one", "three")
    editor.merge(desk.db, of(desk, "two"), [of(desk, "one")])
    assert beside(desk, "two") == ["three"]
    assert links(desk) == 2


def test_a_merged_id_relates_the_story_that_it_leads_to(desk: Books) -> None:
    one = of(desk, "one")
    editor.merge(desk.db, of(desk, "two"), [one])
    relate(desk.db, one, of(desk, "three"))
    assert beside(desk, "two") == ["three"]


def test_a_hidden_story_is_not_shown_until_it_is_let_back(desk: Books) -> None:
    link(desk, "one", "two")
    editor.hide(desk.db, of(desk, "two"))
    assert beside(desk, "one") == []
    editor.hide(desk.db, of(desk, "two"), hidden=False)
    assert beside(desk, "one") == ["two"]


def test_a_removed_story_leaves_no_link(desk: Books) -> None:
    link(desk, "one", "two")
    link(desk, "two", "three")
    kept = [entry(name, published=NOON - HOUR) for name in ("two", "three")]
    desk.fetch_from("a", *kept)
    prune(desk.db, before=NOON)
    assert beside(desk, "two") == ["three"]
    assert links(desk) == 2


def test_five_are_shown_at_most(desk: Books) -> None:
    many = [entry(f"more {hour}", published=NOON - (8 - hour) * HOUR) for hour in range(7)]
    desk.fetch_from("b", *many)
    for hour in range(7):
        link(desk, "one", f"more {hour}")
    assert beside(desk, "one") == [f"more {hour}" for hour in (6, 5, 4, 3, 2)]


def test_an_editors_headline_is_shown(desk: Books) -> None:
    link(desk, "one", "two")
    editor.retitle(desk.db, of(desk, "two"), "The day after")
    assert [other.headline for other in desk.story(of(desk, "one")).related] == ["The day after"]


def test_each_row_knows_what_the_page_depends_on(desk: Books) -> None:
    link(desk, "one", "two")
    (row,) = related_stories(desk.db, [of(desk, "one")])[of(desk, "one")]
    assert row.id == of(desk, "two")


# On the page


def test_a_page_is_written_again_when_a_link_is_made_and_when_the_other_story_changes(desk: Books) -> None:
    desk.publish()
    assert shown(desk, "one") == []
    link(desk, "one", "two")
    assert desk.publish().topics == 1
    address = f"https://desk.example/stories/{of(desk, 'two')}.html"
    assert shown(desk, "one") == [("Headline two", address)]
    editor.retitle(desk.db, of(desk, "two"), "The day after")
    desk.publish()
    assert shown(desk, "one") == [("The day after", address)]
    editor.hide(desk.db, of(desk, "two"))
    desk.publish()
    assert shown(desk, "one") == []
    assert desk.publish() == Published(0, 0)


def test_a_story_without_a_page_is_linked_at_its_lead_report(desk: Books) -> None:
    desk.fetch_from("b", entry("elsewhere", text="It is in no topic."))
    link(desk, "one", "elsewhere")
    desk.publish()
    assert beside(desk, "one") == ["elsewhere"]
    assert shown(desk, "one") == [("Headline elsewhere", "https://outlet.example/elsewhere")]
    assert [node.text() for node in page(desk, "one").css(".related .away")] == ["B"]
