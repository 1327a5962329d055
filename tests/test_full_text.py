"""`full_text`: the article of an entry comes from its page, as the site allows."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import pytest
from builders import NOON, entry
from conftest import Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from origin import Origin, rss
from program import started, until
from runs import Runs
from sqlite_utils import Database
from test_engine import workers

from aggregator.config import checks
from aggregator.engine.local import LocalEngine
from aggregator.harvest.article import read_article
from aggregator.harvest.fetch import Limits
from aggregator.harvest.robots import may_fetch, robots_url, rules_of
from aggregator.model import Failure, Harvest, Request, Response, SourceId

pytest.importorskip("trafilatura", reason="the extra fulltext is not installed")

HOUR = timedelta(hours=1)
HTML = {"Content-Type": "text/html; charset=utf-8"}
SENTENCES = {
    "en": "The ministry in Seoul said on Wednesday that talks on howitzers had begun, and that more would follow.",
    "ko": "방위사업청은 수요일 서울에서 자주포 협의가 시작되었다고 밝혔고, 자세한 내용은 뒤에 알리겠다고 했다.",
    "uk": "Міністерство повідомило в середу, що переговори про гаубиці тривають, і що подробиці будуть згодом.",
    "ja": "国防省は水曜日、榴弾砲に関する協議が始まったと発表し、詳細は後日明らかにすると述べた。",
}


def page(sentence: str = SENTENCES["en"], *, paragraphs: int = 6, more: str = "") -> str:
    """A page as outlets make them: navigation, cookies, the article, what else there is to read."""
    sections = "".join(f"<li><a href='/section/{n}'>Section {n}</a></li>" for n in range(20))
    others = "".join(f"<div><a href='/other/{n}'>Elsewhere: something else, {n}</a></div>" for n in range(9))
    article = "".join(f"<p>Part {n}. {sentence} {sentence}</p>" for n in range(paragraphs))
    return f"""<!doctype html><html><head><title>A page</title><script>track('reader')</script></head><body>
    <nav><ul>{sections}</ul></nav><div class="cookie-consent">We value your privacy. Accept all cookies.</div>
    <main><article><h1>The headline</h1>{article}{more}</article><aside class="related">{others}</aside></main>
    <footer>All rights reserved</footer></body></html>"""


@pytest.fixture
def passes(desk: Desk, db: Database) -> Runs:
    desk.write("topics.yaml", "topics:\n  - {id: arms, title: Arms, all_of: [howitzer*], max_age: 9000d}\n")
    return Runs(desk, db)


def add(desk: Desk, origin: Origin, *names: str, text: str = "A short teaser.", **more: str) -> None:
    """A source with `full_text`; its entries have pages of their names."""
    items = [
        {"title": f"Headline {name}", "link": origin.url(f"/{name}"), "text": f"{text} {name}"}
        for name in names
    ]
    url = origin.put("/feed", rss("Outlet", *(item | more for item in items)))
    if "outlet" not in desk.read("sources.yaml"):
        desk.add("outlet", url, "    full_text: true\n")


def texts(runs: Runs) -> dict[str, str]:
    return {row["title"]: row["text"] for row in runs.db.query("SELECT title, text FROM entries")}


def told(runs: Runs) -> str:
    (source,) = runs.desk.rows("sources", "list")
    waiting, missed = source["articles_waiting"], source["articles_missed"]
    return f"{waiting} {missed} {source['article_problem']}"


def test_an_entry_has_the_article_of_its_page_before_it_is_grouped_and_published(
    passes: Runs, origin: Origin
) -> None:
    picture = (
        f"<figure><img src='/i/1.jpg' alt='A gun'></figure><p>{SENTENCES['en']} <a href='more'>More</a></p>"
    )
    origin.put("/one", page(more=picture), headers=HTML)
    add(passes.desk, origin, "one")
    summary = passes.run()
    assert (summary.entries_new, summary.stories_new, summary.topics_published) == (1, 1, 1)
    text = texts(passes)["Headline one"]
    assert text.startswith(f"Part 0. {SENTENCES['en']}")
    assert not [part for part in ("track", "cookies", "Section", "Elsewhere", "rights") if part in text]
    ((content,),) = passes.db.execute("SELECT content FROM entries").fetchall()
    assert origin.url("/more") in content
    # The topic asks for a word that the article alone has
    published = (passes.desk.feeds / "arms" / "feed.json").read_text()
    assert "talks on howitzers had begun" in published
    assert told(passes) == "0 0 None"


def test_a_page_is_fetched_once_and_again_when_the_feed_changes_its_entry(
    passes: Runs, origin: Origin
) -> None:
    origin.put("/one", page(), headers=HTML)
    add(passes.desk, origin, "one")
    passes.run()
    origin.paths()
    again = passes.run(after=HOUR, scope="force")
    assert (again.entries_new, again.entries_revised, again.files_written) == (0, 0, 0)
    assert origin.paths() == ["/feed"]
    origin.put(
        "/one",
        page("The ministry in Seoul took back that there are talks on howitzers at all."),
        headers=HTML,
    )
    add(passes.desk, origin, "one", text="Corrected.")
    assert passes.run(after=HOUR, scope="force").entries_revised == 1
    assert origin.paths() == ["/feed", "/one"]
    assert "took back" in texts(passes)["Headline one"]


def test_robots_txt_is_asked_first_and_heeded(passes: Runs, origin: Origin) -> None:
    origin.put("/robots.txt", "User-agent: *\nDisallow: /closed\n\nUser-agent: other\nDisallow: /\n")
    for name in ("open", "closed"):
        origin.put(f"/{name}", page(), headers=HTML)
    add(passes.desk, origin, "open", "closed")
    passes.run()
    assert origin.paths() == ["/feed", "/robots.txt", "/open"]
    assert texts(passes)["Headline closed"] == "A short teaser. closed"
    assert told(passes) == "1 0 the site's robots.txt forbids it"
    # It holds for a day, whatever restarts meanwhile
    origin.put("/robots.txt", "")
    passes.run(after=23 * HOUR, scope="force")
    assert origin.paths() == ["/feed"]
    passes.run(after=2 * HOUR, scope="force")
    assert origin.paths() == ["/feed", "/robots.txt", "/closed"]
    assert texts(passes)["Headline closed"].startswith("Part 0.")


def test_a_site_whose_robots_txt_cannot_be_had_is_left_alone_for_now(passes: Runs, origin: Origin) -> None:
    origin.put("/robots.txt", status=500)
    origin.put("/one", page(), headers=HTML)
    add(passes.desk, origin, "one")
    passes.run()
    assert origin.paths() == ["/feed", "/robots.txt"]
    assert told(passes) == "1 0 the site's robots.txt cannot be had"
    origin.put("/robots.txt", status=404)
    passes.run(after=2 * HOUR)
    assert origin.paths()[-2:] == ["/robots.txt", "/one"]
    assert told(passes) == "0 0 None"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"status": 404}, "is not there (404 Not Found)"),
        ({"status": 401}, "asks for a login (401 Unauthorized)"),
        (
            {"body": page(paragraphs=1)[:900], "headers": HTML},
            "shows no article that says more than the feed does",
        ),
        (
            {"body": "%PDF-1.7", "headers": {"Content-Type": "application/pdf"}},
            "is no web page (application/pdf)",
        ),
        (
            {
                "body": "<html><script src='/cdn-cgi/challenge-platform/x.js'></script></html>",
                "headers": HTML,
            },
            "is behind the bot wall of Cloudflare (200)",
        ),
        (
            {"body": b"\x00\xff<html>" * 9, "headers": HTML},
            "shows no article that says more than the feed does",
        ),
    ],
)
def test_without_an_article_the_entry_keeps_what_its_feed_said_and_five_tries_are_enough(
    passes: Runs, origin: Origin, answer: dict[str, Any], problem: str
) -> None:
    origin.put("/one", **answer)
    add(passes.desk, origin, "one")
    for _ in range(7):
        passes.run(after=24 * HOUR)
    assert origin.paths().count("/one") == 5
    assert texts(passes) == {"Headline one": "A short teaser. one"}
    assert told(passes) == f"0 1 {problem}"


def test_a_page_that_says_less_than_the_feed_is_not_taken(passes: Runs, origin: Origin) -> None:
    origin.put("/one", page(paragraphs=2), headers=HTML)
    add(passes.desk, origin, "one", text="The feed has all of it. " * 40)
    passes.run()
    assert texts(passes)["Headline one"].startswith("The feed has all of it.")


def test_a_site_that_asks_for_fewer_requests_gets_none_before_its_time(passes: Runs, origin: Origin) -> None:
    origin.put("/robots.txt", "")
    for name in ("one", "two", "three"):
        origin.put(f"/{name}", status=429, headers={"Retry-After": "7200"})
    add(passes.desk, origin, "one", "two", "three")
    passes.run()
    asked = len(origin.paths())
    passes.run(after=HOUR, scope="due")
    assert origin.paths() == []
    for name in ("one", "two", "three"):
        origin.put(f"/{name}", page(), headers=HTML)
    passes.run(after=2 * HOUR, scope="force")
    assert asked < 6
    assert {"/one", "/two", "/three"} <= set(origin.paths())
    assert told(passes) == "0 0 None"


def test_what_is_older_than_a_month_keeps_what_its_feed_said(passes: Runs, origin: Origin) -> None:
    origin.put("/one", page(), headers=HTML)
    add(passes.desk, origin, "one", date="Wed, 02 Oct 2024 09:00:00 GMT")
    passes.run()
    assert "/one" not in origin.paths()


def test_a_login_goes_to_pages_of_the_own_site_only(passes: Runs, origin: Origin) -> None:
    other = origin.address.replace("127.0.0.1", "localhost")
    feed = rss(
        "Outlet",
        {"title": "Here", "link": origin.url("/here"), "text": "x"},
        {"title": "There", "link": f"{other}/there", "text": "x"},
    )
    for name in ("here", "there"):
        origin.put(f"/{name}", page(), headers=HTML)
    more = "    full_text: true\n    headers: {X-Login: secret}\n"
    passes.desk.add("outlet", origin.put("/feed", feed), more)
    passes.run()
    assert {asked.path: asked.headers.get("x-login") for asked in origin.requests} == {
        "/feed": "secret",
        "/robots.txt": None,
        "/here": "secret",
        "/there": None,
    }


def test_without_the_setting_nothing_waits_any_more(passes: Runs, origin: Origin) -> None:
    origin.put("/one", status=503)
    add(passes.desk, origin, "one")
    passes.run()
    assert told(passes).startswith("1 0 ")
    passes.desk.write(
        "sources.yaml", passes.desk.read("sources.yaml").replace("full_text: true", "full_text: false")
    )
    origin.paths()
    passes.run(after=2 * HOUR, scope="force")
    assert origin.paths() == ["/feed"]
    assert told(passes) == "0 0 None"


def test_the_daemon_fetches_pages_too_and_goes_on_where_a_pass_had_no_time(
    desk: Desk, origin: Origin
) -> None:
    names = [f"n{number}" for number in range(130)]
    for name in names:
        origin.put(f"/{name}", page(), headers=HTML)
    add(desk, origin, *names, date=formatdate())
    ask = "SELECT count(*) FROM entries WHERE text LIKE 'Part 0.%'"
    with started(desk.root / "log", "--config", desk.config, "run"):

        def all_there() -> bool:
            with (
                suppress(sqlite3.Error),
                closing(sqlite3.connect(f"file:{desk.database}?mode=ro", uri=True)) as db,
            ):
                return bool(db.execute(ask).fetchone() == (130,))
            return False

        until(all_there, "130 articles")


def test_an_entry_that_was_grouped_before_its_article_came_is_told_anew(passes: Runs, origin: Origin) -> None:
    origin.put("/one", status=503)
    add(passes.desk, origin, "one", text="A word of howitzers.")
    passes.run()
    origin.put("/one", page(), headers=HTML)
    again = passes.run(after=2 * HOUR)
    assert (again.stories_new, again.stories_updated, again.topics_published) == (0, 1, 1)
    assert "talks on howitzers had begun" in (passes.desk.feeds / "arms" / "feed.json").read_text()


def test_no_page_at_a_private_address_is_fetched(origin: Origin) -> None:
    origin.put("/one", page(), headers=HTML)
    limits = Limits("Test/1", allow_private_networks=False)
    with closing(LocalEngine(limits, clock=lambda: NOON, processes=1)) as engine:
        request = Request(SourceId("one"), origin.url("/one"), entry=entry())
        (harvest,) = engine.run([request], stop=threading.Event())
    assert harvest.failure is not None
    assert harvest.failure.kind == "private_address"
    assert origin.paths() == []


def test_the_process_that_reads_pages_is_kept_for_the_next(origin: Origin) -> None:
    limits = Limits("Test/1", allow_private_networks=True)
    names = [f"page-{n}" for n in range(4)]
    with closing(LocalEngine(limits, clock=lambda: NOON, processes=1)) as engine:
        seen = set()
        for name in names:
            request = Request(SourceId(name), origin.put(f"/{name}", page(), headers=HTML), entry=entry())
            (harvest,) = engine.run([request], stop=threading.Event())
            assert harvest.outcome == "fetched"
            seen |= workers()
    assert len(seen) == 1


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", None])
def test_articles_are_read_in_every_script_and_encoding(language: str, charset: str | None) -> None:
    declared = f"<meta charset='{charset or 'utf-8'}'>"
    body = page(SENTENCES[language]).replace("<head>", f"<head>{declared}").encode(charset or "utf-8")
    harvest = read(body, f"text/html; charset={charset}" if charset else "text/html")
    assert harvest.failure is None
    assert SENTENCES[language] in harvest.entries[0].text


def read(body: bytes, content_type: str = "text/html") -> Harvest:
    response = Response("https://outlet.example/one", 200, {"content-type": content_type}, body)
    request = Request(SourceId("one"), response.url, entry=entry())
    return read_article(request, entry(), response, now=NOON)


MARKUP = st.sampled_from([
    *("<p>", "</p>", "<article>", "</article>", "<div class='", "'>", "<!--", "-->", "<script>", "</script>"),
    *("<svg onload=alert(1)>", "<img src=x onerror=alert(1)>", "<a href='javascript:alert(1)'>", "</a>"),
    *("<table>", "<td>", "&#0;", "&amp", "\x00", "<iframe src='//evil.example'>", "<style>", "<base href='//e/'>"),
    *(f"<p>{sentence * 4}</p>" for sentence in SENTENCES.values()),
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(MARKUP | st.text(max_size=30), max_size=40))
def test_whatever_a_page_holds_what_is_taken_from_it_is_clean(parts: list[str]) -> None:
    harvest = read("".join(parts).encode("utf-8", "replace"))
    if harvest.failure is None:
        (found,) = harvest.entries
        assert len(found.text) >= 200
        lowered = found.content.lower()
        for bad in ("<script", "<style", "<iframe", "<svg", "onerror=", "onload=", "javascript:", "\x00"):
            assert bad not in lowered.replace("&lt;", ""), bad
    assert read("".join(parts).encode("utf-8", "replace")) == harvest


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"<div>" * 400_000 + page().encode(), {"failed", "fetched"}),
        (page(more="<b " + "a=1 " * 300_000 + ">").encode(), {"failed", "fetched"}),
        (page().encode() + b" " * 5_000_000, {"fetched"}),
        (b"<p>" + b"x" * 5_000_000, {"failed", "fetched"}),
    ],
    ids=["deep", "attributes", "long", "one word"],
)
def test_a_hostile_page_costs_itself_only(origin: Origin, body: bytes, outcome: set[str]) -> None:
    origin.put("/bad", body, headers=HTML)
    origin.put("/good", page(), headers=HTML)
    limits = Limits("Test/1", allow_private_networks=True)
    with closing(LocalEngine(limits, clock=lambda: NOON, processes=1)) as engine:
        requests = [
            Request(SourceId(name), origin.url(f"/{name}"), entry=entry()) for name in ("bad", "good")
        ]
        harvests = {harvest.source: harvest for harvest in engine.run(requests, stop=threading.Event())}
    assert harvests[SourceId("bad")].outcome in outcome
    assert harvests[SourceId("good")].outcome == "fetched"


def answered(status: int, body: str = "") -> Response:
    return Response("https://outlet.example/robots.txt", status, {}, body.encode())


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        (answered(200, "User-agent: *"), "User-agent: *"),
        (answered(404), ""),
        (answered(403), ""),
        (answered(429), None),
        (answered(503), None),
        (Failure("dns", "no such host"), None),
    ],
)
def test_what_an_answer_to_robots_txt_means(answer: Response | Failure, rules: str | None) -> None:
    assert rules_of(answer) == rules


def test_rules_go_by_the_name_of_the_program() -> None:
    rules = "User-agent: feed-aggregator\nDisallow: /a\nAllow: /a/b\n\nUser-agent: *\nDisallow: /"
    site = "https://outlet.example"
    allowed = [
        may_fetch(rules, site + path, user_agent="feed-aggregator/1 (fetcher)")
        for path in ("/a", "/a/b", "/c")
    ]
    assert allowed == [False, True, True]
    assert not may_fetch(rules, f"{site}/c", user_agent="Other/2")
    assert robots_url("https://outlet.example:8443/x/y?z=1") == "https://outlet.example:8443/robots.txt"


def test_without_the_extra_the_error_says_how_to_get_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _name: None)
    desk.add("outlet", "https://outlet.example/feed", "    full_text: true\n")
    said = desk.run("check", status=2).stderr
    assert (
        "sources.yaml:5:16: sources[0].full_text: needs the extra `fulltext`, which is not installed" in said
    )
    assert "pip install 'feed-aggregator[fulltext]'" in said


def test_who_wants_no_full_text_does_not_load_what_reads_it() -> None:
    code = (
        "import sys, aggregator.update, aggregator.engine.parser;"
        " sys.exit('trafilatura' in sys.modules or 'protego' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
