"""Subscription lists, as other readers write them and as we write them."""

from __future__ import annotations

import string
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.opml import Outline, read_opml, write_opml

NESTED = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.1">
  <head><title>mine</title></head>
  <body>
    <outline text="News">
      <outline text="Ukraine" title="Україна">
        <outline type="rss" text="KI" xmlUrl="https://ki.example/rss" htmlUrl="https://ki.example/"
          category="/war/front,english"/>
      </outline>
      <outline type="atom" text="Yonhap 연합" xmlUrl="https://yna.example/news.xml"></outline>
    </outline>
    <outline text="No folder" xmlUrl="https://c.example/feed"/>
    <outline text="Also here"><outline text="KI again" xmlUrl="https://ki.example/rss"/></outline>
  </body>
</opml>"""


def opml(*outlines: str) -> bytes:
    return f'<opml version="2.0"><body>{"".join(outlines)}</body></opml>'.encode()


def test_folders_and_categories_become_tags_and_each_feed_stands_once() -> None:
    assert read_opml(NESTED.encode()) == [
        Outline(
            "https://ki.example/rss",
            "KI",
            "https://ki.example/",
            ("News", "Україна", "war", "front", "english", "Also here"),
        ),
        Outline("https://yna.example/news.xml", "Yonhap 연합", None, ("News",)),
        Outline("https://c.example/feed", "No folder"),
    ]


def test_a_plain_list_as_newsboat_exports_it_is_read() -> None:
    data = b"""<?xml version="1.0"?>
<opml version="1.0">
  <head><title>newsboat - Exported Feeds</title></head>
  <body>
    <outline type="rss" xmlUrl="https://a.example/rss?x=1&amp;y=2" htmlUrl="https://a.example/"
      title="A &amp; B"/>
    <outline type="rss" xmlUrl="https://b.example/rss" htmlUrl="" title=""/>
  </body>
</opml>"""
    assert read_opml(data) == [
        Outline("https://a.example/rss?x=1&y=2", "A & B", "https://a.example/"),
        Outline("https://b.example/rss"),
    ]


@pytest.mark.parametrize(
    ("outline", "expected"),
    [
        ('<outline text="a" xmlurl="https://a.example/"/>', [Outline("https://a.example/", "a")]),
        ('<OUTLINE TEXT="a" XMLURL="https://a.example/"/>', [Outline("https://a.example/", "a")]),
        ('<outline type="rss" text="a" url="https://a.example/"/>', [Outline("https://a.example/", "a")]),
        ('<outline type="link" text="a" url="https://a.example/"/>', []),
        ('<outline type="include" text="a" url="https://a.example/list.opml"/>', []),
        ('<outline type="rss" text="a"/>', []),
        ('<outline type="rss" text="a" xmlUrl=" "/>', []),
        ('<outline xmlUrl="https://a.example/?b=1&c=2&copy=3"/>', [Outline("https://a.example/?b=1&c=2&copy=3")]),
        ('<outline text="R&D &eacute;&nbsp;&#0;" xmlUrl="u"/>', [Outline("u", "R&D é \ufffd")]),
        ('<outline text="1 < 2 &lt; &quot;3&quot;" xmlUrl="u"/>', [Outline("u", '1 < 2 < "3"')]),
        ("<outline text='a\x0b\x00b' xmlUrl=' u\n'/>", [Outline("u", "ab")]),
        ("<outline text='u' xmlUrl='u'/>", [Outline("u")]),
        ("<!-- <outline text='a' xmlUrl='hidden'/> --><outline xmlUrl='u'/>", [Outline("u")]),
        ("<outline text='a' xmlUrl='u'><outline xmlUrl='v'/></outline>", [Outline("u", "a"), Outline("v")]),
    ],
)  # fmt: skip
def test_odd_exports_are_read(outline: str, expected: list[Outline]) -> None:
    assert read_opml(opml(outline)) == expected


def test_no_head_no_version_and_no_outline_is_an_empty_list() -> None:
    assert read_opml(b"\n <opml><body/></opml>\n") == []


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-32", "utf-32"),
        ("utf-8", "iso-8859-1"),
        ("cp1251", "windows-1251"),
        ("cp1251", "utf-8"),
        ("cp1251", "no-such-encoding"),
        ("cp1251", "punycode"),
    ],
)
def test_any_encoding_is_read_even_where_the_declaration_is_wrong(encoding: str, declared: str) -> None:
    title = "Українська правда: новини України та світу за сьогодні"
    text = f'<?xml version="1.0" encoding="{declared}"?><opml><outline text="{title}" xmlUrl="u"/></opml>'
    assert read_opml(text.encode(encoding)) == [Outline("u", title)]


def test_entities_of_a_document_do_not_expand() -> None:
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    data = (
        f'<!DOCTYPE opml [<!ENTITY l0 "ha"><!ENTITY file SYSTEM "file:///etc/passwd">{laughs}]>'
        '<opml><outline text="&l9; &file;" xmlUrl="u"/></opml>'
    )
    assert read_opml(data.encode()) == [Outline("u", "&l9; &file;")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no XML"),
        (b"just text", "no XML"),
        (b"\xff\xfe\x00", "no XML"),
        (b"<!DOCTYPE html><html><p>Not found<br></html>", "first element is <html>"),
        (b'<?xml version="1.0"?>\n<rss version="2.0"><channel/></rss>', "first element is <rss>"),
        (b"<opml><body>\n<outline text='a'>", "broken: .*, line 2"),
        (b"<opml><body>\n\n<outline text='a</body></opml>", "broken: .*, line 3"),
    ],
)
def test_what_is_no_opml_is_refused_with_a_reason(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_opml(data)


@given(
    st.binary() | st.text("<>&;\"'/ =opmlutinexrUL!-[]?#0 ").map(lambda text: f"<opml>{text}</opml>".encode())
)
def test_any_bytes_give_a_list_or_a_value_error(data: bytes) -> None:
    try:
        found = read_opml(data)
    except ValueError:
        return
    assert all(outline.url for outline in found)


def test_a_written_list_is_opml_2_with_folders_by_first_tag() -> None:
    outlines = [
        Outline("https://a.example/?x&y", "A", "h", ("ukraine", "war")),
        Outline("https://b.example/", "B"),
        Outline("https://c.example/", tags=("ukraine",)),
    ]
    data = write_opml("My <list>", outlines, folders=True)
    assert (
        data.decode()
        == """<?xml version='1.0' encoding='utf-8'?>
<opml version="2.0">
  <head>
    <title>My &lt;list&gt;</title>
  </head>
  <body>
    <outline text="ukraine" title="ukraine">
      <outline type="rss" text="A" title="A" xmlUrl="https://a.example/?x&amp;y" htmlUrl="h" category="war" />
      <outline type="rss" text="https://c.example/" title="https://c.example/" xmlUrl="https://c.example/" />
    </outline>
    <outline type="rss" text="B" title="B" xmlUrl="https://b.example/" />
  </body>
</opml>
"""
    )
    assert write_opml("My <list>", iter(outlines), folders=True) == data


def test_without_folders_all_tags_are_categories() -> None:
    data = write_opml("", [Outline("u", "a", None, ("x", "y z"))])
    assert ElementTree.fromstring(data).find("body/outline[@category='x,y z']") is not None
    assert read_opml(data) == [Outline("u", "a", None, ("x", "y z"))]


words = st.text(st.characters(exclude_characters=",/"), min_size=1).map(
    lambda text: " ".join(text.translate(dict.fromkeys(range(32), " ")).replace("\ufffe", "").split())
)
plain = words.filter(lambda text: text.isprintable() and text != "")
outlines = st.lists(
    st.builds(
        Outline,
        st.text(string.ascii_letters + "/:?&=#%é뉴<>\"'", min_size=1),
        plain | st.just(""),
        plain | st.none(),
        st.lists(plain, max_size=3, unique=True).map(tuple),
    ),
    unique_by=(lambda outline: outline.url, lambda outline: outline.title or outline.url),
)


@given(plain | st.just(""), outlines, st.booleans())
def test_what_was_written_is_read_again(title: str, subscriptions: list[Outline], folders: bool) -> None:
    again = read_opml(write_opml(title, subscriptions, folders=folders))
    expected = [
        Outline(item.url, "" if item.title == item.url else item.title, item.home, item.tags)
        for item in subscriptions
    ]
    assert sorted(again, key=lambda item: item.url) == sorted(expected, key=lambda item: item.url)
    assert folders or again == expected
