"""Everything an origin can do to hurt, done to the real program: it costs the source that does it, and nobody else."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycurl
import pytest
from hostile import TRIALS, Answer, HostileOrigin, Trial, bomb, gzipped, item, ok, rss, serving, to
from program import AGGREGATOR, configure, write_sources

from aggregator.harvest import transfer
from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.model import Failure, Request, Response, SourceId

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8 and /proc")

TIMEOUT = 8.0
MEMORY = 200_000_000
"""Of all processes together, in a pass over all of this at once."""
PATIENCE = 4 * TIMEOUT
"""On a slow machine; alone on two cores no ordinary source waits for `TIMEOUT`."""
ORDINARY = 12
ITEMS = 3


@dataclass
class Watched:
    """What a pass was seen to do, from outside."""

    returncode: int
    stderr: str
    summary: dict[str, Any]
    seconds: float
    memory: int
    """Bytes of all of its processes together, at the highest."""
    stored: dict[str, float]
    """Seconds after which each source's harvest was in the store."""


@dataclass
class Trials:
    """The passes over all paths, and what they left in the store."""

    database: Path
    origin: HostileOrigin
    watched: list[Watched] = field(default_factory=list)
    after: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    """The rows of the sources after each pass, by id."""

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.database)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query, values)]


def processes(root: int) -> Iterator[int]:
    """A process and all that it started."""
    yield root
    with suppress(OSError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from processes(int(child))


def memory(root: int) -> int:
    """Bytes that a process and all that it started take together; what they share counts once (PSS)."""
    total = 0
    program = command_line(root)
    for process in processes(root):
        with suppress(OSError):
            # Between vfork and exec a child has no memory of its own: it would count its parent's a second time.
            if process != root and command_line(process) == program:
                continue
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total


def command_line(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def watch(config: Path, database: Path, *args: str, seconds: float = 240) -> Watched:
    """Run a pass and look at it from outside until it ends."""
    stored: dict[str, float] = {}
    highest, begun, pause = 0, time.monotonic(), threading.Event()
    known = fetched(database)
    command = [*AGGREGATOR, "--config", str(config), "update", "--json", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and time.monotonic() < begun + seconds:
            highest = max(highest, memory(process.pid))
            for id, at in fetched(database).items():
                if at and known.get(id) != at:
                    stored.setdefault(id, time.monotonic() - begun)
            pause.wait(0.05)
        process.kill()
        stdout, stderr = process.communicate()
    took = time.monotonic() - begun
    summary = json.loads(stdout) if stdout else {}
    return Watched(process.returncode, stderr, summary, took, highest, stored)


def fetched(database: Path) -> dict[str, str]:
    if not database.exists():
        return {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db, suppress(sqlite3.Error):
        return dict(db.execute("SELECT id, fetched_at FROM sources"))
    return {}


def ordinary(number: int) -> bytes:
    names = [f"{number}-{n}" for n in range(ITEMS)]
    return ok(rss(*(item(name, text=f"Only {name} tells of {name * 3}") for name in names)))


def everyday() -> dict[str, Answer]:
    """Sources that do as they should: half of them come before the others in a pass, half after."""
    return {f"{'a' if n % 2 else 'z'}-ordinary-{n}": ordinary(n) for n in range(ORDINARY)}


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    """All paths asked in one pass, then those that are to be asked again, twice more."""
    folder = tmp_path_factory.mktemp("hostile")
    gzipped(bomb())  # packed beforehand: it takes seconds, which are not the program's
    answers: dict[str, Answer] = {f"trial-{trial.name}": trial.answer for trial in TRIALS}
    with serving(answers | everyday()) as origin:
        config = configure(folder, origin.urls, fetch=f"timeout: {TIMEOUT:g}s")
        trials = Trials(folder / "store.db", origin)
        for time_ in range(3):
            again = [f"trial-{trial.name}" for trial in TRIALS if len(trial.later) >= time_] if time_ else []
            trials.watched.append(watch(config, trials.database, "--force", *again))
            rows = trials.rows("SELECT * FROM sources")
            trials.after.append({row["id"]: row for row in rows})
        yield trials


def test_the_passes_end_as_if_nothing_had_been(trials: Trials) -> None:
    for seen in trials.watched:
        assert seen.returncode == 0, seen.stderr
        assert [line for line in seen.stderr.splitlines() if not line.startswith("failed: trial-")] == []
    assert trials.watched[0].summary["sources"] == len(TRIALS) + ORDINARY
    ((check,),) = [tuple(row.values()) for row in trials.rows("PRAGMA integrity_check")]
    assert check == "ok"


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_a_path_has_the_outcome_that_stands_beside_it(trials: Trials, trial: Trial) -> None:
    id = f"trial-{trial.name}"
    for after, expected in zip(trials.after, (trial.outcome, *trial.later), strict=False):
        row = after[id]
        found = row["failure_kind"] if row["failures"] else "fetched"
        assert row["fetched_at"], "no harvest of it was stored"
        assert found in expected.split(), row["failure_message"]
        assert trial.says in (row["failure_message"] or "")
    entries = trials.rows("SELECT * FROM entries WHERE source = ?", id)
    allowed = trial.entries if isinstance(trial.entries, range) else range(trial.entries, trial.entries + 1)
    assert len(entries) in allowed
    text = json.dumps(entries, ensure_ascii=False).replace('\\"', '"')
    assert [word for word in trial.holds if word not in text] == []
    assert [word for word in trial.lacks if word in text] == []


def test_no_ordinary_source_loses_an_entry(trials: Trials) -> None:
    rows = trials.rows(
        "SELECT source, count(*) AS n FROM entries WHERE source LIKE '%-ordinary-%' GROUP BY source"
    )
    assert {row["source"]: row["n"] for row in rows} == dict.fromkeys(everyday(), ITEMS)


def test_no_ordinary_source_waits_for_the_hostile_ones(trials: Trials) -> None:
    stored = trials.watched[0].stored
    first = min(stored.values())
    late = {id: round(stored[id] - first, 1) for id in everyday() if stored[id] - first > PATIENCE}
    assert late == {}


def test_the_memory_of_all_processes_together_is_bounded(trials: Trials) -> None:
    highest = max(seen.memory for seen in trials.watched)
    assert highest <= MEMORY, f"{highest / 1e6:.0f} MB"


def test_entries_of_a_hostile_document_are_bounded(trials: Trials) -> None:
    (row,) = trials.rows(
        "SELECT max(length(content)) AS content, max(length(guid)) AS guid, max(length(identity)) AS identity,"
        " max(length(title)) AS title, max(length(author)) AS author FROM entries"
    )
    assert row["content"] <= 2_100_000
    assert row["guid"] <= 10_000
    assert row["identity"] <= 10_000
    assert row["title"] <= 500
    assert row["author"] <= 500


def test_no_script_is_stored_and_no_address_but_http_ones(trials: Trials) -> None:
    rows = trials.rows("SELECT url, image, enclosures, content FROM entries")
    assert len(rows) > 100
    for row in rows:
        addresses = [row["url"], row["image"]]
        addresses += [url for url, *_ in json.loads(row["enclosures"])]
        assert [a for a in addresses if a and not a.startswith(("http://", "https://"))] == []
        assert "<script" not in row["content"]


def test_an_entry_whose_guid_is_new_each_time_is_shown_once(trials: Trials) -> None:
    rows = trials.rows("SELECT * FROM entries WHERE source = 'trial-guids-new-each-time'")
    assert len({row["story"] for row in rows}) == 1
    assert sum(row["duplicate_of"] is None for row in rows) == 1


def test_what_is_moved_is_not_followed_for_good_after_a_few_hours(trials: Trials) -> None:
    for code in (301, 302, 307, 308):
        row = trials.after[-1][f"trial-moved-{code}"]
        assert row["address"] == row["url"]
        assert bool(row["moved_to"]) == (code in (301, 308))


def test_retry_after_is_kept_for_later(trials: Trials) -> None:
    for id, row in trials.after[0].items():
        if id.startswith("trial-retry-"):
            assert row["retry_at"] is not None
            assert row["next_due_at"] >= row["retry_at"], id


def test_no_document_makes_the_program_ask_for_another(trials: Trials) -> None:
    asked = [request[":path"] for requests in trials.origin.asked.values() for request in requests]
    assert [path for path in asked if "fetched" in path] == []


# The guard

PRIVATE = (
    *("127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "017700000001"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]"),
    *("[2002:7f00:1::]", "[::127.0.0.1]", "[::]", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost."),
    *("x.localhost", "①②⑦.⓪.⓪.①", "127。0。0。1", "169.254.169.254", "2852039166", "[fd00:ec2::254]"),
    *("[fe80::1]", "[fd00::1]", "[fec0::1]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1"),
    *("224.0.0.1", "[ff02::1]", "255.255.255.255", "192.0.0.1", "198.18.0.1", "240.0.0.1", "203.0.113.1"),
    *("192.0.2.1", "[100::1]", "[2001:db8::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"),
)


def test_the_program_connects_to_no_private_address_however_it_is_spelt(tmp_path: Path) -> None:
    config = configure(tmp_path, {})
    settings = (config / "aggregator.yaml").read_text()
    (config / "aggregator.yaml").write_text(settings.replace("networks: true", "networks: false"))
    write_sources(config, {f"s{number}": f"http://{name}:1/" for number, name in enumerate(PRIVATE)})
    seen = watch(config, tmp_path / "store.db")
    assert seen.returncode == 1
    assert seen.stderr.startswith("failed: ")
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        kinds = dict(db.execute("SELECT url, failure_kind FROM sources"))
    # What is no name or address at all may fail as such
    allowed = {"private_address", "bad_url", "dns"}
    assert {url: kind for url, kind in kinds.items() if kind not in allowed} == {}
    numeric = [f"http://{name}:1/" for name in ("127.0.0.1", "127.1", "2130706433", "[::1]", "localhost")]
    assert {kinds[url] for url in numeric} == {"private_address"}


@dataclass
class Guarded:
    """A fetcher whose guard takes one address of the origin, 127.9.0.1, for a public one, and no other."""

    origin: HostileOrigin
    fetcher: Fetcher
    resolve: Callable[[str, str], None]
    """Let a name, at the origin's ports, have these addresses from now on."""

    def get(self, url: str) -> Response | Failure:
        ((_, outcome),) = self.fetcher.run([Request(SourceId("s"), url)])
        return outcome


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    is_public = transfer.is_public
    monkeypatch.setattr(transfer, "is_public", lambda address: address == "127.9.0.1" or is_public(address))
    entries: list[str] = []
    handles: list[Any] = []
    make = pycurl.Curl

    def curl() -> Any:
        handles.append(make())
        handles[-1].setopt(pycurl.RESOLVE, entries)
        return handles[-1]

    monkeypatch.setattr(pycurl, "Curl", curl)
    targets = {f"to-{number}": to(f"http://{name}:80/secret") for number, name in enumerate(PRIVATE)}

    def through(talk: Any) -> bytes:
        return (
            targets[talk.request[":path"].rpartition("/")[2]]
            if "/to-" in talk.request[":path"]
            else ok(b"here")
        )

    with serving({"public": through}, network="127.9") as origin:
        port = origin.urls["public"].split(":")[2].split("/")[0]

        def resolve(name: str, addresses: str) -> None:
            entries[:] = [f"-{name}:{port}", f"{name}:{port}:{addresses}"]
            for handle in handles:
                handle.setopt(pycurl.RESOLVE, entries)

        fetcher = Fetcher(Limits("test", timeout=5))
        with closing(fetcher):
            yield Guarded(origin, fetcher, resolve)


def test_a_redirect_from_a_public_address_leads_to_no_private_one(guarded: Guarded) -> None:
    base = guarded.origin.urls["public"].rpartition("/")[0]
    outcomes = {name: guarded.get(f"{base}/to-{number}") for number, name in enumerate(PRIVATE)}
    assert isinstance(guarded.get(f"{base}/public"), Response)
    for name, outcome in outcomes.items():
        assert isinstance(outcome, Failure), name
        assert outcome.kind in ("private_address", "redirect", "bad_url", "dns"), name
    assert sum(isinstance(o, Failure) and o.kind == "private_address" for o in outcomes.values()) > 30


def test_a_name_that_turns_to_loopback_at_the_second_look_up_is_refused(guarded: Guarded) -> None:
    url = guarded.origin.urls["public"].replace("127.9.0.1", "rebind.example")
    guarded.resolve("rebind.example", "127.9.0.1")
    assert isinstance(guarded.get(url), Response)
    guarded.resolve("rebind.example", "127.0.0.1")
    outcome = guarded.get(url)
    assert isinstance(outcome, Failure)
    assert outcome.kind == "private_address"


def test_of_a_names_addresses_only_the_public_ones_are_tried(guarded: Guarded) -> None:
    url = guarded.origin.urls["public"].replace("127.9.0.1", "both.example")
    guarded.resolve("both.example", "127.0.0.1,127.9.0.1")
    outcome = guarded.get(url)
    assert isinstance(outcome, Response), outcome
    assert len(guarded.origin.asked["public"]) == 1
