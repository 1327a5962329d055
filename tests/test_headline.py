"""Which title heads a story, and how it reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st
from test_publish_formats import report

from aggregator.model import EntryId
from aggregator.story.headline import choose_lead, is_flawed, plain_headline, preferred_language


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("[속보] 윤 대통령, 특사단 접견", "윤 대통령, 특사단 접견"),
        ("[단독][속보] 윤 대통령, 특사단 접견", "윤 대통령, 특사단 접견"),
        ("윤 대통령, 특사단 접견(종합2보)", "윤 대통령, 특사단 접견"),
        ("BREAKING: Umerov in Seoul", "Umerov in Seoul"),
        ("UPDATE 2-Umerov meets Yoon - Reuters", "Umerov meets Yoon"),
        ("(2nd LD) Yoon meets envoys | Yonhap", "Yoon meets envoys"),
        ("Термінова новина: Умєров у Сеулі", "Умєров у Сеулі"),
        ("⚡️ Удар по Дніпру (відео)", "Удар по Дніпру"),
        ("PILNE: Atak na Odessę", "Atak na Odessę"),
        ("Umerov in Seoul — Outlet 1", "Umerov in Seoul"),
        ("Russia - a history of war", "Russia - a history of war"),
        ("Lead-free petrol sells", "Lead-free petrol sells"),
        ("Video game sales fall", "Video game sales fall"),
        ("Seoul–Kyiv talks", "Seoul–Kyiv talks"),
        ("[속보]", "[속보]"),
    ],
)
def test_alert_marks_and_outlets_are_cut_off_a_title(title: str, plain: str) -> None:
    assert plain_headline(report(1, title=title)) == plain


@pytest.mark.parametrize(
    "title",
    [
        "You won't believe what this general did",
        "Here's why Seoul hesitates",
        "What Kyiv hopes to hear in Seoul",
        "Will Seoul send weapons?",
        "Ukraine war live: missile hits Dnipro",
        "Ukraine war – live updates",
        "MISSILE HITS DNIPRO IN THE NIGHT",
        "Explainer: the howitzer deal",
        "Удар по Дніпру: що відомо",
        "Чому Сеул вагається",
        "[해설] 한국은 왜 무기를 보내지 않나",
        "Dlaczego Seul się waha",
    ],
)
def test_a_title_that_shouts_asks_or_teases_is_flawed(title: str) -> None:
    assert is_flawed(title)


@pytest.mark.parametrize(
    "title",
    [
        "WHO declares an emergency",
        "NATO and EU condemn attack",
        "Two Baltic cables cut; Berlin suspects sabotage",
        "윤 대통령, 우크라 특사단 접견…“실효적 대응 모색”",
        "В Одесі внаслідок удару загинули десятеро",
        "Live births fall in Korea",
    ],
)
def test_a_title_that_says_what_happened_is_not(title: str) -> None:
    assert not is_flawed(title)


@pytest.mark.parametrize("section", ["Crime", "Arts & Culture", "Світ"])
def test_a_section_is_cut_off_a_title(section: str) -> None:
    assert plain_headline(report(1, title=f"{section} › Ship freed in Gdynia")) == "Ship freed in Gdynia"


def test_the_title_that_most_reports_share_leads() -> None:
    titles = [
        "Snow in the capital",
        "Lima gets armour",
        "Seoul signs tank contract with Peru",
    ]
    reports = [report(n, title=title, text="Seoul signs.", published=NOON) for n, title in enumerate(titles)]
    assert choose_lead(reports).entry == 2


def test_a_plain_title_leads_before_a_flawed_one() -> None:
    flawed = [report(n, title="Why Seoul signs tank contract with Peru") for n in (1, 2)]
    assert choose_lead([*flawed, report(3, title="Contract signed")]).entry == 3
    assert choose_lead(flawed).entry == 1


def test_a_preview_does_not_lead_when_the_coverage_came_later() -> None:
    title = "Minister visits Seoul for talks"
    reports = [
        report(n, title=title, published=NOON + timedelta(hours=h)) for n, h in ((1, 0), (2, 9), (3, 9))
    ]
    assert choose_lead(reports).entry == 2


def test_copies_and_opinions_do_not_lead() -> None:
    copy = report(1, duplicate_of=EntryId(3))
    assert choose_lead([copy, report(2, kind="opinion"), report(3)]).entry == 3
    assert choose_lead([report(2, kind="opinion")]).entry == 2


def test_the_preferred_language_leads_even_with_a_flawed_title() -> None:
    reports = [report(1, language="ko", title="대표단 방한"), report(2, language="en-GB", title="Why now?")]
    assert choose_lead(reports, ("en", "ko")).entry == 2
    assert choose_lead(reports, ("uk", "ko")).entry == 1


def test_without_a_preferred_language_that_of_most_reports_is_taken() -> None:
    languages = ["uk", "ko", "ko-KR", None]
    assert preferred_language([report(n, language=one) for n, one in enumerate(languages)], ("en",)) == "ko"


@given(st.text(max_size=80))
def test_a_plain_headline_is_a_part_of_the_title(title: str) -> None:
    assert plain_headline(report(1, title=title)) in " ".join(title.split())
