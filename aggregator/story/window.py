"""The active window: the stories that a new entry may join, and how to find those that are near it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import heappop, heappush, nlargest
from typing import Any

from aggregator.model import EntryId, Profile, StoryId
from aggregator.story.background import Background
from aggregator.story.likeness import Member, Sum, Weights, days_apart, include, keys, total, weigh

_LOOKUPS = 1500
"""How many times at most a new entry meets a story by a trait: the rarest traits are looked up first."""
_NEAR_BY_WORDS = 12
_NEAR_BY_MEANING = 8


class Group:
    """A story in the window: its original entries (copies add nothing), and their sum."""

    __slots__ = ("id", "is_fixed", "members", "row", "sum")

    def __init__(self, id: StoryId, members: list[Member], *, is_fixed: bool) -> None:
        self.id = id
        self.members = members
        self.is_fixed = is_fixed
        """An editor had the last word on what belongs to it: it takes new entries, but is not merged or split."""
        self.sum: Sum = total(members)
        self.row = -1


class Window:
    """Stories with an entry within `span` of the newest; older ones are let go.

    Words are weighed by how rare they are among the entries of the window.
    """

    def __init__(self, span: timedelta, weights: Weights) -> None:
        self.span = span
        self._days = span.total_seconds() / 86400
        self.weights = weights
        self.groups: dict[StoryId, Group] = {}
        self._postings: dict[str, dict[StoryId, None]] = {}
        self._background = Background()
        self._by_age: list[tuple[datetime, StoryId]] = []
        self._vectors = _Vectors()

    def learn(self, profile: Profile, language: str | None, vector: Any = None) -> None:
        """Take an entry into account in how rare words are and what vectors have in common."""
        self._background.learn(keys(profile), language, vector)

    def member(
        self, entry: EntryId, profile: Profile, *, dated: datetime, language: str | None, vector: Any = None
    ) -> Member:
        """The entry, which was learnt, as it is compared with those in the window."""
        if vector is not None:
            vector = self._background.centred(vector, language) * self.weights.meaning**0.5
        return Member(
            count=1,
            traits=weigh(profile, self.weights, self._background.rarity),
            vector=vector,
            languages=Counter([language]),
            length=profile.length,
            first=dated,
            last=dated,
            entry=entry,
        )

    def near(self, what: Sum, *, but: StoryId | None = None) -> list[Group]:
        """The stories that may be alike, by their rarest shared traits and by meaning."""
        met: dict[StoryId, float] = {}
        lookups = 0
        listed = [(len(self._postings[key]), key) for key in what.traits if key in self._postings]
        for count, key in sorted(listed):
            lookups += count
            if lookups > _LOOKUPS:
                break
            weight = what.traits[key]
            for id in self._postings[key]:
                known = self.groups[id].sum
                met[id] = met.get(id, 0.0) + weight * known.traits[key] / known.count
        ids = nlargest(_NEAR_BY_WORDS, met, key=lambda id: (met[id], id))
        if what.vector is not None:
            ids += self._vectors.nearest(what.vector, _NEAR_BY_MEANING)
        found = (self.groups[id] for id in dict.fromkeys(ids) if id != but)
        # An old entry that arrives late meets stories that began long after it
        return [group for group in found if days_apart(what, group.sum) <= self._days]

    def put(self, id: StoryId, members: list[Member], *, is_fixed: bool = False) -> Group:
        """Let the story hold these entries now, in place of those that it held."""
        self._drop(id)
        group = Group(id, members, is_fixed=is_fixed)
        self.groups[id] = group
        heappush(self._by_age, (group.sum.last, id))
        for key in group.sum.traits:
            self._postings.setdefault(key, {})[id] = None
        if group.sum.vector is not None:
            group.row = self._vectors.add(id, group.sum.vector / group.sum.count)
        return group

    def join(self, group: Group, member: Member) -> None:
        """Let the story hold one entry more."""
        group.members.append(member)
        if len(group.members) == 2:  # until now its sum was its only entry
            group.sum = total(group.members)
        else:
            include(group.sum, member)
        for key in member.traits:
            self._postings.setdefault(key, {})[group.id] = None
        if group.row >= 0:
            self._vectors.set(group.row, group.sum.vector / group.sum.count)
        elif group.sum.vector is not None:
            group.row = self._vectors.add(group.id, group.sum.vector / group.sum.count)

    def remove(self, id: StoryId) -> None:
        """The story is no more: its entries went to another."""
        self._drop(id)

    def _drop(self, id: StoryId) -> None:
        group = self.groups.pop(id, None)
        if group is None:
            return
        for key in group.sum.traits:
            posted = self._postings[key]
            del posted[id]
            if not posted:
                del self._postings[key]
        if group.row >= 0:
            self._vectors.remove(group.row)

    def forget(self, before: datetime) -> None:
        """Let go of the stories whose last entry is older."""
        while self._by_age and self._by_age[0][0] < before:
            _, id = heappop(self._by_age)
            group = self.groups.get(id)
            if group is None:
                continue
            if group.sum.last >= before:  # it took entries since
                heappush(self._by_age, (group.sum.last, id))
                continue
            self._drop(id)
            for member in group.members:
                self._background.forget(member.traits)


class _Vectors:
    """The mean vectors of the stories, one below the other."""

    def __init__(self) -> None:
        self._matrix: Any = None
        self._ids: list[StoryId | None] = []
        self._free: list[int] = []

    def add(self, id: StoryId, vector: Any) -> int:
        import numpy as np

        if self._matrix is None:
            self._matrix = np.zeros((256, len(vector)), np.float32)
        if self._free:
            row = self._free.pop()
            self._ids[row] = id
        else:
            row = len(self._ids)
            self._ids.append(id)
            if row == len(self._matrix):
                self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self._matrix[row] = vector
        return row

    def set(self, row: int, vector: Any) -> None:
        self._matrix[row] = vector

    def remove(self, row: int) -> None:
        self._ids[row] = None
        self._matrix[row] = 0
        self._free.append(row)

    def nearest(self, vector: Any, count: int) -> Iterable[StoryId]:
        import numpy as np

        used = len(self._ids)
        if not used:
            return []
        alike = self._matrix[:used] @ vector
        best = np.argpartition(-alike, min(count, used) - 1)[:count]
        ordered = sorted(
            (int(row) for row in best), key=lambda row: (-float(alike[row]), str(self._ids[row]))
        )
        return [id for row in ordered if (id := self._ids[row]) is not None and alike[row] > 0]
