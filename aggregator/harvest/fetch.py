"""Bounded conditional HTTP requests, many at a time, on one libcurl multi handle (pycurl).

One thread runs all of them. A request that fails, stalls or answers with nonsense costs only itself.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import gettempdir
from threading import Event
from urllib.parse import urljoin, urlsplit

import pycurl

from aggregator.freshness import asks_for_rest
from aggregator.harvest.guard import is_public
from aggregator.harvest.queue import Queue
from aggregator.harvest.spool import Spool
from aggregator.model import Failure, FailureKind, Request, Response
from aggregator.url import MAX_LENGTH, absolute, host

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, application/json;q=0.8, text/xml;q=0.8, */*;q=0.5"
)
_HEADER_BYTES = 128 * 1024
_HEADERS = 1000
_FRAMING_BYTES = 1_000_000
"""What the wire may carry besides the document: headers, chunk sizes, the bodies of redirects."""
_RATIO = 100
"""Feeds unpack to less than 40 times their size, zeros in gzip to 1,030 times."""
_SMALL_BYTES = 1_000_000
_IN_FLIGHT_BYTES = 200_000_000
"""Of documents under way, on disk where they are large."""
_REDIRECTS = 8
_CONNECT_SECONDS = 15
_STALL_SECONDS = 20
_STALL_SPEED = 50
_IDLE_SECONDS = 0.05
_CONNECTIONS_KEPT = 256
_REDIRECTED = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}
_FUNCTIONS = (
    pycurl.WRITEFUNCTION,
    pycurl.HEADERFUNCTION,
    pycurl.DEBUGFUNCTION,
    pycurl.XFERINFOFUNCTION,
    pycurl.OPENSOCKETFUNCTION,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a request: seconds from start to end, bytes after decompression, how many at once."""

    user_agent: str
    timeout: float = 30.0
    max_bytes: int = 20_000_000
    concurrency: int = 64
    per_host: int = 2
    pause: float = 0.0
    """Seconds from the beginning of one request to that of the next at one site."""
    allow_private_networks: bool = False


@dataclass(slots=True)
class _Transfer:
    """One request under way: what has arrived of its answer, and why we ended it, if we did."""

    request: Request
    url: str
    max_bytes: int
    body: Spool = field(default_factory=Spool)
    wire: int = 0
    """Bytes received over all hops, as they came: still packed and in chunks."""
    header_size: int = 0
    header_count: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    hops: list[int] = field(default_factory=list)
    seconds: float = 0.0
    ended: Failure | None = None
    sockets: list[socket.socket] = field(default_factory=list)
    origin: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.origin = _origin(self.url)

    def on_header(self, line: bytes) -> int | None:
        self.header_size += len(line)
        self.header_count += 1
        if self.header_size > _HEADER_BYTES or self.header_count > _HEADERS:
            most = f"{_HEADER_BYTES // 1024} kB of" if self.header_size > _HEADER_BYTES else f"{_HEADERS:,}"
            self.ended = Failure("too_large", f"sent more than {most} headers")
            return -1
        text = line.strip().decode("latin-1")
        if text.startswith("HTTP/"):  # an interim response (1xx) may have come before this one
            self.headers, self.ended = {}, None  # and of a host's addresses, one that was refused
            return None
        name, colon, value = text.partition(":")
        if colon:
            name, value = name.lower(), value.strip(" \t")
            known = self.headers.get(name)
            # RFC 9110 §5.3: repeated fields are one list; the others here are no lists
            joined = known is not None and name in ("cache-control", "link")
            self.headers[name] = f"{known}, {value}" if joined else value
        return None

    def on_body(self, data: bytes) -> int | None:
        size = len(self.body) + len(data)
        if size > self.max_bytes:
            self.ended = Failure("too_large", f"is larger than {self.max_bytes / 1e6:g} MB (fetch.max_bytes)")
        elif size > max(_SMALL_BYTES, _RATIO * self.wire):
            self.ended = Failure("too_large", f"unpacks to more than {_RATIO} times its size")
        else:
            try:
                self.body.write(data)
                return None
            except OSError as error:
                self.ended = Failure("too_large", f"finds no room in {gettempdir()}: {error.strerror}")
        return -1

    def on_wire(self, kind: int, data: bytes) -> None:
        if kind in (pycurl.INFOTYPE_HEADER_IN, pycurl.INFOTYPE_DATA_IN):
            self.wire += len(data)

    def on_progress(self, *_: int) -> int | None:
        # A packed body may go on for ever without a byte of document, and so may what frames a chunk
        if self.wire <= self.max_bytes + _FRAMING_BYTES:
            return None
        most = f"{self.max_bytes / 1e6:g} MB (fetch.max_bytes)"
        self.ended = Failure("too_large", f"sent more than {most}, most of it no document")
        return -1

    def open_socket(
        self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]
    ) -> socket.socket | int:
        family, socktype, protocol, (name, *_) = address
        if not is_public(name):
            self.ended = Failure(
                "private_address",
                f"{name} is no public address: allow it with fetch.allow_private_networks",
            )
            return int(pycurl.SOCKET_BAD)
        try:
            self.sockets.append(socket.socket(family, socktype, protocol))
        except OSError as error:
            self.ended = Failure("connect", f"no socket can be opened: {error.strerror}")
            return int(pycurl.SOCKET_BAD)
        return self.sockets[-1]

    def let_go(self) -> None:
        """Close our ends of the sockets: pycurl works with a duplicate of each."""
        for opened in self.sockets:
            opened.close()
        self.sockets.clear()

    def request_headers(self) -> list[str]:
        """The headers of the next hop; the source's own, which may be secret, go to no other origin.

        The validators go wherever the way leads: they are those of the document at its end.
        """
        headers = {"accept": f"Accept: {ACCEPT}"}
        validators = self.request.validators
        if validators.etag:
            headers["if-none-match"] = f"If-None-Match: {validators.etag}"
        if validators.last_modified:
            headers["if-modified-since"] = f"If-Modified-Since: {validators.last_modified}"
        if self.request.body is not None:
            # A large body would wait for a leave to be sent that many servers never give
            headers |= {"accept": "Accept: */*", "expect": "Expect:"}
            headers["content-type"] = (
                f"Content-Type: {self.request.content_type or 'application/octet-stream'}"
            )
        if _origin(self.url) == self.origin:
            headers |= {name.lower(): f"{name}: {value}" for name, value in self.request.headers}
        return list(headers.values())

    def outcome(self, status: int) -> Response | Failure | None:
        """What has come of it, None when it goes on: `url` is then the next to ask."""
        location = self.headers.get("location")
        is_followed = self.request.body is None or self.request.resends
        if status in _REDIRECTED and location and is_followed:
            return self._redirect(status, location)
        permanent = self.hops and _PERMANENT.issuperset(self.hops)
        return Response(self.url, status, self.headers, self.body.document(), self.url if permanent else None)

    def _redirect(self, status: int, location: str) -> Failure | None:
        if len(self.hops) >= _REDIRECTS:
            return Failure("redirect", f"redirects more than {_REDIRECTS} times", status)
        target = _target(location, self.url)
        if target is None:
            return Failure("redirect", f"redirects to {_why_not(location)}", status)
        # A body may be secret, and 303 means that it has been taken (RFC 9110 §15.4.4)
        is_unsafe = status == 303 or (self.origin[0] == "https" and not target.startswith("https:"))
        if self.request.body is not None and is_unsafe:
            return Failure("redirect", f"redirects what was sent to {target[:200]}", status)
        self.hops.append(status)
        self.url, self.headers = target, {}
        self.body = Spool()
        return None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _target(location: str, url: str) -> str | None:
    # Servers send other scripts as they are; browsers take that for UTF-8
    with suppress(UnicodeDecodeError):
        location = location.encode("latin-1").decode()
    try:
        return absolute(urljoin(url, location), url)
    except ValueError:
        return None


def _why_not(link: str) -> str:
    if len(link) > MAX_LENGTH:
        return f"an address of more than {MAX_LENGTH} characters"
    return f"{link[:200]!r}, no http or https URL"


Outcome = tuple[Request, Response | Failure]
Waiting = Queue[Request | _Transfer]


def _spared(waiting: Waiting, name: str) -> Iterator[Outcome]:
    """What a host has still to be asked that answered that it is asked too much (RFC 6585 §4)."""
    for item in waiting.drop(name):
        request = item.request if isinstance(item, _Transfer) else item
        yield request, Failure("rate_limited", f"was not asked: {name} wants fewer requests", host=name)


class Fetcher:
    """Runs requests; connections are kept and used again from one `run` to the next."""

    def __init__(
        self,
        limits: Limits,
        *,
        seconds: Callable[[], float] = time.monotonic,
        rest: Callable[[float], object] | None = None,
    ) -> None:
        """`seconds` reads a clock that never jumps, `rest` waits for some."""
        self.limits = limits
        self._seconds = seconds
        self._rest = rest or Event().wait
        self._multi = pycurl.CurlMulti()
        # Fewer than the hosts in rotation would mean no connection is ever used twice
        self._multi.setopt(pycurl.M_MAXCONNECTS, _CONNECTIONS_KEPT)
        self._idle: list[pycurl.Curl] = []
        self._active: dict[pycurl.Curl, _Transfer] = {}
        self._held: set[pycurl.Curl] = set()
        """Of the active, those that are paused."""

    def close(self) -> None:
        """Close every connection. Not while a `run` is under way."""
        for curl in self._idle:
            curl.close()
        self._idle.clear()
        self._multi.close()

    def run(
        self,
        requests: Iterable[Request],
        *,
        room: Callable[[float], bool] = lambda _seconds: True,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Outcome]:
        """Yield each request with its response or failure, as they come in.

        `room(seconds)` waits so long at most and says whether the caller can take one more answer: while
        it cannot, requests under way go on but no new one begins. `stopped` ends all.
        """
        resting: set[str] = set()
        waiting: Waiting = Queue(per_site=self.limits.per_host, pause=self.limits.pause)
        for request in requests:
            if (url := absolute(request.url, request.url)) is None:
                yield request, Failure("bad_url", f"cannot be requested: {_why_not(request.url)}")
            else:
                waiting.add(url, request)
        try:
            while (waiting or self._active) and not stopped():
                self._begin(waiting, room)
                if not self._active:
                    self._rest(min(waiting.wait(self._seconds()), _IDLE_SECONDS))
                    continue
                self._multi.perform()
                finished = list(self._finished(waiting))
                self._balance()
                for request, outcome in finished:
                    if isinstance(outcome, Response) and asks_for_rest(outcome.status, outcome.headers):
                        resting.add(host(outcome.url))
                    yield request, outcome
                for name in resting:  # in each turn: redirects lead there later too
                    yield from _spared(waiting, name)
                if not finished and self._active:
                    self._multi.select(_IDLE_SECONDS)
        finally:
            for curl in list(self._active):
                self._take(curl)

    def _begin(self, waiting: Waiting, room: Callable[[float], bool]) -> None:
        while len(self._active) < self.limits.concurrency and room(0 if self._active else _IDLE_SECONDS):
            if (found := waiting.next(self._seconds())) is None:
                return
            url, item = found
            if isinstance(item, Request):
                item = _Transfer(item, url, self.limits.max_bytes)
            self._send(self._idle.pop() if self._idle else self._new_handle(), item)

    def _balance(self) -> None:
        """While documents under way are too much together, let the largest and the small ones go on only.

        One always goes on until it ends, or its time does: none waits for ever.
        """
        sizes = {curl: len(transfer.body) for curl, transfer in self._active.items()}
        is_too_much = sum(sizes.values()) > _IN_FLIGHT_BYTES
        small = _IN_FLIGHT_BYTES / 2 / self.limits.concurrency
        largest = max(sizes, key=sizes.__getitem__, default=None)
        for curl, size in sizes.items():
            is_held = is_too_much and size > small and curl is not largest
            if is_held != (curl in self._held):
                (self._held.add if is_held else self._held.remove)(curl)
                curl.pause(pycurl.PAUSE_RECV if is_held else pycurl.PAUSE_CONT)

    def _send(self, curl: pycurl.Curl, transfer: _Transfer) -> None:
        headers = [header.encode("latin-1", "replace") for header in transfer.request_headers()]
        left = self.limits.timeout - transfer.seconds
        curl.setopt(pycurl.URL, transfer.url)
        if transfer.request.body is None:
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(transfer.request.body))
            curl.setopt(pycurl.COPYPOSTFIELDS, transfer.request.body)
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(left * 1000)))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(left, _CONNECT_SECONDS) * 1000)))
        curl.setopt(pycurl.WRITEFUNCTION, transfer.on_body)
        curl.setopt(pycurl.HEADERFUNCTION, transfer.on_header)
        curl.setopt(pycurl.DEBUGFUNCTION, transfer.on_wire)
        curl.setopt(pycurl.XFERINFOFUNCTION, transfer.on_progress)
        if not self.limits.allow_private_networks:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, transfer.open_socket)
        self._active[curl] = transfer
        self._multi.add_handle(curl)

    def _new_handle(self) -> pycurl.Curl:
        curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.USERAGENT, self.limits.user_agent)
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        # Redirects are followed here, not by libcurl: it would send a source's headers to other hosts.
        # No proxy: through one, the address that is connected to could not be checked.
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PROXY, "")
        if (bundle := ssl.get_default_verify_paths().cafile) is not None:
            curl.setopt(pycurl.CAINFO, bundle)
        # The debug function is the only place that sees bytes as they come from the wire
        curl.setopt(pycurl.VERBOSE, 1)
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _STALL_SPEED)
        curl.setopt(pycurl.LOW_SPEED_TIME, _STALL_SECONDS)
        return curl

    def _finished(self, waiting: Waiting) -> Iterator[Outcome]:
        while True:
            left, succeeded, failures = self._multi.info_read()
            for curl in succeeded:
                status, seconds = curl.getinfo(pycurl.RESPONSE_CODE), curl.getinfo(pycurl.TOTAL_TIME)
                transfer = self._take(curl)
                waiting.done(transfer.url)
                transfer.seconds += seconds
                outcome = transfer.outcome(status)
                if outcome is None:
                    waiting.add(transfer.url, transfer, is_begun=True)
                else:
                    yield transfer.request, outcome
            for curl, code, message in failures:
                transfer = self._take(curl)
                waiting.done(transfer.url)
                yield transfer.request, transfer.ended or _failure(code, message)
            if not left:
                return

    def _take(self, curl: pycurl.Curl) -> _Transfer:
        self._multi.remove_handle(curl)
        self._held.discard(curl)
        # Idle handles would keep their last transfer, and its document, in memory
        for function in _FUNCTIONS:
            curl.unsetopt(function)
        self._idle.append(curl)
        transfer = self._active.pop(curl)
        transfer.let_go()
        return transfer


_ERRORS: dict[int, tuple[FailureKind, str]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: ("dns", "its host name is not known"),
    pycurl.E_COULDNT_CONNECT: ("connect", "its server accepts no connection"),
    pycurl.E_OPERATION_TIMEDOUT: ("timeout", "took too long (fetch.timeout)"),
    pycurl.E_URL_MALFORMAT: ("bad_url", "its URL, or one that it redirects to, is malformed"),
    pycurl.E_SSL_CONNECT_ERROR: ("tls", "no secure connection"),
    pycurl.E_PEER_FAILED_VERIFICATION: ("tls", "its certificate is not valid"),
    pycurl.E_GOT_NOTHING: ("connect", "closed the connection without an answer"),
    pycurl.E_RECV_ERROR: ("connect", "broke the connection off"),
    pycurl.E_SEND_ERROR: ("connect", "broke the connection off"),
    pycurl.E_PARTIAL_FILE: ("connect", "broke off before the end of the document"),
    100: ("too_large", "sent too long a header"),  # CURLE_TOO_LARGE, which pycurl does not name
    pycurl.E_BAD_CONTENT_ENCODING: ("http", "is not compressed as it says"),
}


def _failure(code: int, message: str) -> Failure:
    kind, words = _ERRORS.get(code, ("http", "did not answer as HTTP demands"))
    if code == pycurl.E_OPERATION_TIMEDOUT and "too slow" in message:
        return Failure(kind, f"sent less than {_STALL_SPEED} bytes a second for {_STALL_SECONDS} s")
    return Failure(kind, f"{words} ({message})" if message else words)
