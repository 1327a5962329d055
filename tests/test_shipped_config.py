"""The shipped configuration: its files are valid, and its topics hold for headlines of the field."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from aggregator.settings import Aggregator, Sources, Topics, TopicSettings

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
    ("Pyongyang's soldiers learn drone warfare on Russian training grounds", {TROOPS}),
    ("Pyongyang has shipped 12 million artillery shells to Russia, Seoul's military estimates", {UKRAINE}),
    ("South Korean President Lee Jae-myung, Zelensky discuss military cooperation", {UKRAINE}),
    ("Poland signs $6.5 billion contract for second batch of K2 tanks", {EXPORTS}),
    ("Hanwha Aerospace wins Norway howitzer order", {EXPORTS}),
    ("Philippines to buy 12 more FA-50 light combat aircraft from South Korea", {EXPORTS}),
    ("Iraq picks Korean Cheongung missiles in $2.8 billion export deal", {EXPORTS}),
    ("Canada narrows submarine contract to German and South Korean bidders, fleet of 12 submarines", {EXPORTS}),
    ("N. Korea fires short-range ballistic missiles toward East Sea", {PENINSULA}),
    ("North Korea tests engine of new intercontinental ballistic missile", {PENINSULA}),
    ("North Korean soldiers cross military demarcation line, retreat after warning shots", {PENINSULA}),
    ("Allies begin Freedom Shield exercise; North Korea warns of response", {PENINSULA}),
    ("US carrier in Busan for trilateral drills as tension on the Korean Peninsula grows", {PENINSULA}),
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
    ("北, 러시아에 공병 1천명 추가 파병…쿠르스크 지뢰 제거 투입", {UKRAINE}),
    ("북 파병 대가로 러시아가 방공미사일 제공", {UKRAINE, TROOPS}),
    ("K2 전차 폴란드 2차 계약 서명…9조원 규모 수출", {EXPORTS}),
    ("K-방산 수출 또 신기록…루마니아와 K9 자주포 계약 체결", {EXPORTS}),
    ("한화오션, 캐나다 잠수함 사업 입찰 제안서 제출", {EXPORTS}),
    ("합참 “북한, 동해상으로 단거리 탄도미사일 여러 발 발사”", {PENINSULA}),
    ("북한 또 오물풍선 살포…군, 대북 확성기 방송 재개", {PENINSULA}),
    ("한미 연합훈련 ‘자유의 방패’ 시작…북한 반발", {PENINSULA}),
    ("의료계 무기한 휴진…한국 병원 수출 사업도 차질", set()),
    ("현대차, 유럽에 전차종 수출 확대…한국 공장 증설", set()),
    ("우크라이나 난민 가족, 한국서 김장 체험", set()),
    ("미 국방부, 우크라에 미사일 추가 지원", set()),
    ("북부 지방 폭설…평양도 영하 15도", set()),
    # Ukrainian
    ("Умєров обговорив у Сеулі постачання систем ППО", {UKRAINE}),
    ("Південна Корея передала Україні техніку для розмінування", {UKRAINE}),
    ("На Курщині ліквідували командира північнокорейського підрозділу", {TROOPS}),
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


def _term(term: str) -> str:
    """A term in FTS5's language: words up to each `*` are one phrase, neighbouring phrases stand side by side."""
    phrases = [phrase.split() for phrase in re.findall(r"[^*]+\*?", term)]
    quoted = [f'"{" ".join(p).rstrip("*")}"{"*" if p[-1].endswith("*") else ""}' for p in phrases]
    if len(quoted) == 1:
        return quoted[0]
    return f"NEAR({' '.join(quoted)}, {sum(len(p) for p in phrases[1:-1])})"


def compile_rule(topic: TopicSettings, vocabulary: dict[str, tuple[str, ...]]) -> str:
    """The topic as one FTS5 query."""

    def any_term(names: tuple[str, ...]) -> str:
        terms = [term for name in names for term in vocabulary.get(name, (name,))]
        return f"({' OR '.join(map(_term, terms))})"

    clauses = [any_term((name,)) for name in topic.all_of] + [any_term(topic.any_of)]
    query = " AND ".join(clauses)
    return f"({query}) NOT {any_term(topic.none_of)}" if topic.none_of else query


@pytest.fixture(scope="module")
def topics() -> Topics:
    return Topics.model_validate(_yaml("topics.yaml"))


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources.model_validate(_yaml("sources.yaml"))
