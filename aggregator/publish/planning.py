"""Which stories each topic shows now, and the marks by which we see whether its files were made from just these.

Choosing reads every story that a topic may hold. So it is done for the topics that changes since the last publication
concern; the others hold what they held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from aggregator.model import StoryId, TopicId
from aggregator.publish.groups import Group
from aggregator.settings import Output, TopicSettings
from aggregator.store.publications import (
    UNPUBLISHED,
    Publication,
    concerned,
    publications,
    shown_stories,
    topics_beside,
)
from aggregator.store.stories import related_stories
from aggregator.store.topics import Selected, group_stories, selected_stories
from aggregator.story.fingerprint import digest
from aggregator.topic.select import choose


@dataclass(frozen=True, slots=True)
class Plan:
    """What a topic's feeds would hold now."""

    settings: TopicSettings
    stories: list[StoryId]
    """In the order of the feed; in none where they are remembered."""
    publication: Publication
    """How it would be published."""
    is_remembered: bool = False
    """It is what was published: nothing concerns the topic since, or it is not to be written."""

    @property
    def id(self) -> TopicId:
        """The topic's."""
        return TopicId(self.settings.id)

    @property
    def mark(self) -> str:
        """Of all that the files are made from."""
        return self.publication.mark or ""


class Planner:
    """Plans one publication. `made_with` is the mark of what all topics are made with, stories aside."""

    def __init__(
        self,
        db: Database,
        *,
        output: Output,
        groups: Mapping[str, Group],
        made_with: str,
        now: datetime,
    ) -> None:
        self._db = db
        self._output = output
        self._groups = groups
        self._made_with = made_with
        self._now = now
        self.published = publications(db)
        """How each topic was last published."""
        self._shown = shown_stories(db)

    def plans(self, topics: Sequence[TopicSettings], *, since: int, only: Collection[TopicId]) -> list[Plan]:
        """The topics' plans; remembered are those that no change after the one numbered `since` concerns.

        And those that are not among `only`.
        """
        changed = concerned(self._db, since)
        plans = []
        for topic in topics:
            id = TopicId(topic.id)
            known = self.published.get(id, UNPUBLISHED)
            is_known = (
                id not in changed
                and topic.id not in self._groups
                and known.holds(self._own(topic), self._now)
            )
            if id not in only or is_known:
                plans.append(Plan(topic, self._shown.get(id, []), known, is_remembered=True))
            else:
                plans.append(self.plan(topic))
        return plans

    def arriving(self, plans: Iterable[Plan]) -> set[StoryId]:
        """The stories that one of these plans holds and the topic's feed does not yet."""
        return {story for plan in plans for story in {*plan.stories}.difference(self._shown.get(plan.id, ()))}

    def beside(self, plans: Iterable[Plan]) -> set[TopicId]:
        """The topics that show a story beside one that may get its public page: they lead there then."""
        return topics_beside(self._db, self.arriving(plan for plan in plans if not plan.settings.token))

    def plan(self, topic: TopicSettings) -> Plan:
        """A topic's plan, from all that the store knows."""
        since = self._now - topic.max_age
        if group := self._groups.get(topic.id):
            candidates = group_stories(self._db, group.sources, since=since)
        else:
            candidates = selected_stories(self._db, TopicId(topic.id), since=since)
        items = topic.items or self._output.items
        selected = choose(candidates, min_sources=topic.min_sources, items=items)
        ids = [story.id for story in selected]
        own = self._own(topic)
        publication = Publication(
            mark=digest(own, self._told_with(selected)),
            own=own,
            chosen_at=self._now,
            holds_until=min(
                (story.updated + topic.max_age for story in selected if not story.pinned), default=None
            ),
        )
        return Plan(topic, ids, publication)

    def _told_with(self, selected: Sequence[Selected]) -> str:
        beside = related_stories(self._db, [story.id for story in selected])
        return " ".join(
            f"{row.id}:{row.changed}" for story in selected for row in (story, *beside.get(story.id, ()))
        )

    def _own(self, topic: TopicSettings) -> str:
        return digest(self._made_with, topic.model_dump_json())
