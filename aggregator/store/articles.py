"""Which entries wait for the article from their page, and what the sites say about fetching pages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from aggregator.model import Enclosure, Entry, EntryId, SourceId, StoryId
from aggregator.store.traits import insert_traits
from aggregator.times import from_text, to_text

_TRIES = 5
"""Then an article is given up."""
_DUE = f"tries < {_TRIES} AND coalesce(retry_at, '') <= ?"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry of which the article is wanted, as it is stored."""

    id: EntryId
    source: SourceId
    url: str
    entry: Entry
    story: StoryId | None
    """None until it is grouped."""
    tries: int
    """How often it was tried in vain."""


@dataclass(frozen=True, slots=True)
class ArticleState:
    """How many articles of a source are still to be fetched, how many were given up, and why one was not had."""

    waiting: int = 0
    missed: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What one scheme, host and port said; `rules` are its robots.txt, None where nothing may be fetched."""

    rules: str | None
    rules_until: datetime
    """Then they are to be asked for again."""
    rest_until: datetime | None
    """Until when it wants to be left alone."""


def want_articles(db: Database, entries: Iterable[EntryId]) -> None:
    """The articles of these entries are to be fetched, though they were before."""
    db.conn.executemany("INSERT OR REPLACE INTO articles (entry) VALUES (?)", [(id,) for id in entries])


def forget_articles(db: Database, *, but: Iterable[SourceId]) -> None:
    """Only entries of these sources wait for an article."""
    db.execute(
        """
        DELETE FROM articles WHERE NOT EXISTS (
            SELECT 1 FROM entries WHERE id = articles.entry AND source IN (SELECT value FROM json_each(?))
        )
        """,
        [json.dumps(list(but))],
    )


def due_articles(db: Database, *, now: datetime, limit: int) -> list[Wanted]:
    """The entries whose articles are to be fetched now, one of each page.

    Those tried least come first, and of them the newest.
    """
    rows = db.query(
        f"""
        SELECT entries.*, tries FROM articles JOIN entries ON entries.id = articles.entry
        WHERE {_DUE} GROUP BY url ORDER BY tries, entries.id DESC LIMIT ?
        """,
        [to_text(now), limit],
    )
    return [_wanted(row) for row in rows]


def is_any_article_due(db: Database, *, now: datetime) -> bool:
    """Whether there is one to be fetched now."""
    return bool(db.execute(f"SELECT 1 FROM articles WHERE {_DUE} LIMIT 1", [to_text(now)]).fetchone())


def put_article(db: Database, id: EntryId, entry: Entry) -> None:
    """The entry has its article: it stands in place of what its feed said."""
    db.execute(
        "UPDATE entries SET content = ?, text = ?, text_hash = ? WHERE id = ?",
        [entry.content, entry.text, entry.text_hash, id],
    )
    insert_traits(db, id, entry.profile, entry.sketch)
    db.execute("DELETE FROM articles WHERE entry = ?", [id])


def miss_article(db: Database, id: EntryId, problem: str, *, retry_at: datetime) -> None:
    """The article could not be had."""
    db.execute(
        "UPDATE articles SET tries = tries + 1, retry_at = ?, problem = ? WHERE entry = ?",
        [to_text(retry_at), problem, id],
    )


def postpone_articles(db: Database, ids: Iterable[EntryId], *, until: datetime) -> None:
    """These were not tried: their site wants to be left alone."""
    db.conn.executemany(
        "UPDATE articles SET retry_at = ? WHERE entry = ?", [(to_text(until), id) for id in ids]
    )


def article_states(db: Database) -> dict[SourceId, ArticleState]:
    """How it stands with the articles of each source that wants some."""
    rows = db.query(
        f"""
        SELECT source, sum(tries < {_TRIES}) AS waiting, sum(tries >= {_TRIES}) AS missed, problem,
            max(coalesce(retry_at, ''))
        FROM articles JOIN entries ON entries.id = articles.entry GROUP BY source
        """
    )
    return {
        SourceId(row["source"]): ArticleState(row["waiting"], row["missed"], row["problem"]) for row in rows
    }


def sites(db: Database, origins: Iterable[str]) -> dict[str, Site]:
    """What is known of those of these sites that were asked."""
    rows = db.query(
        "SELECT * FROM sites WHERE origin IN (SELECT value FROM json_each(?))", [json.dumps(list(origins))]
    )
    return {
        row["origin"]: Site(
            row["rules"],
            from_text(row["rules_until"]),
            from_text(row["rest_until"]) if row["rest_until"] else None,
        )
        for row in rows
    }


def keep_rules(db: Database, origin: str, rules: str | None, *, until: datetime) -> None:
    """What a site's robots.txt says, until then."""
    db.execute(
        """
        INSERT INTO sites (origin, rules, rules_until) VALUES (?, ?, ?)
        ON CONFLICT (origin) DO UPDATE SET rules = excluded.rules, rules_until = excluded.rules_until
        """,
        [origin, rules, to_text(until)],
    )


def rest_site(db: Database, origin: str, *, until: datetime) -> None:
    """A site wants to be left alone until then."""
    db.execute("UPDATE sites SET rest_until = ? WHERE origin = ?", [to_text(until), origin])


def _wanted(row: dict[str, Any]) -> Wanted:
    entry = Entry(
        identity=row["identity"],
        guid=row["guid"],
        url=row["url"],
        canonical_url=row["canonical_url"],
        title=row["title"],
        author=row["author"],
        published=from_text(row["published"]) if row["published"] else None,
        updated=from_text(row["updated"]) if row["updated"] else None,
        language=row["language"],
        content=row["content"],
        text=row["text"],
        text_hash=row["text_hash"],
        content_hash=row["content_hash"],
        categories=tuple(json.loads(row["categories"])),
        enclosures=tuple(Enclosure(*part) for part in json.loads(row["enclosures"])),
        image=row["image"],
        kind=row["kind"],
    )
    return Wanted(
        EntryId(row["id"]),
        SourceId(row["source"]),
        row["url"],
        entry,
        StoryId(row["story"]) or None,
        row["tries"],
    )
