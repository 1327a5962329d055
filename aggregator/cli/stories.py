"""The commands `stories`: list, show, search, and the editor's word: pin, hide, merge, split, retitle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

import click

from aggregator.cli.options import json_option, limit_option, shown
from aggregator.cli.output import Column, note, note_rest, print_json, print_list
from aggregator.cli.query import full_text, refusing
from aggregator.cli.session import Session
from aggregator.errors import UsageError
from aggregator.text.line import one_line

if TYPE_CHECKING:
    from sqlite_utils import Database

    from aggregator.model import Related, Report, Sentence, Story, StoryId

_AT_ONCE = 200
"""Stories read into memory at a time."""


class SentenceLine(TypedDict):
    """A sentence and where it was taken from."""

    text: str
    entry: int
    url: str | None
    source: str


class OpinionLine(TypedDict):
    """An opinion piece about a story."""

    title: str
    entry: int
    url: str | None
    source: str


class StoryLine(TypedDict):
    """A story as `stories list --json` prints it; `sources` and `entries` are ids."""

    id: str
    headline: str
    first_published: str
    updated: str
    highlights: list[SentenceLine]
    story: list[SentenceLine]
    opinions: list[OpinionLine]
    sources: list[str]
    entries: list[int]
    topics: list[str]
    pinned: bool
    hidden: bool


@click.group(no_args_is_help=False)
def stories() -> None:
    """List the stories and edit them. An editor's word outlives every later update."""


@stories.command("list")
@limit_option
@json_option
@click.pass_obj
def list_(session: Session, limit: int | None, as_json: bool) -> None:
    """List the stories, the last updated first."""
    _list(session, None, limit, as_json=as_json)


@stories.command()
@click.argument("query")
@limit_option
@json_option
@click.pass_obj
def search(session: Session, query: str, limit: int | None, as_json: bool) -> None:
    """List the stories with an entry that has all words of QUERY.

    * stands for the rest of a word, "…" makes a phrase of several. QUERY may also be a query in SQLite FTS5's
    language.

    Example: aggregator stories search 'umerov seoul'
    """
    _list(session, query, limit, as_json=as_json)


@stories.command(short_help="Show a story, with the sources of each sentence.")
@click.argument("story")
@json_option
@click.pass_obj
def show(session: Session, story: str, as_json: bool) -> None:
    """Show the story: its text with the sources, quotes, opinions, coverage and related stories."""
    from aggregator.store.stories import hidden_stories, load_stories

    with session.store() as db:
        languages = session.configuration.aggregator.site.languages
        (found,) = load_stories(db, [find_story(db, story)], languages=languages)
        line = _line(db, found, is_hidden=found.id in hidden_stories(db))
    if as_json:
        print_json([line])
    else:
        _print_story(found, line["topics"], is_hidden=line["hidden"])


@stories.command()
@click.argument("stories", metavar="STORY...", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Let them go again.")
@click.pass_obj
def pin(session: Session, stories: tuple[str, ...], undo: bool) -> None:
    """Keep stories at the top of their topics, however old they grow."""
    from aggregator.editor import pin

    with _editing(session) as db:
        for story in stories:
            _done(pin(db, story, pinned=not undo), "is not pinned any more" if undo else "is pinned")


@stories.command()
@click.argument("stories", metavar="STORY...", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Let them back in.")
@click.pass_obj
def hide(session: Session, stories: tuple[str, ...], undo: bool) -> None:
    """Take stories out of every topic."""
    from aggregator.editor import hide

    with _editing(session) as db:
        for story in stories:
            _done(hide(db, story, hidden=not undo), "is not hidden any more" if undo else "is hidden")


@stories.command(short_help="Let a story take all entries of others.")
@click.argument("into", metavar="INTO")
@click.argument("others", metavar="STORY...", nargs=-1, required=True)
@click.pass_obj
def merge(session: Session, into: str, others: tuple[str, ...]) -> None:
    """Let the story INTO take all entries of the STORYs, whose ids and pages lead to it from now on."""
    from aggregator.editor import merge

    with _editing(session) as db:
        _done(merge(db, into, others), "holds the entries of the others")


@stories.command(short_help="Make a new story of some entries of a story.")
@click.argument("story")
@click.argument("entries", metavar="ENTRY...", nargs=-1, required=True, type=int)
@click.pass_obj
def split(session: Session, story: str, entries: tuple[int, ...]) -> None:
    """Make a new story of the ENTRYs of a story; their copies go with them."""
    from aggregator.editor import split

    with _editing(session) as db:
        _done(split(db, story, entries), "was made")


@stories.command(short_help="Give a story a headline of your own.")
@click.argument("story")
@click.argument("headline", required=False)
@click.pass_obj
def retitle(session: Session, story: str, headline: str | None) -> None:
    """Give the story a HEADLINE of your own; without one it goes back to its lead's."""
    from aggregator.editor import retitle

    with _editing(session) as db:
        _done(
            retitle(db, story, headline), "has your headline" if headline else "has its lead's headline again"
        )


def find_story(db: Database, story: str) -> StoryId:
    """The story of this id, or the one that it was merged into. Raises UsageError."""
    from aggregator.store.stories import resolve_story

    found = resolve_story(db, story)
    if found is None:
        raise UsageError(f"there is no story {story!r}", hint="`aggregator stories list` names the stories")
    return found


def _list(session: Session, query: str | None, limit: int | None, *, as_json: bool) -> None:
    from aggregator.store.stories import hidden_stories, newest_stories

    with session.store() as db:
        hidden = set(hidden_stories(db))
        if query is None:
            ids = newest_stories(db, limit=shown(limit, as_json=as_json))
        else:
            with refusing(query):
                found = full_text(query, word_by_word=True)
                ids = newest_stories(db, limit=shown(limit, as_json=as_json), query=found)
        printed = print_list(
            [
                Column("id"),
                Column("updated", "time", spare=1),
                Column("sources", "number", spare=2),
                Column("topics", "text", spare=3),
                Column("headline", "text"),
            ],
            _lines(db, ids, hidden, session.configuration.aggregator.site.languages),
            lambda row: (
                row["id"],
                row["updated"],
                len(row["sources"]),
                ", ".join(row["topics"]),
                f"{_marks(row['pinned'], row['hidden'])}{row['headline']}",
            ),
            as_json=as_json,
            nothing="There is no story yet." if query is None else _nothing(query),
        )
    note_rest(printed, limit, as_json=as_json)


def _nothing(query: str) -> str:
    return f"No entry of a story has {query}. Fewer words, or * for the rest of a word, may find more."


def _lines(
    db: Database, ids: list[StoryId], hidden: Set[StoryId], languages: Sequence[str]
) -> Iterator[StoryLine]:
    from aggregator.store.stories import load_stories

    for start in range(0, len(ids), _AT_ONCE):
        for story in load_stories(db, ids[start : start + _AT_ONCE], languages=languages):
            yield _line(db, story, is_hidden=story.id in hidden)


def _line(db: Database, story: Story, *, is_hidden: bool) -> StoryLine:
    from aggregator.store.topics import topics_of
    from aggregator.times import to_text

    return StoryLine(
        id=story.id,
        headline=story.headline,
        first_published=to_text(story.first_published),
        updated=to_text(story.updated),
        highlights=[_sentence(sentence) for sentence in story.highlights],
        story=[_sentence(sentence) for sentence in story.story],
        opinions=[_opinion(report) for report in story.opinions],
        sources=list(dict.fromkeys(report.source for report in story.coverage)),
        entries=[report.entry for report in story.coverage],
        topics=[] if is_hidden else list(topics_of(db, story.id)),
        pinned=story.pinned,
        hidden=is_hidden,
    )


def _marks(pinned: bool, hidden: bool) -> str:
    return f"{'[pinned] ' if pinned else ''}{'[hidden] ' if hidden else ''}"


def _sentence(sentence: Sentence) -> SentenceLine:
    return SentenceLine(text=sentence.text, entry=sentence.entry, url=sentence.url, source=sentence.source)


def _opinion(report: Report) -> OpinionLine:
    return OpinionLine(title=report.title, entry=report.entry, url=report.url, source=report.source_title)


def _print_story(story: Story, topics: list[str], *, is_hidden: bool) -> None:
    from aggregator.times import to_text

    lines = [
        f"{_marks(story.pinned, is_hidden)}{one_line(story.headline)}",
        f"Updated {to_text(story.updated)}, first reported {to_text(story.first_published)}",
        f"Story {story.id}; topics: {', '.join(topics) or 'none'}",
    ]
    opinions = [_credit(report) for report in story.opinions]
    lines += [
        *_section("Highlights", [f"- {_sourced(one.text, one.source)}" for one in story.highlights]),
        *_section("Story", [_sourced(one.text, one.source) for one in story.story]),
        *_section("Quotes", [_sourced(f"{one.speaker}: “{one.text}”", one.source) for one in story.quotes]),
        *_section("Opinions", opinions or ["There are no opinion pieces about it."]),
        *_section("Coverage", [_credit(report) for report in story.coverage]),
        *_section("Related stories", [_link(other) for other in story.related]),
    ]
    for line in lines:
        click.echo(line)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def _sourced(text: str, source: str) -> str:
    return f"{one_line(text)} [{one_line(source)}]"


def _link(other: Related) -> str:
    from aggregator.times import to_text

    return f"{to_text(other.first_published)}  {one_line(other.headline)} (story {other.id})"


def _credit(report: Report) -> str:
    from aggregator.times import to_text

    copy = f", copy of {report.duplicate_of}" if report.duplicate_of else ""
    words = f"{to_text(report.published)}  {one_line(report.source_title)}: {one_line(report.title)}"
    return f"{words} (entry {report.entry}{copy}) {report.url or ''}".rstrip()


@contextmanager
def _editing(session: Session) -> Iterator[Database]:
    """The store for an editor's word, after which it is said who publishes that."""
    from aggregator.store.connection import is_attended

    with session.store() as db:
        yield db
    if is_attended(session.configuration.database):
        note("The aggregator that runs publishes that within a minute, or after the pass it is in.")
    else:
        note("The next pass publishes that; `aggregator publish` does it now.")


def _done(story: StoryId, what: str) -> None:
    click.echo(f"{story} {what}.")
