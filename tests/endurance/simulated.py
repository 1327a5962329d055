"""A web of feeds in a simulated month: origins that publish, break down and ask for rest, and their record of us.

The fetching is simulated, in one place and in order of time; the queue that decides who may be asked next, the
meaning of answers, the ledger, the pace and the store are the program's own.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from aggregator.freshness import asks_for_rest, fresh_until
from aggregator.harvest.answer import answer, failed, validators_of
from aggregator.harvest.fetch import Limits
from aggregator.harvest.queue import Queue, site
from aggregator.model import Entry, Failure, Feed, Harvest, Request, Response, Validators, Wish
from aggregator.story.fingerprint import digest, identity, text_hash
from aggregator.story.profile import make_profile
from aggregator.story.sketch import make_sketch
from aggregator.url import canonical, host

BEGIN = datetime(2024, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW = 15
"""Entries that a document holds."""
_WORDS = [
    f"{a}{b}{c}"
    for a in ("ka", "lo", "mi", "ne", "ru", "sa", "to")
    for b in "bdgklmnprst"
    for c in ("a", "en", "o", "ur")
]


@dataclass
class Origin:
    """One feed: when it publishes, what it says to caches, and what is wrong with it at times."""

    url: str
    gap: timedelta
    """From one entry to the next."""
    validators: str
    """`etag`, `date`, `both` or `none`."""
    max_age: timedelta | None
    wish: Wish
    trouble: str
    """`429`, `503`, `404`, `500` or nothing: now and then, for some hours."""
    seed: int
    given: Validators = field(default_factory=Validators)
    """What it gave us with the last document, and we are to show it again."""
    fresh_until: datetime = BEGIN
    fetched: set[int] = field(default_factory=set)
    """Numbers of its entries that stood in a document that was fetched."""

    def newest(self, now: datetime) -> int:
        """How many entries there are, the first long ago."""
        return WINDOW + (now - BEGIN + self.gap * (self.seed % 97 / 97)) // self.gap

    def is_troubled(self, now: datetime) -> bool:
        """Some six hours every fifth day or so."""
        return bool(self.trouble) and (now - BEGIN + self.seed % 5 * DAY) % (5 * DAY) < 6 * HOUR


@dataclass
class Record:
    """What the origins saw of us."""

    requests: int = 0
    conditional: int = 0
    unconditional_repeats: int = 0
    before_fresh: int = 0
    before_rest: int = 0
    before_interval: int = 0
    at_once: int = 0
    """The most at one registrable domain at one time."""
    too_close: int = 0
    """Requests that began before the pause at their domain was over."""
    statuses: Counter[int] = field(default_factory=Counter)
    minutes: Counter[int] = field(default_factory=Counter)
    """Requests by the minute of the hour, after the first day."""


class Web:
    """All origins, an engine that fetches from them, and the record."""

    def __init__(
        self, *, sources: int, seed: int, limits: Limits, min_interval: timedelta, max_interval: timedelta
    ) -> None:
        self.now = BEGIN
        self.record = Record()
        self.origins = [
            self._origin(number, random.Random(seed * 100_003 + number)) for number in range(sources)
        ]
        self._rng = random.Random(seed)
        self._limits = limits
        self._min_interval, self._max_interval = min_interval, max_interval
        self._by_url = {origin.url: origin for origin in self.origins}
        self._resting: dict[str, datetime] = {}
        self._asked: dict[str, datetime] = {}
        self._began: dict[str, datetime] = {}
        self._entries: dict[tuple[str, int], Entry] = {}

    def _origin(self, number: int, rng: random.Random) -> Origin:
        # Six in ten have a domain of their own, the rest share some, as blogs and the sections of a paper do
        if number % 10 < 6:
            name = f"www.outlet{number}.example.com".replace(".example.com", ".co.uk")
        elif number % 10 < 9:
            name = f"feeds.paper{number // 150}.com"
        else:
            name = f"blog{number}.host{number // 250}.net"
        hours = rng.choices((1, 8, 24, 24 * 7, 24 * 60), (2, 8, 25, 45, 20))[0] * rng.uniform(0.7, 1.5)
        ages = (None, HOUR / 4, HOUR, 6 * HOUR, timedelta(days=365 * 16))
        skipped = (
            Wish(skip_hours=frozenset(range(6)), skip_days=frozenset({6})) if rng.random() < 0.05 else Wish()
        )
        return Origin(
            url=f"https://{name}/{number}.xml",
            gap=timedelta(hours=hours),
            validators=rng.choices(("etag", "date", "both", "none"), (35, 15, 40, 10))[0],
            max_age=rng.choices(ages, (60, 15, 15, 8, 2))[0],
            wish=Wish(at_least=2 * HOUR) if rng.random() < 0.1 else skipped,
            trouble=rng.choices(("", "429", "503", "404", "500"), (80, 5, 5, 5, 5))[0],
            seed=rng.randrange(10**6),
        )

    # The engine

    def run(self, requests: Sequence[Request], *, stop: threading.Event) -> Iterator[Harvest]:
        """One harvest for each request, in the order in which they end."""
        queue: Queue[Request] = Queue(per_site=self._limits.per_host, pause=self._limits.pause)
        for request in requests:
            queue.add(request.url, request)
        begun, clock, order = self.now, 0.0, count()
        active: list[tuple[float, int, Request, Response]] = []
        busy: Counter[str] = Counter()
        while (queue or active) and not stop.is_set():
            while len(active) < self._limits.concurrency and (found := queue.next(clock)):
                _, request = found
                response = self._ask(request, begun + timedelta(seconds=clock), busy)
                heappush(active, (clock + self._rng.uniform(0.05, 2), next(order), request, response))
            # What ends next, or the end of a pause before that
            wait = clock + queue.wait(clock) if queue else float("inf")
            if active and (active[0][0] <= wait or len(active) >= self._limits.concurrency):
                clock, _, request, response = heappop(active)
                self.now = begun + timedelta(seconds=clock)
                queue.done(request.url)
                busy[site(request.url)] -= 1
                yield self._harvest(request, response)
                if asks_for_rest(response.status, response.headers):
                    name = host(response.url)
                    for spared in queue.drop(name):
                        failure = Failure(
                            "rate_limited", f"was not asked: {name} wants fewer requests", host=name
                        )
                        yield failed(spared, failure, now=self.now)
            else:
                clock = wait
                self.now = begun + timedelta(seconds=clock)

    def _ask(self, request: Request, now: datetime, busy: Counter[str]) -> Response:
        origin, record, name = self._by_url[request.url], self.record, site(request.url)
        record.requests += 1
        if now >= BEGIN + DAY:
            record.minutes[now.minute] += 1
        busy[name] += 1
        record.at_once = max(record.at_once, busy[name])
        pause = timedelta(seconds=self._limits.pause * 0.999)
        record.too_close += name in self._began and now - self._began[name] < pause
        self._began[name] = now
        sent = request.validators
        record.conditional += sent != Validators()
        record.unconditional_repeats += sent != origin.given
        record.before_fresh += now < origin.fresh_until
        record.before_rest += now < self._resting.get(host(request.url), BEGIN)
        asked = self._asked.get(request.url)
        record.before_interval += asked is not None and now - asked < self._min_interval
        self._asked[request.url] = now
        response = self._respond(origin, sent, now)
        record.statuses[response.status] += 1
        return response

    def _respond(self, origin: Origin, sent: Validators, now: datetime) -> Response:
        if origin.is_troubled(now):
            headers = (
                {"retry-after": str(self._rng.choice((600, 3600, 7200)))}
                if origin.trouble in ("429", "503")
                else {}
            )
            return Response(origin.url, int(origin.trouble), headers, b"")
        newest = origin.newest(now)
        changed = f"{newest} {origin.seed}"
        headers = {}
        if origin.validators in ("etag", "both"):
            headers["etag"] = f'W/"{changed}"'
        if origin.validators in ("date", "both"):
            headers["last-modified"] = f"on {changed}"
        if origin.max_age is not None:
            headers["cache-control"] = f"max-age={int(origin.max_age.total_seconds())}"
        known = Validators(headers.get("etag"), headers.get("last-modified"))
        if known != Validators() and sent == known:
            return Response(origin.url, 304, headers, b"")
        return Response(origin.url, 200, headers, changed.encode())

    def _harvest(self, request: Request, response: Response) -> Harvest:
        origin, now = self._by_url[request.url], self.now
        if asks_for_rest(response.status, response.headers):
            rest = timedelta(seconds=int(response.headers["retry-after"]))
            # The store keeps times in whole seconds
            ends = now + rest - timedelta(seconds=1)
            self._resting[host(request.url)] = max(ends, self._resting.get(host(request.url), BEGIN))
        if response.status in (200, 304):
            lifetime = min(origin.max_age or timedelta(0), self._max_interval)
            origin.fresh_until = now + lifetime - timedelta(seconds=3)  # it took us to hear it
        if response.status == 200:
            origin.given = validators_of(response, Validators())
        if (quiet := answer(request, response, now=now)) is not None:
            return quiet
        newest = int(response.body.split()[0])
        origin.fetched.update(range(newest - WINDOW, newest))
        entries = [self._entry(origin, number) for number in range(newest - WINDOW, newest)]
        return Harvest(
            request.source,
            "fetched",
            now,
            status=200,
            validators=validators_of(response, Validators()),
            body_hash=digest(response.body.decode()),
            feed=Feed(title=request.source, wish=origin.wish),
            entries=tuple(reversed(entries)),
            fresh_until=fresh_until(response.headers, now=now),
        )

    def _entry(self, origin: Origin, number: int) -> Entry:
        """An entry of an origin; one in ten is a copy of what others carry at that time."""
        published = BEGIN - WINDOW * origin.gap + origin.gap * (number - origin.seed % 97 / 97)
        rng = random.Random(f"{origin.seed} {number}")
        if number % 10 == 0:
            rng = random.Random(f"{published:%Y%m%d%H}")
        words = [rng.choice(_WORDS) for _ in range(40)]
        title, text = " ".join(words[:8]), " ".join(words)
        guid, link = f"{origin.url}#{number}", f"{origin.url}/{number}"
        return Entry(
            identity=identity(guid, canonical(link), title, text),
            guid=guid,
            url=link,
            canonical_url=canonical(link),
            title=title,
            author=None,
            published=max(published, datetime(2000, 1, 1, tzinfo=UTC)),
            updated=None,
            language="en",
            content=f"<p>{text}</p>",
            text=text,
            text_hash=text_hash(title, text),
            content_hash=digest(title, text),
            profile=make_profile(title, text),
            sketch=make_sketch(title, text),
        )

    def published_after(self, moment: datetime, *, fetched: bool) -> set[str]:
        """The guids of what was published after this moment and fetched, or went by while its origin gave no answer."""
        found = set()
        for origin in self.origins:
            for number in range(WINDOW, max(origin.fetched, default=0) + 1):
                published: Any = BEGIN - WINDOW * origin.gap + origin.gap * (number - origin.seed % 97 / 97)
                if published > moment and (number in origin.fetched) is fetched:
                    found.add(f"{origin.url}#{number}")
        return found
