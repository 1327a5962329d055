"""The editor's last word, and what outlives what."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from builders import LONG, NOON, Books, entry, topic
from sqlite_utils import Database

from aggregator import editor
from aggregator.errors import UsageError
from aggregator.store.stories import hidden_stories, merged_stories, resolve_story
from aggregator.upkeep import prune

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(books: Books) -> Books:
    """Three stories; the first one has a copy at b."""
    books.configure(topics=[topic(all_of=("headline",))])
    books.fetch_from("a", entry("one", text=LONG), entry("two"), entry("three"))
    books.fetch_from("b", entry("copy", text=LONG))
    return books


def of(books: Books, name: str) -> str:
    return books.story_of(f"Headline {name}")


def titles(books: Books, story: str) -> list[str]:
    return sorted(report.title.removeprefix("Headline ") for report in books.story(story).coverage)


def test_a_pinned_story_stays_pinned_through_updates(desk: Books) -> None:
    story = editor.pin(desk.db, of(desk, "one"))
    desk.fetch_from("c", entry("another copy", text=LONG))
    desk.fetch_from("a", entry("one", text=LONG, title="Headline one"))
    assert desk.story(story).pinned
    assert len(titles(desk, story)) == 3
    editor.pin(desk.db, story, pinned=False)
    assert not desk.story(story).pinned


def test_a_hidden_story_is_in_no_topic_until_it_is_let_back(desk: Books) -> None:
    story = editor.hide(desk.db, of(desk, "one"))
    desk.fetch_from("c", entry("another copy", text=LONG))
    assert hidden_stories(desk.db) == [story]
    assert "Headline one" not in desk.selected()
    editor.hide(desk.db, story, hidden=False)
    assert hidden_stories(desk.db) == []
    assert "Headline one" in desk.selected()


def test_an_editors_headline_outlives_a_revision_until_it_is_taken_back(desk: Books) -> None:
    story = editor.retitle(desk.db, of(desk, "two"), "  By\n hand ")
    desk.fetch_from("a", entry("two", title="Headline two revised"))
    assert desk.story(story).headline == "By hand"
    editor.retitle(desk.db, story, None)
    assert desk.story(story).headline == "Headline two revised"
    editor.retitle(desk.db, story, "By hand")
    editor.retitle(desk.db, story, " \n")
    assert desk.story(story).headline == "Headline two revised"


def test_every_word_makes_a_new_version(desk: Books) -> None:
    story = of(desk, "one")
    versions = []
    for say in (editor.pin, editor.hide, lambda db, id: editor.retitle(db, id, "x")):
        say(desk.db, story)
        versions += desk.rows("SELECT version FROM stories WHERE id = ?", story)
    assert versions == sorted(set(versions))


def test_a_merged_story_leads_to_the_one_that_took_its_entries_for_ever(desk: Books) -> None:
    one, two, three = (of(desk, name) for name in ("one", "two", "three"))
    assert editor.merge(desk.db, two, [one]) == two
    assert editor.merge(desk.db, three, [one]) == three
    assert titles(desk, three) == ["copy", "one", "three", "two"]
    assert merged_stories(desk.db) == {one: three, two: three}
    assert [resolve_story(desk.db, id) for id in (one, two, three)] == [three] * 3
    assert desk.coverage() == [["Headline one", "Headline two", "Headline three", "Headline copy"]]
    # Words go to the story that holds the entries now
    assert editor.pin(desk.db, one) == three
    assert desk.story(three).pinned


def test_new_copies_join_where_their_original_is_now(desk: Books) -> None:
    one, two = of(desk, "one"), of(desk, "two")
    editor.merge(desk.db, two, [one])
    applied = desk.fetch_from("c", entry("another copy", text=LONG))
    assert (applied.stories_updated, applied.stories_new) == ({two}, set())
    made = editor.split(desk.db, two, [desk.id_of("Headline one")])
    desk.fetch_from(
        "c", entry("another copy", text=LONG), entry("last copy", title="Headline one", text=LONG)
    )
    assert titles(desk, made) == ["another copy", "copy", "one", "one"]


def test_a_split_takes_the_copies_along(desk: Books) -> None:
    editor.merge(desk.db, of(desk, "two"), [of(desk, "one")])
    two = of(desk, "two")
    made = editor.split(desk.db, two, [desk.id_of("Headline one")])
    assert titles(desk, made) == ["copy", "one"]
    assert titles(desk, two) == ["two"]


def test_the_founding_entry_may_leave_its_story(desk: Books) -> None:
    one = of(desk, "one")
    editor.merge(desk.db, one, [of(desk, "two")])
    made = editor.split(desk.db, one, [desk.id_of("Headline one")])
    assert made != one
    assert titles(desk, one) == ["two"]
    desk.fetch_from("a", entry("one", text=LONG, title="Headline one revised"))
    assert titles(desk, made) == ["copy", "one revised"]


def test_the_first_of_the_copies_that_leave_their_original_becomes_theirs(desk: Books) -> None:
    desk.fetch_from("c", entry("another copy", text=LONG))
    copies = [desk.id_of("Headline copy"), desk.id_of("Headline another copy")]
    made = editor.split(desk.db, of(desk, "one"), copies)
    assert desk.rows("SELECT id, duplicate_of FROM entries WHERE story = ? ORDER BY id", made) == [
        (copies[0], None),
        (copies[1], copies[0]),
    ]


def test_a_split_has_the_times_of_its_own_entries(desk: Books) -> None:
    desk.fetch_from("c", entry("late copy", text=LONG, published=NOON + HOUR), at=NOON + 2 * HOUR)
    desk.fetch_from("c", entry("late copy", text=f"{LONG} now"), at=NOON + 3 * HOUR)
    one = of(desk, "one")
    made = editor.split(desk.db, one, [desk.id_of("Headline late copy")])
    story = desk.story(made)
    assert (story.first_published, story.updated) == (NOON + HOUR, NOON + 3 * HOUR)
    assert desk.story(one).updated == NOON - HOUR


def test_what_was_split_merged_and_split_again_is_a_new_story(desk: Books) -> None:
    one, copy = of(desk, "one"), desk.id_of("Headline copy")
    first = editor.split(desk.db, one, [copy])
    editor.merge(desk.db, one, [first])
    second = editor.split(desk.db, one, [copy])
    assert second not in (one, first)
    assert resolve_story(desk.db, first) == one
    assert titles(desk, second) == ["copy"]


def test_a_merger_that_is_taken_back_gives_the_story_its_id_again(desk: Books) -> None:
    one, two, three = of(desk, "one"), of(desk, "two"), of(desk, "three")
    desk.publish()
    editor.merge(desk.db, two, [one])
    editor.merge(desk.db, three, [two])
    desk.publish(now=NOON + HOUR)
    assert editor.split(desk.db, three, [desk.id_of("Headline one")]) == one
    assert titles(desk, one) == ["copy", "one"]
    assert merged_stories(desk.db) == {two: three}
    desk.publish(now=NOON + 2 * HOUR)
    told = {
        item["title"]: item for item in json.loads((desk.folder / "topic/feed.json").read_text())["items"]
    }
    assert told["Headline one"]["id"].endswith(f"/{one}")
    assert told["Headline one"]["date_published"] == "2024-11-27T11:00:00Z"
    assert "Headline one" in (desk.folder / "stories" / f"{one}.html").read_text()


def test_a_merged_story_that_was_hidden_or_pinned_is_no_more(desk: Books) -> None:
    one, two = of(desk, "one"), of(desk, "two")
    editor.hide(desk.db, one)
    editor.merge(desk.db, two, [one])
    assert hidden_stories(desk.db) == []
    assert "Headline two" in desk.selected() or "Headline one" in desk.selected()


def test_an_entry_that_comes_back_after_all_is_pruned_founds_its_story_again(desk: Books) -> None:
    one, two = of(desk, "one"), of(desk, "two")
    editor.merge(desk.db, two, [one])
    for source in "ab":
        desk.fetch_from(source)
    prune(desk.db, before=NOON + HOUR)
    assert resolve_story(desk.db, one) is None
    assert desk.fetch_from("a", entry("one", text=LONG)).stories_new == {one}
    assert titles(desk, one) == ["one"]


@pytest.mark.parametrize(
    "word",
    [
        editor.pin,
        editor.hide,
        lambda db, story: editor.retitle(db, story, "x"),
        lambda db, story: editor.merge(db, story, []),
        lambda db, story: editor.split(db, story, [1]),
    ],
)
def test_a_story_that_is_not_there_is_named(db: Database, word: object) -> None:
    with pytest.raises(UsageError, match="there is no story 'nowhere'") as refused:
        word(db, "nowhere")
    assert "stories list" in str(refused.value.hint)


def test_a_merge_that_names_a_wrong_story_changes_nothing(desk: Books) -> None:
    before = desk.rows("SELECT * FROM stories")
    with pytest.raises(UsageError, match="'wrong'"):
        editor.merge(desk.db, of(desk, "one"), [of(desk, "two"), "wrong"])
    assert desk.rows("SELECT * FROM stories") == before


def test_a_story_cannot_be_merged_with_itself(desk: Books) -> None:
    with pytest.raises(UsageError, match="one story already"):
        editor.merge(desk.db, of(desk, "one"), [of(desk, "one")])


def test_a_split_names_the_entries_that_the_story_does_not_hold(desk: Books) -> None:
    with pytest.raises(UsageError, match="does not hold entry 77, 78") as refused:
        editor.split(desk.db, of(desk, "one"), [desk.id_of("Headline one"), 77, 78])
    assert "entries list --story" in str(refused.value.hint)


def test_a_split_of_everything_is_refused(desk: Books) -> None:
    with pytest.raises(UsageError, match="nothing to split"):
        editor.split(desk.db, of(desk, "one"), [desk.id_of("Headline one")])
