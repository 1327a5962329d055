"""Names that sound alike in several scripts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.story.profile import make_profile
from aggregator.story.sound import sound


@pytest.mark.parametrize(
    "spellings",
    [
        ("Umerov", "Умєров", "Умеров", "우메로프", "우메로프와", "Umerow"),
        ("Oreshnik", "Орешник", "오레시니크를", "Oresznik"),
        ("Kursk", "Курськ", "Курск", "쿠르스크에"),
        ("Dnipro", "Дніпро", "Днепр", "드니프로에서"),
        ("Zelensky", "Зеленський", "Зеленский", "젤렌스키", "Zełenski"),
        ("Putin", "Путин", "푸틴은"),
        ("Zaporizhzhia", "Запоріжжя", "자포리자"),
    ],
)
def test_a_name_sounds_the_same_in_every_script(spellings: tuple[str, ...]) -> None:
    assert len({sound(spelling) for spelling in spellings}) == 1
    assert sound(spellings[0]) is not None


@pytest.mark.parametrize(
    ("one", "other"), [("Kursk", "Kherson"), ("Umerov", "Lavrov"), ("Putin", "Biden"), ("Dnipro", "Donetsk")]
)
def test_different_names_sound_different(one: str, other: str) -> None:
    assert sound(one) != sound(other)


@pytest.mark.parametrize("short", ["Yoon", "Kyiv", "서울", "Ли", "", "을"])
def test_what_has_few_consonants_is_not_told_by_them(short: str) -> None:
    assert sound(short) is None


@given(st.text(max_size=20))
def test_a_sound_is_made_of_three_to_five_of_nine_consonants_none_twice_in_a_row(text: str) -> None:
    heard = sound(text)
    if heard is not None:
        assert 3 <= len(heard) <= 5
        assert set(heard) <= set("pdtgksrmn")
        assert all(one != other for one, other in pairwise(heard))


def test_the_names_of_a_report_are_the_same_in_three_languages() -> None:
    reports = (
        ("Umerov in Seoul", "On Wednesday Rustem Umerov met the president after a visit to Warsaw."),
        ("우메로프 방한", "루스템 우메로프 장관이 바르샤바를 거쳐 서울에 왔다."),
        ("Умєров у Сеулі", "У середу Рустем Умєров прибув до Сеула з Варшави."),
    )
    names = [{name for name, _ in make_profile(*report).names} for report in reports]
    assert {"mrp", "rstm"} <= names[0] & names[1] & names[2]


def test_a_headline_that_writes_every_word_like_a_name_names_nothing() -> None:
    assert make_profile("Kursk Marches Into The Winter Without Its Bridges", "").names == ()
    assert dict(make_profile("Winter comes to Kursk without its bridges", "").names) == {"krsk": 1, "pntr": 1}
