"""What a store that remembers nothing of its files would publish: what is published by steps must be the same."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from builders import NOON, Books

from aggregator.store.connection import open_store


def stale(books: Books, *, now: datetime = NOON) -> set[str]:
    """The published files that would be others, or are not there; archive documents aside, which never change."""
    published = contents(books.folder)
    return {path for path, data in at_once(books, now=now).items() if published.get(path) != data}


def at_once(books: Books, *, now: datetime) -> dict[str, bytes]:
    """What is published of a copy of the store into a folder that holds nothing but pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(sqlite3.connect(folder / "copy.db")) as copy:
            books.db.conn.backup(copy)
            copy.executescript("DELETE FROM files; DELETE FROM compositions; UPDATE channels SET mark = NULL")
        with open_store(folder / "copy.db") as db:
            copied = replace(books, db=db, folder=folder / "feeds")
            if (pictures := books.folder / "images").exists():
                shutil.copytree(pictures, copied.folder / "images")
            copied.publish(now=now)
        return contents(copied.folder)


def contents(folder: Path) -> dict[str, bytes]:
    """All files but archive documents."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "archive"
    }
