"""Messages to chat services, by the library Apprise: the only file that imports it, since it is an extra."""

from __future__ import annotations

import logging
from importlib.util import find_spec

_INSTALL = "needs the extra `chat`, which is not installed (pip install 'feed-aggregator[chat]')"


def problem(url: str) -> str | None:
    """What is wrong with the address of a chat service, to be read after it; None when it can be written to."""
    if find_spec("apprise") is None:
        return _INSTALL
    import apprise

    _hush()
    if apprise.Apprise.instantiate(url) is None:
        return "is no address that Apprise knows how to write to"
    return None


def tell(url: str, *, title: str, body: str) -> str | None:
    """Send a message in plain text; returns why that failed, None when it did not."""
    if find_spec("apprise") is None:
        return f"{url.partition(':')[0]} {_INSTALL}"
    import apprise

    _hush()
    service = apprise.Apprise()
    # Apprise has types for some of its functions only
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
        if service.add(url) and service.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT):
            return None
        words = said.getvalue().split("\n")
    return " ".join(words[0].split()) or "the service did not take it"


def _hush() -> None:
    # What it has to say is in the outcome; in the log of the daemon it would show parts of addresses
    logging.getLogger("apprise").propagate = False
    if not logging.getLogger("apprise").handlers:
        logging.getLogger("apprise").addHandler(logging.NullHandler())
