"""Feeds beside the topics: of all stories, and of what the sources of one tag report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.model import SourceId
from aggregator.settings import ALL_STORIES, OF_TAG, Output, SourceSettings, TopicSettings


@dataclass(frozen=True, slots=True)
class Group:
    """A feed that no rule makes."""

    settings: TopicSettings
    sources: frozenset[SourceId] | None
    """None: all."""


def make_groups(output: Output, sources: Sequence[SourceSettings]) -> list[Group]:
    """The feeds that `output` asks for."""
    groups = []
    if output.all:
        told = "Every story of all sources, once."
        groups.append(Group(TopicSettings(id=ALL_STORIES, title="All stories", description=told), None))
    for tag in output.tags:
        tagged = frozenset(SourceId(source.id) for source in sources if tag in source.tags)
        told = f"Every story that a source with the tag {tag} reports, once."
        groups.append(Group(TopicSettings(id=OF_TAG + tag, title=tag, description=told), tagged))
    return groups
