"""The articles of entries whose sources have `full_text`: from their pages, within what each site allows.

Between the ledger and grouping, so that an entry is grouped by its whole text where that came in time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlite_utils import Database

from aggregator.engine.protocol import Engine
from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.harvest.robots import may_fetch, robots_url, rules_of
from aggregator.model import Failure, Harvest, Request, SourceId, StoryId
from aggregator.settings import SourceSettings
from aggregator.store.articles import (
    Site,
    Wanted,
    due_articles,
    keep_rules,
    miss_article,
    postpone_articles,
    put_article,
    rest_site,
    sites,
)
from aggregator.store.connection import writing
from aggregator.store.matches import match_new
from aggregator.store.sources import count_trackers, leave_alone, resting_hosts
from aggregator.store.stories import touch_story
from aggregator.topic.rule import Rule
from aggregator.url import host

_AT_ONCE = 100
_SECONDS = 30.0
_RETRY = timedelta(hours=1)
"""Twice as long after each try: a day without a network costs none of them all it has."""
_RULES_HOLD = timedelta(hours=24)
"""RFC 9309 §2.4."""
_RULES_BYTES = 1_000_000
_PAGE = ("Accept", "text/html, application/xhtml+xml;q=0.9")
_TEXT = ("Accept", "text/plain")


def fetch_articles(
    db: Database,
    engine: Engine,
    *,
    sources: Iterable[SourceSettings],
    rules: Sequence[Rule],
    limits: Limits,
    now: datetime,
    seconds: Callable[[], float],
    stop: threading.Event,
) -> set[StoryId]:
    """Fetch the pages that are wanted; returns the stories of entries that had one before their article came.

    What is more than a pass has time for, or cannot be had now, comes with a later one.
    """
    due = due_articles(db, now=now, limit=_AT_ONCE)
    if not due:
        return set()
    end = seconds() + _SECONDS

    def is_over() -> bool:
        return stop.is_set() or seconds() > end

    fetcher = Fetcher(replace(limits, max_bytes=_RULES_BYTES), seconds=seconds, rest=stop.wait)
    known = _ask_sites(db, {_origin(one.url) for one in due}, fetcher, now=now, is_over=is_over)
    allowed = {one.url: one for one in _allowed(db, due, known, limits.user_agent, now)}
    settings = {SourceId(source.id): source for source in sources}
    requests = [_request(one, settings[one.source]) for one in allowed.values()]
    touched: set[StoryId] = set()
    for harvest in engine.run(requests, stop=stop):
        one = allowed[harvest.source]
        with writing(db):
            if harvest.failure is None:
                touched |= _put(db, rules, one, harvest)
            else:
                _miss(db, one, harvest.failure, now)
        if is_over():
            break
    return touched


def _put(db: Database, rules: Sequence[Rule], one: Wanted, harvest: Harvest) -> set[StoryId]:
    (entry,) = harvest.entries
    put_article(db, one.id, entry)
    count_trackers(db, one.source, entry.trackers)
    match_new(db, rules, [(one.id, one.source, entry)])
    if one.story is None:
        return set()
    touch_story(db, one.story, at=None)
    return {one.story}


def _miss(db: Database, one: Wanted, failure: Failure, now: datetime) -> None:
    if failure.host and failure.retry_at:
        leave_alone(db, failure.host, until=failure.retry_at)
        rest_site(db, _origin(one.url), until=failure.retry_at)
    _give_up_for_now(db, one, failure.message, now, until=failure.retry_at)


def _give_up_for_now(
    db: Database, one: Wanted, problem: str, now: datetime, *, until: datetime | None
) -> None:
    retry_at = now + _RETRY * 2**one.tries
    miss_article(db, one.id, problem, retry_at=max(retry_at, until) if until else retry_at)


def _ask_sites(
    db: Database, origins: set[str], fetcher: Fetcher, *, now: datetime, is_over: Callable[[], bool]
) -> Mapping[str, Site]:
    """What these sites allow; those are asked whose last answer is too old to count, as far as there is time."""
    known = sites(db, origins)
    asked = {
        url: origin
        for origin in origins
        if (origin not in known or known[origin].rules_until <= now) and (url := robots_url(origin))
    }
    requests = [Request(SourceId(url), url, headers=(_TEXT,)) for url in asked]
    with closing(fetcher):
        for request, answer in fetcher.run(requests, stopped=is_over):
            found = rules_of(answer)
            with writing(db):
                until = now + (_RETRY if found is None else _RULES_HOLD)
                keep_rules(db, asked[request.url], found, until=until)
    return {origin: site for origin, site in sites(db, origins).items() if site.rules_until > now}


def _allowed(
    db: Database, due: Sequence[Wanted], known: Mapping[str, Site], user_agent: str, now: datetime
) -> list[Wanted]:
    """Those that may be fetched now; the others wait for their site."""
    resting = resting_hosts(db, {host(one.url) for one in due}, now=now)
    allowed = []
    with writing(db):
        for one in due:
            site = known.get(_origin(one.url))
            if site is None:  # there was no time to ask it
                continue
            rest = max(site.rest_until or now, resting.get(host(one.url), now))
            if rest > now:
                postpone_articles(db, [one.id], until=rest)
            elif site.rules is None:
                problem = "the site's robots.txt cannot be had"
                _give_up_for_now(db, one, problem, now, until=site.rules_until)
            elif not may_fetch(site.rules, one.url, user_agent=user_agent):
                _give_up_for_now(db, one, "the site's robots.txt forbids it", now, until=site.rules_until)
            else:
                allowed.append(one)
    return allowed


def _request(one: Wanted, source: SourceSettings) -> Request:
    # What a source's own headers may hold, such as a login, is meant for its own site
    own = source.headers.items() if _origin(one.url) == _origin(source.url) else ()
    return Request(SourceId(one.url), one.url, headers=(_PAGE, *own), entry=one.entry)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
