"""kill -9 at any moment of a pass: nothing is lost, nothing stands twice, nothing published is half a file."""

from __future__ import annotations

import hashlib
import io
import json
import random
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import feedparser
import pytest
from origin import Origin, rss, serving_origin
from program import AGGREGATOR, aggregator, configure, until

KILLS = 50
SOURCES = 30
WINDOW = 10
TOPICS = """
topics:
  - {id: even, title: Even, match: "even", max_age: 20000d, items: 20}
  - {id: all, title: All, match: "even OR odd", max_age: 20000d, items: 50}
"""


@dataclass
class World:
    """Sources whose documents move on, the store that follows them, and the truth about both."""

    origin: Origin
    folder: Path
    rng: random.Random
    newest: dict[str, int] = field(default_factory=dict)
    held: dict[str, dict[str, str]] = field(default_factory=dict)
    """ETag → guid → title of the document that was served with it."""
    seen: set[tuple[str, str]] = field(default_factory=set)
    """Every entry that was ever found in the store."""
    config: Path = Path()

    def begin(self) -> None:
        sources = {f"s{number}": self.origin.url(f"/s{number}.xml") for number in range(SOURCES)}
        for id in sources:
            self._serve(id, WINDOW)
        self.config = configure(self.folder, sources, topics=TOPICS)

    def move_on(self) -> None:
        """Some sources get new entries, and the title of an entry that stays is changed."""
        for id in self.rng.sample(sorted(self.newest), k=SOURCES // 2):
            self._serve(id, self.newest[id] + self.rng.randint(1, 4))

    def _serve(self, id: str, newest: int) -> None:
        self.newest[id] = newest
        numbers = range(newest, newest - WINDOW, -1)
        titles = {guid_of(id, number): f"Report {number} of {id}" for number in numbers}
        titles[guid_of(id, newest - WINDOW + 3)] += f", corrected in {newest}"
        etag = f'"{id}-{newest}"'
        items = [
            {
                "title": titles[guid],
                "link": guid,
                "text": f"{'even' if sum(guid.encode()) % 2 == 0 else 'odd'} words of {guid} only: {own_words(guid)}",
            }
            for guid in titles
        ]
        self.held[etag] = titles
        self.origin.put(f"/{id}.xml", rss(id, *items), etag=etag)

    def check_store(self) -> None:
        """What must hold at any moment."""
        with closing(sqlite3.connect(self.folder / "store.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
                return
            db.execute("INSERT INTO entries_fts (entries_fts, rank) VALUES ('integrity-check', 1)")
            entries = db.execute("SELECT source, guid, title FROM entries").fetchall()
            keys = [(source, guid) for source, guid, _ in entries]
            assert len(set(keys)) == len(keys)
            assert set(keys) >= self.seen
            self.seen |= set(keys)
            titles = {guid: title for _, guid, title in entries}
            # Validators are stored with all that came with them, or not at all
            for (etag,) in db.execute("SELECT etag FROM sources WHERE etag IS NOT NULL"):
                held = self.held[etag]
                assert {guid: titles.get(guid) for guid in held} == held
            # What was killed before it was grouped has no story yet, the next pass gives it one
            orphans = "SELECT id FROM entries WHERE story != '' AND story NOT IN (SELECT id FROM stories)"
            empty = """
                SELECT id FROM stories
                WHERE merged_into IS NULL AND id NOT IN (SELECT story FROM entries)
            """
            assert db.execute(orphans).fetchall() == db.execute(empty).fetchall() == []

    def check_files(self) -> None:
        """Each published file is whole."""
        for path in sorted((self.folder / "feeds").rglob("[!.]*.*")):
            data = path.read_bytes()
            if path.suffix in (".xml", ".opml"):
                ElementTree.fromstring(data)
            elif path.suffix == ".json":
                json.loads(data)
            elif path.suffix == ".html":
                assert data.endswith(b"</html>"), path


def own_words(guid: str) -> str:
    """Words that no other entry has, so that each is a story of its own."""
    digest = hashlib.sha256(guid.encode()).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, 64, 4))


def guid_of(source: str, number: int) -> str:
    return f"https://{source}.example/{number}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving_origin() as origin:
        world = World(origin, tmp_path, random.Random(20241127))
        world.begin()
        yield world


def start(world: World) -> subprocess.Popen[bytes]:
    world.origin.reached.clear()
    return subprocess.Popen(
        [*AGGREGATOR, "--config", str(world.config), "update", "--force"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_50_kills_at_random_moments_cost_nothing(world: World) -> None:
    working = 0.0
    killed = runs = 0
    while killed < KILLS:
        with start(world) as process:
            # Until the first request nothing is at stake
            until(lambda: world.origin.reached.is_set() or process.poll() is not None, "a request")
            begun = time.monotonic()
            if runs % 11 == 0:
                # A whole pass now and then, to know how long one takes on this machine at this time
                process.wait(60)
                working = time.monotonic() - begun
            else:
                threading.Event().wait(world.rng.uniform(0, working))
                process.kill()
            _, error = process.communicate(timeout=60)
        assert (process.returncode, error) in ((0, b""), (-9, b"")), error.decode()
        runs, killed = runs + 1, killed + (process.returncode == -9)
        world.check_store()
        world.check_files()
        world.move_on()
    done = aggregator("--config", world.config, "update", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    world.check_store()
    check_end(world)


def check_end(world: World) -> None:
    """All that the origin holds is stored as it stands there, published once, and nothing is left over."""
    with closing(sqlite3.connect(world.folder / "store.db")) as db:
        etags = {etag for (etag,) in db.execute("SELECT etag FROM sources")}
        stored = dict(db.execute("SELECT guid, title FROM entries"))
        even = {story for (story,) in db.execute("SELECT story FROM entries WHERE text LIKE 'even%'")}
        assert "" not in {story for (story,) in db.execute("SELECT story FROM entries")}
    assert etags == {f'"{id}-{newest}"' for id, newest in world.newest.items()}
    final = {guid: title for etag in etags for guid, title in world.held[etag].items()}
    assert {guid: stored.get(guid) for guid in final} == final
    feeds = world.folder / "feeds"
    assert [path for path in feeds.rglob("*") if path.name.startswith(".") or path.suffix == ".part"] == []
    items = [item["id"] for item in json.loads((feeds / "even" / "feed.json").read_bytes())["items"]]
    assert len(set(items)) == len(items) == 20
    assert {id.rpartition("/")[2] for id in items} <= even
    for path in feeds.glob("*/*.xml"):
        assert feedparser.parse(io.BytesIO(path.read_bytes())).bozo is False, path
