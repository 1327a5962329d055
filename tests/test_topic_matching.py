"""Which entries and stories a topic holds: matched as they arrive, the same as matched all at once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from builders import LONG, NOON, Books, entry, source, topic
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from aggregator.settings import TopicSettings
from aggregator.store.connection import open_store, writing
from aggregator.store.matches import matches_of, search
from aggregator.store.stories import newest_stories
from aggregator.store.topics import sync_topics, topics_of
from aggregator.topic.rule import make_rule
from aggregator.topic.select import choose

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_new_entry_is_matched_with_the_words_as_they_stand_in_it(books: Books) -> None:
    books.configure(
        topics=[topic("korea", all_of=("корея", "arms")), topic("other", all_of=("nothing",))],
        vocabulary={"корея": ("Південн* Коре*", "Seoul", "south korea")},
    )
    books.fetch_from(
        "a",
        entry("one", title="SEOUL sells Arms", text="Південна\nКорея. South  Korea sells arms, ARMS, arms."),
    )
    story = books.story_of("SEOUL sells Arms")
    assert [match.words for match in matches_of(books.db, "korea", story).values()] == [
        ("SEOUL", "Arms", "Південна", "Корея", "South Korea")
    ]
    assert matches_of(books.db, "other", story) == {}
    assert topics_of(books.db, story) == ["korea"]


def test_a_revision_is_matched_anew(books: Books) -> None:
    books.configure(topics=[topic("old"), topic("new", all_of=("minister",))])
    books.fetch_from("a", entry("one"))
    assert list(books.matches()) == [("old", "Headline one")]
    books.fetch_from("a", entry("one", text="The minister came."))
    assert list(books.matches()) == [("new", "Headline one")]


def test_a_changed_rule_is_matched_against_the_whole_store(books: Books) -> None:
    books.configure(topics=[topic(all_of=("alpha",))])
    books.fetch_from("a", entry("alpha"), entry("beta"))
    assert books.selected() == ["Headline alpha"]
    books.configure(topics=[topic(all_of=("beta",)), topic("second", all_of=("headline",))])
    assert books.selected() == ["Headline beta"]
    assert sorted(books.selected("second")) == ["Headline alpha", "Headline beta"]
    books.configure(topics=[])
    assert books.matches() == {}
    assert books.rows("SELECT * FROM topics") == []


def test_an_unchanged_rule_is_not_matched_again(books: Books) -> None:
    books.configure(topics=[topic()])
    with writing(books.db):
        assert sync_topics(books.db, books.rules) == []
    books.configure(vocabulary={"report": ("news", "report")})
    with writing(books.db):
        assert sync_topics(books.db, books.rules) == []


def test_sources_that_gain_a_tag_are_matched_anew(books: Books) -> None:
    books.configure(topics=[topic(sources={"tags": ("kyiv",)})])
    books.fetch_from("a", entry("one"))
    assert books.selected() == []
    books.configure(sources=[source("a", tags=("kyiv",)), source("b"), source("c")])
    assert books.selected() == ["Headline one"]


def test_languages_and_sources_are_asked_of_each_entry(books: Books) -> None:
    books.configure(
        topics=[topic("korean", languages=("ko",)), topic("of-b", sources={"include": ("b",)})],
    )
    books.fetch_from("a", entry("one", language="ko"), entry("two"))
    books.fetch_from("b", entry("three", language=None))
    assert list(books.matches()) == [("korean", "Headline one"), ("of-b", "Headline three")]
    books.fetch_from("a", entry("one", language="uk", text="The report now."), at=NOON + HOUR)
    assert list(books.matches()) == [("of-b", "Headline three")]


def test_a_query_that_is_none_is_named(books: Books) -> None:
    rule = make_rule(topic(match='"open'), {}, [])
    with pytest.raises(ValueError, match="no full-text query: "):
        list(search(books.db, rule))


def test_stories_are_found_by_the_words_of_their_entries(books: Books) -> None:
    books.fetch_from("a", entry("one", text=LONG))
    books.fetch_from("b", entry("copy", text=LONG), entry("other", published=NOON))
    assert newest_stories(books.db, limit=5, query="seoul AND copy OR delegat*") == [
        books.story_of("Headline one")
    ]
    assert newest_stories(books.db, limit=1) == [books.story_of("Headline other")]


# Stories of a topic


def test_a_topic_holds_a_story_once_with_the_words_of_all_its_entries(books: Books) -> None:
    books.configure(topics=[topic(any_of=("seoul", "copy", "other"))])
    books.fetch_from("a", entry("one", text=LONG))
    books.fetch_from("b", entry("copy", text=LONG))
    assert books.selected() == ["Headline one"]
    assert len(matches_of(books.db, "topic", books.story_of("Headline one"))) == 2


def test_old_stories_leave_a_topic_unless_they_are_pinned(books: Books) -> None:
    books.configure(topics=[topic()])
    books.fetch_from("a", entry("old", published=NOON - 40 * DAY), entry("new"))
    assert books.selected(since=NOON - 30 * DAY) == ["Headline new"]
    books.db.execute("UPDATE stories SET pinned = 1 WHERE id = ?", [books.story_of("Headline old")])
    assert books.selected(since=NOON - 30 * DAY) == ["Headline old", "Headline new"]


def test_pinned_stories_come_first_then_the_last_updated_then_by_id(books: Books) -> None:
    books.configure(topics=[topic()])
    hours = {"b": 3, "a": 3, "old": 9, "new": 1, "pinned": 5}
    books.fetch_from("a", *(entry(name, published=NOON - hour * HOUR) for name, hour in hours.items()))
    pins = [books.story_of("Headline old"), books.story_of("Headline pinned")]
    books.db.execute("UPDATE stories SET pinned = 1 WHERE id IN (?, ?)", pins)
    ties = sorted(["Headline a", "Headline b"], key=books.story_of)
    assert books.selected() == ["Headline pinned", "Headline old", "Headline new", *ties]


@dataclass
class Chosen:
    name: str
    sources: int = 1
    pinned: bool = False


def test_the_feed_takes_the_first_stories_that_enough_sources_carry_or_an_editor_pinned() -> None:
    stories = [Chosen("pinned", pinned=True), Chosen("one"), Chosen("two", 2), Chosen("three", 3)]
    chosen = [story.name for story in choose(stories, min_sources=2, items=9)]
    assert chosen == ["pinned", "two", "three"]
    assert [story.name for story in choose(stories, min_sources=2, items=2)] == ["pinned", "two"]


# Matched as they arrive, or all at once

WORDS = [
    "alpha",
    "Beta",
    "gamma",
    "delta",
    "Корея",
    "Кореї",
    "південна",
    "Zelenský",
    "zelensky",
    "한국은",
    "한국",
]
texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
terms = st.sampled_from(
    ["alpha", "bet*", "gamma delta", "gam* del*", "Коре*", "південн* коре*", "zelensky", "한국*", "a* b* g*"]
)
lists = st.lists(terms, max_size=2, unique=True).map(tuple)
topics = st.builds(
    lambda number, **rule: topic(f"t{number}", **rule),
    number=st.integers(0, 2),
    all_of=st.lists(terms, min_size=1, max_size=2, unique=True).map(tuple),
    any_of=lists,
    none_of=lists,
    match=st.none() | st.sampled_from(["alpha OR beta", "NEAR(alpha beta, 1)", "title: alpha"]),
    languages=st.sampled_from([(), ("en",), ("ko", "uk")]),
    sources=st.sampled_from([{}, {"tags": ("x",)}, {"exclude": ("b",)}]),
)
arrivals = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.lists(
            st.builds(
                lambda number, title, text, language: entry(
                    f"e{number}", title=title, text=text, language=language
                ),
                st.integers(0, 5),
                texts,
                texts,
                st.sampled_from(["en", "ko", None]),
            ),
            max_size=4,
            unique_by=lambda one: one.identity,
        ),
    ),
    max_size=6,
)


def fresh_matches(db: Database, rules: list[object]) -> list[object]:
    db.execute("DELETE FROM topics")
    db.execute("DELETE FROM matches")
    sync_topics(db, rules)
    return db.execute("SELECT topic, entry, words, strength FROM matches ORDER BY topic, entry").fetchall()


@settings(max_examples=60)
@given(st.lists(topics, max_size=3, unique_by=lambda one: one.id), arrivals)
def test_matching_what_arrives_is_the_same_as_matching_the_whole_store(
    asked: list[TopicSettings], coming: list[tuple[str, list[object]]]
) -> None:
    sources = [source("a", tags=("x",)), source("b"), source("c", tags=("x", "y"))]
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "a.db") as db:
        books = Books(db, Path(folder), sources=sources, topics=asked)
        for number, (origin, entries) in enumerate(coming):
            books.fetch_from(origin, *entries, at=NOON + number * HOUR)
        arrived = books.rows("SELECT topic, entry, words, strength FROM matches ORDER BY topic, entry")
        assert arrived == fresh_matches(db, books.rules)
        db.execute("INSERT INTO entries_fts (entries_fts, rank) VALUES ('integrity-check', 1)")
