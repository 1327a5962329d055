"""From the store to the folder: what is written when, and what is left alone."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry, source, topic

from aggregator import editor
from aggregator.errors import PublishError
from aggregator.model import Feed
from aggregator.publish.topics import Published
from aggregator.settings import Output, Site
from aggregator.store.connection import open_store
from aggregator.upkeep import prune

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FEEDS = ("atom.xml", "feed.json", "index.html", "rss.xml")


@pytest.fixture
def desk(books: Books) -> Books:
    """Two topics; story `both` is in both."""
    books.configure(topics=[topic("alpha", all_of=("alpha",)), topic("beta", all_of=("beta",))])
    books.fetch_from("a", entry("alpha"), entry("beta"), entry("both", text="alpha and beta"), entry("none"))
    return books


def feed(books: Books, topic: str = "alpha") -> Any:
    return json.loads((books.folder / topic / "feed.json").read_bytes())


def shown(books: Books, topic: str = "alpha") -> list[str]:
    return [item["title"].removeprefix("Headline ") for item in feed(books, topic)["items"]]


def page(books: Books, story: str) -> str:
    return (books.folder / "stories" / f"{story}.html").read_text("utf-8")


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_every_topic_and_every_story_in_one_has_its_files(desk: Books) -> None:
    assert desk.publish() == Published(topics=2, files=14)
    stories = {f"stories/{desk.story_of(f'Headline {name}')}.html" for name in ("alpha", "beta", "both")}
    topics = {f"{topic}/{name}" for topic in ("alpha", "beta") for name in FEEDS}
    assert set(desk.files()) == stories | topics | {"404.html", "index.html", "topics.opml"}
    assert sorted(shown(desk)) == ["alpha", "both"]
    assert sorted(shown(desk, "beta")) == ["beta", "both"]


def test_a_second_publication_writes_nothing(desk: Books) -> None:
    desk.publish()
    before = desk.files()
    assert desk.publish(now=NOON + HOUR) == Published(0, 0)
    assert desk.publish(now=NOON + HOUR, anew=True) == Published(topics=2, files=0)
    assert desk.files() == before


def test_marks_survive_a_restart(desk: Books) -> None:
    desk.publish()
    with open_store(desk.folder.parent / "aggregator.db") as db:
        again = Books(db, desk.folder, sources=desk.sources, topics=desk.topics)
        assert again.publish() == Published(0, 0)


def test_a_store_without_topics_has_an_index(books: Books) -> None:
    assert books.publish() == Published(topics=0, files=3)
    assert set(books.files()) == {"404.html", "index.html", "topics.opml"}
    assert books.publish() == Published(0, 0)


def test_a_topic_without_stories_has_its_files(books: Books) -> None:
    books.configure(topics=[topic()])
    assert books.publish().topics == 1
    assert feed(books, "topic")["items"] == []


def test_a_changed_story_rewrites_only_the_topics_that_hold_it(desk: Books) -> None:
    desk.publish()
    before = desk.files()
    desk.fetch_from("a", entry("beta", title="Headline beta revised"), at=NOON + HOUR)
    assert desk.publish(now=NOON + HOUR).topics == 1
    story = f"stories/{desk.story_of('Headline beta revised')}.html"
    assert changed(before, desk.files()) == {*(f"beta/{name}" for name in FEEDS), story, "index.html"}


def test_a_change_outside_every_topic_writes_nothing(desk: Books) -> None:
    desk.publish()
    desk.fetch_from("a", entry("none", title="Headline none revised"), entry("nothing else"))
    assert desk.publish() == Published(0, 0)


@pytest.mark.parametrize("lost", ["alpha/rss.xml", "index.html", "topics.opml", "a story"])
def test_a_file_that_was_deleted_is_written_again(desk: Books, lost: str) -> None:
    desk.publish()
    before = desk.files()
    lost = f"stories/{desk.story_of('Headline alpha')}.html" if lost == "a story" else lost
    (desk.folder / lost).unlink()
    assert desk.publish().files == 1
    assert changed(before, desk.files()) == {lost}


@pytest.mark.parametrize("harmed", ["alpha/rss.xml", "alpha/index.html", "index.html", "a story", "a copy"])
def test_a_file_that_was_harmed_is_written_again_when_asked(desk: Books, harmed: str) -> None:
    desk.configure(output=Output(compress=("gzip",)))
    desk.publish()
    before = {name: (desk.folder / name).read_bytes() for name in desk.files()}
    story = f"stories/{desk.story_of('Headline alpha')}.html"
    harmed = {"a story": story, "a copy": f"{story}.gz"}.get(harmed, harmed)
    if harmed.endswith(".gz"):
        (desk.folder / harmed).unlink()
    else:
        (desk.folder / harmed).write_text("harmed")
    desk.publish(anew=True)
    assert {name: (desk.folder / name).read_bytes() for name in desk.files()} == before


def test_a_story_that_leaves_a_topic_is_not_said_to_be_in_it(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",)), topic("beta", all_of=("beta",), items=2)])
    desk.publish()
    both = desk.story_of("Headline both")
    assert "/beta/" in page(desk, both)
    desk.fetch_from(
        "b", *(entry(f"beta {n}", published=NOON, text=f"{n} beta of its own") for n in ("one", "two"))
    )
    desk.publish()
    assert "both" not in shown(desk, "beta")
    assert "/beta/" not in page(desk, both)
    assert "/alpha/" in page(desk, both)


def test_only_the_topics_that_are_named_are_written(desk: Books) -> None:
    assert desk.publish(only=["beta"]).topics == 1
    assert not (desk.folder / "alpha").exists()
    assert desk.publish().topics == 1
    assert desk.publish() == Published(0, 0)


def test_a_new_title_in_the_configuration_shows_everywhere(desk: Books) -> None:
    desk.publish()
    desk.configure(topics=[topic("alpha", title="New name", all_of=("alpha",)), desk.topics[1]])
    desk.publish()
    assert feed(desk)["title"] == "New name"
    assert "New name" in (desk.folder / "index.html").read_text("utf-8")
    assert "New name" in page(desk, desk.story_of("Headline both"))


def test_the_page_of_a_story_names_the_topics_that_hold_it_now(desk: Books) -> None:
    desk.publish()
    both = desk.story_of("Headline both")
    assert "/beta/" in page(desk, both)
    desk.configure(topics=[desk.topics[0], topic("beta", all_of=("gamma",))])
    desk.publish()
    assert "/beta/" not in page(desk, both)
    desk.configure(topics=[desk.topics[0], topic("beta", all_of=("beta",))])
    desk.publish()
    assert "/beta/" in page(desk, both)
    desk.configure(topics=desk.topics[:1])
    desk.publish()
    assert "/beta/" not in page(desk, both)


def test_a_changed_vocabulary_shows_in_the_matched_words(books: Books) -> None:
    books.configure(topics=[topic(all_of=("list",))], vocabulary={"list": ("report",)})
    books.fetch_from("a", entry("one"))
    books.publish()
    before = (books.folder / "topic" / "feed.json").read_bytes()
    books.configure(vocabulary={"list": ("report", "words")})
    books.publish()
    assert (books.folder / "topic" / "feed.json").read_bytes() != before


def test_ids_stay_when_the_site_moves(desk: Books) -> None:
    desk.publish()
    ids = [item["id"] for item in feed(desk)["items"]]
    assert ids[0].startswith("tag:desk.example,2024-11-27:alpha/")
    desk.configure(site=Site(title="Desk", base_url="https://moved.example/news/"))
    desk.publish(now=NOON + 400 * DAY, anew=True)
    desk.configure(topics=[topic("alpha", all_of=("alpha",), max_age="9000d"), desk.topics[1]])
    desk.publish(now=NOON + 400 * DAY)
    assert [item["id"] for item in feed(desk)["items"]] == ids
    assert feed(desk)["items"][0]["url"].startswith("https://moved.example/news/stories/")


def test_items_lead_to_the_story_or_to_the_source(desk: Books) -> None:
    desk.publish()
    assert feed(desk)["items"][0]["url"].startswith("https://desk.example/stories/")
    desk.fetch_from("b", entry("linkless", url=None, title="Headline alpha"))
    desk.configure(output=Output(link="source"))
    desk.publish()
    urls = [item["url"] for item in feed(desk)["items"]]
    assert "https://outlet.example/alpha" in urls
    assert any(url.startswith("https://desk.example/stories/") for url in urls)


def test_a_sources_new_name_is_published(desk: Books) -> None:
    desk.publish()
    desk.fetch_from("a", entry("alpha"), feed=Feed("The Outlet"))
    desk.publish()
    assert "The Outlet" in page(desk, desk.story_of("Headline alpha"))


# What a topic shows


def test_a_text_that_repeats_its_headline_is_not_told(desk: Books) -> None:
    desk.fetch_from("b", entry("echo", title="Alpha says: “Beta!”", text="Alpha says “Beta”."))
    desk.publish()
    story = desk.story_of("Alpha says: “Beta!”")
    assert "No text of it came with the feeds" in page(desk, story)
    assert page(desk, story).count("Alpha says “Beta”.") == 0
    editor.retitle(desk.db, story, "By hand")
    desk.publish()
    assert "Alpha says “Beta”." not in page(desk, story)


def test_what_is_only_opinion_is_told_once(desk: Books) -> None:
    desk.fetch_from("b", entry("view", kind="opinion", text="Alpha should think of beta."))
    desk.publish()
    assert page(desk, desk.story_of("Headline view")).count('<p lang="en" dir="auto">Alpha should') == 1
    feed = json.loads((desk.folder / "alpha" / "feed.json").read_text())
    (item,) = [item for item in feed["items"] if item["title"] == "Headline view"]
    assert item["content_html"].count("Alpha should think of beta.") == 1
    assert item["summary"] == "Alpha should think of beta."


def test_a_topic_without_description_says_its_title_once(desk: Books) -> None:
    desk.publish()
    for name in ("index.html", "alpha/index.html"):
        text = (desk.folder / name).read_text("utf-8")
        assert ">Alpha</p>" not in text
        assert text.count('content="Alpha"') <= 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "https://a.example/feed.xml"),
        ({"headers": {"Authorization": "Bearer x"}}, "https://a.example/"),
        ({"url": "https://a.example/feed.xml?token=x"}, "https://a.example/"),
        ({"url": "https://user:word@a.example/feed.xml"}, "https://a.example/"),
    ],
)
def test_rss_names_the_feed_of_a_source_but_none_that_may_be_for_one_person(
    desk: Books, changes: dict[str, Any], named: str
) -> None:
    desk.publish()
    desk.configure(sources=[source("a", **changes), *desk.sources[1:]])
    desk.publish()
    feed = (desk.folder / "alpha" / "rss.xml").read_text("utf-8")
    assert set(re.findall(r'<source url="([^"]*)"', feed)) == {named}
    everything = "".join(path.read_text("utf-8") for path in desk.folder.rglob("*.*"))
    assert not re.search("token=x|word@|Bearer", everything)


def test_links_are_published_without_what_only_tells_how_a_reader_came(desk: Books) -> None:
    desk.fetch_from("b", entry("alpha x", url="https://outlet.example/x?utm_source=rss&id=1"))
    before = desk.rows("SELECT url, canonical_url, identity FROM entries")
    desk.publish()
    everything = "".join(path.read_text("utf-8") for path in desk.folder.rglob("*.*"))
    assert "https://outlet.example/x?id=1" in everything
    assert "utm_source" not in everything
    assert desk.rows("SELECT url, canonical_url, identity FROM entries") == before


def test_a_topic_waits_for_enough_sources(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",), min_sources=2)])
    desk.fetch_from("b", entry("copy", url="https://outlet.example/alpha", text="the alpha copy"))
    desk.publish()
    assert shown(desk) == []
    editor.merge(desk.db, desk.story_of("Headline alpha"), [desk.story_of("Headline beta")])
    desk.publish()
    assert shown(desk) == []
    desk.fetch_from("c", entry("second", text="alpha"))
    editor.merge(desk.db, desk.story_of("Headline alpha"), [desk.story_of("Headline second")])
    desk.publish()
    assert shown(desk) == ["alpha"]


def test_stories_grow_too_old_while_nothing_else_happens(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",), max_age="2d")])
    desk.publish()
    editor.pin(desk.db, desk.story_of("Headline both"))
    desk.publish(now=NOON + 3 * DAY)
    assert shown(desk) == ["both"]


def test_a_topic_shows_as_many_items_as_it_says_else_as_the_output_says(desk: Books) -> None:
    desk.configure(output=Output(items=1))
    desk.publish()
    assert len(shown(desk)) == len(shown(desk, "beta")) == 1
    desk.configure(topics=[topic("alpha", all_of=("headline",), items=3), desk.topics[1]])
    desk.publish()
    assert (len(shown(desk)), len(shown(desk, "beta"))) == (3, 1)


@pytest.mark.parametrize(
    ("republish", "after_source", "after_revision"),
    [("never", 11, 11), ("on_new_source", 12, 12), ("on_revision", 12, 15)],
)
def test_an_item_is_shown_again_as_the_topic_says(
    books: Books, republish: str, after_source: int, after_revision: int
) -> None:
    books.configure(topics=[topic(republish=republish, all_of=("seoul",))])
    books.fetch_from("a", entry("one", text=LONG))
    books.fetch_from("b", entry("other", text="Seoul says little.", published=NOON), at=NOON)
    editor.merge(books.db, books.story_of("Headline one"), [books.story_of("Headline other")])

    def hour() -> int:
        books.publish(now=NOON + 9 * HOUR)
        (item,) = feed(books, "topic")["items"]
        return int(item.get("date_modified", item["date_published"])[11:13])

    assert hour() == after_source
    books.fetch_from("a", entry("one", text=f"{LONG} revised"), at=NOON + 3 * HOUR)
    assert hour() == after_revision


# Editors


def test_a_merged_story_leaves_a_page_that_points_to_the_other(desk: Books) -> None:
    desk.publish()
    alpha, beta, both = (desk.story_of(f"Headline {name}") for name in ("alpha", "beta", "both"))
    editor.merge(desk.db, both, [alpha])
    desk.publish()
    assert f"https://desk.example/stories/{both}.html" in page(desk, alpha)
    assert shown(desk) == ["alpha"]
    editor.merge(desk.db, beta, [both])
    desk.publish()
    for moved in (alpha, both):
        assert f"https://desk.example/stories/{beta}.html" in page(desk, moved)
    assert desk.publish() == Published(0, 0)


def test_the_page_of_a_hidden_story_goes_until_it_is_let_back(desk: Books) -> None:
    desk.publish()
    alpha, both = desk.story_of("Headline alpha"), desk.story_of("Headline both")
    editor.merge(desk.db, both, [alpha])
    editor.hide(desk.db, both)
    desk.publish()
    for name in (alpha, both):
        assert not (desk.folder / "stories" / f"{name}.html").exists()
    assert shown(desk) == []
    assert desk.publish() == Published(0, 0)
    editor.hide(desk.db, both, hidden=False)
    desk.publish()
    assert "Headline" in page(desk, both)
    assert both in page(desk, alpha)


def test_a_hidden_story_that_is_merged_leaves_a_page_too(desk: Books) -> None:
    alpha, both = desk.story_of("Headline alpha"), desk.story_of("Headline both")
    desk.publish()
    editor.hide(desk.db, alpha)
    editor.merge(desk.db, both, [alpha])
    desk.publish()
    assert both in page(desk, alpha)
    assert desk.publish() == Published(0, 0)


# Pruning and broken runs


def test_the_pages_of_pruned_stories_go_with_the_next_publication(desk: Books) -> None:
    desk.publish()
    alpha, both = desk.story_of("Headline alpha"), desk.story_of("Headline both")
    editor.merge(desk.db, both, [alpha])
    desk.publish()
    desk.fetch_from("a", entry("beta"))
    prune(desk.db, before=NOON)
    desk.publish()
    for name in (alpha, both):
        assert not (desk.folder / "stories" / f"{name}.html").exists()
    assert "Headline beta" in page(desk, desk.story_of("Headline beta"))
    assert desk.publish() == Published(0, 0)


def test_a_pruned_story_that_came_back_before_the_publication_keeps_its_page(desk: Books) -> None:
    desk.publish()
    both = desk.story_of("Headline both")
    desk.fetch_from("a")
    prune(desk.db, before=NOON)
    desk.fetch_from("a", entry("both", text="alpha and beta"))
    desk.publish()
    assert desk.story_of("Headline both") == both
    assert "Headline both" in page(desk, both)


def test_a_publication_that_breaks_off_is_completed_by_the_next(desk: Books) -> None:
    (desk.folder / "beta").parent.mkdir(exist_ok=True)
    (desk.folder / "beta").write_text("a file in the way")
    with pytest.raises(PublishError, match="beta"):
        desk.publish()
    alpha = {name: time for name, time in desk.files().items() if name.startswith("alpha/")}
    assert len(alpha) == 4
    (desk.folder / "beta").unlink()
    assert desk.publish().topics == 1
    assert alpha.items() <= desk.files().items()
    assert sorted(shown(desk, "beta")) == ["beta", "both"]
    assert desk.publish() == Published(0, 0)


def test_a_renamed_source_and_topic_change_together(desk: Books) -> None:
    desk.publish()
    desk.configure(sources=[source("a", title="By hand"), source("b")], topics=desk.topics[:1])
    assert desk.publish().topics == 1
    assert "By hand" in page(desk, desk.story_of("Headline both"))
