"""Stories: their ids, what they hold, how they are told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry
from hypothesis import given
from hypothesis import strategies as st
from test_publish_formats import report

from aggregator.model import EntryId, Report, SourceId, Story, StoryId
from aggregator.store.connection import open_store
from aggregator.story.cluster import founded_by, split_from
from aggregator.story.compose import choose_lead, compose_story, excerpt
from aggregator.topic.select import shown_as_updated

HOUR = timedelta(hours=1)


def test_a_story_holds_an_entry_and_its_copies(books: Books) -> None:
    books.fetch_from("a", entry("one", text=LONG), entry("two"))
    books.fetch_from("b", entry("copy", text=LONG, published=NOON - 2 * HOUR))
    story = books.story(books.story_of("Headline one"))
    assert [one.title for one in story.coverage] == ["Headline copy", "Headline one"]
    assert (story.first_published, story.updated) == (NOON - 2 * HOUR, NOON - HOUR)
    assert len(books.coverage()) == 2


def test_story_ids_are_the_same_at_every_run(tmp_path: Path) -> None:
    def ids(name: str) -> list[Any]:
        with open_store(tmp_path / name) as db:
            books = Books(db, tmp_path)
            books.fetch_from("a", entry("one", text=LONG), entry("two"), at=NOON + len(name) * HOUR)
            books.fetch_from("b", entry("copy", text=LONG), entry("three"))
            return books.rows("SELECT title, story FROM entries ORDER BY title")

    assert ids("first.db") == ids("second-run.db")


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_entries_of_different_sources_or_identities_found_different_stories(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    def founded(key: tuple[str, str]) -> str:
        return founded_by(SourceId(key[0].replace("\n", "")), key[1])

    assert (founded(one) == founded(other)) == (
        (one[0].replace("\n", ""), one[1]) == (other[0].replace("\n", ""), other[1])
    )
    assert len(founded(one)) == 16
    assert founded(one).isalnum()
    assert founded(one) == founded(one).lower()


def test_a_split_has_an_id_of_its_own_each_time() -> None:
    entries = [EntryId(1), EntryId(2)]
    ids = {split_from(StoryId("s"), version, entries) for version in range(5)}
    assert len(ids) == 5
    assert split_from(StoryId("s"), 1, entries[:1]) not in ids


# How a story is told


def test_the_earliest_report_leads_and_opinions_only_when_there_is_nothing_else() -> None:
    opinion = report(1, kind="opinion")
    assert choose_lead([opinion, report(2), report(3)]).entry == 2
    assert choose_lead([opinion]).entry == 1
    same = [report(entry, published=NOON, source=source) for entry, source in ((9, "a"), (4, "b"), (7, "a"))]
    assert choose_lead(same).entry == 7


def tell(*reports: Report, headline: str | None = None) -> Story:
    return compose_story(
        StoryId("s"),
        reports,
        first_published=NOON,
        updated=NOON,
        headline=headline,
    )


def test_the_headline_is_the_editors_else_the_leads_else_the_outlets() -> None:
    assert tell(report(1), headline="By hand").headline == "By hand"
    assert tell(report(1, title="Lead")).headline == "Lead"
    assert tell(report(1, title="")).headline == "Outlet 1"


def test_opinions_stand_apart_and_coverage_holds_all() -> None:
    told = tell(report(1, kind="opinion"), report(2), report(3, duplicate_of=EntryId(2)))
    assert [one.entry for one in told.opinions] == [1]
    assert [one.entry for one in told.coverage] == [1, 2, 3]
    assert {one.entry for one in told.story} == {2}


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("", "en", []),
        ("One. Two!", "en", ["One.", "Two!"]),
        (f"Short one. {'Long ' * 90}end.", "en", ["Short one."]),
        ("word " * 100, "en", [f"{'word ' * 78}word…"]),
        ("가" * 500, "ko", [f"{'가' * 399}…"]),
        ("Перше речення. Друге речення.", "uk", ["Перше речення.", "Друге речення."]),
    ],
)
def test_the_story_is_the_beginning_of_the_lead_in_whole_sentences(
    text: str, language: str, told: list[str]
) -> None:
    sentences = excerpt(report(1, text=text, language=language))
    assert [one.text for one in sentences] == told
    assert all((one.entry, one.source, one.url) == (1, "Outlet 1", report(1).url) for one in sentences)


@given(st.text(max_size=2000))
def test_an_excerpt_is_never_longer_than_400_characters(text: str) -> None:
    assert sum(len(one.text) for one in excerpt(report(1, text=text))) <= 400


# When an item is shown again

COVERAGE = (
    report(1, published=NOON, source="a"),
    report(2, published=NOON + 2 * HOUR, source="b"),
    report(3, published=NOON + 5 * HOUR, source="a", revised_at=NOON + 9 * HOUR),
)


@pytest.mark.parametrize(("republish", "hours"), [("never", 0), ("on_new_source", 2), ("on_revision", 9)])
def test_an_item_is_shown_again_as_the_topic_says(republish: str, hours: int) -> None:
    assert shown_as_updated(tell(*COVERAGE), republish) == NOON + hours * HOUR
