"""Topics behind a token, and feeds beside the topics."""

from __future__ import annotations

import json

import pytest
from builders import NOON, Books, entry, source, topic

from aggregator import editor
from aggregator.publish.topics import Published
from aggregator.settings import Output

TOKEN = "k3YqT8vXw2Nb6RmZ"
OTHER = "aaaabbbbccccdddd"
WHOLE = f"<p>The report begins. {'It goes on at length. ' * 40}And so it ends.</p>"


@pytest.fixture
def desk(books: Books) -> Books:
    """A public topic and a private one; a story is in both, and one is in the private topic alone."""
    books.configure(
        topics=[topic("open", match="open"), topic("closed", match="closed OR open", token=TOKEN)]
    )
    books.fetch_from(
        "a",
        entry("both", text="open", content=WHOLE),
        entry("hidden", text="closed", content=WHOLE),
    )
    books.publish()
    return books


def public(books: Books) -> str:
    """All that somebody reads who does not know the token."""
    return "".join(
        path.read_text("utf-8")
        for path in books.folder.rglob("*")
        if path.is_file() and "private" not in path.parts
    )


def test_a_private_topic_is_under_its_token_and_named_nowhere_else(desk: Books) -> None:
    assert (desk.folder / "private" / TOKEN / "rss.xml").exists()
    assert not (desk.folder / "closed").exists()
    text = public(desk)
    assert TOKEN not in text
    assert "Closed" not in text
    assert "Headline hidden" not in text
    assert "Headline both" in text


def test_the_pages_of_its_stories_stand_there_too_and_ask_not_to_be_indexed(desk: Books) -> None:
    feed = json.loads((desk.folder / "private" / TOKEN / "feed.json").read_text())
    pages = [item["url"].removeprefix("https://desk.example/") for item in feed["items"]]
    assert len(pages) == 2
    for page in pages:
        assert page.startswith(f"private/{TOKEN}/stories/")
        assert 'content="noindex"' in (desk.folder / page).read_text()
    assert "noindex" not in public(desk)


def test_articles_go_out_in_full_there_alone(desk: Books) -> None:
    assert "And so it ends." in (desk.folder / "private" / TOKEN / "rss.xml").read_text()
    assert "And so it ends." not in public(desk)


@pytest.mark.parametrize(
    ("where", "is_public", "is_private"), [("never", False, False), ("always", True, True)]
)
def test_where_articles_go_out_in_full_is_a_setting(
    desk: Books, where: str, is_public: bool, is_private: bool
) -> None:
    desk.configure(output=Output(full_content=where))
    desk.publish()
    assert ("And so it ends." in public(desk)) is is_public
    assert ("And so it ends." in (desk.folder / "private" / TOKEN / "rss.xml").read_text()) is is_private


@pytest.mark.parametrize("now", [OTHER, None])
def test_a_former_address_leads_to_nothing(desk: Books, now: str | None) -> None:
    desk.configure(topics=[desk.topics[0], topic("closed", match="closed OR open", token=now)])
    desk.publish()
    assert not (desk.folder / "private" / TOKEN).exists()
    assert (desk.folder / ("closed" if now is None else f"private/{now}") / "rss.xml").exists()


def test_a_topic_that_becomes_private_leaves_its_public_place(desk: Books) -> None:
    desk.configure(topics=[topic("open", match="open", token=OTHER)])
    desk.publish()
    assert not (desk.folder / "open").exists()
    assert (desk.folder / "private" / OTHER / "rss.xml").exists()


def test_a_merged_story_redirects_within_the_topic(desk: Books) -> None:
    both, hidden = desk.story_of("Headline both"), desk.story_of("Headline hidden")
    editor.merge(desk.db, both, [hidden])
    desk.publish()
    moved = (desk.folder / "private" / TOKEN / "stories" / f"{hidden}.html").read_text()
    assert f"https://desk.example/private/{TOKEN}/stories/{both}.html" in moved
    assert TOKEN not in public(desk)
    assert not (desk.folder / "stories" / f"{hidden}.html").exists()


# Feeds beside the topics


def test_all_stories_have_a_feed_and_those_of_tagged_sources(books: Books) -> None:
    books.configure(
        sources=[source("a", tags=["kyiv"]), source("b", tags=["kyiv", "seoul"]), source("c")],
        topics=[topic("alpha", match="alpha")],
        output=Output(all=True, tags=("kyiv", "seoul")),
    )
    for name in ("a", "b", "c"):
        books.fetch_from(name, entry(f"alpha {name}"))
    books.publish()
    found = {
        path.parent.name: sorted(item["title"] for item in json.loads(path.read_text())["items"])
        for path in books.folder.glob("*/feed.json")
    }
    every = ["Headline alpha a", "Headline alpha b", "Headline alpha c"]
    assert found == {"alpha": every, "all": every, "tag-kyiv": every[:2], "tag-seoul": every[1:2]}
    assert 'href="https://desk.example/tag-kyiv/"' in (books.folder / "index.html").read_text()
    assert books.publish() == Published(0, 0)
    books.fetch_from("c", entry("other"), at=NOON)
    assert books.publish().topics == 1
