"""A target for atheris: any bytes are parsed and cleaned without a crash, and what comes out is clean.

Run as `python -m fuzz.parse_and_clean [libFuzzer options] [corpus …]` in tests/ (`make fuzz SECONDS=3600`).
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import atheris

with atheris.instrument_imports(include=["aggregator", "feedparser"]):
    from aggregator.harvest.source import read
    from aggregator.model import Request, Response, SourceId
    from fuzz.unclean import faults

TYPES = ("application/xml", "text/xml; charset=utf-8", "application/json", "text/html; charset=koi8-r")
REQUEST = Request(SourceId("s"), "https://feed.example/dir/feed.xml")
NOW = datetime(2024, 12, 1, tzinfo=UTC)


def try_one(data: bytes) -> None:
    """The first byte chooses the media type, the rest is the document."""
    if not data:
        return
    headers = {"content-type": TYPES[data[0] % len(TYPES)]}
    harvest = read(REQUEST, Response(REQUEST.url, 200, headers, data[1:]), now=NOW)
    if found := faults(harvest):
        raise AssertionError(found)


def main() -> None:
    limits = ["-timeout=10", "-max_len=20000", "-rss_limit_mb=1500"]
    atheris.Setup([sys.argv[0], *limits, *sys.argv[1:]], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
