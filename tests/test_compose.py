"""A story composed of its reports: what it tells, in whose words, in which order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from hypothesis import given, settings
from hypothesis import strategies as st
from test_publish_formats import report

from aggregator.model import EntryId, Report, SourceId, Story, StoryId
from aggregator.story.compose import compose_story
from aggregator.story.dateline import strip_dateline, told_sentences
from aggregator.story.narrative import EXCERPT
from aggregator.text.sentences import split_sentences

DEV = Path(__file__).resolve().parents[2] / "shared" / "curation" / "korea-ukraine-dev.jsonl"

HARBOUR = (
    "A cargo ship ran aground at the mouth of Gdynia harbour on Monday with 14 sailors on board, the coast guard said. "
    "A helicopter lifted nine of the crew to safety before dark. "
    "The port has been closed to all traffic since the accident. "
    "In 2019 another vessel of the same owner sank near the same spot."
)
GAZETTE = (
    "GDYNIA, Nov. 25 (Coast Press) -- Tugs failed twice on Monday to free a stranded cargo ship that blocks "
    "the entrance to the port of Gdynia. "
    "The owner of the ship promised to pay for the salvage, which may take a week. "
    "He did not name a sum. "
    "Read more on our site."
)
MORSKI = (
    "Statek towarowy osiadł w poniedziałek na mieliźnie u wejścia do portu w Gdyni. "
    "Na pokładzie było 14 marynarzy z Filipin. Kapitan jest przesłuchiwany przez prokuratora."
)
BADA = (
    "(그디니아=바다통신) 김바다 기자 = 25일 폴란드 그디니아 항구 입구에서 화물선이 좌초해 항로가 막혔다. "
    "선장은 항해 장비가 고장 났다고 진술한 것으로 알려졌다. 무단 전재 및 재배포 금지"
)


def outlet(entry: int, text: str, language: str = "en", **changes: Any) -> Report:
    title = changes.pop("title", f"{text.split('. ')[0]} {entry}")
    return report(entry, text=text, language=language, title=title, **changes)


def told(*reports: Report, languages: Sequence[str] = ("en", "ko", "uk"), **changes: Any) -> Story:
    return compose_story(
        StoryId("s"), reports, first_published=NOON, updated=NOON, languages=languages, **changes
    )


def texts(sentences: Sequence[Any]) -> list[str]:
    return [sentence.text for sentence in sentences]


SHIP = (
    outlet(1, HARBOUR, title="Cargo ship aground at entrance to Gdynia port"),
    outlet(2, GAZETTE, title="Tugs fail to free ship at Gdynia"),
    outlet(3, MORSKI, "pl", title="Statek na mieliźnie w Gdyni"),
    outlet(4, BADA, "ko", title="폴란드 그디니아서 화물선 좌초"),
)


# The story


def test_the_leads_opening_comes_first_then_the_others_and_the_background_last() -> None:
    story = told(*SHIP)
    assert story.lead.entry == 1
    assert texts(story.story) == [
        "A cargo ship ran aground at the mouth of Gdynia harbour on Monday with 14 sailors on board, the coast guard "
        "said.",
        "A helicopter lifted nine of the crew to safety before dark.",
        "The port has been closed to all traffic since the accident.",
        "In 2019 another vessel of the same owner sank near the same spot.",
    ]
    assert texts(story.highlights) == [
        "Tugs failed twice on Monday to free a stranded cargo ship that blocks the entrance to the port of Gdynia.",
        "The owner of the ship promised to pay for the salvage, which may take a week.",
    ]


def test_a_sentence_that_leans_on_the_one_before_is_not_told_without_it() -> None:
    long = " and so on".join([""] * 45)
    story = told(SHIP[0], outlet(2, f"The owner promised to pay{long}. He did not name a sum."))
    assert "He did not name a sum." not in texts(story.story)


def test_a_lead_without_text_lets_the_next_report_begin() -> None:
    story = told(outlet(1, "", title="Cargo ship aground at Gdynia harbour entrance"), *SHIP[1:])
    assert story.headline == "Cargo ship aground at Gdynia harbour entrance"
    assert texts(story.story)[0].startswith("Tugs failed")


@pytest.mark.parametrize("strap", ["No! more! ships!", "A third try?", "Stuck again."])
def test_a_strapline_does_not_begin_the_story(strap: str) -> None:
    story = told(replace(SHIP[0], text=f"{strap}\n{HARBOUR}"), *SHIP[1:])
    assert texts(story.story)[0].startswith("A cargo ship ran aground")
    assert strap not in texts(story.story)


def test_nothing_is_told_twice() -> None:
    again = HARBOUR.replace("A cargo ship", "A large cargo ship").replace(
        "nine of the crew", "nine of its crew"
    )
    story = told(SHIP[0], outlet(2, again, title="Ship aground"))
    assert len(story.story) == 4


def test_a_preview_that_the_event_overtook_is_left_out() -> None:
    preview = outlet(
        1,
        "The minister is expected in Seoul on Wednesday to ask for missiles. Kyiv wants radars too.",
        title="Minister is expected in Seoul to ask for missiles",
        published=NOON.replace(hour=1),
    )
    event = "The minister met the president in Seoul on Wednesday and asked for missiles."
    reports = [outlet(n, event, title="Minister meets president in Seoul", published=NOON) for n in (2, 3, 4)]
    story = told(preview, *reports)
    assert texts(story.story) == [event, "Kyiv wants radars too."]


def test_the_readers_language_is_told_and_no_other_beside_it() -> None:
    english = told(*SHIP)
    assert {one.entry for one in (*english.highlights, *english.story)} == {1, 2}
    polish = told(*SHIP, languages=("pl",))
    assert polish.lead.entry == 3
    assert {one.entry for one in polish.story} == {3}
    korean = told(*SHIP, languages=("ko", "pl", "en"))
    assert korean.headline == "폴란드 그디니아서 화물선 좌초"
    assert texts(korean.story) == [
        "25일 폴란드 그디니아 항구 입구에서 화물선이 좌초해 항로가 막혔다.",
        "선장은 항해 장비가 고장 났다고 진술한 것으로 알려졌다.",
    ]


def test_without_a_preference_the_language_of_most_reports_is_told() -> None:
    assert told(*SHIP, languages=()).language == "en"
    assert told(*SHIP[2:], outlet(5, "Statek utknął w porcie.", "pl"), languages=()).language == "pl"


def test_copies_and_opinions_are_not_told() -> None:
    copy = outlet(5, "A copy says something else of the ship at Gdynia harbour.", duplicate_of=EntryId(1))
    opinion = outlet(6, "I think that ships at Gdynia harbour are too large.", kind="opinion")
    story = told(*SHIP, copy, opinion)
    assert {one.entry for one in (*story.story, *story.highlights)} <= {1, 2, 3, 4}
    assert [one.entry for one in story.opinions] == [6]
    assert len(story.coverage) == 6


def test_a_copy_stands_for_an_original_that_left() -> None:
    story = told(
        outlet(5, HARBOUR, duplicate_of=EntryId(1)), outlet(6, HARBOUR, duplicate_of=EntryId(1)), SHIP[1]
    )
    assert {one.entry for one in (*story.story, *story.highlights)} == {5, 2}


def test_a_single_report_is_its_excerpt_without_highlights() -> None:
    story = told(SHIP[1], outlet(5, GAZETTE, duplicate_of=EntryId(2)))
    assert story.highlights == ()
    assert texts(story.story)[0].startswith("Tugs failed twice")
    assert texts(story.story)[-1] == "He did not name a sum."


def test_a_long_single_report_is_highlighted_with_what_its_excerpt_leaves_out() -> None:
    facts = (
        "The first mate of the ship told the court that the radar had failed at noon. "
        "Prosecutors in Gdynia want the captain to stay in prison until the trial begins. "
        "A diver found a hole of two metres below the engine room of the ship. "
        "The insurer in London refused to comment on a claim for nine million euros."
    )
    padding = " ".join(f"Filler number {n} is here for the length of the excerpt alone." for n in range(8))
    story = told(outlet(1, f"{padding} {facts}", title="Witnesses of ship accident heard in Gdynia court"))
    assert len(story.highlights) == 3
    assert not set(texts(story.highlights)) & set(texts(story.story))


def test_the_editors_headline_wins() -> None:
    assert told(*SHIP, headline="By hand").headline == "By hand"


# Always

GARBAGE = st.text(alphabet=st.sampled_from('Аб가나Tge 0159.!?"“”«»()-–—…:;,\n\t\x00|@'), max_size=300)
PROSE = st.lists(
    st.sampled_from(
        [*HARBOUR.split(". "), *GAZETTE.split(". "), *MORSKI.split(". "), *BADA.split(". "), "He left"]
    ),
    max_size=12,
).map(lambda parts: ". ".join(parts) + ".")


@st.composite
def stories(draw: st.DrawFn) -> list[Report]:
    count = draw(st.integers(1, 8))
    return [
        report(
            entry,
            title=draw(GARBAGE),
            text=draw(PROSE | GARBAGE | st.text(max_size=80)),
            source=SourceId(f"s{entry % 3}"),
            source_title=f"S{entry % 3}",
            language=draw(st.sampled_from(["en", "en-GB", "ko", "uk_UA", "pl", None, "?"])),
            kind=draw(st.sampled_from(["report", "report", "opinion"])),
            duplicate_of=draw(st.none() | st.integers(1, 9).map(EntryId)),
        )
        for entry in range(1, count + 1)
    ]


@settings(max_examples=150)
@given(stories(), st.lists(st.sampled_from(["en", "ko", "uk", "pl"]), unique=True))
def test_every_sentence_stands_in_its_report_and_no_source_is_emptied(
    reports: list[Report], languages: list[str]
) -> None:
    story = told(*reports, languages=languages)
    folded = {one.entry: " ".join(one.text.split()) for one in reports}
    for one in (*story.highlights, *story.story):
        assert one.text.removesuffix("…").rstrip() in folded[one.entry]
    taken: Counter[str] = Counter()
    for one in story.story:
        taken[one.source] += len(one.text)
    assert max(taken.values(), default=0) <= EXCERPT
    assert len(story.highlights) <= 3
    assert len(set(texts(story.highlights))) == len(story.highlights)
    originals = [one for one in reports if one.kind == "report" and one.duplicate_of is None]
    if len(originals) > 1:
        assert len(story.story) <= 8 or {one.entry for one in story.story} == {story.lead.entry}
    assert story == told(*reports, languages=languages)


@settings(max_examples=50)
@given(st.permutations(SHIP))
def test_the_order_in_which_reports_are_given_changes_nothing(reports: list[Report]) -> None:
    one, other = told(*SHIP), told(*reports)
    assert (one.headline, one.highlights, one.story) == (other.headline, other.highlights, other.story)


def test_five_hundred_reports_are_read_in_part() -> None:
    many = [replace(SHIP[n % 4], entry=EntryId(n), source_title=f"S{n}") for n in range(1, 501)]
    story = told(*many)
    assert 3 <= len(story.story) <= 8
    assert 2 <= len(story.highlights) <= 3


@pytest.mark.shared
@pytest.mark.skipif(not DEV.exists(), reason=f"needs the labelled data, {DEV}")
@pytest.mark.parametrize("languages", [("en", "ko", "uk"), ("ko", "en"), ("uk",), ()])
def test_labelled_events_are_told_in_the_readers_language(languages: tuple[str, ...]) -> None:
    rows = [json.loads(line) for line in DEV.read_text(encoding="utf-8").splitlines()]
    number = {row["id"]: EntryId(at) for at, row in enumerate(rows)}
    events: dict[str, list[Report]] = {}
    for row in rows:
        events.setdefault(row["gold"], []).append(
            report(
                number[row["id"]],
                title=row["title"],
                text=row["text"],
                language=row["language"],
                published=datetime.fromisoformat(row["published"]),
                source_title=row["source"],
                kind="opinion" if row["opinion"] else "report",
                duplicate_of=number.get(row["duplicate_of"]),
            )
        )
    for reports in events.values():
        story = told(*reports, languages=languages)
        spoken = {one.language for one in reports if one.kind == "report"}
        wanted = next((language for language in languages if language in spoken), story.language)
        assert story.language == wanted
        assert story.lead.entry in (story.story[0].entry, *(one.entry for one in story.highlights[:1]))
        assert all(one.text[-1] in '.!?”"»' for one in (*story.story, *story.highlights))


# What an outlet puts around a report


@pytest.mark.parametrize(
    ("paragraph", "begins"),
    [
        ("SEOUL, Nov. 27 (Yonhap) -- The president said", "The president"),
        ("WASHINGTON (AP) — The U.S. said", "The U.S."),
        ("KYIV, Ukraine (AP) — A drone", "A drone"),
        ("WARSAW, Poland - Poland said", "Poland said"),
        ("(Reuters) - The bank", "The bank"),
        ("(서울=연합뉴스) 홍길동 기자 = 대통령이", "대통령이"),
        ("[서울=뉴시스]홍길동 기자 = 대통령이", "대통령이"),
        ("홍길동 기자 hong@news.example = 대통령이", "대통령이"),
        ("КИЇВ, 27 листопада (Укрінформ) – Міністр", "Міністр"),
        ("МОСКВА, 27 ноября. /ТАСС/. Министр", "Министр"),
        ("МОСКВА, 27 ноя - РИА Новости. Министр", "Министр"),
        ("Seul, 27 listopada (PAP) – Minister", "Minister"),
        ("JERUSALEM: The government", "The government"),
        ("Updated Here at the fair", "Here at"),
        ("EXCLUSIVE: The mayor", "The mayor"),
        ("Minister: We wait", "Minister: We"),
        ("Update on the case", "Update on"),
        ("Kyiv – the capital – was hit", "Kyiv – the"),
        ("NATO - the alliance - met", "NATO"),
        ("The K2 - a tank - rolls", "The K2"),
        ("우크라이나 특사단이 서울에", "우크라이나"),
    ],
)
def test_a_report_begins_behind_its_dateline(paragraph: str, begins: str) -> None:
    assert strip_dateline(paragraph).startswith(begins)


@pytest.mark.parametrize(
    "furniture",
    [
        "By Jane Doe\n",
        "Read more: the whole story.",
        "Sign up for our newsletter.",
        "Jane Doe has details.",
        "The fact goes on […].",
        "This report was supplied by a partner agency.",
        "Photo: a tank at the fair.",
        "A tank stands at the fair (Yonhap).",
        "무단 전재 및 재배포 금지",
        "홍길동 기자 hong@news.example",
        "Читайте також: інша новина.",
        "Підписуйтесь на наш канал.",
        "Подписывайтесь на нас.",
        "Czytaj też: inny tekst.",
    ],
)
def test_what_is_no_report_is_left_out(furniture: str) -> None:
    text = f"The first fact is told.\n{furniture}\nThe last fact is told."
    assert told_sentences(text, None, within=500)[-1] == "The last fact is told."
    assert told_sentences(text, None, within=500)[0] == "The first fact is told."
    assert not any(furniture.strip()[:8] in one for one in told_sentences(text, None, within=500))


def test_a_sentence_cut_by_the_limit_is_left_out() -> None:
    assert told_sentences("One is whole. Two is not whole.", "en", within=25) == ["One is whole."]


# Where sentences end


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["S. Korea said on Nov. 27 that Dr. Kim of the U.S. Army met Gen. Lee.", "He left."]),
        ("en", ['"We will help." Yoon said.', "“It is time,” he said.", "The minister agreed."]),
        ("en", ["It cost $3.5 bn. in all.", "No. 5 won (see p. 5)."]),
        ("ko", ['"우리는 함께할 것이다. 그렇다."라고 강조했다.', "금리는 3.00%로 내렸다.", "정말인가?"]),
        ("uk", ["Р. Умєров прибув 27 листоп. 2024 р. у Сеул.", "Вартість 3,5 млрд. грн. на рік."]),
        (
            "uk",
            ["Згідно зі ст. 5 договору, м. Київ отримає ракети.", "«Ми готові. Ми чекаємо», – сказав він."],
        ),
        ("uk_UA", ["Ген. Павлюк і проф. Іваненко зустрілися.", "Це так?"]),
        ("ru", ["По ст. 275 УК РФ.", "Стоимость 3,5 млрд. руб. в год.", "Около 5 тыс. человек погибли."]),
        ("pl", ["Rozmowa z gen. Kowalskim odbyła się 27 list. 2024 r. w Seulu.", "Ok. 50 osób zginęło."]),
        ("pl", ["„Jesteśmy gotowi. Czekamy” – powiedział.", "Na ul. Długiej był wybuch."]),
        (None, ["One.", "Two."]),
        ("no-such", ["One.", "Two."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(language: str | None, sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences), language) == sentences


@given(st.text(max_size=400) | GARBAGE, st.sampled_from(["en", "ko", "uk", "pl", None, "", "-", "_"]))
def test_sentences_hold_every_letter_of_the_text_in_order(text: str, language: str | None) -> None:
    whole = "".join(split_sentences(text, language))
    assert "".join(whole.split()) == "".join(text.split())


def test_where_there_is_plenty_to_tell_nothing_stands_in_highlights_and_story_both() -> None:
    facts = [
        "The storm tore the roof from the school of Hel. Ninety pupils were sent home at noon.",
        "Sopot lost its wooden pier to the waves. The mayor put the damage at nine million zloty.",
        "A tram left its rails in Gdansk. Firemen freed the driver with a saw.",
        "Fishermen of Puck pulled their boats ashore. Insurers will look at the harbour on Friday.",
        "Power failed in 400 houses near Reda. Engineers had restored most lines by evening.",
        "Trains to Warsaw stood still for five hours. Soldiers handed out tea at the stations.",
    ]
    reports = [outlet(number, text, title=f"Storm, part {number}") for number, text in enumerate(facts, 1)]
    story = told(*reports)
    assert len(story.highlights) == 3
    assert len(story.story) >= 6
    assert not {*texts(story.highlights)} & {*texts(story.story)}


def test_the_points_of_a_list_are_no_sentences_of_a_story() -> None:
    listed = outlet(
        1,
        "The port listed the damage on Tuesday. Cranes: two of five bent by the wind. Sheds: nine roofs torn away. "
        "The work of clearing it all will take a month, its head said in Gdynia.",
        title="Damage in port",
    )
    story = told(listed, outlet(2, GAZETTE, title="Tugs fail to free ship at Gdynia"))
    assert not any(text.startswith(("Cranes", "Sheds")) for text in texts(story.story))
    assert "The port listed the damage on Tuesday." in texts((*story.highlights, *story.story))


def test_what_stands_in_a_list_of_a_report_is_no_sentence_of_a_story() -> None:
    first, last = (
        "The relief fund published its yearly account on Monday.",
        "Nothing else was sent this year.",
    )
    points = ["Blankets for nine towns at the coast were bought.", "Tents came from a shop in Sopot."]
    items = "".join(f"<li><b>{point}</b></li>" for point in points)
    listed = outlet(
        1, "\n".join([first, *points, last]), content=f"<p>{first}</p><ul>{items}</ul><p>{last}</p>"
    )
    assert texts(told(listed).story) == [first, last]
    both = told(listed, SHIP[1])
    assert not {*texts((*both.highlights, *both.story))} & {*points}
    only = outlet(1, "\n".join(points), content=f"<ul>{items}</ul>")
    assert texts(told(only).story) == points
