"""The WebSub hubs that a document offers (W3C WebSub §4): in its HTTP headers first, then in itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

from aggregator.harvest.raw import RawFeed
from aggregator.url import MAX_LENGTH, absolute

_MOST_HUBS = 3
_LINK = re.compile(r'\s*<([^>]*)>((?:[^,"]|"[^"]*+")*+),?')
"""RFC 8288 §3: a target and its parameters, up to the comma before the next."""
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)


def offered(headers: Mapping[str, str], raw: RawFeed, *, url: str) -> tuple[tuple[str, ...], str | None]:
    """The hubs and the topic of a document that was read at `url`: http(s) both, or none at all.

    `headers` have lower-case names.
    """
    links = list(_links(headers.get("link", "")))
    hubs = [target for target, rels in links if "hub" in rels] or raw.hubs
    selves = (target for target, rels in links if "self" in rels)
    found = tuple(dict.fromkeys(hub for one in hubs if (hub := _web(one, url))))[:_MOST_HUBS]
    topic = _web(next(selves, raw.topic), url)
    return (found, topic) if found and topic else ((), None)


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    at = 0
    while match := _LINK.match(header, at):
        at = match.end()
        # Of several, the first counts (RFC 8288 §3.3)
        if rel := _REL.search(match[2]):
            yield match[1], (rel[1] or rel[2] or "").lower().split()


def _web(link: str | None, base: str) -> str | None:
    """The link as it stands: a hub knows a topic by each of its characters, so that no normal form will do."""
    try:
        joined = urljoin(base, (link or "").strip())
    except ValueError:
        return None
    is_plain = link and len(joined) <= MAX_LENGTH and joined.isascii() and joined.isprintable()
    return joined.partition("#")[0] if is_plain and absolute(joined, base) else None
