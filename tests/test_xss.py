"""Markup that means harm, in every field of every format: in a browser what is published runs and loads nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pytest
from fuzz.unclean import HIDING, Scan
from loopback import Handler, Server, answering
from origin import Origin, serving_origin
from program import aggregator, configure

CHROMIUM = shutil.which("chromium")
BATCH = 30
TOPICS = 'topics:\n  - {id: all, title: All, match: "report", max_age: 20000d, items: 5000}\n'
ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"

# Every element by every event that may come without a click
_ELEMENTS = (
    *(
        "a",
        "address",
        "article",
        "audio",
        "b",
        "body",
        "details",
        "dialog",
        "div",
        "embed",
        "form",
        "iframe",
        "img",
    ),
    *("input", "marquee", "math", "object", "p", "select", "svg", "table", "textarea", "video", "x-y"),
)
_EVENTS = (
    *("onload", "onerror", "onfocus", "onanimationstart", "ontoggle", "onpointerrawupdate", "onmouseover"),
    *("onscrollend", "onbeforematch", "onpageshow", "oncanplay"),
)


def payloads() -> list[str]:
    """Those of the list, and elements by events in the spellings that have fooled filters."""
    text = (Path(__file__).parent / "data" / "xss.txt").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line and not line.startswith("# ")]
    listed = [re.sub("⟨([0-9a-f]+)⟩", lambda found: chr(int(found[1], 16)), line) for line in lines]
    spellings = (
        "<{0} src=x autofocus tabindex=1 {1}=alert(1)>x",
        '<{0}/src="x"/{1}="alert(1)">',
        "<{0}\n\tsrc='x'\n\t{1}\n=\n'alert&#40;1&#41;'\n>x</{0}>",
    )
    pairs = [(element, event) for element in _ELEMENTS for event in _EVENTS]
    made = [spellings[n % len(spellings)].format(*pair) for n, pair in enumerate(pairs[::3])]
    return listed + made


PAYLOADS = payloads()


def own_words(name: str) -> str:
    """Words that no other report has."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return " ".join(digest[at : at + 6] for at in range(0, 60, 6))


def beginning(number: int) -> str:
    """What stands before the payload, so that it is in the text and the topic."""
    return f"Report {number} {own_words(str(number))}. "


def rss(numbers: Sequence[int]) -> str:
    """All fields of RSS; the feed's own are those of the first."""
    text = [escape(payload) for payload in PAYLOADS]
    items = "".join(
        f"<item><title>{beginning(n)}{text[n]}</title><link>http://good.example/{n}?{text[n]}</link>"
        f'<guid isPermaLink="false">{n} {text[n]}</guid><author>{text[n]}</author><dc:creator>{text[n]}</dc:creator>'
        f"<category>{text[n]}</category><description>{beginning(n)}{text[n]}</description>"
        f"<content:encoded><![CDATA[<p>{beginning(n)}{PAYLOADS[n].replace(']]>', ']]]]><![CDATA[>')} and on</p>]]>"
        f"</content:encoded><enclosure url={quoteattr(PAYLOADS[n])} type={quoteattr(PAYLOADS[n])} length='1'/>"
        f"<media:thumbnail url={quoteattr(PAYLOADS[n])}/><comments>{text[n]}</comments></item>"
        for n in numbers
    )
    first = text[numbers[0]]
    return (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/">'
        f"<channel><title>Feed {first}</title><link>{first}</link><description>{first}</description>"
        f"<language>{first}</language><copyright>{first}</copyright><image><url>{first}</url></image>{items}"
        "</channel></rss>"
    )


def atom(numbers: Sequence[int]) -> str:
    def entry(n: int) -> str:
        text, attribute = escape(PAYLOADS[n]), quoteattr(PAYLOADS[n])
        return (
            f'<entry><title type="html">{beginning(n)}{text}</title><id>{text} {n}</id><link href={attribute}/>'
            f'<link rel="enclosure" href={attribute} type={attribute}/>'
            f"<author><name>{text}</name><uri>{text}</uri><email>{text}</email></author>"
            f"<category term={attribute} label={attribute}/><updated>2024-11-27T09:00:00Z</updated>"
            f'<rights type="html">{text}</rights><summary type="html">{beginning(n)}{text}</summary>'
            f'<content type="html" xml:base={attribute}>{beginning(n)}{text}</content></entry>'
        )

    first = escape(PAYLOADS[numbers[0]])
    entries = "".join(map(entry, numbers))
    return f'<feed xmlns="{ATOM}"><title type="text">Feed {first}</title><id>{first}</id>{entries}</feed>'


def json_feed(numbers: Sequence[int]) -> str:
    items = [
        {
            "id": f"{n} {PAYLOADS[n]}",
            "url": PAYLOADS[n],
            "external_url": PAYLOADS[n],
            "title": beginning(n) + PAYLOADS[n],
            "content_html": f"<p>{beginning(n)}</p>{PAYLOADS[n]}",
            "content_text": beginning(n) + PAYLOADS[n],
            "summary": PAYLOADS[n],
            "image": PAYLOADS[n],
            "tags": [PAYLOADS[n]],
            "authors": [{"name": PAYLOADS[n], "url": PAYLOADS[n]}],
            "attachments": [{"url": PAYLOADS[n], "mime_type": PAYLOADS[n], "title": PAYLOADS[n]}],
        }
        for n in numbers
    ]
    first = PAYLOADS[numbers[0]]
    about = {"title": f"Feed {first}", "home_page_url": first, "icon": first, "language": first}
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", **about, "items": items})


def serve_all(origin: Origin) -> dict[str, str]:
    """The sources' URLs: each payload names an RSS feed, and some of the others."""
    # One character that XML forbids costs the rest of its document
    order = sorted(
        range(len(PAYLOADS)), key=lambda n: bool(re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", PAYLOADS[n]))
    )
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    urls = {f"rss-{n}": origin.put(f"/{n}.rss", rss([n])) for n in order}
    for number, batch in enumerate(batches):
        urls[f"atom-{number}"] = origin.put(f"/{number}.atom", atom(batch))
        urls[f"json-{number}"] = origin.put(f"/{number}.json", json_feed(batch))
    return urls


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a desk that has taken and published all payloads."""
    folder = tmp_path_factory.mktemp("xss")
    with serving_origin() as origin:
        config = configure(folder, serve_all(origin), topics=TOPICS, fetch="per_host: 16")
        done = aggregator("--config", config, "update", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["failed"], summary["sources"] > len(PAYLOADS)) == (0, True)
    return folder


# Without a browser


def rows(desk: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(desk / "store.db")) as db:
        return db.execute(query).fetchall()


def test_there_are_several_hundred_payloads_each_in_three_formats(desk: Path) -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) > 500
    ((entries,),) = rows(desk, "SELECT count(*) FROM entries")
    assert entries >= 2.9 * len(PAYLOADS)


def test_html_is_stored_by_the_list_of_what_is_allowed(desk: Path) -> None:
    bad = {
        content: found
        for (content,) in rows(desk, "SELECT content FROM entries")
        if (found := Scan(content).found)
    }
    assert bad == {}


def test_addresses_are_stored_when_they_are_http_ones(desk: Path) -> None:
    queries = (
        "SELECT url, image FROM entries",
        "SELECT home, icon, moved_to FROM sources",
        "SELECT json_extract(value, '$[0]') FROM entries, json_each(enclosures)",
    )
    found = {address for query in queries for row in rows(desk, query) for address in row if address}
    assert found
    assert {a for a in found if not re.match(r"https?://[^\s\x00-\x1f<>\"]+\Z", a)} == set()


def test_titles_and_names_hold_nothing_that_hides(desk: Path) -> None:
    fields = "title, author, text, categories, (SELECT title FROM sources WHERE sources.id = entries.source)"
    found = {text for row in rows(desk, f"SELECT {fields} FROM entries") for text in row if text}
    assert {text for text in found if HIDING.search(text)} == set()


def published_html(desk: Path) -> Iterator[str]:
    folder = desk / "feeds" / "all"
    for content in ElementTree.parse(folder / "rss.xml").iter(CONTENT):
        yield content.text or ""
    for content in ElementTree.parse(folder / "atom.xml").iter(f"{{{ATOM}}}content"):
        yield content.text or ""
    for item in json.loads((folder / "feed.json").read_bytes())["items"]:
        yield item["content_html"]


def test_html_in_published_feeds_is_of_the_list(desk: Path) -> None:
    documents = list(published_html(desk))
    assert len(documents) > 1000
    assert {markup: found for markup in documents if (found := Scan(markup).found)} == {}


def test_addresses_in_published_feeds_are_http_ones(desk: Path) -> None:
    found: set[str] = set()
    for name in ("rss.xml", "atom.xml"):
        for element in ElementTree.parse(desk / "feeds" / "all" / name).iter():
            found |= {
                value for key, value in element.attrib.items() if key in ("href", "url", "src", "domain")
            }
            if element.tag.rpartition("}")[2] in ("link", "url", "uri", "comments") and element.text:
                found.add(element.text)
    assert len(found) > len(PAYLOADS)
    assert {address for address in found if not address.startswith(("http://", "https://"))} == set()


# In a browser


@dataclass
class Seen:
    """What the pages did in the browser."""

    shown: int = 0
    hits: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Host and path of what was asked for beside the pages; the beginning of what is no HTTP."""
    console: list[str] = field(default_factory=list)


WATCH = """<script>
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => top.hit(location.pathname);
</script>"""
PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title><link rel="icon" href="data:,">
<body><script>
const hits = []; let shown = 0;
window.hit = page => { hits.push(page) };
const turn = frame => new Promise(next => { frame.onload = () => setTimeout(next, 15); setTimeout(next, 2000) });
const pages = PAGES;
const show = async () => {
  for (let page; (page = pages.shift()); ) {
    const frame = document.createElement("iframe");
    frame.width = 600; frame.height = 800;
    const turned = turn(frame);
    frame.src = page;
    document.body.append(frame);
    await turned;
    shown += frame.contentDocument?.body?.querySelector("h1, p") ? 1 : 0;
    frame.remove();
  }
};
Promise.all([1, 2, 3, 4, 5, 6].map(show)).then(() =>
  fetch("/seen", {method: "POST", body: JSON.stringify({shown, hits})}));
</script>"""


def show(folder: Path, pages: Sequence[str], scratch: Path, *, guarded: bool) -> Seen:
    """Show pages of the folder one by one; without their Content-Security-Policy unless `guarded`."""
    assert CHROMIUM is not None
    seen, done, html = Seen(), Event(), {"Content-Type": "text/html; charset=utf-8"}
    wanted = {f"/{page}" for page in pages}

    class Pages(Handler):
        def do_GET(self) -> None:
            path = self.path
            if self.headers["Host"] != f"127.0.0.1:{port}" or path not in wanted | {"/probe"}:
                seen.asked.append(f"{self.headers['Host']}{path}")
                self.send_error(404)
                return
            text = PROBE.replace("PAGES", json.dumps(sorted(wanted)))
            if path != "/probe":
                text = (folder / path[1:]).read_text(encoding="utf-8")
                # Before the policy of the page, so that it runs
                text = text.replace("<head>", f"<head>{WATCH}", 1)
                text = (
                    text
                    if guarded
                    else re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text, count=1)
                )
            self.answer(200, text.encode(), html)

        def do_POST(self) -> None:
            if self.path == "/seen":
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                seen.shown, seen.hits = told["shown"], told["hits"]
                done.set()
            else:
                seen.asked.append(f"POST {self.headers['Host']}{self.path}")
            self.answer(200)

        def send_error(self, code: int, *args: Any, **more: Any) -> None:
            if code == 400:  # no HTTP: the beginning of a TLS connection
                seen.asked.append(repr(self.raw_requestline[:100]))
            super().send_error(code, *args, **more)

    with answering(Server(Pages)) as site:
        port = urlsplit(site).port
        flags = [
            *[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-sync",
            ],
            *["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"],
            # What a page asks for comes here; the browser's own errands lead nowhere
            f"--host-resolver-rules=MAP *.example 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={scratch}",
        ]
        log = scratch.with_suffix(".log")
        with log.open("wb") as stderr:
            command = [CHROMIUM, *flags, f"http://127.0.0.1:{port}/probe"]
            with subprocess.Popen(command, stderr=stderr, stdout=subprocess.DEVNULL) as browser:
                finished = done.wait(120)
                browser.terminate()
    said = log.read_text(errors="replace")
    assert finished, said
    seen.console = [line for line in said.splitlines() if "CONSOLE" in line]
    return seen


browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def pages(desk: Path) -> list[str]:
    feeds = desk / "feeds"
    return [str(path.relative_to(feeds)) for path in sorted(feeds.rglob("*.html"))]


@browser
@pytest.mark.browser
@pytest.mark.parametrize("guarded", [True, False], ids=["as published", "without their policy"])
def test_no_page_runs_or_loads_anything(desk: Path, pages: list[str], tmp_path: Path, guarded: bool) -> None:
    assert len(pages) > len(PAYLOADS)
    chosen = pages[::10] if guarded else pages
    seen = show(desk / "feeds", chosen, tmp_path / "browser", guarded=guarded)
    assert (seen.shown, seen.hits, seen.asked, seen.console) == (len(chosen), [], [], [])


@browser
@pytest.mark.browser
def test_stored_html_runs_nothing_in_a_reader_that_trusts_it(desk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    contents = [content for (content,) in rows(desk, "SELECT DISTINCT content FROM entries ORDER BY content")]
    names = []
    for at in range(0, len(contents), 100):
        names.append(f"{at}.html")
        body = "".join(f"<p>{number}</p>{content}" for number, content in enumerate(contents[at : at + 100]))
        (folder / names[-1]).write_text(f"<!doctype html><html><head></head><body>{body}", encoding="utf-8")
    seen = show(folder, names, tmp_path / "browser", guarded=False)
    assert (seen.shown, seen.hits) == (len(names), [])


@browser
@pytest.mark.browser
def test_the_payloads_do_run_and_load_where_nothing_is_in_their_way(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    # Without those that end the page, or open a dialog of a frame inside: it would wait for an answer
    wild = (
        "plaintext|location|refresh|<!--|open|submit|top|frame|srcdoc|data:|object|embed|javascript:|portal"
    )
    tame = [payload for payload in PAYLOADS if not re.search(wild, payload)]
    names = []
    for at in range(300):
        names.append(f"{at}.html")
        page = f"<!doctype html><html><head></head><body><p>{at}</p>{tame[at]}"
        (folder / names[-1]).write_text(page, encoding="utf-8", errors="replace")
    seen = show(folder, names, tmp_path / "browser", guarded=False)
    assert len(set(seen.hits)) > 100
    assert len({asked for asked in seen.asked if asked.startswith("evil.example")}) > 10
    assert seen.console
