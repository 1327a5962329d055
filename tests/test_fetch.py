"""Requests over real sockets on loopback: what is sent, what is bounded, what is refused."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import which
from threading import Event, Lock, Thread
from typing import Any, TypeVar

import pycurl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from origin import Origin, serving_origin

from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.model import Failure, Request, Response, SourceId, Validators

T = TypeVar("T")
NOW = datetime(2024, 11, 27, 12, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def limits(**changes: Any) -> Limits:
    values: dict[str, Any] = {"user_agent": "Test/1", "timeout": 10.0, "allow_private_networks": True}
    return Limits(**(values | changes))


def request(url: str, **more: Any) -> Request:
    return Request(SourceId(url), url, **more)


def fetch(url: str, *, under: Limits | None = None, **more: Any) -> Response | Failure:
    with closing(Fetcher(under or limits())) as fetcher:
        ((_, outcome),) = fetcher.run([request(url, **more)])
    return outcome


def response(url: str, **more: Any) -> Response:
    outcome = fetch(url, **more)
    assert isinstance(outcome, Response), outcome
    return outcome


def failure(url: str, **more: Any) -> Failure:
    outcome = fetch(url, **more)
    assert isinstance(outcome, Failure), outcome
    return outcome


Talk = Callable[[socket.socket], None]


@contextmanager
def serving(talk: Talk) -> Iterator[str]:
    """A server that does as it likes: `talk` gets each connection. Yields its URL."""

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            Thread(target=converse, args=(connection,), daemon=True).start()

    def converse(connection: socket.socket) -> None:
        with connection, suppressed():
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@contextmanager
def suppressed() -> Iterator[None]:
    # A client that goes away, or speaks no TLS, is what these tests are about
    try:
        yield
    except OSError:
        return


def saying(answer: bytes) -> Talk:
    """Answers one request with these bytes and hangs up."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return talk


@contextmanager
def saying_and_holding(answer: bytes) -> Iterator[str]:
    """Answers with these bytes and then keeps silent."""
    over = Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        over.wait(30)

    with serving(talk) as url:
        yield url
        over.set()


# --- What is asked -----------------------------------------------------------------------------------------


def test_a_request_says_who_asks_what_for_and_how_it_may_be_packed(origin: Origin) -> None:
    url = origin.put("/feed", b"x")
    response(url)
    headers = origin.requests[0].headers
    assert headers["user-agent"] == "Test/1"
    assert headers["accept"].startswith("application/atom+xml, ")
    assert "gzip" in headers["accept-encoding"]
    assert "if-none-match" not in headers
    assert "if-modified-since" not in headers


@pytest.mark.parametrize(
    "etag",
    ['"a"', 'W/"weak"', "no-quotes", '"with \\" and , ; = {}"', '""', '"\xe9\xa0"', "W/", "' '", '"a', "*"],
)
def test_validators_are_sent_back_as_they_came(origin: Origin, etag: str) -> None:
    modified = "Tue, 31 Feb 2024 25:00:00 +0200 (nonsense)"
    url = origin.put("/feed", b"x", headers={"ETag": etag, "Last-Modified": modified})
    first = response(url)
    response(url, validators=Validators(first.headers["etag"], first.headers["last-modified"]))
    assert origin.requests[1].headers["if-none-match"] == etag
    assert origin.requests[1].headers["if-modified-since"] == modified


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    etag=st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc"]), min_size=1)
)
def test_any_etag_makes_the_round(origin: Origin, etag: str) -> None:
    url = origin.put("/feed", b"x", etag=etag)
    assert response(url).status == 200
    assert response(url, validators=Validators(etag)).status == 304


@pytest.mark.parametrize("written", ["HTTP://{}/feed", "http://user:word@{}/feed", "http://{}/a/../feed"])
def test_validators_are_sent_however_the_address_is_written(origin: Origin, written: str) -> None:
    origin.put("/feed", b"x", etag='"1"')
    url = written.format(origin.address.removeprefix("http://"))
    assert response(url, validators=Validators('"1"')).status == 304


def test_headers_of_the_source_are_sent_and_replace_our_own(origin: Origin) -> None:
    url = origin.put("/feed", b"x")
    response(url, headers=(("Authorization", "Bearer x"), ("ACCEPT", "text/xml"), ("X-Name", "Київ é")))
    headers = origin.requests[0].headers
    assert headers["authorization"] == "Bearer x"
    assert headers["accept"] == "text/xml"
    assert headers["x-name"] == "???? é"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert response(origin.put("/feed", b"x")).status == 200


def test_the_passwords_of_the_users_netrc_are_not_used(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    response(origin.put("/start", status=302, headers={"Location": origin.put("/end", status=401)}))
    assert len(origin.requests) == 2
    assert [asked for asked in origin.requests if "authorization" in asked.headers] == []


def test_a_cookie_is_not_sent_back(origin: Origin) -> None:
    set_cookie = {
        "Set-Cookie": "id=1; Path=/",
        "Location": origin.put("/end", headers={"Set-Cookie": "id=2"}),
    }
    start = origin.put("/start", status=302, headers=set_cookie)
    with closing(Fetcher(limits())) as fetcher:
        for _ in range(2):
            assert len(list(fetcher.run([request(start)]))) == 1
    assert len(origin.requests) == 4
    assert [asked for asked in origin.requests if "cookie" in asked.headers] == []


@pytest.mark.parametrize(
    "url", ["http://", "ftp://e.example/", "file:///etc/passwd", "http://e.example:99999/", "x"]
)
def test_what_is_no_address_of_the_web_is_not_asked_for(url: str) -> None:
    assert failure(url).kind == "bad_url"


def test_an_address_may_be_so_long_and_no_longer(origin: Origin) -> None:
    fits = origin.url("/").ljust(4096, "x")
    assert response(fits).status == 404
    failed = failure(f"{fits}x")
    assert failed.kind == "bad_url"
    assert "more than 4096 characters" in failed.message
    led = failure(origin.put("/start", status=302, headers={"Location": f"{fits}x"}))
    assert led.kind == "redirect"
    assert "more than 4096 characters" in led.message
    assert origin.paths() == [fits.removeprefix(origin.address), "/start"]


# --- What is answered --------------------------------------------------------------------------------------


def test_an_answer_comes_with_its_headers_in_lower_case() -> None:
    answer = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </early>\r\nETag: early\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-Two-Words:  a b \r\nCache-Control: no-cache\r\nCache-Control: max-age=1\r\n"
        b"ETag: first\r\nETag: second\r\nContent-Length: 2\r\n\r\nok"
    )
    with serving(saying(answer)) as url:
        got = response(url)
    assert (got.status, got.body, got.url, got.moved_to) == (200, b"ok", url, None)
    assert got.headers["x-two-words"] == "a b"
    assert got.headers["cache-control"] == "no-cache, max-age=1"
    assert got.headers["etag"] == "second"
    assert "link" not in got.headers


@pytest.mark.parametrize(
    "packed", [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=lambda pair: pair[0]
)
def test_a_packed_document_is_unpacked(origin: Origin, packed: tuple[str, Callable[[bytes], bytes]]) -> None:
    name, pack = packed
    url = origin.put("/feed", pack(b"text" * 1000), headers={"Content-Encoding": name})
    assert response(url).body == b"text" * 1000


@pytest.mark.parametrize("status", [204, 400, 404, 410, 429, 500, 503])
def test_any_status_is_handed_over(origin: Origin, status: int) -> None:
    url = origin.put(
        "/feed", b"" if status == 204 else b"sorry", status=status, headers={"Retry-After": "60"}
    )
    got = response(url)
    assert (got.status, got.headers["retry-after"]) == (status, "60")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "connect"),
        (b"garbage\r\n\r\n", "http"),
        (b"HTTP/9.9 banana\r\n\r\n", "http"),
        (b"SSH-2.0-OpenSSH\r\n", "http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "connect"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok", "http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok", "http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok", "connect"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", "connect"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "http"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: zip\r\nContent-Length: 2\r\n\r\nok", "http"),
    ],
)
def test_a_broken_answer_is_a_failure(answer: bytes, kind: str) -> None:
    with serving(saying(answer)) as url:
        failed = failure(url)
    assert failed.kind == kind
    assert failed.message
    assert "\n" not in failed.message


def test_a_body_longer_than_it_says_ends_where_it_says() -> None:
    with serving(saying(OK + b"more")) as url:
        assert response(url).body == b"ok"


def test_a_refused_connection_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert failure(f"http://127.0.0.1:{port}/").kind == "connect"


def test_a_name_that_nobody_knows_is_a_failure() -> None:
    assert failure("http://no-such-host.invalid/").kind == "dns"


# --- Redirects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(origin: Origin, status: int) -> None:
    end = origin.put("/end", b"here")
    start = origin.put("/start", status=status, headers={"Location": end})
    got = response(start)
    assert (got.status, got.body, got.url) == (200, b"here", end)
    assert got.moved_to == (end if status in (301, 308) else None)


@pytest.mark.parametrize(
    ("chain", "is_moved"), [((301, 308), True), ((301, 302), False), ((307, 301), False), ((301,) * 8, True)]
)
def test_only_an_unbroken_chain_of_permanent_redirects_moves_a_feed(
    origin: Origin, chain: Sequence[int], is_moved: bool
) -> None:
    for hop, status in enumerate(chain):
        origin.put(f"/{hop}", status=status, headers={"Location": f"/{hop + 1}"})
    end = origin.put(f"/{len(chain)}", b"here")
    got = response(origin.url("/0"))
    assert got.url == end
    assert got.moved_to == (end if is_moved else None)


@pytest.mark.parametrize("length", [1, 2, 30])
def test_a_loop_and_a_long_chain_are_given_up(origin: Origin, length: int) -> None:
    for hop in range(length):
        following = hop + 1 if length == 30 else (hop + 1) % length
        origin.put(f"/{hop}", status=302, headers={"Location": f"/{following}"})
    origin.put("/30", b"the end")
    failed = failure(origin.url("/0"))
    assert (failed.kind, failed.status) == ("redirect", 302)
    assert "more than 8 times" in failed.message
    assert len(origin.requests) == 9


@pytest.mark.parametrize(
    "target",
    [
        *("file:///etc/passwd", "FILE:///etc/passwd", "ftp://e.example/", "javascript:x", "data:text/xml,x"),
        *(
            "gopher://e.example/",
            "dict://127.0.0.1:11211/",
            "unix:///run/x",
            "http://[",
            "http://a.example:0x50/",
        ),
    ],
)
def test_a_redirect_leads_to_the_web_or_nowhere(origin: Origin, target: str) -> None:
    failed = failure(origin.put("/start", status=302, headers={"Location": target}))
    assert (failed.kind, failed.status) == ("redirect", 302)
    assert target in failed.message


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/feeds/end", "/feeds/end"),
        ("end", "/feeds/end"),
        ("./end?x=1", "/feeds/end?x=1"),
        ("../end", "/end"),
        ("//{host}/end", "/end"),
        ("?page=2", "/feeds/start?page=2"),
        ("/with space", "/with%20space"),
        ("/новини", "/%D0%BD%D0%BE%D0%B2%D0%B8%D0%BD%D0%B8"),
        ("/caf\xe9", "/caf%C3%A9"),
        ("/end#part", "/end"),
    ],
)
def test_a_redirect_is_relative_to_where_it_stands(location: str, path: str) -> None:
    paths = []

    def talk(connection: socket.socket) -> None:
        asked = connection.recv(65536).split(b" ")[1].decode()
        paths.append(asked)
        if asked != "/feeds/start":
            return connection.sendall(OK)
        target = location.format(host=connection.getsockname()[0] + f":{connection.getsockname()[1]}")
        encoded = target.encode("latin-1" if "é" in target else "utf-8")
        head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: "
        return connection.sendall(head + encoded + b"\r\n\r\n")

    with serving(talk) as url:
        assert response(f"{url}feeds/start").body == b"ok"
    assert paths == ["/feeds/start", path]


def test_a_redirect_without_a_target_is_the_answer(origin: Origin) -> None:
    assert response(origin.put("/start", b"sorry", status=302)).status == 302


def test_own_headers_stay_with_their_origin(origin: Origin) -> None:
    own = (("X-Key", "secret"), ("Cookie", "c=1"))
    with serving_origin() as other:
        other.put("/there", status=302, headers={"Location": origin.url("/back")})
        origin.put("/back", b"x")
        here = origin.put("/here", status=302, headers={"Location": "/on"})
        origin.put("/on", status=302, headers={"Location": other.url("/there")})
        assert response(here, headers=own).body == b"x"
    secret = {"x-key", "cookie"}
    assert secret.isdisjoint(other.requests[0].headers)
    for asked in origin.requests:  # and are sent again when the way leads back
        assert secret <= asked.headers.keys()


def test_a_document_behind_a_redirect_is_asked_for_with_its_validators(origin: Origin) -> None:
    with serving_origin() as other:
        here = origin.put("/here", status=302, headers={"Location": other.put("/feed", b"x", etag='"1"')})
        first = response(here)
        assert first.status == 200
        assert response(here, validators=Validators(first.headers["etag"])).status == 304


def test_the_body_of_a_redirect_is_not_part_of_the_document(origin: Origin) -> None:
    end = origin.put("/end", b"document")
    start = origin.put("/start", b"moved" * 100, status=302, headers={"Location": end})
    assert response(start, under=limits(max_bytes=600)).body == b"document"


class Line:
    """A server that notes who comes in, and holds the first so many until they are all there."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self.lock, self.answer = Lock(), answer
        self.inside = self.most = 0
        self.asked: list[str] = []

    def talk(self, connection: socket.socket) -> None:
        while asked := connection.recv(65536):
            path = asked.split(b" ")[1].decode()
            with self.lock:
                self.asked.append(path)
                self.inside += 1
                self.most = max(self.most, self.inside)
            Event().wait(0.02)  # long enough for others to come in, if they may
            with self.lock:
                self.inside -= 1
            connection.sendall(self.answer(path))


def test_a_hop_counts_at_the_site_that_it_leads_to() -> None:
    end = Line(lambda _: OK)
    with serving(end.talk) as target:
        start = Line(lambda path: moved(f"{target}end{path}"))
        with serving(start.talk) as url, closing(Fetcher(limits(per_host=2))) as fetcher:
            urls = [f"{url.replace('127.0.0.1', f'site{number}.localhost')}{number}" for number in range(8)]
            outcomes = list(fetcher.run(map(request, urls)))
    assert [outcome.status for _, outcome in outcomes if isinstance(outcome, Response)] == [200] * 8
    assert sorted(end.asked) == [f"/end/{number}" for number in range(8)]
    assert start.most > 2
    assert end.most == 2


def moved(target: str) -> bytes:
    return b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % target.encode()


def test_sites_that_send_each_other_their_visitors_do_not_wait_for_each_other() -> None:
    """Each has one place, taken by who wants to go to the other."""
    urls: list[str] = []

    def answer(path: str) -> bytes:
        asked, _, hops = path.strip("/").partition("-")
        return OK if hops == "0" else moved(f"{urls[int(hops) % 2]}{asked}-{int(hops) - 1}")

    line = Line(answer)
    with serving(line.talk) as url, closing(Fetcher(limits(per_host=1, concurrency=4))) as fetcher:
        urls += [url, url.replace("127.0.0.1", "localhost")]
        requests = [request(f"{urls[number % 2]}{number}-7") for number in range(10)]
        outcomes = [outcome for _, outcome in fetcher.run(requests)]
    assert all(isinstance(outcome, Response) for outcome in outcomes), outcomes
    assert len(line.asked) == 80
    assert line.most <= 2


def test_the_hops_to_a_site_are_a_pause_apart(origin: Origin) -> None:
    port = origin.address.rpartition(":")[2]
    origin.put("/end", b"ok")
    now, begun = 100.0, []

    def rest(seconds: float) -> None:
        nonlocal now
        now += seconds

    for name in "abc":
        location = f"http://{name}.example.localhost:{port}/end"
        origin.put(f"/{name}", status=302, headers={"Location": location})
    fetcher = Fetcher(limits(per_host=4, pause=2.0), seconds=lambda: now, rest=rest)
    with closing(fetcher):
        begun = [now for _, outcome in fetcher.run(request(origin.url(f"/{name}")) for name in "abc")]
    assert begun == pytest.approx([100, 102, 104], abs=0.001)


def test_a_hop_to_a_host_that_wants_rest_is_not_asked(origin: Origin) -> None:
    busy = origin.put("/busy", status=429).replace("127.0.0.1", "localhost")
    requests = [
        request(origin.put(f"/{n}", status=302, headers={"Location": f"{busy}?{n}"})) for n in range(2)
    ]
    origin.answers |= {f"/busy?{n}": origin.answers["/busy"] for n in range(2)}
    with closing(Fetcher(limits(per_host=1))) as fetcher:
        outcomes = dict(fetcher.run(requests))
    assert isinstance(outcomes[requests[0]], Response)
    assert [one.kind for one in outcomes.values() if isinstance(one, Failure)] == ["rate_limited"]
    assert sorted(origin.paths()) == ["/0", "/1", "/busy?0"]


def test_a_hop_that_comes_after_the_refusal_is_not_asked_either(origin: Origin) -> None:
    held = Event()
    busy = origin.put("/busy", status=429).replace("127.0.0.1", "localhost")
    late = origin.put("/late", status=302, headers={"Location": busy}, held=held)
    with closing(Fetcher(limits(per_host=2))) as fetcher:
        outcomes = []
        for _, outcome in fetcher.run([request(late), request(busy)]):
            outcomes.append(outcome)
            held.set()
    assert [type(one) for one in outcomes] == [Response, Failure]
    assert sorted(origin.paths()) == ["/busy", "/late"]


# --- Bounds ------------------------------------------------------------------------------------------------


def test_a_document_may_be_as_large_as_allowed_and_no_larger(origin: Origin) -> None:
    fits, too_large = origin.put("/fits", b"x" * 100_000), origin.put("/large", b"x" * 100_001)
    assert len(response(fits, under=limits(max_bytes=100_000)).body) == 100_000
    failed = failure(too_large, under=limits(max_bytes=100_000))
    assert failed.kind == "too_large"
    assert "0.1 MB" in failed.message


def test_a_document_is_measured_unpacked(origin: Origin) -> None:
    bomb = gzip.compress(b"\x00" * 30_000_000)
    url = origin.put("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    assert len(bomb) < 100_000
    assert failure(url, under=limits(max_bytes=1_000_000)).kind == "too_large"


PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\x78\x9c"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"x"),
        (PACKED, b"\x00\x00\x00\xff\xff"),
        (CHUNKED + b"1;", b"x"),
        (CHUNKED, b"1;%s\r\nx\r\n" % (b"x" * 500)),
        (CHUNKED, b"2\r\nxx\r\n"),
    ],
    ids=["plain", "redirect", "empty blocks", "chunk extension", "chunk extensions", "small chunks"],
)
def test_a_document_without_end_is_cut_off(head: bytes, more: bytes) -> None:
    sent = [0]

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        block = more * (65536 // len(more))
        while True:
            connection.sendall(block)
            sent[0] += len(block)

    with serving(talk) as url:
        failed = failure(url, under=limits(max_bytes=1_000_000))
    assert failed.kind == "too_large"
    assert "1 MB (fetch.max_bytes)" in failed.message
    # What was on its way fills the buffers of both ends
    assert sent[0] < 2_000_000 + 10_000_000


@pytest.mark.parametrize("times", [2, 2000])
def test_a_document_in_small_chunks_takes_no_more_memory_than_it_has_bytes(times: int) -> None:
    block = b"2\r\nxy\r\n" * (100_000 // times) if times > 2 else b"30d40\r\n%s\r\n" % (b"xy" * 100_000)

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(CHUNKED)
        for _ in range(times):
            connection.sendall(block)
        connection.sendall(b"0\r\n\r\n")

    with serving(talk) as url:
        got, peak = traced(lambda: response(url))
    assert len(got.body) >= 200_000
    assert peak < 2.5 * len(got.body) + 1_000_000


def traced(act: Callable[[], T]) -> tuple[T, int]:
    """What it returns, and the bytes that Python's objects took at the highest."""
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [900_000, 30_000_000, 300_000_000])
def test_what_unpacks_to_a_hundred_times_its_size_is_refused_early(origin: Origin, length: int) -> None:
    bomb = gzip.compress(bytes(length), 9)
    url = origin.put("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    outcome, peak = traced(lambda: fetch(url, under=limits(max_bytes=500_000_000)))
    if length < 1_000_000:  # a small document cannot hurt
        assert isinstance(outcome, Response)
        return
    assert isinstance(outcome, Failure)
    assert outcome.kind == "too_large"
    assert "100 times its size" in outcome.message
    assert peak < 5_000_000


def test_a_document_that_packs_well_is_no_bomb(origin: Origin) -> None:
    random = Random(1)
    items = [f"<item><guid>{random.getrandbits(64)}</guid>{'<b>same</b>' * 40}</item>" for _ in range(10_000)]
    document = "".join(items).encode()
    packed = gzip.compress(document, 9)
    assert len(document) > 20 * len(packed)
    url = origin.put("/feed", packed, headers={"Content-Encoding": "gzip"})
    assert response(url).body[:] == document


@pytest.mark.parametrize(
    ("begin", "more", "words"),
    [
        (b"", b"X-Flood: %s\r\n" % (b"x" * 1000), "128 kB of headers"),
        (b"", b"a: b\r\n", "1,000 headers"),
        (b"X-Huge: ", b"x", "too long a header"),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n", "1,000 headers"),
        (b"\r\n", b"", ""),
    ],
    ids=["long", "many", "huge", "trailers", "none"],
)
def test_headers_without_end_are_cut_off(begin: bytes, more: bytes, words: str) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + begin)
        while more:
            connection.sendall(more * 100)

    with serving(talk) as url:
        if not more:
            assert response(url).status == 200
            return
        failed = failure(url)
    assert failed.kind == "too_large"
    assert words in failed.message


def test_interim_answers_without_end_are_cut_off() -> None:
    with serving(saying(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000)) as url:
        assert failure(url).kind == "too_large"


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=len
)
def test_a_server_that_drips_is_left_before_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr("aggregator.harvest.fetch._STALL_SECONDS", 1)
    over = Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while not over.wait(0.1):
            connection.sendall(b"x")

    with serving(talk) as url:
        failed = failure(url, under=limits(timeout=20))
        over.set()
    assert failed.kind == "timeout"
    assert failed.message == "sent less than 50 bytes a second for 1 s"


def test_documents_under_way_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.harvest.fetch._IN_FLIGHT_BYTES", 2_000_000)
    document = bytes(1_000_000)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + document

    def harvest() -> int:
        with serving(saying(whole)) as url, closing(Fetcher(limits(concurrency=32, per_host=32))) as fetcher:
            outcomes = fetcher.run(request(f"{url}{number}") for number in range(32))
            return sum(
                isinstance(outcome, Response) and outcome.body[:] == document for _, outcome in outcomes
            )

    arrived, peak = traced(harvest)
    assert arrived == 32
    assert peak < 12_000_000


def test_a_large_document_waits_on_disk_and_leaves_nothing_there(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    document = bytes(range(256)) * 50_000
    url = origin.put("/large", document)
    got, peak = traced(lambda: response(url))
    assert peak < 2_000_000
    assert len(got.body) == len(document)
    assert (got.body[:256], got.body[-3:]) == (document[:256], b"\xfd\xfe\xff")
    assert got.body[1_000_000:1_300_000] == document[1_000_000:1_300_000]
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    failed = failure(url)
    assert failed.kind == "no_room"
    assert f"finds no room in {tmp_path}/gone: No such file or directory" in failed.message


def test_a_large_document_that_stalls_holds_no_small_one_back(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.harvest.fetch._IN_FLIGHT_BYTES", 1_000_000)
    small = [request(origin.put(f"/{number}", b"x" * 5000)) for number in range(30)]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"
    with saying_and_holding(head + bytes(900_000)) as url:
        large = [request(f"{url}{number}") for number in range(3)]
        with closing(Fetcher(limits(timeout=1.5, per_host=4, concurrency=8))) as fetcher:
            order = [(asked, outcome) for asked, outcome in fetcher.run([*large, *small])]
            assert [asked for asked, _ in order[:30]] == small
            kinds = [outcome.kind for _, outcome in order[30:] if isinstance(outcome, Failure)]
            assert kinds == ["timeout"] * 3
            # and those that were paused leave nothing behind
            assert all(isinstance(outcome, Response) for _, outcome in fetcher.run(small))


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=len
)
def test_a_server_that_falls_silent_is_left(answer: bytes) -> None:
    with saying_and_holding(answer) as url:
        assert failure(url, under=limits(timeout=0.3)).kind == "timeout"


def test_redirects_share_one_timeout() -> None:
    over = Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        over.wait(0.2)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    with serving(talk) as url:
        assert failure(url, under=limits(timeout=0.5)).kind == "timeout"
        over.set()


def test_a_bad_server_costs_only_itself(origin: Origin) -> None:
    good = [request(origin.put(f"/{number}", b"fine")) for number in range(20)]
    with serving(saying(b"nonsense")) as bad, saying_and_holding(b"") as silent:
        requests = [request(silent), request(bad), request("x:y"), *good]
        with closing(Fetcher(limits(timeout=2, concurrency=4))) as fetcher:
            outcomes = {asked.url: outcome for asked, outcome in fetcher.run(requests)}
    assert len(outcomes) == len(requests)
    assert all(isinstance(outcomes[asked.url], Response) for asked in good)
    kinds = [found.kind for found in outcomes.values() if isinstance(found, Failure)]
    assert sorted(kinds) == ["bad_url", "http", "timeout"]


# --- Connections -------------------------------------------------------------------------------------------


class Turnstile:
    """A server that counts who is inside, and lets them go when so many are."""

    def __init__(self, expected: int) -> None:
        self.lock, self.full, self.expected = Lock(), Event(), expected
        self.inside = self.most = self.connections = 0

    def talk(self, connection: socket.socket) -> None:
        with self.lock:
            self.connections += 1
        while connection.recv(65536):
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
                if self.inside >= self.expected:
                    self.full.set()
            self.full.wait(10)
            with self.lock:
                self.inside -= 1
            connection.sendall(OK)


def test_a_host_sees_no_more_requests_at_once_than_allowed() -> None:
    turnstile = Turnstile(2)
    with serving(turnstile.talk) as url, closing(Fetcher(limits(per_host=2))) as fetcher:
        outcomes = list(fetcher.run([request(f"{url}{number}") for number in range(12)]))
    assert len(outcomes) == 12
    assert turnstile.most == 2
    assert turnstile.connections == 2  # each used again and again


def test_all_hosts_together_see_no_more_requests_at_once_than_allowed() -> None:
    turnstile = Turnstile(3)
    with serving(turnstile.talk) as url, closing(Fetcher(limits(concurrency=3, per_host=2))) as fetcher:
        port = url.rstrip("/").rpartition(":")[2]
        urls = [
            f"http://{host}:{port}/{number}" for number in range(6) for host in ("127.0.0.1", "localhost")
        ]
        outcomes = list(fetcher.run(map(request, urls)))
    assert all(isinstance(outcome, Response) for _, outcome in outcomes)
    assert turnstile.most == 3


def test_connections_are_kept_from_one_run_to_the_next() -> None:
    turnstile = Turnstile(1)
    with serving(turnstile.talk) as url, closing(Fetcher(limits())) as fetcher:
        for _ in range(3):
            assert len(list(fetcher.run([request(url)]))) == 1
    assert turnstile.connections == 1


def test_nothing_new_is_begun_while_there_is_no_room(origin: Origin) -> None:
    places = [1]

    def room(_seconds: float) -> bool:
        return bool(places) and bool(places.pop())

    urls = [origin.put(f"/{number}", b"x") for number in range(4)]
    with closing(Fetcher(limits())) as fetcher:
        for answered, _ in enumerate(fetcher.run(map(request, urls), room=room), start=1):
            assert len(origin.requests) == answered
            places.append(1)
    assert len(origin.requests) == 4


def test_a_stopped_run_drops_what_is_under_way_and_the_next_one_works(origin: Origin) -> None:
    over = Event()
    held = origin.put("/held", b"x", held=over)
    quick = origin.put("/quick", b"x")
    with closing(Fetcher(limits())) as fetcher:
        assert list(fetcher.run([request(held)], stopped=origin.reached.is_set)) == []
        over.set()
        assert [asked.url for asked, _ in fetcher.run([request(quick)])] == [quick]


def test_a_run_that_is_left_early_leaves_nothing_behind(origin: Origin) -> None:
    urls = [origin.put(f"/{number}", b"x") for number in range(6)]
    with closing(Fetcher(limits(concurrency=3, per_host=3))) as fetcher:
        run = fetcher.run(map(request, urls))
        next(run)
        assert isinstance(run, Generator)
        run.close()
        assert len(list(fetcher.run(map(request, urls)))) == 6


# --- Private addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],
)
def test_a_private_address_is_refused_in_each_of_its_forms(origin: Origin, host: str) -> None:
    port = origin.address.rpartition(":")[2]
    failed = failure(f"http://{host}:{port}/", under=limits(allow_private_networks=False))
    assert failed.kind == "private_address"
    assert "no public address" in failed.message
    assert origin.requests == []


@contextmanager
def watching(address: str, port: str) -> Iterator[socket.socket]:
    """A server at the same port of another address, where nobody is to come."""
    with socket.create_server((address, int(port))) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


SPELLINGS = (
    *("127.0.0.2", "2130706434", "0x7f000002", "0x7f.2", "0177.0.0.2", "017700000002", "127.2", "127.0.0.2."),
    *("[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "①②⑦.⓪.⓪.②", "127。0。0。2", "127.0.0.%32"),
    *("127.0.0.1@127.0.0.2", "127.0.0.1:80@127.0.0.2", "x%40127.0.0.1@127.0.0.2", "x@y@127.0.0.2"),
    *("[::1]", "[::]", "0.0.0.0", "169.254.169.254", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]"),
)


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8")
@pytest.mark.parametrize("host", SPELLINGS)
def test_a_redirect_to_a_private_address_is_refused(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr("aggregator.harvest.transfer.is_public", lambda host: host == "127.0.0.1")
    port = origin.address.rpartition(":")[2]
    location = f"http://{host}:{port}/secret".encode().decode("latin-1")
    origin.put("/start", status=302, headers={"Location": location})
    with watching("127.0.0.2", port):
        failed = failure(origin.url("/start"), under=limits(allow_private_networks=False))
    assert failed.kind == "private_address", failed
    assert "no public address" in failed.message
    assert origin.paths() == ["/start"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8")
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{}@127.0.0.1:{}/end",
        "http://127.0.0.1:{}#@127.0.0.2:{}/end",
        "http://127.0.0.1:{}\\@127.0.0.2:{}/end",
        "http:\\\\127.0.0.1:{}/end?x={}",
        "/\\127.0.0.1:{}/end?x={}",
        "http://127.0.0.1:{}/end?@127.0.0.2:{}/",
    ],
)
def test_a_redirect_leads_where_a_browser_would_go(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    """What one reader of an address takes for its host is what the other connects to."""
    monkeypatch.setattr("aggregator.harvest.transfer.is_public", lambda host: host == "127.0.0.1")
    port = origin.address.rpartition(":")[2]
    origin.put("/start", status=302, headers={"Location": location.format(port, port)})
    with watching("127.0.0.2", port):
        outcome = fetch(origin.url("/start"), under=limits(allow_private_networks=False))
    assert isinstance(outcome, Response) or outcome.kind == "redirect", outcome
    assert all("authorization" not in asked.headers for asked in origin.requests)


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8")
def test_a_name_that_turns_to_another_address_is_judged_by_that(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.harvest.transfer.is_public", lambda host: host == "127.0.0.1")
    port = origin.address.rpartition(":")[2]
    origin.put("/feed", b"x", headers={"Connection": "close"})
    url = f"http://rebind.example:{port}/feed"
    looked_up = ["127.0.0.1", "127.0.0.1", "127.0.0.2"]
    found: list[str] = []
    with watching("127.0.0.2", port), closing(Fetcher(limits(allow_private_networks=False))) as fetcher:
        make = fetcher._new_handle

        def answered_by_dns() -> pycurl.Curl:
            curl = fetcher._idle.pop() if fetcher._idle else make()
            name = f"rebind.example:{port}"
            curl.setopt(pycurl.RESOLVE, [f"-{name}", f"{name}:{looked_up.pop(0)}"])
            return curl

        for _ in range(3):
            fetcher._idle.append(answered_by_dns())
            ((_, outcome),) = fetcher.run([request(url)])
            found.append(str(outcome.status) if isinstance(outcome, Response) else outcome.kind)
    assert found == ["200", "200", "private_address"]
    assert len(origin.requests) == 2


def test_a_socket_that_cannot_be_opened_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("aggregator.harvest.transfer.is_public", lambda _: True)
    monkeypatch.setattr("aggregator.harvest.transfer.socket.socket", no_socket)
    failed = failure("http://127.0.0.1:9/", under=limits(allow_private_networks=False))
    assert failed.kind == "connect"
    assert "Too many open files" in failed.message


# --- TLS ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(which("openssl") is None, reason="makes its certificate with the openssl command")
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(OK)

    with serving(talk) as url:
        assert failure(url.replace("http:", "https:")).kind == "tls"


def test_a_server_that_speaks_no_tls_is_a_failure() -> None:
    with serving(saying(OK)) as url:
        assert failure(url.replace("http:", "https:")).kind == "tls"


# Consideration


@pytest.mark.parametrize(
    ("status", "headers", "asked"),
    [(429, {}, 1), (503, {"Retry-After": "60"}, 1), (503, {}, 3), (404, {"Retry-After": "60"}, 3)],
)
def test_a_host_that_wants_fewer_requests_gets_no_more_in_this_pass(
    origin: Origin, status: int, headers: dict[str, str], asked: int
) -> None:
    requests = [request(origin.put(f"/{n}", status=status, headers=headers)) for n in range(3)]
    with closing(Fetcher(limits(per_host=1))) as fetcher:
        outcomes = dict(fetcher.run(requests))
    assert len(origin.paths()) == asked
    assert len(outcomes) == 3
    spared = [one for one in outcomes.values() if isinstance(one, Failure)]
    assert [(one.kind, one.host) for one in spared] == [("rate_limited", "127.0.0.1")] * (3 - asked)


def test_the_hosts_of_a_site_are_asked_a_pause_apart(origin: Origin) -> None:
    origin.put("/feed", b"ok")
    port = origin.address.rpartition(":")[2]
    now, rests = 100.0, []

    def rest(seconds: float) -> None:
        nonlocal now
        now += seconds
        rests.append(seconds)

    requests = [request(f"http://{name}.example.localhost:{port}/feed") for name in "abc"]
    fetcher = Fetcher(limits(per_host=2, pause=2.0), seconds=lambda: now, rest=rest)
    with closing(fetcher):
        begun = [now for _, outcome in fetcher.run(requests) if isinstance(outcome, Response)]
    assert begun == pytest.approx([100, 102, 104], abs=0.001)
    assert sum(rests) == pytest.approx(4)
