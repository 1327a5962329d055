"""The shipped configuration: its files are valid, and its topics hold for headlines of the field."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from aggregator.settings import Aggregator, Sources, Topics
from aggregator.topic.rule import compile_rule, compile_term

CONFIG = Path(__file__).resolve().parents[1] / "config"

UKRAINE, TROOPS = "korea-ukraine-defense", "north-korean-troops"
EXPORTS, PENINSULA = "korean-arms-exports", "korean-peninsula-security"

HEADLINES: list[tuple[str, set[str]]] = [
    # English
    ("Ukraine's defence minister to visit Seoul to ask for air defence systems", {UKRAINE}),
    ("S. Korea to review supplying weapons to Ukraine in phases: presidential office", {UKRAINE}),
    ("Seoul sends demining vehicles and body armour to Kyiv", {UKRAINE}),
    ("N. Korean troops in Russia begin combat in Kursk, spy agency says", {UKRAINE, TROOPS}),
    ("Zelensky offers to swap captured North Korean soldiers for Ukrainians", {UKRAINE, TROOPS}),
    ("North Korea sends troops to Russia, Seoul's intelligence service says", {UKRAINE, TROOPS}),
    ("Pyongyang's soldiers learn drone warfare on Russian training grounds", {UKRAINE, TROOPS}),
    ("Pyongyang has shipped 12 million artillery shells to Russia, Seoul's military estimates", {UKRAINE}),
    ("South Korean President Lee Jae-myung, Zelensky discuss military cooperation", {UKRAINE}),
    ("Poland signs $6.5 billion contract for second batch of K2 tanks", {EXPORTS}),
    ("Hanwha Aerospace wins Norway howitzer order", {EXPORTS}),
    ("Philippines to buy 12 more FA-50 light combat aircraft from South Korea", {EXPORTS}),
    ("Iraq picks Korean Cheongung missiles in $2.8 billion export deal", {EXPORTS}),
    (
        "Canada narrows submarine contract to German and South Korean bidders, fleet of 12 submarines",
        {EXPORTS},
    ),
    ("N. Korea fires short-range ballistic missiles toward East Sea", {PENINSULA}),
    ("North Korea tests engine of new intercontinental ballistic missile", {PENINSULA}),
    ("North Korean soldiers cross military demarcation line, retreat after warning shots", {PENINSULA}),
    ("Allies begin Freedom Shield exercise; North Korea warns of response", {PENINSULA}),
    ("US carrier in Busan for trilateral drills as tension on the Korean Peninsula grows", {PENINSULA}),
    ("Kim hails heroes of Kursk at Pyongyang ceremony for fallen soldiers", {UKRAINE, TROOPS}),
    ("Malaysia orders 18 FA-50M jets; first to arrive in 2026", {EXPORTS}),
    ("Ethnic Koreans who fled missile strikes on Mykolaiv, Ukraine, settle in Ansan, South Korea", set()),
    ("State Department approves possible sale of missiles to South Korea", set()),
    ("Seoul: N. Korea sold launchers and howitzers; North Korean weapons seen in Yemen", set()),
    ("BTS army raises funds for children in Ukraine", set()),
    ("Seoul and Kyiv think tanks sign agreement on reconstruction research", set()),
    ("Ukrainian acrobat welcomed with open arms in Seoul", set()),
    ("Ukrainian fencers beat South Korea to take world cup gold in Seoul", set()),
    ("South Korea's LS Cable wins submarine cable contract in Taiwan", set()),
    ("Think tank expects South Korea's exports to China to fall", set()),
    ("Hyundai buys back shares as South Korea's car sales slip", set()),
    ("Moscow zoo sends lion to Pyongyang as gift from Putin", set()),
    ("Ukraine fires ATACMS missiles at depot in Bryansk", set()),
    ("Germany orders more howitzers for Ukraine from KNDS", set()),
    ("Putin lowers threshold for use of nuclear weapons", set()),
    # Korean
    ("우크라 국방장관 방한…정부에 천궁 등 방공무기 지원 요청", {UKRAINE}),
    ("대통령실 “우크라이나에 살상무기 지원 여부, 국회와 협의”", {UKRAINE}),
    ("국정원 “북한군 사상자 4천700명…우크라 전선서 600명 전사”", {UKRAINE, TROOPS}),
    ("젤렌스키 “생포한 북한군 포로 2명 키이우로 이송”", {UKRAINE, TROOPS}),
    ("北, 러시아에 공병 1천명 추가 파병…쿠르스크 지뢰 제거 투입", {UKRAINE, TROOPS}),
    ("북 파병 대가로 러시아가 방공미사일 제공", {UKRAINE, TROOPS}),
    ("K2 전차 폴란드 2차 계약 서명…9조원 규모 수출", {EXPORTS}),
    ("K-방산 수출 또 신기록…루마니아와 K9 자주포 계약 체결", {EXPORTS}),
    ("한화오션, 캐나다 잠수함 사업 입찰 제안서 제출", {EXPORTS}),
    ("합참 “북한, 동해상으로 단거리 탄도미사일 여러 발 발사”", {PENINSULA}),
    ("북한 또 오물풍선 살포…군, 대북 확성기 방송 재개", {PENINSULA}),
    ("한미 연합훈련 ‘자유의 방패’ 시작…북한 반발", {PENINSULA}),
    ("북한군 파병에 정부 “단계적 조치”…공격용 무기 지원도 검토", {UKRAINE, TROOPS}),
    ("한국 라면 수출 폴란드서 급증…대형마트와 공급 계약", set()),
    ("푸틴, 김정은에 새해 축전", set()),
    ("의료계 무기한 휴진…한국 병원 수출 사업도 차질", set()),
    ("현대차, 유럽에 전차종 수출 확대…한국 공장 증설", set()),
    ("우크라이나 난민 가족, 한국서 김장 체험", set()),
    ("미 국방부, 우크라에 미사일 추가 지원", set()),
    ("북부 지방 폭설…평양도 영하 15도", set()),
    # Ukrainian
    ("Умєров обговорив у Сеулі постачання систем ППО", {UKRAINE}),
    ("Південна Корея передала Україні техніку для розмінування", {UKRAINE}),
    ("На Курщині ліквідували командира північнокорейського підрозділу", {UKRAINE, TROOPS}),
    ("Розвідка: солдати КНДР штурмують українські позиції разом із росіянами", {UKRAINE, TROOPS}),
    ("ГУР: КНДР постачає половину снарядів Росії", {UKRAINE}),
    ("Польща закупить ще 180 корейських танків K2", {EXPORTS}),
    ("Румунія підписала контракт на південнокорейські гаубиці K9", {EXPORTS}),
    ("КНДР запустила кілька балістичних ракет у бік Японського моря", {PENINSULA}),
    ("Український боєць ММА переміг корейця в Сеулі", set()),
    ("Українки зіграють проти Кореї на чемпіонаті світу з настільного тенісу: ракетки напоготові", set()),
    ("Корейська верф збудує танкери для грецької компанії: контракт підписано", set()),
    ("Удар по Києву: десятки ракет і дронів", set()),
    # Russian
    ("Зеленский показал пленных военных из КНДР", {UKRAINE, TROOPS}),
    ("Южная Корея не исключила поставок оружия Украине", {UKRAINE}),
    ("Белоусов прибыл в Пхеньян для переговоров о военном сотрудничестве", {UKRAINE}),
    ("Польша закупает южнокорейские гаубицы и танки: сделка на 6 млрд", {EXPORTS}),
    ("КНДР испытала межконтинентальную баллистическую ракету", {PENINSULA}),
    ("Южнокорейский фильм получил награду в Киеве", set()),
    ("Россия отправила в Пхеньян туристический поезд", set()),
    # Polish
    ("Żołnierze z Korei Północnej giną pod Kurskiem", {UKRAINE, TROOPS}),
    ("Korea Południowa rozważa dostawy broni na Ukrainę", {UKRAINE}),
    ("Umowa na 180 czołgów K2 podpisana w Gliwicach, koreański koncern zadowolony", {EXPORTS}),
    ("Polska kupuje w Korei kolejne haubice K9", {EXPORTS}),
    ("Korea Północna wystrzeliła pocisk balistyczny w stronę Japonii", {PENINSULA}),
    ("Najlepszy rok w historii: Polska sprzedała Korei więcej jabłek", set()),
    ("Ukrainiec broni tytułu mistrza świata w turnieju w Seulu", set()),
]


def _yaml(name: str) -> Any:
    return yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources.model_validate(_yaml("sources.yaml"))


@pytest.fixture(scope="module")
def topics() -> Topics:
    return Topics.model_validate(_yaml("topics.yaml"))


@pytest.fixture(scope="module")
def selected(topics: Topics) -> dict[str, set[str]]:
    """Each headline's topics, by the rules as shipped."""
    database = _full_text(headline for headline, _ in HEADLINES)
    found: dict[str, set[str]] = {headline: set() for headline, _ in HEADLINES}
    for topic in topics.topics:
        query = compile_rule(topic, topics.vocabulary)
        for (headline,) in database.execute("SELECT title FROM entry WHERE entry MATCH ?", (query,)):
            found[headline].add(topic.id)
    database.close()
    return found


def _full_text(titles: Iterable[str]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE entry USING fts5(title, text, tokenize='unicode61 remove_diacritics 2')"
    )
    database.executemany("INSERT INTO entry VALUES (?, '')", [(title,) for title in titles])
    return database


def _fold(term: str) -> str:
    """As the tokenizer sees it: no capitals, no accents on Latin letters."""
    folded = term.casefold()
    if not re.search("[a-z]", folded):
        return folded
    return "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))


def test_the_program_s_settings_are_valid_and_say_who_fetches() -> None:
    settings = Aggregator.model_validate(_yaml("aggregator.yaml"))
    assert settings.site.contact
    assert {"en", "ko", "uk"} <= set(settings.site.languages)


@pytest.mark.parametrize("name", ["aggregator", "sources", "topics"])
def test_every_file_names_its_schema_for_editors(name: str) -> None:
    first = (CONFIG / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema=schema/{name}.json"


def test_forty_sources_and_more_are_shipped_in_three_languages(sources: Sources) -> None:
    languages = Counter(source.language for source in sources.sources)
    assert len(sources.sources) >= 40
    assert min(languages[language] for language in ("en", "ko", "uk")) >= 10


def test_no_two_sources_share_an_id_a_title_or_an_address(sources: Sources) -> None:
    for values in (
        [source.id for source in sources.sources],
        [source.title for source in sources.sources],
        ["".join(urlsplit(source.url)[1:4]).lower().rstrip("/") for source in sources.sources],
    ):
        assert [value for value, times in Counter(values).items() if times > 1] == []


def test_every_source_is_complete_and_uses_the_tags_that_the_file_explains(sources: Sources) -> None:
    regions = {"south-korea", "ukraine", "russia", "asia", "world"}
    kinds = {"agency", "broadcaster", "press", "defence", "think-tank", "government"}
    for source in sources.sources:
        assert source.id
        assert source.title
        assert source.language
        assert source.url.startswith("https://")
        assert source.tags
        assert set(source.tags) <= regions | kinds
        assert set(source.tags) & kinds


def test_the_desk_s_four_topics_are_shipped(topics: Topics) -> None:
    assert {UKRAINE, TROOPS, EXPORTS, PENINSULA} <= {topic.id for topic in topics.topics}


def test_a_topic_names_only_vocabularies_that_exist_and_every_vocabulary_is_used(topics: Topics) -> None:
    named = {name for t in topics.topics for name in (*t.all_of, *t.any_of, *t.none_of)}
    assert named == set(topics.vocabulary)


def test_every_vocabulary_has_terms_in_three_scripts(topics: Topics) -> None:
    for name, terms in topics.vocabulary.items():
        letters = [unicodedata.name(letter, "") for letter in "".join(terms)]
        for script in ("LATIN", "HANGUL", "CYRILLIC"):
            assert any(letter.startswith(script) for letter in letters), f"{name} has no {script} term"


def test_every_term_finds_itself(topics: Topics) -> None:
    terms = sorted({term for terms in topics.vocabulary.values() for term in terms})
    database = _full_text(term.replace("*", "") for term in terms)
    found = {
        term: {title for (title,) in database.execute("SELECT title FROM entry(?)", (compile_term(term),))}
        for term in terms
    }
    database.close()
    assert [term for term in terms if term.replace("*", "") not in found[term]] == []


def test_no_term_is_listed_twice_or_found_by_a_shorter_one(topics: Topics) -> None:
    for name, terms in topics.vocabulary.items():
        folded = [_fold(term) for term in terms]
        assert [term for term, times in Counter(folded).items() if times > 1] == [], name
        stems = tuple(term[:-1] for term in folded if term.endswith("*") and term.count("*") == 1)
        assert [t for t in folded if any(t.startswith(s) and t != s + "*" for s in stems)] == [], name


def test_a_headline_stands_once_in_the_table() -> None:
    assert len({headline for headline, _ in HEADLINES}) == len(HEADLINES)


@pytest.mark.parametrize(("headline", "expected"), HEADLINES)
def test_a_headline_is_in_the_topics_it_belongs_to(
    headline: str, expected: set[str], selected: dict[str, set[str]]
) -> None:
    assert selected[headline] == expected
