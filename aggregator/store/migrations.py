"""The schema, as steps that are each applied once, in one transaction, for ever in this order."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from aggregator.url import host

TOKENIZER = "unicode61 remove_diacritics 2"
"""How texts are cut into words, in the store and where new entries are matched: they must agree."""


class _Migrations(Migrations):
    def names(self) -> list[str]:
        return [step.name for step in self._migrations]


MIGRATIONS = _Migrations("aggregator")


@MIGRATIONS()
def version_1(db: Database) -> None:
    """Sources, entries with their full-text index, stories, topics, passes."""
    for statement in _VERSION_1:
        db.execute(statement)


@MIGRATIONS()
def version_2(db: Database) -> None:
    """What grouping knows of an entry, and why it put it into its story."""
    for statement in _VERSION_2:
        db.execute(statement)


@MIGRATIONS()
def version_3(db: Database) -> None:
    """How strongly an entry is in a topic, by words or by examples."""
    for statement in _VERSION_3:
        db.execute(statement)


@MIGRATIONS()
def version_4(db: Database) -> None:
    """Which stories follow which."""
    for statement in _VERSION_4:
        db.execute(statement)


@MIGRATIONS()
def version_5(db: Database) -> None:
    """Where a source that moved is fetched from, and whose wish it is to be left alone."""
    for statement in _VERSION_5:
        db.execute(statement)
    rows = db.execute("SELECT id, url FROM sources").fetchall()
    db.conn.executemany("UPDATE sources SET host = ? WHERE id = ?", [(host(url), id) for id, url in rows])


@MIGRATIONS()
def version_6(db: Database) -> None:
    """What was published when, what left the feeds, what sources allow and withdraw."""
    for statement in _VERSION_6:
        db.execute(statement)


@MIGRATIONS()
def version_7(db: Database) -> None:
    """Who is told of new stories, what they know, what is on its way; what a source had when it was new."""
    for statement in _VERSION_7:
        db.execute(statement)


@MIGRATIONS()
def version_8(db: Database) -> None:
    """Pictures that story pages show."""
    for statement in _VERSION_8:
        db.execute(statement)


@MIGRATIONS()
def version_9(db: Database) -> None:
    """Hubs: those that sources offer, subscriptions to them, and what is to be said to the own one."""
    for statement in _VERSION_9:
        db.execute(statement)


@MIGRATIONS()
def version_10(db: Database) -> None:
    """How the files of the publications stand, what was composed of a story's reports, and which stories changed."""
    for statement in _VERSION_10:
        db.execute(statement)


@MIGRATIONS()
def version_11(db: Database) -> None:
    """Which entries wait for the article from their page, and what sites say about fetching pages."""
    for statement in _VERSION_11:
        db.execute(statement)


@MIGRATIONS()
def version_12(db: Database) -> None:
    """Pages of stories that left the feeds: which of them are to be looked at. Feeds of sources that may be named."""
    for statement in _VERSION_12:
        db.execute(statement)


_VERSION_1 = (
    """
    CREATE TABLE sources (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        active INTEGER NOT NULL DEFAULT 1,
        given_title TEXT,
        title TEXT,
        home TEXT,
        language TEXT,
        icon TEXT,
        rights TEXT,
        etag TEXT,
        last_modified TEXT,
        body_hash TEXT,
        window TEXT NOT NULL DEFAULT '[]',
        next_due_at TEXT NOT NULL DEFAULT '',
        retry_at TEXT,
        gone_at TEXT,
        moved_to TEXT,
        fetched_at TEXT,
        succeeded_at TEXT,
        newest_at TEXT,
        gap REAL,
        failures INTEGER NOT NULL DEFAULT 0,
        failure_kind TEXT,
        failure_message TEXT
    ) STRICT
    """,
    "CREATE INDEX sources_due ON sources (next_due_at) WHERE active AND gone_at IS NULL",
    "CREATE INDEX sources_fetched ON sources (fetched_at) WHERE active AND gone_at IS NULL",
    # The long texts stand last: to read what stands behind them SQLite walks through all their pages
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        identity TEXT NOT NULL,
        guid TEXT,
        url TEXT,
        canonical_url TEXT,
        title TEXT NOT NULL,
        author TEXT,
        published TEXT,
        updated TEXT,
        dated TEXT NOT NULL,
        first_seen TEXT NOT NULL,
        revised_at TEXT,
        language TEXT,
        kind TEXT NOT NULL,
        text_hash TEXT,
        content_hash TEXT NOT NULL,
        duplicate_of INTEGER,
        story TEXT NOT NULL,
        image TEXT,
        categories TEXT NOT NULL DEFAULT '[]',
        enclosures TEXT NOT NULL DEFAULT '[]',
        content TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (source, identity)
    ) STRICT
    """,
    "CREATE INDEX entries_canonical_url ON entries (canonical_url) WHERE canonical_url IS NOT NULL",
    "CREATE INDEX entries_text_hash ON entries (text_hash) WHERE text_hash IS NOT NULL",
    "CREATE INDEX entries_story ON entries (story)",
    "CREATE INDEX entries_dated ON entries (dated)",
    "CREATE INDEX entries_duplicate_of ON entries (duplicate_of) WHERE duplicate_of IS NOT NULL",
    f"""
    CREATE VIRTUAL TABLE entries_fts USING fts5 (
        title, text, content=entries, content_rowid=id, tokenize='{TOKENIZER}'
    )
    """,
    """
    CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
        INSERT INTO entries_fts (entries_fts, rowid, title, text)
            VALUES ('delete', old.id, old.title, old.text);
    END
    """,
    """
    CREATE TRIGGER entries_revised AFTER UPDATE OF title, text ON entries BEGIN
        INSERT INTO entries_fts (entries_fts, rowid, title, text)
            VALUES ('delete', old.id, old.title, old.text);
        INSERT INTO entries_fts (rowid, title, text) VALUES (new.id, new.title, new.text);
    END
    """,
    """
    CREATE TABLE revisions (
        id INTEGER PRIMARY KEY,
        entry INTEGER NOT NULL,
        replaced_at TEXT NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX revisions_entry ON revisions (entry)",
    """
    CREATE TABLE stories (
        id TEXT PRIMARY KEY,
        created_at TEXT NOT NULL,
        first_published TEXT NOT NULL,
        updated TEXT NOT NULL,
        version INTEGER NOT NULL DEFAULT 1,
        merged_into TEXT,
        headline TEXT,
        pinned INTEGER NOT NULL DEFAULT 0,
        hidden INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX stories_updated ON stories (updated)",
    "CREATE INDEX stories_merged ON stories (merged_into) WHERE merged_into IS NOT NULL",
    "CREATE INDEX stories_hidden ON stories (id) WHERE hidden",
    # Stories that were removed while their pages are still published
    "CREATE TABLE gone_stories (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    """
    CREATE TRIGGER stories_removed AFTER DELETE ON stories BEGIN
        INSERT OR IGNORE INTO gone_stories (id) VALUES (old.id);
    END
    """,
    """
    CREATE TRIGGER stories_inserted AFTER INSERT ON stories BEGIN
        DELETE FROM gone_stories WHERE id = new.id;
    END
    """,
    """
    CREATE TABLE matches (
        topic TEXT NOT NULL,
        entry INTEGER NOT NULL,
        words TEXT NOT NULL,
        PRIMARY KEY (topic, entry)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX matches_entry ON matches (entry)",
    """
    CREATE TABLE topics (
        id TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        published TEXT
    ) STRICT
    """,
    """
    CREATE TABLE passes (
        id INTEGER PRIMARY KEY,
        started_at TEXT NOT NULL,
        summary TEXT NOT NULL
    ) STRICT
    """,
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
)

_VERSION_2 = (
    # Kept for as long as an entry may attract others; without foreign keys, as all tables here
    """
    CREATE TABLE traits (
        entry INTEGER PRIMARY KEY,
        profile TEXT NOT NULL,
        sketch BLOB NOT NULL,
        space TEXT,
        vector BLOB
    ) STRICT
    """,
    """
    CREATE TABLE evidence (
        entry INTEGER PRIMARY KEY,
        closest INTEGER NOT NULL,
        parts TEXT NOT NULL
    ) STRICT
    """,
    # Until an entry is grouped its story is empty
    "CREATE INDEX entries_ungrouped ON entries (dated, source, identity) WHERE story = ''",
    # An editor moved entries in or out: the program moves none any more
    "ALTER TABLE stories ADD COLUMN is_edited INTEGER NOT NULL DEFAULT 0",
)

_VERSION_3 = (
    "ALTER TABLE matches ADD COLUMN strength REAL NOT NULL DEFAULT 0",
    "ALTER TABLE matches ADD COLUMN near TEXT",
    # To which sources and languages a topic listens
    "ALTER TABLE topics ADD COLUMN admits TEXT NOT NULL DEFAULT '[null, []]'",
    # Strengths are not known of what matched before: every rule is to be matched again
    "UPDATE topics SET rule = ''",
    # Entries that were not held against the examples of the topics yet
    "CREATE TABLE unjudged (entry INTEGER PRIMARY KEY) STRICT",
    """
    CREATE TABLE examples (
        space TEXT NOT NULL,
        text TEXT NOT NULL,
        vector BLOB NOT NULL,
        PRIMARY KEY (space, text)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX stories_pinned ON stories (updated) WHERE pinned",
)

_VERSION_4 = (
    # Each link stands in it from both sides
    """
    CREATE TABLE related (
        story TEXT NOT NULL,
        other TEXT NOT NULL,
        PRIMARY KEY (story, other)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER stories_parted AFTER DELETE ON stories BEGIN
        DELETE FROM related WHERE other = old.id AND story IN (SELECT other FROM related WHERE story = old.id);
        DELETE FROM related WHERE story = old.id;
    END
    """,
)

_VERSION_5 = (
    # It is fetched from its address; `moved_to` says where a permanent redirect leads, until that is trusted
    "ALTER TABLE sources ADD COLUMN address TEXT NOT NULL DEFAULT ''",
    "UPDATE sources SET address = url",
    "ALTER TABLE sources ADD COLUMN host TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sources ADD COLUMN moved_since TEXT",
    "ALTER TABLE sources ADD COLUMN moves INTEGER NOT NULL DEFAULT 0",
    "UPDATE sources SET moved_to = NULL",
    "CREATE INDEX sources_host ON sources (host)",
    # When the feed wants to be asked, as JSON
    "ALTER TABLE sources ADD COLUMN wish TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE sources ADD COLUMN trackers INTEGER NOT NULL DEFAULT 0",
)

_VERSION_6 = (
    # When a story first stood in a topic's feed, and whether it does now
    """
    CREATE TABLE publications (
        topic TEXT NOT NULL,
        story TEXT NOT NULL,
        published_at TEXT NOT NULL,
        shown INTEGER NOT NULL,
        PRIMARY KEY (topic, story)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE archives (
        topic TEXT NOT NULL,
        page INTEGER NOT NULL,
        name TEXT NOT NULL,
        former TEXT,
        stories TEXT NOT NULL,
        PRIMARY KEY (topic, page)
    ) STRICT, WITHOUT ROWID
    """,
    # What the files of each publication were made from, and what the index says of it
    "CREATE TABLE channels (topic TEXT PRIMARY KEY, mark TEXT, front TEXT NOT NULL) STRICT",
    "ALTER TABLE topics DROP COLUMN published",
    "ALTER TABLE entries ADD COLUMN withdrawn_at TEXT",
    # Entries that the last document did not have, though it has older ones
    "ALTER TABLE sources ADD COLUMN missing TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE sources ADD COLUMN license TEXT",
    "ALTER TABLE sources ADD COLUMN policy TEXT",
)

_VERSION_7 = (
    """
    CREATE TABLE receivers (
        id TEXT PRIMARY KEY,
        topic TEXT NOT NULL,
        basis TEXT NOT NULL,
        since INTEGER NOT NULL,
        noted TEXT,
        failures INTEGER NOT NULL DEFAULT 0,
        retry_at TEXT
    ) STRICT
    """,
    """
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        receiver TEXT NOT NULL,
        made_at TEXT NOT NULL,
        due_at TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        first_tried TEXT,
        error TEXT,
        sent_at TEXT,
        given_up_at TEXT
    ) STRICT
    """,
    "CREATE INDEX deliveries_receiver ON deliveries (receiver)",
    "CREATE INDEX deliveries_due ON deliveries (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL",
    # Without a delivery: it was there before the receiver, who is not told of it
    """
    CREATE TABLE told (
        receiver TEXT NOT NULL,
        story TEXT NOT NULL,
        delivery TEXT,
        UNIQUE (receiver, story)
    ) STRICT
    """,
    "CREATE INDEX told_story ON told (story)",
    "CREATE INDEX told_delivery ON told (delivery) WHERE delivery IS NOT NULL",
    "CREATE TRIGGER stories_untold AFTER DELETE ON stories BEGIN DELETE FROM told WHERE story = old.id; END",
    # The last entry of the store after the first document of the source was read
    "ALTER TABLE sources ADD COLUMN backlog INTEGER",
    "UPDATE sources SET backlog = 0 WHERE succeeded_at IS NOT NULL",
)

_VERSION_8 = (
    """
    CREATE TABLE pictures (
        story TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        file TEXT,
        tries INTEGER NOT NULL DEFAULT 0,
        retry_at TEXT
    ) STRICT
    """,
    "CREATE INDEX pictures_url ON pictures (url)",
)

_VERSION_9 = (
    "ALTER TABLE sources ADD COLUMN hubs TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE sources ADD COLUMN topic TEXT",
    "CREATE INDEX sources_hubs ON sources (id) WHERE hubs <> '[]'",
    """
    CREATE TABLE subscriptions (
        token TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        hub TEXT NOT NULL,
        topic TEXT NOT NULL,
        callback TEXT NOT NULL,
        secret TEXT,
        state TEXT NOT NULL,
        next_at TEXT NOT NULL,
        lease_until TEXT,
        failures INTEGER NOT NULL DEFAULT 0,
        problem TEXT,
        delivered_at TEXT,
        missed_at TEXT,
        deliveries INTEGER NOT NULL DEFAULT 0,
        refused INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX subscriptions_source ON subscriptions (source)",
    "CREATE INDEX subscriptions_next ON subscriptions (next_at)",
    # What each published feed was when the hub was to be told of it, and when it last was told
    """
    CREATE TABLE pings (
        url TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        told TEXT NOT NULL DEFAULT '',
        next_at TEXT NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        problem TEXT
    ) STRICT
    """,
    "CREATE INDEX pings_next ON pings (next_at) WHERE told <> digest",
)

_VERSION_10 = (
    # What a published file was made from, and what it holds
    """
    CREATE TABLE files (path TEXT PRIMARY KEY, mark TEXT NOT NULL, digest TEXT NOT NULL) STRICT, WITHOUT ROWID
    """,
    # Highlights, story and quotes as JSON: composing costs more than all else of a publication
    """
    CREATE TABLE compositions (
        story TEXT PRIMARY KEY,
        mark TEXT NOT NULL,
        composition TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER stories_decomposed AFTER DELETE ON stories BEGIN
        DELETE FROM compositions WHERE story = old.id;
    END
    """,
    # Changes of stories are counted, and each story knows its last one, so that a publication looks at few
    "CREATE TABLE changes (last INTEGER NOT NULL) STRICT",
    "INSERT INTO changes (last) VALUES (0)",
    "ALTER TABLE stories ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX stories_changed ON stories (changed)",
    *(
        f"""
        CREATE TRIGGER {name} {event} BEGIN
            UPDATE changes SET last = last + 1;
            UPDATE stories SET changed = (SELECT last FROM changes) WHERE id IN ({stories});
        END
        """
        for name, event, stories in (
            ("change_made", "AFTER INSERT ON stories", "new.id"),
            ("change_of_version", "AFTER UPDATE OF version ON stories", "new.id"),
            ("change_of_links", "AFTER INSERT ON related", "new.story"),
            ("change_of_links_gone", "AFTER DELETE ON related", "old.story"),
            (
                "change_of_nearness",
                "AFTER INSERT ON matches WHEN new.near IS NOT NULL",
                "SELECT story FROM entries WHERE id = new.entry",
            ),
            (
                "change_of_nearness_again",
                "AFTER UPDATE OF near ON matches",
                "SELECT story FROM entries WHERE id = new.entry",
            ),
        )
    ),
    # What a topic was made with, when its stories were chosen, and until when the choice holds if none of them changes
    "ALTER TABLE channels ADD COLUMN own TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE channels ADD COLUMN chosen_at TEXT",
    "ALTER TABLE channels ADD COLUMN holds_until TEXT",
    "CREATE INDEX publications_shown ON publications (story) WHERE shown",
)

_VERSION_11 = (
    # Entries that wait for the article from their page
    """
    CREATE TABLE articles (
        entry INTEGER PRIMARY KEY,
        tries INTEGER NOT NULL DEFAULT 0,
        retry_at TEXT,
        problem TEXT
    ) STRICT
    """,
    "CREATE TRIGGER entries_unwanted AFTER DELETE ON entries BEGIN DELETE FROM articles WHERE entry = old.id; END",
    # What each scheme, host and port says about fetching pages: robots.txt, and Retry-After
    """
    CREATE TABLE sites (
        origin TEXT PRIMARY KEY,
        rules TEXT,
        rules_until TEXT NOT NULL,
        rest_until TEXT
    ) STRICT
    """,
)

_VERSION_12 = (
    "CREATE TABLE due_pages (story TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "DROP INDEX publications_shown",
    "CREATE INDEX publications_story ON publications (story, shown)",
    # Its address, if others may know it
    "ALTER TABLE sources ADD COLUMN feed TEXT",
)
