"""The demo's pages in headless Chromium: they fit a telephone, ask for nothing else and log no error."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from loopback import Files, Server, answering
from program import AGGREGATOR
from test_samples import EXPECTED

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

WIDTHS = (390, 1280)
FLAGS = [
    *["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
    *["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"],
    # The browser has errands of its own: none leaves this machine
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# Each page is shown in frames as wide as a telephone and a desk: a frame has its own viewport, so one start of
# the browser measures them all. What is measured ends up in the document that --dump-dom prints.
PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title><body>%s<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, root = page.documentElement, body = getComputedStyle(page.body);
    const heading = page.querySelector("h1").getBoundingClientRect();
    return {page: frame.getAttribute("src"), width: frame.clientWidth, needed: root.scrollWidth,
      heading: [heading.left, heading.right], back: getComputedStyle(root).backgroundColor + body.backgroundColor,
      copied: [...page.querySelectorAll("button")].map(button => [button.hidden, button.click(),
        page.getSelection().toString(), button.previousElementSibling.textContent]),
      ink: body.color, size: parseFloat(getComputedStyle(page.querySelector("p")).fontSize),
      times: [...page.querySelectorAll("time")].map(time => [time.dateTime, time.textContent])};
  });
  document.body.textContent = JSON.stringify(found);
});
</script>"""


@dataclass
class Visit:
    """What the browser measured on each page, said, and asked the network for."""

    pages: list[dict[str, Any]]
    console: list[str]
    asked: set[str]


@dataclass
class Browser:
    site: str
    feeds: Path
    scratch: Path

    def visit(self, pages: list[str], *, dark: bool = False, name: str) -> Visit:
        """Show all pages at all widths."""
        assert CHROMIUM is not None
        frames = [
            f'<iframe src="/{page}" width="{width}" height="800" style="border:0"></iframe>'
            for page in pages
            for width in WIDTHS
        ]
        (self.feeds / f"probe-{name}.html").write_text(PROBE % "".join(frames))
        log = self.scratch / f"{name}.json"
        done = subprocess.run(
            [
                CHROMIUM,
                *FLAGS,
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                f"--user-data-dir={self.scratch / name}",
                f"--log-net-log={log}",
                "--dump-dom",
                f"{self.site}probe-{name}.html",
            ],
            env={**os.environ, "TZ": "Asia/Seoul"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        measured = re.search(r"<body>(\[.*\])</body>", done.stdout, re.DOTALL)
        assert measured, done.stdout + done.stderr
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return Visit(json.loads(unescape(measured[1])), console, requests(log))


def requests(log: Path) -> set[str]:
    """URLs that pages, not the browser itself, asked for: from its log of the network."""
    data = json.loads(log.read_text())
    kinds = data["constants"]["logEventTypes"]
    return {
        event["params"]["url"]
        for event in data["events"]
        if event["type"] == kinds["URL_REQUEST_START_JOB"]
        and event.get("params", {}).get("initiator", "").startswith("http")
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
    demo = [*AGGREGATOR, "demo", "--once", "--embedder", "words", "--dir", str(folder / "demo")]
    subprocess.run(demo, check=True, capture_output=True)
    feeds = folder / "demo" / "feeds"
    # Not by the program itself: with its headers no page may be shown in a frame, or measured by a script
    with answering(Server(partial(Files, directory=str(feeds)))) as address:
        yield Browser(f"{address}/", feeds, folder)


@pytest.fixture(scope="module")
def pages(browser: Browser) -> list[str]:
    """The index, every topic, the stories with the shortest and the longest pages, one to listen to, and none."""
    stories = sorted((browser.feeds / "stories").iterdir(), key=lambda path: path.stat().st_size)
    heard = [path for path in stories if "<audio" in path.read_text("utf-8")]
    assert heard
    chosen = [f"stories/{path.name}" for path in {*stories[:2], *heard, *stories[-6:]}]
    return ["index.html", *(f"{topic}/index.html" for topic in EXPECTED), *chosen, "404.html"]


@pytest.fixture(scope="module")
def light(browser: Browser, pages: list[str]) -> Visit:
    return browser.visit(pages, name="light")


@pytest.fixture(scope="module")
def dark(browser: Browser, pages: list[str]) -> Visit:
    return browser.visit(pages, dark=True, name="dark")


def test_every_page_fits_a_telephone_and_a_desk(light: Visit, pages: list[str]) -> None:
    assert [(seen["page"], seen["width"]) for seen in light.pages] == [
        (f"/{page}", width) for page in pages for width in WIDTHS
    ]
    assert [seen for seen in light.pages if seen["needed"] > seen["width"]] == []
    for seen in light.pages:
        left, right = seen["heading"]
        assert 0 <= left < right <= seen["width"], seen["page"]
        assert seen["size"] >= 12, seen["page"]


def test_no_page_makes_the_console_complain(light: Visit, dark: Visit) -> None:
    assert light.console == dark.console == []


def test_no_page_asks_for_anything_but_itself(browser: Browser, light: Visit, pages: list[str]) -> None:
    # The probe asks for the pages, and has no icon
    assert light.asked - {f"{browser.site}favicon.ico"} == {browser.site + page for page in pages}


def test_dark_mode_turns_the_colours_round(light: Visit, dark: Visit) -> None:
    for day, night in zip(light.pages, dark.pages, strict=True):
        assert luminance(day["ink"]) < luminance(night["ink"]), day["page"]
        assert day["back"] != night["back"], day["page"]


def luminance(colour: str) -> int:
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_times_are_shown_in_the_zone_of_the_reader(light: Visit) -> None:
    times = [tuple(time) for seen in light.pages for time in seen["times"]]
    assert len(times) > 20
    # 09:42 UTC is 18:42 in Seoul
    shown = [text for iso, text in times if iso == "2024-11-27T09:42:00Z"]
    assert shown
    assert all("27 Nov 2024" in text and "18:42" in text for text in shown)


def test_a_button_copies_the_address_of_each_feed(light: Visit) -> None:
    for seen in light.pages:
        addresses = [address for *_, address in seen["copied"]]
        ends = {"/index.html": 1 + len(EXPECTED), "/404.html": 0}.get(
            seen["page"], int("/stories/" not in seen["page"])
        )
        assert len(addresses) == ends, seen["page"]
        assert seen["copied"] == [[False, None, address, address] for address in addresses]


def test_the_probe_would_see_a_script_a_stray_request_and_a_wide_page(browser: Browser) -> None:
    page = (browser.feeds / "index.html").read_text()
    stray = '<img src="http://127.0.0.1:9/x.png"><script>1</script><pre>' + "wide " * 200 + "</pre>"
    (browser.feeds / "bad.html").write_text(page.replace("<h1", f"{stray}<h1", 1))
    (browser.feeds / "open.html").write_text(
        re.sub(r"<meta http-equiv.*?>", "", page).replace("<h1", f"{stray}<h1", 1)
    )
    visit = browser.visit(["bad.html", "open.html"], name="bad")
    assert all(seen["needed"] > seen["width"] for seen in visit.pages if seen["width"] == 390)
    assert any("Content Security Policy" in line for line in visit.console)
    assert "http://127.0.0.1:9/x.png" in visit.asked
