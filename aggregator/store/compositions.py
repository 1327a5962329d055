"""What was composed of the reports of stories, kept until they change: one new story in a topic is one to compose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlite_utils import Database

from aggregator.model import EntryId, Quote, Report, Sentence, StoryId
from aggregator.program import program_mark
from aggregator.story.compose import Composition
from aggregator.story.fingerprint import digest


def recall(
    db: Database,
    coverage: Mapping[StoryId, Sequence[Report]],
    versions: Mapping[StoryId, int],
    languages: Sequence[str],
) -> dict[StoryId, Composition]:
    """The compositions that are kept of these stories, as they stand in these versions."""
    rows = db.execute(
        "SELECT story, mark, composition FROM compositions WHERE story IN (SELECT value FROM json_each(?))",
        [json.dumps(list(coverage))],
    ).fetchall()
    maker = _maker(languages)
    found = {}
    for story, mark, text in rows:
        if mark == f"{versions[story]} {maker}":
            composition = _read(text, coverage[story])
            if composition is not None:
                found[story] = composition
    return found


def keep(
    db: Database,
    compositions: Mapping[StoryId, Composition],
    versions: Mapping[StoryId, int],
    languages: Sequence[str],
) -> None:
    """Keep what was composed of these stories as they stand in these versions."""
    maker = _maker(languages)
    db.conn.executemany(
        "INSERT OR REPLACE INTO compositions (story, mark, composition) VALUES (?, ?, ?)",
        [(story, f"{versions[story]} {maker}", _text(one)) for story, one in compositions.items()],
    )


def _maker(languages: Sequence[str]) -> str:
    return digest(program_mark(), *languages)


def _text(composition: Composition) -> str:
    sentences = [
        [[sentence.entry, sentence.text] for sentence in part]
        for part in (composition.story, composition.highlights)
    ]
    quotes = [[quote.entry, quote.text, quote.speaker] for quote in composition.quotes]
    return json.dumps([composition.lead, *sentences, quotes], ensure_ascii=False)


def _read(text: str, reports: Iterable[Report]) -> Composition | None:
    by_entry = {report.entry: report for report in reports}

    def sentence(entry: EntryId, said: str) -> Sentence:
        report = by_entry[entry]
        return Sentence(said, entry, report.url, report.source_title)

    def quote(entry: EntryId, said: str, speaker: str) -> Quote:
        report = by_entry[entry]
        return Quote(said, speaker, entry, report.url, report.source_title, report.language)

    lead, story, highlights, quotes = json.loads(text)
    try:
        return Composition(
            by_entry[lead].entry,
            tuple(sentence(*each) for each in story),
            tuple(sentence(*each) for each in highlights),
            tuple(quote(*each) for each in quotes),
        )
    except KeyError:  # a report is in another story now
        return None
