"""What the program publishes is valid: of the samples, of real feeds, and of sources that are badly made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import jsonschema
import pytest
from nasty import HEADS, TOPICS, config, nasty
from origin import Origin, serving_origin
from program import aggregator
from validity import flaws

from aggregator.settings import Site

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
SCHEMA = Path(__file__).resolve().parents[1] / "node_modules" / "jsonfeed-schema" / "schema-v1.1.json"


def judged(feeds: Path, base: str) -> tuple[int, list[str]]:
    """How many RSS and Atom documents a folder of publications has, and what is wrong with them."""
    found = []
    paths = [path for path in sorted(feeds.rglob("*.xml")) if path.name.startswith(("rss", "atom"))]
    for path in paths:
        where = path.relative_to(feeds).as_posix()
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        found += [f"{where}: {flaw}" for flaw in flaws(path.read_bytes(), url=base + where, now=written)]
    return len(paths), found


def update(folder: Path) -> None:
    done = aggregator("--config", folder / "config", "update", "--force", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["failed"] == 0


def set_up(folder: Path, origin: Origin, aggregator_yaml: str) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "aggregator.yaml").write_text(aggregator_yaml)
    (folder / "config" / "topics.yaml").write_text(TOPICS)
    lines = []
    for number, (id, head) in enumerate(HEADS.items()):
        url = origin.put(f"/{id}", nasty(head=head), headers={"Content-Type": "application/xml"})
        policy = ("full", "excerpt", "headline", "excerpt")[number]
        terms = "license: '&copy; <a href=/x>CC</a> </b>', " if number == 0 else ""
        lines.append(f"  - {{id: {id}, url: '{url}', {terms}policy: {policy}, tags: [audio]}}\n")
    (folder / "config" / "sources.yaml").write_text("sources:\n" + "".join(lines))


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving_origin() as origin:
        yield origin


@pytest.mark.parametrize(
    ("base_url", "output"),
    [
        (None, "full_content: always, link: source, items: 500"),
        ("https://Новини.example/стрічки", "full_content: never, excerpt: 0"),
        ("http://feed_desk:8080/", "full_content: private, excerpt: 5000, link: source, items: 5"),
    ],
)
def test_what_comes_of_badly_made_sources_is_valid(
    tmp_path: Path, origin: Origin, base_url: str | None, output: str
) -> None:
    set_up(tmp_path, origin, config(base_url, output))
    update(tmp_path)
    # New items push older ones into archive documents
    for batch in (100, 200):
        items = tuple(f"<title>News {number} report</title>" for number in range(4))
        origin.put("/plain", nasty(head=HEADS["plain"], items=items, first=batch))
        update(tmp_path)
    site = Site(base_url=base_url) if base_url else Site()
    count, found = judged(tmp_path / "feeds", site.base_url)
    assert found == []
    assert count >= 14
    assert list((tmp_path / "feeds" / "short" / "archive").glob("rss-*.xml"))
    if not SCHEMA.exists():
        pytest.skip(f"npm's jsonfeed-schema is not here: {SCHEMA}")
    schema = jsonschema.Draft7Validator(json.loads(SCHEMA.read_bytes()))
    for path in (tmp_path / "feeds").rglob("feed*.json"):
        schema.validate(json.loads(path.read_bytes()))


def test_what_the_demo_publishes_is_valid(tmp_path: Path) -> None:
    done = aggregator("demo", "--once", "--embedder", "words", "--dir", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    feeds = tmp_path / "demo" / "feeds"
    base = json.loads(next(feeds.glob("*/feed.json")).read_bytes())["feed_url"].rsplit("/", 2)[0]
    count, found = judged(feeds, f"{base}/")
    assert (count > 0, found) == (True, [])


@pytest.mark.shared
def test_what_comes_of_real_feeds_is_valid(tmp_path: Path, origin: Origin) -> None:
    if not CORPUS.exists():
        pytest.skip(f"the corpus is not here: {CORPUS}")
    files = sorted(
        path for part in ("real", "derived") for path in (CORPUS / part).rglob("*") if path.is_file()
    )
    set_up(tmp_path, origin, config(None, "full_content: always"))
    lines = [
        f"  - {{id: real{number}, url: '{origin.put(quote(f'/{number}/{path.name}'), path.read_bytes())}'}}\n"
        for number, path in enumerate(files[::6])
    ]
    (tmp_path / "config" / "sources.yaml").write_text("sources:\n" + "".join(lines))
    (tmp_path / "config" / "topics.yaml").write_text(
        'topics: [{id: broad, title: Broad, match: "the OR a OR и OR 은", max_age: 20000d, items: 300}]'
    )
    done = aggregator("--config", tmp_path / "config", "update", "--force")
    assert done.returncode == 0, done.stderr
    count, found = judged(tmp_path / "feeds", "http://127.0.0.1:8080/")
    assert (count, found) == (6, [])
