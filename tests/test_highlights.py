"""The three sentences on top: short, whole, distinct, and borne out by others."""

from __future__ import annotations

from dataclasses import replace

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


AMPLE = (
    outlet(
        7, "Rain fell on all 48 flags. A crowd cheered in the street. The children danced.", title="Parade"
    ),
    outlet(8, "Bakers sold bread at 48 stations all night long. The trams stopped at ten.", title="Bread"),
    outlet(9, "Zebras went up a hill. Doctors drank cold tea. Painters used green ink.", title="Zebras"),
)
"""So much beside that there is something left for the story, whatever is highlighted."""


def test_a_highlight_is_what_several_outlets_say() -> None:
    story = told(*OTHERS, *AMPLE)
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
        "The makers agreed with Latvia, and also promised Estonia 48 howitzers under the pact.",
        "The pact lets Latvia buy both in 48 howitzers for Estonia.",
        "Critics see the pact on 48 howitzers for Estonia and Latvia: they read that as a threat.",
        "The pact on 48 howitzers for Estonia and Latvia raises a question that is old.",
        "What the pact on 48 howitzers means for Estonia and Latvia remains to be seen.",
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
    story = told(
        outlet(1, f"Guns were bought in bulk by two states on Friday. {sentence}", title="Guns bought"),
        *AMPLE,
    )
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
    ample = [replace(one, language=language) for one in AMPLE]
    for sentence, taken in ((leaning, False), (standing, True)):
        first = outlet(
            1, f"Abcd efgh ijkl mnop qrst uvwx yzab cdef ghij. {sentence}", language, title="Abcd 48"
        )
        assert (sentence in texts(told(first, *ample, languages=(language,)).highlights)) == taken


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


def test_highlights_are_in_the_language_of_the_headline() -> None:
    english = told(*SHIP)
    assert english.highlights
    assert {one.entry for one in english.highlights} <= {1, 2}


MEETING = (
    outlet(
        1,
        "A delegation from Riga met the president in Tallinn on Monday to ask for howitzers. "
        "The guests stayed for a dinner by the sea. The ferry back to Latvia was late by two hours.",
        title="Delegation from Riga asks Tallinn for howitzers",
    ),
    outlet(
        2,
        "The president received a delegation from Riga at the castle in Tallinn. "
        "No decision on howitzers was announced. Guards in white gloves lined the road to the gate.",
        title="President receives delegation from Riga",
    ),
    outlet(
        3,
        "Latvia has spent three percent of its budget on defence this year. "
        "Its army has no artillery with a range beyond forty kilometres.",
        title="What the delegation from Riga wants",
    ),
)


def test_the_story_begins_with_the_news_and_the_first_highlight_is_the_news_in_other_words() -> None:
    story = told(*MEETING)
    assert texts(story.story)[0].startswith("A delegation from Riga met the president")
    assert texts(story.highlights)[0].startswith("The president received a delegation from Riga")
    assert not {*texts(story.highlights)} & {*texts(story.story)}


def test_where_there_is_little_to_tell_the_highlights_go_and_the_story_stays() -> None:
    story = told(
        outlet(1, "The bank lowered its rate to three percent. Analysts expected no change.", title="Rates"),
        outlet(2, "Shares of exporters rose sharply in Busan. Growth forecasts were cut.", title="Rates"),
    )
    assert (len(story.story), story.highlights) == (4, ())


def test_the_same_sentence_of_two_reports_is_not_shown_in_both_places() -> None:
    again = replace(MEETING[0], entry=EntryId(9), source_title="Outlet 9")
    story = told(*MEETING, again)
    assert story.highlights
    assert not {*texts(story.highlights)} & {*texts(story.story)}


def test_highlights_come_from_different_outlets_where_they_can() -> None:
    assert len({one.entry for one in told(*MEETING).highlights}) > 1
