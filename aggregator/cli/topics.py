"""The commands `topics`: list, preview, notify."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli import session as clock
from aggregator.cli.notify import notify
from aggregator.cli.options import json_option, limit_option, shown
from aggregator.cli.output import Column, counted, note, print_list
from aggregator.cli.query import full_text, refusing
from aggregator.cli.session import Session

_JUDGED = 5000
"""So many of the latest entries are held against examples."""

if TYPE_CHECKING:
    from sqlite_utils import Database

    from aggregator.config import Configuration
    from aggregator.model import EntryId
    from aggregator.store.matches import Match
    from aggregator.topic.rule import Rule


@click.group(no_args_is_help=False)
def topics() -> None:
    """List the topics and try their rules."""


@topics.command("list")
@json_option
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """List the topics and how many stories each holds now."""
    from aggregator.model import TopicId
    from aggregator.publish.places import folder_of
    from aggregator.store.topics import selected_stories
    from aggregator.topic.select import choose

    configuration = session.configuration
    now, output = clock.now(), configuration.aggregator.output
    with session.store_if_any() as db:
        rows = []
        for topic in configuration.topics.topics:
            stories = choose(
                selected_stories(db, TopicId(topic.id), since=now - topic.max_age),
                min_sources=topic.min_sources,
                items=topic.items or output.items,
            )
            rows.append(
                {
                    "id": topic.id,
                    "title": topic.title,
                    "description": topic.description,
                    "stories": len(stories),
                    "feed": f"{configuration.aggregator.site.base_url}{folder_of(topic)}/rss.xml",
                }
            )
    print_list(
        [Column("id"), Column("stories", "number"), Column("feed", spare=1), Column("title", "text")],
        rows,
        lambda row: (row["id"], row["stories"], row["feed"], row["title"]),
        as_json=as_json,
        nothing="There is no topic yet: write one into topics.yaml.",
    )


@topics.command(short_help="Show which stored entries a rule selects.")
@click.argument("query", metavar="QUERY-or-ID")
@limit_option
@json_option
@click.pass_obj
def preview(session: Session, query: str, limit: int | None, as_json: bool) -> None:
    """Show which stored entries a rule selects, the newest first, and the words that matched.

    The rule is that of a topic (its id), a list of the vocabulary (its name), a term (ukrain*), or a
    query in SQLite FTS5's language. Nothing is stored or published.

    Example: aggregator topics preview 'howitzer* AND (korea* OR poland)'
    """
    from aggregator.store.matches import search

    rule = _rule(session.configuration, query)
    with session.store() as db:
        with refusing(query):
            matches = {match.entry: match for match in search(db, rule)}
        if rule.examples:
            matches = _near(db, session.configuration, rule) | matches
        printed = print_list(
            [
                Column("entry", "number"),
                Column("date", "time", spare=1),
                Column("source", spare=2),
                Column("words", "text"),
                Column("title", "text"),
            ],
            islice(_newest(db, matches), shown(limit, as_json=as_json)),
            lambda row: (row["entry"], row["date"], row["source"], _why(row), row["title"]),
            as_json=as_json,
            nothing=f"No entry matches {rule.query or 'the examples'}",
        )
    if printed:
        rest = f" ({printed:,} shown)" if printed < len(matches) else ""
        note(f"{counted(len(matches), 'entry matches', 'entries match')}{rest}.")


topics.add_command(notify)


def _rule(configuration: Configuration, query: str) -> Rule:
    from aggregator.settings import TopicSettings
    from aggregator.topic.rule import make_rule

    topics = configuration.topics
    named = next((topic for topic in topics.topics if topic.id == query), None)
    if named is None and query in topics.vocabulary:
        named = TopicSettings(id="preview", title=query, all_of=(query,))
    if named is None:
        named = TopicSettings(id="preview", title=query, match=full_text(query))
    return make_rule(named, topics.vocabulary, configuration.sources)


def _near(db: Database, configuration: Configuration, rule: Rule) -> dict[EntryId, Match]:
    """Which of the latest entries are near the topic's examples."""
    from aggregator.embed import make_embedder
    from aggregator.judge import learn, score_entry
    from aggregator.store.entries import list_entries
    from aggregator.store.examples import to_judge
    from aggregator.store.matches import Match, search
    from aggregator.topic.like import NEAR_ENOUGH
    from aggregator.update import make_rules

    embedder = make_embedder(configuration.aggregator.stories.embedder)
    likeness = learn(db, [one for one in make_rules(configuration) if one.examples], embedder)
    out = {match.entry for match in search(db, replace(rule, query=rule.barred))}
    latest = (row["id"] for row in list_entries(db, limit=_JUDGED))
    space = embedder.name if embedder else None
    near = (
        (entry, score_entry(likeness, entry)[rule.topic])
        for entry in to_judge(db, list(latest), space=space)
        if entry.entry not in out and rule.admits(entry.source, entry.language)
    )
    return {
        entry.entry: Match(entry.entry, found.words, found.score, found)
        for entry, found in near
        if found.score >= NEAR_ENOUGH
    }


def _why(row: Mapping[str, Any]) -> str:
    near = f"near “{row['near']}”" if row["near"] else None
    return ", ".join(filter(None, [*row["words"], near]))


def _newest(db: Database, matches: dict[Any, Match]) -> Iterator[dict[str, Any]]:
    from aggregator.store.entries import list_entries

    left = len(matches)
    for row in list_entries(db):
        if not left:
            return
        match = matches.get(row["id"])
        if match is not None:
            left -= 1
            yield {
                "entry": row["id"],
                "title": row["title"],
                "source": row["source"],
                "date": row["published"] or row["first_seen"],
                "story": row["story"],
                "words": list(match.words),
                "near": match.near.nearest if match.near else None,
            }
