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
from threading import Event
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pycurl

from aggregator.freshness import asks_for_rest
from aggregator.harvest.guard import is_public
from aggregator.harvest.queue import Queue
from aggregator.model import Failure, FailureKind, Request, Response
from aggregator.url import absolute, host

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, application/json;q=0.8, text/xml;q=0.8, */*;q=0.5"
)
_HEADER_BYTES = 128 * 1024
_REDIRECTS = 8
_CONNECT_SECONDS = 15
_STALL_SECONDS = 20
_IDLE_SECONDS = 0.05
_CONNECTIONS_KEPT = 256
_REDIRECTED = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}


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


class _Address(NamedTuple):
    family: int
    socktype: int
    protocol: int
    addr: tuple[str, int]


@dataclass(slots=True)
class _Transfer:
    """One request under way: what has arrived of its answer, and why we ended it, if we did."""

    request: Request
    url: str
    max_bytes: int
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    header_size: int = 0
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
        if self.header_size > _HEADER_BYTES:
            self.ended = Failure("too_large", f"sent more than {_HEADER_BYTES // 1024} kB of headers")
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
        self.size += len(data)
        if self.size > self.max_bytes:
            self.ended = Failure("too_large", f"is larger than {self.max_bytes / 1e6:g} MB (fetch.max_bytes)")
            return -1
        self.body.append(data)
        return None

    def open_socket(self, _purpose: int, raw: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        address = _Address(*raw)
        if not is_public(address.addr[0]):
            self.ended = Failure(
                "private_address",
                f"{address.addr[0]} is no public address: allow it with fetch.allow_private_networks",
            )
            return int(pycurl.SOCKET_BAD)
        try:
            self.sockets.append(socket.socket(address.family, address.socktype, address.protocol))
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
        if _origin(self.url) == self.origin:
            headers |= {name.lower(): f"{name}: {value}" for name, value in self.request.headers}
        return list(headers.values())

    def redirect(self, status: int) -> bool:
        """Go on to where the response points; False when it is the end. Sets `ended` for a bad target."""
        location = self.headers.get("location")
        if status not in _REDIRECTED or not location:
            return False
        target = _target(location, self.url)
        if target is None:
            self.ended = Failure("redirect", f"redirects to {location[:200]!r}, no http or https URL", status)
        elif len(self.hops) >= _REDIRECTS:
            self.ended = Failure("redirect", f"redirects more than {_REDIRECTS} times", status)
        else:
            self.hops.append(status)
            self.url, self.body, self.size = target, [], 0
            return True
        return False


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


Outcome = tuple[Request, Response | Failure]


def _spared(waiting: Queue, outcome: Response | Failure) -> Iterator[Outcome]:
    """What a host has still to be asked, when it answered that it is asked too much (RFC 6585 §4)."""
    if isinstance(outcome, Response) and asks_for_rest(outcome.status, outcome.headers):
        name = host(outcome.url)
        for request in waiting.drop(name):
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
        waiting = Queue(requests, per_site=self.limits.per_host, pause=self.limits.pause)
        try:
            while (waiting or self._active) and not stopped():
                while len(self._active) < self.limits.concurrency:
                    if not room(0 if self._active else _IDLE_SECONDS):
                        break
                    request = waiting.next(self._seconds())
                    if request is None:
                        break
                    failure = self._start(request)
                    if failure is not None:
                        waiting.done(request)
                        yield request, failure
                if not self._active:
                    self._rest(min(waiting.wait(self._seconds()), _IDLE_SECONDS))
                    continue
                self._multi.perform()
                finished = list(self._finished())
                for request, outcome in finished:
                    waiting.done(request)
                    yield request, outcome
                    yield from _spared(waiting, outcome)
                if not finished and self._active:
                    self._multi.select(_IDLE_SECONDS)
        finally:
            for curl in list(self._active):
                self._take(curl)

    def _start(self, request: Request) -> Failure | None:
        url = absolute(request.url, request.url)
        if url is None:
            return Failure("bad_url", f"{request.url[:200]!r} cannot be requested")
        curl = self._idle.pop() if self._idle else self._new_handle()
        self._send(curl, _Transfer(request, url, self.limits.max_bytes))
        return None

    def _send(self, curl: pycurl.Curl, transfer: _Transfer) -> None:
        headers = [header.encode("latin-1", "replace") for header in transfer.request_headers()]
        left = self.limits.timeout - transfer.seconds
        curl.setopt(pycurl.URL, transfer.url)
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(left * 1000)))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(left, _CONNECT_SECONDS) * 1000)))
        curl.setopt(pycurl.WRITEFUNCTION, transfer.on_body)
        curl.setopt(pycurl.HEADERFUNCTION, transfer.on_header)
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
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        curl.setopt(pycurl.LOW_SPEED_TIME, _STALL_SECONDS)
        return curl

    def _finished(self) -> Iterator[Outcome]:
        while True:
            left, succeeded, failures = self._multi.info_read()
            for curl in succeeded:
                if outcome := self._answered(curl):
                    yield outcome
            for curl, code, message in failures:
                transfer = self._take(curl)
                yield transfer.request, transfer.ended or _failure(code, message)
            if not left:
                return

    def _answered(self, curl: pycurl.Curl) -> Outcome | None:
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        seconds = curl.getinfo(pycurl.TOTAL_TIME)
        transfer = self._take(curl)
        if transfer.redirect(status):
            transfer.seconds += seconds
            self._send(self._idle.pop(), transfer)
            return None
        if transfer.ended:
            return transfer.request, transfer.ended
        permanent = transfer.hops and _PERMANENT.issuperset(transfer.hops)
        return transfer.request, Response(
            url=transfer.url,
            status=status,
            headers=transfer.headers,
            body=b"".join(transfer.body),
            moved_to=transfer.url if permanent else None,
        )

    def _take(self, curl: pycurl.Curl) -> _Transfer:
        self._multi.remove_handle(curl)
        # Idle handles would keep their last transfer, and its document, in memory
        curl.setopt(pycurl.WRITEFUNCTION, None)
        curl.setopt(pycurl.HEADERFUNCTION, None)
        curl.unsetopt(pycurl.OPENSOCKETFUNCTION)
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
    100: ("too_large", "sent too many headers"),  # CURLE_TOO_LARGE, which pycurl does not name
    pycurl.E_BAD_CONTENT_ENCODING: ("http", "is not compressed as it says"),
}


def _failure(code: int, message: str) -> Failure:
    kind, words = _ERRORS.get(code, ("http", "did not answer as HTTP demands"))
    return Failure(kind, f"{words} ({message})" if message else words)
