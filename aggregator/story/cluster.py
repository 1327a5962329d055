"""Which story a new entry belongs to: join one, or start one; and what that means for the stories around it.

Online average linkage: an entry joins the story to whose entries it is most alike on average, if enough. A story that
has grown may turn out to be one with another (they merge) or to hold two events (it splits).
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from aggregator.model import EntryId, SourceId, StoryId
from aggregator.story.likeness import Evidence, Member, Sum, Weights, evidence, likeness, total
from aggregator.story.window import Group, Window

_LOOKED_AT_SIZES = frozenset((3, 4, 5, 6, 8, 10, 12, 16, 20, 26, 34))
"""A story is looked at for two events when it has grown to one of these sizes; a large one stays as it is."""
_SPLIT_BELOW = 0.03
"""How much less than enough the two halves of a story are alike when it splits: stories do not flicker."""
_WITNESSES = 12
"""Entries of a story among which the closest to a new one is looked for: the latest."""


@dataclass(frozen=True, slots=True)
class Split:
    """Entries that leave a story and make one of their own."""

    story: StoryId
    made: StoryId
    entries: tuple[EntryId, ...]


@dataclass(slots=True)
class Placement:
    """What the arrival of an entry means: where it goes, and which stories merge or split with it."""

    joined: StoryId
    """The story that it joined or started, before that merged or split."""
    story: StoryId
    closest: EntryId | None = None
    evidence: Evidence | None = None
    merged: list[tuple[StoryId, StoryId]] = field(default_factory=list)
    """The story that is no more, and the one that holds its entries now."""
    split: Split | None = None


def founded_by(source: SourceId, identity: str) -> StoryId:
    """The id of the story that this entry starts: the same at every run on the same data."""
    return _story_id(source, identity)


def split_from(story: StoryId, version: int, entries: Sequence[EntryId | StoryId]) -> StoryId:
    """The id of a story that these entries make when they leave `story`, another one each time."""
    return _story_id(story, "split", str(version), *(str(id) for id in entries))


def _story_id(*seed: str) -> StoryId:
    # 16 letters and digits, 80 bits: among a billion stories two meet with a chance of 1 in 2,400,000
    data = "\n".join(seed).encode("utf-8", "surrogatepass")
    return StoryId(b32encode(blake2b(data, digest_size=10).digest()).decode().lower())


def place(
    window: Window, member: Member, *, own: StoryId, split_off: Callable[[StoryId, EntryId], StoryId]
) -> Placement:
    """Find the story of an entry and put it there.

    `own` is the id of the story that it would start; `split_off` yields an id never used before for
    entries that leave a story, of which the entry given is the first.
    """
    ranked = sorted(
        ((likeness(member, group.sum, window.weights), group) for group in window.near(member)),
        key=lambda pair: (-pair[0], pair[1].sum.first, pair[1].id),
    )
    if not ranked or ranked[0][0] < window.weights.enough:
        window.put(own, [member])
        return Placement(own, own)
    group = ranked[0][1]
    closest = max(group.members[-_WITNESSES:], key=lambda known: likeness(member, known, window.weights))
    placement = Placement(
        group.id,
        group.id,
        closest=closest.entry,
        evidence=evidence(member, closest, window.weights),
    )
    window.join(group, member)
    _merge(window, group, placement)
    _split(window, window.groups[placement.story], placement, split_off)
    return placement


def _merge(window: Window, group: Group, placement: Placement) -> None:
    """Let the story and those near it become one for as long as two of them are alike enough."""
    while not group.is_fixed:
        others = [
            (likeness(group.sum, other.sum, window.weights), other)
            for other in window.near(group.members[-1], but=group.id)
            if not other.is_fixed
        ]
        best = max(others, key=lambda pair: (pair[0], pair[1].id), default=None)
        if best is None or best[0] < window.weights.enough:
            return
        # Not by their first entries: an older one may come late, and readers know the story by its id
        kept, gone = sorted((group, best[1]), key=lambda one: (one.began, one.sum.first, one.id))
        window.remove(gone.id)
        group = window.put(kept.id, [*kept.members, *gone.members])
        placement.merged.append((gone.id, kept.id))
        placement.story = kept.id


def _split(
    window: Window, group: Group, placement: Placement, split_off: Callable[[StoryId, EntryId], StoryId]
) -> None:
    if group.is_fixed or len(group.members) not in _LOOKED_AT_SIZES:
        return
    one, other, alike = halves(group.members, window.weights)
    if alike >= window.weights.enough - _SPLIT_BELOW:
        return
    staying, leaving = sorted((one, other), key=lambda half: min(map(_age, half)))
    leaving.sort(key=_age)
    made = split_off(group.id, leaving[0].entry)
    window.put(group.id, sorted(staying, key=_age))
    window.put(made, leaving)
    placement.split = Split(group.id, made, tuple(member.entry for member in leaving))


def _age(member: Member) -> datetime:
    # Of the same time in the order of their arrival in the window, not of ids: those depend on who answered first
    return member.first


def halves(members: Sequence[Member], weights: Weights) -> tuple[list[Member], list[Member], float]:
    """The last two groups when the most alike are put together again and again, and how alike they are."""
    groups: list[tuple[list[Member], Sum]] = [([member], total([member])) for member in members]
    alike = {
        (i, j): likeness(groups[i][1], groups[j][1], weights)
        for i in range(len(groups))
        for j in range(i + 1, len(groups))
    }
    while len(alike) > 1:
        i, j = max(alike, key=lambda pair: alike[pair])
        held, whole = [*groups[i][0], *groups[j][0]], total([groups[i][1], groups[j][1]])
        groups.append((held, whole))
        alive = {index for pair in alike for index in pair} - {i, j}
        alike = {pair: value for pair, value in alike.items() if not {i, j} & set(pair)}
        made = len(groups) - 1
        alike |= {(index, made): likeness(groups[index][1], whole, weights) for index in sorted(alive)}
    ((i, j), value) = next(iter(alike.items()))
    return groups[i][0], groups[j][0], value
