"""Requests that are not begun yet: which may begin now without being a burden to its site.

A site is a registrable domain, such as bbc.co.uk: its hosts are counted together (publicsuffix.org).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count
from math import inf

from publicsuffixlist import PublicSuffixList

from aggregator.model import Request
from aggregator.url import host


def site(url: str) -> str:
    """The registrable domain of an absolute URL; its host where that is an address or has none."""
    return _registrable(host(url))


@lru_cache(10_000)
def _registrable(name: str) -> str:
    return name if _is_address(name) else _suffixes().privatesuffix(name) or name


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_own(name: str) -> bool:
    """Whether the host is named as one of the owner's machines are: it needs no consideration."""
    return name == "localhost" or (_is_address(name) and not ip_address(name).is_global)


@dataclass(slots=True)
class _Site:
    pause: float
    held: deque[Request] = field(default_factory=deque)
    busy: int = 0
    free_at: float = -inf
    """When the next of its requests may begin, on the clock that the caller reads."""
    is_in_line: bool = False


class Queue:
    """Requests by site; those of a busy one stand aside. `now`, everywhere: seconds on a clock that never jumps."""

    def __init__(self, requests: Iterable[Request], *, per_site: int, pause: float) -> None:
        """`per_site`: under way at one site at most; `pause`: seconds from one's beginning to the next's."""
        self._per_site = per_site
        self._sites: dict[str, _Site] = {}
        self._line: list[tuple[float, int, _Site]] = []
        """The sites that have room and requests, by when the pause of each is over."""
        self._order = count()
        self._held = 0
        for request in requests:
            name = site(request.url)
            at = self._sites.setdefault(name, _Site(0.0 if _is_own(name) else pause))
            at.held.append(request)
            self._held += 1
            self._line_up(at)

    def __bool__(self) -> bool:
        return self._held > 0

    def next(self, now: float) -> Request | None:
        """The next request that may begin, None when there is none for now."""
        while self._line and self._line[0][0] <= now:
            _, _, at = heappop(self._line)
            at.is_in_line = False
            if at.held:
                self._held -= 1
                at.busy += 1
                at.free_at = now + at.pause
                request = at.held.popleft()
                self._line_up(at)
                return request
        return None

    def wait(self, now: float) -> float:
        """Seconds until a pause is over and a request may begin; infinity when one must end before."""
        return max(self._line[0][0] - now, 0.0) if self._line else inf

    def done(self, request: Request) -> None:
        """A request that `next` gave has ended: its place at the site is free."""
        at = self._sites[site(request.url)]
        at.busy -= 1
        self._line_up(at)

    def drop(self, name: str) -> list[Request]:
        """Take out the requests to this host: it wants no more."""
        dropped: list[Request] = []
        for at in self._sites.values():
            dropped += (request for request in at.held if host(request.url) == name)
            at.held = deque(request for request in at.held if host(request.url) != name)
        self._held -= len(dropped)
        return dropped

    def _line_up(self, at: _Site) -> None:
        if at.held and at.busy < self._per_site and not at.is_in_line:
            at.is_in_line = True
            heappush(self._line, (at.free_at, next(self._order), at))
