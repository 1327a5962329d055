"""The process that `http_clients` measures: all passes of one client over the targets in a file.

It imports nothing but the client, so that the memory measured is the client's.
"""

from __future__ import annotations

import importlib
import io
import socket
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

IN_FLIGHT = 20
PASSES = 5
IDLE = 250
"""Idle connections kept: more than the origin has addresses, so that every client may reuse all of them."""
_MAX_HEADER_BYTES = 100_000
_MAX_BODY_BYTES = 20_000_000

Target = tuple[str, str]
"""A URL and the ETag to send."""


class Answers:
    """Counts the answers, and their header bytes so that no client can leave them unread."""

    def __init__(self) -> None:
        self.not_modified = 0
        self.header_bytes = 0

    def add(self, status: int, header_bytes: int, body: bytes) -> None:
        """Take one answer; anything but a 304 without a body is an error of the benchmark."""
        if status != 304 or body or header_bytes == 0:
            raise SystemExit(f"status {status}, {header_bytes} header bytes, {len(body)} body bytes")
        self.not_modified += 1
        self.header_bytes += header_bytes


def _pycurl(targets: Iterator[Target], answers: Answers, *, guarded: bool = False) -> None:
    pycurl = importlib.import_module("pycurl")
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, IDLE)
    handles = [_PycurlTransfer(pycurl, guarded=guarded) for _ in range(IN_FLIGHT)]
    running = sum(handle.start(multi, targets) for handle in handles)
    while running:
        while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        queued, done, failed = 1, [], []
        while queued:
            queued, done, failed = multi.info_read()
            if failed:
                raise SystemExit(f"pycurl: {failed[0][1:]}")
            for curl in done:
                multi.remove_handle(curl)
                curl.transfer.finish(answers)
                running -= not curl.transfer.start(multi, targets)
        if running and multi.perform()[1]:
            multi.select(1.0)


class _PycurlTransfer:
    """One reused easy handle."""

    def __init__(self, pycurl: ModuleType, *, guarded: bool) -> None:
        class Handle(pycurl.Curl):  # type: ignore[name-defined,misc]  # a module given at run time
            transfer = self

        self._pycurl = pycurl
        self._curl = Handle()
        self._curl.setopt(pycurl.NOSIGNAL, 1)
        self._curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        self._curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        self._curl.setopt(pycurl.ACCEPT_ENCODING, "")
        if guarded:
            self._curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
            self._curl.setopt(pycurl.CONNECTTIMEOUT_MS, 10_000)
            self._curl.setopt(pycurl.TIMEOUT_MS, 30_000)
            self._curl.setopt(pycurl.LOW_SPEED_LIMIT, 10)
            self._curl.setopt(pycurl.LOW_SPEED_TIME, 15)
            self._curl.setopt(pycurl.MAXFILESIZE, _MAX_BODY_BYTES)
            self._curl.setopt(pycurl.FOLLOWLOCATION, 0)

    def start(self, multi: Any, targets: Iterator[Target]) -> bool:
        """Begin the next request; False when there is none left."""
        target = next(targets, None)
        if target is None:
            return False
        self._headers: list[bytes] = []
        self._header_bytes = self._body_bytes = 0
        self._body: list[bytes] = []
        self._curl.setopt(self._pycurl.URL, target[0])
        self._curl.setopt(self._pycurl.HTTPHEADER, [f"If-None-Match: {target[1]}"])
        multi.add_handle(self._curl)
        return True

    def finish(self, answers: Answers) -> None:
        """Hand over the answer."""
        status = self._curl.getinfo(self._pycurl.RESPONSE_CODE)
        answers.add(status, self._header_bytes, b"".join(self._body))

    def _take_header(self, line: bytes) -> int | None:
        self._header_bytes += len(line)
        self._headers.append(line)
        return -1 if self._header_bytes > _MAX_HEADER_BYTES else None

    def _take_body(self, chunk: bytes) -> int | None:
        self._body_bytes += len(chunk)
        self._body.append(chunk)
        return -1 if self._body_bytes > _MAX_BODY_BYTES else None

    def _open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        family, kind, protocol, peer = address
        if not ip_address(peer[0]).is_loopback:
            refused: int = self._pycurl.SOCKET_BAD
            return refused
        return socket.socket(family, kind, protocol)


def _pycurl_guarded(targets: Iterator[Target], answers: Answers) -> None:
    _pycurl(targets, answers, guarded=True)


def _curl_cffi(targets: Iterator[Target], answers: Answers) -> None:
    importlib.import_module("asyncio").run(_curl_cffi_passes(targets, answers))


async def _curl_cffi_passes(targets: Iterator[Target], answers: Answers) -> None:
    curl_cffi = importlib.import_module("curl_cffi")
    option = curl_cffi.CurlOpt
    gather = importlib.import_module("asyncio").gather
    multi = curl_cffi.AsyncCurl()
    # AsyncCurl.setopt(MAXCONNECTS) hands libcurl a pointer in place of the number: nothing is reused
    raw = importlib.import_module("curl_cffi._wrapper")
    raw.lib.curl_multi_setopt(multi._curlm, curl_cffi.CurlMOpt.MAXCONNECTS, raw.ffi.cast("void*", IDLE))

    async def work() -> None:
        curl = curl_cffi.Curl()
        curl.setopt(option.ACCEPT_ENCODING, b"gzip, br, zstd")
        for url, etag in targets:
            headers, body = io.BytesIO(), io.BytesIO()
            curl.setopt(option.HEADERDATA, headers)
            curl.setopt(option.WRITEDATA, body)
            curl.setopt(option.URL, url.encode())
            curl.setopt(option.HTTPHEADER, [f"If-None-Match: {etag}".encode()])
            await multi.add_handle(curl)
            status = curl.getinfo(curl_cffi.CurlInfo.RESPONSE_CODE)
            answers.add(status, headers.tell(), body.getvalue())
            # without it the handle's list of headers grows: setopt(HTTPHEADER) appends
            curl.clean_handles_and_buffers()

    await gather(*(work() for _ in range(IN_FLIGHT)))
    await multi.close()


async def _aiohttp_passes(targets: Iterator[Target], answers: Answers) -> None:
    aiohttp = importlib.import_module("aiohttp")
    gather = importlib.import_module("asyncio").gather
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)

    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            for url, etag in targets:
                async with session.get(url, headers={"If-None-Match": etag}) as response:
                    size = sum(len(name) + len(value) for name, value in response.raw_headers)
                    answers.add(response.status, size, await response.read())

        await gather(*(work() for _ in range(IN_FLIGHT)))


def _aiohttp(targets: Iterator[Target], answers: Answers) -> None:
    importlib.import_module("asyncio").run(_aiohttp_passes(targets, answers))


def _aiohttp_uvloop(targets: Iterator[Target], answers: Answers) -> None:
    importlib.import_module("uvloop").run(_aiohttp_passes(targets, answers))


CLIENTS: dict[str, Callable[[Iterator[Target], Answers], None]] = {
    "pycurl": _pycurl,
    "pycurl guarded": _pycurl_guarded,
    "curl_cffi": _curl_cffi,
    "aiohttp": _aiohttp,
    "aiohttp uvloop": _aiohttp_uvloop,
}


def main() -> None:
    """Run the client named first over the file named second: a URL, a tab and its ETag a line."""
    name, file = sys.argv[1:]
    targets = [(line.split("\t")[0], line.split("\t")[1]) for line in Path(file).read_text().splitlines()]
    answers = Answers()
    CLIENTS[name](iter(targets * PASSES), answers)
    print(answers.not_modified, answers.header_bytes)


if __name__ == "__main__":
    main()
