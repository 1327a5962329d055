"""One request under way: what arrives of its answer is bounded, and where it leads is looked at before it goes on."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import gettempdir
from urllib.parse import urljoin, urlsplit

import pycurl

from aggregator.harvest.guard import is_public
from aggregator.harvest.spool import Spool
from aggregator.model import Failure, Request, Response
from aggregator.url import MAX_LENGTH, absolute

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
_REDIRECTS = 8
_REDIRECTED = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}


@dataclass(slots=True)
class Transfer:
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
                self.ended = Failure("no_room", f"finds no room in {gettempdir()}: {error.strerror}")
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
            self.ended = Failure("private_address", f"{name} is no public address")
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
            return Failure("redirect", f"redirects to {why_not(location)}", status)
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


def why_not(link: str) -> str:
    """What is wrong with an address that leads nowhere, in words."""
    if len(link) > MAX_LENGTH:
        return f"an address of more than {MAX_LENGTH} characters"
    return f"{link[:200]!r}, no http or https URL"
