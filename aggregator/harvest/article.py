"""The article on a web page, in place of what its feed says. Only this file imports trafilatura, an extra."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from aggregator.harvest.answer import blocked, failed
from aggregator.harvest.bounds import LONGEST_PAGE
from aggregator.harvest.clean import clean_markup
from aggregator.harvest.encoding import charset_of
from aggregator.harvest.wall import wall
from aggregator.model import Entry, Failure, Harvest, Request, Response
from aggregator.story.fingerprint import text_hash
from aggregator.story.profile import make_profile
from aggregator.story.sketch import make_sketch
from aggregator.text.html import html_to_text

_PAGES = ("text/html", "application/xhtml+xml")
# The entry has one
_HEADLINE = re.compile(r"(?<=<body>)\s*<h1\b[^>]*>.*?</h1>", re.DOTALL)
_SHORTEST = 200
"""Characters of an article; what has fewer is a notice that asks for a login or for cookies."""


def read_article(request: Request, entry: Entry, response: Response, *, now: datetime) -> Harvest:
    """The harvest of the page of an entry: the entry with the article in place of the feed's text.

    What it is known and compared by when its feed comes again (identity, `content_hash`) stays. A failure where there
    is no article, or none that says more than the feed does.
    """
    if (name := wall(response.headers, response.body)) is not None:
        return failed(request, blocked(name, response), now=now)
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in _PAGES:
        return failed(request, Failure("empty", f"is no web page ({kind})", response.status), now=now)
    content, trackers = clean_markup(_HEADLINE.sub("", _extracted(response), count=1), base=response.url)
    text = html_to_text(content)
    if len(text) < max(_SHORTEST, len(entry.text)):
        failure = Failure("empty", "shows no article that says more than the feed does", response.status)
        return failed(request, failure, now=now)
    told = replace(
        entry,
        content=content,
        text=text,
        text_hash=text_hash(entry.title, text),
        profile=make_profile(entry.title, text),
        sketch=make_sketch(entry.title, text),
        trackers=trackers,
    )
    return Harvest(request.source, "fetched", now, status=response.status, entries=(told,))


def _extracted(response: Response) -> str:
    from trafilatura import extract

    return (
        extract(
            _decoded(response.body[:LONGEST_PAGE], response.headers.get("content-type", "")),
            output_format="html",
            include_comments=False,
            include_formatting=True,
            include_images=True,
            include_links=True,
        )
        or ""
    )


def _decoded(body: bytes, content_type: str) -> str | bytes:
    """Text where the server says how to read the bytes; else they say so themselves."""
    charset = charset_of(content_type)
    if charset and not body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(LookupError, ValueError):
            return body.decode(charset, "replace")
    return body
