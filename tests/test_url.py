"""Links: absolute, canonical, slugs. `different` is the table that matters most: a wrong merge loses news."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from pathlib import Path

import feedparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.url import MAX_LENGTH, absolute, canonical, host, may_be_told, slug, untracked

SHARED = Path(__file__).resolve().parents[2] / "shared"
BASE = "https://ex.com/dir/feed.xml"
LEGAL = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d+)?"
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)

ABSOLUTE = [
    ("https://a.com/x?q=1#f", "https://a.com/x?q=1#f"),
    ("HTTPS://A.Com:443/X", "https://a.com/X"),
    (" \n\thttps://a.com/x \r\n", "https://a.com/x"),
    ("https://a.com/lo\nng", "https://a.com/long"),
    ("https://a.com/a\x00b\x1f\x85", "https://a.com/ab"),
    ("\ufeffhttps://a.com/", "https://a.com/"),
    ("https://a.com", "https://a.com/"),
    ("//host.org/x", "https://host.org/x"),
    ("/x y", "https://ex.com/x%20y"),
    ("x.html", "https://ex.com/dir/x.html"),
    ("../x/", "https://ex.com/x/"),
    ("?p=5", "https://ex.com/dir/feed.xml?p=5"),
    ("#item5", "https://ex.com/dir/feed.xml#item5"),
    ("2024/11/27/slug", "https://ex.com/dir/2024/11/27/slug"),
    ("www.a.com/x", "https://www.a.com/x"),
    ("ex.com/blog/post/", "https://ex.com/blog/post/"),
    ("https://a.com/b/../c/./d", "https://a.com/c/d"),
    ("https://a.com:8443/x", "https://a.com:8443/x"),
    ("https://user:pass@a.com/x", "https://a.com/x"),
    ("https://a@b@c.com/x", "https://c.com/x"),
    ("http://[::1]:80/x", "http://[::1]/x"),
    ("http://0x7f.1/x", "http://127.0.0.1/x"),
    ("https://a_b.com/x", "https://a_b.com/x"),
    ("http://a.com\\x", "http://a.com/x"),
    ("http://пример.укр/Шлях?є=ї#ґ", "http://xn--e1afmkfd.xn--j1amh/%D0%A8%D0%BB%D1%8F%D1%85?%D1%94=%D1%97#%D2%91"),
    ("https://한국.kr/뉴스", "https://xn--3e0b707e.kr/%EB%89%B4%EC%8A%A4"),
    ("https://a.com/%zz%", "https://a.com/%25zz%25"),
    ("https://a.com/[x]|^{}`\"<>", "https://a.com/%5Bx%5D%7C%5E%7B%7D%60%22%3C%3E"),
    ("https://a.com/?a[]=1|2", "https://a.com/?a%5B%5D=1%7C2"),
    ("https://a.com/#a#b", "https://a.com/#a%23b"),
    ("https://a.com/%EB%89%B4", "https://a.com/%EB%89%B4"),
]  # fmt: skip

NO_LINK = [
    None, "", "  ", "\n", "javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
    "mailto:a@b.c", "tag:a.com,2024:1", "urn:uuid:1", "ftp://a.com/x", "file:///etc/passwd", "yna:AKR2024",
    "tel:123", "12345", "guid-123", "550e8400-e29b-41d4-a716-446655440000", "77 at https://a.com",
    "Correct Value", "http://", "http:", "https:///x", "http:/x", "http:x", "//", "///x", "http://:80/",
    "http://@/", "http://a.com:99999/", "http://a.com:x/", "http://[::1/", "http://[a]/",
    "http://a b.com/", "http://a%00.com/", "http://1.2.3.4.5/", "http://a..com/", "http://*.com/",
    "http://a\"b.com/", "http://" + "a" * 64 + ".com/", "http://\ud800.com/", "https://a.com/\ud800",
    "https://a.com/" + "x" * MAX_LENGTH, "https://a.com/" + "є" * 1000,
]  # fmt: skip

PAGE = "https://ex.com/news/a-1"
EQUAL = [
    ("http://ex.com/news/a-1", PAGE),
    ("HTTPS://EX.COM/news/a-1", PAGE),
    ("//ex.com/news/a-1", PAGE),
    ("ex.com/news/a-1", PAGE),
    ("https://ex.com:443/news/a-1", PAGE),
    ("http://ex.com:80/news/a-1", PAGE),
    ("https://ex.com./news/a-1", PAGE),
    ("https://u:p@ex.com/news/a-1", PAGE),
    ("https://www.ex.com/news/a-1", PAGE),
    ("https://m.ex.com/news/a-1", PAGE),
    ("https://mobile.ex.com/news/a-1", PAGE),
    ("https://amp.ex.com/news/a-1", PAGE),
    ("https://www.m.ex.com/news/a-1", PAGE),
    ("https://en.m.wikipedia.org/wiki/Kyiv", "https://en.wikipedia.org/wiki/Kyiv"),
    ("https://m-en.yna.co.kr/view/AEN1", "https://en.yna.co.kr/view/AEN1"),
    ("https://news-m.ex.com/a-1", "https://news.ex.com/a-1"),
    ("https://m.yna.co.kr/view/AKR1", "https://www.yna.co.kr/view/AKR1"),
    ("https://www.net.hr/a", "https://net.hr/a"),
    ("https://ex.com/news/a-1/", PAGE),
    ("https://ex.com/news/a-1//", PAGE),
    ("https://ex.com/news/a-1/index.html", PAGE),
    ("https://ex.com/news/a-1/index.php", PAGE),
    ("https://ex.com/index.php?id=5", "https://ex.com/?id=5"),
    ("https://ex.com/x/../news/./a-1", PAGE),
    ("https://ex.com/news/a-1#comments", PAGE),
    ("https://ex.com/news/a-1#", PAGE),
    ("https://ex.com/news/a-1#!", PAGE),
    ("https://ex.com/news/a-1#xtor=RSS-16", PAGE),
    ("https://ex.com/news/a-1#utm_source=rss&utm_medium=feed1", PAGE),
    ("https://ex.com/news/a-1#more-1234", PAGE),
    ("https://ex.com/news/a-1#.Vx12", PAGE),
    ("https://ex.com/news/a-1#:~:text=11%20000", PAGE),
    ("https://ex.com/news/%61-1", PAGE),
    ("https://ex.com/%eb%89%b4", "https://ex.com/%EB%89%B4"),
    ("https://ex.com/뉴", "https://ex.com/%EB%89%B4"),
    ("https://ex.com/a[1]", "https://ex.com/a%5B1%5D"),
    ("https://ex.com/?q=a+b", "https://ex.com/?q=a%20b"),
    ("https://пример.укр/a", "https://xn--e1afmkfd.xn--j1amh/a"),
    ("https://ex.com/v?b=2&a=1", "https://ex.com/v?a=1&b=2"),
    ("https://ex.com/v?a=1&&", "https://ex.com/v?a=1"),
    ("https://ex.com/v?a=1&amp;b=2", "https://ex.com/v?a=1&b=2"),
    ("https://ex.com/v;jsessionid=AB12.x?a=1", "https://ex.com/v?a=1"),
    ("https://ex.com/news/a-1/amp/", PAGE),
    ("https://ex.com/news/a-1/amp", PAGE),
    ("https://ex.com/news/story/amp/", "https://ex.com/news/story"),
    ("https://ex.com/amp/news/a-1", PAGE),
    ("https://ex.com/news/amp/a-1", PAGE),
    ("https://ex.com/news/a-1?amp=1", PAGE),
    ("https://ex.com/news/a-1?amp", PAGE),
    ("https://ex.com/news/a-1/?outputType=amp", PAGE),
    ("https://ex.com/news/a-1.amp", PAGE),
    ("https://ex.com/news/a.amp.html", "https://ex.com/news/a.html"),
    ("https://a.kr/news/articleViewAmp.html?idxno=7", "https://a.kr/news/articleView.html?idxno=7"),
    ("https://www.google.com/amp/s/www.ex.com/news/a-1/amp/", PAGE),
    ("https://google.co.uk/amp/s/amp.ex.com/news/a-1", PAGE),
    ("https://www-ex-com.cdn.ampproject.org/c/s/www.ex.com/news/a-1?amp=1", PAGE),
    ("https://ex-com.cdn.ampproject.org/v/ex.com/news/a-1/", PAGE),
    ("https://www.google.com/url?rct=j&sa=t&url=https://ex.com/news/a-1%3Futm_source%3Dx&ct=ga&usg=AF", PAGE),
    ("https://me.blogspot.com/2024/11/a.html?m=1", "https://me.blogspot.com/2024/11/a.html"),
    ("http://feeds.feedburner.com/~r/a/~3/Xy1/", "https://feeds.feedburner.com/~r/a/~3/Xy1/"),
]  # fmt: skip
TRACKING = [
    "utm_source=rss", "UTM_Medium=feed", "utm_x=1", "fbclid=IwAR0", "gclid=1", "yclid=2", "mc_cid=ab12",
    "mc_eid=1", "at_medium=RSS", "at_campaign=KARANGA", "at_custom1=x", "ref=rss", "ref=RSS_feed", "rss",
    "rss=1", "rss=", "from=rss", "from=public_rss", "plink=RSSREADER", "cmpid=rss1", "partner=rss",
    "partner=rssuserland", "output=rss", "xtor=RSS-3208", "ito=1490", "ns_mchannel=rss",
    "ns_source=PublicRSS20-sa", "feedType=RSS", "source=rss", "CMP=rss", "cid=rss", "ncid=rss_truncated",
    "smid=tw-share", "ocid=socialflow_twitter", "traffic_source=rss", "ref=twitter", "amp;utm_campaign=s5",
    "wt_mc=rss.x", "_ga=1.2", "igshid=1", "msclkid=1", "emc=rss", "Echobox=17",
]  # fmt: skip
EQUAL += [(f"{PAGE}?{field}", PAGE) for field in TRACKING]
EQUAL += [(f"https://ex.com/view?{field}&no=7", "https://ex.com/view?no=7") for field in TRACKING]

DIFFERENT = [
    (f"https://ex.com/view?{name}=1023", f"https://ex.com/view?{name}=1024")
    for name in (
        "id", "p", "article", "no", "aid", "idxno", "v", "ref", "from", "cid", "oid", "sid", "seq",
        "source", "src", "type", "code", "context", "news", "nid", "uid", "gid", "key", "page", "m",
        "output", "mod", "cmp", "ncid", "smid", "rss", "amp", "part", "feed", "t", "si", "session",
        "pk_id", "at_id", "story", "title",
    )
]  # fmt: skip
DIFFERENT += [
    ("https://ex.com/a-1", "https://ex.com/a-2"),
    ("https://ex.com/a", "https://ex.com/A"),
    ("https://ex.com/a", "https://ex.org/a"),
    ("https://ex.com/a", "https://ex.com:8080/a"),
    ("https://ex.com:8080/a", "https://ex.com:8081/a"),
    ("https://en.ex.com/a", "https://ko.ex.com/a"),
    ("https://en.yna.co.kr/view/1", "https://www.yna.co.kr/view/1"),
    ("https://m.co.uk/a", "https://n.co.uk/a"),
    ("https://m.com/a", "https://com/a"),
    ("https://amp.dev/a", "https://dev/a"),
    ("https://m.blogspot.com/2024/a", "https://amp.blogspot.com/2024/a"),
    ("https://m.github.io/a", "https://mobile.github.io/a"),
    ("https://m.tistory.com/1", "https://amp.tistory.com/1"),
    ("https://mm.ex.com/a", "https://ex.com/a"),
    ("https://m1.ex.com/a", "https://ex.com/a"),
    ("https://ex.com/view?id=1&no=2", "https://ex.com/view?id=2&no=1"),
    ("https://ex.com/view?id=1", "https://ex.com/view"),
    ("https://ex.com/?p=1", "https://ex.com/?p=2"),
    ("https://ex.com/?1", "https://ex.com/?2"),
    ("https://ex.com/?/archives/608-a.html", "https://ex.com/?/archives/607-b.html"),
    ("https://ex.com/view?ref=feed-the-hungry-2024", "https://ex.com/view?ref=rss-explained-2024"),
    ("https://ex.com/view?ref=press-freedom", "https://ex.com/view?ref=across-the-border"),
    ("https://ex.com/view?from=seoul-to-kyiv", "https://ex.com/view?from=kyiv-to-seoul"),
    ("https://ex.com/view?source=reuters", "https://ex.com/view?source=yonhap"),
    ("https://ex.com/view?id=rss", "https://ex.com/view?id=atom"),
    ("https://ex.com/view?q=a%26b", "https://ex.com/view?q=a&b"),
    ("https://ex.com/view?q=a%2Bb", "https://ex.com/view?q=a+b"),
    ("https://ex.com/a%2Fb", "https://ex.com/a/b"),
    ("https://ex.com/a%3Fb", "https://ex.com/a?b"),
    ("https://ex.com/%2541", "https://ex.com/A"),
    ("https://ex.com/news#165", "https://ex.com/news#164"),
    ("https://ex.com/#p435", "https://ex.com/#p434"),
    ("https://ex.com/news.html#e2024-11-27", "https://ex.com/news.html#e2024-11-28"),
    ("https://ex.com/2002/09/29#lawAndOrder", "https://ex.com/2002/09/29#earlyNotes"),
    ("https://ex.com/app#!/a", "https://ex.com/app#!/b"),
    ("https://ex.com/#/post/a", "https://ex.com/#/post/b"),
    ("https://ex.com/app#id=5", "https://ex.com/app#id=6"),
    ("https://ex.com/amp/marshall", "https://ex.com/marshall"),
    ("https://ex.com/guitar-amp", "https://ex.com/guitar"),
    ("https://ex.com/camp", "https://ex.com/c"),
    ("https://ex.com/news/amplify-1", "https://ex.com/news/lify-1"),
    ("https://ex.com/index.html/a", "https://ex.com/a"),
    ("https://ex.com/a.html", "https://ex.com/a"),
    ("https://ex.com/a.php", "https://ex.com/a.html"),
    ("https://ex.com//a", "https://ex.com/a"),
    ("https://ex.com/2024/01/?m=1", "https://ex.com/2024/01/?m=2"),
    ("https://feeds.feedburner.com/~r/a/~3/Xy1/", "https://feeds.feedburner.com/~r/a/~3/xy1/"),
    ("https://feedproxy.google.com/~r/a/~3/b/amp", "https://feedproxy.google.com/~r/a/~3/b"),
    ("https://www.google.com/url?url=https://a.com/1", "https://www.google.com/url?url=https://a.com/2"),
    ("https://www.google.com/amp/s/a.com/1", "https://www.google.com/amp/s/b.com/1"),
    ("https://news.google.com/rss/articles/CBMi1?oc=5", "https://news.google.com/rss/articles/CBMi2?oc=5"),
    ("https://youtube.com/watch?v=abc&t=5", "https://youtube.com/watch?v=abd&t=5"),
]  # fmt: skip

HOMES = [
    "", " ", "https://ex.com", "https://ex.com/", "https://www.ex.com/?utm_source=rss",
    "http://ex.com/index.html", "https://ex.com/#top", "https://ex.com/?rss", "ex.com", "guid-1", "/a/b",
    "?p=1", "#a1", "tag:ex.com,2024:1", "urn:uuid:1-2", "mailto:a@b.com", "mailto:a@b.com/x",
    "javascript:alert(1)", "ftp://ex.com/a", "http://[::1", "http://ex.com:99999/a",
    "https://google.com/amp/s/ex.com/", "https:///a",
]  # fmt: skip

SLUGS = [
    ("https://en.yna.co.kr/RSS/news.xml", "en-yna-co-kr-rss-news"),
    ("https://kyivindependent.com/news-archive/rss/", "kyivindependent-com-news-archive"),
    ("https://www.ex.com/feed/", "ex-com"),
    ("https://ex.com/rss/index.xml", "ex-com"),
    ("https://ex.com/rss_full.xml", "ex-com-rss-full"),
    ("https://ex.com/feed?section=5&alt=rss", "ex-com-section-5"),
    ("https://ex.com/do?plink=RSSREADER", "ex-com-do"),
    ("http://127.0.0.1:8080/a.xml", "127-0-0-1-8080-a"),
    ("http://[::1]/a.xml", "1-a"),
    ("https://ex.com/société/feed", "ex-com-societe"),
    ("https://пример.укр/feed", "xn-e1afmkfd-xn-j1amh"),
]  # fmt: skip

names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
slugs = st.from_regex(r"[a-z]{2,8}(-[a-z0-9]{2,8}){1,4}", fullmatch=True)
hosts = st.builds(lambda a, b: f"{a}x.{b}", names, st.sampled_from(["com", "ua", "co.kr", "com.ua", "org"]))
paths = st.builds(lambda parts, last: "/".join(["", *parts, last]), st.lists(names, max_size=3), slugs)
articles = st.builds(
    lambda h, p, n: f"{h}{p}?idxno={n}" if n else h + p, hosts, paths, st.none() | st.integers(1, 10**9)
)
pieces = r"""
http:// https:// // / ? # & = ; : @ . .. % %2e %41 %zz %25 + ! amp amp; .amp .html index.html www. m. m- -m a
b1 utm_source=rss ref= rss google.com /amp/s/ x.cdn.ampproject.org/c/s/ /url?url= xn-- [ ] \ є 뉴 ~r :~: a.com
b.co.kr 80 443 aB
"""
url_like = st.lists(st.sampled_from(pieces.split()) | st.characters(), max_size=14).map("".join)


@pytest.mark.parametrize(("raw", "expected"), ABSOLUTE)
def test_a_link_becomes_absolute_legal_and_ascii(raw: str, expected: str) -> None:
    assert absolute(raw, BASE) == expected
    assert LEGAL.fullmatch(expected)
    assert absolute(expected, BASE) == expected


@pytest.mark.parametrize("raw", NO_LINK)
def test_what_is_no_link_gives_none(raw: str | None) -> None:
    assert absolute(raw, BASE) is None


@pytest.mark.parametrize(
    "base", ["", "nonsense", "/relative", "mailto:a@b.c", "http://[", "data:x", "\ud800"]
)
def test_a_bad_base_spoils_relative_links_only(base: str) -> None:
    assert absolute("https://a.com/x", base) == "https://a.com/x"
    assert absolute("/x", base) is None
    assert absolute("//a.com/x", base) is None


def test_a_scheme_relative_link_takes_the_scheme_of_its_base() -> None:
    assert absolute("//a.com/x", "http://ex.com/") == "http://a.com/x"


@given(st.text() | url_like, st.text() | st.just(BASE))
def test_any_text_gives_a_legal_bounded_url_or_none(raw: str, base: str) -> None:
    url = absolute(raw, base)
    if url is not None:
        assert LEGAL.fullmatch(url)
        assert len(url) <= MAX_LENGTH
        assert host(url)
        assert absolute(url, "") == url


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_twins_have_one_canonical_url(left: str, right: str) -> None:
    assert canonical(left) == canonical(right) is not None


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_two_articles_never_have_one_canonical_url(left: str, right: str) -> None:
    assert canonical(left) != canonical(right)


@pytest.mark.parametrize("url", HOMES)
def test_what_singles_out_no_entry_has_no_canonical_url(url: str) -> None:
    assert canonical(url) is None


def test_a_canonical_url_reads_as_host_path_and_query() -> None:
    assert canonical("https://www.Ex.com/a/?b=2&a=1&utm_source=rss#top") == "ex.com/a?a=1&b=2"
    assert canonical("https://ex.com/?p=12") == "ex.com/?p=12"
    assert canonical("https://ex.com/#!/a") == "ex.com/#!/a"


@given(st.text() | url_like)
@example("https://a.com:80/x")
@example("http://ex.com/a&amp;amp;b?a&amp;amp;b")
@example("http://a/x.amp/amp/index.html")
@example("http://m.m-m.www.x.co.kr/a")
@example("http://http://x/y")
@example("http://a.com/b#a=1&.b")
@example("http://www.0.cdn.ampproject.org/%61/0.0/0")
@example("http://x.cdn.ampproject.org/amp/a/0.0/b1")
@example("http://google.com/url?amp;url=http://a.com/b")
def test_canonical_is_idempotent_on_any_text(text: str) -> None:
    once = canonical(text)
    if once is not None:
        assert canonical(once) == once


@given(
    articles,
    st.sampled_from(["", "http://", "https://", "https://www.", "http://m.", "https://amp."]),
    st.lists(st.sampled_from(TRACKING), max_size=4),
    st.from_regex(r"(#[a-z-]{0,9})?", fullmatch=True),
)
def test_scheme_twins_tracking_and_fragment_change_nothing(
    article: str, prefix: str, tracking: list[str], fragment: str
) -> None:
    query = "&".join(tracking)
    joint = ("&" if "?" in article else "?") if query else ""
    assert canonical(f"{prefix}{article}{joint}{query}{fragment}") == canonical(article) is not None


@given(articles, articles)
def test_distinct_articles_stay_distinct(left: str, right: str) -> None:
    assert (canonical(left) == canonical(right)) == (left == right)


@given(
    hosts, st.sampled_from(["id", "p", "no", "aid", "ref", "from", "cid"]), st.integers(100), st.integers(100)
)
def test_distinct_numbers_stay_distinct(site: str, name: str, left: int, right: int) -> None:
    pair = {canonical(f"https://{site}/view?{name}={number}") for number in (left, right)}
    assert len(pair) == len({left, right})


@pytest.mark.parametrize(("url", "expected"), SLUGS)
def test_a_slug_is_readable(url: str, expected: str) -> None:
    assert slug(url) == expected


@given(st.text() | url_like)
@example("")
@example("\ud800")
@example("http://-_-/")
@example("https://ex.com/" + "long-path/" * 30)
def test_a_slug_is_an_id_whatever_the_text(text: str) -> None:
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", name)
    assert len(name) <= 80
    assert slug(text) == name


def test_long_urls_that_differ_at_the_end_have_different_slugs() -> None:
    long = "https://ex.com/" + "very-long-path/" * 10
    assert slug(long + "a") != slug(long + "b")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://User@EX.com:8080/x", "ex.com"),
        ("http://пример.укр/", "xn--e1afmkfd.xn--j1amh"),
        ("http://[::1]:80/", "::1"),
        ("nonsense", ""),
        ("tag:ex.com,2024:1", ""),
    ],
)
def test_a_host_is_lower_case_without_port(url: str, expected: str) -> None:
    assert host(url) == expected


def _links(document: Path) -> set[str]:
    parsed = feedparser.parse(
        io.BytesIO(document.read_bytes()), sanitize_html=False, resolve_relative_uris=False
    )
    base = parsed.feed.get("link") or BASE
    links = (absolute(entry.get("link"), base) for entry in parsed.entries)
    return {link for link in links if link}


def _without_tracking(url: str) -> str:
    """The link without a query of nothing but tracking, as far as the corpus knows it."""
    return (
        re.sub(r"\?(?:&?(?:utm_\w+|ref|rss|at_\w+|ncid)(?:=[^&]*)?)+$", "", url).split("://")[-1].rstrip("/")
    )


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "corpus").is_dir(), reason="the shared corpus is not here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_two_entries_of_a_real_feed_share_a_canonical_url() -> None:
    collisions = []
    seen = 0
    for folder in ("real", "derived"):
        for document in sorted((SHARED / "corpus" / folder).rglob("*")):
            if not document.is_file() or document.stat().st_size > 1_000_000:
                continue
            twins = defaultdict(set)
            for link in _links(document):
                seen += 1
                twins[canonical(link)].add(_without_tracking(link))
            collisions += [(document.name, links) for key, links in twins.items() if key and len(links) > 1]
    assert seen > 1000
    assert collisions == []


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "sources").is_dir(), reason="the shared list of sources is not here")
def test_real_sources_have_different_slugs() -> None:
    lines = (SHARED / "sources" / "feeds.tsv").read_text("utf-8").splitlines()[1:]
    urls = {line.split("\t")[1] for line in lines}
    assert len({slug(url) for url in urls}) == len(urls) > 400


@pytest.mark.parametrize(
    ("link", "published"),
    [
        ("https://a.example/x?utm_source=rss&id=7&fbclid=1", "https://a.example/x?id=7"),
        ("https://a.example/x?utm_source=rss", "https://a.example/x"),
        ("https://a.example/x?amp;UTM_Medium=feed#top", "https://a.example/x#top"),
        ("https://a.example/x#xtor=RSS-3208", "https://a.example/x"),
        (
            "https://a.example/x?q=b&a=1#utm_source=rss&id=2",
            "https://a.example/x?q=b&a=1#utm_source=rss&id=2",
        ),
        # What may tell articles apart, or how a page is shown, stays, and so does how it is written
        ("https://a.example/x?ref=rss&b=%C3%a4&&a", "https://a.example/x?ref=rss&b=%C3%a4&&a"),
        ("https://a.example/x?", "https://a.example/x?"),
        ("https://a.example/#!/y?utm_source=rss", "https://a.example/#!/y?utm_source=rss"),
        ("https://a.example/?next=https://b.example/?utm_source=rss", None),
    ],
)
def test_a_link_is_published_without_what_only_tells_how_a_reader_came(
    link: str, published: str | None
) -> None:
    assert untracked(link) == (published or link)
    assert untracked(untracked(link)) == untracked(link)
    assert canonical(untracked(link)) == canonical(link)


@pytest.mark.parametrize(
    "feed",
    [
        "https://en.yna.example/RSS/news.xml",
        "https://feeds.example.org/world-news-2024/atom.xml?edition=uk&n=100",
        "http://93.184.216.34/rss",
        "https://outlet.example:8443/?feed=rss2&cat=12",
    ],
)
def test_where_a_public_feed_is_may_be_told(feed: str) -> None:
    assert may_be_told(feed)


@pytest.mark.parametrize(
    "feed",
    [
        "https://me:secret@outlet.example/rss",
        "https://me@outlet.example/rss",
        "https://outlet.example/rss?key=abc",
        "https://outlet.example/rss?Token=abc",
        "https://outlet.example/rss?a=k3YqT8vXw2Nb6RmZ",
        "https://outlet.example/feed/k3YqT8vXw2Nb6RmZ.rss",
        "https://outlet.example/private/4f9d2c1e-aaaa-bbbb-cccc-0123456789ab.rss",
        "https://outlet.example/s/Zm9vYm-Fy_Zm9vYmFy1xQ/rss",
        "https://outlet.example/%6b3YqT8vXw2Nb6RmZ",
        "http://127.0.0.1/rss",
        "http://[::1]/rss",
        "http://10.1.2.3/rss",
        "http://nas/rss",
        "http://nas.local/rss",
        "http://feeds.corp/rss",
        "not a url",
    ],
)
def test_where_a_feed_is_that_may_be_for_one_person_is_not_told(feed: str) -> None:
    assert not may_be_told(feed)
