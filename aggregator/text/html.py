"""Untrusted HTML → HTML that is safe to store and show, and plain text."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

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
    # The last two tell an image that nobody sees; they go with the addresses' second look
    "img": {"src", "alt", "title", "width", "height", "style", "hidden"},
    "ins": {"datetime"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
_DROPPED_WHOLE = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math"}
_SCHEMES = {"http", "https", "mailto"}

_LONGEST = 500_000  # of an article in full, a hundredth of it is usual
_LONGEST_ADDRESS = 300
_DEEPEST = 200
_MOST_ATTRIBUTES = 100
# Elements that end where the next of their kind begins
_OPEN_ENDED = frozenset({
    *("area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option"),
    *("p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr"),
})  # fmt: skip
_SIMPLE_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)([^>]*)")
# As the cleaner writes them
_LINKED = re.compile(r'<(a|img)((?: [a-z]+="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_UNSEEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:width|height)\s*:\s*[01](?:px)?\s*(?:;|$)", re.I
)
_UNSEEN_SIZE = re.compile(r"[01](?:px)?")
_COUNTING = re.compile(
    r"https?://(?:pixel\.wp\.com|(?:stats|pixel)\.wordpress\.com|feeds\.wordpress\.com/1\.0/"
    r"|feeds\.feedburner\.com/~r/|[^/]*\.doubleclick\.net"
    r"|(?:www|ssl)\.google-analytics\.com|www\.facebook\.com/tr\b|counter\.theconversation\.com"
    r"|(?:[^/]*\.)?(?:scorecardresearch|quantserve|statcounter|imrworldwide)\.com)(?=[/?#]|$|(?<=/))",
    re.IGNORECASE,
)
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|dd|details|div|dl|dt|figcaption|figure|h[1-6]|hr|li"
    r"|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)\b"
    r'[^<>"]*+(?:"[^"]*+"[^<>"]*+){0,50}+>',
    re.IGNORECASE,
)
_TAG = re.compile(
    r'<(script|style)\b.*?(?:</\1\s*>|\Z)|</?[a-zA-Z][^<>"]*+(?:"[^"]*+"[^<>"]*+){0,50}+>|<!--.*?(?:-->|\Z)',
    re.DOTALL | re.IGNORECASE,
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Controls, and what turns the direction of text beyond its element
_UNFIT = re.compile(f"[{_CONTROL.pattern[1:-1]}\u202a-\u202e\u2066-\u2069]")
# Controls, and what hides or reorders text: bidirectional marks, zero-width characters, soft hyphens
_UNSEEN = re.compile(
    f"[{_CONTROL.pattern[1:-1]}\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)

# Elements that are dropped, though not what is in them: they hold apart what must not stand in one another
_BARRIER = re.compile(
    "<(?:applet|article|aside|button|center|fieldset|font|footer|form|header|main|marquee|nav|section)[\\s>]",
    re.I,
)

_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags=_DROPPED_WHOLE,
    url_schemes=_SCHEMES,
    url_relative="pass_through",
    link_rel="noopener noreferrer nofollow",
)


class CleanHtml(NamedTuple):
    """Safe HTML, and how many images that only count readers were left out of it."""

    markup: str
    trackers: int


def clean_html(markup: str, *, resolve: Callable[[str], str | None]) -> CleanHtml:
    """HTML of an allow-list of elements, attributes and URL schemes.

    Images that only count readers are left out: one pixel wide or high, hidden, or from a host that does
    nothing else. What is too long is cut; what is nested too deep becomes plain text.
    `resolve` makes the address of a link or an image absolute, or drops it with None.
    """
    cleaned = _CLEANER.clean(_UNFIT.sub("", _within_bounds(markup)))
    if _BARRIER.search(markup):
        cleaned = _CLEANER.clean(cleaned)
    trackers = 0

    def look_again(found: re.Match[str]) -> str:
        nonlocal trackers
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(found[2])}
        if found[1] == "img" and _counts_readers(attributes):
            trackers += 1
            return ""
        return _tag(found[1], attributes, resolve)

    # Character references bring in new ones
    return CleanHtml(_LINKED.sub(look_again, _UNFIT.sub("", cleaned)).strip(), trackers)


def _within_bounds(markup: str) -> str:
    """Markup that takes the cleaner a time in proportion to its length: it is slow with deep trees."""
    if len(markup) > _LONGEST:
        start = markup[:_LONGEST]
        is_within_tag = start.rfind("<") > start.rfind(">")
        markup = (start[: start.rfind("<")] if is_within_tag else start) + "…"
    open_tags: Counter[str] = Counter()
    depth = 0
    for tag in _SIMPLE_TAG.finditer(markup):
        name = tag[2].lower()
        if (
            tag[3].count("=") > _MOST_ATTRIBUTES
            or len(tag[3].split(None, _MOST_ATTRIBUTES)) > _MOST_ATTRIBUTES
        ):
            return text_to_html(html_to_text(markup))
        if name in _OPEN_ENDED:
            continue
        if not tag[1]:
            open_tags[name] += 1
            depth += 1
        elif open_tags[name]:
            open_tags[name] -= 1
            depth -= 1
        if depth > _DEEPEST:
            return text_to_html(html_to_text(markup))
    return markup


def _counts_readers(attributes: dict[str, str]) -> bool:
    return (
        "hidden" in attributes
        or any(_UNSEEN_SIZE.fullmatch(attributes.get(side, "")) for side in ("width", "height"))
        or _UNSEEN_STYLE.search(attributes.get("style", "")) is not None
        or _COUNTING.match(attributes.get("src", "")) is not None
    )


def _tag(name: str, attributes: dict[str, str], resolve: Callable[[str], str | None]) -> str:
    kept = []
    for key, value in attributes.items():
        if key in ("href", "src"):
            address = _mail(value) if key == "href" else None
            address = address or resolve(value)
            if not address:
                continue
            value = address
        elif key in ("style", "hidden"):
            continue
        kept.append(f' {key}="{html.escape(value, quote=False).replace(chr(34), "&quot;")}"')
    return f"<{name}{''.join(kept)}>"


def _mail(raw: str) -> str | None:
    address = "".join(raw.split())
    is_mail = address.lower().startswith("mailto:") and len(address) <= _LONGEST_ADDRESS
    return address if is_mail else None


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
