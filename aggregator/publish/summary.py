"""A story in one or two sentences of plain text, and which texts add nothing to its headline: many are sent twice."""

from __future__ import annotations

from dataclasses import replace

from aggregator.model import Sentence, Story
from aggregator.publish.content import gist, on_one_line, outlets
from aggregator.text.cut import cut
from aggregator.text.fold import words

_LENGTH = 400
_NAMED = 3


def story_summary(story: Story) -> str:
    """One or two sentences on one line; empty where there is nothing to add to the headline."""
    sentences = [sentence.text for sentence in (story.story or story.highlights)[:2]]
    text = on_one_line(" ".join(sentences) or gist(story.lead))
    said = words(text)
    # A headline that a source made of the text goes further than its first sentence
    adds = all(words(title)[: len(said)] != said for title in (story.headline, story.lead.title))
    return cut(text, _LENGTH) if adds else ""


def reporters(story: Story) -> str:
    """Who reported it, in a sentence; where nobody did, whose opinion it is."""
    names = [on_one_line(mention.report.source_title) for mention in outlets(story)]
    if not names:
        return f"Opinion in {on_one_line(story.lead.source_title)}."
    if len(names) > _NAMED:
        names[_NAMED:] = [f"{len(names) - _NAMED} more"]
    return f"Reported by {' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}."


def without_echo(story: Story) -> Story:
    """The story without sentences that repeat its headline, or that of the report that they come from."""
    titles = {report.entry: report.title for report in story.coverage}

    def telling(sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
        return tuple(
            sentence
            for sentence in sentences
            if words(sentence.text) not in (words(story.headline), words(titles.get(sentence.entry, "")))
        )

    return replace(story, highlights=telling(story.highlights), story=telling(story.story))
