"""What is not asked yet: which request, or hop of one, may begin now without being a burden to its site.

A site is a registrable domain, such as bbc.co.uk: its hosts are counted together (publicsuffix.org).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cache, lru_cache
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count
from math import inf
from typing import Generic, TypeVar

from publicsuffixlist import PublicSuffixList

from aggregator.harvest.guard import is_address
from aggregator.url import host

T = TypeVar("T")


def site(url: str) -> str:
    """The registrable domain of an absolute URL; its host where that is an address or has none."""
    return _registrable(host(url))


@lru_cache(10_000)
def _registrable(name: str) -> str:
    return name if is_address(name) else _suffixes().privatesuffix(name) or name


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _is_own(name: str) -> bool:
    """Whether the host is named as one of the owner's machines are: it needs no consideration."""
    return name == "localhost" or (is_address(name) and not ip_address(name).is_global)


@dataclass(slots=True)
class _Site(Generic[T]):
    pause: float
    held: deque[tuple[str, T]] = field(default_factory=deque)
    busy: int = 0
    free_at: float = -inf
    """When the next of its requests may begin, on the clock that the caller reads."""
    is_in_line: bool = False


class Queue(Generic[T]):
    """Items by the site of the URL that each of them is to ask; those of a busy site stand aside.

    `now`, everywhere: seconds on a clock that never jumps.
    """

    def __init__(self, *, per_site: int, pause: float) -> None:
        """`per_site`: under way at one site at most; `pause`: seconds from one's beginning to the next's."""
        self._per_site = per_site
        self._pause = pause
        self._sites: dict[str, _Site[T]] = {}
        self._line: list[tuple[float, int, _Site[T]]] = []
        """The sites that have room and items, by when the pause of each is over."""
        self._order = count()
        self._held = 0

    def __bool__(self) -> bool:
        return self._held > 0

    def add(self, url: str, item: T, *, is_begun: bool = False) -> None:
        """Hold an item until `url` may be asked. One that `is_begun`, elsewhere, goes before those that are not."""
        name = site(url)
        at = self._sites.setdefault(name, _Site(0.0 if _is_own(name) else self._pause))
        if is_begun:
            at.held.appendleft((url, item))
        else:
            at.held.append((url, item))
        self._held += 1
        self._line_up(at)

    def next(self, now: float) -> tuple[str, T] | None:
        """The next item that may begin, with its URL; None when there is none for now."""
        while self._line and self._line[0][0] <= now:
            _, _, at = heappop(self._line)
            at.is_in_line = False
            if at.held:
                self._held -= 1
                at.busy += 1
                at.free_at = now + at.pause
                found = at.held.popleft()
                self._line_up(at)
                return found
        return None

    def wait(self, now: float) -> float:
        """Seconds until a pause is over and an item may begin; infinity when one must end before."""
        return max(self._line[0][0] - now, 0.0) if self._line else inf

    def done(self, url: str) -> None:
        """What `next` gave with this URL has ended: its place at the site is free."""
        at = self._sites[site(url)]
        at.busy -= 1
        self._line_up(at)

    def drop(self, name: str) -> list[T]:
        """Take out what is to ask this host: it wants no more."""
        at = self._sites.get(_registrable(name))
        if at is None:
            return []
        dropped = [item for url, item in at.held if host(url) == name]
        at.held = deque((url, item) for url, item in at.held if host(url) != name)
        self._held -= len(dropped)
        return dropped

    def _line_up(self, at: _Site[T]) -> None:
        if at.held and at.busy < self._per_site and not at.is_in_line:
            at.is_in_line = True
            heappush(self._line, (at.free_at, next(self._order), at))
