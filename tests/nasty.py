"""Sources that are well meant and badly made: what feeds of the wild put where validators look."""

from __future__ import annotations

from html import escape

_ROOT = (
    '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
)
_DATE = "<pubDate>Wed, 27 Nov 2024 09:%02d:00 GMT</pubDate>"
LONG = "A title that does not end " * 400

ITEMS = (
    # Podcasts
    '<title>Episode one report</title><enclosure url="https://cdn.example/1.mp3?dest=1&amp;x=%e9" length="" type=""/>'
    "<itunes:duration>1:02:03</itunes:duration><itunes:explicit>clean</itunes:explicit><itunes:episode>x</itunes:episode>"
    '<itunes:image href="https://cdn.example/i.webp"/><itunes:author>A &amp;amp; B &lt;a@b.example&gt;</itunes:author>',
    '<title>Episode two report</title><enclosure url="https://my_cdn.example.com/2.mp3" length="-1" type="mp3"/>'
    '<enclosure url="https://cdn.example/2.ogg" length="99999999999999999999" type="audio/ogg; codecs=x"/>'
    '<enclosure url="3.mp4"/><enclosure url="http://localhost/4.mp3" type="AUDIO/MPEG" length="1.5"/>',
    '<title>Third episode report</title><enclosure url="https://cdn.example/3.opus" type="audio/opus"/>'
    "<itunes:duration>-5</itunes:duration><itunes:author>&lt;b&gt;x&lt;/b&gt;</itunes:author>",
    '<title>Fourth episode report</title><enclosure url="https://cdn.example/play?id=4" type="audio/mpeg"/>'
    "<itunes:duration>3661</itunes:duration><itunes:explicit>true</itunes:explicit>"
    "<itunes:episodeType>FULL</itunes:episodeType>",
    '<title>Pictures report</title><media:group><media:content url="https://cdn.example/a b.jpg" medium="image"/>'
    '<media:content url="//cdn.example/c.webm" type="video/webm" fileSize="0" duration="x"/></media:group>'
    '<media:thumbnail url="https://[2001:db8::1]/t.png"/><media:thumbnail url="data:image/png;base64,AA=="/>',
    # People
    "<title>Authors report</title><author>desk@outlet.example (A, B &amp; C)</author>"
    "<dc:creator>John &lt;john@outlet.example&gt;</dc:creator>",
    "<title>Authors again report</title><author>&lt;b&gt;Ann&lt;/b&gt; &amp;amp;copy; &amp;#39;</author>",
    # Titles
    "<title>&lt;b&gt;Bold&lt;/b&gt; &amp;amp;lt;/p&amp;amp;gt; report</title>",
    "<title>How to close a &amp;lt;/p&amp;gt; tag: a report on &amp;amp;amp; &amp;amp;copy;</title>",
    "<title><![CDATA[How to close a &lt;/p&gt; tag & <i>more</i>: report &#0; &#x1FFFE;]]></title>",
    f"<title>{LONG}report</title><description>{LONG * 3}</description>",
    "<title></title><description>report &lt;img src='/x.png' onerror='a()'&gt; &lt;script&gt;1&lt;/script&gt;"
    "</description>",
    "<title>Ã\x83Â© cafÃ© â\x80\x99 \x85 report \ufdd0 \U0001fffe \ufffd</title>",
    "<title>👩‍🚀 🇺🇦 report \u202eевил\u202c \u2066x\u2069 تقرير report שלום</title>",
    "<title>한국 우크라이나 방산 report 中文 日本語</title><language>yue</language>",
    # Dates
    "<title>Old report</title><pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>",
    "<title>Future report</title><pubDate>Fri, 01 Jan 2099 00:00:00 GMT</pubDate>",
    "<title>Undated report</title><pubDate>yesterday, perhaps</pubDate><dc:date>0000-00-00</dc:date>",
    # Addresses
    "<title>Relative report</title><link>/a/./b/../c?x=[1]|{2}#d#e</link>",
    "<title>Script report</title><link>javascript:alert(1)</link><comments>javascript:alert(1)</comments>",
    "<title>IRI report</title><link>https://новини.example/стаття один?що=«так»</link>"
    "<guid>не адреса &lt;/b&gt;</guid>",
    "<title>IPv6 report</title><link>http://[2001:db8::1]:80/x</link><guid isPermaLink='perhaps'>1</guid>",
    "<title>Credentials report</title><link>https://u:p@outlet.example:443/%7Ex%e9</link>",
    # Categories
    "<title>Categories report</title><category></category><category>R&amp;amp;D &lt;/b&gt;</category>"
    "<category domain='x y'>&amp;copy;</category><category>한국</category>",
    # Content
    "<title>Styled report</title><content:encoded><![CDATA[<p style='position:fixed' onclick='x()'>a"
    "<iframe src='x'></iframe><embed src=x><object><p>b</object><form><input></form><a href='/rel'>c</a>"
    "<img src=d.png srcset='e 2x'>"
    "<video src=f></video><svg><script>g</script></svg><math><mi>h</mi></math><custom-tag>i</custom-tag></p>]]>"
    "</content:encoded>",
    "<title>Nested report</title><content:encoded><![CDATA[<p><button><p>a</p></button></p>"
    "<ul><li><section><li>b</section></ul><h1><font><h2>c</h2></font></h1><a href=https://x.example/><marquee><a href=https://y.example/>d</a></marquee>"
    "</a><table><tr>e<td>f</table><p>unclosed <b>g <i>h</b> j]]></content:encoded>",
    "<title>Ruby report</title><content:encoded><![CDATA[<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>"
    "<p dir=auto lang='x y'>a &nbsp; &bogus; &#128; &#xD800; &lt;b&gt;</p><!-- <p> --><br/></br>"
    "<?php x ?>]]></content:encoded>",
)  # fmt: skip


def nasty(*, head: str = "", items: tuple[str, ...] = ITEMS, first: int = 0) -> bytes:
    """An RSS document with these items; those without a link or date of their own get one."""
    told = []
    for number, item in enumerate(items, first):
        link = "" if "<link>" in item else f"<link>https://outlet.example/{number}</link>"
        date = "" if "Date>" in item else _DATE % (number % 60)
        told.append(f"<item>{item}{link}{date}</item>")
    document = f"{_ROOT}{head}{''.join(told)}</channel></rss>"
    return document.encode("utf-8", "surrogatepass")


HEADS = {
    "plain": "<title>Outlet</title><link>https://outlet.example</link><language>en-US</language>",
    "markup": "<title>&lt;b&gt;R&amp;amp;D&lt;/b&gt; &amp;lt;/i&amp;gt; &amp;amp;copy;</title>"
    "<link>HTTPS://Outlet.Example:443/%ec%8a</link>"
    "<copyright>&amp;copy; 2024 &lt;a href='/x'&gt;CC BY&lt;/a&gt; &amp;amp;lt;/b&amp;amp;gt;</copyright>"
    "<language>klingon</language>",
    "empty": "<link>not an address</link><language></language><copyright> </copyright>",
    "rusyn": "<title>Русиньскый</title><link>https://outlet.example/e\u0301?a=%FF</link><language>rue</language>",
}
"""What a source says of itself, by the source's id."""


def config(base_url: str | None, output: str) -> str:
    """`aggregator.yaml` with names that need care, and this for `output`."""
    site = (
        "{title: 'R&D (Kyiv, \"Seoul\") <b>desk</b>', contact: 'desk@desk.example', languages: [en, ko, uk]"
    )
    site += f", base_url: '{base_url}', icon: 'https://desk.example/значок.png'}}" if base_url else "}"
    return (
        f"site: {site}\nstorage: {{database: '../store.db', keep: 20000d}}\n"
        f"output: {{directory: '../feeds', all: true, tags: [audio], hub: 'https://127.0.0.1:9/', {output}}}\n"
        "fetch: {allow_private_networks: true, per_host: 8}\nweb: {listen: '127.0.0.1:0'}\n"
        "stories: {embedder: words}\n"
    )


TOPICS = f"""
topics:
  - {{id: broad, title: 'Broad &amp; <i>wide</i>', description: "One\\n{escape("<two>")} & </b>", match: report,
     max_age: 20000d}}
  - {{id: secret, title: "Se\\ncret", match: report, max_age: 20000d, token: abcdefghijklmnopqrstuvwx}}
  - {{id: short, title: Short, match: report, max_age: 20000d, items: 3}}
  - {{id: podcast, title: "Pod & </b>cast", match: report, max_age: 20000d,
     podcast: {{category: Tech News, explicit: true}}}}
  - {{id: nothing, title: Nothing, any_of: [qqqqqqqq]}}
"""
