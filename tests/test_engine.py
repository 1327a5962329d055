"""Many harvests at once: what one document does costs no other, and nothing hangs."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from origin import Origin, rss

from aggregator.engine.local import LocalEngine
from aggregator.errors import EngineError
from aggregator.harvest.fetch import Limits
from aggregator.model import Harvest, Request, SourceId, Validators

NOW = datetime(2024, 11, 27, 12, tzinfo=UTC)
# Keeps the process busy for seconds: an entry costs most with a long text of many words
SLOW = (
    "<rss version='2.0'><channel>"
    + "".join(
        f"<item><title>{n}</title><description>{' '.join(f'w{n * 7919 * m % 99991:x}' for m in range(1500))}"
        "</description></item>"
        for n in range(2000)
    )
    + "</channel></rss>"
)


def engine(**changes: Any) -> closing[LocalEngine]:
    limits = Limits("Test/1", timeout=30, max_bytes=100_000_000, allow_private_networks=True)
    values: dict[str, Any] = {"clock": lambda: NOW, "processes": 1}
    return closing(LocalEngine(limits, **(values | changes)))


def feed(origin: Origin, name: str, **answer: Any) -> Request:
    """A source with one entry that bears its name."""
    url = origin.put(f"/{name}", rss(name, {"title": name, "link": f"https://e.example/{name}"}), **answer)
    return Request(SourceId(name), url)


def run(engine: LocalEngine, *requests: Request, stop: Event | None = None) -> dict[str, Harvest]:
    harvests = list(engine.run(requests, stop=stop or Event()))
    assert len({harvest.source for harvest in harvests}) == len(harvests)
    return {harvest.source: harvest for harvest in harvests}


def workers() -> set[int]:
    """The parsing processes of this test."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended
                continue
            if b"aggregator.engine" in command and parent == os.getpid():
                found.add(int(folder.name))
    return found


def wait_for_worker() -> int:
    while not (found := workers()):
        Event().wait(0.01)
    return found.pop()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    yield
    assert workers() == set()


def test_each_request_has_one_harvest_whatever_becomes_of_it(origin: Origin) -> None:
    good = feed(origin, "good", headers={"ETag": 'W/"1"', "Cache-Control": "max-age=600"})
    known = feed(origin, "known", etag='"2"')
    gone = Request(SourceId("gone"), origin.put("/gone", status=410))
    page = Request(SourceId("page"), origin.put("/page", "<html><body>Hi</body></html>"))
    silly = Request(SourceId("silly"), "no address")
    with engine(processes=2) as running:
        harvests = run(
            running, good, Request(SourceId("known"), known.url, Validators('"2"')), gone, page, silly
        )
    assert {source: harvest.outcome for source, harvest in harvests.items()} == {
        "good": "fetched",
        "known": "not_modified",
        "gone": "failed",
        "page": "failed",
        "silly": "failed",
    }
    kinds = {source: harvest.failure.kind for source, harvest in harvests.items() if harvest.failure}
    assert kinds == {"gone": "gone", "page": "not_a_feed", "silly": "bad_url"}
    assert [entry.title for entry in harvests["good"].entries] == ["good"]
    assert harvests["good"].validators == Validators('W/"1"')
    assert harvests["good"].fetched_at == NOW
    assert harvests["good"].fresh_until is not None
    assert harvests["known"].validators == Validators('"2"')


def test_the_same_document_again_is_unchanged_and_not_parsed(origin: Origin) -> None:
    asked = feed(origin, "a", headers={"ETag": '"old"'})
    with engine() as running:
        first = run(running, asked)["a"]
    origin.put("/a", origin.answers["/a"].body, headers={"Last-Modified": "now"})
    with engine() as running:
        again = run(running, Request(SourceId("a"), asked.url, first.validators, first.body_hash))["a"]
        assert workers() == set()  # a process is started for the first document that needs one
    assert (again.outcome, again.status, again.entries) == ("unchanged", 200, ())
    assert again.body_hash == first.body_hash
    assert again.validators == Validators(None, "now")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "refused"),
        (403, "refused"),
        (404, "not_found"),
        (500, "http"),
        (429, "rate_limited"),
        (503, "rate_limited"),
    ],
)
def test_a_refusal_is_a_failure_with_the_wish_of_the_origin(origin: Origin, status: int, kind: str) -> None:
    url = origin.put("/a", status=status, headers={"Retry-After": "120"})
    with engine() as running:
        harvest = run(running, Request(SourceId("a"), url, Validators('"1"'), "hash"))["a"]
    assert harvest.failure is not None
    assert (harvest.failure.kind, harvest.failure.status) == (kind, status)
    assert str(status) in harvest.failure.message
    assert harvest.failure.retry_at is not None
    assert (harvest.failure.retry_at - NOW).total_seconds() == 120
    assert (harvest.validators, harvest.body_hash) == (Validators('"1"'), "hash")


def test_not_modified_without_a_condition_is_a_failure(origin: Origin) -> None:
    with engine() as running:
        harvest = run(running, Request(SourceId("a"), origin.put("/a", status=304)))["a"]
    assert harvest.failure is not None
    assert "304" in harvest.failure.message


def test_a_feed_that_moved_says_where_it_is_now(origin: Origin) -> None:
    feed(origin, "new")
    url = origin.put("/old", status=301, headers={"Location": "/new"})
    with engine() as running:
        harvest = run(running, Request(SourceId("a"), url))["a"]
    assert harvest.moved_to == origin.url("/new")
    assert len(harvest.entries) == 1


def test_a_parser_that_takes_too_long_is_given_up_and_holds_up_no_other(origin: Origin) -> None:
    requests = [feed(origin, f"f{number}") for number in range(20)]
    holder = Thread(target=lambda: os.kill(wait_for_worker(), signal.SIGSTOP))
    holder.start()
    with engine(processes=2, parse_seconds=6) as running:
        harvests = run(running, *requests)
        holder.join()
    failures = [harvest.failure for harvest in harvests.values() if harvest.failure]
    assert [(failure.kind, failure.message) for failure in failures] == [
        ("parser_killed", "could not be parsed within 6 s")
    ]
    assert len(harvests) == 20


def test_a_parser_that_is_killed_costs_one_harvest(origin: Origin) -> None:
    slow = Request(SourceId("slow"), origin.put("/slow", SLOW))
    killer = Thread(target=lambda: os.kill(wait_for_worker(), signal.SIGKILL))
    killer.start()
    with engine() as running:
        harvests = run(running, slow)
        killer.join()
        harvests |= run(running, feed(origin, "good"))
    assert harvests["slow"].failure is not None
    assert harvests["slow"].failure.kind == "parser_killed"
    assert harvests["good"].outcome == "fetched"


def test_a_parser_that_dies_idle_costs_nothing(origin: Origin) -> None:
    asked = feed(origin, "a")
    with engine() as running:
        assert run(running, asked)["a"].outcome == "fetched"
        (worker,) = workers()
        os.kill(worker, signal.SIGKILL)
        while (Path("/proc") / str(worker) / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
            Event().wait(0.01)
        assert run(running, asked)["a"].outcome == "fetched"
        assert workers() != {worker}


def test_a_document_that_needs_too_much_memory_costs_one_harvest(origin: Origin) -> None:
    bomb = gzip.compress(b'{"items":[' + b"{}," * 25_000_000 + b"{}]}", compresslevel=1)
    url = origin.put("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    with engine(parse_seconds=60) as running:
        harvests = run(running, Request(SourceId("bomb"), url))
        harvests |= run(running, feed(origin, "good"))
    assert harvests["bomb"].failure is not None
    assert harvests["bomb"].failure.kind in ("too_large", "parser_killed")
    assert harvests["good"].outcome == "fetched"


def test_a_usual_document_of_the_greatest_size_has_room_in_a_parser_that_then_starts_anew(
    origin: Origin,
) -> None:
    item = (
        f"<item><title>%d</title><guid>%d</guid><description>{'wonderful words ' * 1200}</description></item>"
    )
    body = f"<rss version='2.0'><channel>{''.join(item % (n, n) for n in range(1000))}</channel></rss>"
    assert 19_000_000 < len(body) < 20_000_000
    with engine(parse_seconds=60) as running:
        run(running, feed(origin, "a"))
        assert len(workers()) == 1
        harvest = run(running, Request(SourceId("b"), origin.put("/b", body)))["b"]
        assert (harvest.outcome, len(harvest.entries)) == ("fetched", 1000)
        assert workers() == set()
        assert run(running, feed(origin, "c"))["c"].outcome == "fetched"


def test_documents_that_are_large_together_all_come_through(origin: Origin) -> None:
    body = (
        f"<rss version='2.0'><channel><!--{'x' * 15_000_000}--><item><title>A</title></item></channel></rss>"
    )
    requests = [Request(SourceId(f"f{n}"), origin.put(f"/f{n}", body)) for n in range(8)]
    with engine(parse_seconds=60) as running:
        assert {harvest.outcome for harvest in run(running, *requests).values()} == {"fetched"}


def test_a_large_document_is_parsed_when_no_other_large_one_is_and_lets_small_ones_past(
    origin: Origin,
) -> None:
    assert len(SLOW) > 1_000_000
    stop, seen = Event(), []
    requests = [Request(SourceId(f"slow{n}"), origin.put(f"/slow{n}", SLOW)) for n in range(4)]
    with engine(processes=4, parse_seconds=60) as running:
        for harvest in running.run([*requests, *(feed(origin, f"quick{n}") for n in range(9))], stop=stop):
            seen.append(harvest.source)
            if len(seen) == 9:
                assert all(name.startswith("quick") for name in seen)
                stop.set()


def test_the_parsing_process_is_kept_from_one_run_to_the_next(origin: Origin) -> None:
    with engine() as running:
        run(running, feed(origin, "a"), feed(origin, "b"))
        before = workers()
        run(running, feed(origin, "c"))
        assert workers() == before
        assert len(before) == 1


def test_a_stop_ends_the_run_under_way_and_the_engine_can_be_used_again(origin: Origin) -> None:
    stop, over = Event(), Event()
    requests = [
        Request(SourceId("slow"), origin.put("/slow", SLOW)),
        Request(SourceId("held"), origin.put("/held", held=over)),
        feed(origin, "quick"),
    ]
    with engine(processes=2) as running:
        found = []
        for harvest in running.run(requests, stop=stop):
            found.append(harvest.source)
            stop.set()
        over.set()
        assert len(found) == 1
        harvests = run(running, feed(origin, "a"), feed(origin, "b"))
        assert {harvest.outcome for harvest in harvests.values()} == {"fetched"}
    assert len(harvests) == 2


def test_a_run_that_is_stopped_before_it_begins_yields_nothing(origin: Origin) -> None:
    stop = Event()
    stop.set()
    with engine() as running:
        assert run(running, feed(origin, "a"), stop=stop) == {}
    assert origin.requests == []


def test_a_caller_may_leave_a_run_early(origin: Origin) -> None:
    requests = [feed(origin, f"f{number}") for number in range(10)]
    with engine() as running:
        harvests = running.run(requests, stop=Event())
        next(harvests)
        assert isinstance(harvests, Generator)
        harvests.close()
        assert len(run(running, *requests)) == 10


def test_more_documents_than_may_be_in_hand_all_come_through(origin: Origin) -> None:
    requests = [feed(origin, f"f{number}") for number in range(60)]
    with engine() as running:
        assert len(run(running, *requests)) == 60


def test_a_large_document_comes_through_whole(origin: Origin) -> None:
    titles = [f"{number} {'word ' * 80}".strip() for number in range(1900)]
    items = [
        {"title": title, "link": f"https://e.example/{number}" + "x" * 1000}
        for number, title in enumerate(titles)
    ]
    body = rss("T", *items)
    assert len(body) > 4_000_000
    url = origin.put("/large", body)
    with engine() as running:
        harvest = run(running, Request(SourceId("large"), url))["large"]
    assert [entry.title for entry in harvest.entries] == titles


def test_the_machinery_breaking_is_an_error_and_not_a_hang(origin: Origin) -> None:
    def no_clock() -> datetime:
        raise RuntimeError("no clock")

    with engine(clock=no_clock) as running, pytest.raises(EngineError, match="no clock"):
        run(running, feed(origin, "a"))
