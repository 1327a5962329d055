"""Templates, style and script of the owner's own, used before the shipped ones."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from builders import NOON, Books, entry, topic
from program import aggregator, configure
from selectolax.lexbor import LexborHTMLParser
from test_publish_formats import channel, item, story

from aggregator.config.load import load
from aggregator.errors import ConfigError, PublishError
from aggregator.publish.design import Design
from aggregator.publish.pages import index_page, moved_page, story_page, topic_page
from aggregator.publish.topics import Published, Publisher

HOME = "https://news.example/"
URL = "https://news.example/stories/s1.html"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    return folder


def page(own: Path) -> str:
    return moved_page(URL, "Moved", look=Design(own)).decode()


def test_a_file_of_the_owner_is_used_instead_of_the_shipped_one(own: Path) -> None:
    (own / "moved.html").write_text(
        '{% extends "base.html" %}{% block body %}Gone to {{ target }}{% endblock %}'
    )
    assert LexborHTMLParser(page(own)).css_first("body").text().strip().startswith(f"Gone to {URL}")
    assert b"End of the story" in story_page(
        story(), url=URL, topics=(), site_title="Desk", home=HOME, look=Design(own)
    )


def test_a_template_may_change_a_part_of_the_one_that_it_replaces(own: Path) -> None:
    (own / "base.html").write_text(
        '{% extends "shipped/base.html" %}{% block more %}<meta name="ours">{% endblock %}'
    )
    (own / "topic.html").write_text(
        '{% extends "shipped/topic.html" %}'
        "{% block body %}{{ super() }}<footer>Ours: {{ channel.title }}</footer>{% endblock %}"
    )
    shown = topic_page(channel(item()), home=HOME, look=Design(own)).decode()
    assert "<footer>Ours: Korea–Ukraine defense</footer>" in shown
    assert "<h2" in shown
    # What it changes extends base.html, which is the owner's as well
    assert '<meta name="ours">' in shown


def test_the_policy_allows_the_style_and_script_of_the_owner(own: Path) -> None:
    (own / "style.css").write_text("body { color: teal }\n")
    (own / "page.js").write_bytes(b'document.title = "Ours";\r\n// end\r\n')
    found = LexborHTMLParser(
        index_page([], site_title="Desk", base_url="https://x.example/", look=Design(own))
    )
    policy = found.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"] or ""
    style, script = found.css_first("style").text(), found.css("script")[-1].text()
    assert style == "body { color: teal }"
    # A browser reads line ends as \n before it takes the hash
    assert script == 'document.title = "Ours";\n// end'
    for text in (style, script):
        assert b64encode(sha256(text.encode()).digest()).decode() in policy


@pytest.mark.parametrize(
    ("name", "text", "place", "words"),
    [
        ("moved.html", "<p>\n{% if target %}\n<p>", "moved.html:3", "Unexpected end of template"),
        ("moved.html", "<p>\n\n{{ targt }}", "moved.html:3", "'targt' is undefined"),
        ("moved.html", "<p>\n{{ 1 / 0 }}", "moved.html:2", "division by zero"),
        ("moved.html", '\n{% extends "bse.html" %}', "moved.html:2", "there is no template bse.html"),
        ("base.html", "<p>\n{{ target|wb }}", "base.html:2", "No filter named 'wb'"),
        ("style.css", "a {}\n</STYLE>", "style.css:2", "</STYLE cannot stand inside a page's style"),
        ("page.js", "// <!-- old", "page.js:1", "<!-- cannot stand inside a page's script"),
        ("style.css", b"\xff", "style.css", "invalid start byte"),
    ],
)
def test_what_is_wrong_in_a_template_is_said_with_file_and_line(
    own: Path, name: str, text: str | bytes, place: str, words: str
) -> None:
    (own / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PublishError) as caught:
        page(own)
    assert caught.value.message.startswith(f"{own}/{place}: ")
    assert words in caught.value.message
    assert caught.value.hint == "mend it, or move it out of output.templates to have the shipped one again"


def test_all_templates_are_compiled_before_any_is_needed(own: Path) -> None:
    (own / "part.html").write_text("\n{% endfor %}")
    page(own)
    with pytest.raises(PublishError, match=re.escape(f"{own}/part.html:2: ")):
        Design(own).check()


# Publication


@pytest.fixture
def publish(books: Books, own: Path) -> Callable[[], Published]:
    books.configure(topics=[topic(all_of=("seoul",))])
    books.fetch_from("a", entry("one", text="Seoul"))

    def run() -> Published:
        return Publisher(
            books.db,
            site=books.site,
            output=books.output,
            topics=books.topics,
            folder=books.folder,
            templates=own,
        ).publish(now=NOON)

    return run


def test_a_changed_template_rewrites_the_pages_and_no_feed(
    books: Books, own: Path, publish: Callable[[], Published]
) -> None:
    assert publish().files == 8
    assert publish() == Published(0, 0)
    (own / "style.css").write_text("body { color: teal }")
    before = books.files()
    assert publish().files == 4
    changed = {name for name, time in books.files().items() if before[name] != time}
    assert {name.rsplit("/", 1)[-1] for name in changed} == {
        "index.html",
        "404.html",
        f"{books.story_of('Headline one')}.html",
    }
    assert publish() == Published(0, 0)
    (own / "style.css").unlink()
    assert publish().files == 4
    (own / "notes.txt").write_text("no template")
    assert publish() == Published(0, 0)


def test_a_broken_template_leaves_the_pages_as_they_were(
    books: Books, own: Path, publish: Callable[[], Published]
) -> None:
    publish()
    before = books.files()
    (own / "story.html").write_text("{{ nothing }}")
    with pytest.raises(PublishError, match="'nothing' is undefined"):
        publish()
    assert books.files() == before
    (own / "story.html").unlink()
    assert publish().files == 0


# Configuration


def test_the_folder_is_relative_to_the_configuration(tmp_path: Path, own: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "sources.yaml").write_text("sources: []\n")
    (config / "aggregator.yaml").write_text("output: {templates: ../templates}\n")
    assert load(config, environ={}).templates == own
    (config / "aggregator.yaml").write_text("output: {templates: ../templats}\n")
    with pytest.raises(ConfigError) as caught:
        load(config, environ={})
    assert caught.value.problems[0].endswith(
        "aggregator.yaml:1:21: output.templates: '../templats' is not a folder that is there"
    )


def test_check_compiles_the_templates(tmp_path: Path, own: Path) -> None:
    config = configure(tmp_path, {})
    settings = config / "aggregator.yaml"
    settings.write_text(settings.read_text().replace("output: {", "output: {templates: ../templates, "))
    assert aggregator("--config", config, "check").returncode == 0
    (own / "story.html").write_text("<p>\n{% if %}")
    done = aggregator("--config", config, "check")
    assert done.returncode == 2
    assert f"{own}/story.html:2: " in done.stderr
