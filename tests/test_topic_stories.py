"""A story is in a topic when its reports match strongly enough together, by words or by examples."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry, source, topic
from hypothesis import given
from hypothesis import strategies as st

from aggregator.editor import merge, split
from aggregator.judge import judge
from aggregator.model import Entry, StoryId, TopicId
from aggregator.store.connection import writing
from aggregator.store.matches import matches_of
from aggregator.store.topics import selected_stories, standing, story_words, topics_of
from aggregator.topic.select import story_score

HOUR = timedelta(hours=1)
SOURCES = tuple(source(id) for id in "abcdef")
ERUPTIONS = (
    "Volcano erupts in Iceland, lava reaches the road",
    "Lava from Etna closes the airport of Catania",
    "Ash cloud over Bali after volcano erupts",
)
FILLER = "word " * 120
TOPIC = TopicId("topic")


def told(books: Books, *reports: Entry) -> StoryId:
    """One story of these reports, one from each source; its id."""
    for letter, report in zip("abcdef", reports, strict=False):
        books.fetch_from(letter, report)
    stories = [books.story_of(report.title) for report in reports]
    return merge(books.db, stories[0], stories[1:]) if len(set(stories)) > 1 else stories[0]


def report(name: str, *, title: str = "", text: str = "", **changes: Any) -> Entry:
    return entry(name, title=f"{title} {name}", text=f"{name} {text}", **changes)


def silent(count: int, **changes: Any) -> list[Entry]:
    return [report(f"other{number}", text="Nothing of that.", **changes) for number in range(count)]


@pytest.mark.parametrize(
    ("reports", "holds"),
    [
        ([report("x", title="Tanks")], True),
        ([report("x", text="tanks")], True),
        ([report("x", text=f"{FILLER} tanks")], False),
        ([report("x", text="tanks"), *silent(1)], False),
        ([report("x", title="Tanks"), *silent(2)], True),
        ([report("x", title="Tanks"), *silent(3)], False),
        ([report("x", text="tanks"), report("y", text="tanks"), *silent(1)], True),
        ([report("x", text="tanks"), report("y", text="tanks"), *silent(2)], False),
    ],
)
def test_a_mention_in_passing_does_not_carry_a_story_into_a_topic(
    books: Books, reports: list[Entry], holds: bool
) -> None:
    books.configure(sources=SOURCES, topics=[topic(all_of=("tanks",))])
    story = told(books, *reports)
    assert (books.selected() != []) is holds
    assert (topics_of(books.db, story) == ["topic"]) is holds


def test_copies_count_as_one_and_match_as_the_best_of_them(books: Books) -> None:
    books.configure(sources=SOURCES, topics=[topic(all_of=("seoul",), min_sources=2)])
    story = told(books, *(entry(name, text=LONG) for name in ("one", "two", "three")), *silent(1))
    found = standing(books.db, TOPIC, story)
    assert (found.originals, found.matching, found.sources) == (2, 1, 2)
    assert found.score == 0.25
    assert not found.is_held


def test_only_what_a_topic_listens_to_is_asked(books: Books) -> None:
    books.configure(
        sources=SOURCES,
        topics=[
            topic("one-source", all_of=("tanks",), sources={"include": ("a",)}),
            topic("one-language", all_of=("tanks",), languages=("ko",)),
        ],
    )
    story = told(books, report("x", text="tanks", language="ko"), *silent(4))
    assert topics_of(books.db, story) == ["one-language", "one-source"]
    assert standing(books.db, TopicId("one-source"), story).sources == 5


def test_membership_follows_merges_and_splits(books: Books) -> None:
    books.configure(sources=SOURCES, topics=[topic(all_of=("tanks",))])
    books.fetch_from("a", report("x", text="tanks"))
    books.fetch_from("b", *silent(2))
    story = books.story_of(" x")
    assert len(books.selected()) == 1
    merge(books.db, story, [books.story_of(" other0"), books.story_of(" other1")])
    assert books.selected() == []
    split(books.db, story, [books.id_of(" x")])
    assert books.selected() == ["x"]


@given(st.lists(st.sampled_from([0, 0.2, 0.5, 1.0]), max_size=9))
def test_a_score_lies_between_the_weakest_and_the_strongest_report(strengths: list[float]) -> None:
    score = story_score(strengths)
    assert min(strengths, default=0) <= score <= max(strengths, default=0)
    assert story_score([*strengths, 1.0]) >= score


def test_stories_of_a_topic_with_many_matches_come_in_the_same_order(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.configure(topics=[topic()])
    for hour in range(5):
        books.fetch_from("a", *(entry(f"{hour}-{n}", published=NOON - hour * HOUR) for n in range(3)))
    books.fetch_from("b", entry("off", text="Nothing."))
    few = list(selected_stories(books.db, TOPIC, since=NOON - 3 * HOUR))
    monkeypatch.setattr("aggregator.store.topics._MANY", 1)
    assert list(selected_stories(books.db, TOPIC, since=NOON - 3 * HOUR)) == few
    assert len(few) == 12


# By examples


class Compass:
    """An embedder that knows one direction: towards fire or away from it."""

    name = "compass"

    def __init__(self) -> None:
        self.read: list[str] = []

    def embed(self, texts: Sequence[str], languages: Sequence[str | None], **_: Any) -> list[bytes]:
        assert len(texts) == len(languages)
        self.read += texts
        hot = ("erupts", "Lava", "lava", "화산")
        return [
            struct.pack("<2e", *((1, 0) if any(word in text for word in hot) else (0, 1))) for text in texts
        ]


def everyday(books: Books) -> None:
    """Enough other entries to tell what is special about the examples."""
    titles = [
        f"{who} {what} in {where} {number}"
        for number, (who, what, where) in enumerate(
            product(
                ("Minister presents", "Court stops", "Company plans", "Police find"),
                ("a new tax", "the railway", "stolen cars", "a merger", "the budget"),
                ("Oslo", "New York", "Iceland", "the north", "the airport", "Bali"),
            )
        )
    ]
    books.fetch_from("c", *(entry(f"n{n}", title=title, text="") for n, title in enumerate(titles * 2)))


def judged(books: Books, *reports: Entry, embedder: Compass | None = None, **changes: Any) -> None:
    books.configure(topics=[topic(**({"like": ERUPTIONS, "all_of": ()} | changes))])
    everyday(books)
    books.fetch_from("a", *reports)
    judge(books.db, books.rules, embedder)


ERUPTION = entry("near", title="Second volcano in Iceland erupts", text="Lava flows.")


def test_what_is_near_an_example_is_in_the_topic_and_says_why(books: Books) -> None:
    judged(books, ERUPTION, entry("far", title="Court stops lava lamps", text="In Oslo."))
    assert books.selected() == ["Second volcano in Iceland erupts"]
    story = books.story_of("Second volcano in Iceland erupts")
    (match,) = matches_of(books.db, "topic", story).values()
    assert match.near is not None
    assert match.near.nearest == ERUPTIONS[0]
    assert match.strength == match.near.score >= 0.5
    assert "volcano" in story_words(books.db, TOPIC, [story])[story]


def test_what_is_found_near_only_after_a_publication_is_published(books: Books) -> None:
    books.configure(topics=[topic(like=ERUPTIONS, all_of=())])
    everyday(books)
    books.fetch_from("a", ERUPTION)
    books.publish()
    judge(books.db, books.rules, None)
    assert books.publish().topics == 1
    assert ERUPTION.title in (books.folder / "topic" / "rss.xml").read_text("utf-8")


def test_words_and_examples_each_select(books: Books) -> None:
    judged(books, ERUPTION, entry("two", title="Tanks"), all_of=("tanks",))
    assert sorted(books.selected()) == ["Second volcano in Iceland erupts", "Tanks"]


@pytest.mark.parametrize(
    "limits", [{"none_of": ("flows",)}, {"languages": ("ko",)}, {"sources": {"exclude": ("a",)}}]
)
def test_what_is_kept_out_is_kept_out_from_what_is_near_too(books: Books, limits: dict[str, Any]) -> None:
    judged(books, ERUPTION, **limits)
    assert books.selected() == []


def test_vectors_carry_examples_into_other_languages(books: Books) -> None:
    korean = entry("ko", title="한라산 화산 분화", text="", language="ko")
    judged(books, korean, embedder=Compass())
    assert books.selected() == []  # it was grouped without a vector
    with writing(books.db):
        books.db.execute(
            "UPDATE traits SET space = 'compass', vector = ? WHERE entry = ?",
            [struct.pack("<2e", 1, 0), books.id_of("한라산 화산 분화")],
        )
        books.db.execute("INSERT INTO unjudged VALUES (?)", [books.id_of("한라산 화산 분화")])
    judge(books.db, books.rules, Compass())
    assert books.selected() == ["한라산 화산 분화"]


def test_an_example_is_embedded_once(books: Books) -> None:
    first, second = Compass(), Compass()
    judged(books, ERUPTION, embedder=first)
    books.fetch_from("a", entry("new"))
    judge(books.db, books.rules, second)
    assert first.read == list(ERUPTIONS)
    assert second.read == []


def test_new_examples_are_held_against_all_that_is_stored(books: Books) -> None:
    judged(books, ERUPTION)
    books.configure(topics=[topic(like=("Chess champion wins the final game",), all_of=())])
    judge(books.db, books.rules, None)
    assert books.selected() == []
    books.configure(topics=[topic(like=ERUPTIONS, all_of=())])
    judge(books.db, books.rules, None)
    assert books.selected() == ["Second volcano in Iceland erupts"]
    books.configure(topics=[topic(all_of=("tanks",))])
    assert books.selected() == []


def test_a_revision_is_held_against_the_examples_again(books: Books) -> None:
    judged(books, ERUPTION)
    books.fetch_from("a", entry("near", title="Minister presents the budget", text="A tax."), at=NOON + HOUR)
    judge(books.db, books.rules, None)
    assert books.selected() == []


def test_what_has_no_story_yet_waits(books: Books) -> None:
    judged(books, ERUPTION)
    with writing(books.db):
        books.db.execute("UPDATE entries SET story = '' WHERE id = ?", [books.id_of(ERUPTION.title)])
        books.db.execute("DELETE FROM matches")
        books.db.execute("INSERT INTO unjudged VALUES (?)", [books.id_of(ERUPTION.title)])
    judge(books.db, books.rules, None)
    assert books.rows("SELECT entry FROM unjudged") == [(books.id_of(ERUPTION.title),)]
    assert books.matches() == {}
