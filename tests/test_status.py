"""The health of the program in figures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from builders import LONG, NOON, Books, entry, failure, source

from aggregator.status import next_try, source_health, status
from aggregator.store.meta import record_pass
from aggregator.upkeep import backup


def test_an_empty_store_has_new_sources_only(books: Books, tmp_path: Path) -> None:
    found = status(
        books.db, tuple(books.sources), database=tmp_path / "aggregator.db", embedder="words", now=NOON
    )
    assert (found["entries"], found["duplicates"], found["stories"]) == (0, 0, 0)
    assert (found["sources"], found["due"], found["next_due"]) == ({"new": 3}, 3, None)
    assert (found["failing"], found["passes"], found["window"]) == ([], [], None)


def test_each_source_is_in_one_state(books: Books, tmp_path: Path) -> None:
    sources = tuple(
        source(id, enabled=id != "off", title=f"The {id}") for id in ("ok", "bad", "gone", "new", "off")
    )
    books.configure(sources=sources)
    books.fetch_from("ok", entry("one", text=LONG), entry("copy", title="Headline one", text=LONG))
    books.apply(failure("bad", kind="timeout"))
    books.apply(failure("gone", kind="gone"))
    record_pass(books.db, {"sources": 3}, started_at=NOON)
    health = source_health(books.db, (*sources, source("unsynced")))
    assert [one["state"] for one in health] == ["ok", "failing", "gone", "new", "disabled", "new"]
    assert [one["entries"] for one in health] == [2, 0, 0, 0, 0, 0]
    assert [one["title"] for one in health[-2:]] == ["The off", "unsynced"]
    assert health[1]["error"] == "failed because of timeout"
    assert health[1]["kind"] == "timeout"
    assert "longer fetch.timeout" in str(health[1]["advice"])
    assert health[1]["next_due"] == "2024-11-27T12:05:37Z"
    assert [one["id"] for one in health if one["next_due"] is None] == ["gone", "new", "off", "unsynced"]
    assert [next_try(one["state"], one["next_due"]) for one in health[2:]] == ["never", None, "never", None]
    found = status(books.db, sources, database=tmp_path / "aggregator.db", embedder="words", now=NOON)
    assert found["sources"] == {"disabled": 1, "failing": 1, "gone": 1, "new": 1, "ok": 1}
    assert (found["due"], found["next_due"]) == (1, "2024-11-27T12:05:00Z")
    assert [one["id"] for one in found["failing"]] == ["bad", "gone"]
    assert (found["entries"], found["duplicates"], found["stories"]) == (2, 1, 1)
    window = found["window"]
    assert window is not None
    assert (window["at"], window["stories"], window["entries"], window["texts"]) == (
        "2024-11-27T12:00:00Z",
        1,
        1,
        1,
    )
    assert (window["bytes"] > 0, window["warning"]) == (True, None)
    assert found["passes"] == [{"started_at": "2024-11-27T12:00:00Z", "sources": 3}]
    later = status(
        books.db, sources, database=tmp_path / "aggregator.db", embedder="words", now=NOON + timedelta(days=2)
    )
    assert later["due"] == 3


def test_the_size_is_that_of_the_database_without_what_lies_beside_it(books: Books, tmp_path: Path) -> None:
    database = tmp_path / "aggregator.db"
    books.fetch_from("a", entry("one", text=LONG * 1000))
    backup(books.db, tmp_path / "aggregator.db.backup")
    found = status(books.db, (), database=database, embedder="words", now=NOON)["database_bytes"]
    wal, shm = (database.with_name(f"aggregator.db{part}").stat().st_size for part in ("-wal", "-shm"))
    assert found == database.stat().st_size + wal + shm
