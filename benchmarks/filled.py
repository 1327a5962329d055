"""A store with many entries, made at once: not as the program would have stored them, one harvest after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path


def fill(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Store entries and their stories; a row has id, source, guid, url, title, at, text, hash and story."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-1000000")
        db.execute("BEGIN")
        db.executemany(
            """
            INSERT INTO entries (id, source, identity, guid, url, canonical_url, title, published, dated,
                first_seen, language, kind, content, text, text_hash, content_hash, story)
            VALUES (:id, :source, :guid, :guid, :url, :url, :title, :at, :at,
                :at, 'en', 'report', :text, :text, :hash, :hash, :story)
            """,
            rows,
        )
        db.execute(
            """
            INSERT INTO stories (id, created_at, first_published, updated)
            SELECT story, min(dated), min(dated), max(dated) FROM entries WHERE story != '' GROUP BY story
            """
        )
        db.execute("INSERT INTO entries_fts (rowid, title, text) SELECT id, title, text FROM entries")
        db.execute("COMMIT")
