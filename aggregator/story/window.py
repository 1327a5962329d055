"""The active window: the stories that a new entry may join, and how to find those that are near it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from typing import Any

from aggregator.model import EntryId, Profile, SourceId, StoryId
from aggregator.story.background import Background
from aggregator.story.likeness import Member, Sum, Weights, days_apart, include, keys, total, weigh

_LOOKUPS = 200
"""How many times at most a new entry meets a story by a trait: the rarest traits are looked up first. Stories are the
same with 200 as with 1,500."""
_NEAR_BY_WORDS = 12
_NEAR_BY_MEANING = 8
_HALFWAY = 0.5
"""By words alone: a story whose rarest shared traits bring so little of what they must bring is no candidate."""
_RANKED = 3
"""So many times more are ranked: some may be too long ago, or begin too late."""

_FULL = 15
"""Times the length of a profile: a text of a hundred characters counts in full."""

_TRAIT_BYTES = 125
_KEY_BYTES = 230
_DIMENSION_BYTES = 11
"""Of memory for each trait of an entry, each different trait and each dimension of a vector, as tracemalloc finds."""


class Group:
    """A story in the window: its original entries (copies add nothing), and their sum."""

    __slots__ = ("began", "id", "is_fixed", "members", "row", "sum")

    def __init__(self, id: StoryId, members: list[Member], *, is_fixed: bool, began: datetime) -> None:
        self.id = id
        self.members = members
        self.is_fixed = is_fixed
        """An editor had the last word on what belongs to it: it takes new entries, but is not merged or split."""
        self.began = began
        """The pass that made it: of two stories that merge the one that readers knew first keeps its id."""
        self.sum: Sum = total(members)
        self.row = -1

    def __len__(self) -> int:
        return len(self.members)


class Window:
    """Stories with an entry within `span` of the newest; older ones are let go.

    Words are weighed by how rare they are among the entries of the window.
    """

    def __init__(self, span: timedelta, weights: Weights) -> None:
        self.span = span
        self._days = span.total_seconds() / 86400
        self.weights = weights
        self.now = datetime.min.replace(tzinfo=UTC)
        """The present pass: stories that are made now began then."""
        self.groups: dict[StoryId, Group] = {}
        self.entries = 0
        self.background = Background()
        self._postings: dict[str, dict[StoryId, float]] = {}
        """Trait → the stories that have it, and what it weighs in the sum of each."""
        self._several: dict[StoryId, int] = {}
        """How many entries the stories have that have more than one."""
        self._by_age: list[tuple[datetime, StoryId]] = []
        self._vectors = _Vectors()
        self._learnt: dict[EntryId, Any] = {}
        """The vectors as they were learnt, to be forgotten again."""
        self._met: tuple[Sum, list[StoryId]] | None = None

    def learn(self, profile: Profile, *, dated: datetime, language: str | None, vector: Any = None) -> None:
        """Take an entry into account in how rare words are, what vectors have in common and how much goes on.

        The story that it is put into, and then lets go, takes this back.
        """
        self.background.learn(keys(profile), dated, language, vector)

    def member(
        self,
        entry: EntryId,
        profile: Profile,
        *,
        source: SourceId,
        dated: datetime,
        language: str | None,
        vector: Any = None,
    ) -> Member:
        """The entry, which was learnt, as it is compared with those in the window."""
        if vector is not None:
            self._learnt[entry] = vector
            vector = self.background.centred(vector, language) * self.weights.meaning**0.5
        text = min(profile.length * _FULL, 1.0)
        return Member(
            count=1,
            traits=weigh(profile, self.weights, self.background.rarities),
            vector=vector,
            languages=Counter([language] if language else []),
            text=text,
            asked=text * (self.weights.text - self.weights.quiet * self.background.quiet(dated)),
            first=dated,
            last=dated,
            source=source,
            entry=entry,
        )

    def near(self, what: Sum, *, but: StoryId | None = None) -> list[Group]:
        """The stories that may be alike, by their rarest shared traits and by meaning."""
        # Asked for twice when an entry joins: the second time for what its story may merge with
        if self._met is None or self._met[0] is not what:
            ids = self._near_by_words(what)
            if what.vector is not None:
                found = self._vectors.nearest(what.vector, _RANKED * _NEAR_BY_MEANING)
                ids += self._in_reach(found, what, _NEAR_BY_MEANING)
            self._met = (what, list(dict.fromkeys(ids)))
        return [self.groups[id] for id in self._met[1] if id != but]

    def _near_by_words(self, what: Sum) -> list[StoryId]:
        met: defaultdict[StoryId, float] = defaultdict(float)
        lookups = 0
        postings, traits = self._postings, what.traits
        for count, key in sorted([(len(postings[key]), key) for key in traits if key in postings]):
            lookups += count
            if lookups > _LOOKUPS:
                break
            weight = traits[key]
            for id, value in postings[key].items():
                met[id] += weight * value
        for id in self._several.keys() & met.keys():
            met[id] /= self._several[id]
        wanted = self.weights.enough - self.weights.across + what.asked / what.count
        least = 0.0 if what.vector is not None else _HALFWAY * wanted
        best = sorted([(value, id) for id, value in met.items() if value >= least], reverse=True)
        return self._in_reach((id for _, id in best[: _RANKED * _NEAR_BY_WORDS]), what, _NEAR_BY_WORDS)

    def _in_reach(self, ids: Iterable[StoryId], what: Sum, most: int) -> list[StoryId]:
        # An old entry that arrives late meets stories that began long after it
        reached = (id for id in ids if days_apart(what, self.groups[id].sum) <= self._days)
        return list(islice(reached, most))

    def put(
        self, id: StoryId, members: list[Member], *, is_fixed: bool = False, began: datetime | None = None
    ) -> Group:
        """Let the story hold these entries now, in place of those that it held."""
        old = self._drop(id)
        self._met = None
        group = Group(id, members, is_fixed=is_fixed, began=began or (old.began if old else self.now))
        self.groups[id] = group
        self.entries += len(members)
        if len(members) > 1:
            self._several[id] = len(members)
        heappush(self._by_age, (group.sum.last, id))
        for key, value in group.sum.traits.items():
            self._postings.setdefault(key, {})[id] = value
        if group.sum.vector is not None:
            group.row = self._vectors.add(id, group.sum.vector / group.sum.count)
        return group

    def join(self, group: Group, member: Member) -> None:
        """Let the story hold one entry more."""
        group.members.append(member)
        self.entries += 1
        self._several[group.id] = len(group.members)
        if len(group.members) == 2:  # until now its sum was its only entry
            group.sum = total(group.members)
        else:
            include(group.sum, member)
        for key in member.traits:
            self._postings.setdefault(key, {})[group.id] = group.sum.traits[key]
        if group.row >= 0:
            self._vectors.set(group.row, group.sum.vector / group.sum.count)
        elif group.sum.vector is not None:
            group.row = self._vectors.add(group.id, group.sum.vector / group.sum.count)

    def remove(self, id: StoryId) -> None:
        """The story is no more: its entries went to another."""
        self._drop(id)

    def _drop(self, id: StoryId) -> Group | None:
        group = self.groups.pop(id, None)
        if group is None:
            return None
        self._met = None
        self.entries -= len(group.members)
        self._several.pop(id, None)
        for key in group.sum.traits:
            posted = self._postings[key]
            del posted[id]
            if not posted:
                del self._postings[key]
        if group.row >= 0:
            self._vectors.remove(group.row)
        return group

    def forget(self, before: datetime) -> None:
        """Let go of the stories whose last entry is older."""
        while self._by_age and self._by_age[0][0] < before:
            self._let_go_of_oldest(before)

    def shrink(self, most: int) -> None:
        """Let go of the stories that are the longest without an entry, until at most so many entries are held."""
        while self.entries > most:
            self._let_go_of_oldest(self._by_age[0][0] + timedelta.resolution)

    def _let_go_of_oldest(self, before: datetime) -> None:
        _, id = heappop(self._by_age)
        group = self.groups.get(id)
        if group is None:
            return
        if group.sum.last >= before:  # it took entries since
            heappush(self._by_age, (group.sum.last, id))
            return
        self._drop(id)
        for member in group.members:
            language = next(iter(member.languages), None)
            self.background.forget(
                member.traits, member.first, language, self._learnt.pop(member.entry, None)
            )

    def bytes(self) -> int:
        """About how much memory the window takes."""
        traits = sum(len(member.traits) for group in self.groups.values() for member in group.members)
        dimensions = sum(map(len, self._learnt.values()))
        return traits * _TRAIT_BYTES + len(self._postings) * _KEY_BYTES + dimensions * _DIMENSION_BYTES


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
