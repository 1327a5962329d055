"""Untrusted HTML: what is kept of it, and what it says as plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from time import process_time
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.text.html import clean_html, html_to_text, one_line, text_to_html, tidy_text
from aggregator.url import absolute

BASE = "https://e.example/dir/page.html"
REL = ' rel="noopener noreferrer nofollow"'
FORBIDDEN = {
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "form",
    "input",
    "link",
    "meta",
    "base",
}


def clean(markup: str, *, base: str | None) -> str:
    return clean_html(markup, resolve=lambda address: absolute(address, base or "")).markup


class Tags(HTMLParser):
    """The elements and attributes of a piece of HTML, as a reader's parser sees them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.others: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def assert_safe(cleaned: str) -> None:
    tags = Tags(cleaned)
    assert tags.others == []
    for tag, attributes in tags.found:
        assert tag not in FORBIDDEN
        assert not any(
            name.startswith("on") or name in ("style", "srcset", "class", "id") for name in attributes
        )
        for name in ("href", "src"):
            if (url := attributes.get(name)) is not None:
                assert urlsplit(url).scheme in ("http", "https", "mailto")
    assert re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", cleaned) is None


@pytest.mark.parametrize(
    ("markup", "cleaned"),
    [
        ("<p>Plain <b>bold</b> &amp; <i>more</i></p>", "<p>Plain <b>bold</b> &amp; <i>more</i></p>"),
        ("a < b", "a &lt; b"),
        ("<p>open <b>tags", "<p>open <b>tags</b></p>"),
        ("<script>alert(1)</script>x", "x"),
        ("<style>p{}</style>x", "x"),
        ("<iframe src=https://x.example/>y</iframe>x", "x"),
        ("<svg onload=x()><a href=javascript:x()>s</a></svg>x", "x"),
        ("<math><mi>m</mi></math>x", "x"),
        ("<object data=x>o</object><embed src=x>x", "x"),
        ("<form action=x>f<input><button>b</button></form>", "fb"),
        ("<!-- c --><?php x ?><!DOCTYPE html>x", "x"),
        ('<p style="x" class="c" id="i" onclick="x()" data-x="y">x</p>', "<p>x</p>"),
        ("<font color=red>x</font><center>y</center><custom-tag>z</custom-tag>", "xyz"),
        ("<a href='javascript:x()'>x</a>", f"<a{REL}>x</a>"),
        ("<a href=' &#9;Java\tScript:x()'>x</a>", f"<a{REL}>x</a>"),
        ("<a href='vbscript:x'>x</a>", f"<a{REL}>x</a>"),
        ("<a href='data:text/html,x'>x</a>", f"<a{REL}>x</a>"),
        ("<a href=mailto:a@e.example>x</a>", f'<a href="mailto:a@e.example"{REL}>x</a>'),
        ("<a href=https://o.example/ target=_top>x</a>", f'<a href="https://o.example/"{REL}>x</a>'),
        ("<a href=../up>x</a>", f'<a href="https://e.example/up"{REL}>x</a>'),
        ("<a href='?q=1&amp;r'>x</a>", f'<a href="https://e.example/dir/page.html?q=1&amp;r"{REL}>x</a>'),
        ("<a href=//cdn.example/>x</a>", f'<a href="https://cdn.example/"{REL}>x</a>'),
        ("<img src=data:image/png;base64,AA alt=d>", '<img alt="d">'),
        ("<img src=p.png srcset='q.png 2x' width=9>", '<img src="https://e.example/dir/p.png" width="9">'),
        ("<img src=https://t.example/ width=1 height=1>x", "x"),
        ("<img height='0' alt='1 > 0' src=https://t.example/>x", "x"),
        ("<img width=1px src=https://t.example/>x", "x"),
        (
            "<img width=10 height=100 src=https://t.example/>",
            '<img width="10" height="100" src="https://t.example/">',
        ),
        (
            "<q cite='/c'>x</q><blockquote cite='javascript:x'>y</blockquote>",
            "<q>x</q><blockquote>y</blockquote>",
        ),
        ("a&#1;b&#0;\x00c\x85", "ab\ufffdc"),
        ("<b>\ud800x</b>", "<b>x</b>"),
        ("", ""),
    ],
)
def test_html_is_cut_down_to_what_is_allowed(markup: str, cleaned: str) -> None:
    assert clean(markup, base=BASE) == cleaned


def test_relative_addresses_are_dropped_without_a_base() -> None:
    markup = "<a href=/x>x</a><img src=y alt=z><a href=https://o.example/>o</a>"
    assert clean(markup, base=None) == f'<a{REL}>x</a><img alt="z"><a href="https://o.example/"{REL}>o</a>'


SOUP = st.lists(
    st.sampled_from(
        [
            *(
                "<script>",
                "</script>",
                "<svg",
                "<svg>",
                "</svg>",
                "<math>",
                "<style>",
                "</style>",
                "<title>",
                "<p>",
            ),
            *(
                "<table>",
                "<td>",
                "</table>",
                "<noscript>",
                "</noscript>",
                "<textarea>",
                "<a href=",
                "<img src=",
                ">",
            ),
            *(
                "<!--",
                "-->",
                "<![CDATA[",
                "]]>",
                '"',
                "'",
                "=",
                "javascript:",
                "data:",
                "//",
                "/x",
                "http://",
                "&#1;",
            ),
            *(
                " onerror=x ",
                " style=x ",
                " width=1 ",
                ' alt="',
                "<b>",
                "</b>",
                "text",
                "&lt;",
                "&amp;",
                "<x:y>",
                "\x00",
            ),
        ]
    )
    | st.text(max_size=4),
    max_size=14,
).map("".join)


@given(SOUP, st.sampled_from([BASE, None]))
def test_cleaned_html_is_safe_and_stays_as_it_is(markup: str, base: str | None) -> None:
    cleaned = clean(markup, base=base)
    assert_safe(cleaned)
    assert clean(cleaned, base=base) == cleaned


@given(SOUP)
def test_the_text_of_cleaned_html_holds_no_markup(markup: str) -> None:
    cleaned = clean(markup, base=BASE)
    in_attributes = sum(
        str(value).count("<") for _, attributes in Tags(cleaned).found for value in attributes.values()
    )
    # What is left was written as text: it is escaped in the HTML
    assert html_to_text(cleaned).count("<") == cleaned.count("&lt;") - in_attributes


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("One<br>Two<hr/>Three", "One\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>c", "a\nb\nc"),
        ("<p>in<b>sid</b>e&nbsp;a\n  line</p>", "inside a line"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\nb"),
        ('<img alt="a > b" src="x">c', "c"),
        ("&lt;p&gt; &amp;amp; &#8220;q&#8221;", "<p> &amp; “q”"),
        ("<prefix>not a block</prefix>", "not a block"),
        ("a\u200bb\u202ec\u00add\ufeff", "abcd"),
        ("", ""),
    ],
)
def test_html_says_as_text_what_a_reader_sees(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


def test_plain_text_becomes_paragraphs_and_breaks() -> None:
    assert text_to_html("One <two>\nthree & 'four'\n \n\nfive\n") == (
        "<p>One &lt;two&gt;<br>three &amp; 'four'</p><p>five</p>"
    )
    assert text_to_html(" \n ") == ""


@given(st.text())
def test_plain_text_reads_back_from_its_html(text: str) -> None:
    assert html_to_text(clean(text_to_html(text), base=None)) == tidy_text(text)


@given(st.text())
def test_tidy_text_stays_as_it_is(text: str) -> None:
    tidy = tidy_text(text)
    assert tidy_text(tidy) == tidy


@pytest.mark.parametrize(
    ("markup", "line"),
    [
        ("a <b>b</b>\n<br> c", "a b c"),
        ("x<script>alert('<b>')</script>y", "xy"),
        ("x<STYLE type=a>p{}</STYLE >y<script>never closed", "xy"),
        ("<!-- a <b> -->x", "x"),
        ("3 < 5 > 4", "3 < 5 > 4"),
        ('<a title="x > y">z</a>', "z"),
    ],
)
def test_a_line_of_html_is_its_text(markup: str, line: str) -> None:
    assert one_line(markup, is_html=True) == line


def test_a_line_of_text_keeps_what_looks_like_markup() -> None:
    assert one_line("The <b> tag\n&amp; \u202emore", is_html=False) == "The <b> tag &amp; more"


@pytest.mark.parametrize(
    "image",
    [
        "<img src=https://e.example/a hidden>",
        "<img src=https://e.example/a style='display: none'>",
        "<img src=https://e.example/a style='x:y;width:1px;height:1px'>",
        "<img src=https://pixel.wp.com/b.gif?host=e.example&amp;rand=0.1>",
        "<img src=http://feeds.feedburner.com/~r/e/~4/abc>",
        "<img src=https://ad.doubleclick.net/ddm/x>",
        "<img src=https://www.google-analytics.com/collect?v=1>",
        "<img width=1 height=1 src=/p>",
    ],
)
def test_an_image_that_only_counts_readers_is_left_out_and_counted(image: str) -> None:
    found = clean_html(f"<p>a{image}b<img src=/c>{image}</p>", resolve=lambda raw: absolute(raw, BASE))
    assert found == ('<p>ab<img src="https://e.example/c"></p>', 2)


@pytest.mark.parametrize(
    "image",
    [
        "<img src=https://e.example/pixel.wp.com/b.gif>",
        "<img src=https://pixel.wp.com.e.example/b.gif>",
        "<img src=https://e.example/a style='max-width:100%;height:auto'>",
        "<img src=https://e.example/a style='width:100px;height:1.5em'>",
    ],
)
def test_an_image_to_look_at_is_kept(image: str) -> None:
    found = clean_html(image, resolve=lambda raw: absolute(raw, BASE))
    assert (found.trackers, found.markup.count("src=")) == (0, 1)
    assert "style" not in found.markup


@pytest.mark.parametrize(
    ("markup", "cleaned"),
    [
        ("<img src=mailto:a@e.example>", "<img>"),
        ("<a href='ht&#10;tps://o.example/'>x</a>", f'<a href="https://o.example/"{REL}>x</a>'),
        ("<a href=https://user:pw@o.example/>x</a>", f'<a href="https://o.example/"{REL}>x</a>'),
        ("<a href='mail&#9;to:a@e.example'>x</a>", f'<a href="mailto:a@e.example"{REL}>x</a>'),
        (
            "<a href='/a&quot;b&lt;c' title='&quot;&lt;'>x</a>",
            '<a href="https://e.example/a%22b%3Cc" title="&quot;&lt;"',
        ),
        ("a\u202eb&#x202e;c&#8294;d", "abcd"),
    ],
)
def test_an_address_is_plain_and_text_runs_in_its_own_direction(markup: str, cleaned: str) -> None:
    assert clean(markup, base=BASE).startswith(cleaned)


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 200_000,
        "<b></zz>" * 100_000,
        "<img src=/a " + " ".join(f"a{n}=1" for n in range(200_000)) + ">x",
        "<img src=/a " + " ".join(f"a{n}" for n in range(200_000)) + ">x",
        "<p " + "/".join(f"a{n}" for n in range(200_000)) + ">x",
        "<b a=1><p>" * 100_000,
        '<a "' * 200_000,
        "<a <!--" * 200_000,
        "<script" * 200_000,
    ],
    ids=lambda markup: markup[:12],
)
def test_no_markup_takes_long(markup: str) -> None:
    began = process_time()
    clean(markup, base=BASE)
    html_to_text(markup)
    assert process_time() - began < 15  # what is quadratic takes minutes


def test_a_text_of_megabytes_is_cut_between_tags() -> None:
    cleaned = clean("<p>word <b>word</b></p>" * 100_000, base=BASE)
    assert 400_000 < len(cleaned) <= 500_100
    assert cleaned.removesuffix("</b></p>").removesuffix("</p>").endswith("…")
