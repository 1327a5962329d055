"""WebSub with a hub, an origin and the daemon's own web server, all over HTTP on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from builders import NOON
from conftest import Desk
from hub import Hub, serving_hub
from origin import Origin, rss
from program import aggregator
from program import started as program
from sqlite_utils import Database

from aggregator.config import load
from aggregator.daemon import Daemon
from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.model import Failure, Request, SourceId
from aggregator.serve import serving
from aggregator.status import source_health, status
from aggregator.store.connection import open_store, writing
from aggregator.store.pings import announce
from aggregator.store.sources import source_states
from aggregator.store.subscriptions import subscriptions
from aggregator.update import Clock, make_limits
from aggregator.websub.callback import Callbacks, Delivered
from aggregator.websub.hubs import ping

TOPICS = 'topics: [{id: sea, title: The sea, match: "harbour OR ship", max_age: 20000d}]\n'
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
DAILY = ["Mon, 25 Nov 2024 09:00:00 GMT", "Tue, 26 Nov 2024 09:00:00 GMT", "Wed, 27 Nov 2024 09:00:00 GMT"]


@dataclass
class Harbour:
    """A source that offers a hub, the hub, and a daemon whose jobs the test runs itself."""

    root: Path
    origin: Origin
    hub: Hub
    callbacks: Callbacks
    address: str
    clock: list[datetime]
    items: list[dict[str, str]] = field(default_factory=list)
    daemon: Daemon = field(init=False)
    db: Database = field(init=False)

    def configure(
        self,
        *,
        callback: str | None = None,
        sources: str | None = None,
        output: str = "",
        listen: str = "127.0.0.1:0",
    ) -> None:
        config = self.root / "config"
        config.mkdir(exist_ok=True)
        (config / "aggregator.yaml").write_text(
            "storage: {database: ../store.db, keep: 20000d}\nstories: {embedder: words}\n"
            f"output: {{directory: ../feeds, {output}}}\n"
            "fetch: {allow_private_networks: true, max_bytes: 500kB}\n"
            f"web: {{listen: '{listen}', callback: '{callback or self.address}'}}\n"
        )
        source = f"[{{id: one, url: '{self.topic}'}}]" if sources is None else sources
        (config / "sources.yaml").write_text(f"sources: {source}\n")
        (config / "topics.yaml").write_text(TOPICS)

    @property
    def topic(self) -> str:
        return self.origin.url("/one.xml")

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def document(self, *items: dict[str, str]) -> str:
        links = f'<atom:link rel="hub" href="{self.hub.address}"/><atom:link rel="self" href="{self.topic}"/>'
        document = rss("one", *items).replace('<rss version="2.0">', f'<rss version="2.0" {ATOM}>')
        return document.replace("</title>", f"</title>{links}", 1)

    def report(self, name: str, **more: str) -> dict[str, str]:
        report = {"title": f"Ship {name}", "link": f"https://one.example/{name}", "date": DAILY[-1]}
        return report | {"text": f"The ship {name} lies in the harbour."} | more

    def publish(self, *items: dict[str, str]) -> None:
        """The source's own document holds these from now on."""
        self.origin.put("/one.xml", self.document(*items), etag=f'"{len(items)}-{hash(str(items))}"')

    def poll(self, after: timedelta = timedelta(0)) -> list[str]:
        """The paths that the source was asked for."""
        self.clock[0] += after
        self.daemon._survive(self.daemon._poll)
        return self.origin.paths()

    def talk(self, after: timedelta = timedelta(0)) -> list[str]:
        """What the hub was asked for."""
        self.clock[0] += after
        for job in (self.daemon._hear, self.daemon._subscribe, self.daemon._ping):
            self.daemon._survive(job)
        return self.hub.modes()

    def subscribe(self) -> None:
        """To a source with three reports, one a day."""
        self.publish(*(self.report(date[:3], date=date) for date in DAILY))
        assert self.poll() == ["/one.xml"]
        assert self.talk() == ["subscribe"]
        assert self.talk() == []
        assert self.state == "active"

    def deliver(self, *names: str, **lies: Any) -> None:
        """The hub sends reports, and the daemon takes them in."""
        for answered in self.hub.distribute(self.topic, self.document(*map(self.report, names)), **lies):
            assert answered.status == 202
        self.talk()

    @property
    def subscription(self) -> Any:
        (one,) = subscriptions(self.db)
        return one

    @property
    def state(self) -> str:
        return str(self.subscription.state)

    def titles(self) -> set[str]:
        return {row["title"] for row in self.db.query("SELECT title FROM entries")}

    def due(self) -> timedelta:
        """How long the source is left in peace."""
        (state,) = source_states(self.db).values()
        assert state.next_due_at is not None
        return state.next_due_at - self.now

    def published(self) -> str:
        """The feed of the topic, with all reports of its stories."""
        return (self.root / "feeds/sea/feed.json").read_text()


ATOM = 'xmlns:atom="http://www.w3.org/2005/Atom"'


@contextmanager
def harbour(root: Path, origin: Origin, **configured: Any) -> Iterator[Harbour]:
    clock = [NOON]
    callbacks = Callbacks(lambda: clock[0])
    with (
        serving_hub(lambda: clock[0]) as hub,
        serving(root / "feeds", "127.0.0.1:0", callbacks) as address,
    ):
        found = Harbour(root, origin, hub, callbacks, address, clock)
        found.configure(**configured)
        with started(found):
            yield found


@contextmanager
def started(found: Harbour) -> Iterator[None]:
    """A daemon, from its start to its end."""
    configuration = load(found.root / "config", environ={})
    with open_store(configuration.database) as found.db:
        ticking = Clock(lambda: found.now, lambda: found.now.timestamp())
        found.daemon = daemon = Daemon(
            found.db,
            configuration,
            environ={},
            clock=ticking,
            jitter=lambda: 0.9,
            callbacks=found.callbacks,
        )
        try:
            yield
        finally:
            daemon._engine.close()


@pytest.fixture
def sea(tmp_path: Path, origin: Origin) -> Iterator[Harbour]:
    with harbour(tmp_path, origin) as found:
        yield found


# To subscribe


def test_a_source_that_offers_a_hub_is_subscribed_to_with_a_secret(sea: Harbour) -> None:
    sea.publish(sea.report("Ada"))
    sea.poll()
    sea.daemon._survive(sea.daemon._subscribe)
    (form,) = sea.hub.asked
    assert (form["hub.mode"], form["hub.topic"], form["hub.lease_seconds"]) == (
        "subscribe",
        sea.topic,
        "864000",
    )
    token = form["hub.callback"].removeprefix(f"{sea.address}websub/")
    assert len(token) >= 43
    assert 32 <= len(form["hub.secret"]) < 200
    assert form["hub.secret"] != token
    ((topic, callback),) = sea.hub.held
    assert (topic, callback) == (sea.topic, form["hub.callback"])
    sea.hub.asked.clear()
    assert sea.talk() == []
    assert (sea.state, sea.subscription.lease_until) == ("active", NOON + 10 * DAY)


def test_a_hub_that_verifies_later_is_answered_then(sea: Harbour) -> None:
    sea.hub.is_prompt = False
    sea.publish(sea.report("Ada"))
    sea.poll()
    assert sea.talk() == ["subscribe"]
    assert (sea.talk(), sea.state, sea.hub.held) == ([], "asked", {})
    sea.hub.verify()
    sea.talk()
    assert sea.state == "active"


@pytest.mark.parametrize(
    "lie",
    [
        {"hub.topic": "https://other.example/feed"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": "publish"},
        {"hub.challenge": ""},
    ],
)
def test_what_was_not_asked_for_is_not_confirmed(sea: Harbour, lie: dict[str, str]) -> None:
    sea.hub.is_prompt = False
    sea.publish(sea.report("Ada"))
    sea.poll()
    sea.talk()
    sea.hub.verify(**lie)
    assert [answered.status for answered in sea.hub.verified] == [404]
    sea.talk()
    assert sea.state == "asked"


def test_a_token_that_nobody_was_told_is_not_found(sea: Harbour) -> None:
    sea.subscribe()
    callback = f"{sea.address}websub/guessed"
    query = {"hub.mode": "subscribe", "hub.topic": sea.topic, "hub.challenge": "x", "hub.lease_seconds": "60"}
    assert sea.hub.get(callback, **query).status == 404
    assert sea.hub.post(callback, b"<rss/>", {}).status == 410


def test_a_challenge_comes_back_as_plain_text(sea: Harbour) -> None:
    sea.subscribe()
    challenge = "<script>alert(1)</script>"
    query = f"hub.mode=subscribe&hub.topic={quote(sea.topic)}&hub.challenge={quote(challenge)}&hub.lease_seconds=9999"
    with urlopen(f"{sea.subscription.callback}?{query}", timeout=10) as answer:
        assert answer.read().decode() == challenge
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nobody_is_asked_where_no_hub_could_answer(tmp_path: Path, origin: Origin) -> None:
    with harbour(tmp_path, origin, callback="auto") as sea:
        sea.publish(sea.report("Ada"))
        sea.poll()
        assert sea.talk() == []
        assert subscriptions(sea.db) == []
        (shown,) = source_health(sea.db, sea.daemon._configuration.sources)
        assert (shown["hub"], shown["subscription"]) == (sea.hub.address, None)


def test_a_hub_that_moved_is_followed(sea: Harbour) -> None:
    sea.hub.moved = {"/": (308, "/there"), "/there": (307, f"{sea.hub.address}here")}
    sea.subscribe()


# Deliveries


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_what_a_hub_sends_is_stored_and_published(sea: Harbour, algorithm: str) -> None:
    sea.subscribe()
    before = sea.db.execute("SELECT * FROM sources").fetchall()
    sea.deliver("Ada", algorithm=algorithm)
    assert "Ship Ada" in sea.titles()
    assert "Ship Ada" in sea.published()
    assert (sea.subscription.deliveries, sea.subscription.delivered_at) == (1, sea.now)
    # Nothing else is learnt of the source: no validators, no window, no rhythm, no next time
    assert sea.db.execute("SELECT * FROM sources").fetchall() == before
    assert sea.origin.paths() == []


def test_what_comes_twice_is_there_once_and_a_correction_corrects(sea: Harbour) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.deliver("Ada")
    revised = sea.report("Ada", text="The ship Ada has left the harbour.")
    sea.hub.distribute(sea.topic, sea.document(revised))
    sea.talk()
    rows = sea.db.execute("SELECT text FROM entries WHERE title = 'Ship Ada'").fetchall()
    assert rows == [("The ship Ada has left the harbour.",)]
    sea.publish(revised)
    sea.poll(2 * DAY)
    assert sea.db.execute("SELECT count(*) FROM entries").fetchone() == (4,)


def test_what_a_delivery_lacks_is_not_taken_back(sea: Harbour) -> None:
    reports = [sea.report(f"old{date[:3]}", date=date) for date in reversed(DAILY)]
    sea.publish(*reports)
    sea.poll()
    sea.talk()
    sea.talk()
    for _ in range(3):  # in the order of their dates, without the one between
        sea.hub.distribute(sea.topic, sea.document(reports[0], reports[2]))
        sea.talk()
    assert sea.subscription.deliveries == 3
    assert sea.db.execute("SELECT count(*) FROM entries WHERE withdrawn_at IS NOT NULL").fetchone() == (0,)


@pytest.mark.parametrize(
    "lie",
    [
        {"secret": "guessed"},
        {"signature": ""},
        {"signature": "sha256="},
        {"signature": "sha256=" + "0" * 64},
        {"signature": "md5=d41d8cd98f00b204e9800998ecf8427e"},
        {"signature": "nonsense"},
        {"signature": "sha256=\xff"},
    ],
)
def test_what_is_not_signed_with_the_secret_is_taken_and_not_read(sea: Harbour, lie: dict[str, str]) -> None:
    sea.subscribe()
    sea.deliver("Forged", **lie)
    assert "Ship Forged" not in sea.titles()
    assert (sea.subscription.refused, sea.subscription.deliveries) == (1, 0)
    (shown,) = source_health(sea.db, sea.daemon._configuration.sources)
    assert shown["refused"] == 1


def test_a_delivery_is_no_larger_than_a_document(sea: Harbour) -> None:
    sea.subscribe()
    large = sea.document(sea.report("Ada", text="x" * 600_000))
    assert [answered.status for answered in sea.hub.distribute(sea.topic, large)] == [413]
    sea.talk()
    assert "Ship Ada" not in sea.titles()


def test_a_delivery_that_is_no_feed_has_the_source_asked_itself(sea: Harbour) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.poll(2 * DAY)
    assert sea.due() > timedelta(hours=20)
    sea.clock[0] += HOUR
    sea.hub.distribute(sea.topic, "<p>Something is new</p>", content_type="text/html")
    sea.talk()
    assert sea.poll() == ["/one.xml"]


def test_hubs_are_told_to_come_again_while_too_much_waits(sea: Harbour) -> None:
    sea.subscribe()
    sea.callbacks.put_back([Delivered("gone", b"", None, NOON)] * 100)
    assert [answered.status for answered in sea.hub.distribute(sea.topic, sea.document())] == [503]
    sea.talk()
    assert [answered.status for answered in sea.hub.distribute(sea.topic, sea.document())] == [202]


def test_a_delivery_that_finds_the_store_broken_is_stored_later(sea: Harbour) -> None:
    sea.subscribe()
    sea.db.execute("PRAGMA query_only=ON")
    sea.deliver("Ada")
    assert "Ship Ada" not in sea.titles()
    sea.db.execute("PRAGMA query_only=OFF")
    sea.poll(HOUR)
    sea.talk()
    assert "Ship Ada" in sea.titles()


# Polling meanwhile


def test_a_source_whose_hub_delivers_is_polled_less(sea: Harbour) -> None:
    sea.subscribe()
    usual = sea.due()
    assert usual < timedelta(hours=13)
    sea.deliver("Ada")
    assert sea.poll(13 * HOUR) == ["/one.xml"]
    assert sea.due() > timedelta(hours=20)


def test_a_source_whose_hub_misses_entries_is_polled_as_before(sea: Harbour) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.poll(13 * HOUR)
    sea.publish(sea.report("Ada"), sea.report("missed"))
    assert sea.poll(26 * HOUR) == ["/one.xml"]
    assert sea.due() == timedelta(minutes=5)
    # The hub may have lost the subscription
    assert sea.talk(timedelta(minutes=5)) == ["subscribe"]
    assert sea.talk() == []
    sea.poll()
    assert sea.due() < timedelta(hours=13)
    sea.deliver("Bea")
    sea.poll(13 * HOUR)
    assert sea.due() > timedelta(hours=20)


def test_a_poll_that_comes_before_the_hub_does_not_shake_the_trust_in_it(sea: Harbour) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.publish(sea.report("Ada"), sea.report("Bea"))
    sea.poll(13 * HOUR)
    assert sea.due() > timedelta(hours=20)


def test_after_a_restart_the_source_is_asked_for_what_came_meanwhile(sea: Harbour) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.poll(13 * HOUR)
    sea.clock[0] += HOUR
    with started(sea):
        assert sea.poll() == ["/one.xml"]
        assert sea.talk() == []
        sea.deliver("Bea")
        assert "Ship Bea" in sea.titles()


# Leases


def test_a_lease_is_renewed_before_it_ends(sea: Harbour) -> None:
    sea.hub.lease = 10 * HOUR
    sea.subscribe()
    before = sea.subscription
    assert sea.talk(7 * HOUR) == []
    assert sea.talk(HOUR) == ["subscribe"]
    sea.talk()
    after = sea.subscription
    assert (after.token, after.secret, after.state) == (before.token, before.secret, "active")
    assert after.lease_until == NOON + 18 * HOUR
    sea.clock[0] += 5 * HOUR
    sea.deliver("Ada")
    assert "Ship Ada" in sea.titles()


def test_a_hub_that_is_down_at_the_renewal_is_asked_again_and_polling_takes_over(sea: Harbour) -> None:
    sea.hub.lease = 10 * HOUR
    sea.subscribe()
    sea.deliver("Ada")
    sea.hub.status = 503
    asked = []
    for minutes in range(0, 60 * 24, 5):
        asked += [minutes for _ in sea.talk(timedelta(minutes=5) if minutes else 8 * HOUR)]
    assert asked == [0, 5, 15, 35, 75, 155, 315, 635, 1275]
    assert sea.state == "asked"
    assert sea.subscription.problem == "answered with HTTP status 503: No, thank you"
    assert sea.poll() == ["/one.xml"]
    assert sea.due() < timedelta(hours=13)
    sea.hub.status = None
    assert sea.talk(DAY) == ["subscribe"]
    sea.talk()
    assert (sea.state, sea.subscription.problem, sea.subscription.failures) == ("active", None, 0)


def test_a_lease_that_ends_has_the_source_asked(sea: Harbour) -> None:
    sea.hub.lease = 20 * HOUR
    sea.subscribe()
    sea.deliver("Ada")
    sea.poll(13 * HOUR)
    assert sea.due() > timedelta(hours=20)
    sea.hub.status = 500
    sea.talk(8 * HOUR)
    assert sea.state == "asked"
    assert sea.poll() == ["/one.xml"]
    assert sea.due() < timedelta(hours=13)


def test_a_hub_that_confirms_nothing_is_said_so(sea: Harbour, caplog: pytest.LogCaptureFixture) -> None:
    sea.hub.is_prompt = False
    sea.publish(sea.report("Ada"))
    sea.poll()
    for _ in range(4):
        sea.talk(DAY)
    assert "does it reach the callback" in sea.subscription.problem
    assert caplog.text.count("confirms nothing") == 1


def test_a_denial_ends_it_for_a_week(sea: Harbour, caplog: pytest.LogCaptureFixture) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.poll(13 * HOUR)
    sea.clock[0] += HOUR
    assert [answered.status for answered in sea.hub.deny(sea.topic, "full\nup")] == [200]
    sea.talk()
    assert (sea.state, sea.subscription.problem) == ("denied", "denies it: full up")
    assert "denies the subscription: full up" in caplog.text
    assert sea.poll() == ["/one.xml"]
    assert sea.hub.post(sea.subscription.callback, b"", {}).status == 410
    assert sea.talk(6 * DAY) == []
    assert sea.talk(DAY) == ["subscribe"]
    sea.talk()
    assert sea.state == "active"


def test_where_a_hub_stays_down_the_next_one_is_asked(sea: Harbour) -> None:
    dead = "http://127.0.0.1:9/"
    document = sea.document(sea.report("Ada"))
    link = '<atom:link rel="hub" href='
    sea.origin.put("/one.xml", document.replace(link, f'{link}"{dead}"/>{link}', 1))
    sea.poll()
    asked = [mode for _ in range(4) for mode in sea.talk(DAY)]
    assert asked == ["subscribe"]
    sea.talk()
    assert (sea.state, sea.subscription.hub) == ("active", sea.hub.address)


# Changes of the configuration and of the source


def reload(sea: Harbour, **configured: Any) -> None:
    sea.configure(**configured)
    sea.daemon._reload.set()
    sea.daemon._watch()


@pytest.mark.parametrize("change", [{"sources": "[]"}, {"callback": "none"}])
def test_a_subscription_that_is_not_wanted_any_more_is_ended(sea: Harbour, change: dict[str, str]) -> None:
    sea.subscribe()
    callback = sea.subscription.callback
    reload(sea, **change)
    assert sea.talk() == ["unsubscribe"]
    assert sea.hub.held == {}
    sea.talk()
    assert subscriptions(sea.db) == []
    assert sea.hub.post(callback, b"", {}).status == 410


def test_a_hub_that_does_not_hear_of_the_end_is_not_asked_for_ever(sea: Harbour) -> None:
    sea.subscribe()
    sea.hub.status = 500
    reload(sea, sources="[]")
    assert [mode for _ in range(8) for mode in sea.talk(HOUR)] == ["unsubscribe"] * 3
    assert subscriptions(sea.db) == []
    assert [answered.status for answered in sea.hub.distribute(sea.topic, sea.document())] == [410]


def test_another_address_makes_another_subscription(sea: Harbour) -> None:
    sea.subscribe()
    old = sea.subscription
    # The same server by another name: the hub can end the old one
    reload(sea, callback=sea.address.replace("127.0.0.1", "localhost"))
    assert sorted(sea.talk()) == ["subscribe", "unsubscribe"]
    sea.talk()
    assert sea.subscription.callback.startswith("http://localhost:")
    assert sea.subscription.token != old.token
    assert list(sea.hub.held) == [(sea.topic, sea.subscription.callback)]
    sea.deliver("Ada")
    assert "Ship Ada" in sea.titles()


def test_a_source_that_offers_no_hub_any_more_is_polled(sea: Harbour) -> None:
    sea.subscribe()
    sea.origin.put("/one.xml", rss("one", sea.report("Ada")))
    sea.poll(DAY)
    assert sea.talk() == ["unsubscribe"]
    sea.talk()
    assert subscriptions(sea.db) == []


# What is shown


def test_what_is_agreed_is_shown(sea: Harbour) -> None:
    sea.subscribe()
    sea.deliver("Ada")
    sea.hub.distribute(sea.topic, sea.document(), signature="")
    sea.talk()
    shown = Desk(sea.root).run("sources", "show", "one").stdout
    lines = {" ".join(line.split()) for line in shown.splitlines()}
    assert lines >= {
        f"hub {sea.hub.address}",
        "subscription active",
        "subscribed until 2024-12-07T12:00:00Z",
        "delivered 2024-11-27T12:00:00Z",
        "refused 1",
        "hub problem -",
    }
    said = Desk(sea.root).run("status").stdout
    assert "1 active of 1 source with a hub, 1 deliveries, 1 refused" in said
    found = status(
        sea.db,
        sea.daemon._configuration.sources,
        database=sea.root / "store.db",
        embedder="words",
        now=datetime(2024, 11, 28, tzinfo=UTC),
    )
    assert found["hubs"] == {
        "offered": 1,
        "active": 1,
        "asked": 0,
        "denied": 0,
        "deliveries": 1,
        "refused": 1,
        "problem": None,
    }
    assert found["pings"] == {"waiting": 0, "problem": None}


# The publisher


@pytest.fixture
def desk_with_hub(tmp_path: Path, origin: Origin) -> Iterator[Harbour]:
    with harbour(tmp_path, origin) as sea:
        reload(sea, callback="none", output=f"hub: '{sea.hub.address}'")
        yield sea


def pinged(sea: Harbour, after: timedelta = timedelta(0)) -> list[str]:
    """The names of the feeds that the hub was told of."""
    sea.clock[0] += after
    sea.daemon._survive(sea.daemon._ping)
    forms = [form for form in sea.hub.asked if form["hub.mode"] == "publish"]
    sea.hub.asked.clear()
    return sorted(form["hub.url"].removeprefix("http://127.0.0.1:8080/") for form in forms)


FEEDS = ["sea/atom.xml", "sea/feed.json", "sea/rss.xml"]


def test_the_hub_is_told_of_each_feed_that_changed_once(desk_with_hub: Harbour) -> None:
    sea = desk_with_hub
    assert pinged(sea) == FEEDS  # the topic is empty, but new
    sea.publish(sea.report("Ada"))
    sea.poll()
    assert pinged(sea) == FEEDS
    assert pinged(sea, DAY) == []
    sea.poll(DAY)
    sea.daemon._publish()
    assert pinged(sea) == []


def test_a_ping_that_the_hub_does_not_take_is_told_later_and_later(
    desk_with_hub: Harbour, caplog: pytest.LogCaptureFixture
) -> None:
    sea = desk_with_hub
    sea.hub.status = 503
    tried = []
    for minute in range(40):
        tried += [(minute, len(names)) for names in [pinged(sea, timedelta(minutes=1))] if names]
    assert tried == [(0, 1), (1, 1), (3, 1), (7, 1), (15, 1), (31, 1)]
    assert caplog.text.count("answered with HTTP status 503: No, thank you: it is told of") == 1
    said = Desk(sea.root).run("status").stdout
    assert "3 waiting: answered with HTTP status 503" in said
    sea.hub.status = None
    assert pinged(sea, HOUR) == FEEDS
    assert pinged(sea, DAY) == []
    assert Desk(sea.root).rows("status")[0]["pings"] == {"waiting": 0, "problem": None}


def test_a_feed_that_the_hub_refuses_holds_up_no_other(desk_with_hub: Harbour) -> None:
    sea = desk_with_hub
    sea.hub.status = 400
    assert pinged(sea) == FEEDS
    assert pinged(sea) == []
    sea.hub.status = None
    assert pinged(sea, timedelta(minutes=1)) == FEEDS


def test_a_crash_after_the_files_loses_no_ping(desk_with_hub: Harbour) -> None:
    sea = desk_with_hub
    pinged(sea)
    sea.publish(sea.report("Ada"))
    sea.db.execute(
        "CREATE TRIGGER broken BEFORE UPDATE ON channels WHEN new.mark IS NOT NULL"
        " BEGIN SELECT RAISE(ABORT, 'crash'); END"
    )
    sea.daemon._survive(sea.daemon._poll)
    assert "Ship Ada" in sea.published()
    assert pinged(sea) == []
    sea.db.execute("DROP TRIGGER broken")
    sea.daemon._survive(sea.daemon._publish)
    assert pinged(sea) == FEEDS


def test_no_hub_is_told_of_a_private_topic(desk_with_hub: Harbour) -> None:
    sea = desk_with_hub
    pinged(sea)
    secret = TOPICS.replace("id: sea,", "id: sea, token: nobody-guesses-this-token-1234567890,")
    (sea.root / "config/topics.yaml").write_text(secret)
    sea.daemon._reload.set()
    sea.daemon._watch()
    assert pinged(sea, DAY) == []
    (feed,) = (sea.root / "feeds/private").glob("*/rss.xml")
    assert sea.hub.address not in feed.read_text()
    assert Desk(sea.root).rows("status")[0]["pings"]["waiting"] == 0


def test_without_the_hub_nothing_is_left_to_be_told(desk_with_hub: Harbour) -> None:
    sea = desk_with_hub
    sea.hub.status = 503
    pinged(sea)
    reload(sea, callback="none")
    assert pinged(sea, DAY) == []
    assert Desk(sea.root).rows("status")[0]["pings"]["waiting"] == 0


def test_a_pass_without_the_daemon_tells_the_hub_too(desk_with_hub: Harbour) -> None:
    sea = desk_with_hub
    sea.publish(sea.report("Ada"))
    desk = Desk(sea.root)
    desk.run("update", "--all")
    assert sorted(form["hub.url"].rpartition("/")[2] for form in sea.hub.asked) == [
        "atom.xml",
        "feed.json",
        "rss.xml",
    ]
    sea.hub.asked.clear()
    desk.run("publish")
    desk.run("update", "--all")
    assert sea.hub.asked == []


# What no hub on loopback shows


def test_where_no_secret_could_be_told_the_source_is_asked_instead(sea: Harbour) -> None:
    sea.subscribe()
    sea.db.execute("UPDATE subscriptions SET secret = NULL")
    sea.talk()
    sea.publish(sea.report("Ada"))
    sea.clock[0] += HOUR
    sea.deliver("Forged", signature="")
    assert sea.poll() == ["/one.xml"]
    assert {"Ship Ada", "Ship Forged"} & sea.titles() == {"Ship Ada"}
    # That poll finds what the hub has told of: no reason not to rely on it
    assert sea.due() > timedelta(hours=20)


def test_hubs_are_to_come_again_until_the_daemon_knows_its_subscriptions(tmp_path: Path) -> None:
    callbacks = Callbacks(lambda: NOON)
    with serving(tmp_path, "127.0.0.1:0", callbacks) as address, serving_hub(lambda: NOON) as hub:
        query = {"hub.mode": "subscribe", "hub.topic": "https://a.example/", "hub.challenge": "x"}
        assert hub.get(f"{address}websub/x", **query).status == 503
        assert hub.post(f"{address}websub/x", b"", {}).status == 503


def test_without_a_daemon_there_is_no_callback(tmp_path: Path) -> None:
    with serving(tmp_path, "127.0.0.1:0") as address, serving_hub(lambda: NOON) as hub:
        assert hub.get(f"{address}websub/x").status == 404
        assert hub.post(f"{address}websub/x", b"", {}).status == 405


def test_a_hub_in_a_private_network_is_not_asked() -> None:
    with serving_hub(lambda: NOON) as hub, closing(Fetcher(Limits("test"))) as fetcher:
        request = Request(SourceId("one"), hub.address, body=b"hub.mode=subscribe")
        ((_, outcome),) = fetcher.run([request])
        assert isinstance(outcome, Failure)
        assert outcome.kind == "private_address"
        assert hub.asked == []


def test_the_program_itself_subscribes_hears_and_ends(tmp_path: Path, origin: Origin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving_hub(lambda: datetime.now(UTC)) as hub:  # noqa: TID251 (the program has the real clock)
        sea = Harbour(tmp_path, origin, hub, Callbacks(lambda: NOON), f"http://127.0.0.1:{port}/", [NOON])
        sea.configure(listen=f"127.0.0.1:{port}")
        sea.publish(sea.report("Ada"))
        config = tmp_path / "config"
        assert aggregator("--config", config, "update").returncode == 0
        with program(tmp_path / "log", "--config", config, "run") as daemon:
            daemon.hears(r"INFO one: http://127\.0\.0\.1:\d+/ sends what is new")
            (answered,) = hub.distribute(sea.topic, sea.document(sea.report("Bea")))
            assert answered.status == 202
            daemon.hears(
                r"INFO hubs sent 1 documents: 1 new entries \(0 duplicates\), 1 stories, \d+ files, 0 failed"
            )
            assert "Ship Bea" in sea.published()
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.said()


# Somebody else's hub


@contextmanager
def foreign_hub(folder: Path) -> Iterator[str]:
    """Flask-WebSub, in a process of its own; yields its address."""
    command = [sys.executable, str(Path(__file__).with_name("flask_hub.py")), str(folder / "hub.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_a_hub_that_others_wrote_is_subscribed_to_hears_of_us_and_delivers(
    tmp_path: Path, origin: Origin
) -> None:
    with harbour(tmp_path, origin) as sea, foreign_hub(tmp_path) as address:
        link = {"Link": f'<{address}>; rel="hub", <{sea.topic}>; rel="self"'}
        origin.put("/one.xml", rss("one", sea.report("Ada")), headers=link)
        sea.poll()
        sea.talk()
        sea.talk()
        assert (sea.state, sea.subscription.hub) == ("active", address)
        origin.put("/one.xml", rss("one", sea.report("Ada"), sea.report("Bea")), headers=link)
        # What a publisher says to its hub, said by this program of its own feeds
        with writing(sea.db):
            announce(sea.db, {sea.topic: "new"}, now=sea.now)
        limits = make_limits(sea.daemon._configuration)
        assert ping(sea.db, hub=address, limits=limits, now=lambda: sea.now, stopped=lambda: False) == 1
        sea.talk()
        assert {"Ship Ada", "Ship Bea"} <= sea.titles()
        assert (sea.subscription.deliveries, sea.subscription.refused) == (1, 0)
        reload(sea, sources="[]")
        sea.talk()
        sea.talk()
        assert subscriptions(sea.db) == []
