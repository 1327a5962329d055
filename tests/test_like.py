"""Topics by example: what the examples teach, how few of them behave, what vectors add, why an entry is in."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import TopicId
from aggregator.topic.like import Example, Likeness, Nearness, learn_likeness

REUTERS = Path(__file__).resolve().parents[2] / "shared" / "curation" / "reuters21578-modapte.jsonl.gz"
TOP_TEN = ("earn", "acq", "money-fx", "grain", "crude", "trade", "interest", "ship", "wheat", "corn")

LAVA = TopicId("volcanoes")
CHESS = TopicId("chess")
ERUPTIONS = (
    "Volcano erupts in Iceland, lava reaches the road",
    "Lava from Etna closes the airport of Catania",
    "Ash cloud over Bali after volcano erupts",
    "Villages cleared as lava flows from La Palma volcano",
    "Iceland volcano: third eruption in a month",
)
GAMES = (
    "Gukesh beats Ding in the third game of the chess final",
    "Carlsen wins the rapid chess title in New York",
    "Draw in game seven of the chess world championship",
)
EVERYDAY = tuple(
    (f"{who} {does} {what} in {where}", f"The report says so on {day}.")
    for (who, does), what, where, day in product(
        [("Minister", "presents"), ("Court", "stops"), ("Company", "plans"), ("Police", "find")],
        ["a new tax", "the railway", "stolen cars", "a merger", "the budget"],
        ["Oslo", "New York", "Iceland", "the north"],
        ["Monday", "Friday", "a road"],
    )
)


def likeness(*examples: str, background: tuple[tuple[str, str], ...] = EVERYDAY, **others: Any) -> Likeness:
    topics = {LAVA: [Example(text) for text in examples or ERUPTIONS]}
    topics |= {TopicId(topic): [Example(text) for text in texts] for topic, texts in others.items()}
    return Likeness(topics, background)


def is_near(likeness: Likeness, title: str, text: str = "", topic: TopicId = LAVA) -> bool:
    return likeness.score(title, text)[topic].score >= 0.5


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Second Iceland volcano erupts", ""),
        ("Lava destroys a farm near Etna", "No one was hurt."),
        ("Travellers stranded", "Ash from the volcano that erupts on Bali keeps planes on the ground."),
    ],
)
def test_an_entry_that_says_what_the_examples_say_is_near(title: str, text: str) -> None:
    assert is_near(likeness(), title, text)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Minister presents the budget in Oslo", "A new tax on cars."),
        ("Court in Iceland stops a merger", "The road is free, the airport too."),
        ("Lava lamps are back", "Shops report brisk sales before the holidays."),
        ("한라산 화산 분화 가능성", "전문가들은 아직 조짐이 없다고 말한다."),
        ("", ""),
    ],
)
def test_few_examples_are_precise_rather_than_greedy(title: str, text: str) -> None:
    assert not is_near(likeness(), title, text)


def test_one_word_in_common_is_not_enough() -> None:
    assert not is_near(likeness(), "Volcano")
    assert is_near(likeness(), "Volcano lava")


def test_the_reason_names_the_nearest_example_and_the_words_in_common() -> None:
    found = likeness().score("Catania waits for Etna", "The airport is closed again, says the operator.")[
        LAVA
    ]
    assert found.nearest == "Lava from Etna closes the airport of Catania"
    assert {"catania", "etna"} <= set(found.words) <= {"catania", "etna", "airport", "the", "of", "from"}


def test_what_is_not_near_has_no_reason() -> None:
    found = likeness().score("Minister presents the budget", "")[LAVA]
    assert 0 <= found.score < 0.5
    assert (found.nearest, found.words) == ("", ())


def test_the_nearest_example_is_named_by_its_first_line() -> None:
    long = tuple(f"{headline}\n{'It happened at night. ' * 9}" for headline in ERUPTIONS)
    found = likeness(*long).score(ERUPTIONS[1], "It happened at night. " * 9)[LAVA]
    assert found.nearest in ERUPTIONS


def test_topics_contrast_with_each_other_and_may_share_an_example() -> None:
    both = likeness(chess=(*GAMES, ERUPTIONS[0]))
    found = both.score("Chess final: Gukesh beats Ding again", "The game took seven hours.")
    assert found[CHESS].score >= 0.5 > found[LAVA].score
    assert is_near(both, ERUPTIONS[0], topic=CHESS)
    assert is_near(both, ERUPTIONS[0], topic=LAVA)


def test_relatives_in_the_background_do_not_speak_against_an_entry() -> None:
    relatives = tuple((f"Volcano erupts on island {number}", "Lava flows to the sea.") for number in range(4))
    copies = tuple((text, "As given by an agency.") for text in ERUPTIONS)
    assert is_near(likeness(background=EVERYDAY + relatives + copies), "Second Iceland volcano erupts")


def test_without_anything_to_compare_with_most_words_of_an_example_are_needed() -> None:
    alone = likeness(background=EVERYDAY[:3])
    found = alone.score("Iceland volcano erupts, lava near road", "")[LAVA]
    assert found.score >= 0.5
    assert found.nearest == ERUPTIONS[0]
    assert set(found.words) <= {"volcano", "erupts", "iceland", "lava", "road"}
    assert not is_near(alone, "Lava lamps are back in the shops")
    assert not is_near(alone, "Minister presents the budget in Oslo")
    assert not is_near(likeness("Lava", background=()), "Lava lamps are back")


def test_the_order_of_what_it_learns_from_makes_no_difference() -> None:
    straight = likeness(chess=GAMES)
    back = Likeness(
        {CHESS: [Example(text) for text in GAMES[::-1]], LAVA: [Example(text) for text in ERUPTIONS[::-1]]},
        EVERYDAY[::-1],
    )
    for title, text in [*EVERYDAY[:9], *((text, "") for text in ERUPTIONS + GAMES)]:
        assert straight.score(title, text) == back.score(title, text)


def test_it_can_be_sent_to_another_process() -> None:
    here = likeness(chess=GAMES)
    there = pickle.loads(pickle.dumps(here))
    assert there.score(ERUPTIONS[0], "") == here.score(ERUPTIONS[0], "")


def test_examples_without_words_are_left_out() -> None:
    assert likeness(*ERUPTIONS, "—", chess=("", "…")).score(*EVERYDAY[0]).keys() == {LAVA}
    assert Likeness({}, EVERYDAY).score(*EVERYDAY[0]) == {}


SAME, AKIN, OTHER = (1.0, 0.0), (0.3, 0.954), (0.0, 1.0)


def with_vectors() -> Likeness:
    return Likeness({LAVA: [Example(text, SAME) for text in ERUPTIONS]}, EVERYDAY)


def test_a_vector_finds_the_same_in_another_language() -> None:
    title = "아이슬란드 화산 분화"
    assert with_vectors().score(title, "")[LAVA].score < 0.5
    found = with_vectors().score(title, "", SAME)[LAVA]
    assert found.score >= 0.5
    assert found.nearest in ERUPTIONS
    assert found.words == ()


def test_a_vector_may_contradict_the_words_but_need_not_prove_them() -> None:
    title = "Second Iceland volcano erupts"
    assert with_vectors().score(title, "")[LAVA].score >= 0.5
    assert with_vectors().score(title, "", OTHER)[LAVA].score < 0.5
    found = with_vectors().score(title, "", AKIN)[LAVA]
    assert found.score >= 0.5
    assert "volcano" in found.words
    assert with_vectors().score("Minister presents the budget", "", AKIN)[LAVA].score < 0.5


def test_two_examples_must_be_near_by_their_vectors() -> None:
    mixed = Likeness(
        {LAVA: [Example(ERUPTIONS[0], (0.6, 0.8)), Example(ERUPTIONS[1], (-0.6, 0.8))]}, EVERYDAY
    )
    assert mixed.score("화산", "", (0.8, 0.6))[LAVA].score >= 0.5  # cosines .96 and 0
    assert mixed.score("화산", "", (1.0, 0.0))[LAVA].score < 0.5  # .6 and -.6


def test_an_entry_without_a_vector_is_judged_by_its_words() -> None:
    title = "Second Iceland volcano erupts"
    assert with_vectors().score(title, "") == likeness().score(title, "")
    assert likeness().score(title, "", OTHER) == likeness().score(title, "")


def test_what_is_clearly_near_in_the_background_does_not_speak_against_its_kind() -> None:
    places = ["Iceland", "Bali", "Etna", "La Palma", "Hawaii", "Java", "Luzon", "Congo", "Chile", "Kamchatka"]
    eruptions = [
        f"{what} as volcano erupts in {where}" for what in ("Lava flows", "Ash falls") for where in places
    ]
    seen = [f"Lava and ash as volcano erupts in {where}" for where in places]
    background = [*EVERYDAY, *((title, "") for title in seen)]
    news = [f"{title} {number}" for number in range(3) for title, _ in EVERYDAY]
    examples = {LAVA: [Example(text) for text in eruptions], CHESS: [Example(text) for text in news]}
    once, learnt = Likeness(examples, background), learn_likeness(examples, background)
    for title in seen:
        assert learnt.score(title, "")[LAVA].score > once.score(title, "")[LAVA].score


TEXTS = st.lists(st.sampled_from(" ".join(ERUPTIONS + GAMES).split()) | st.text(max_size=5), max_size=12)
LEARNT = likeness(chess=GAMES)


@given(title=TEXTS, text=TEXTS)
def test_a_reason_is_given_exactly_where_the_score_says_near(title: list[str], text: list[str]) -> None:
    found = LEARNT.score(" ".join(title), " ".join(text))
    assert found.keys() == {LAVA, CHESS}
    for each in found.values():
        assert 0 <= each.score <= 1
        assert bool(each.nearest) == (each.score >= 0.5) == (len(each.words) >= 2)


def reuters(split: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    with gzip.open(REUTERS, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["split"] == split:
                yield row["title"], row["text"], frozenset(row["topics"])


@pytest.mark.shared
@pytest.mark.skipif(not REUTERS.exists(), reason="needs the labelled data in ../shared/curation")
def test_reuters_top_ten_topics_are_found_by_their_examples() -> None:
    training = list(reuters("TRAIN"))
    examples = {
        TopicId(topic): [Example(f"{title}\n{text}") for title, text, topics in training if topic in topics]
        for topic in TOP_TEN
    }
    learnt = Likeness(examples, [(title, text) for title, text, _ in training])
    right = wrong = missed = 0
    for title, text, topics in reuters("TEST"):
        found = near_topics(learnt.score(title, text))
        wanted = topics.intersection(TOP_TEN)
        right, wrong, missed = (
            right + len(found & wanted),
            wrong + len(found - wanted),
            missed + len(wanted - found),
        )
    assert 2 * right / (2 * right + wrong + missed) >= 0.90


def near_topics(found: dict[TopicId, Nearness]) -> set[str]:
    return {topic for topic, nearness in found.items() if nearness.score >= 0.5}
