"""What a person types to search for: a term, or a query in SQLite FTS5's own language."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from aggregator.errors import UsageError
from aggregator.topic.rule import compile_term

_WORDS = ("AND", "OR", "NOT")
_SIGNS = '"():^+{}'


def full_text(query: str) -> str:
    """The FTS5 query that is meant: as it stands if it uses words or signs of that language, else a term's.

    Raises UsageError for a term that is none.
    """
    if any(word in _WORDS for word in query.split()) or any(sign in query for sign in _SIGNS):
        return query
    try:
        return compile_term(query)
    except ValueError as error:
        raise UsageError(str(error)) from None


@contextmanager
def refusing(query: str) -> Iterator[None]:
    """Turn what SQLite says of a wrong query into a UsageError."""
    try:
        yield
    except (ValueError, sqlite3.OperationalError) as error:
        reason = str(error).removeprefix("no full-text query: ").removeprefix("fts5: ")
        raise UsageError(f"{query!r} is no full-text query: {reason}") from None
