"""The demo's bundled feeds and configuration: what a newcomer sees first has to be right."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import feedparser
import pytest
import yaml
from dateutil.parser import parse as parse_date

from aggregator.settings import Aggregator, Sources, Topics, TopicSettings

SAMPLES = Path(__file__).resolve().parents[1] / "aggregator" / "samples"
FEEDS = sorted((SAMPLES / "feeds").iterdir())
ORIGIN = "http://127.0.0.1:8081/"

AGENCY_REPORT = {
    "dnipro-wire https://dnipro-wire.example/report/58213",
    "amber-coast-gazette tag:amber-coast-gazette.example,2024-11-27:world-311",
    "open-harbour https://open-harbour.example/world/90417",
}
VISIT_WITH_TROOPS = AGENCY_REPORT | {
    "han-river-times hrt-20241127-04",
    "han-river-times hrt-20241128-02",
    "dnipro-wire https://dnipro-wire.example/report/58197",
    "meridian-opinion meridian-op-902",
    "pureungang-ilbo pureungang-20241127003",
    "pureungang-ilbo pureungang-20241127005",
    "rankovyi-podil https://rankovyi-podil.example/polityka/1184-umierov-seul",
    "stepovyi-obrii urn:uuid:6a1f5f0c-7d0e-4f39-8b64-000000000812",
    "two-capitals two-capitals-042",
}
TROOPS = {
    "dnipro-wire https://dnipro-wire.example/report/58160",
    "amber-coast-gazette tag:amber-coast-gazette.example,2024-11-26:world-307",
    "namsan-maru https://namsan-maru.example/posts/4463",
    "stepovyi-obrii urn:uuid:6a1f5f0c-7d0e-4f39-8b64-000000000798",
}
EXPECTED = {
    "korea-ukraine-defense": VISIT_WITH_TROOPS
    | TROOPS
    | {
        "han-river-times hrt-20241127-01",
        "strait-and-shield sas-1187",
        "strait-and-shield sas-1188",
        "namsan-maru https://namsan-maru.example/posts/4471",
        "rankovyi-podil https://rankovyi-podil.example/polityka/1179-choho-chekaie-ukraina",
    },
    "north-korean-troops": VISIT_WITH_TROOPS | TROOPS,
    "korean-arms-exports": {
        "han-river-times hrt-20241125-07",
        "amber-coast-gazette tag:amber-coast-gazette.example,2024-11-25:business-112",
        "amber-coast-gazette tag:amber-coast-gazette.example,2024-11-27:business-118",
        "strait-and-shield sas-1186",
        "strait-and-shield sas-1188",
        "pureungang-ilbo pureungang-20241126011",
        "namsan-maru https://namsan-maru.example/posts/4467",
        "stepovyi-obrii urn:uuid:6a1f5f0c-7d0e-4f39-8b64-000000000801",
    },
    "korean-peninsula-security": {
        "strait-and-shield sas-1184",
        "strait-and-shield sas-1185",
        "strait-and-shield sas-1187",
        "open-harbour https://open-harbour.example/world/90398",
        "pureungang-ilbo pureungang-20241125008",
        "namsan-maru https://namsan-maru.example/posts/4465",
        "stepovyi-obrii urn:uuid:6a1f5f0c-7d0e-4f39-8b64-000000000803",
    },
}


@dataclass(frozen=True)
class Sample:
    key: str
    feed: str
    url: str
    title: str
    text: str
    published: datetime


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def parsed(path: Path) -> Any:
    document = feedparser.parse(io.BytesIO(path.read_bytes()))
    assert document.bozo is False, f"{path.name}: {document.get('bozo_exception')}"
    return document


def entries_of(path: Path) -> Iterator[Sample]:
    if path.suffix == ".json":
        for item in json.loads(path.read_text())["items"]:
            html = item.get("content_html") or item["content_text"]
            moment = parse_date(item["date_published"])
            yield Sample(
                f"{path.stem} {item['id']}", path.stem, item["url"], item["title"], plain(html), moment
            )
        return
    for entry in parsed(path).entries:
        html = entry.content[0].value if entry.get("content") else entry.summary
        moment = parse_date(entry.published if "published" in entry else entry.updated)
        yield Sample(
            f"{path.stem} {entry.id if 'id' in entry else entry.link}",
            path.stem,
            entry.link,
            entry.title,
            plain(html),
            moment,
        )


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample for path in FEEDS for sample in entries_of(path)]


def settings_of(name: str) -> Any:
    return yaml.safe_load((SAMPLES / "config" / name).read_text())


@pytest.fixture(scope="module")
def topics() -> Topics:
    return Topics.model_validate(settings_of("topics.yaml"))


def fts_term(term: str) -> str:
    words = [f'"{word.rstrip("*")}"{"*" * word.endswith("*")}' for word in term.split()]
    if len(words) == 1:
        return words[0]
    return f"NEAR({' '.join(words)}, 0)" if "*" in term else '"' + term + '"'


def fts_query(topic: TopicSettings, vocabulary: dict[str, tuple[str, ...]]) -> str:
    def one_of(names: tuple[str, ...]) -> str:
        return " OR ".join(fts_term(term) for name in names for term in vocabulary.get(name, (name,)))

    groups = [one_of((name,)) for name in topic.all_of]
    groups += [one_of(topic.any_of)] if topic.any_of else []
    query = " AND ".join(f"({group})" for group in groups)
    return f"({query}) NOT ({one_of(topic.none_of)})" if topic.none_of else query


def selected(topic: TopicSettings, topics: Topics, samples: list[Sample]) -> set[str]:
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE e USING fts5(key UNINDEXED, title, text, "
        "tokenize='unicode61 remove_diacritics 2')"
    )
    database.executemany("INSERT INTO e VALUES (?, ?, ?)", [(s.key, s.title, s.text) for s in samples])
    rows = database.execute("SELECT key FROM e WHERE e MATCH ?", [fts_query(topic, topics.vocabulary)])
    found = {key for (key,) in rows}
    database.close()
    return found


def test_there_are_enough_feeds_and_entries_of_every_format(samples: list[Sample]) -> None:
    formats = Counter(
        "json" if path.suffix == ".json" else parsed(path).version.rstrip("0123456789") for path in FEEDS
    )
    assert formats == {"rss": 7, "atom": 3, "json": 2}
    assert {parsed(p).version for p in FEEDS if p.suffix != ".json"} == {"rss20", "rss10", "atom10"}
    assert len(samples) == 87


def test_three_languages_carry_the_samples(samples: list[Sample]) -> None:
    def script(text: str) -> str:
        letters = Counter(
            "ko" if "가" <= letter <= "힣" else "uk" if "Ѐ" <= letter <= "ӿ" else "en"
            for letter in text
            if letter.isalpha()
        )
        return letters.most_common(1)[0][0]

    assert Counter(script(s.title + s.text) for s in samples) == {"en": 48, "ko": 23, "uk": 16}


def test_every_entry_has_a_key_a_title_a_text_and_a_date_of_those_days(samples: list[Sample]) -> None:
    assert len({s.key for s in samples}) == len(samples)
    assert len({(s.feed, s.url) for s in samples}) == len(samples)
    for sample in samples:
        assert sample.title.strip(), sample.key
        assert len(sample.text) >= 60, sample.key
        moment = sample.published.astimezone(UTC)
        assert datetime(2024, 11, 24, 12, tzinfo=UTC) < moment < datetime(2024, 11, 29, tzinfo=UTC), (
            sample.key
        )


def test_links_lead_nowhere_but_to_reserved_names() -> None:
    for path in FEEDS:
        if path.suffix == ".json":
            links = [item["url"] for item in json.loads(path.read_text())["items"]]
        else:
            links = [entry.link for entry in parsed(path).entries]
        hosts = {urlsplit(link).hostname or "" for link in links}
        assert len(hosts) == 1, path.name
        assert all(host.endswith(".example") for host in hosts), path.name


def test_json_feeds_are_of_version_1_1() -> None:
    for path in FEEDS:
        if path.suffix == ".json":
            assert json.loads(path.read_text())["version"] == "https://jsonfeed.org/version/1.1"


def test_weekdays_of_rfc_822_dates_are_true() -> None:
    for path in FEEDS:
        for text in re.findall(r"<pubDate>(.*?)</pubDate>", path.read_text()):
            assert parse_date(text).strftime("%a") == text[:3], text


def test_three_outlets_carry_the_agency_report_word_for_word(samples: list[Sample]) -> None:
    reports = [s for s in samples if s.key in AGENCY_REPORT]
    assert len({s.feed for s in reports}) == 3
    assert len({s.text for s in reports}) == 1
    assert len(reports[0].text.split()) >= 120
    assert len({s.title for s in reports}) == 2
    assert len({s.url for s in reports}) == 3
    assert any("utm_source" in s.url for s in reports)


def test_no_other_text_stands_twice(samples: list[Sample]) -> None:
    texts = Counter(s.text for s in samples)
    assert sorted(texts.values())[-2:] == [1, 3]


def test_the_settings_are_valid_and_name_every_sample_feed(topics: Topics) -> None:
    aggregator = Aggregator.model_validate(settings_of("aggregator.yaml"))
    sources = Sources.model_validate(settings_of("sources.yaml")).sources
    assert aggregator.fetch.allow_private_networks
    assert aggregator.site.languages == ("en", "ko", "uk")
    assert sorted(s.url for s in sources) == sorted(ORIGIN + path.name for path in FEEDS)
    assert sorted(s.id for s in sources) == sorted(path.stem for path in FEEDS)
    assert [s.id for s in sources if s.opinion] == ["meridian-opinion"]
    used = {name for t in topics.topics for name in t.all_of + t.any_of + t.none_of}
    assert used == set(topics.vocabulary)


def test_every_topic_has_its_expectation(topics: Topics) -> None:
    assert [topic.id for topic in topics.topics] == list(EXPECTED)


@pytest.mark.parametrize("topic_id", list(EXPECTED))
def test_a_topic_selects_what_an_editor_would(topic_id: str, topics: Topics, samples: list[Sample]) -> None:
    (topic,) = [t for t in topics.topics if t.id == topic_id]
    assert selected(topic, topics, samples) == EXPECTED[topic_id]


@pytest.mark.parametrize("word", ["armistice-comparison", "koreiskyi-stsenarii"])
def test_only_the_excluded_words_keep_an_essay_on_1953_out(
    word: str, topics: Topics, samples: list[Sample]
) -> None:
    (essay,) = [s for s in samples if word in s.url]
    topic = topics.topics[0]
    assert selected(topic, topics, [essay]) == set()
    assert selected(topic.model_copy(update={"none_of": ()}), topics, [essay]) == {essay.key}
