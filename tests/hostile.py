"""An origin that means harm, or is badly made: a raw answer for each path, and beside it what is to come of it.

Each path has an address of its own in 127.0.0.0/8, so that what a host says (Retry-After, too many
connections) is of that path alone. Every answer ends by itself, after some seconds or megabytes.
"""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from selectors import EVENT_READ, DefaultSelector
from threading import Event, Thread
from typing import Final

LONGEST: Final = 19_000_000
"""Of a document that is to come through: a little under `fetch.max_bytes`."""
_PATIENCE = 40.0
_MOST_SENT = 150_000_000


@dataclass
class Talk:
    """One connection, from the server's side."""

    connection: socket.socket
    nth: int
    """How often the path was asked before."""
    request: Mapping[str, str]
    address: str
    over: Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def wait(self, seconds: float) -> bool:
        """False when the server is to end."""
        return not self.over.wait(seconds)


Answer = bytes | Callable[[Talk], bytes | None]


@dataclass(frozen=True)
class Trial:
    """A path, and what is to come of a source that leads there.

    `outcome`: `fetched`, or the kinds of failure of which any will do. `later`: those of the passes that
    follow, if it is asked again. `entries`: how many are stored in the end, at most and at least.
    `holds` and `lacks` are looked for in all that is stored of them; `says` in the words of the failure.
    """

    name: str
    answer: Answer
    outcome: str
    entries: int | range = 0
    later: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    says: str = ""


# How a document goes out


def ok(body: bytes, *headers: str, type: str = "application/rss+xml") -> bytes:
    return status("200 OK", f"Content-Type: {type}", *headers, body=body)


def status(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = (f"HTTP/1.1 {line}", "Connection: close", f"Content-Length: {len(body)}", *headers)
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


def plain(body: bytes, *headers: str) -> bytes:
    """A 200 that says nothing of its length, or says it in its own way."""
    return "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *headers)).encode("latin-1") + b"\r\n" + body


def to(location: str, line: str = "302 Found") -> bytes:
    return status(line, f"Location: {location.encode().decode('latin-1')}")


def rss(*items: bytes, head: bytes = b"", xml: bytes = b'<?xml version="1.0"?>', root: bytes = b"") -> bytes:
    channel = b"<title>T</title><link>https://hostile.example/</link>" + head + b"".join(items)
    return xml + b'<rss version="2.0"' + root + b"><channel>" + channel + b"</channel></rss>"


def item(name: str = "1", inside: bytes = b"", text: str = "hello from here") -> bytes:
    return (
        f"<item><title>A {name}</title><link>https://hostile.example/{name}</link><guid>{name}</guid>"
        f"<description>{text}</description>".encode()
        + inside
        + b"</item>"
    )


FEED = rss(item())
BODY = ok(FEED)


@cache
def gzipped(data: bytes, times: int = 1) -> bytes:
    """`data`, so many times over, as gzip."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(data) for _ in range(times)) + packer.flush()


def bomb() -> bytes:
    return gzipped(b"<rss>" + b" " * 1_000_000, 400)


# Answers that take their time


def one_byte_a_second(talk: Talk) -> None:
    talk.send(plain(b"", "Content-Length: 100000"))
    for _ in range(int(_PATIENCE)):
        talk.send(b"<")
        if not talk.wait(1):
            return


def a_header_a_second(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(int(_PATIENCE)):
        talk.send(f"X-{number}: y\r\n".encode())
        if not talk.wait(1):
            return


def stalled_headers(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    talk.wait(_PATIENCE)


def stalled_body(talk: Talk) -> None:
    talk.send(plain(FEED[:100], f"Content-Length: {len(FEED)}"))
    talk.wait(_PATIENCE)


def silence(talk: Talk) -> None:
    talk.wait(_PATIENCE)


def _pour(talk: Talk, data: bytes) -> None:
    for _ in range(_MOST_SENT // len(data)):
        talk.send(data)


def endless_body(talk: Talk) -> None:
    talk.send(plain(b"<rss version='2.0'><channel>"))
    _pour(talk, item() * 1000)


def endless_nothing(talk: Talk) -> None:
    """Gzip whose blocks are empty: bytes without end that unpack to none."""
    talk.send(plain(b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "Content-Encoding: gzip"))
    _pour(talk, b"\0\0\0\xff\xff" * 20_000)


def endless_interim(talk: Talk) -> None:
    _pour(talk, b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" * 1000)


def reset_in_body(talk: Talk) -> None:
    talk.send(plain(FEED[:100], f"Content-Length: {len(FEED)}"))
    talk.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# Answers that depend on how often they are asked, and with what


def every_other_time(talk: Talk) -> bytes:
    return status("500 Internal Server Error") if talk.nth % 2 == 0 else BODY


def new_etag(talk: Talk) -> bytes:
    return ok(FEED, f'ETag: "{talk.nth}"')


def remembered(*headers: str) -> Callable[[Talk], bytes]:
    """304, but only to a request with the same validators, byte for byte; without them it fails."""

    def answer(talk: Talk) -> bytes:
        if talk.nth == 0:
            return ok(FEED, *headers)
        sent = {"etag": "if-none-match", "last-modified": "if-modified-since"}
        for header in headers:
            name, _, value = header.partition(": ")
            if talk.request.get(sent[name.lower()]) != value:
                return status("412 Precondition Failed")
        return status("304 Not Modified")

    return answer


def by_turns(*documents: bytes) -> Callable[[Talk], bytes]:
    return lambda talk: ok(documents[min(talk.nth, len(documents) - 1)])


def new_guids(talk: Talk) -> bytes:
    text = " ".join(["The minister said in Seoul that aid would come by rail in the second week of May"] * 3)
    return ok(
        rss(item("again", text=text).replace(b"<guid>again<", f"<guid>{talk.nth}-{id(talk)}<".encode()))
    )


def edited(talk: Talk) -> bytes:
    return ok(rss(item(text=f"hello from edition {talk.nth}")))


def redirect_loop(talk: Talk) -> bytes:
    return to(f"{talk.address}/{talk.nth % 2}")


def chain(length: int, line: str = "302 Found", *, end: bytes = BODY) -> Callable[[Talk], bytes]:
    def answer(talk: Talk) -> bytes:
        at = talk.request[":path"].rpartition("/hop")[2]
        step = int(at) if at.isdigit() else 0
        return end if step == length else to(f"{talk.address}/hop{step + 1}", line)

    return answer


def later(line: str, seconds: int) -> Callable[[Talk], bytes]:
    """A refusal with Retry-After as a date."""

    def answer(_: Talk) -> bytes:
        moment = datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC)  # noqa: TID251 (as servers do)
        return status(line, f"Retry-After: {moment:%a, %d %b %Y %H:%M:%S GMT}")

    return answer


def entities(talk: Talk) -> bytes:
    external = f'<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY % b SYSTEM "{talk.address}/fetched.dtd">%b;'
    head = f'<?xml version="1.0"?><!DOCTYPE rss [{external}<!ENTITY c SYSTEM "{talk.address}/fetched.xml">]>'
    return ok(rss(item(inside=b"<author>by &a; &c;</author>"), xml=head.encode()))


# Documents


def laughs() -> bytes:
    levels = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 10)]
    doctype = f'<!DOCTYPE rss [<!ENTITY e0 "laughter">{"".join(levels)}]>'
    return rss(item(inside=b"<author>&e9;</author>"), xml=b'<?xml version="1.0"?>' + doctype.encode())


def quadratic() -> bytes:
    doctype = b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "' + b"A" * 50_000 + b'">]>'
    return rss(item(inside=b"<author>" + b"&a;" * 50_000 + b"</author>"), xml=doctype)


def attributes(count: int) -> bytes:
    return b" ".join(b'a%d="x"' % number for number in range(count))


def escaped(markup: bytes) -> bytes:
    return markup.replace(b"<", b"&lt;").replace(b">", b"&gt;")


def filled(unit: bytes, *, size: int = LONGEST) -> bytes:
    return unit * (size // len(unit))


def described(markup: bytes) -> bytes:
    return rss(
        b"<item><title>A</title><guid>1</guid><link>https://hostile.example/1</link><description>"
        + markup
        + b"</description></item>"
    )


_E = "&lt;script&gt;alert(1)&lt;/script&gt;"
SCRIPTED = f"""<item><title>Safe {_E}</title><author>Ann {_E}</author><category>Cat {_E}</category>
<guid isPermaLink="false">javascript:alert(1)</guid><link>javascript:alert(1)</link>
<description>Words {_E} &lt;img src=x onerror=alert(1)&gt; &lt;a href="javascript:alert(1)"&gt;here&lt;/a&gt;
</description>
<enclosure url="javascript:alert(1)" type="audio/mpeg" length="1"/></item>""".encode()
DATES = b"".join(
    item(str(number), f"<pubDate>{date}</pubDate>".encode())
    for number, date in enumerate(
        [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 99 Foo -17 25:61:61 +9999",
            "0000-00-00T00:00:00Z",
            "9" * 400,
            "now",
        ]
    )
)
JSON_FEED = "application/feed+json"
HTML = "text/html; charset=utf-8"
_DIV = b"<div>"

TRIALS: Final = (
    # What is compressed
    Trial("gzip-bomb", lambda _: ok(bomb(), "Content-Encoding: gzip"), "too_large"),
    Trial("gzip-bomb-twice", lambda _: ok(gzipped(bomb()), "Content-Encoding: gzip, gzip"), "too_large"),
    Trial("gzip-of-nothing", endless_nothing, "too_large"),
    Trial("mislabelled", ok(FEED, "Content-Encoding: gzip"), "http"),
    Trial("unlabelled", lambda _: ok(gzipped(FEED)), "not_a_feed"),
    Trial("unknown-encoding", ok(FEED, "Content-Encoding: zap"), "http"),
    # What was cut off may hold entries that a stored validator would hide for ever
    Trial(
        "gzip-truncated",
        lambda _: ok(
            gzipped(rss(*map(item, map(str, range(500)))))[:-200], "Content-Encoding: gzip", 'ETag: "cut"'
        ),
        "fetched",
        range(1, 500),
        ("fetched",),
    ),
    # The connection
    Trial("endless-body", endless_body, "too_large"),
    Trial("one-byte-a-second", one_byte_a_second, "timeout"),
    Trial("a-header-a-second", a_header_a_second, "timeout"),
    Trial("stalled-headers", stalled_headers, "timeout"),
    Trial("stalled-body", stalled_body, "timeout"),
    Trial("silence", silence, "timeout"),
    Trial("header-flood", status("200 OK", *(f"X-{n}: y" for n in range(50_000))), "too_large"),
    Trial("huge-header", status("200 OK", f"X: {'y' * 2_000_000}"), "too_large"),
    Trial("endless-interim", endless_interim, "too_large http"),
    Trial("reset-in-body", reset_in_body, "connect"),
    Trial("no-answer", b"", "connect"),
    Trial("long-content-length", plain(FEED, "Content-Length: 99999"), "connect"),
    Trial("short-content-length", plain(FEED, "Content-Length: 90"), "fetched malformed"),
    Trial("negative-content-length", plain(FEED, "Content-Length: -5"), "http"),
    Trial("vast-content-length", plain(FEED, "Content-Length: 99999999999999"), "connect too_large"),
    Trial("chunk-garbage", plain(b"ZZ\r\nabc", "Transfer-Encoding: chunked"), "connect http"),
    Trial(
        "chunk-overflow", plain(b"FFFFFFFFFFFFFFFFF\r\n<rss>", "Transfer-Encoding: chunked"), "connect http"
    ),
    Trial("junk-before-status", b"junk junk\r\n" + BODY, "http"),
    Trial("no-status-line", FEED, "http"),
    # Where it leads
    Trial("redirect-loop", redirect_loop, "redirect"),
    Trial("redirect-chain", chain(30), "redirect"),
    Trial("redirect-file", to("file:///etc/passwd"), "redirect"),
    Trial("redirect-ftp", to("ftp://127.0.0.1/x"), "redirect"),
    Trial("redirect-data", to("data:text/xml,<rss/>"), "redirect"),
    Trial("redirect-nowhere", to("http://"), "redirect"),
    Trial("redirect-long", to("/" + "x" * 100_000), "redirect"),
    Trial("moved-301", chain(1, "301 Moved Permanently"), "fetched", 1, later=("fetched",)),
    Trial("moved-308", chain(1, "308 Permanent Redirect"), "fetched", 1, later=("fetched",)),
    Trial("moved-302", chain(1), "fetched", 1, later=("fetched",)),
    Trial("moved-307", chain(2, "307 Temporary Redirect"), "fetched", 1, later=("fetched",)),
    # What it refuses
    Trial("gone", status("410 Gone"), "gone"),
    Trial("not-found", status("404 Not Found"), "not_found"),
    Trial("login", status("401 Unauthorized", "WWW-Authenticate: Basic"), "refused"),
    Trial("forbidden", status("403 Forbidden"), "refused"),
    Trial("bot-wall", status("403 Forbidden", "cf-mitigated: challenge"), "blocked", says="Cloudflare"),
    Trial("retry-429-seconds", status("429 Too Many Requests", "Retry-After: 3600"), "rate_limited"),
    Trial("retry-429-date", later("429 Too Many Requests", 3600), "rate_limited"),
    Trial("retry-503-seconds", status("503 Unavailable", "Retry-After: 3600"), "rate_limited"),
    Trial("retry-503-date", later("503 Unavailable", 3600), "rate_limited"),
    Trial("500-every-other-time", every_other_time, "http", 1, later=("fetched", "http")),
    # Validators
    Trial("304-unasked", status("304 Not Modified"), "http"),
    Trial("new-etag", new_etag, "fetched", 1, later=("fetched", "fetched")),
    Trial("weak-etag", remembered('ETag: W/"we ak"'), "fetched", 1, later=("fetched",)),
    Trial("odd-etag", remembered("ETag: odd, \"\\'\xe9;=%00"), "fetched", 1, later=("fetched",)),
    Trial(
        "bad-last-modified", remembered("Last-Modified: yesterday, or so"), "fetched", 1, later=("fetched",)
    ),
    Trial(
        "both-validators",
        remembered('ETag: "x"', "Last-Modified: Wed, 27 Nov 2024 09:00:00 GMT"),
        "fetched",
        1,
        later=("fetched",),
    ),
    # No feed
    Trial("html", ok(b"<!doctype html><title>Hi</title><p>Words", type=HTML), "not_a_feed"),
    Trial(
        "html-with-link",
        ok(
            b'<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/the.feed">',
            type=HTML,
        ),
        "not_a_feed",
        says="/the.feed",
    ),
    Trial(
        "challenge-page",
        ok(b"<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={}</script>"),
        "blocked",
    ),
    Trial("empty", ok(b""), "empty"),
    Trial("blank", ok(b" \r\n\t\n" * 1000), "empty"),
    Trial("zeros", ok(b"\0" * 5_000_000), "not_a_feed malformed empty"),
    # XML that means harm
    Trial("entity-bomb", lambda _: ok(laughs()), "fetched malformed", range(2), lacks=("laughterlaughter",)),
    Trial("entities-quadratic", lambda _: ok(quadratic()), "fetched malformed", range(2), lacks=("AAAA",)),
    Trial("entities-external", entities, "fetched malformed", range(2), lacks=("root:", "fetched")),
    Trial("entity-flood", lambda _: ok(b"<!DOCTYPE rss [" + b"<!ENTITY " * 300_000), "not_a_feed malformed"),
    Trial(
        "deep-1000",
        lambda _: ok(rss(b"<x>" * 1000 + b"</x>" * 1000, item())),
        "fetched malformed",
        range(2),
    ),
    Trial(
        "deep-million",
        lambda _: ok(rss(item("1"), b"<x>" * 1_000_000)),
        "fetched malformed",
        range(2),
    ),
    Trial(
        "deep-html",
        lambda _: ok(described(escaped(_DIV * 200_000) + b"words")),
        "fetched malformed",
        range(2),
    ),
    Trial("deep-xhtml", lambda _: ok(described(_DIV * 50_000 + b"words")), "fetched malformed", range(2)),
    Trial(
        "deep-json",
        ok(b'{"version":"https://jsonfeed.org/version/1.1","items":' + b"[" * 200_000),
        "malformed",
    ),
    Trial(
        "vast-number",
        ok(b'{"version":"https://jsonfeed.org/version/1.1","items":[{"id":' + b"9" * 5000 + b"}]}"),
        "malformed",
    ),
    Trial(
        "attributes",
        lambda _: ok(rss(b"<item " + attributes(200_000) + b"><title>A</title><guid>1</guid></item>")),
        "fetched malformed",
        range(2),
    ),
    Trial(
        "attributes-broken",
        lambda _: ok(rss(item(), b"<item " + attributes(200_000) + b"><title>A</title></item><broken>")),
        "fetched malformed",
        range(3),
    ),
    Trial(
        "attributes-html",
        lambda _: ok(described(escaped(b"<img src='https://x.example/' " + attributes(200_000) + b">words"))),
        "fetched malformed",
        range(2),
    ),
    Trial(
        "entries-200000",
        lambda _: ok(
            rss(*(b"<item><title>A%d</title><guid>%d</guid></item>" % (n, n) for n in range(200_000)))
        ),
        "fetched too_large malformed",
        range(10_001),
    ),
    Trial(
        "entry-20-mb",
        lambda _: ok(described(filled(b"hello wonderful world of words "))),
        "fetched too_large malformed",
        range(2),
    ),
    Trial(
        "entry-20-mb-of-html",
        lambda _: ok(described(filled(b"&lt;b&gt;he&lt;/b&gt; "))),
        "fetched too_large malformed",
        range(2),
    ),
    Trial(
        "guid-20-mb",
        lambda _: ok(rss(b"<item><title>A</title><guid>" + filled(b"guid") + b"</guid></item>")),
        "fetched too_large malformed",
        range(2),
    ),
    Trial(
        "comment-20-mb",
        lambda _: ok(rss(item(), b"<!--" + filled(b"x") + b"-->")),
        "fetched too_large malformed",
        range(2),
    ),
    Trial(
        "attribute-20-mb",
        lambda _: ok(rss(item(), b'<x y="' + filled(b"x") + b'"/>')),
        "fetched too_large malformed",
        range(2),
    ),
    Trial("angles", lambda _: ok(rss(item(), b"<" * 3_000_000)), "fetched malformed", range(2)),
    Trial("ampersands", lambda _: ok(rss(item(), b"&" * 3_000_000)), "fetched malformed", range(2)),
    Trial("tag-soup", lambda _: ok(b"<rss><item><" * 300_000), "fetched malformed", range(2_001)),
    # Entries that are told apart badly
    Trial(
        "guids-doubled",
        ok(rss(item("1"), item("2").replace(b"<guid>2", b"<guid>1"), item("1"))),
        "fetched",
        2,
    ),
    Trial("guids-new-each-time", new_guids, "fetched", 3, later=("fetched", "fetched")),
    Trial("no-id", ok(rss(item().replace(b"<guid>1</guid>", b""))), "fetched", 1, holds=("hello",)),
    Trial("no-link", ok(rss(item().replace(b"<link>https://hostile.example/1</link>", b""))), "fetched", 1),
    Trial(
        "no-title", ok(rss(item().replace(b"<title>A 1</title>", b""))), "fetched", 1, holds=("hello from",)
    ),
    Trial("no-date", BODY, "fetched", 1),
    Trial("nothing-in-it", ok(rss(b"<item></item>")), "fetched", range(2)),
    Trial("dates-absurd", ok(rss(DATES)), "fetched", 6, lacks=("1970-", "9999-")),
    # Characters
    Trial(
        "invalid-utf-8",
        ok(rss(item()).replace(b"hello", b"he\xff\xfello")),
        "fetched",
        1,
        holds=("llo from",),
    ),
    Trial(
        "wrong-charset",
        ok(rss(item()).replace(b"hello", "привіт".encode("cp1251")), type="text/xml; charset=utf-8"),
        "fetched",
        1,
        holds=("from here",),
    ),
    Trial("no-such-charset", ok(FEED, type="text/xml; charset=undefined"), "fetched", 1, holds=("hello",)),
    Trial(
        "utf-16-without-mark",
        ok(rss(item(), xml=b'<?xml version="1.0" encoding="utf-16"?>').decode().encode("utf-16-le")),
        "fetched",
        1,
        holds=("hello from",),
    ),
    Trial("nul-bytes", ok(FEED.replace(b"hello", b"he\0llo")), "fetched", 1, holds=("hello",), lacks=("\0",)),
    Trial("blank-lines-first", ok(b"\n\n  \r\n" + FEED), "fetched", 1, holds=("hello",)),
    Trial(
        "control-characters",
        ok(FEED.replace(b"hello", b"he\x01\x1b\x7fllo")),
        "fetched",
        1,
        lacks=("\x01", "\x1b"),
    ),
    Trial(
        "bidi",
        ok(FEED.replace(b"A 1", "A \u202e1".encode()).replace(b"hello", b"he&#x202e;&#x2066;llo")),
        "fetched",
        1,
        lacks=("\u202e", "\u2066", "&#x202e;"),
    ),
    # What is to run in a reader
    Trial(
        "script-everywhere",
        ok(rss(SCRIPTED, head=f"<description>{_E}</description>".encode())),
        "fetched",
        1,
        holds=("Words",),
        lacks=("onerror", 'href="javascript'),
    ),
    Trial(
        "links-with-base",
        ok(
            rss(
                item(text="&lt;a href='x'&gt;y&lt;/a&gt;").replace(
                    b"<description", b'<description xml:base="/b/"'
                ),
                root=b' xml:base="https://base.example/a/"',
            )
        ),
        "fetched",
        1,
        holds=('href="https://base.example/b/x"',),
    ),
    Trial(
        "links-without-base",
        ok(rss(item(text="&lt;a href='x'&gt;y&lt;/a&gt;"))),
        "fetched",
        1,
        holds=('href="https://hostile.example/x"',),
    ),
    # What changes from one time to the next
    Trial("edited-each-time", edited, "fetched", 1, later=("fetched", "fetched"), holds=("edition 2",)),
    Trial(
        "one-vanishes",
        by_turns(rss(item("1"), item("2")), rss(item("2"))),
        "fetched",
        2,
        later=("fetched",),
        holds=("A 1", "A 2"),
    ),
    Trial(
        "back-in-time",
        by_turns(rss(item("3"), item("4")), rss(item("1"), item("2"), item("3")), rss(item("3"), item("4"))),
        "fetched",
        4,
        later=("fetched", "fetched"),
    ),
)


@dataclass
class HostileOrigin:
    """The server, and what each path was asked: the request headers in lower case, `:path` among them."""

    urls: dict[str, str] = field(default_factory=dict)
    asked: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)


@contextmanager
def serving(answers: Mapping[str, Answer], *, network: str = "127.7") -> Iterator[HostileOrigin]:
    """One address below `network` for each answer, until the block ends."""
    origin, over = HostileOrigin(), Event()
    with ExitStack() as stack, DefaultSelector() as selector:
        pool = stack.enter_context(ThreadPoolExecutor(len(answers) + 16))
        for number, name in enumerate(answers):
            host = f"{network}.{number // 250}.{number % 250 + 1}"
            server = stack.enter_context(socket.create_server((host, 0), backlog=64))
            selector.register(server, EVENT_READ, name)
            origin.urls[name] = f"http://{host}:{server.getsockname()[1]}/{name}"
            origin.asked[name] = []

        def accept() -> None:
            while not over.is_set():
                for key, _ in selector.select(0.05):
                    assert isinstance(key.fileobj, socket.socket)
                    connection, _ = key.fileobj.accept()
                    pool.submit(_talk, connection, key.data, answers[key.data], origin, over)

        thread = Thread(target=accept)
        thread.start()
        try:
            yield origin
        finally:
            over.set()
            thread.join()


def _talk(connection: socket.socket, name: str, answer: Answer, origin: HostileOrigin, over: Event) -> None:
    # A client that goes away, or will not hear more, is what most of this is about
    with connection, suppress(OSError):
        connection.settimeout(_PATIENCE)
        received = b""
        while b"\r\n\r\n" not in received:
            if not (data := connection.recv(65536)):
                return
            received += data
        first, *lines = received.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        request = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines}
        request[":path"] = first.split(" ")[1]
        nth = len(origin.asked[name])
        origin.asked[name].append(request)
        if callable(answer):
            address = origin.urls[name].rpartition("/")[0]
            answer = answer(Talk(connection, nth, request, address, over)) or b""
        connection.sendall(answer)
