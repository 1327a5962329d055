"""How a story reads: in one language, from its news on, with whole quotations, and nothing in it twice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_compose import HARBOUR, outlet, told
from test_quotes import NEED, NEED_KO, WAIT

from aggregator.model import Report, Story
from aggregator.publish.summary import story_summary

STORM = "Шторм зірвав дах зі школи в Одесі, і дев'яносто учнів відпустили додому. Порт закрили до вівторка."
STORM_KO = "폭풍이 오데사의 학교 지붕을 날려 학생 90명이 집으로 돌아갔다. 항구는 화요일까지 폐쇄된다."


def languages(story: Story) -> set[str | None]:
    spoken = {report.entry: report.language for report in story.coverage}
    return {spoken[one.entry] for one in (*story.story, *story.highlights)}


# One language


@pytest.mark.parametrize(
    "english",
    [
        "A storm tore the roof from a school in Odesa.",
        "It was dark. The roof is gone.",
        "It tore the roof from a school.",
        "“We are closed, said the head of the school. The storm came at noon.",
        "There was a storm in Odesa. Also the school lost its roof, they said.",
        f"A storm {'and another storm ' * 30}came to Odesa.",
    ],
)
def test_a_report_in_the_language_of_the_headline_is_what_is_told(english: str) -> None:
    reports = outlet(1, STORM_KO, "ko"), outlet(2, STORM, "uk"), outlet(3, english, title="Storm in Odesa")
    story = told(*reports)
    assert (story.headline, languages(story)) == ("Storm in Odesa", {"en"})


def test_without_a_text_in_the_language_of_the_headline_one_other_language_is_told() -> None:
    reports = outlet(1, STORM, "uk"), outlet(2, STORM_KO, "ko"), outlet(3, "", title="Storm in Odesa")
    story = told(*reports)
    assert (story.headline, languages(story)) == ("Storm in Odesa", {"ko"})
    assert languages(told(*reports, languages=("en", "uk"))) == {"uk"}


TEXT = st.lists(
    st.sampled_from([
        "A storm tore the roof from a school. ", "He left. ", "“We wait. ", '"', "It was late. ", "Who knows? ",
        "Порт закрили до вівторка. ", "항구는 화요일까지 폐쇄된다. ", "\n",
    ]),
    max_size=8,
).map("".join)  # fmt: skip


@given(st.lists(st.tuples(TEXT, st.sampled_from(["en", "ko", "uk", "pl"])), min_size=1, max_size=5))
def test_no_story_is_told_in_two_languages_or_with_half_a_quotation(pieces: list[tuple[str, str]]) -> None:
    story = told(*[outlet(n, text, language) for n, (text, language) in enumerate(pieces, 1)])
    assert len(languages(story)) <= 1
    for one in (*story.story, *story.highlights):
        # A straight mark may stand for a curly one
        assert len(re.findall('["“”]', one.text)) % 2 == 0
        assert not re.match('"[^"“”]*$', one.text)


# The same quotation in two languages


def twice(other: Report, **changes: Any) -> list[tuple[str | None, str]]:
    opening = "A delegation came to Seoul on Wednesday to ask for help against the drones."
    text = f"{opening} “{WAIT},” said Danylo Korchak. Later the guests left the city."
    return [(quote.language, quote.speaker) for quote in told(other, outlet(9, text), **changes).quotes]


def test_a_quotation_is_shown_in_one_language() -> None:
    uk = "У середу до Сеула прибула делегація, щоб просити про допомогу проти дронів."
    end = "Потім гості поїхали з міста."
    same = outlet(1, f"{uk} «{NEED}», — сказав Данило Корчак. {end}", "uk")
    assert twice(same) == [("en", "Danylo Korchak")]
    assert twice(same, languages=("uk", "en")) == [("uk", "Данило Корчак")]
    # A name that is written as differently as can be, at the same place of the report
    other = outlet(1, f"{uk} «{NEED}», — сказав Іва Ло. {end}", "uk")
    assert twice(other) == [("en", "Danylo Korchak")]
    elsewhere = outlet(1, f"{uk} {end * 9} «{NEED}», — сказав Іва Ло.", "uk")
    assert twice(elsewhere) == [("en", "Danylo Korchak"), ("uk", "Іва Ло")]


def test_what_the_language_of_the_story_quotes_of_nobody_known_is_not_quoted_in_another() -> None:
    unknown = outlet(1, f"The guests came by train. “{WAIT},” one said. They left at night.")
    uk = outlet(2, f"Гості приїхали потягом. «{NEED}», — сказав Данило Корчак. Вони поїхали вночі.", "uk")
    assert told(unknown, uk).quotes == ()
    assert [quote.language for quote in told(outlet(1, "The guests came by train."), uk).quotes] == ["uk"]


def test_readers_are_quoted_nothing_in_a_language_that_is_not_theirs() -> None:
    uk = outlet(2, f"Гості приїхали потягом. «{NEED}», — сказав Данило Корчак. Вони поїхали вночі.", "uk")
    both = outlet(1, "The guests came by train."), uk
    assert told(*both, languages=("en", "ko")).quotes == ()
    assert len(told(*both, languages=()).quotes) == 1


def test_a_korean_name_is_heard_in_latin_letters() -> None:
    text = f"특사단이 서울에 왔다. {'손님들은 도시를 떠났다. ' * 6}다닐로 코르착 장관은 “{NEED_KO}”고 말했다."
    assert twice(outlet(1, text, "ko")) == [("en", "Danylo Korchak")]


# The beginning


def summary(*reports: Report) -> str:
    return story_summary(told(*reports))


def test_a_summary_begins_with_the_first_sentence_of_the_lead() -> None:
    first = "Tugs from three countries freed a cargo ship at the mouth of Gdynia harbour on Tuesday."
    more = "The ship was towed to a dock. Its owner will pay. Divers look for damage to the hull of the ship."
    lead = outlet(1, f"{first} {more}", title="Tugs free cargo ship at Gdynia harbour")
    other = outlet(
        2, f"A cargo ship is afloat at Gdynia harbour again. {HARBOUR}", title="Cargo ship afloat at Gdynia"
    )
    assert summary(lead, other).startswith(first)
    assert summary(lead).startswith(first)


@pytest.mark.parametrize(
    "start",
    [
        '" said the captain.', "He sang.", "“We are free!", 'free at last," he said.', 'It was "quite free.',
        "Watch it here!", "free at last.", "while the guests of the harbour sang until late at night.",
    ],
)  # fmt: skip
def test_a_summary_begins_with_a_whole_sentence(start: str) -> None:
    first = "Tugs from three countries freed a cargo ship at Gdynia on Tuesday."
    lead = outlet(1, f"{start}\n{first} The owner pays.", title="Tugs free cargo ship at Gdynia harbour")
    assert summary(lead, outlet(2, HARBOUR, title="Cargo ship afloat at Gdynia")).startswith(first)
    if not re.match(r"He|Watch", start):
        assert summary(lead).startswith(first)


@pytest.mark.parametrize("name", ["iPhones", "al-Qaeda", "von der Heide", "e-bikes"])
def test_a_name_without_a_capital_begins_a_sentence(name: str) -> None:
    first = f"{name} came back to the market of Gdynia on Tuesday after a year."
    assert summary(outlet(1, f"{first} The owner pays.")).startswith(first)
    assert summary(outlet(1, f"{first} The owner pays."), outlet(2, "", title="Gdynia")).startswith(first)


def test_who_writes_without_capitals_is_told_too() -> None:
    assert len(told(outlet(1, "we came to gdynia.\nthe sea was cold.\nso we left.")).story) == 3


def test_the_news_may_begin_with_a_word_that_points_at_the_day() -> None:
    first = "This morning tugs from three countries freed a cargo ship at Gdynia harbour."
    lead = outlet(1, f"{first} The owner pays for it.", title="Tugs free cargo ship at Gdynia harbour")
    assert summary(lead, outlet(2, HARBOUR, title="Cargo ship afloat at Gdynia")).startswith(first)


def test_what_a_shop_earns_is_no_part_of_a_story() -> None:
    first = "Tugs from three countries freed a cargo ship at Gdynia on Tuesday."
    note = "When you buy through links on our site, we may earn a commission."
    assert summary(outlet(1, f"{note} {first} The owner pays.")) == f"{first} The owner pays."


@pytest.mark.parametrize("start", ["Features", "• Tugs came.", "★★ Tugs came."])
def test_marks_and_names_of_sections_are_not_told(start: str) -> None:
    first = "Tugs from three countries freed a cargo ship at Gdynia on Tuesday."
    begin = start.partition(" ")[2]
    report = outlet(1, f"{start}\n{first}", title="Cargo ship afloat")
    assert summary(report) == f"{begin} {first}".strip() if begin else first


def test_a_speaker_without_what_they_said_does_not_begin_a_story() -> None:
    text = 'He joked about the tugs. What a day! Holm said in her "captain\'s" voice. “It is over.” Gdynia is open.'
    assert not summary(outlet(1, text, title="Tug talk"), outlet(2, "", title="Tugs")).startswith("Holm said")


def test_marks_of_two_kinds_make_a_quotation() -> None:
    sentence = 'The mayor of Gdynia has turned down an invitation to join the “Board of Tugs."'
    assert [one.text for one in told(outlet(1, sentence)).story] == [sentence]


# Opinions


def test_what_is_opinion_alone_is_not_told_as_a_story_too() -> None:
    story = told(outlet(1, "★ I think so. You should too.\n★★ Really.", kind="opinion", title="Why not"))
    assert (story.story, story.highlights, story.quotes) == ((), (), ())
    assert [report.entry for report in story.opinions] == [1]
    assert story_summary(story) == "I think so. You should too. Really."
