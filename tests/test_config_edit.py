"""Edits of sources.yaml by commands: the author's text stays as it is."""

from __future__ import annotations

import difflib
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aggregator.config import NewSource, add_source, add_sources, load, remove_source
from aggregator.errors import ConfigError, UsageError

URL = "https://new.example.org/feed.xml"

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)

STYLES = {
    "commented": """\
# my sources, джерела 😀

sources:   # all of them
  # agencies
  - url: https://a.org/f   # the first
    title: 'Quoted  한국 twice'
    tags: [x,   y]

  # papers
  - url: "https://b.org/f"
    id: bee
    # a note about bee

  - {url: https://c.org/f,  tags: [a, b]}  # in one line

# the end
""",
    "without indentation": "sources:\n- url: https://a.org/f\n- url: https://b.org/f\n  id: bee\n",
    "deep indentation": """\
sources:
      -   url: https://a.org/f
          title: |
            two
            lines
""",
    "dash on its own line": "sources:\n  -\n    url: https://a.org/f\n  - # b\n    url: https://b.org/f\n",
    "flow": "sources: [{url: https://a.org/f}, {url: https://b.org/f, id: bee}]  # short\n",
    "flow with a comma at the end": "sources: [\n  {url: https://a.org/f},\n  # b\n]\n",
    "JSON": '{"sources": [{"url": "https://a.org/f"}]}',
    "no end of line": "sources:\n  - url: https://a.org/f",
    "windows": "sources:\r\n  - url: https://a.org/f\r\n\r\n  - url: https://b.org/f\r\n    title: B\r\n",
    "byte order mark": "\ufeffsources:\n  - url: https://a.org/f\n",
    "broken values": "sources:\n  - url: https://a.org/f\n    interval: never\n  - 5\n",
    "empty": "",
    "comments only": "# nothing yet\n",
    "no value": "sources:   # none yet\n# later\n",
    "null": "sources: null # none yet\n",
    "empty list": "# top\nsources: []  # none yet\n# bottom\n",
    "document mark": "---\nsources:\n  - url: https://a.org/f\n",
}


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went, lines that came."""
    delta = list(difflib.ndiff(lines(before), lines(after)))
    return [d[2:] for d in delta if d[0] == "-"], [d[2:] for d in delta if d[0] == "+"]


def read(path: Path) -> str:
    return path.read_bytes().decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sources.yaml"


@pytest.mark.parametrize("style", STYLES)
def test_adding_and_removing_a_source_leaves_every_other_line(path: Path, style: str) -> None:
    before = STYLES[style]
    path.write_bytes(before.encode())
    id = add_source(path, URL, title="It's: new", tags=["one", "no"])
    after = read(path)
    gone, new = changes(before, after)
    assert "new.example.org" in "".join(new)
    if style in ("flow", "flow with a comma at the end", "JSON", "no end of line", "null", "empty list"):
        assert len(gone) == 1
    else:
        assert gone == []
    assert len(new) <= 5
    assert ("\r\n" in before) == ("\r\n" in after)
    assert after.count("\r\n") == (after.count("\n") if style == "windows" else 0)
    remove_source(path, id)
    assert "new.example.org" not in read(path)
    if style in ("commented", "without indentation", "deep indentation", "flow", "windows", "document mark"):
        assert read(path).replace(" ", "").replace("\r", "").strip("\n") == before.replace(" ", "").replace(
            "\r", ""
        ).strip("\n")


def test_a_source_is_written_in_the_style_of_its_neighbours(path: Path) -> None:
    path.write_text(STYLES["commented"])
    add_source(path, URL, id="new", title="New: one", tags=["a", "b"])
    assert read(path) == STYLES["commented"].replace(
        "# in one line\n",
        """# in one line

  - url: https://new.example.org/feed.xml
    id: new
    title: 'New: one'
    tags: [a, b]
""",
    )


def test_a_removed_source_takes_its_own_comments_along(path: Path) -> None:
    path.write_text(STYLES["commented"])
    remove_source(path, "bee")
    gone, new = changes(STYLES["commented"], read(path))
    assert new == []
    assert [line.strip() for line in gone if line.strip()] == [
        '- url: "https://b.org/f"',
        "id: bee",
        "# a note about bee",
    ]


def test_a_source_is_removed_by_its_derived_id(path: Path) -> None:
    path.write_text(STYLES["commented"])
    first = load(path.parent, environ={}).sources[0]
    remove_source(path, first.id)
    assert [source.url for source in load(path.parent, environ={}).sources] == [
        "https://b.org/f",
        "https://c.org/f",
    ]
    with pytest.raises(UsageError, match="has no source"):
        remove_source(path, first.id)


def test_the_last_source_can_be_removed_and_another_added(path: Path) -> None:
    path.write_text("sources:\n  - url: https://a.org/f\n    id: a\n")
    remove_source(path, "a")
    assert load(path.parent, environ={}).sources == ()
    add_source(path, URL)
    assert read(path) == f"sources:\n  - url: {URL}\n"


def test_a_missing_file_is_made(path: Path) -> None:
    id = add_source(path, URL)
    assert read(path) == f"sources:\n  - url: {URL}\n"
    assert load(path.parent, environ={}).sources[0].id == id
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_derived_id_that_is_taken_is_written_down(path: Path) -> None:
    first = add_source(path, "https://a.org/feed")
    second = add_source(path, "http://a.org/feed")
    assert second != first
    assert f"id: {second}" in read(path)
    remove_source(path, first)
    assert [source.id for source in load(path.parent, environ={}).sources] == [second]


def test_many_sources_are_added_at_once_and_known_ones_passed_over(path: Path) -> None:
    path.write_text(STYLES["commented"])
    ids, refused = add_sources(
        path,
        [
            NewSource("https://a.org/f", "other"),
            NewSource("https://d.org/f", "bee", "D", ("x",)),
            NewSource("https://d.org/f"),
            NewSource("https://e.org/f", "eee"),
            NewSource("gopher://g.org/f"),
        ],
    )
    assert [one.source.url for one in refused] == ["gopher://g.org/f"]
    assert len(ids) == 2
    assert ids[1] == "eee"
    config = load(path.parent, environ={})
    assert [source.id for source in config.sources][3:] == ids
    assert changes(STYLES["commented"], read(path))[0] == []
    before = path.stat()
    assert add_sources(path, [NewSource("https://e.org/f")]) == ([], [])
    assert path.stat() == before


@pytest.mark.parametrize(
    ("id", "url", "message"),
    [
        (None, "https://b.org/f", "is in .* already"),
        ("bee", URL, "has a source 'bee' already"),
        ("A b", URL, "is not an id"),
        (None, "ftp://x", "is not a URL"),
    ],
)
def test_what_cannot_be_added_is_told_and_nothing_written(
    path: Path, id: str | None, url: str, message: str
) -> None:
    path.write_text(STYLES["commented"])
    with pytest.raises(UsageError, match=message):
        add_source(path, url, id=id)
    assert read(path) == STYLES["commented"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["sources: [\n", "sources:\n\t- x\n", "a: 1\na: 2\n", "sources: !!x []\n"])
def test_a_file_with_errors_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"sources\.yaml:\d+:\d+: "):
        add_source(path, URL)
    with pytest.raises(ConfigError, match=r"sources\.yaml:\d+:\d+: "):
        remove_source(path, "x")
    assert read(path) == text


@pytest.mark.parametrize(
    "text",
    [
        "sources:\n  - &a {url: https://a.org/f, id: a}\n  - url: https://b.org/f\n    headers: *a\n",
        "sources: &a\n  - {url: https://a.org/f, id: a}\nb: *a\n...\n",
        "{}\n",
        "sources: {a: b}\n",
        "sources: x\n",
        "- a\n",
    ],
)
def test_an_edit_that_would_change_more_than_meant_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(UsageError):
        remove_source(path, "a") if "&a {" in text else add_source(path, "https://a.org/f")
    assert read(path) == text


def test_a_reference_to_the_environment_is_not_let_in(path: Path) -> None:
    add_sources(path, [NewSource("https://evil.org/?${TOKEN}", "evil", "${TOKEN}", ("${TOKEN}",))])
    source = load(path.parent, environ={"TOKEN": "secret"}).sources[0]
    assert source.url == "https://evil.org/?${TOKEN}"
    assert source.title == "${TOKEN}"
    assert source.tags == ("${TOKEN}",)
    assert add_sources(path, [NewSource("https://evil.org/?${TOKEN}")]) == ([], [])


def test_permissions_and_links_are_kept(path: Path, tmp_path: Path) -> None:
    path.write_text("sources: []\n")
    path.chmod(0o600)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    add_source(link, URL)
    assert link.is_symlink()
    assert URL in read(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        add_source(tmp_path / "none" / "sources.yaml", URL)


@given(
    style=st.sampled_from(sorted(STYLES)),
    title=st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30),
    tags=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=9), max_size=3
    ),
)
@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_added_is_what_loads(path: Path, style: str, title: str | None, tags: list[str]) -> None:
    path.write_bytes(STYLES[style].replace("never", "auto").replace("  - 5\n", "").encode())
    id = add_source(path, URL, title=title, tags=tags)
    source = load(path.parent, environ={}).sources[-1]
    assert (source.id, source.url, source.title or None, list(source.tags)) == (id, URL, title or None, tags)
