"""One pass over real feeds on loopback."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import LONG
from conftest import Desk
from origin import Origin, rss
from runs import Runs
from sqlite_utils import Database

from aggregator.errors import UsageError
from aggregator.store.meta import last_passes
from aggregator.store.sources import source_states
from aggregator.update import Observer, Summary, make_limits

TOPICS = "topics:\n  - {id: korea, title: Korea, all_of: [Seoul], max_age: 9000d}\n"


@pytest.fixture
def passes(desk: Desk, db: Database) -> Runs:
    desk.write("topics.yaml", TOPICS)
    return Runs(desk, db)


def item(name: str, **changes: str) -> dict[str, str]:
    """An item that shares a word or two with others: too little for one story."""
    own = " ".join(f"{letter}{name}" for letter in "abcdefghijklmnop")
    return {
        "title": f"Headline {name}",
        "link": f"https://outlet.example/{name}",
        "text": f"Seoul {name}. {own}",
    } | changes


def counts(summary: Summary) -> dict[str, int | float]:
    return {name: value for name, value in summary.as_dict().items() if value}


ENGLISH = "    language: en\n"


def fill(passes: Runs, origin: Origin) -> None:
    """Five sources: one with an ETag, one without, one gone, one missing, one that is no feed."""
    desk = passes.desk
    desk.add(
        "tagged",
        origin.put("/tagged", rss("Tagged", item("one", text=LONG), item("two")), etag='"1"'),
        ENGLISH,
    )
    desk.add("plain", origin.put("/plain", rss("Plain", item("three"), item("copy", text=LONG))), ENGLISH)
    desk.add("gone", origin.put("/gone", status=410))
    desk.add("missing", origin.url("/missing"))
    desk.add("page", origin.put("/page", "<html><body>Hello</body></html>"))


def test_a_pass_fetches_stores_groups_and_publishes(passes: Runs, origin: Origin) -> None:
    fill(passes, origin)
    assert counts(passes.run()) == {
        "sources": 5,
        "fetched": 2,
        "failed": 3,
        "entries_new": 4,
        "duplicates": 1,
        "stories_new": 3,
        "topics_published": 1,
        "files_written": 10,
    }
    assert len(passes.watched) == 5
    (first,) = list(last_passes(passes.db, 5))
    assert first["entries_new"] == 4
    failures = {id: state.failure_kind for id, state in source_states(passes.db).items()}
    assert failures == {
        "tagged": None,
        "plain": None,
        "gone": "gone",
        "missing": "not_found",
        "page": "not_a_feed",
    }


def test_a_second_pass_asks_again_politely_and_writes_no_file(passes: Runs, origin: Origin) -> None:
    fill(passes, origin)
    passes.run()
    files = passes.files()
    origin.paths()
    summary = passes.run(after=timedelta(hours=1), scope="all")
    assert counts(summary) == {"sources": 4, "not_modified": 1, "unchanged": 1, "failed": 2}
    assert sorted(origin.paths()) == ["/missing", "/page", "/plain", "/tagged"]
    assert passes.files() == files


def test_what_changed_between_two_passes_is_told(passes: Runs, origin: Origin) -> None:
    fill(passes, origin)
    passes.run()
    changed = rss("Tagged", item("new"), item("one", text=f"{LONG} revised"), item("two"))
    origin.put("/tagged", changed, etag='"2"')
    summary = passes.run("tagged", after=timedelta(hours=1))
    assert counts(summary) == {
        "sources": 1,
        "fetched": 1,
        "entries_new": 1,
        "entries_revised": 1,
        "stories_new": 1,
        "stories_updated": 1,
        "topics_published": 1,
        "files_written": 7,
    }


def test_only_what_is_due_is_fetched(passes: Runs, origin: Origin) -> None:
    fill(passes, origin)
    passes.run()
    origin.paths()
    nothing = passes.run()
    assert counts(nothing) == {}
    assert origin.paths() == []
    assert len(list(last_passes(passes.db, 5))) == 1
    assert passes.run(scope="force").sources == 5


def test_named_sources_are_fetched_due_or_not(passes: Runs, origin: Origin) -> None:
    fill(passes, origin)
    passes.run()
    origin.paths()
    assert passes.run("plain", "missing").sources == 2
    assert sorted(origin.paths()) == ["/missing", "/plain"]


@pytest.mark.parametrize("retry", ["3600", "Wed, 27 Nov 2024 13:00:00 GMT"])
def test_retry_after_is_kept_over_restarts(passes: Runs, origin: Origin, retry: str) -> None:
    passes.desk.add("busy", origin.put("/busy", status=429, headers={"Retry-After": retry}))
    passes.run()
    for scope in ("due", "all"):
        assert passes.run(after=timedelta(minutes=20), scope=scope).sources == 0
    origin.put("/busy", rss("Busy", item("one")))
    assert passes.run(scope="force").fetched == 1
    assert source_states(passes.db)["busy"].retry_at is None


@pytest.mark.parametrize(("id", "reason"), [("off", "is disabled"), ("nowhere", "is not in sources.yaml")])
def test_a_source_that_cannot_be_fetched_is_named(passes: Runs, origin: Origin, id: str, reason: str) -> None:
    passes.desk.add("off", origin.url("/off"), "    enabled: false\n")
    with pytest.raises(UsageError, match=f"source '{id}' {reason}"):
        passes.run(id)
    assert origin.paths() == []


def test_a_stop_keeps_what_was_stored_and_publishes_it(passes: Runs, origin: Origin) -> None:
    stop, held = threading.Event(), threading.Event()
    passes.desk.add("quick", origin.put("/quick", rss("Quick", item("one"))))
    passes.desk.add("slow", origin.put("/slow", rss("Slow", item("two")), held=held))
    observer = Observer(harvested=lambda *_: stop.set())
    try:
        summary = passes.run(stop=stop, observer=observer)
    finally:
        held.set()
    assert (summary.sources, summary.fetched, summary.entries_new) == (2, 1, 1)
    assert (passes.desk.feeds / "korea" / "rss.xml").exists()
    assert passes.run(after=timedelta(0)).sources == 1


def test_an_observer_hears_how_many_and_then_each(passes: Runs, origin: Origin) -> None:
    fill(passes, origin)
    started: list[int] = []
    told: list[tuple[str, int]] = []
    passes.run(
        observer=Observer(
            started.append, lambda harvest, applied: told.append((harvest.source, applied.entries_new))
        )
    )
    assert started == [5]
    assert sorted(told) == [("gone", 0), ("missing", 0), ("page", 0), ("plain", 2), ("tagged", 2)]


def test_headers_and_the_user_agent_are_sent(passes: Runs, origin: Origin) -> None:
    passes.desk.add("one", origin.put("/one", rss("One")), '    headers: {X-Token: "secret"}\n')
    passes.run()
    (asked,) = origin.requests
    assert asked.headers["x-token"] == "secret"
    assert asked.headers["user-agent"].startswith("feed-aggregator/")


def test_the_limits_are_those_of_the_configuration(passes: Runs) -> None:
    configuration = passes.configuration()
    site = configuration.aggregator.site.model_copy(update={"contact": "me@desk.example"})
    named = replace(configuration, aggregator=configuration.aggregator.model_copy(update={"site": site}))
    assert "; me@desk.example)" in make_limits(named).user_agent
    assert make_limits(named).timeout == 20.0


def test_opinion_and_language_of_a_source_are_its_entries(passes: Runs, origin: Origin) -> None:
    url = origin.put("/one", rss("One", item("one")))
    passes.desk.add("one", url, "    opinion: true\n    language: uk\n")
    passes.run()
    assert list(passes.db.query("SELECT kind, language FROM entries")) == [
        {"kind": "opinion", "language": "uk"}
    ]


def dates(passes: Runs) -> dict[str, str]:
    return {row["title"]: row["dated"] for row in passes.db.query("SELECT title, dated FROM entries")}


def undated(*names: str) -> list[dict[str, str]]:
    return [item(name, date="") for name in names]


def test_what_a_new_source_does_not_date_is_not_all_new(passes: Runs, origin: Origin) -> None:
    names = ("one", "two", "three")
    passes.desk.add("undated", origin.put("/undated", rss("U", *undated(*names))))
    passes.run()
    first = {
        "Headline one": "2024-11-27T12:00:00Z",
        "Headline two": "2024-11-27T11:00:00Z",
        "Headline three": "2024-11-27T10:00:00Z",
    }
    assert dates(passes) == first
    origin.put("/undated", rss("U", *undated("four", "five", *names)))
    passes.run("undated", after=timedelta(days=1))
    found = "2024-11-28T12:00:00Z"
    assert dates(passes) == first | {"Headline four": found, "Headline five": found}


def test_an_entry_without_a_date_is_a_little_older_than_the_one_before_it(
    passes: Runs, origin: Origin
) -> None:
    (top, below, rest, end), dated = undated("top", "below", "rest", "end"), item("dated")
    passes.desk.add("some", origin.put("/some", rss("S", top, dated, below)))
    modified = {"Last-Modified": "Fri, 01 Nov 2024 10:00:00 GMT"}
    passes.desk.add("old", origin.put("/old", rss("O", rest, end), headers=modified))
    passes.run()
    assert dates(passes) == {
        "Headline top": "2024-11-27T09:00:00Z",
        "Headline dated": "2024-11-27T09:00:00Z",
        "Headline below": "2024-11-27T08:00:00Z",
        "Headline rest": "2024-11-01T10:00:00Z",
        "Headline end": "2024-11-01T09:00:00Z",
    }
