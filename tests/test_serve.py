"""What the built-in web server answers, over real HTTP."""

from __future__ import annotations

import gzip
import http.client
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.publish.files import write_if_changed
from aggregator.serve import preferred_coding, serving

FEED = b"<rss>" + b"<item>the same again</item>" * 200 + b"</rss>"


class Site:
    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.host = urlsplit(address).netloc

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer to a request of exactly this path; header names have _ for -."""
        connection = http.client.HTTPConnection(self.host, timeout=10)
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("feeds")
    (tmp := folder.parent / "secret.txt").write_text("secret")
    for name in ("rss.xml", "atom.xml", "feed.json", "index.html", "archive/rss-1-50.xml"):
        write_if_changed(folder / "topic" / name, FEED)
    write_if_changed(folder / "topics.opml", FEED)
    write_if_changed(folder / "archive" / "rss.xml", FEED)  # a topic may have this name
    write_if_changed(folder / "copied" / "rss.xml", FEED, compress=("gzip", "br"))
    write_if_changed(folder / "index.html", b"<p>index")
    write_if_changed(folder / "picture.png", FEED)
    write_if_changed(folder / "private" / "secret" / "rss.xml", FEED)
    write_if_changed(folder / "topic" / ".hidden", FEED)
    write_if_changed(folder / ".well-known" / "security.txt", FEED)
    with serving(folder, "127.0.0.1:0") as address:
        yield Site(folder, address)
    tmp.unlink()


@pytest.mark.parametrize(
    ("path", "type_", "cors"),
    [
        ("/topic/rss.xml", "application/rss+xml; charset=utf-8", "*"),
        ("/topic/atom.xml", "application/atom+xml; charset=utf-8", "*"),
        ("/topic/feed.json", "application/feed+json; charset=utf-8", "*"),
        ("/topic/archive/rss-1-50.xml", "application/rss+xml; charset=utf-8", "*"),
        ("/topics.opml", "text/x-opml; charset=utf-8", "*"),
        ("/topic/", "text/html; charset=utf-8", None),
        ("/", "text/html; charset=utf-8", None),
        ("/picture.png", "image/png", None),
        ("/.well-known/security.txt", "text/plain; charset=utf-8", None),
        ("/copied/rss.xml.gz", "application/gzip", None),
        ("/copied/rss.xml.br", "application/octet-stream", None),
    ],
)
def test_each_file_has_its_type_and_every_site_may_read_the_feeds(
    site: Site, path: str, type_: str, cors: str | None
) -> None:
    for method in ("GET", "HEAD"):
        answer, body = site.ask(path, method)
        assert answer.status == 200
        assert answer.headers.get_all("Content-Type") == [type_]
        assert answer.headers["Access-Control-Allow-Origin"] == cors
        assert answer.headers["Content-Encoding"] is None
        assert bool(body) == (method == "GET")


def test_what_may_change_is_asked_for_again_soon_and_archives_never(site: Site) -> None:
    for path in ("/", "/topic/rss.xml", "/topic/", "/archive/rss.xml"):
        assert site.ask(path)[0].headers["Cache-Control"] == "public, max-age=60, must-revalidate"
    assert site.ask("/private/secret/rss.xml")[0].headers["Cache-Control"].startswith("private,")
    archive = site.ask("/topic/archive/rss-1-50.xml")[0].headers["Cache-Control"]
    assert archive == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("topic", ["topic", "copied"])
@pytest.mark.parametrize(
    ("coding", "decode"), [("gzip", gzip.decompress), ("br", brotli.decompress), (None, bytes)]
)
def test_a_feed_comes_in_the_coding_that_is_wanted(
    site: Site, topic: str, coding: str | None, decode
) -> None:
    answer, body = site.ask(f"/{topic}/rss.xml", Accept_Encoding=coding or "identity")
    assert answer.headers["Content-Encoding"] == coding
    assert decode(body) == FEED
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    assert int(answer.headers["Content-Length"]) == len(body)
    assert not coding or len(body) < len(FEED) / 10
    head, nothing = site.ask(f"/{topic}/rss.xml", "HEAD", Accept_Encoding=coding or "identity")
    assert nothing == b""
    for name in ("Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Vary"):
        assert head.headers[name] == answer.headers[name]


def test_the_copy_beside_a_file_is_what_is_sent_unless_it_is_older(site: Site) -> None:
    file = site.folder / "beside" / "rss.xml"
    write_if_changed(file, FEED)
    (copy := file.with_name("rss.xml.gz")).write_bytes(gzip.compress(b"the copy"))
    assert gzip.decompress(site.ask("/beside/rss.xml", Accept_Encoding="gzip")[1]) == b"the copy"
    write_if_changed(file.with_name("atom.xml"), FEED)
    copy.rename(stale := file.with_name("atom.xml.gz"))
    os.utime(stale, ns=(1, 1))
    assert gzip.decompress(site.ask("/beside/atom.xml", Accept_Encoding="gzip")[1]) == FEED


@pytest.mark.parametrize("coding", ["gzip", "br", "identity"])
def test_who_has_it_already_is_told_so_in_each_coding(site: Site, coding: str) -> None:
    first, _ = site.ask("/topic/rss.xml", Accept_Encoding=coding)
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for condition in (
        {"If_None_Match": etag},
        {"If_None_Match": f'"other", W/{etag}'},
        {"If_Modified_Since": modified},
    ):
        answer, body = site.ask("/topic/rss.xml", Accept_Encoding=coding, **condition)
        assert (answer.status, body) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Encoding"] is None


def test_each_coding_has_a_validator_of_its_own(site: Site) -> None:
    etags = [
        site.ask("/topic/rss.xml", Accept_Encoding=coding)[0].headers["ETag"]
        for coding in ("gzip", "br", "identity")
    ]
    assert len(set(etags)) == 3
    answer, body = site.ask("/topic/rss.xml", Accept_Encoding="br", If_None_Match=etags[0])
    assert (answer.status, brotli.decompress(body)) == (200, FEED)


def test_a_changed_file_is_sent_anew_in_every_coding(site: Site) -> None:
    file = site.folder / "changing.xml"
    write_if_changed(file, b"<one/>" * 100)
    first = site.ask("/changing.xml", Accept_Encoding="gzip")[0].headers["ETag"]
    write_if_changed(file, b"<two/>" * 100)
    answer, body = site.ask("/changing.xml", Accept_Encoding="gzip", If_None_Match=first)
    assert (answer.status, gzip.decompress(body)) == (200, b"<two/>" * 100)


def test_a_range_is_one_of_the_file_itself(site: Site) -> None:
    answer, body = site.ask("/topic/rss.xml", Accept_Encoding="gzip", Range="bytes=5-10")
    assert (answer.status, body) == (206, FEED[5:11])
    assert answer.headers["Content-Encoding"] is None
    assert answer.headers["Content-Range"] == f"bytes 5-10/{len(FEED)}"
    encoded = site.ask("/topic/rss.xml", Accept_Encoding="gzip")[0].headers["ETag"]
    answer, body = site.ask("/topic/rss.xml", Accept_Encoding="gzip", Range="bytes=5-", If_Range=encoded)
    assert (answer.status, body) == (200, FEED)
    assert site.ask("/topic/rss.xml", Range=f"bytes={len(FEED)}-")[0].status == 416


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//topic/rss.xml",
            "/topic//rss.xml",
            "//evil.example/..",
            "/topic/./rss.xml",
            "/topic/../index.html",
        ),
        *(
            "/../secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e/secret.txt",
            "/topic/..%5c..%5csecret.txt",
            "/a%00b",
            "/topic/.hidden",
        ),
        *("/topic/rss.xml/", "/topic/archive/", "/nothing", "/nothing/", "/" + "x" * 300),
    ],
)
def test_a_file_has_one_address_and_nothing_outside_has_any(site: Site, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer, body = site.ask(path, method)
        assert answer.status in ((404,) if method != "OPTIONS" else (404, 405)), path
        assert b"secret" not in body


@pytest.mark.parametrize(
    "path", ["/nothing", "/topic/nothing.html", "/topic/archive/", "/a/b/c/", "/topic//"]
)
def test_where_there_is_nothing_a_page_says_so_that_the_browser_can_show(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, "127.0.0.1:0") as address:
        site = Site(tmp_path, address)
        assert site.ask(path)[1] == b"Not Found"
        write_if_changed(tmp_path / "404.html", b"<!doctype html>Nothing")
        answer, body = site.ask(path, Range="bytes=0-3", Accept_Encoding="gzip")
        assert (answer.status, body) == (404, b"<!doctype html>Nothing")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert site.ask(path, "HEAD")[1] == b""


def test_a_folder_is_told_with_its_slash_and_without_a_host(site: Site) -> None:
    answer, _ = site.ask("/topic", Host="evil.example")
    assert (answer.status, answer.headers["Location"]) == (307, "/topic/")


def test_readers_in_a_browser_may_send_conditions(site: Site) -> None:
    answer, _ = site.ask(
        "/topic/rss.xml",
        "OPTIONS",
        Origin="https://reader.example",
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="if-none-match",
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert site.ask("/topic/rss.xml", "POST")[0].status == 405


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        *(
            ("", None),
            ("gzip", "gzip"),
            ("x-gzip", "gzip"),
            ("GZIP", "gzip"),
            ("br", "br"),
            ("deflate, zstd", None),
        ),
        *(("gzip, br", "br"), ("br;q=0.5, gzip;q=0.8", "gzip"), ("br;q=0.5,gzip;q=0.5", "br")),
        *(("gzip;q=0", None), ("gzip;q=0.000", None), ("*", "br"), ("*;q=0", None), ("br;q=0, *", "gzip")),
        *(
            ("gzip;q=0.5, identity", None),
            ("identity;q=0.5, gzip", "gzip"),
            ("identity;q=0, gzip;q=0.1", "gzip"),
        ),
        *(
            ("gzip;q=2", None),
            ("gzip;q=-1", None),
            ("gzip;q=x", None),
            ("gzip; q=1.0 , ", "gzip"),
            (";,;", None),
        ),
    ],
)
def test_the_coding_is_that_with_the_most_weight(accepted: str, coding: str | None) -> None:
    assert preferred_coding(accepted) == coding


@given(st.text(alphabet="gzipbr*;q=01., x-identy", max_size=60))
def test_no_accept_encoding_is_too_strange(accepted: str) -> None:
    assert preferred_coding(accepted) in ("br", "gzip", None)


def test_a_file_that_is_replaced_meanwhile_is_sent_whole(tmp_path: Path) -> None:
    """Either the one or the other, with the validator that it has: its length is said before it is read."""
    short, long = b"<rss>short</rss>", b"<rss>" + b"long " * 20_000 + b"</rss>"
    feed, seen = tmp_path / "rss.xml", dict[str | None, bytes]()
    write_if_changed(feed, short)
    stopped = threading.Event()

    def replace() -> None:
        for turn in itertools.count():
            if stopped.is_set():
                break
            write_if_changed(feed, (short, long)[turn % 2])

    replacing = threading.Thread(target=replace)
    with serving(tmp_path, "127.0.0.1:0") as address:
        replacing.start()
        try:
            for _ in range(300):
                answer, body = Site(tmp_path, address).ask("/rss.xml")
                assert body in (short, long)
                assert seen.setdefault(answer.headers["etag"], body) == body
        finally:
            stopped.set()
            replacing.join()


def test_a_folder_that_was_removed_has_nothing_until_it_is_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "feeds"
    with serving(folder, "127.0.0.1:0") as address:
        site = Site(folder, address)
        folder.rmdir()
        assert site.ask("/")[0].status == site.ask("/topic/rss.xml")[0].status == 404
        write_if_changed(folder / "topic" / "rss.xml", FEED)
        assert site.ask("/topic/rss.xml")[1] == FEED
    assert capfd.readouterr().err == ""
