"""Opinion pieces and reporting told apart: by the publisher's own signs, else by the wording."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import entry
from hypothesis import given
from hypothesis import strategies as st

from aggregator.story.opinion import opinion_sign, unlabelled

CURATION = Path(__file__).resolve().parents[2] / "shared" / "curation"
shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not CURATION.exists(), reason="needs ../shared/curation"),
]


def sign(
    title: str = "Talks go on",
    text: str = "",
    *,
    url: str | None = None,
    categories: Sequence[str] = (),
    author: str | None = None,
    language: str | None = "en",
    source_title: str | None = None,
) -> str | None:
    piece = entry(
        "one", url=url, title=title, categories=categories, author=author, text=text, language=language
    )
    return opinion_sign(piece, source_title=source_title)


@pytest.mark.parametrize(
    "title",
    [
        "Opinion | Seoul should act", "OPINION: A bridge too long", "Opinion – A bridge", "Op-Ed: A bridge",
        "Editorial. A bridge", "Guest column: A bridge", "Letters to the editor: a bridge", "Our view: A bridge",
        "Comment: A bridge", "Opinion by Jane Doe: A bridge", "A bridge | Opinion", "A bridge (opinion)",
        "A bridge - Editorial", "[사설] 다리", "<사설> 다리", "[이순신 칼럼] 다리", "[경제칼럼] 다리",
        "[특별기고] 다리", "[사설/칼럼] 다리",
        "[기자수첩] 다리", "다리 [칼럼]", "오피니언 | 다리", "【社説】橋", "（社説）橋", "社説：橋",
        "Колонка: Міст", "Колонка Івана Петренка: Міст", "Чому міст: колонка Олени Коваль", "Думка. Міст",
        "Коментар: Міст", "Мнение: Мост", "Opinia: Most", "Felieton: Most", "Komentarz | Most",
        "Kommentar: Die Brücke", "Kommentar von Hans Müller: Die Brücke", "Tribune : le pont", "Édito : le pont",
        "Point de vue : le pont", "Opinión: El puente", "Editoriale: il ponte", "Görüş: Köprü", "رأي: الجسر",
        "דעה: הגשר",
    ],
)  # fmt: skip
def test_a_label_before_or_after_the_title_marks_an_opinion(title: str) -> None:
    found = sign(title)
    assert found is not None
    assert found.startswith("its title is marked “")


@pytest.mark.parametrize(
    "title",
    [
        "Opinion poll: two thirds are against", "Opinion divided: villagers speak", "Public opinion: a survey",
        "Editorial board resigns: all nine leave", "Column of tanks: video", "Analysis: what the cut means",
        "Comments: 120", "The Tribune: a history", "Views: 1,000", "Debate: candidates clash", "Blog: new features",
        "Ministry's answer - no comment", "“Opinion” wins a prize", "사설 구급차 기준 강화", "[사설탐정] 첫 시험",
        "[인터뷰] 다리", "[속보] 다리", "[해설] 다리", "Колонка техніки: відео", "Колонка на АЗС: що сталося",
        "Комментарий МИД: ответ дан", "Мнение эксперта: курс вырастет", "Рубль не упадёт — мнение",
        "Думка експерта: зима буде м'якою", "Kolumna wojskowa: utrudnienia", "Kommentare gesperrt: warum",
    ],
)  # fmt: skip
def test_words_of_the_genre_within_a_headline_mark_nothing(title: str) -> None:
    assert sign(title) is None


@pytest.mark.parametrize(
    ("title", "left"),
    [
        ("[칼럼] 쿠르스크의 병사들", "쿠르스크의 병사들"),
        ("Editorial: Landmines are the wrong gift", "Landmines are the wrong gift"),
        ("Колонка: Нас лякають горіхом", "Нас лякають горіхом"),
        ("Landmines are the wrong gift | Opinion", "Landmines are the wrong gift"),
        ("Seoul: envoy leaves for Kyiv", "Seoul: envoy leaves for Kyiv"),
        ("Opinion:", "Opinion:"),
    ],
)
def test_the_name_of_the_genre_is_no_part_of_what_a_title_says(title: str, left: str) -> None:
    assert unlabelled(title) == left


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/opinion/2024/bridge", "en"),
        ("/news/Opinion/article/all/1/2", "ko"),
        ("/op-ed/bridge", "en"),
        ("/guest-columns/bridge", "en"),
        ("/letters-to-the-editor/bridge", "en"),
        ("/en/comment/2024/bridge", "en"),
        ("/uk/dumky/12-mist", "uk"),
        ("/blogs/petrenko/mist", "uk"),
        ("/opinie/most.html", "pl"),
        ("/%EC%82%AC%EC%84%A4/123", "ko"),
        ("/view?category=opinion&id=1", "ko"),
        ("/opinion?id=4", "ko"),
    ],
)
def test_a_section_in_the_address_marks_an_opinion(path: str, language: str) -> None:
    found = sign(url=f"https://paper.example{path}", language=language)
    assert found is not None
    assert found.startswith("its address says “")


def test_an_address_of_its_own_marks_an_opinion() -> None:
    assert sign(url="https://opinion.paper.example/bridge") == "its address says “opinion”"


@pytest.mark.parametrize(
    "address",
    [
        "paper.example/opinion", "paper.example/news/opinion", "paper.example/news/opinion-poll-out",
        "paper.example/opinion-polls/1", "paper.example/public-opinion/x", "paper.example/comment/1234",
        "paper.example/comments/feed/x", "paper.example/blogs/cloud/x", "paper.example/editorial-team/x",
        "paper.example/view/AKR20241127", "paper.example/a/views/x", "tribune.example/news/x",
    ],
)  # fmt: skip
def test_an_address_that_only_sounds_like_it_marks_nothing(address: str) -> None:
    assert sign(url=f"https://{address}") is None


def test_a_category_a_byline_a_feed_or_a_disclaimer_marks_an_opinion() -> None:
    assert sign(categories=("World", "Opinion & Analysis")) == "its category is “Opinion & Analysis”"
    for category in ("오피니언", "사설·칼럼", "Колонки", "News/Opinion", "Op-Ed"):
        assert sign(categories=(category,)), category
    assert sign(author="The Editorial Board") == "its byline says “Editorial Board”"
    assert sign(author="김철수 논설위원", language="ko") == "its byline says “논설위원”"
    assert sign(source_title="Meridian Review: Opinion") == "it comes from “Meridian Review: Opinion”"
    said = "its text says that the views in it are the author's"
    assert sign(text="A bridge. The views expressed here are the author's own.") == said
    assert sign(text="다리. 외부 필자의 글은 본지의 편집 방향과 다를 수 있다.", language="ko") == said
    assert sign(text="Міст. Думка автора може не збігатися з думкою редакції.", language="uk") == said


def test_what_sounds_like_these_marks_nothing() -> None:
    for category in ("Public opinion", "Comments", "Analysis", "National", "의견", "Opinion polls"):
        assert sign(categories=(category,)) is None, category
    for author in ("Editorial staff", "정치부", "Editorial"):
        assert sign(author=author) is None, author
    for source in ("The Tribune", "The Column", "Pacific Tribune", "Comments on: A bridge"):
        assert sign(source_title=source) is None, source


ARGUING = [
    ("en", "Stop calling it escalation",
     "I find this baffling. A state that is bombed every night has a right to strike back, and we ought to say so."),
    ("en", "Martial law was no accident",
     "I do not believe the president's excuses. He must go, and parliament must not flinch."),
    ("ko", "무기 지원, 국회가 먼저 답해야",
     "이는 위험한 도박이다. 우리는 남의 전쟁에 끌려들어 갈 이유가 없다. 국회는 제 역할을 해야 한다."),
    ("ko", "병사들에게도 이름이 있다",
     "필자는 사진 한 장을 오래 들여다보았다. 우리는 과연 무엇을 지키려는 것일까."),
    ("ko", "폭설보다 무서운 것",
     "당국은 위험 시설을 당장 점검해야 한다. 소 잃고 외양간 고치는 일은 이제 그만두어야 하지 않겠는가."),
    ("uk", "Сеул має обрати бік",
     "Я вважаю, що Корея надто довго сиділа на двох стільцях. Хіба снаряди падають не на наші міста?"),
    ("ru", "Кому нужен этот мир",
     "Я считаю, что без гарантий любой договор останется бумагой. Надо честно признать: переговоров сейчас нет."),
    ("pl", "Kontrakt bez offsetu to kapitulacja",
     "Uważam, że to błąd, za który zapłacą nasze fabryki. Minister powinien wrócić do stołu."),
]  # fmt: skip


@pytest.mark.parametrize(("language", "title", "text"), ARGUING)
def test_a_text_that_argues_in_its_own_voice_is_an_opinion(language: str, title: str, text: str) -> None:
    found = sign(title, text, language=language)
    assert found is not None
    assert found.startswith("it argues in its own voice: “")
    assert found.split("“")[1].split("”")[0] in text


@pytest.mark.parametrize(("language", "title", "text"), ARGUING)
def test_the_same_words_in_a_quotation_are_reporting(language: str, title: str, text: str) -> None:
    for opening, closing in ("“”", "«»", '""', "„“"):
        quoted = f"{opening}{text}{closing}"
        assert sign("Talks", f"A statement came on Monday. {quoted}", language=language) is None
        assert sign("Talks", f"{quoted[:-1]}\nThe talks go on.", language=language) is None
    assert sign(f"Interview: {title}", text, language=language) is None


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("en", "Allies must do more, NATO chief says",
         "Allies must send more, Mark Rutte said. We should not wait, he told reporters, and I think we all agree."),
        ("en", "What you should know about the snow",
         "Drivers must fit winter tyres. Where can I get salt? Every office hands it out, and you should ask early."),
        ("en", "Court rules minister must pay",
         "The former minister must repay 40,000 euros and should have declared the gifts. An appeal is possible."),
        ("en", "Should Seoul arm Ukraine? Lawmakers are split",
         "Members argued that weapons would be a mistake; we must answer the North, the ruling party replied."),
        ("ko", "여당 “국회가 먼저 답해야”",
         "대변인은 우리는 안보를 정쟁의 도구로 삼아서는 안 된다고 밝혔다. 야당은 정부가 답해야 한다고 맞섰다."),
        ("ko", "겨울 빙판길, 이렇게 걸어야 한다",
         "보폭을 줄여야 한다. 노약자는 외출을 삼가야 한다. 추위가 더 이어질까."),
        ("uk", "На думку експертів, ракета не змінить війни",
         "Аналітики вважають, що ми маємо справу зі страхом. Треба очікувати нових пусків."),
        ("ru", "Россия должна ответить, заявил Песков",
         "По его мнению, мы должны защищать людей. Решение объявят 20 декабря."),
        ("uk", "Президент: ми маємо вистояти", "Ми перевірили укриття. Вони мають бути відчинені, і це треба знати."),
        ("ru", "Нам сообщили о взрыве", "Очевидцы рассказали нам о вспышке. Жителям необходимо закрыть окна."),
        ("pl", "Co musimy wiedzieć o podatku", "Firmy muszą składać deklaracje. Należy pamiętać o terminie."),
        ("pl", "Kierowcy powinni uważać", "Od środy pojadą kolumny. Kierowcy powinni zwolnić i nie należy wyprzedzać."),
    ],
)  # fmt: skip
def test_reporting_of_demands_advice_and_duties_is_no_opinion(language: str, title: str, text: str) -> None:
    assert sign(title, text, language=language) is None


def test_the_wording_counts_only_where_the_language_is_known() -> None:
    language, title, text = ARGUING[0]
    assert sign(title, text, language=None) is None
    assert sign(title, text, language="xx") is None
    assert sign(title, text, language=language)


def test_argument_far_down_a_long_text_does_not_count() -> None:
    language, _, text = ARGUING[0]
    assert sign("Talks", "The talks go on. " * 60 + text, language=language) is None


@given(
    title=st.text(max_size=80),
    text=st.text(max_size=300),
    url=st.one_of(st.none(), st.text(max_size=60), st.text(max_size=60).map("https://e.example/".__add__)),
    label=st.text(max_size=40),
    language=st.sampled_from(["en", "ko", "uk", "ru", "pl", "ja", None]),
)
def test_any_text_gets_an_answer(
    title: str, text: str, url: str | None, label: str, language: str | None
) -> None:
    found = sign(
        title, text, url=url, categories=(label,), author=label, source_title=label, language=language
    )
    assert found is None or found


def lines(name: str) -> Iterator[dict[str, Any]]:
    path = CURATION / name
    raw = path.read_bytes()
    document = gzip.decompress(raw) if path.suffix == ".gz" else raw
    yield from map(json.loads, document.decode().splitlines())


class TestLabelledData:
    pytestmark = shared

    def test_every_opinion_of_the_labelled_days_is_found_and_nothing_else(self) -> None:
        entries = list(lines("korea-ukraine-dev.jsonl"))
        found = {
            e["id"] for e in entries if sign(e["title"], e["text"], url=e["url"], language=e["language"])
        }
        assert found == {e["id"] for e in entries if e["opinion"]}

    def test_they_are_found_by_their_wording_too(self) -> None:
        for line in lines("korea-ukraine-dev.jsonl"):
            if line["opinion"]:
                title = line["title"].split("] ")[-1].split(": ")[-1]
                assert sign(title, line["text"], language=line["language"]), line["id"]

    def test_hardly_any_agency_report_is_taken_for_an_opinion(self) -> None:
        taken = [
            e["title"]
            for e in lines("reuters21578-modapte.jsonl.gz")
            # A newline within a paragraph is the layout of 1987
            if sign(e["title"], e["text"].replace("\n    ", "\0").replace("\n", " ").replace("\0", "\n"))
        ]
        assert len(taken) <= 3, taken
