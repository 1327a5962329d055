"""What feedparser 6 does wrong, set right in its classes before `parse` uses them.

Each of these cost a whole document, an identity or a headline that people see.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import feedparser.api
import feedparser.mixin

_BARE_AMPERSAND = re.compile(r"(<!\[CDATA\[.*?(?:\]\]>|\Z))|&(?!#?\w+;|\w+=)", re.DOTALL)


def mend() -> None:
    """Change feedparser for this process. Once is enough."""
    # Resolved, an id would change when its feed moves, and would look like a link
    feedparser.mixin._FeedParserMixin.can_be_relative_uri.discard("id")
    for parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
        for name in dir(parser):
            if name.startswith(("_start_", "_end_")):
                setattr(parser, name, _forgiving(getattr(parser, name)))
    feedparser.api.LooseFeedParser.feed = _escaping(feedparser.api.LooseFeedParser.feed)


def _forgiving(handler: Callable[..., None]) -> Callable[..., None]:
    """Out of its place, an element (`<width/>`, a licence) breaks its handler: it shall cost itself only."""

    @wraps(handler)
    def handle(*args: Any) -> None:
        try:
            handler(*args)
        except (LookupError, TypeError, ValueError) as error:
            # feedparser then goes on as with an element that it does not know
            raise AttributeError from error

    return handle


def _escaping(feed: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """The parser of broken XML would make `AT&T;` of `AT&T`."""

    @wraps(feed)
    def feed_escaped(parser: Any, document: str) -> None:
        feed(parser, _BARE_AMPERSAND.sub(lambda found: found[1] or "&amp;", document))

    return feed_escaped
