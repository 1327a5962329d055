"""axe-core finds nothing to blame in the demo's pages, on a telephone and a desk, by day and by night."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from loopback import Files, Server, answering
from program import AGGREGATOR
from test_browser import CHROMIUM, FLAGS, WIDTHS

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(
        not AXE.exists(), reason="axe-core is not installed: npm install --no-save axe-core@4"
    ),
]

# A frame is a page with a viewport of its own, judged by an axe of its own
PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title><body>%s<script>
addEventListener("load", async () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const {passes, violations} = await frame.contentWindow.axe.run(frame.contentDocument);
    found.push({page: frame.getAttribute("src"), width: frame.clientWidth, passes: passes.map(rule => rule.id),
      violations: violations.map(rule => [rule.id, rule.help, rule.nodes.map(node => node.html).slice(0, 3)])});
  }
  document.body.textContent = JSON.stringify(found);
});
</script>"""


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accessible")
    demo = [*AGGREGATOR, "demo", "--once", "--embedder", "words", "--dir", str(folder)]
    subprocess.run(demo, check=True, capture_output=True)
    shutil.copy(AXE, folder / "feeds" / "axe.js")
    return folder / "feeds"


@pytest.fixture(scope="module")
def site(feeds: Path) -> Iterator[str]:
    with answering(Server(partial(Files, directory=str(feeds)))) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def pages(feeds: Path) -> dict[str, str]:
    """The index, a topic, the longest and the shortest story, one to listen to, where a merged story went, nothing."""
    from aggregator.publish.pages import moved_page

    stories = sorted((feeds / "stories").iterdir(), key=lambda path: path.stat().st_size)
    files = {
        "index": feeds / "index.html",
        "topic": feeds / "korea-ukraine-defense" / "index.html",
        "long": stories[-1],
        "short": stories[0],
        "heard": next(path for path in stories if "<audio" in path.read_text("utf-8")),
        "missing": feeds / "404.html",
    }
    moved = moved_page("https://desk.example/stories/s1.html", "This story has moved")
    return {name: path.read_text("utf-8") for name, path in files.items()} | {"moved": moved.decode()}


def judged(
    feeds: Path, site: str, pages: dict[str, str], scratch: Path, *, dark: bool
) -> list[dict[str, Any]]:
    """What axe-core says of each page at each width."""
    assert CHROMIUM is not None
    frames = []
    for name, page in pages.items():
        # Their policy lets no axe in, and the page of a moved story leads away from it
        page = re.sub(r"<meta http-equiv=\"(Content-Security-Policy|refresh)\".*?>", "", page)
        (feeds / f"axe-{name}.html").write_text(
            page.replace("</head>", '<script src="/axe.js"></script></head>')
        )
        frames += [
            f'<iframe src="/axe-{name}.html" width="{width}" height="800"></iframe>' for width in WIDTHS
        ]
    (feeds / "probe.html").write_text(PROBE % "".join(frames))
    done = subprocess.run(
        [
            CHROMIUM,
            *FLAGS,
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--user-data-dir={scratch}",
            "--virtual-time-budget=60000",
            "--dump-dom",
            f"{site}probe.html",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"<body>(\[.*\])</body>", done.stdout, re.DOTALL)
    assert found, done.stdout + done.stderr
    return json.loads(unescape(found[1]))


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation(
    feeds: Path, site: str, pages: dict[str, str], tmp_path: Path, dark: bool
) -> None:
    found = judged(feeds, site, pages, tmp_path, dark=dark)
    assert len(found) == len(pages) * len(WIDTHS)
    assert [(page["page"], page["width"], page["violations"]) for page in found if page["violations"]] == []
    for page in found:
        assert {"color-contrast", "html-has-lang", "document-title", "page-has-heading-one"} <= set(
            page["passes"]
        )


def test_axe_would_see_what_is_wrong(feeds: Path, site: str, pages: dict[str, str], tmp_path: Path) -> None:
    bad = pages["index"].replace("<h1", '<img src="data:,"><p style="color: #ddd">pale</p><h1', 1)
    (page, _) = judged(feeds, site, {"bad": bad}, tmp_path, dark=False)
    assert {"image-alt", "color-contrast"} <= {violation[0] for violation in page["violations"]}
