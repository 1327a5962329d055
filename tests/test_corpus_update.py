"""One `aggregator update` over a corpus of real feeds, most of them broken in one way or another."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import feedparser
import jsonschema
import pytest
from origin import serving_origin
from program import aggregator, configure
from selectolax.lexbor import LexborHTMLParser

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
SCHEMA = Path(__file__).resolve().parents[1] / "node_modules" / "jsonfeed-schema" / "schema-v1.1.json"
BROAD = """
topics:
  - {id: broad, title: Broad, match: "the OR a OR и OR 은", max_age: 20000d, items: 1000}
"""

# The same item stands twice in the document: same guid, or none and the same link
REPEATED = {
    "Rss092FullSample.xml": 1,
    "Rss20LeFigaro.xml": 1,
    "http-www.microsoft.com-feeds-msdn-en-us-rss.xml": 30,
}

# What JSON Feed 1.1 demands of an item and a feed, in short: the published schema is not at hand everywhere
OWN_SCHEMA = {
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string", "minLength": 1},
        "items": {
            "items": {
                "required": ["id"],
                "anyOf": [{"required": ["content_html"]}, {"required": ["content_text"]}],
                "properties": {
                    "id": {"type": "string", "minLength": 1},
                    "url": {"type": "string", "pattern": "^https?://"},
                    "external_url": {"type": "string", "pattern": "^https?://"},
                    "image": {"type": "string", "pattern": "^https?://"},
                    "tags": {"items": {"type": "string"}},
                    "date_published": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                    "date_modified": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                    "attachments": {"items": {"required": ["url", "mime_type"]}},
                },
            }
        },
    },
}


@dataclass
class Corpus:
    """What two passes over all documents left behind."""

    folder: Path
    paths: dict[str, str]
    """Source id → path in the corpus."""
    first: dict[str, Any]
    second: dict[str, Any]
    untouched: bool
    """The second pass left each published file as it was."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "store.db")) as db:
            return db.execute(query).fetchall()

    @property
    def broad(self) -> Path:
        return self.folder / "feeds" / "broad"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    if not CORPUS.exists():
        pytest.skip(f"the corpus is not here: {CORPUS}")
    files = sorted(
        path for part in ("real", "derived") for path in (CORPUS / part).rglob("*") if path.is_file()
    )
    folder = tmp_path_factory.mktemp("corpus")
    paths = {f"doc{number}": path.relative_to(CORPUS).as_posix() for number, path in enumerate(files)}
    with serving_origin() as origin:
        sources = {}
        for id, path in paths.items():
            body = (CORPUS / path).read_bytes()
            etag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
            headers = {"Content-Type": "application/xml"}
            sources[id] = origin.put(quote("/" + path), body, etag=etag, headers=headers)
        config = configure(folder, sources, topics=BROAD, fetch="per_host: 16")
        first = summary(config)
        before = published(folder)
        second = summary(config)
        yield Corpus(folder, paths, first, second, published(folder) == before)


def summary(config: Path) -> dict[str, Any]:
    done = aggregator("--config", config, "update", "--force", "--json")
    assert done.returncode == 0, done.stderr
    counts: dict[str, Any] = json.loads(done.stdout)
    return counts


def published(folder: Path) -> dict[Path, tuple[int, int]]:
    files = (path for path in (folder / "feeds").rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def expected_counts() -> dict[str, int]:
    """Path → entries that feedparser alone reads from it, or items of a JSON Feed."""
    with (CORPUS / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {
        row["path"]: len(json.loads((CORPUS / row["path"]).read_bytes())["items"])
        if row["path"].endswith(".json")
        else int(row["entries_feedparser6"])
        for row in rows
        if row["path"].startswith(("real/", "derived/"))
    }


@pytest.mark.shared
def test_every_document_yields_as_many_entries_as_feedparser_reads(corpus: Corpus) -> None:
    stored = dict(corpus.rows("SELECT source, count(*) FROM entries GROUP BY source"))
    counts = {path: stored.get(id, 0) for id, path in corpus.paths.items()}
    expected = {
        path: count - REPEATED.get(path.rpartition("/")[2], 0) for path, count in expected_counts().items()
    }
    differing = {path: (counts[path], expected[path]) for path in counts if counts[path] != expected[path]}
    assert differing == {}
    assert sum(counts.values()) > 4500


@pytest.mark.shared
def test_only_documents_without_any_entry_fail(corpus: Corpus) -> None:
    failed = dict(corpus.rows("SELECT id, failure_message FROM sources WHERE failure_message IS NOT NULL"))
    expected = expected_counts()
    assert {corpus.paths[id]: message for id, message in failed.items() if expected[corpus.paths[id]]} == {}
    assert all("the document" in message for message in failed.values())
    assert corpus.first["fetched"] == len(corpus.paths) - len(failed)


@pytest.mark.shared
def test_a_second_pass_fetches_nothing_again_and_writes_no_file(corpus: Corpus) -> None:
    assert corpus.second["not_modified"] + corpus.second["unchanged"] == corpus.first["fetched"]
    changed = ("fetched", "entries_new", "entries_revised", "stories_new", "stories_updated", "files_written")
    assert {name: corpus.second[name] for name in changed} == dict.fromkeys(changed, 0)
    assert corpus.untouched


@pytest.mark.shared
@pytest.mark.parametrize("name", ["rss.xml", "atom.xml"])
def test_the_published_xml_of_all_that_is_flawless(corpus: Corpus, name: str) -> None:
    document = feedparser.parse(io.BytesIO((corpus.broad / name).read_bytes()))
    assert document.bozo is False, document.get("bozo_exception")
    ids = [entry.id for entry in document.entries]
    assert len(ids) == len(set(ids)) == 1000


@pytest.mark.shared
def test_the_published_json_feed_is_valid(corpus: Corpus) -> None:
    feed = json.loads((corpus.broad / "feed.json").read_bytes())
    assert len(feed["items"]) == 1000
    jsonschema.Draft7Validator(OWN_SCHEMA).validate(feed)


@pytest.mark.shared
def test_the_published_json_feed_conforms_to_the_published_schema(corpus: Corpus) -> None:
    if not SCHEMA.exists():
        pytest.skip(f"npm's jsonfeed-schema is not here: {SCHEMA}")
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_bytes())).validate(
        json.loads((corpus.broad / "feed.json").read_bytes())
    )


@pytest.mark.shared
def test_every_page_holds_no_script_but_ours_and_leads_only_to_the_web(corpus: Corpus) -> None:
    pages = sorted((corpus.folder / "feeds").rglob("*.html"))
    assert len(pages) > 1000
    data = 'script[type="application/ld+json"]'
    index = LexborHTMLParser((corpus.folder / "feeds" / "index.html").read_bytes())
    (ours,) = index.css(f"script:not({data.removeprefix('script')})")
    for path in pages:
        page = LexborHTMLParser(path.read_bytes())
        told = [json.loads(block.text()) for block in page.css(data)]
        assert all(one["@context"] == "https://schema.org" for one in told), path
        assert len(page.css("script")) == len(told) + 1, path
        assert ours.text() in [script.text() for script in page.css("script")], path
        assert len(page.css("html")) == len(page.css("head")) == len(page.css("body")) == 1, path
        assert len(page.css("h1")) == len(page.css("main")) == 1, path
        for link in page.css("a[href]"):
            address = str(link.attributes["href"])
            is_ours = address.startswith("feed:http://127.0.0.1:8080/")
            assert is_ours or urlsplit(address).scheme in ("http", "https", "mailto"), path
        for element in page.css("*"):
            names = [name for name in element.attributes if re.match("on|style$|src", name)]
            # What there is to hear waits until somebody plays it
            assert not names or (names == ["src"] and element.attributes.get("preload") == "none"), path
