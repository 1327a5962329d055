"""Bounded conditional HTTP requests, many at a time, on one libcurl multi handle (pycurl).

One thread runs all of them. A request that fails, stalls or answers with nonsense costs only itself.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Event

import pycurl

from aggregator.freshness import asks_for_rest
from aggregator.harvest.queue import Queue
from aggregator.harvest.transfer import Transfer, why_not
from aggregator.model import Failure, FailureKind, Request, Response
from aggregator.url import absolute, host

_IN_FLIGHT_BYTES = 200_000_000
"""Of documents under way, on disk where they are large."""
_CONNECT_SECONDS = 15
_STALL_SECONDS = 20
_STALL_SPEED = 50
_IDLE_SECONDS = 0.05
_CONNECTIONS_KEPT = 256
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


Outcome = tuple[Request, Response | Failure]
Waiting = Queue[Request | Transfer]


def _spared(waiting: Waiting, name: str) -> Iterator[Outcome]:
    """What a host has still to be asked that answered that it is asked too much (RFC 6585 §4)."""
    for item in waiting.drop(name):
        request = item.request if isinstance(item, Transfer) else item
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
        self._active: dict[pycurl.Curl, Transfer] = {}
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
                yield request, Failure("bad_url", f"cannot be requested: {why_not(request.url)}")
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
                item = Transfer(item, url, self.limits.max_bytes)
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

    def _send(self, curl: pycurl.Curl, transfer: Transfer) -> None:
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

    def _take(self, curl: pycurl.Curl) -> Transfer:
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
