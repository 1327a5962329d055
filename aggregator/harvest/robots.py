"""Which pages of a site programs may fetch (RFC 9309). Only this file imports protego, since it is an extra."""

from __future__ import annotations

import re

from aggregator.model import Failure, Response
from aggregator.url import absolute

_LONGEST = 500 * 1024
"""RFC 9309 §2.5: what must be read at least."""
_TOKEN = re.compile(r"[A-Za-z_-]+")


def robots_url(url: str) -> str | None:
    """Where the site of a page keeps its rules: each scheme, host and port has its own (§2.3)."""
    return absolute("/robots.txt", url)


def rules_of(answer: Response | Failure) -> str | None:
    """The rules that an answer to `robots_url` stands for; None when nothing may be fetched for now.

    A site that has none may be fetched as a whole (§2.3.1.3), one that cannot say so not at all (§2.3.1.4).
    """
    if isinstance(answer, Failure):
        return None
    if answer.status == 200:
        return answer.body[:_LONGEST].decode("utf-8", "replace")
    return "" if 400 <= answer.status < 500 and answer.status != 429 else None


def may_fetch(rules: str, url: str, *, user_agent: str) -> bool:
    """Whether the rules let the program that calls itself so fetch a page; they go by its name alone (§2.2.1)."""
    from protego import Protego

    name = _TOKEN.match(user_agent)
    return Protego.parse(rules).can_fetch(url, name[0] if name else "*")
