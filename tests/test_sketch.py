"""Which texts are copies of each other, though not word for word."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import count

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from aggregator.story.sketch import Sketch, SketchIndex, make_sketch
from aggregator.text.fold import words

DAY = timedelta(days=1)

ENGLISH = (
    "The ferry that links the two halves of the harbour town will stop at midnight on Friday, the council "
    "said after a meeting that lasted until dawn. Engineers found cracks in both of the landing stages last "
    "week and told the operator that repairs would take until spring. Commuters will be offered seats on a "
    "line of buses over the old bridge, which adds forty minutes to the journey. Shopkeepers on the eastern "
    "quay fear that visitors will stay away and have asked for their rents to be halved until the boats are "
    "back. The mayor promised an answer before the end of the month."
)
KOREAN = (
    "항구 도시의 두 지역을 잇는 여객선이 금요일 자정부터 운항을 멈춘다고 시의회가 밤샘 회의 끝에 밝혔다. "
    "기술자들은 지난주 양쪽 선착장에서 균열을 발견했으며 수리가 봄까지 걸릴 것이라고 운영사에 알렸다. "
    "통근자들은 옛 다리를 건너는 버스를 이용할 수 있지만 시간은 사십 분 더 걸린다. "
    "동쪽 부두의 상인들은 손님이 끊길 것을 걱정하며 배가 돌아올 때까지 임대료를 절반으로 낮춰 달라고 요청했다."
)
UKRAINIAN = (
    "Пором, що сполучає дві частини портового міста, зупиниться опівночі в п’ятницю, повідомила міська рада "
    "після засідання, яке тривало до світанку. Минулого тижня інженери виявили тріщини на обох причалах і "
    "сказали оператору, що ремонт триватиме до весни. Пасажирам запропонують місця в автобусах через старий "
    "міст, але дорога займе на сорок хвилин більше. Крамарі на східній набережній бояться, що відвідувачі "
    "перестануть приїжджати, і просять удвічі зменшити оренду, доки не повернуться човни."
)
JAPANESE = (
    "港町の二つの地区を結ぶ渡し船が金曜日の深夜に運航を停止すると、市議会が夜明けまで続いた会議の後に発表した。"
    "技術者らは先週、両岸の桟橋に亀裂を見つけ、修理は春までかかると運航会社に伝えた。"
    "通勤客は古い橋を渡る代替バスを利用できるが、所要時間は四十分長くなる。"
)
TEXTS = [ENGLISH, KOREAN, UKRAINIAN, JAPANESE]
FOOTER = {
    ENGLISH: "Sign up for our morning letter. All rights reserved, no part may be reproduced.",
    KOREAN: "무단 전재와 재배포를 금합니다. 제보는 누리집에서 받습니다.",
    UKRAINIAN: "Підписуйтесь на наш канал. Передрук лише з посиланням на джерело.",
    JAPANESE: "無断転載を禁じます。購読の申し込みはこちらから。",
}
every_language = pytest.mark.parametrize("text", TEXTS, ids=["en", "ko", "uk", "ja"])

WORDS = [f"{first}{second}" for first in ("bra", "cli", "du", "fen", "gor") for second in "abcdefghijklmnop"]


def prose(seed: int, length: int) -> str:
    """Words in an order that no other seed gives."""
    return " ".join(random.Random(seed).choices(WORDS, k=length))


SKETCHES = [make_sketch(str(seed), prose(seed, 50)) for seed in range(10)]


def index(*texts: str, title: str = "Title") -> SketchIndex:
    """The texts, an hour apart; keys count from 0."""
    stored = SketchIndex(5 * DAY)
    for key, text in enumerate(texts):
        stored.add(key, hours(key), make_sketch(title, text))
    return stored


def hours(number: int) -> datetime:
    return NOON + timedelta(hours=number)


def copied(
    stored: SketchIndex, text: str, *, title: str = "Another title", at: datetime = NOON
) -> int | None:
    return stored.copied_by(make_sketch(title, text), at)


def is_copy(one: str, other: str) -> bool:
    """Whichever comes first."""
    found = copied(index(one), other), copied(index(other), one)
    assert found[0] == found[1]
    return found[0] is not None


@every_language
def test_a_retitled_copy_between_boilerplate_is_found(text: str) -> None:
    assert is_copy(text, f"{FOOTER[text]} {text} {FOOTER[text]}")


@every_language
def test_a_copy_cut_to_half_is_found(text: str) -> None:
    assert is_copy(text, text[: len(text) // 2])


@pytest.mark.parametrize("text", [ENGLISH, KOREAN, UKRAINIAN], ids=["en", "ko", "uk"])
@pytest.mark.parametrize("every", [8, 10, 15])
def test_a_copy_with_some_words_changed_is_found(text: str, every: int) -> None:
    edited = text.split()
    edited[every // 2 :: every] = ["zzz"] * len(edited[every // 2 :: every])
    assert is_copy(text, " ".join(edited))


@pytest.mark.parametrize("length", [130, 400, 1500, 4000])
def test_the_first_sixty_words_of_an_article_are_a_copy_of_it(length: int) -> None:
    article = prose(1, length)
    assert is_copy(article, " ".join(article.split()[:60]))


def test_a_long_piece_that_quotes_a_short_report_is_not_its_copy() -> None:
    analysis = f"{prose(1, 700)} {ENGLISH} {prose(2, 700)}"
    assert not is_copy(ENGLISH, analysis)


@every_language
def test_other_texts_in_the_same_language_are_no_copies(text: str) -> None:
    sentences = text.replace("。", ". ").split(". ")
    assert not is_copy(f"{sentences[0]}.", ". ".join(sentences[1:]))


def test_texts_in_different_languages_are_no_copies() -> None:
    stored = index(*TEXTS)
    assert [copied(stored, text) for text in TEXTS] == [0, 1, 2, 3]


def test_reports_made_from_one_form_are_no_copies() -> None:
    def form(bank: str, *figures: str) -> str:
        one, two, three, four = figures
        return (
            f"{bank} is issuing a {one} bond due {two} paying {three} per cent and priced at {four}, the lead "
            "manager said. The bond is available in units of 1,000 and 10,000 and will be listed in Luxembourg. "
            f"Payment date is {two} and fees total {three} per cent, of which {four} are for selling."
        )

    stored = index(form("Harbour Bank", "75 mln dlr", "14 May 1992", "8.5", "101.6"))
    assert copied(stored, form("Crown of Alma", "300 mln euro", "2 June 1997", "9.25", "99.1")) is None
    assert copied(stored, form("Harbour Bank", "75 mln dlr", "14 May 1992", "8.5", "101.6")) == 0


SHORT = "A ferry sank off Monday."
BRIEF = "A small old ferry sank far off the coast on Monday"


def test_a_text_of_a_few_words_says_nothing() -> None:
    assert make_sketch("Ferry sinks", SHORT) == b""
    stored = index(SHORT)
    assert len(stored) == 0
    assert copied(stored, SHORT, title="Title") is None


def test_a_short_text_is_a_copy_only_under_the_same_title() -> None:
    assert copied(index(BRIEF), f"{BRIEF}!", title="TITLE") == 0
    assert copied(index(BRIEF), BRIEF, title="Other") is None


def test_boilerplate_alone_makes_no_copies_once_it_was_seen_often() -> None:
    frame = prose(0, 40)
    stored = SketchIndex(5 * DAY)
    for key in range(30):
        text = f"{prose(100 + key, 15)} {frame}"
        stored.add(key, hours(key), make_sketch("", text))
    news = f"{prose(500, 15)} {frame}"
    assert copied(stored, news, at=hours(31)) is None
    stored.forget(hours(14))
    assert copied(stored, news, at=hours(31)) is None


def test_a_report_that_very_many_outlets_carry_is_still_found() -> None:
    stored = SketchIndex(5 * DAY)
    for key in range(100):
        sketch = make_sketch("", f"{ENGLISH} {prose(key, 10)}")
        original = stored.copied_by(sketch, NOON)
        assert original == (0 if key else None)
        stored.add(key, NOON, sketch, original)
    assert len(stored) == 1


def test_the_oldest_of_several_that_agree_about_as_well_is_the_original() -> None:
    stored = index(f"{ENGLISH} {prose(1, 8)}", ENGLISH, prose(2, 100))
    assert copied(stored, ENGLISH, at=hours(3)) == 0


def test_a_far_better_match_is_the_original_though_it_is_not_the_oldest() -> None:
    half = " ".join(ENGLISH.split()[:50])
    stored = index(f"{half} {prose(1, 50)}", ENGLISH)
    assert copied(stored, f"{half} {prose(1, 50)}") == 0
    assert copied(stored, ENGLISH) == 1


def test_texts_further_apart_than_the_window_are_no_copies() -> None:
    stored = index(ENGLISH)
    assert copied(stored, ENGLISH, at=NOON + 5 * DAY) == 0
    assert copied(stored, ENGLISH, at=NOON + 5 * DAY + timedelta(seconds=1)) is None
    assert copied(stored, ENGLISH, at=NOON - 6 * DAY) is None


def test_old_texts_are_forgotten_and_younger_ones_are_not() -> None:
    stored = index(ENGLISH, KOREAN, UKRAINIAN)
    stored.forget(hours(1))
    assert (len(stored), copied(stored, ENGLISH), copied(stored, KOREAN)) == (2, None, 1)
    stored.forget(hours(10))
    assert len(stored) == 0


def test_a_revised_text_takes_the_place_of_the_former_one() -> None:
    stored = index(ENGLISH)
    stored.add(0, hours(5), make_sketch("", UKRAINIAN))
    assert (len(stored), copied(stored, ENGLISH), copied(stored, UKRAINIAN)) == (1, None, 0)
    stored.forget(hours(1))
    assert len(stored) == 1
    stored.add(0, hours(6), Sketch(b""))
    assert (len(stored), copied(stored, UKRAINIAN)) == (0, None)


def test_a_sketch_is_small_however_long_the_text() -> None:
    assert max(len(make_sketch("", prose(1, length))) for length in (100, 1_000, 50_000)) <= 710


def test_a_sketch_is_the_same_in_every_process() -> None:
    code = f"from aggregator.story.sketch import make_sketch; print(make_sketch('T', {KOREAN!a}).hex())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert runs == {make_sketch("T", KOREAN).hex()}


def test_case_punctuation_and_unicode_forms_do_not_change_a_sketch() -> None:
    assert make_sketch("", ENGLISH) == make_sketch("", ENGLISH.upper().replace(" ", "\n — "))
    fancy = ENGLISH.replace("said", "ｓａｉｄ")
    assert make_sketch("", fancy) == make_sketch("", ENGLISH)


@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text_has_a_sketch_and_agrees_with_itself(text: str, title: str) -> None:
    sketch = make_sketch(title, text)
    stored = SketchIndex(DAY)
    stored.add(7, NOON, sketch)
    assert sketch == make_sketch(title, text)
    # A text that repeats a few words over and over has too few shingles
    assert stored.copied_by(sketch, NOON) == (7 if len(sketch) >= 6 + 4 * 3 else None)


@given(st.text(max_size=300), st.text(max_size=30))
def test_words_folded_before_make_the_same_sketch(text: str, title: str) -> None:
    assert make_sketch(title, text, folded=words(text)) == make_sketch(title, text)


def test_sketches_of_the_first_version_are_passed_over() -> None:
    first = Sketch(struct.pack("<41I", 40, *range(0, 80, 2)))
    stored = index(ENGLISH)
    stored.add(8, NOON, first)
    assert (len(stored), stored.copied_by(first, NOON), copied(stored, ENGLISH)) == (1, None, 0)


def test_beyond_the_most_texts_the_oldest_go() -> None:
    stored = SketchIndex(5 * DAY, most=10)
    for key in reversed(range(30)):
        stored.add(key, hours(key), make_sketch("", prose(key, 100)))
        assert len(stored) <= 10
    assert [key for key in range(30) if copied(stored, prose(key, 100)) is not None] == list(range(20, 30))
    assert [key for key in range(30) if key in stored] == list(range(20, 30))


def test_copies_are_found_among_many_thousand_texts() -> None:
    stored = SketchIndex(5 * DAY)
    for key in range(6_000):
        stored.add(key, NOON, make_sketch("", prose(key, 60)))
    cut = [" ".join(prose(key, 60).split()[15:50]) for key in range(0, 6_000, 60)]
    found = [copied(stored, text) for text in cut]
    assert sum(key == 60 * place for place, key in enumerate(found)) >= 98
    assert all(copied(stored, prose(key, 60)) is None for key in range(7_000, 7_100))


def test_who_may_not_be_the_original_gives_way_to_the_next_best() -> None:
    stored = index(ENGLISH, f"{ENGLISH} {prose(1, 20)}")
    sketch = make_sketch("", ENGLISH)
    assert stored.copied_by(sketch, NOON, admits=lambda key, _: key != 0) == 1
    assert stored.copied_by(sketch, NOON, admits=lambda *_: False) is None


@pytest.mark.parametrize("length", [24, 40, 60, 200])
@pytest.mark.parametrize("kept", [0.4, 0.5, 0.7])
def test_a_copy_cut_at_either_end_is_found_under_its_title(length: int, kept: float) -> None:
    found = []
    for seed in range(40):
        whole = prose(seed, length).split()
        start = random.Random(seed).randint(0, round(length * (1 - kept)))
        part = " ".join(whole[start : start + round(length * kept)])
        found.append(copied(index(" ".join(whole)), part, title="Title"))
    assert found.count(0) >= 39


def test_a_teaser_of_one_sentence_is_a_copy_of_its_article() -> None:
    articles = [prose(seed, 700) for seed in range(60)]
    found = [copied(index(article), " ".join(article.split()[:22])) for article in articles]
    assert found.count(0) >= 57


def test_the_boilerplate_of_an_outlet_hides_no_brief_and_makes_no_copies() -> None:
    stored, frame = SketchIndex(5 * DAY), prose(0, 60)
    for key in range(40):
        stored.add(key, NOON, make_sketch(str(key), f"{prose(100 + key, 12)} {frame}"))
    brief = prose(500, 16)
    stored.add(99, NOON, make_sketch("Brief", brief))
    assert copied(stored, f"{brief} {frame}") == 99
    assert copied(stored, f"{prose(600, 12)} {frame}") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Japan bought 5,000 tonnes of Canadian rapeseed overnight for 410 dlrs, shipment by 12 May, traders said.",
            "Japan bought 3,000 tonnes of Canadian rapeseed overnight for 395 dlrs, shipment by 30 June, traders said.",
        ),
        (
            "The bank said it gave the money market 152 mln in the afternoon, 497 mln so far today, against a "
            "shortage of 600 mln.",
            "The bank said it gave the money market 87 mln in the afternoon, 230 mln so far today, against a "
            "shortage of 250 mln.",
        ),
        (
            "Weather in the harbour today: wind from the west at 12 knots, sea 14 degrees, high water at 9:40.",
            "Weather in the harbour today: wind from the west at 21 knots, sea 11 degrees, high water at 10:25.",
        ),
    ],
    ids=["trade", "money market", "weather"],
)
def test_notices_that_differ_in_their_numbers_are_no_copies_even_under_one_title(
    one: str, other: str
) -> None:
    assert copied(index(one), other, title="Title") is None
    assert copied(index(one), one, title="Title") == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400), st.booleans()), max_size=40))
def test_the_index_holds_the_last_text_of_each_key_that_is_young_enough(
    steps: list[tuple[int, int, bool]],
) -> None:
    stored, expected = SketchIndex(5 * DAY), dict[int, int]()
    for key, hour, forgets in steps:
        if forgets:
            stored.forget(hours(hour))
            expected = {kept: at for kept, at in expected.items() if at >= hour}
        else:
            stored.add(key, hours(hour), SKETCHES[key])
            expected[key] = hour
    assert {key for key in range(10) if key in stored} == set(expected)
    assert len(stored) == len(expected)
    for key in range(10):
        found = stored.copied_by(SKETCHES[key], hours(200))
        assert found == (key if key in expected and abs(expected[key] - 200) <= 5 * 24 else None)


@given(st.integers(0, 10_000), st.integers(16, 800))
def test_equal_texts_agree_whatever_their_titles(seed: int, length: int) -> None:
    assert copied(index(prose(seed, length)), prose(seed, length)) == 0


def _variants() -> list[str]:
    numbers = count(1)
    return [
        variant
        for text in (ENGLISH, UKRAINIAN, prose(77, 300))
        for variant in (
            text,
            f"{text} {prose(next(numbers), 20)}",
            f"{prose(next(numbers), 20)} {text}",
            " ".join(text.split()[: len(text.split()) // 2]),
            " ".join(text.split()[:40]),
        )
    ]


VARIANTS = _variants()


@given(st.permutations(range(len(VARIANTS))))
def test_the_order_of_insertion_does_not_matter(order: list[int]) -> None:
    straight, shuffled = SketchIndex(5 * DAY), SketchIndex(5 * DAY)
    for key in range(len(VARIANTS)):
        straight.add(key, hours(key), make_sketch("", VARIANTS[key]))
    for key in order:
        shuffled.add(key, hours(key), make_sketch("", VARIANTS[key]))
    for text in VARIANTS:
        assert copied(shuffled, text) == copied(straight, text) is not None
