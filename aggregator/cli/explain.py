"""The command `explain`: why a story holds its entries, and why it is in a topic or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import click

from aggregator.cli import session as clock
from aggregator.cli.options import json_option
from aggregator.cli.output import print_json
from aggregator.cli.session import Session
from aggregator.errors import UsageError
from aggregator.text.line import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from sqlite_utils import Database

    from aggregator.config import Configuration
    from aggregator.model import EntryId, Report, Story
    from aggregator.settings import TopicSettings
    from aggregator.store.matches import Match
    from aggregator.store.topics import Standing
    from aggregator.story.likeness import Evidence


class EntryReason(TypedDict):
    """Why an entry is in a story."""

    entry: int
    source: str
    title: str
    reason: str


class TopicReason(TypedDict):
    """Whether a topic holds a story, and why."""

    topic: str
    holds: bool
    published: bool
    score: float
    """Above `topic.select.BAR` it is held."""
    reasons: list[str]


class Explanation(TypedDict):
    """What `explain --json` prints."""

    story: str
    headline: str
    entries: list[EntryReason]
    topics: list[TopicReason]


@click.command()
@click.argument("story")
@click.option("--topic", metavar="ID", help="Only this topic. [default: those that hold the story, else all]")
@json_option
@click.pass_obj
def explain(session: Session, story: str, topic: str | None, as_json: bool) -> None:
    """Say why the story holds these entries, and why it is in a topic or not.

    Example: aggregator explain 4f7q2mzk5c3xw6ab --topic korea-ukraine-defense
    """
    from aggregator.cli.stories import find_story
    from aggregator.store.stories import load_stories

    topics = _asked(session.configuration, topic)
    with session.store() as db:
        languages = session.configuration.aggregator.site.languages
        (found,) = load_stories(db, [find_story(db, story)], languages=languages)
        about = [_topic_reason(db, session.configuration, one, found, clock.now()) for one in topics]
        if topic is None and any(one["holds"] for one in about):
            about = [one for one in about if one["holds"]]
        explanation = Explanation(
            story=found.id, headline=found.headline, entries=_entry_reasons(db, found), topics=about
        )
    if as_json:
        print_json([explanation])
    else:
        _print(explanation)


def _asked(configuration: Configuration, topic: str | None) -> Sequence[TopicSettings]:
    topics = configuration.topics.topics
    if topic is None:
        return topics
    asked = [one for one in topics if one.id == topic]
    if not asked:
        raise UsageError(f"there is no topic {topic!r}", hint="`aggregator topics list` names the topics")
    return asked


def _entry_reasons(db: Database, story: Story) -> list[EntryReason]:
    from aggregator.store.traits import evidence_of
    from aggregator.story.cluster import founded_by

    traits = {
        row["id"]: row
        for row in db.query(
            "SELECT id, source, identity, canonical_url, text_hash FROM entries WHERE story = ?", [story.id]
        )
    }
    joined = evidence_of(db, story.id)

    def reason(report: Report) -> str:
        mine = traits[report.entry]
        if report.duplicate_of is not None:
            return _repetition(mine, traits.get(report.duplicate_of, {}), report.duplicate_of)
        if report.entry in joined:
            closest, evidence = joined[report.entry]
            shared = _spelt(evidence.shared, f"{report.title} {report.text}")
            return _likeness(closest, evidence, shared, is_here=closest in traits)
        if founded_by(mine["source"], mine["identity"]) == story.id:
            return "the story began with it"
        return "it began a story that turned out to be this one, or an editor moved it here"

    return [
        EntryReason(
            entry=report.entry,
            source=report.source,
            title=report.title,
            reason=f"{reason(report)}{_opinion(report) if report.kind == 'opinion' else ''}",
        )
        for report in story.coverage
    ]


def _opinion(report: Report) -> str:
    """Why it stands among the opinions, as the end of a sentence."""
    from aggregator.story.opinion import opinion_sign

    sign = opinion_sign(report, source_title=report.source_title)
    return f"; it is an opinion piece: {sign or 'all of its source are (opinion: true)'}"


def _repetition(mine: dict[str, Any], its: dict[str, Any], original: EntryId) -> str:
    for trait, words in (("canonical_url", "is the same page as"), ("text_hash", "has the same text as")):
        if mine[trait] is not None and mine[trait] == its.get(trait):
            return f"it {words} entry {original}"
    return f"it repeats most of the text of entry {original}"


def _spelt(traits: Iterable[str], text: str) -> list[str]:
    """The words of the text that begin or sound like these, each once."""
    from aggregator.story.sound import sound

    by_sound: dict[str | None, str] = {}
    for word in re.findall(r"[^\W\d_]+", text):
        by_sound.setdefault(sound(word), word)
    found = []
    for trait in traits:
        match = re.search(rf"\b{re.escape(trait)}\w*", text, re.IGNORECASE)
        found.append(match[0] if match else by_sound.get(trait))
    return list(dict.fromkeys(filter(None, found)))


def _likeness(closest: EntryId, evidence: Evidence, words: Sequence[str], *, is_here: bool) -> str:
    """One sentence on why an entry joined its story."""
    hours = round(evidence.days * 24)
    apart = "at the same time" if hours == 0 else f"{hours} h apart"
    shared = f"both have {_listed(words)}" if words else "they share no words"
    left = "" if is_here else ", which has left it"
    return f"it is closest to entry {closest}{left}: {shared} ({_sum(evidence)}; {apart})"


def _sum(evidence: Evidence) -> str:
    """The likeness as the sum of its parts; what is printed adds up."""
    rest = evidence.likeness - sum(evidence.parts.values())  # of one that an older version stored
    parts = {name: round(part, 2) for name, part in (evidence.parts | {"rest": rest}).items()}
    terms = [f"{'−' if part < 0 else '+'} {name} {abs(part):.2f}" for name, part in parts.items() if part]
    return f"likeness {sum(parts.values()):.2f} = {' '.join(terms).removeprefix('+ ')}"


def _topic_reason(
    db: Database, configuration: Configuration, topic: TopicSettings, story: Story, now: datetime
) -> TopicReason:
    from aggregator.model import TopicId
    from aggregator.store.matches import matches_of
    from aggregator.store.topics import standing

    matched = matches_of(db, topic.id, story.id)
    stands = standing(db, TopicId(topic.id), story.id)
    reasons = [_match_reason(match) for match in matched.values()]
    withheld = None
    if stands.is_held:
        reasons.insert(0, _standing_reason(stands))
        withheld = _withheld(db, configuration, topic, story, now)
        if withheld:
            reasons.append(f"it is not in the feed: {withheld}")
    elif matched:
        reasons.insert(0, _standing_reason(stands))
    else:
        reasons = list(_missing(db, configuration, topic, story))
    return TopicReason(
        topic=topic.id,
        holds=stands.is_held,
        published=stands.is_held and withheld is None,
        score=stands.score,
        reasons=reasons,
    )


def _standing_reason(stands: Standing) -> str:
    from aggregator.topic.select import BAR

    reports = f"{stands.matching} of its {stands.originals} reports" if stands.originals > 1 else "its report"
    what = f"{reports} {'match' if stands.matching > 1 else 'matches'}"
    if stands.is_held:
        return f"its score is {stands.score:.2f}, above {BAR:.2f}: {what}"
    return f"its score is {stands.score:.2f}, not above {BAR:.2f}: {what}, which is a mention in passing"


def _match_reason(match: Match) -> str:
    """One sentence on why an entry matches."""
    from aggregator.topic.like import NEAR_ENOUGH
    from aggregator.topic.select import AT_THE_BEGINNING, FURTHER_DOWN, IN_HEADLINE

    places = {
        IN_HEADLINE: " in its headline",
        AT_THE_BEGINNING: " in its headline and the beginning of its text",
        FURTHER_DOWN: " far down in its text only",
    }
    reasons = []
    if match.words or not match.near:
        what = f"has {_listed(match.words)}" if match.words else "matches its rule"
        reasons.append(f"{what}{places.get(match.strength, '')}")
    if match.near:
        words = f"; both have {_listed(match.near.words)}" if match.near.words else ""
        near = f"{match.near.score:.2f}, near from {NEAR_ENOUGH:.2f} on{words}"
        reasons.append(f"is near the example “{one_line(match.near.nearest)}” ({near})")
    return f"entry {match.entry} {' and '.join(reasons)}"


def _withheld(
    db: Database, configuration: Configuration, topic: TopicSettings, story: Story, now: datetime
) -> str | None:
    """Why a topic that holds the story does not publish it; None when it does."""
    from aggregator.model import TopicId
    from aggregator.store.stories import story_rows
    from aggregator.store.topics import selected_stories, standing
    from aggregator.times import format_duration
    from aggregator.topic.select import choose

    items = topic.items or configuration.aggregator.output.items
    since = now - topic.max_age
    selected = selected_stories(db, TopicId(topic.id), since=since)
    if any(one.id == story.id for one in choose(selected, min_sources=topic.min_sources, items=items)):
        return None
    if story_rows(db, [story.id])[story.id].hidden:
        return "an editor hid it"
    if story.updated < since:
        return f"it was last updated more than {format_duration(topic.max_age)} ago (max_age)"
    if standing(db, TopicId(topic.id), story.id).sources < topic.min_sources:
        return f"fewer than {topic.min_sources} independent sources carry it (min_sources)"
    return f"{items} stories stand before it (items)"


def _missing(db: Database, configuration: Configuration, topic: TopicSettings, story: Story) -> Iterator[str]:
    """What of a topic's rule the entries of a story do not satisfy, each part looked at on its own."""
    parts = [(f"all_of: {name}", _with(all_of=(name,))) for name in topic.all_of]
    if topic.any_of:
        parts.append((f"any_of: {', '.join(topic.any_of)}", _with(any_of=topic.any_of)))
    if topic.match:
        parts.append((f"match: {topic.match}", _with(match=topic.match)))
    found = {words: _matches(db, configuration, topic, part, story) for words, part in parts}
    reasons = [f"no entry has what `{words}` asks for" for words, entries in found.items() if not entries]
    for name in topic.none_of:
        excluded = _matches(db, configuration, topic, _with(all_of=(name,)), story)
        reasons += [
            f"entry {entry} has {_listed(words)}, which `none_of: {name}` keeps out"
            for entry, words in excluded.items()
        ]
    reasons += _not_admitted(configuration, topic, story)
    if topic.like:
        reasons += _far(db, configuration, topic, story)
    elif not reasons and not set.intersection(*(set(entries) for entries in found.values())):
        reasons = [f"`{words}`: only {_entries(entries)}" for words, entries in found.items()]
        reasons.append("no single entry has all of that")
    yield from reasons or ["its rule was changed and selects it now: the next pass puts it in"]


def _far(db: Database, configuration: Configuration, topic: TopicSettings, story: Story) -> Iterator[str]:
    """How near the story's entries are to the examples of a topic when that is not near enough."""
    from aggregator.embed import make_embedder
    from aggregator.judge import learn, score_entry
    from aggregator.model import TopicId
    from aggregator.store.examples import to_judge
    from aggregator.topic.like import NEAR_ENOUGH
    from aggregator.update import make_rules

    embedder = make_embedder(configuration.aggregator.stories.embedder)
    rules = [rule for rule in make_rules(configuration) if rule.examples]
    likeness = learn(db, rules, embedder)
    entries = to_judge(
        db, [report.entry for report in story.coverage], space=embedder.name if embedder else None
    )
    scores = {entry.entry: score_entry(likeness, entry)[TopicId(topic.id)].score for entry in entries}
    closest = max(scores, key=lambda entry: scores[entry])
    if scores[closest] < NEAR_ENOUGH:
        near = f"{scores[closest]:.2f}, near from {NEAR_ENOUGH:.2f} on"
        yield f"no entry is near an example: entry {closest} comes closest ({near})"


def _not_admitted(configuration: Configuration, topic: TopicSettings, story: Story) -> Iterator[str]:
    from aggregator.topic.rule import make_rule

    rule = make_rule(topic, configuration.topics.vocabulary, configuration.sources)
    for report in story.coverage:
        if rule.sources is not None and report.source not in rule.sources:
            yield f"entry {report.entry} is from {report.source}, to which the topic does not listen"
        elif not rule.admits(report.source, report.language):
            asked = ", ".join(topic.languages)
            yield f"entry {report.entry} is in {report.language or 'no known language'}, not in {asked}"


def _with(
    all_of: tuple[str, ...] = (), any_of: tuple[str, ...] = (), match: str | None = None
) -> dict[str, object]:
    """The changes that leave one part of a rule."""
    from aggregator.settings import TopicSources

    return {
        "all_of": all_of,
        "any_of": any_of,
        "match": match,
        "none_of": (),
        "like": (),
        "sources": TopicSources(),
        "languages": (),
    }


def _matches(
    db: Database, configuration: Configuration, topic: TopicSettings, part: dict[str, object], story: Story
) -> dict[EntryId, tuple[str, ...]]:
    """The entries of the story that a part of the topic's rule selects, with the words that matched."""
    from aggregator.store.matches import search
    from aggregator.topic.rule import make_rule

    alone = make_rule(topic.model_copy(update=part), configuration.topics.vocabulary, configuration.sources)
    held = {report.entry for report in story.coverage}
    return {match.entry: match.words for match in search(db, alone) if match.entry in held}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"“{one_line(word)}”" for word in words)


def _entries(entries: Iterable[EntryId]) -> str:
    numbers = sorted(entries)
    return f"{'entry' if len(numbers) == 1 else 'entries'} {', '.join(map(str, numbers))}"


def _print(explanation: Explanation) -> None:
    click.echo(f"{one_line(explanation['headline'])} (story {explanation['story']})")
    click.echo("\nIt holds")
    for entry in explanation["entries"]:
        click.echo(
            f"  entry {entry['entry']} ({entry['source']}, “{one_line(entry['title'])}”): {entry['reason']}."
        )
    if not explanation["topics"]:
        click.echo("\nThere is no topic.")
    for topic in explanation["topics"]:
        where = "is in" if topic["holds"] else "is not in"
        click.echo(f"\nIt {where} {topic['topic']}:")
        for reason in topic["reasons"]:
            click.echo(f"  {reason}.")
