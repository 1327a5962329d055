"""The three sentences on top: short, whole, distinct, and borne out by others."""

from __future__ import annotations

import pytest
from builders import NOON
from test_compose import SHIP, outlet, texts, told

from aggregator.model import EntryId

AGREED = "The pact covers 48 howitzers for Estonia and Latvia."
OTHERS = (
    outlet(
        1,
        f"Two Baltic states chose a Korean gun on Friday. {AGREED} Nobody expected the rain.",
        title="Baltic gun deal",
    ),
    outlet(
        2,
        "Estonia and Latvia ordered 48 howitzers under the pact. A band played.",
        title="Baltic states order guns",
    ),
    outlet(
        3,
        "Under the pact, 48 howitzers go to Estonia and Latvia from 2026. It was cold.",
        title="Baltic deal signed",
    ),
)


def test_a_highlight_is_what_several_outlets_say() -> None:
    story = told(*OTHERS)
    assert "48 howitzers" in texts(story.highlights)[0]
    assert sum("48 howitzers" in text for text in texts(story.highlights)) == 1


def test_a_copy_bears_nothing_out() -> None:
    rain = outlet(
        4, "Nobody expected the rain. " * 3, title="Nobody expected the rain", duplicate_of=EntryId(1)
    )
    assert texts(told(*OTHERS).highlights) == texts(told(*OTHERS, rain).highlights)


@pytest.mark.parametrize(
    "sentence",
    [
        "He said that the 48 howitzers of the pact go to Estonia and Latvia.",
        "It also covers 48 howitzers for Estonia and Latvia in the pact.",
        "“We ordered 48 howitzers for Estonia and Latvia in the pact.”",
        "The pact for 48 howitzers for Estonia and Latvia was a surprise, he said.",
        "The pact also covers 48 howitzers for Estonia and Latvia.",
        "Does the pact cover 48 howitzers for Estonia and Latvia?",
        "The pact covers 48 howitzers for Estonia and Latvia!",
        "“The 48 howitzers” of the pact for Latvia are a “big step for Estonia.”",
        "Photo: the 48 howitzers of the pact for Estonia and Latvia.",
        "The pact on 48 howitzers for Estonia and Latvia covers…",
        "the pact on 48 howitzers for Estonia and Latvia",
        "48 howitzers.",
    ],
)
def test_a_highlight_stands_by_itself(sentence: str) -> None:
    story = told(*OTHERS[1:], outlet(5, f"Guns were bought. {sentence}", title="Guns bought", published=NOON))
    assert sentence not in texts(story.highlights)


@pytest.mark.parametrize(
    "begins", ["The minister said", "On Friday it was said", "Ten ministers said", "One of five said"]
)
def test_the_same_sentence_is_taken_when_it_names_its_subject(begins: str) -> None:
    sentence = f"{begins} that the 48 howitzers of the pact go to Estonia and Latvia."
    other = outlet(2, "Rain fell on the parade of 48 flags. A band played in the streets.", title="Parade")
    story = told(outlet(1, f"Guns were bought in bulk. {sentence}", title="Guns bought"), other)
    assert sentence in texts(story.highlights)


@pytest.mark.parametrize(
    ("language", "leaning", "standing"),
    [
        (
            "uk",
            "Він заявив про 48 гаубиць для Естонії та Латвії.",
            "Уряд заявив про 48 гаубиць для Естонії та Латвії.",
        ),
        (
            "ru",
            "Он заявил о 48 гаубицах для Эстонии и Латвии.",
            "Посол заявил о 48 гаубицах для Эстонии и Латвии.",
        ),
        ("pl", "To oznacza 48 haubic dla Estonii i Łotwy.", "Umowa oznacza 48 haubic dla Estonii i Łotwy."),
        (
            "ko",
            "그는 에스토니아가 자주포 48문을 산다고 했다.",
            "장관은 에스토니아가 자주포 48문을 산다고 했다.",
        ),
    ],
)
def test_every_language_has_its_own_words_that_lean(language: str, leaning: str, standing: str) -> None:
    other = outlet(2, "Zxcv qwer 48 tyui opas. Dfgh jklz xcvb nmqw erty.", language, title="Zxcv")
    for sentence, taken in ((leaning, False), (standing, True)):
        first = outlet(1, f"Abcd efgh ijkl mnop qrst. {sentence}", language, title="Abcd")
        assert (sentence in texts(told(first, other, languages=(language,)).highlights)) == taken


def test_what_only_repeats_the_headline_is_no_highlight() -> None:
    reports = [
        outlet(
            1,
            "Estonia and Latvia buy Korean howitzers. The first guns arrive in spring by sea.",
            title="Estonia and Latvia buy Korean howitzers",
        ),
        outlet(
            2, "Berlin was disappointed by the decision of Tallinn and Riga.", title="Howitzers for Latvia"
        ),
    ]
    assert "Estonia and Latvia buy Korean howitzers." not in texts(told(*reports).highlights)


def test_highlights_that_are_the_whole_story_are_left_out() -> None:
    first = outlet(1, "The bank of Korea lowered its rate on Thursday to three percent.", title="Rate cut")
    second = outlet(2, "Shares of exporters rose sharply in Busan after lunch.", title="Rate cut surprises")
    story = told(first, second)
    assert len(story.story) == 2
    assert story.highlights == ()


def test_other_languages_fill_up_behind_the_readers_own() -> None:
    story = told(SHIP[2], SHIP[3], languages=("ko", "pl"))
    assert [one.entry for one in story.highlights] == [4, 4, 3]
    assert not any("기자" in one.text or "재배포" in one.text for one in story.highlights)


def test_highlights_come_from_different_outlets_where_they_can() -> None:
    assert {one.entry for one in told(*SHIP).highlights} == {1, 2}
