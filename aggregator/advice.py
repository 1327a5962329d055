"""What a person can do about a source that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aggregator.model import FailureKind

_ADVICE: dict[FailureKind, str] = {
    "dns": "check the host name; if all sources fail so, the machine's network or name server is down",
    "connect": "it is tried again later and later; if it stays so, look at the site in a browser",
    "tls": "the site's owner has to renew or mend its certificate; check the machine's clock",
    "timeout": "it is tried again later; a slow origin may need a longer fetch.timeout",
    "too_large": "raise the limit if the document deserves it, or use a shorter feed of the site",
    "no_room": "make room in that folder, or name another one with TMPDIR; the source is not to blame",
    "redirect": "put the address at which the feed is now into sources.yaml",
    "private_address": "set fetch.allow_private_networks if the source is one of your own machines",
    "bad_url": "mend the URL in sources.yaml",
    "http": "it is tried again later and later",
    "refused": "set headers: of the source, or fetch.user_agent, as its publisher demands",
    "blocked": "ask the publisher to let feed readers through, or use another feed; trying often makes it worse",
    "not_found": "find where the feed is now: aggregator sources discover URL",
    "gone": "remove the source, or put the address of its successor into sources.yaml",
    "rate_limited": "it is asked again when it allows that; a longer interval: of its sources helps",
    "empty": "it is tried again later; if it stays so, tell its publisher",
    "not_a_feed": "put the URL of the feed into sources.yaml: aggregator sources discover URL finds it",
    "malformed": "tell its publisher: a validator such as validator.w3.org/feed names the fault",
    "parser_killed": "tell its publisher, and us if other readers read it",
    "parser_failed": "please report this, with the URL of the feed",
}


def advice(kind: FailureKind) -> str:
    """What to do about a failure of this kind, in one line."""
    return _ADVICE[kind]
