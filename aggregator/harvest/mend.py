"""What feedparser 6 does wrong or slowly, set right in its classes before `parse` uses them.

Each fault cost a whole document, an identity or a headline that people see; the slow ones together a third
of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache, wraps
from typing import Any

import feedparser
import feedparser.api
import feedparser.mixin
import feedparser.namespaces.itunes

from aggregator.harvest.bounds import LONGEST_BROKEN, MOST_ENTRIES

_BARE_AMPERSAND = re.compile(r"(<!\[CDATA\[.*?(?:\]\]>|\Z))|&(?!#?\w+;|\w+=)", re.DOTALL)


def mend() -> None:
    """Change feedparser for this process. Once is enough."""
    # Resolved, an id would change when its feed moves, and would look like a link
    feedparser.mixin._FeedParserMixin.can_be_relative_uri.discard("id")
    for name in ("hour", "day"):
        setattr(feedparser.mixin._FeedParserMixin, f"_end_{name}", _collecting(name))
    # Of `true` and `false`, which Apple wants today, it makes None; what has no handler is kept as it is written
    del feedparser.namespaces.itunes.Namespace._end_itunes_explicit
    for parser in (feedparser.api.StrictFeedParser, feedparser.api.LooseFeedParser):
        for name in dir(parser):
            if name.startswith(("_start_", "_end_")):
                setattr(parser, name, _forgiving(getattr(parser, name)))
    loose = feedparser.api.LooseFeedParser
    loose.feed = _escaping(loose.feed)
    for name in ("_start_item", "_start_entry"):
        setattr(loose, name, _bounded(getattr(loose, name)))
    feedparser.api.PREFERRED_XML_PARSERS = ["aggregator.harvest.expat"]
    # Two pure functions that are called at every tag, nearly always with the same arguments
    for name in ("make_safe_absolute_uri", "_urljoin"):
        setattr(feedparser.mixin, name, lru_cache(maxsize=1024)(getattr(feedparser.mixin, name)))
    # copy.deepcopy rebuilds a subclass of dict through pickle's protocol: several times slower
    feedparser.FeedParserDict.__deepcopy__ = _copy_of


def _copy_of(self: dict[str, Any], memo: dict[int, Any]) -> Any:
    return type(self)((key, deepcopy(value, memo)) for key, value in self.items())


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


def _collecting(name: str) -> Callable[[Any], None]:
    """Of several `<hour>` in `<skipHours>`, the last would be kept only."""

    def end(parser: Any) -> None:
        value = parser.pop(name)
        if not parser.inentry:
            parser.feeddata.setdefault(f"skipped_{name}s", []).append(value)

    return end


def _escaping(feed: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """The parser of broken XML would make `AT&T;` of `AT&T`."""

    @wraps(feed)
    def feed_escaped(parser: Any, document: str) -> None:
        start = document[:LONGEST_BROKEN]
        with suppress(_Enough):
            feed(parser, _BARE_AMPERSAND.sub(lambda found: found[1] or "&amp;", start))

    return feed_escaped


class _Enough(Exception):
    pass


def _bounded(start: Callable[..., None]) -> Callable[..., None]:
    """Every entry that is begun costs time and memory, also those that would be left out afterwards."""

    @wraps(start)
    def start_entry(parser: Any, *args: Any) -> None:
        if len(parser.entries) >= MOST_ENTRIES:
            raise _Enough
        start(parser, *args)

    return start_entry
