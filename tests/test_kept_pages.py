"""The page of a story that left its feeds: links to it are out, and lead to the latest always."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count

import pytest
from at_once import stale
from builders import NOON, Books, entry, topic

from aggregator import editor
from aggregator.publish.topics import Published, Publisher
from aggregator.settings import Output, Site
from aggregator.store.connection import writing
from aggregator.store.stories import relate
from aggregator.upkeep import prune

HOUR = timedelta(hours=1)
TOKEN = "k3YqT8vXw2Nb6RmZ"
LATER = NOON + 9 * HOUR


@pytest.fixture
def desk(books: Books) -> Books:
    """A topic whose feed has room for two stories; `n1` to `n3` left it."""
    books.configure(topics=[topic("topic", items=2), topic("other", all_of=("other",))])
    for number in range(1, 6):
        report(books, f"n{number}", at=NOON + number * HOUR)
    return books


def report(books: Books, name: str, *, at: datetime, text: str = "") -> None:
    books.fetch_from("a", entry(name, published=at, text=text or f"report {name}"), at=at)
    books.publish(now=at)


def of(desk: Books, name: str) -> str:
    return str(desk.story_of(f"Headline {name}"))


def page(desk: Books, story: str, folder: str = "") -> str:
    return (desk.folder / folder / "stories" / f"{story}.html").read_text("utf-8")


def publish(desk: Books, *, now: datetime = LATER, anew: bool = False) -> set[str]:
    """Publish; returns the files that were written or removed by it."""
    before = desk.files()
    published = desk.publish(now=now, anew=anew)
    after = desk.files()
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert published.files == len(changed & after.keys())
    assert desk.publish(now=now) == Published(0, 0)
    assert not stale(desk, now=now)
    return changed


def test_a_new_headline_is_on_the_page_and_nothing_else_is_touched(desk: Books) -> None:
    story = of(desk, "n1")
    editor.retitle(desk.db, story, "By hand")
    assert publish(desk) == {f"stories/{story}.html"}
    assert "By hand" in page(desk, story)


def test_a_new_report_is_on_the_page_of_a_story_that_is_too_old_for_the_feed(desk: Books) -> None:
    desk.configure(topics=[topic("topic", items=2, max_age="1d")])
    later = NOON + timedelta(days=20)
    desk.publish(now=later)
    story = of(desk, "n1")
    assert "Also at" not in page(desk, story)
    desk.fetch_from("b", entry("n1", text="report n1"), at=NOON + HOUR)
    assert publish(desk, now=later) == {f"stories/{story}.html"}
    assert "Also at" in page(desk, story)


def test_what_changed_outside_all_topics_makes_no_page(desk: Books) -> None:
    desk.fetch_from("b", entry("nowhere", text="Not of interest."), at=LATER)
    assert desk.publish(now=LATER) == Published(0, 0)


def test_a_hidden_story_has_no_page_until_it_is_let_back(desk: Books) -> None:
    story = of(desk, "n1")
    before = page(desk, story)
    editor.hide(desk.db, story)
    assert f"stories/{story}.html" in publish(desk)
    assert not (desk.folder / "stories" / f"{story}.html").exists()
    editor.hide(desk.db, story, hidden=False)
    assert publish(desk) == {f"stories/{story}.html"}
    assert page(desk, story) == before


def test_a_merged_story_leads_to_the_other_which_has_a_page_though_it_never_was_in_a_feed(
    desk: Books,
) -> None:
    story = of(desk, "n1")
    desk.fetch_from("b", entry("old", text="Not of interest.", published=NOON), at=NOON)
    editor.merge(desk.db, of(desk, "old"), [story])
    target = desk.story_of_id(desk.id_of("Headline n1"))
    publish(desk)
    assert f"https://desk.example/stories/{target}.html" in page(desk, story)
    assert "Headline n1" in page(desk, target)
    editor.retitle(desk.db, target, "By hand")
    assert publish(desk) == {f"stories/{target}.html"}


def test_a_story_that_is_split_off_again_has_its_page_again(desk: Books) -> None:
    story, into = of(desk, "n1"), of(desk, "n2")
    editor.merge(desk.db, into, [story])
    publish(desk)
    assert editor.split(desk.db, into, [desk.id_of("Headline n1")]) == story
    publish(desk)
    assert "Headline n1" in page(desk, story)
    assert "Headline n1" not in page(desk, into)


def test_pages_of_pruned_stories_go(desk: Books) -> None:
    story = of(desk, "n1")
    prune(desk.db, before=NOON + 2 * HOUR)
    publish(desk)
    assert not (desk.folder / "stories" / f"{story}.html").exists()


def test_links_to_what_left_stay_and_lead_to_what_comes(desk: Books) -> None:
    first, second, last = (of(desk, name) for name in ("n1", "n2", "n5"))
    with writing(desk.db):
        relate(desk.db, first, second)
        relate(desk.db, second, last)
    assert publish(desk) >= {f"stories/{story}.html" for story in (first, second, last)}
    assert f"https://desk.example/stories/{first}.html" in page(desk, second)
    editor.retitle(desk.db, first, "By hand")
    assert "By hand" not in page(desk, second)
    assert publish(desk) == {f"stories/{first}.html", f"stories/{second}.html"}
    assert "By hand" in page(desk, second)


def test_a_link_to_an_outlet_leads_to_a_page_once_there_is_one(desk: Books) -> None:
    desk.fetch_from("b", entry("late", text="Not of interest.", published=NOON), at=NOON)
    first, late = of(desk, "n1"), of(desk, "late")
    with writing(desk.db):
        relate(desk.db, first, late)
    publish(desk)
    assert "https://outlet.example/late" in page(desk, first)
    desk.fetch_from("b", entry("late", text="other", published=NOON), at=NOON)
    publish(desk)
    assert f"https://desk.example/stories/{late}.html" in page(desk, first)


@pytest.mark.parametrize(
    "changes",
    [
        {"topics": [topic("topic", items=2, title="New title"), topic("other", all_of=("other",))]},
        {"site": Site(title="New title", base_url="https://desk.example/")},
        {"site": Site(title="Desk", base_url="https://new.example/")},
        {"output": Output(excerpt=0)},
    ],
)
def test_pages_say_what_is_configured_now(desk: Books, changes: dict[str, object]) -> None:
    before = page(desk, of(desk, "n1"))
    desk.configure(**changes)
    publish(desk)
    assert page(desk, of(desk, "n1")) != before


def test_where_many_pages_are_to_be_others_each_publication_makes_some(desk: Books) -> None:
    desk.configure(site=Site(title="New title", base_url="https://desk.example/"))
    publisher = Publisher(desk.db, site=desk.site, output=desk.output, topics=desk.topics, folder=desk.folder)
    made = []
    for _ in range(5):
        publisher.publish(now=LATER, most=1)
        made.append(sum("New title" in page(desk, of(desk, f"n{number}")) for number in (1, 2, 3)))
    assert made == sorted(made)
    assert {*made} >= {1, 2, 3}
    assert publish(desk) == set()


def test_pages_that_were_lost_are_made_again_and_go_along_to_another_folder(desk: Books) -> None:
    lost = desk.folder / "stories" / f"{of(desk, 'n1')}.html"
    lost.unlink()
    assert publish(desk, anew=True) == {f"stories/{lost.name}"}
    desk.folder = desk.folder.with_name("elsewhere")
    desk.publish(now=LATER)
    assert len(list((desk.folder / "stories").iterdir())) == 5


@pytest.mark.parametrize("moment", range(0, 400, 40))
def test_what_a_publication_leaves_that_breaks_off_is_made_by_the_next(desk: Books, moment: int) -> None:
    desk.fetch_from("b", entry("late", text="Not of interest.", published=NOON), at=NOON)
    with writing(desk.db):
        relate(desk.db, of(desk, "n1"), of(desk, "late"))
    desk.publish(now=LATER)
    desk.fetch_from("b", entry("late", text="other", published=NOON), at=NOON)
    editor.retitle(desk.db, of(desk, "n2"), "By hand")
    steps = count()
    desk.db.conn.set_progress_handler(lambda: next(steps) >= moment, 10)
    with suppress(sqlite3.OperationalError):
        desk.publish(now=LATER)
    desk.db.conn.set_progress_handler(None, 0)
    desk.db.conn.rollback()
    desk.publish(now=LATER)
    assert not stale(desk, now=LATER)
    assert "By hand" in page(desk, of(desk, "n2"))


def test_a_page_stays_and_follows_its_story_though_its_topic_is_configured_no_more(desk: Books) -> None:
    story = of(desk, "n5")
    desk.configure(topics=[desk.topics[1]])
    publish(desk)
    assert "/topic/" not in page(desk, story)
    editor.retitle(desk.db, story, "By hand")
    assert publish(desk) == {f"stories/{story}.html"}
    assert "By hand" in page(desk, story)
    desk.configure(topics=[topic("topic", items=2), desk.topics[0]])
    publish(desk)
    assert "/topic/" in page(desk, story)


# Topics that become private


def test_no_page_of_a_topic_that_becomes_private_stays_public(desk: Books) -> None:
    report(desk, "both", at=NOON, text="report other")
    editor.merge(desk.db, of(desk, "n2"), [of(desk, "n1")])
    desk.publish(now=LATER)
    public, private = topic("topic", items=2), topic("topic", items=2, token=TOKEN)
    desk.configure(topics=[private, desk.topics[1]])
    publish(desk)
    found = {str(path.relative_to(desk.folder)) for path in desk.folder.rglob("*") if path.is_file()}
    stories = {f"stories/{of(desk, 'both')}.html"}
    assert {path for path in found if not path.startswith(("private/", "other/"))} == {
        "404.html",
        "index.html",
        "topics.opml",
        *stories,
    }
    for path in stories | {"index.html", "topics.opml", "other/rss.xml", "other/index.html"}:
        assert "Topic" not in (desk.folder / path).read_text("utf-8").replace("Topics", "")
        assert TOKEN not in (desk.folder / path).read_text("utf-8")
    assert len(list((desk.folder / "private" / TOKEN / "stories").iterdir())) == 5
    editor.retitle(desk.db, of(desk, "n3"), "By hand")
    assert publish(desk) == {f"private/{TOKEN}/stories/{of(desk, 'n3')}.html"}
    assert "noindex" in page(desk, of(desk, "n3"), f"private/{TOKEN}")
    desk.configure(topics=[public, desk.topics[1]])
    publish(desk)
    assert len(list((desk.folder / "stories").iterdir())) == 6
    assert not (desk.folder / "private" / TOKEN).exists()


def test_the_last_public_topic_takes_its_pages_along(desk: Books) -> None:
    desk.configure(topics=[topic("topic", items=2, token=TOKEN)])
    publish(desk)
    assert not list((desk.folder / "stories").iterdir())
