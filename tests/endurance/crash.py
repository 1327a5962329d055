"""kill -9 at any moment of a pass, a publication, a migration, a backup; then the power fails in mid-write.

Run as `python -m endurance.crash` in tests/ (`make crash`). Nothing may be lost, nothing stand twice, no file be
half written, no story change its id.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import feedparser
from origin import Origin, rss, serving_origin
from program import AGGREGATOR, aggregator, configure, until
from sqlite_utils import Database

from aggregator.store.migrations import MIGRATIONS

SOURCES = 30
WINDOW = 10
TOPICS = """
topics:
  - {id: even, title: Even, match: "even", max_age: 20000d, items: 20}
  - {id: all, title: All, match: "even OR odd", max_age: 20000d, items: 50}
"""
_OLD_TABLES = ("sources", "entries", "stories", "matches", "topics", "revisions", "passes", "meta")


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
    stories: dict[tuple[str, str], str] = field(default_factory=dict)
    """The story of every entry that was ever found in one."""
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

    def check_store(self, database: Path | None = None, *, is_later: bool = True) -> None:
        """What must hold at any moment; and of all that was seen before unless the store went back in time."""
        with closing(sqlite3.connect(database or self.folder / "store.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
                return
            db.execute("INSERT INTO entries_fts (entries_fts, rank) VALUES ('integrity-check', 1)")
            entries = db.execute("SELECT source, guid, title, story FROM entries").fetchall()
            keys = [(source, guid) for source, guid, _, _ in entries]
            assert len(set(keys)) == len(keys)
            # Each entry here is a story of its own, which keeps its id
            stories = {(source, guid): story for source, guid, _, story in entries if story}
            assert {
                key: story for key, story in stories.items() if self.stories.get(key, story) != story
            } == {}
            if is_later:
                assert set(keys) >= self.seen
                assert stories.keys() >= self.stories.keys()
                self.seen |= set(keys)
                self.stories |= stories
            titles = {guid: title for _, guid, title, _ in entries}
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
                items = [item["id"] for item in json.loads(data)["items"]]
                assert len(set(items)) == len(items), path
            elif path.suffix == ".html":
                assert data.endswith(b"</html>"), path


def own_words(guid: str) -> str:
    """Words that no other entry has, so that each is a story of its own."""
    digest = hashlib.sha256(guid.encode()).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, 64, 4))


def guid_of(source: str, number: int) -> str:
    return f"https://{source}.example/{number}"


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


# What is killed


@contextmanager
def new_world(folder: Path, seed: int) -> Iterator[World]:
    with serving_origin() as origin:
        world = World(origin, folder, random.Random(seed))
        world.begin()
        yield world


def kill(world: World, args: list[str], begun: Callable[[], bool], working: float) -> tuple[int, float]:
    """Run a command and kill it at a random moment within `working` seconds after it has `begun`.

    Returns its exit status, and how long it worked. With 0 s it is left alone.
    """
    command = [*AGGREGATOR, "--config", str(world.config), *args]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        # Until then nothing is at stake
        until(lambda: begun() or process.poll() is not None, "the work to begin")
        at = time.monotonic()
        if working:
            threading.Event().wait(world.rng.uniform(0, working))
            process.kill()
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) in ((0, b""), (-9, b"")), error.decode()
    return process.returncode, time.monotonic() - at


def _many(kills: int, once: Callable[[float], tuple[int, float]]) -> int:
    """Kill so many times; now and then let one end, to know how long that takes on this machine at this time."""
    killed = runs = 0
    working = 0.0
    while killed < kills:
        status, took = once(0.0 if runs % 11 == 0 else working)
        working = took if status == 0 and runs % 11 == 0 else working
        runs, killed = runs + 1, killed + (status == -9)
    return killed


def update_killed(world: World, kills: int) -> int:
    """Passes over sources that move on."""

    def once(working: float) -> tuple[int, float]:
        world.origin.reached.clear()
        result = kill(world, ["update", "--force"], world.origin.reached.is_set, working)
        world.check_store()
        world.check_files()
        world.move_on()
        return result

    killed = _many(kills, once)
    finish(world)
    return killed


def finish(world: World) -> None:
    """A last pass brings everything in line."""
    done = aggregator("--config", world.config, "update", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    world.check_store()
    world.check_files()
    check_end(world)


def publish_killed(world: World, kills: int) -> int:
    """Publications of which some files are missing."""
    feeds = world.folder / "feeds"

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in feeds.rglob("[!.]*.*")}

    finish(world)
    whole = files()

    def once(working: float) -> tuple[int, float]:
        missing = world.rng.sample(sorted(whole), k=len(whole) // 2)
        for path in missing:
            path.unlink(missing_ok=True)
        left = len(files())
        result = kill(world, ["publish"], lambda: len(list(feeds.rglob("*.*"))) > left, working)
        world.check_store()
        world.check_files()
        assert {path for path, data in files().items() if whole.get(path) != data} == set()
        return result

    killed = _many(kills, once)
    assert aggregator("--config", world.config, "publish").returncode == 0
    assert files() == whole
    return killed


def migration_killed(world: World, kills: int) -> int:
    """The store of the first version, brought up to date by the first command that opens it."""
    finish(world)
    database = world.folder / "store.db"
    current, old = world.folder / "current.db", world.folder / "old.db"
    database.replace(current)
    _store_of_version_1(current, old)
    wal = world.folder / "store.db-wal"

    def once(working: float) -> tuple[int, float]:
        for path in world.folder.glob("store.db*"):
            path.unlink()
        shutil.copy(old, database)
        result = kill(
            world, ["entries", "list", "--json"], lambda: wal.exists() and wal.stat().st_size > 0, working
        )
        with closing(sqlite3.connect(database)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        done = aggregator("--config", world.config, "entries", "list", "--json")
        assert done.returncode == 0, done.stderr
        world.check_store()
        with closing(sqlite3.connect(database)) as db:
            assert not MIGRATIONS.pending(Database(db))
        return result

    return _many(kills, once)


def _store_of_version_1(current: Path, old: Path) -> None:
    """What a store held before the second step, with the same sources, entries and stories."""
    with closing(sqlite3.connect(old)) as plain:
        MIGRATIONS.apply(Database(plain), stop_before="version_2")
        plain.execute("ATTACH ? AS current", [str(current)])
        for table in _OLD_TABLES:
            columns = ", ".join(f'"{row[1]}"' for row in plain.execute(f"PRAGMA main.table_info({table})"))
            plain.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM current.{table}")
        plain.execute("INSERT INTO entries_fts (entries_fts) VALUES ('rebuild')")
        plain.commit()


def backup_killed(world: World, kills: int) -> int:
    """Copies of a store that is in use."""
    finish(world)
    target = world.folder / "copy.db"

    def begun() -> bool:
        return any("copy.db" in path.name for path in world.folder.iterdir())

    def once(working: float) -> tuple[int, float]:
        for path in world.folder.glob("*copy.db*"):
            path.unlink()
        result = kill(world, ["backup", str(target)], begun, working)
        world.check_store()
        if target.exists():
            world.check_store(target)
        return result

    killed = _many(kills, once)
    target.unlink(missing_ok=True)
    assert aggregator("--config", world.config, "backup", target).returncode == 0
    world.check_store(target)
    return killed


# The power fails


def frames(wal: bytes) -> list[int]:
    """Where each frame of a write-ahead log ends (sqlite.org/fileformat2.html#walformat)."""
    (size,) = struct.unpack(">I", wal[8:12])
    return list(range(32, len(wal) + 1, 24 + size))


def cuts(wal: bytes, rng: random.Random, count: int) -> Iterator[bytes]:
    """What a disk may hold of a log whose end was under way: less of it, or nonsense in its place."""
    ends = frames(wal)
    for end in rng.sample(ends, k=min(count, len(ends))):
        yield wal[:end]
        yield wal[: max(0, end - rng.randrange(1, 4000))]
        yield wal[:end] + bytes(min(4096, len(wal) - end))
        yield wal[:end] + rng.randbytes(min(4096, len(wal) - end))
        yield wal[:end] + wal[end : end + 512] + bytes(3000)
    yield b""


def power_cut(world: World, count: int) -> int:
    """A pass is killed; of its log only a part, or a damaged one, has reached the disk: any is a sound store."""
    finish(world)
    database, wal = world.folder / "store.db", world.folder / "store.db-wal"
    log = b""
    while len(log) < 100_000:
        world.move_on()
        world.origin.reached.clear()
        kill(world, ["update", "--force"], world.origin.reached.is_set, 0.6)
        log = wal.read_bytes() if wal.exists() else b""
    after = world.folder / "after"
    tried = 0
    for part in cuts(log, world.rng, count):
        for path in after.glob("*"):
            path.unlink()
        after.mkdir(exist_ok=True)
        shutil.copy(database, after / "store.db")
        (after / "store.db-wal").write_bytes(part)
        world.check_store(after / "store.db", is_later=False)
        tried += 1
    # The last of these is the store as it was before the log: a pass brings it in line again
    world.check_store()
    for path in world.folder.glob("store.db*"):
        if not path.name.endswith(".lock"):
            path.unlink()
    shutil.copy(after / "store.db", database)
    finish(world)
    return tried


TRIALS: dict[str, Callable[[World, int], int]] = {
    "update": update_killed,
    "publish": publish_killed,
    "migration": migration_killed,
    "backup": backup_killed,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--cuts", type=int, default=100, help="ends of the log, each in five ways")
    parser.add_argument("--seed", type=int, default=20241127)
    options = parser.parse_args()
    shares = {"update": 0.5, "publish": 0.2, "migration": 0.15, "backup": 0.15}
    killed: Counter[str] = Counter()
    for number, (name, trial) in enumerate(TRIALS.items()):
        started = time.monotonic()
        seed, kills = options.seed + number, max(1, round(options.kills * shares[name]))
        with tempfile.TemporaryDirectory(prefix="crash-") as folder, new_world(Path(folder), seed) as world:
            killed[name] = trial(world, kills)
        print(
            f"{name}: {killed[name]} times killed, nothing lost ({time.monotonic() - started:.0f} s)",
            flush=True,
        )
    with (
        tempfile.TemporaryDirectory(prefix="crash-") as folder,
        new_world(Path(folder), options.seed) as world,
    ):
        print(f"power cut: {power_cut(world, options.cuts)} states of the log, each a sound store")
    print(f"{killed.total()} kills")
    return 0


if __name__ == "__main__":
    sys.exit(main())
