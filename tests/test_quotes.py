"""Quotations and their speakers: who is named is quoted, nobody else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from builders import NOON
from hypothesis import given, settings
from hypothesis import strategies as st
from test_publish_formats import report

from aggregator.model import Report, Story, StoryId
from aggregator.story.compose import compose_story
from aggregator.story.quotes import find_quotes

WAIT = "We will not wait for the winter to end"
NEED = "Нам потрібна зброя, яка захистить наші міста"
NEED_RU = "Мы приехали не с пустыми руками, наш опыт нужен и там"
NEED_PL = "Nie przyjechaliśmy z pustymi rękami, mamy doświadczenie"
NEED_KO = "우리에게는 더 많은 방공 체계가 필요하다"


def found(text: str, language: str = "en") -> list[tuple[str, str]]:
    return [(quote.speaker, quote.text) for quote in find_quotes(report(1, text=text, language=language))]


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        (f"“{WAIT},” said Kim Yong-hyun.", "Kim Yong-hyun"),
        (f"“{WAIT},” said Ha Eun-seo, who follows arms policy in Seoul.", "Ha Eun-seo"),
        (f'"{WAIT}," Kim Yong-hyun told reporters on Wednesday.', "Kim Yong-hyun"),
        (
            f'"{WAIT}," presidential spokesman Chung Hye-jeon said later.',
            "presidential spokesman Chung Hye-jeon",
        ),
        (f'"{WAIT}," Kim, the defence minister, said.', "Kim"),
        (f"Defence Minister Rustem Umerov said on Monday: “{WAIT}.”", "Defence Minister Rustem Umerov"),
        (f"After the talks Umerov told lawmakers, “{WAIT}.”", "Umerov"),
        (f"Yesterday Mr Yoon said, “{WAIT}.”", "Mr Yoon"),
    ],
)
def test_an_english_speaker_stands_beside_the_quotation(text: str, speaker: str) -> None:
    assert [(who, said.rstrip(".")) for who, said in found(text)] == [(speaker, WAIT)]


@pytest.mark.parametrize(
    ("language", "text", "speaker", "said"),
    [
        ("uk", f"«{NEED}», — сказав міністр оборони Рустем Умєров у Сеулі.", "міністр оборони Рустем Умєров", NEED),
        ("uk", f'"{NEED}", - наголосила журналістам Леся Тополенко.', "Леся Тополенко", NEED),
        ("uk", f"Президент Володимир Зеленський заявив: «{NEED}».", "Президент Володимир Зеленський", NEED),
        ("ru", f"«{NEED_RU}», — заявил пресс-секретарь Дмитрий Песков.", "пресс-секретарь Дмитрий Песков", NEED_RU),
        ("pl", f"„{NEED_PL}” – powiedział premier Donald Tusk.", "premier Donald Tusk", NEED_PL),
        ("pl", f"„{NEED_PL}”, powiedziała posłanka Łucja Nowak.", "posłanka Łucja Nowak", NEED_PL),
        ("ko", f'윤 대통령은 "{NEED_KO}"고 말했다.', "윤 대통령", NEED_KO),
        ("ko", f"이날 신원식 국가안보실장은 서울에서 “{NEED_KO}”며 지원을 강조했다.", "신원식 국가안보실장", NEED_KO),
        ("ko", f"국방부는 '{NEED_KO}'라고 밝혔다.", "국방부", NEED_KO),
    ],
)  # fmt: skip
def test_every_language_has_its_own_marks_and_words(
    language: str, text: str, speaker: str, said: str
) -> None:
    assert found(text, language) == [(speaker, said)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", f"“{WAIT},” he said."),
        ("en", f"“{WAIT}.”"),
        ("en", f"“{WAIT},” said a Ukrainian official."),
        ("en", f"“{WAIT},” said one Ukrainian."),
        ("en", f"“{WAIT},” South Korean officials said."),
        ("en", f"“{WAIT},” the ministry said in a statement."),
        ("en", f"“{WAIT},” the statement in Seoul said."),
        ("en", f"Officials said: “{WAIT}.”"),
        ("en", f"Kim said that the ministry had said: “{WAIT}.”"),
        ("en", f"The Ministry of Defence said: “{WAIT}.”"),
        ("en", f"“{WAIT},” Kim said, “but we will wait for the spring to come.”"),
        ("en", "Kim called it “a very great day for the whole country and beyond”."),
        ("en", "“Not now,” said Kim Yong-hyun."),
        ("en", f"“{WAIT}…” said Kim Yong-hyun."),
        ("en", f"“And {WAIT.lower()},” said Kim Yong-hyun."),
        ("uk", f"«{NEED}», — сказав він."),
        ("uk", f"«{NEED}», — сказав мені Остап Веремій."),
        ("uk", f"«{NEED}», — сказав Harbour Post її голова Леся Тополенко."),
        ("uk", f"«{NEED}», — додали в Офісі президента."),
        ("ko", f'그는 "{NEED_KO}"고 말했다.'),
        ("ko", f'양국 장관은 "{NEED_KO}"고 말했다.'),
        ("ko", f'윤 대통령은 우메로프 장관이 "{NEED_KO}"고 말했다고 전했다.'),
        ("ko", '윤 대통령은 "실효적 대응 방안 모색"을 말했다.'),
    ],
)
def test_without_a_named_speaker_there_is_no_quote(language: str, text: str) -> None:
    assert found(text, language) == []


def test_a_name_alone_at_the_start_of_a_sentence_must_be_one_elsewhere_too() -> None:
    text = f"Visitors said: “{WAIT}.”"
    assert found(text) == []
    assert found(text.replace("Visitors", "Zelensky") + " Then the guests left, and so did Zelensky.")


# In a story


def told(*reports: Report, **changes: Any) -> Story:
    return compose_story(
        StoryId("s"), reports, first_published=NOON, updated=NOON, languages=("en", "ko"), **changes
    )


def outlet(entry: int, text: str, **changes: Any) -> Report:
    return report(entry, text=text, title=f"Delegation {entry} in Seoul", **changes)


OPENING = "A delegation came to Seoul on Wednesday to ask for help against the drones."
EARLY = f"{OPENING} “{WAIT} of this year,” said Ha Eun-seo. Later the guests left the city."


def test_a_quoted_sentence_is_neither_told_nor_highlighted_again() -> None:
    story = told(outlet(1, EARLY), outlet(2, "The guests from Kyiv described the situation at the front."))
    assert [quote.speaker for quote in story.quotes] == ["Ha Eun-seo"]
    assert not any(WAIT in sentence.text for sentence in (*story.story, *story.highlights))


def test_a_quote_has_its_source() -> None:
    first = outlet(1, EARLY)
    (quote,) = told(first, outlet(2, OPENING)).quotes
    assert (quote.entry, quote.url, quote.source, quote.language) == (1, first.url, "Outlet 1", "en")


def test_a_speaker_and_a_thought_are_quoted_once() -> None:
    other = "“Nobody here has seen a list of the weapons so far,” said Ha Eun-seo."
    same = f"“{WAIT} of the year,” said Kim Yong-hyun."
    story = told(outlet(1, EARLY), outlet(2, f"{OPENING} {other}"), outlet(3, f"{OPENING} {same}"))
    assert len(story.quotes) == 1


def test_three_are_quoted_at_most_those_of_the_readers_language_first() -> None:
    korean = outlet(1, f'특사단이 서울에 왔다. 윤 대통령은 "{NEED_KO}"고 말했다.', language="ko")
    said = [
        "Our army knows what drones can do",
        "Nobody has seen the list so far",
        "Little time is left before the winter comes",
    ]
    names = ["Ha Eun-seo", "Rustem Umerov", "Lee Min-ho"]
    others = [
        outlet(n, f"{OPENING} “{words},” said {name}.")
        for n, (words, name) in enumerate(zip(said, names, strict=True), 2)
    ]
    assert {quote.speaker for quote in told(korean, *others).quotes} == set(names)
    assert [quote.language for quote in told(korean, *others[:2]).quotes] == ["en", "en", "ko"]


def test_what_the_excerpt_of_a_single_report_holds_is_not_quoted_again() -> None:
    assert told(outlet(1, EARLY)).quotes == ()
    more = "Nothing was decided, and the guests flew home on the same evening. " * 8
    assert len(told(outlet(1, f"{OPENING} {more}{EARLY}")).quotes) == 1


def test_opinion_and_copies_are_not_quoted() -> None:
    reports = [
        outlet(1, OPENING),
        outlet(2, f"{OPENING} Nothing was decided."),
        outlet(3, EARLY, kind="opinion"),
    ]
    assert told(*reports).quotes == ()


WORDS = st.sampled_from(
    [
        *[
            "“",
            "”",
            '"',
            "«",
            "»",
            "'",
            ",",
            ".",
            "—",
            ":",
            "\n",
            "Kim",
            "said",
            "told",
            "We",
            "weapons",
            "winter",
            "and",
        ],
        *[
            "the",
            "the minister",
            "сказав",
            "Умєров",
            "Зброя",
            "міста",
            "대통령은",
            "고 말했다",
            "방공 체계가 필요하다",
        ],
    ]
)


@settings(max_examples=300)
@given(st.lists(WORDS, max_size=40), st.sampled_from(["en", "uk", "ko", None]))
def test_a_quote_and_its_speaker_stand_in_the_report(words: Sequence[str], language: str | None) -> None:
    text = " ".join(words)
    for quote in find_quotes(report(1, text=text, language=language)):
        assert quote.text in " ".join(text.split())
        assert quote.speaker in " ".join(text.split())
        assert not set("“”«»").intersection(quote.text + quote.speaker)
