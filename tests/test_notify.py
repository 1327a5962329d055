"""New stories to webhooks: what is new, how it is signed, that none is lost and none sent twice."""

from __future__ import annotations

import base64
import json
import re
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import LONG, NOON, Books, entry, source, topic
from conftest import Desk
from office import SECRET, Office, begun, titles
from origin import Origin, rss
from program import configure, started, until
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from aggregator import editor
from aggregator.cli import session as clock
from aggregator.notify.deliver import Courier
from aggregator.notify.webhook import sign
from aggregator.settings import Fetch, Notify
from aggregator.store.connection import open_store


def hook(url: str, **options: Any) -> Notify:
    return Notify(webhook=url, **options)


@pytest.fixture
def office(books: Books, origin: Origin) -> Office:
    """One topic with one webhook, whose sources were read before."""
    books.topics = ()
    office = begun(books, hook(origin.put("/hook"), secret=SECRET))
    assert office.deliver().sent == 0
    return office


def test_a_new_story_is_sent_once_as_json(office: Office, origin: Origin) -> None:
    office.bring("one report")
    assert office.deliver().sent == 1
    assert office.deliver().sent == 0
    (asked,) = origin.requests
    assert asked.headers["content-type"] == "application/json; charset=utf-8"
    message = json.loads(asked.body)
    assert (message["type"], message["timestamp"]) == ("story.new", "2024-11-27T12:00:00Z")
    assert message["data"]["topic"] == {
        "id": "topic",
        "title": "The topic",
        "url": "https://desk.example/topic/",
        "feed_url": "https://desk.example/topic/feed.json",
    }
    feed = json.loads((office.books.folder / "topic/feed.json").read_text())
    assert message["data"]["story"] in feed["items"]


def test_what_it_gets_can_be_checked_with_the_libraries_of_the_specification(
    office: Office, origin: Origin
) -> None:
    office.now = clock.now()
    office.bring("one report")
    office.deliver()
    (asked,) = origin.requests
    assert Webhook(SECRET).verify(asked.body, dict(asked.headers))["type"] == "story.new"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(asked.body + b" ", dict(asked.headers))


def test_a_secret_that_is_plain_text_is_the_key_itself() -> None:
    key = b"a plain secret of enough letters"
    signature = sign(key.decode(), id="id", timestamp="1732708800", body=b"{}")
    assert signature == Webhook(key).sign("id", NOON, "{}")


def test_without_a_secret_nothing_is_signed_and_own_headers_are_sent(books: Books, origin: Origin) -> None:
    office = begun(books, hook(origin.put("/hook"), headers={"Authorization": "Bearer x"}))
    office.bring("one report")
    office.deliver()
    (asked,) = origin.requests
    assert asked.headers["authorization"] == "Bearer x"
    assert "webhook-signature" not in asked.headers
    assert {"webhook-id", "webhook-timestamp"} <= asked.headers.keys()


def test_what_a_source_had_when_it_was_new_is_no_news(books: Books, origin: Origin) -> None:
    office = Office(books)
    office.notify(hook(origin.put("/hook")))
    office.bring("old report", "older report")
    assert office.deliver().sent == 0
    office.bring("old report", "older report", "new report")
    office.deliver()
    assert titles(origin.requests) == ["Headline new report"]


def test_the_first_entry_of_a_source_that_was_empty_is_news(books: Books, origin: Origin) -> None:
    office = Office(books)
    office.notify(hook(origin.put("/hook")))
    office.bring()
    office.bring("first report")
    office.deliver()
    assert titles(origin.requests) == ["Headline first report"]


def test_a_new_receiver_hears_nothing_of_what_is_there(office: Office, origin: Origin) -> None:
    office.bring("one report")
    office.deliver()
    origin.requests.clear()
    office.notify(
        hook(origin.url("/hook"), secret=SECRET), hook(origin.put("/other"), secret=SECRET), items=50
    )
    office.bring("one report", "two report")
    assert office.deliver().sent == 2
    assert sorted(one.path for one in origin.requests) == ["/hook", "/other"]
    assert set(titles(origin.requests)) == {"Headline two report"}


def test_an_old_story_is_no_news_when_another_outlet_reports_it(office: Office) -> None:
    office.fetch_from("a", entry("wire report", text=LONG))
    office.notify(hook("http://127.0.0.1:9/", secret=SECRET))
    office.fetch_from("b", entry("copied report", text=LONG))
    assert office.health()[0]["waiting"] == 0


def test_a_rule_that_changed_is_no_reason_to_tell_of_old_stories(office: Office, origin: Origin) -> None:
    office.bring("plain story", "plain storm")
    office.deliver()
    origin.requests.clear()
    office.notify(hook(origin.url("/hook"), secret=SECRET), all_of=("story",))
    office.bring("plain story", "plain storm", "other story")
    office.deliver()
    assert titles(origin.requests) == ["Headline other story"]


def test_a_story_is_news_when_it_enters_the_topic_with_its_second_source(
    books: Books, origin: Origin
) -> None:
    office = Office(books)
    office.notify(hook(origin.put("/hook")), min_sources=2)
    for one in ("a", "b", "c"):
        office.bring(f"before {one}", source=one)
    office.bring("one report", source="a")
    assert office.deliver().sent == 0
    office.bring("two report", source="b")
    editor.merge(books.db, books.story_of("Headline one report"), [books.story_of("Headline two report")])
    office.publish()
    assert office.deliver().sent == 1


def test_a_story_that_moves_up_because_another_was_hidden_is_no_news(books: Books, origin: Origin) -> None:
    office = Office(books)
    office.bring("old report", "older report")
    office.notify(hook(origin.put("/hook")), items=1)
    office.publish()
    shown = office.books.rows("SELECT story FROM told")
    assert len(shown) == 1
    editor.hide(books.db, shown[0][0])
    office.publish()
    assert office.deliver().sent == 0


def test_a_story_that_is_hidden_before_it_is_sent_is_not_sent_until_it_is_let_back(
    office: Office, origin: Origin
) -> None:
    office.bring("one report", "two report")
    story = editor.hide(office.books.db, office.books.story_of("Headline one report"))
    office.deliver()
    assert titles(origin.requests) == ["Headline two report"]
    assert office.health()[0]["waiting"] == 0
    editor.hide(office.books.db, story, hidden=False)
    office.publish()
    office.deliver()
    assert titles(origin.requests) == ["Headline two report", "Headline one report"]


def test_a_story_that_took_one_that_was_told_is_no_news(office: Office, origin: Origin) -> None:
    books = office.books
    office.bring("one report")
    office.deliver()
    office.bring("two report")
    # It is queued already when the editor says that it is the same
    editor.merge(books.db, books.story_of("Headline two report"), [books.story_of("Headline one report")])
    assert office.deliver().sent == 0
    books.fetch_from("a", entry("three report"), at=office.now)
    editor.merge(books.db, books.story_of("Headline three report"), [books.story_of("Headline two report")])
    office.publish()
    assert office.deliver().sent == 0
    assert titles(origin.requests) == ["Headline one report"]


def test_a_story_that_was_merged_before_it_is_sent_is_not_sent(office: Office) -> None:
    office.bring("one report", "two report")
    books = office.books
    editor.merge(books.db, books.story_of("Headline two report"), [books.story_of("Headline one report")])
    office.publish()
    assert office.deliver().sent == 1


def test_a_receiver_that_is_down_for_hours_gets_all_of_it_once(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=503)
    names = [f"report {number}" for number in range(12)]
    for count in range(1, 13):
        office.bring(*names[:count])
        office.after(minutes=30)
    failed = len(origin.requests)
    assert 5 <= failed <= 10
    (health,) = office.health()
    assert (health["waiting"], health["failed"], health["error"]) == (12, 0, "answered 503")
    origin.put("/hook")
    origin.requests.clear()
    assert office.after(hours=2).sent == 12
    assert office.after(days=1).sent == 0
    assert sorted(titles(origin.requests)) == sorted(f"Headline {name}" for name in names)
    assert len({one.headers["webhook-id"] for one in origin.requests}) == 12
    (health,) = office.health()
    assert (health["waiting"], health["failures"], health["error"]) == (0, 0, None)


def test_a_try_is_made_again_under_the_same_id(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=500)
    office.bring("one report")
    office.deliver()
    assert office.deliver().troubles == []
    assert office.after(seconds=61).troubles
    first, second = origin.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.body == second.body


def test_a_story_that_a_receiver_never_takes_does_not_hold_up_the_others(
    office: Office, origin: Origin
) -> None:
    origin.put("/hook", status=400)
    office.bring("poison report")
    office.deliver()
    office.bring("poison report", "good report")
    origin.put("/hook")
    office.after(minutes=2)
    assert titles(origin.requests)[1] == "Headline good report"


def test_after_five_days_in_vain_it_is_given_up_and_said(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=500)
    office.bring("one report")
    for _ in range(65):
        done = office.after(hours=2)
    assert done.troubles == []
    (health,) = office.health()
    assert (health["waiting"], health["failed"], health["error"]) == (0, 1, "answered 500")
    assert 55 <= len(origin.requests) <= 62


def test_a_receiver_that_says_gone_is_not_asked_again_for_that_story(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=410)
    office.bring("one report")
    ((_, refusal),) = office.deliver().troubles
    assert refusal.is_final
    assert office.after(days=1).troubles == []


def test_retry_after_is_heard(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=429, headers={"Retry-After": "7200"})
    office.bring("one report")
    office.deliver()
    origin.put("/hook")
    assert office.after(hours=1).sent == 0
    assert office.after(hours=1).sent == 1


def test_a_redirect_is_no_success_and_is_not_followed(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=302, headers={"Location": origin.put("/elsewhere")})
    office.bring("one report")
    ((_, refusal),) = office.deliver().troubles
    assert refusal.message == "answered 302"
    assert origin.paths() == ["/hook"]


def test_a_private_address_is_refused_unless_it_is_allowed(books: Books, origin: Origin) -> None:
    office = begun(books, hook(origin.put("/hook")), fetch=Fetch())
    office.bring("one report")
    ((_, refusal),) = office.deliver().troubles
    assert refusal.message == "127.0.0.1 is no public address: allow it with fetch.allow_private_networks"
    assert origin.requests == []


def test_a_removed_receiver_is_forgotten_with_what_waits(office: Office, origin: Origin) -> None:
    office.bring("one report")
    office.notify()
    office.notify(hook(origin.url("/hook"), secret=SECRET))
    assert office.deliver().sent == 0
    assert office.books.rows("SELECT count(*) FROM deliveries") == [(0,)]


def test_a_clock_that_ran_ahead_delays_nothing_for_long(office: Office, origin: Origin) -> None:
    origin.put("/hook", status=500)
    office.bring("one report")
    office.now += timedelta(days=4000)
    office.deliver()
    office.now -= timedelta(days=4000)
    origin.put("/hook")
    assert office.deliver().sent == 1


def test_a_run_ends_after_half_a_minute_and_the_next_goes_on(
    office: Office, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Courier._record

    def slowly(self: Courier, *args: Any) -> Any:
        office.elapsed += 11
        return record(self, *args)

    monkeypatch.setattr(Courier, "_record", slowly)
    office.bring(*(f"report {number}" for number in range(5)))
    assert office.deliver().sent == 3
    assert office.deliver().sent == 2
    assert len(set(titles(origin.requests))) == 5


def test_a_stop_lets_what_is_under_way_end_and_begins_nothing(office: Office, origin: Origin) -> None:
    office.bring("one report", "two report")
    office.stop.set()
    assert office.deliver().sent == 1
    office.stop.clear()
    assert office.deliver().sent == 1
    assert len(set(titles(origin.requests))) == 2


def test_a_crash_between_sending_and_recording_sends_again_under_the_same_id(
    office: Office, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.bring("one report")

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Courier, "_record", crash)
        with pytest.raises(KeyboardInterrupt):
            office.deliver()
    assert office.deliver().sent == 1
    first, second = origin.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_kill_9_while_a_webhook_is_under_way_costs_nothing_but_a_repeat(
    tmp_path: Path, origin: Origin
) -> None:
    item = {"title": "A ship in the harbour", "link": "https://one.example/1"}
    other = {"title": "Storm over the harbour", "link": "https://one.example/2"}
    feed = origin.put("/one.xml", rss("one", item))
    topics = (
        "topics:\n  - {id: sea, title: The sea, match: harbour, max_age: 20000d,"
        f" notify: [{{webhook: '{origin.url('/hook')}'}}]}}\n"
    )
    config = configure(tmp_path, {"one": feed}, topics=topics)
    with started(tmp_path / "first", "--config", config, "update") as first:
        assert first.process.wait(60) == 0, first.said()
    held = threading.Event()
    origin.put("/hook", held=held)
    origin.put("/one.xml", rss("one", item, other))
    with started(tmp_path / "second", "--config", config, "update", "--all") as second:
        until(lambda: [one for one in origin.requests if one.path == "/hook"], "the webhook")
        second.process.send_signal(signal.SIGKILL)
        second.process.wait(10)
    held.set()
    origin.put("/hook")
    with started(tmp_path / "third", "--config", config, "update") as third:
        assert third.process.wait(60) == 0, third.said()
        assert "1 delivery sent." in third.said()
    before, after = [one for one in origin.requests if one.path == "/hook"]
    assert before.headers["webhook-id"] == after.headers["webhook-id"]
    assert titles([after]) == ["Storm over the harbour"]


def test_a_receiver_checks_it_as_documented(office: Office, origin: Origin) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs/notify.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    office.now = clock.now()
    office.bring("one report")
    office.deliver()
    (asked,) = origin.requests
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert names["is_genuine"](key, asked.headers, asked.body)
    assert not names["is_genuine"](key, asked.headers, asked.body + b" ")
    assert not names["is_genuine"](key[1:], asked.headers, asked.body)
    late = {**asked.headers, "webhook-timestamp": str(int(asked.headers["webhook-timestamp"]) - 301)}
    assert not names["is_genuine"](key, late, asked.body)


def test_the_daemon_delivers_what_is_new(tmp_path: Path, origin: Origin) -> None:
    item = {"title": "A ship in the harbour", "link": "https://one.example/1"}
    config = configure(
        tmp_path,
        {"one": origin.put("/one.xml", rss("one", item))},
        topics=(TOPIC % origin.put("/hook")),
    )
    with started(tmp_path / "first", "--config", config, "update") as first:
        assert first.process.wait(60) == 0, first.said()
    other = {"title": "Storm over the harbour", "link": "https://one.example/2"}
    origin.put("/one.xml", rss("one", item, other))
    with open_store(tmp_path / "store.db") as db:
        db.execute("UPDATE sources SET next_due_at = ''")
    with started(tmp_path / "log", "--config", config, "run") as daemon:
        daemon.hears("INFO deliveries sent: 1\n")
        assert daemon.stop() == 0
    assert titles([one for one in origin.requests if one.path == "/hook"]) == ["Storm over the harbour"]


def test_two_topics_tell_one_webhook_each_of_its_own(books: Books, origin: Origin) -> None:
    office = Office(books)
    url = origin.put("/hook")
    office.configure(topic("one", notify=(hook(url),)), topic("two", notify=(hook(url),)))
    office.bring("before")
    office.bring("before", "one report")
    assert office.deliver().sent == 2
    assert {json.loads(one.body)["data"]["topic"]["id"] for one in origin.requests} == {"one", "two"}
    assert len({one.headers["webhook-id"] for one in origin.requests}) == 2


def test_a_source_that_was_removed_and_comes_back_brings_no_old_news(books: Books, origin: Origin) -> None:
    office = begun(books, hook(origin.put("/hook")))
    everything = tuple(books.sources)
    books.sources = tuple(one for one in everything if one.id != "a")
    office.configure(*books.topics)
    books.sources = (*everything[1:], source("a"))
    office.configure(*books.topics)
    office.bring("missed report", source="a")
    assert office.deliver().sent == 0


def test_the_database_holds_no_address(office: Office, origin: Origin) -> None:
    office.bring("one report")
    with open_store(office.configuration.database) as db:
        text = "\n".join(db.iterdump())
    assert origin.address not in text
    assert SECRET not in text


TOPIC = """
topics:
  - id: sea
    title: The sea
    match: harbour
    max_age: 20000d
    notify: [{webhook: "%s"}]
"""


def test_the_commands_show_test_and_retry(desk: Desk, origin: Origin) -> None:
    item = {"title": "A ship in the harbour", "link": "https://one.example/1"}
    desk.add("one", origin.put("/one.xml", rss("one", item)))
    assert "Nobody is told of new stories" in desk.run("topics", "notify").stderr
    assert desk.rows("topics", "notify") == []
    desk.run("topics", "notify", "--test", status=2)
    desk.write("topics.yaml", TOPIC % origin.put("/hook/x"))
    desk.run("update")
    told = desk.run("topics", "notify", "sea", "--test").stdout
    assert told == f"sea, webhook {origin.address}/…: a test was sent\n"
    (asked,) = [one for one in origin.requests if one.path == "/hook/x"]
    assert json.loads(asked.body)["type"] == "test"
    origin.put("/hook/x", status=500)
    assert "answered 500" in desk.run("topics", "notify", "--test", status=1).stdout
    other = {"title": "Storm over the harbour", "link": "https://one.example/2"}
    origin.put("/one.xml", rss("one", item, other))
    said = desk.run("update", "--all").stderr
    assert f"warning: sea, webhook {origin.address}/…: answered 500; tried again later" in said
    (row,) = desk.rows("topics", "notify")
    assert (row["waiting"], row["failures"], row["error"]) == (1, 1, "answered 500")
    assert "1 waiting" in desk.run("status").stdout
    assert "answered 500" in desk.run("status").stdout
    assert desk.rows("status")[0]["notify"] == [row]
    origin.put("/hook/x")
    assert "1 delivery is due again" in desk.run("topics", "notify", "--retry").stdout
    assert "1 delivery sent." in desk.run("update").stderr
    assert desk.rows("topics", "notify")[0]["waiting"] == 0
    assert "there is no topic 'lake'" in desk.run("topics", "notify", "lake", status=2).stderr
