"""Untrusted HTML → HTML that is safe to store and show, and plain text."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from typing import Literal

import nh3

_TAGS = {
    *("a", "abbr", "b", "bdi", "blockquote", "br", "caption", "cite", "code", "dd", "del", "details"),
    *("dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr"),
    *("i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp"),
    *("small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead"),
    *("time", "tr", "u", "ul", "var", "wbr"),
}
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "title"},
    "abbr": {"title"},
    "del": {"datetime"},
    "img": {"src", "alt", "title", "width", "height"},
    "ins": {"datetime"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
_DROPPED_WHOLE = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math"}
_SCHEMES = {"http", "https", "mailto"}
_ABSOLUTE = ("http://", "https://", "mailto:")

# In cleaned HTML, where `<` and `>` stand in no attribute: an image that is there to count readers
_TRACKER = re.compile(r'<img(?=[^>]* (?:width|height)="[01](?:px)?")[^>]*>')
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|dd|details|div|dl|dt|figcaption|figure|h[1-6]|hr|li"
    r"|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)\b"
    r'[^>"]*(?:"[^"]*"[^>"]*)*>',
    re.IGNORECASE,
)
_TAG = re.compile(
    r'<(script|style)\b.*?(?:</\1\s*>|\Z)|</?[a-zA-Z][^>"]*(?:"[^"]*"[^>"]*)*>|<!--.*?-->',
    re.DOTALL | re.IGNORECASE,
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Controls, and what hides or reorders text: bidirectional marks, zero-width characters, soft hyphens
_UNSEEN = re.compile(
    f"[{_CONTROL.pattern[1:-1]}\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


_RelativeLinks = Literal["pass_through", "deny"] | tuple[Literal["rewrite_with_base"], str]


@lru_cache(maxsize=64)
def _cleaner(relative_links: _RelativeLinks) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_DROPPED_WHOLE,
        url_schemes=_SCHEMES,
        url_relative=relative_links,
        link_rel="noopener noreferrer nofollow",
    )


def clean_html(markup: str, *, base: str | None) -> str:
    """HTML of an allow-list of elements, attributes and URL schemes; relative URLs resolved with `base`.

    Images that only count readers, one pixel wide or high, are left out.
    `base` is an absolute http(s) URL, or None: then relative URLs are dropped.
    """
    markup = _CONTROL.sub("", markup)
    cleaned = _cleaner("pass_through").clean(markup)
    # A cleaner is made for its base, which costs as much as a cleaning: few entries need one
    if _may_hold_relative_links(cleaned):
        cleaned = _cleaner(("rewrite_with_base", base) if base else "deny").clean(markup)
    # Once more: character references bring in new ones
    return _TRACKER.sub("", _CONTROL.sub("", cleaned)).strip()


def _may_hold_relative_links(cleaned: str) -> bool:
    return any(
        cleaned.count(f'{name}="') > sum(cleaned.count(f'{name}="{start}') for start in _ABSOLUTE)
        for name in ("href", "src")
    )


def html_to_text(markup: str) -> str:
    """Plain text of HTML, blocks divided by a newline, each run of white space one space."""
    return tidy_text(html.unescape(_TAG.sub("", _BLOCK.sub("\n", markup.replace("\n", " ")))))


def text_to_html(text: str) -> str:
    """Plain text as HTML: escaped, an empty line begins a paragraph, a newline is a break."""
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", text))
    return "".join(
        f"<p>{html.escape(part, quote=False).replace(chr(10), '<br>')}</p>" for part in paragraphs if part
    )


def tidy_text(text: str) -> str:
    """NFC text without unseen characters; white space in single marks, no empty lines."""
    lines = (" ".join(line.split()) for line in _UNSEEN.sub("", text).split("\n"))
    return unicodedata.normalize("NFC", "\n".join(line for line in lines if line))


def one_line(markup: str, *, is_html: bool) -> str:
    """A title, name or label as one line of plain text, whatever markup or entities it came with."""
    text = html_to_text(markup) if is_html else tidy_text(markup)
    return " ".join(text.split())
