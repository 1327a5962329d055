"""Feeds and answers as they may come: hypothesis strategies, from well-formed to hostile."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

_SNIPPETS = (
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "&lt;b&gt;",
        "&amp;lt;i&gt;",
    ),
    *(
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&#x202e;",
        "&#0;",
        "&#xd800;",
        "&nbsp;",
        "&nosuch;",
        "<svg><style><img>",
    ),
    *(
        "\u202e",
        "\u2066",
        "\x00",
        "\x1b",
        "\ufeff",
        "\ufffe",
        "\U0001f600",
        "e\u0301",
        "한국",
        "Україна",
        "\r",
        "\n\n",
    ),
    *("<p>", "</p>", "<br/>", "<a href='x'>", "<table>", "\u2028", "'", '"', "<", ">", "&", "%00", "{{1}}"),
)
_TYPES = (
    *(
        None,
        "application/rss+xml",
        "text/xml; charset=utf-8",
        "text/xml; charset=koi8-r",
        "application/atom+xml",
    ),
    *(
        "text/html",
        "application/json",
        "text/xml; charset=undefined",
        "text/xml; charset=utf-7",
        ";;charset=\xe9",
    ),
)
_ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251", "euc-kr", "latin-1")

texts: st.SearchStrategy[str] = st.lists(
    st.one_of(st.sampled_from(_SNIPPETS), st.text(max_size=12)), max_size=6
).map("".join)
"""Words, markup, and characters that hide or break something."""

dates: st.SearchStrategy[str] = st.one_of(
    st.datetimes().map(lambda moment: f"{moment:%a, %d %b %Y %H:%M:%S} GMT"),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(("Thu, 01 Jan 1970 00:00:00 GMT", "31 Dec 9999", "0000-00-00", "9" * 50, "now", "")),
    st.text(max_size=20),
)

links: st.SearchStrategy[str] = st.one_of(
    st.integers(0, 9).map(lambda number: f"https://a.example/{number}"),
    st.sampled_from(
        (
            "",
            "/x",
            "//b.example/y",
            "x?y#z",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://[::1",
            "mailto:a@b.example",
        )
    ),
    texts,
)


def _element(name: str, texts: st.SearchStrategy[str], *, is_raw: bool = False) -> st.SearchStrategy[str]:
    def wrap(text: str) -> str:
        return f"<{name}>{text if is_raw else escape(text)}</{name}>"

    return texts.map(wrap)


def _some(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Some of these, in any order, some twice."""
    return st.lists(st.one_of(*parts), max_size=10).map("".join)


_rss_items = _some(
    _element("title", texts),
    _element("title", texts, is_raw=True),
    _element("link", links),
    _element("guid", links),
    _element("pubDate", dates),
    _element("author", texts),
    _element("dc:creator", texts),
    _element("category", texts),
    _element("description", texts),
    _element("content:encoded", texts),
    links.map(lambda link: f"<enclosure url={quoteattr(link)} type='audio/mpeg' length='-1'/>"),
    links.map(lambda link: f"<media:thumbnail url={quoteattr(link)}/>"),
).map(lambda item: f"<item>{item}</item>")

_rss_heads = _some(
    _element("title", texts),
    _element("link", links),
    _element("language", st.sampled_from(("en", "ko-KR", "xx", "x" * 50)) | texts),
    _element("ttl", st.integers(-5, 10**12).map(str) | texts),
    st.lists(st.integers(-1, 30).map(str), max_size=26).map(
        lambda hours: "<skipHours>" + "".join(f"<hour>{hour}</hour>" for hour in hours) + "</skipHours>"
    ),
    _element("sy:updatePeriod", st.sampled_from(("hourly", "daily", "never")) | texts),
    _element("sy:updateFrequency", st.integers(-1, 10**9).map(str)),
)

rss: st.SearchStrategy[str] = st.builds(
    lambda head, items: (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">'
        f"<channel>{head}{''.join(items)}</channel></rss>"
    ),
    _rss_heads,
    st.lists(_rss_items, max_size=5),
)

_atom_entries = _some(
    st.tuples(
        st.sampled_from(("title", "summary", "content", "rights")),
        st.sampled_from(("text", "html", "xhtml", "a/b")),
        texts,
    ).map(lambda made: f'<{made[0]} type="{made[1]}">{escape(made[2])}</{made[0]}>'),
    _element("id", links),
    _element("updated", dates),
    _element("published", dates),
    texts.map(lambda name: f"<author><name>{escape(name)}</name></author>"),
    texts.map(lambda term: f"<category term={quoteattr(term)}/>"),
    st.tuples(st.sampled_from(("alternate", "enclosure", "self")), links).map(
        lambda made: f"<link rel='{made[0]}' href={quoteattr(made[1])}/>"
    ),
).map(lambda entry: f"<entry>{entry}</entry>")

atom: st.SearchStrategy[str] = st.builds(
    lambda title, base, entries: (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base={quoteattr(base)}><title>{escape(title)}</title>'
        f"{''.join(entries)}</feed>"
    ),
    texts,
    links,
    st.lists(_atom_entries, max_size=5),
)

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_json_items = st.fixed_dictionaries(
    {},
    optional={
        "id": links | _json_values,
        "url": links,
        "title": texts | _json_values,
        "content_html": texts,
        "content_text": texts,
        "date_published": dates | _json_values,
        "tags": st.lists(texts, max_size=3) | _json_values,
        "authors": st.lists(st.fixed_dictionaries({"name": texts}), max_size=2) | _json_values,
        "attachments": st.lists(st.fixed_dictionaries({"url": links}), max_size=2) | _json_values,
        "image": links,
    },
)
json_feeds: st.SearchStrategy[str] = st.builds(
    lambda title, items: json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": title, "items": items}
    ),
    texts | _json_values,
    st.lists(_json_items, max_size=4) | _json_values,
)


def _encoded(document: str, encoding: str, declared: str | None) -> bytes:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared and not document.startswith("{") else ""
    return (head + document).encode(encoding, "replace")


def _damaged(body: bytes, at: float, what: bytes, cut: bool) -> bytes:
    place = int(at * len(body))
    return body[:place] + what + (b"" if cut else body[place:])


whole_documents: st.SearchStrategy[bytes] = st.builds(
    _encoded,
    st.one_of(rss, atom, json_feeds),
    st.sampled_from(_ENCODINGS),
    st.none() | st.sampled_from((*_ENCODINGS, "undefined", "utf-7", "x")),
)
"""Feeds of all formats, in all encodings, with a declaration that may be wrong."""

documents: st.SearchStrategy[bytes] = st.one_of(
    whole_documents,
    st.builds(
        _damaged,
        whole_documents,
        st.floats(0, 1),
        st.sampled_from((b"", b"<", b"&", b"\0", b"\xff\xfe", b"]]>", b"<!DOCTYPE x [", b"<item>", b"</rss>"))
        | st.binary(max_size=9),
        st.booleans(),
    ),
    st.binary(max_size=200),
)
"""The same, and what is left of them when they are cut or something is put in."""

content_types: st.SearchStrategy[str | None] = st.sampled_from(_TYPES)


def _answer(status: int, headers: dict[str, str], body: bytes, pack: Callable[[bytes], bytes]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nConnection: close\r\n{lines}\r\n".encode("latin-1", "replace") + pack(
        body
    )


_field_values = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30
)
_fields: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from([kind for kind in _TYPES if kind]) | _field_values,
        "Content-Length": st.sampled_from(("0", "5", "-1", "99999", "1, 2", "x")),
        "Content-Encoding": st.sampled_from(("gzip", "deflate", "br", "identity", "gzip, gzip", "zap")),
        "Transfer-Encoding": st.sampled_from(("chunked", "gzip, chunked", "x")),
        "ETag": _field_values,
        "Last-Modified": _field_values
        | dates.filter(lambda date: "\n" not in date and date.isascii() and date.isprintable()),
        "Cache-Control": st.sampled_from(
            ("max-age=60", "max-age=99999999999999", "no-cache", "max-age=-1", "max-age=x")
        ),
        "Expires": _field_values,
        "Retry-After": st.sampled_from(
            ("0", "60", "99999999999999999999", "-1", "soon", "Fri, 31 Dec 9999 23:59:59 GMT")
        ),
        "Location": st.sampled_from(("/elsewhere", "//[", "file:///etc/passwd", "http://", "\xe9", "/"))
        | _field_values,
    },
)
answers: st.SearchStrategy[bytes] = st.one_of(
    st.builds(
        _answer,
        st.sampled_from(
            (200, 200, 200, 204, 206, 301, 302, 304, 308, 400, 401, 403, 404, 410, 429, 500, 503, 599, 999)
        ),
        _fields,
        documents,
        st.sampled_from((lambda body: body, gzip.compress, lambda body: gzip.compress(body)[:-9])),
    ),
    st.binary(max_size=100),
)
"""What a server may send on a connection, byte for byte."""
