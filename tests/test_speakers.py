"""To whom a quotation is given: the one who speaks, whatever stands between them and the words, or to nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_publish_formats import report

from aggregator.story.quotes import find_quotes
from aggregator.story.speakers import speaker_of

SAID = {
    "en": "We will not leave the harbour before spring",
    "uk": "Ми не залишимо гавань раніше весни",
    "ru": "Мы не оставим гавань раньше весны",
    "pl": "Nie opuścimy portu przed wiosną tego roku",
    "ko": "우리는 봄이 오기 전에 항구를 떠나지 않는다",
    "de": "Wir verlassen den Hafen nicht vor dem Frühling",
    "fr": "Nous ne quitterons pas le port avant le printemps",
}

SHAPES = [
    # An apposition, and places in it
    ("en", "Professor Anna Holm, of the Institute of Fish in Bergen, Vestland, said: “{}.”", "Professor Anna Holm"),
    ("en", "Anna Holm, a fisher from Bergen, Vestland, told reporters: “{}.”", "Anna Holm"),
    ("en", "Anna Holm, Minister of Fisheries, said: “{}.”", "Anna Holm"),
    ("en", "On Monday, Anna Holm, Minister of Fisheries, said: “{}.”", "Anna Holm"),
    ("en", "Anna Holm, 54, of Bergen, said: “{}.”", "Anna Holm"),
    ("en", "Anna Holm, who met Per Berg in Oslo, said: “{}.”", "Anna Holm"),
    ("en", "Anna Holm, who met Per Berg in Oslo, Norway, on Friday, said: “{}.”", "Anna Holm"),
    ("en", "The mayor, Anna Holm, said: “{}.”", "Anna Holm"),
    ("en", "In Bergen, Norway, Anna Holm, of the institute, said: “{}.”", None),
    ("en", "Speaking in Bergen, Norway, Anna Holm said: “{}.”", None),
    ("en", "The institute in Bergen, West Norway, said: “{}.”", None),
    ("en", "Harbour Post, citing Anna Holm, said: “{}.”", None),
    ("en", "“{},” Anna Holm, of the institute in Bergen, Norway, said.", "Anna Holm"),
    ("en", "“{},” said Anna Holm, of the institute in Bergen, Norway.", "Anna Holm"),
    # No comma, and a place
    ("en", "Anna Holm of the Institute in Bergen said: “{}.”", "Anna Holm"),
    ("en", "Anna Holm in Bergen told the Harbour Post: “{}.”", "Anna Holm"),
    ("en", "“{},” Anna Holm of Bergen said.", "Anna Holm"),
    ("en", "In Bergen Anna Holm said: “{}.”", None),
    ("en", "In snowy Bergen Anna Holm said: “{}.”", None),
    ("en", "A spokesman for the port in Bergen said: “{}.”", None),
    ("en", "A friend of Anna Holm said: “{}.”", None),
    ("en", "The mayor of Bergen said: “{}.”", None),
    ("en", "“{},” the mayor of Bergen said.", None),
    # Titles and organisations
    ("en", "Bergen Rovers coach Anna Holm said: “{}.”", "Bergen Rovers coach Anna Holm"),
    ("en", "Police chief Anna Holm said: “{}.”", "Police chief Anna Holm"),
    ("en", "Nobody of the Bergen Rovers spoke. “{},” Rovers coach Anna Holm told reporters.", "Anna Holm"),
    ("en", "“{},” said Sen. Anna Holm (D-Mich.), who was there.", "Sen. Anna Holm"),
    ("en", "“{},” said Dr. Anna B. Holm at the port.", "Dr. Anna B. Holm"),
    ("en", "Dr. Anna B. Holm said: “{}.”", "Dr. Anna B. Holm"),
    ("en", "“{},” said US-based analyst Anna Holm.", "US-based analyst Anna Holm"),
    ("en", "“{},” Per Berg's lawyer Anna Holm said.", "Per Berg's lawyer Anna Holm"),
    ("en", "The Harbour Commission, which drafts the law, said: “{}.”", None),
    ("en", "Secretary of State Anna Holm said: “{}.”", None),
    ("en", "“{},” The Power of Fishing founder Anna Holm said.", None),
    ("en", "The Harbour Commission said: “{}.”", None),
    # More than one, and others than who speaks
    ("en", "Anna Holm and Per Berg said: “{}.”", None),
    ("en", "“{},” said Anna Holm and Per Berg.", None),
    ("en", "“{},” Anna Holm and Per Berg said.", None),
    ("en", "Anna Holm met Per Berg in Oslo and said: “{}.”", None),
    ("en", "Anna Holm met Per Berg, who said: “{}.”", None),
    ("en", "Anna Holm called Per Berg in Oslo, and said: “{}.”", None),
    ("en", "Anna Holm was told by Per Berg: “{}.”", None),
    # Pronouns and nobody
    ("en", "She told Per Berg: “{}.”", None),
    ("en", "He, a friend of Anna Holm in Bergen, said: “{}.”", None),
    ("en", "Her lawyer, Anna Holm, said: “{}.”", "Anna Holm"),
    ("en", "“{},” she told Per Berg.", None),
    ("en", "“{},” said one of the guests of Anna Holm.", None),
    # What comes before
    ("en", "After meeting Per Berg, Anna Holm said: “{}.”", "Anna Holm"),
    ("en", "After meeting Per Berg in Oslo Anna Holm said: “{}.”", None),
    ("en", "Quoting Anna Holm, Per Berg said: “{}.”", "Per Berg"),
    ("en", "In Oslo, the fisheries minister, Anna Holm, said: “{}.”", None),
    ("en", "But after the storm in Bergen, harbour master Anna Holm said: “{}.”", "harbour master Anna Holm"),
    ("en", "Asked about the storm, Anna Holm said: “{}.”", "Anna Holm"),
    ("en", "According to Anna Holm, “{}.”", None),
    ("en", "“{},” according to the Harbour Post.", None),
    # Ukrainian
    ("uk", "Професор Ганна Голм з Інституту риби Норвегії Берген, Захід, зазначила: «{}».", "Професор Ганна Голм"),
    ("uk", "Ганна Голм, рибалка з Бергена, Норвегія, сказала: «{}».", "Ганна Голм"),
    ("uk", "Депутат парламенту Бергена додав: «{}».", "Депутат парламенту Бергена"),
    ("uk", "Президент Норвегії заявив: «{}».", "Президент Норвегії"),
    ("uk", "Речник порту в Бергені Пер Берг сказав: «{}».", None),
    ("uk", "У Бергені Ганна Голм сказала: «{}».", None),
    ("uk", "«{}», — сказала Ганна Голм у Бергені.", "Ганна Голм"),
    ("uk", "«{}», — сказала міністр рибальства Ганна Голм з Бергена.", "міністр рибальства Ганна Голм"),
    ("uk", "«{}», — заявила представниця організації The Port of Bergen Ганна Голм.", None),
    ("uk", "«{}», — сказав він Ганні Голм.", None),
    ("uk", "«{}», — повідомили в порту Бергена.", None),
    ("uk", "За словами Ганни Голм, «{}».", None),
    ("uk", "Як пише Harbour Post, Ганна Голм заявила: «{}».", "Ганна Голм"),
    ("uk", "Ганна Голм і Пер Берг сказали: «{}».", None),
    # Russian and Polish
    ("ru", "Анна Хольм из института в Бергене, Норвегия, сказала: «{}».", "Анна Хольм"),
    ("ru", "«{}», — заявила Хольм Комитету.", "Хольм"),
    ("ru", "«{}», — заявил Хольм агентству ТАСС.", "Хольм"),
    ("ru", "По словам Анны Хольм, «{}».", None),
    ("ru", "«{}», — сказала она Анне Хольм.", None),
    ("pl", "Anna Holm z instytutu w Bergen, Norwegia, powiedziała: „{}”.", "Anna Holm"),
    ("pl", "„{}” – powiedziała Anna Holm z Bergen.", "Anna Holm"),
    ("pl", "W Bergen Anna Holm powiedziała: „{}”.", None),
    # Korean
    ("ko", "베르겐에 있는 수산연구소의 안나 홀름 교수는 “{}”고 말했다.", "안나 홀름 교수"),
    ("ko", "베르겐에서 홀름 장관은 “{}”고 말했다.", "홀름 장관"),
    ("ko", "한덕수 총리는 “{}”고 밝혔다.", "한덕수 총리"),
    ("ko", "한 총리는 “{}”고 밝혔다.", None),
    ("ko", "베르겐의 시장은 “{}”고 말했다.", None),
    ("ko", "그는 베르겐에서 “{}”고 말했다.", None),
    ("ko", "홀름 장관에 따르면 “{}”고 한다.", None),
    ("ko", "베르겐시는 “{}”고 밝혔다.", None),
    # No verbs of saying are known
    ("de", "Anna Holm vom Institut in Bergen sagte: „{}.“", None),
    ("fr", "Anna Holm, de l’institut de Bergen, a déclaré : « {} ».", None),
]  # fmt: skip


@pytest.mark.parametrize(("language", "shape", "speaker"), SHAPES)
def test_a_quotation_is_given_to_who_speaks_or_to_nobody(
    language: str, shape: str, speaker: str | None
) -> None:
    text = shape.format(SAID[language])
    assert [quote.speaker for quote in find_quotes(report(1, text=text, language=language))] == (
        [speaker] if speaker else []
    )


def test_a_place_does_not_speak() -> None:
    text = f"Snow fell in Bergen and in the hills. “{SAID['en']},” said Bergen."
    assert not list(find_quotes(report(1, text=text)))


PARTS = st.lists(
    st.sampled_from(
        [
            "In",
            "On",
            "Speaking",
            "Later",
            "But",
            "Anna",
            "Holm",
            "Per",
            "Berg",
            "Bergen",
            "and",
            "of",
            "in",
            "the",
            "The",
            "mayor",
            "Mr",
            ",",
            ".",
            ":",
            "—",
            "“We-stay”",
            "said",
            "told",
            "reporters",
            "сказала",
            "Ганна",
            "Голм",
            "у",
            "Бергені",
            "з",
            "порту",
            "і",
            "заявив",
            "President",
            "Президент",
            ",",
            "said:",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(PARTS, PARTS, st.sampled_from(["en", "uk", "ko", ""]))
def test_any_sentence_gets_an_answer(before: str, after: str, language: str) -> None:
    for beginning in (before, f"{before} said: ", f"{before}, said: "):
        for end in ("", ".", after, f", said {after}", f", {after} said"):
            speaker = speaker_of(beginning, end, language=language, text=f"{before} {after}")
            assert speaker is None or speaker in f"{beginning}{end}"


NAMES = ["Anna Holm", "Per Berg", "Yun Seo-ha", "Leila al Amin"]
PLACES = ["Bergen", "West Harbour", "Oslo, Norway", "the Port Institute in Bergen, Vestland"]


@given(
    st.sampled_from(NAMES),
    st.sampled_from(["", "Professor ", "Captain ", "harbour master ", "Dr. "]),
    st.sampled_from(["{who}, of {where},", "{who}, a fisher from {where},", "{who} of {where}", "{who} in {where}"]),
    st.sampled_from(PLACES),
    st.sampled_from(["said", "warned", "told reporters", "said on Monday"]),
    st.sampled_from(["", "On Tuesday, ", "After a long talk, ", "In a letter, ", "Later, "]),
)  # fmt: skip
def test_a_place_never_speaks_for_who_comes_from_it(
    name: str, title: str, shape: str, where: str, verb: str, begin: str
) -> None:
    said = shape.format(who=title + name, where=where)
    for text in (f"{begin}{said} {verb}: “{SAID['en']}.”", f"“{SAID['en']},” {said} {verb}."):
        for quote in find_quotes(report(1, text=text)):
            assert quote.speaker == title + name
