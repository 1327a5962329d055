"""What a person types to search for: words, or a query in SQLite FTS5's own language."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from aggregator.errors import UsageError
from aggregator.text.fold import words
from aggregator.topic.rule import compile_term

_OPERATORS = ("AND", "OR", "NOT")
_SIGNS = '"():^+{}'
_WORD_OR_PHRASE = re.compile(r'"[^"]*"\*?|[^\s"]+')


def full_text(query: str, *, word_by_word: bool = False) -> str:
    """The FTS5 query that is meant: as it stands if it uses words or signs of that language, else a term's.

    With `word_by_word` several words are several terms, all of which are wanted, and quotes make a phrase; else
    they are a phrase, as in topics.yaml. Raises UsageError for a term that is none.
    """
    plain = _WORD_OR_PHRASE.sub(lambda piece: piece[0].replace('"', " "), query) if word_by_word else query
    if any(word in _OPERATORS for word in plain.split()) or any(sign in plain for sign in _SIGNS):
        return query
    pieces = [piece for piece in _WORD_OR_PHRASE.findall(query) if words(piece)] if word_by_word else []
    try:
        return " AND ".join(compile_term(piece.replace('"', "")) for piece in pieces or [query])
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
