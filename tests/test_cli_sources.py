"""The commands `sources`: what is listed, found behind a page, added, removed, imported, exported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Desk
from origin import Origin, rss

from aggregator.opml import read_opml

_ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Atom news</title>
<id>urn:x</id><entry><id>urn:x:1</id><title>One</title></entry></feed>"""
_JSON = '{"version": "https://jsonfeed.org/version/1.1", "title": "JSON news", "items": []}'


def _page(*links: str) -> str:
    return f"<!doctype html><html><head><title>Page</title>{''.join(links)}</head><body>News</body></html>"


def _link(href: str, type: str = "application/rss+xml", rel: str = "alternate") -> str:
    return f'<link rel="{rel}" type="{type}" href="{href}">'


def test_sources_are_listed_before_the_first_pass_too(desk: Desk, origin: Origin) -> None:
    desk.add("good", origin.put("/good", rss("Good")), "    tags: [one, two]\n")
    (row,) = desk.rows("sources", "list")
    assert (row["id"], row["state"], row["tags"], row["fetched"]) == ("good", "new", ["one", "two"], None)
    assert not desk.database.exists()
    desk.run("update")
    (row,) = desk.rows("sources", "list")
    assert (row["title"], row["state"], row["entries"]) == ("Good", "ok", 0)
    assert row["next_due"].endswith("Z")


def test_no_source_is_said_beside_the_list(desk: Desk) -> None:
    result = desk.run("sources", "list")
    assert result.stdout == ""
    assert "aggregator sources add URL" in result.stderr


def test_a_source_is_shown_with_what_is_wrong_with_it(desk: Desk, origin: Origin) -> None:
    desk.add("gone", origin.url("/gone"))
    desk.run("update", status=1)
    assert desk.rows("sources", "show", "gone")[0]["failures"] == 1
    shown = desk.run("sources", "show", "gone").stdout
    assert "error             is not there (404 Not Found)" in shown
    assert "advice            find where the feed is now: aggregator sources discover URL" in shown
    assert "aggregator sources discover URL" in desk.run("status").stdout
    assert "404" in desk.run("sources", "list").stdout
    assert "there is no source 'none'" in desk.run("sources", "show", "none", status=2).stderr


def test_a_source_that_was_taken_down_for_good_is_said_to_be_asked_no_more(
    desk: Desk, origin: Origin
) -> None:
    desk.add("closed", origin.put("/closed", status=410))
    desk.run("update", status=1)
    assert re.search(r"^next due +never$", desk.run("sources", "show", "closed").stdout, re.MULTILINE)
    assert re.search(r"^closed +gone +0 +never ", desk.run("sources", "list").stdout, re.MULTILINE)
    assert re.search(r"^closed +1 +never +gone ", desk.run("status").stdout, re.MULTILINE)
    assert desk.rows("sources", "list")[0]["next_due"] is None


def test_a_feed_is_added_and_comments_stay(desk: Desk, origin: Origin) -> None:
    url = origin.put("/feed.xml", rss("Wire", {"title": "One", "link": "https://wire.example/1"}))
    added = desk.run("sources", "add", url, "--id", "wire", "--tag", "korea", "--tag", "daily")
    assert added.stdout == f"wire: Wire, 1 entry, {url}\n"
    assert desk.read("sources.yaml").startswith("# Kept by hand\nsources:\n")
    (row,) = desk.rows("sources", "list")
    assert (row["id"], row["url"], row["tags"]) == ("wire", url, ["korea", "daily"])
    origin.requests.clear()
    assert "is a source already" in desk.run("sources", "add", url, status=2).stderr
    assert origin.paths() == []


def test_of_a_web_page_the_first_feed_is_added_and_the_others_are_named(desk: Desk, origin: Origin) -> None:
    origin.put("/feeds/main", rss("Main"))
    origin.put("/feeds/atom", _ATOM)
    page = origin.put(
        "/", _page('<base href="/feeds/">', _link("main"), _link("atom", "application/atom+xml"))
    )
    result = desk.run("sources", "add", page)
    assert f"Main, 0 entries, {origin.url('/feeds/main')}" in result.stdout
    assert f"{origin.url('/feeds/atom')} too (Atom news)" in result.stderr
    again = desk.run("sources", "add", page, status=2)
    assert "already" in again.stderr


def test_every_feed_of_a_page_is_found_in_its_order_once(desk: Desk, origin: Origin) -> None:
    origin.put("/b", _ATOM)
    origin.put("/a", _JSON)
    origin.put("/dead", _page())
    page = origin.put(
        "/page",
        _page(
            _link("/b", "application/atom+xml; charset=utf-8", "Alternate home"),
            _link("/style.css", "text/css"),
            _link("/other", rel="stylesheet"),
            _link("/dead"),
            _link("/missing"),
            _link("javascript:alert(1)"),
            _link("http://[broken/"),
            _link("/a", "application/feed+json"),
            _link("/b"),
        ),
    )
    rows = desk.rows("sources", "discover", page)
    assert rows == [
        {"url": origin.url("/b"), "type": "atom", "title": "Atom news", "entries": 1},
        {"url": origin.url("/a"), "type": "json", "title": "JSON news", "entries": 0},
    ]
    assert "/other" not in origin.paths()
    assert desk.rows("sources", "list") == []


def test_a_page_without_links_has_the_usual_addresses_tried(desk: Desk, origin: Origin) -> None:
    page = origin.put("/news/", _page())
    origin.put("/rss.xml", rss("Hidden"))
    (row,) = desk.rows("sources", "discover", page)
    assert (row["url"], row["type"]) == (origin.url("/rss.xml"), "rss")


def test_a_feed_that_moved_for_good_is_added_where_it_is_now(desk: Desk, origin: Origin) -> None:
    origin.put("/new", rss("Moved"))
    old = origin.put("/old", status=301, headers={"Location": "/new"})
    desk.run("sources", "add", old)
    assert desk.rows("sources", "list")[0]["url"] == origin.url("/new")


@pytest.mark.parametrize(("path", "reason"), [("/page", "is no feed, and links to none"), ("/none", "404")])
def test_what_has_no_feed_is_refused_and_nothing_is_added(
    desk: Desk, origin: Origin, path: str, reason: str
) -> None:
    origin.put("/page", _page())
    before = desk.read("sources.yaml")
    result = desk.run("sources", "add", origin.url(path), status=1)
    assert reason in result.stderr
    assert "hint: " in result.stderr
    assert desk.read("sources.yaml") == before


def test_an_unreachable_page_is_an_error_with_its_reason(desk: Desk, origin: Origin) -> None:
    desk.write("aggregator.yaml", "fetch: {allow_private_networks: false}\n")
    result = desk.run("sources", "discover", origin.address.removeprefix("http://"), status=1)
    assert "https://127.0.0.1" in result.stderr
    assert "is no public address" in result.stderr


def test_an_address_without_a_scheme_is_tried_with_https_then_http(desk: Desk, origin: Origin) -> None:
    url = origin.put("/feed", rss("Wire"))
    for given in (url.removeprefix("http://"), url.replace("http", "feed")):
        result = desk.run("sources", "discover", given)
        assert result.stdout.splitlines()[1].split()[0] == url
        assert result.stderr.startswith(f"https{url[4:]}: ")
        assert result.stderr.endswith(". Over http it answers.\n")
    missing = origin.url("/none")
    result = desk.run("sources", "add", missing.removeprefix("http://"), status=1)
    assert f"error: https{missing[4:]}: " in result.stderr
    assert f"; {missing}: answered with HTTP status 404\n" in result.stderr
    assert "hint: give the address of the feed itself" in result.stderr
    result = desk.run("sources", "add", "http://127.0.0.1:1/", status=1)
    assert "hint: see whether a browser gets an answer there" in result.stderr
    assert desk.rows("sources", "list") == []


def test_a_source_is_removed(desk: Desk, origin: Origin) -> None:
    desk.add("one", origin.url("/one"))
    desk.add("two", origin.url("/two"))
    assert desk.run("sources", "remove", "one").stdout.startswith("one is no source any more")
    assert [row["id"] for row in desk.rows("sources", "list")] == ["two"]
    assert "has no source 'one'" in desk.run("sources", "remove", "one", status=2).stderr


def test_what_is_exported_can_be_imported_elsewhere(desk: Desk, tmp_path: Path) -> None:
    desk.add("one", "https://one.example/feed", "    title: One & only\n    tags: [korea]\n")
    desk.add("two", "https://two.example/feed")
    exported = desk.run("sources", "export").stdout
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other")
    other.add("second", "https://two.example/feed")
    (tmp_path / "list.opml").write_text(exported, encoding="utf-8")
    result = other.run("sources", "import", str(tmp_path / "list.opml"))
    assert result.stderr == "1 source added, 1 passed over.\n"
    first, second = other.rows("sources", "list")
    assert first["id"] == "second"
    assert (second["url"], second["title"], second["tags"]) == (
        "https://one.example/feed",
        "One & only",
        ["korea"],
    )
    assert other.run("sources", "import", "-", input=exported).stderr == "0 sources added, 2 passed over.\n"
    assert "this is no OPML" in other.run("sources", "import", "-", input="<html/>", status=2).stderr


def test_an_export_has_the_titles_that_feeds_give_themselves(desk: Desk, origin: Origin) -> None:
    desk.add("named", origin.put("/named", rss("Own")), "    title: Mine\n")
    desk.add("wire", origin.put("/wire", rss("Wire")))
    desk.add("new", origin.url("/new"))
    desk.run("update", "named", "wire")
    found = read_opml(desk.run("sources", "export").stdout.encode())
    assert [(one.title, one.home) for one in found] == [
        ("Mine", "https://own.example/"),
        ("Wire", "https://wire.example/"),
        ("", None),
    ]


def test_what_cannot_be_imported_is_named_and_costs_nothing_else(desk: Desk) -> None:
    desk.add("known", "https://known.example/rss")
    urls = {
        "feed://known.example/rss": "Known",
        "feed:https://one.example/rss": "One",
        "PCAST://two.example/rss": "Two",
        "http://three.example/a b": "Three",
        "ftp://four.example/rss": "Four",
        "five.example/rss": "",
    }
    outlines = "".join(f'<outline type="rss" text="{urls[url]}" xmlUrl="{url}"/>' for url in urls)
    listed = f"<opml version='2.0'><body>{outlines}</body></opml>"
    result = desk.run("sources", "import", "-", input=listed, status=1)
    assert result.stdout == "one-example\ntwo-example\n"
    why = "is not a URL that starts with http:// or https://"
    assert result.stderr.splitlines() == [
        f"not imported: Three: 'http://three.example/a b' {why}",
        f"not imported: Four: 'ftp://four.example/rss' {why}",
        f"not imported: 'five.example/rss' {why}",
        "2 sources added, 1 passed over, 3 not imported.",
    ]
    assert [row["url"] for row in desk.rows("sources", "list")] == [
        "https://known.example/rss",
        "https://one.example/rss",
        "http://two.example/rss",
    ]
