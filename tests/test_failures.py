"""Why a source fails, told so that a person knows what to do: over real HTTP on loopback."""

from __future__ import annotations

import gzip
from contextlib import closing
from datetime import UTC, datetime
from threading import Event
from typing import get_args

import pytest
from origin import Origin, rss

from aggregator.advice import advice
from aggregator.engine.local import LocalEngine
from aggregator.harvest.fetch import Limits
from aggregator.harvest.wall import wall
from aggregator.model import Failure, FailureKind, Harvest, Request, SourceId, Validators

NOW = datetime(2024, 11, 27, 12, tzinfo=UTC)


def harvest(url: str) -> Harvest:
    limits = Limits(user_agent="Test/1", timeout=10, allow_private_networks=True)
    with closing(LocalEngine(limits, clock=lambda: NOW, processes=1)) as engine:
        (found,) = engine.run([Request(SourceId("a"), url)], stop=Event())
    return found


def failure(url: str) -> Failure:
    found = harvest(url).failure
    assert found is not None
    return found


@pytest.mark.parametrize("status", [200, 403, 429, 503])
@pytest.mark.parametrize(
    ("name", "headers", "page"),
    [
        ("Cloudflare", {"cf-mitigated": "challenge"}, "<title>Just a moment...</title>"),
        ("Cloudflare", {}, "<script src='/cdn-cgi/challenge-platform/h/b/orchestrate'></script>"),
        ("AWS WAF", {"x-amzn-waf-action": "captcha"}, ""),
        ("DataDome", {}, "<script src='https://ct.captcha-delivery.com/c.js'></script>"),
        ("Imperva", {}, "<iframe src='/_Incapsula_Resource?x=1'></iframe>"),
        ("Anubis", {}, "<script id=\"anubis_challenge\" type='application/json'>{}</script>"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bot_wall_is_told_as_one(
    origin: Origin, status: int, name: str, headers: dict[str, str], page: str
) -> None:
    url = origin.put("/", f"<html><body>{page}</body></html>", status=status, headers=headers)
    found = failure(url)
    assert (found.kind, found.status) == ("blocked", status)
    assert name in found.message


def test_a_feed_that_writes_about_bot_walls_is_read(origin: Origin) -> None:
    item = {"title": "On /cdn-cgi/challenge-platform/", "link": "https://a.example/1", "text": "By Imperva"}
    assert len(harvest(origin.put("/", rss("Walls", item))).entries) == 1


def test_an_ordinary_refusal_is_no_wall() -> None:
    assert wall({"server": "cloudflare", "cf-ray": "8e9"}, b"<html><h1>403 Forbidden</h1></html>") is None


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("", "empty", "is empty"),
        (" \n\t", "empty", "is empty"),
        ("<!doctype html><html><p>Hello</p></html>", "not_a_feed", "is a web page, not a feed"),
        ("plain text", "not_a_feed", "is no RSS, Atom or JSON Feed"),
        ('{"items": [', "malformed", "broken"),
        ('{"data": []}', "not_a_feed", "no list of items"),
    ],
)
def test_what_is_no_feed_is_told_by_what_it_is(origin: Origin, body: str, kind: str, words: str) -> None:
    found = failure(origin.put("/", body))
    assert found.kind == kind
    assert words in found.message


def test_a_page_names_the_feed_that_it_links_to(origin: Origin) -> None:
    page = (
        """<html><head><link rel="alternate" type="application/rss+xml" href="news/feed.xml"></head></html>"""
    )
    found = failure(origin.put("/start", page))
    assert found.kind == "not_a_feed"
    assert found.message.endswith(f"; it links to {origin.url('/news/feed.xml')}")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "refused"), (403, "refused"), (404, "not_found"), (410, "gone"), (500, "http"), (204, "http")],
)
def test_a_status_is_told_by_what_it_means(origin: Origin, status: int, kind: str) -> None:
    found = failure(origin.put("/", status=status))
    assert (found.kind, found.status) == (kind, status)


def test_there_is_advice_for_every_kind_of_failure() -> None:
    said = [advice(kind) for kind in get_args(FailureKind)]
    assert len(set(said)) == len(said)
    assert all(len(words) < 110 for words in said)


def test_a_packed_document_that_was_cut_off_is_asked_for_again_as_a_whole(origin: Origin) -> None:
    items = [{"title": f"{n}", "link": f"https://a.example/{n}", "text": str(n) * n} for n in range(300)]
    packed = gzip.compress(rss("Wire", *items).encode())
    headers = {"Content-Encoding": "gzip", "ETag": '"1"'}
    cut = harvest(origin.put("/cut", packed[:-200], headers=headers))
    assert 0 < len(cut.entries) < 300
    assert (cut.validators, cut.body_hash) == (Validators(), None)
    whole = harvest(origin.put("/whole", packed, headers=headers))
    assert len(whole.entries) == 300
    assert whole.validators == Validators('"1"')
    assert whole.body_hash is not None
