"""Which story a new entry belongs to: join one, or start one; and what that means for the stories around it.

Online average linkage: an entry joins the story to whose entries it is most alike on average, if enough. That may
show that two stories are one, that one holds two events, or that an entry fits another story better: the few stories
that are near the new entry are put together anew, entry by entry.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from aggregator.model import EntryId, SourceId, StoryId
from aggregator.story.likeness import Evidence, Member, Weights, evidence, kinship, likeness, may_join, total
from aggregator.story.window import Group, Window

_DOUBT = 0.1
"""A story that is so much less than enough like a new entry is thought about all the same."""
_AKIN = 0.25
"""Kinship from which the story that an entry starts is related to another one: what it follows up."""
_NEIGHBOURS = 4
"""Other stories at most that are put together anew with the one that took an entry."""
_RETHOUGHT = 24
"""Entries at most that are put together anew: a larger story only grows and merges."""
_WITNESSES = 12
"""Entries of a story among which the closest to a new one is looked for: the latest."""


@dataclass(frozen=True, slots=True)
class Move:
    """Originals that leave a story for another one."""

    story: StoryId
    into: StoryId
    entries: tuple[EntryId, ...]


@dataclass(slots=True)
class Placement:
    """What the arrival of an entry means: where it goes, and how the stories around it change then, in this order."""

    joined: StoryId
    """The story that it joined or started."""
    moves: list[Move] = field(default_factory=list)
    merged: list[tuple[StoryId, StoryId]] = field(default_factory=list)
    """The story that is no more, and the one that holds what entries it still had."""
    related: list[StoryId] = field(default_factory=list)
    """Stories that the one which the entry starts is near to: what it may follow up."""
    reasons: dict[EntryId, tuple[EntryId, Evidence]] = field(default_factory=dict)
    """Of each entry that came into another's story: the one that it is closest to there, and why."""


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
    placement = _place(window, member, ranked, own, split_off)
    if placement.joined == own:
        placement.related += (
            group.id
            for _, group in ranked
            if group.id in window.groups and kinship(member, group.sum) >= _AKIN
        )
    return placement


def _place(
    window: Window,
    member: Member,
    ranked: Sequence[tuple[float, Group]],
    own: StoryId,
    split_off: Callable[[StoryId, EntryId], StoryId],
) -> Placement:
    home = next((group for alike, group in ranked if _is_home(member, group, alike, window.weights)), None)
    if home is not None and home.is_fixed:
        return _settle(window, member, home, own)
    least = window.weights.enough - _DOUBT
    near = [group for alike, group in ranked if alike >= least and group is not home and not group.is_fixed]
    groups = [home] if home is not None else []
    for group in near[:_NEIGHBOURS]:
        if sum(map(len, groups)) + len(group) < _RETHOUGHT:
            groups.append(group)
    held = sum(map(len, groups))
    if held < (2 if home is not None else 1):
        return _settle(window, member, home, own)
    if held >= _RETHOUGHT:
        placement = _settle(window, member, home, own)
        _merge(window, window.groups[placement.joined], near, placement)
        return placement
    members = sorted((*(known for group in groups for known in group.members), member), key=_age)
    parts = agglomerate(members, window.weights)
    before = {frozenset(group.members) for group in groups}
    if all(part == [member] or frozenset(part) - {member} in before for part in parts):
        joined = next(part for part in parts if member in part)
        return _settle(window, member, next((g for g in groups if g.members[0] in joined), None), own)
    return _rearrange(window, member, groups, parts, own, split_off)


def _is_home(member: Member, group: Group, alike: float, weights: Weights) -> bool:
    return alike >= weights.enough and may_join(member, group.sum, weights)


def _settle(window: Window, member: Member, home: Group | None, own: StoryId) -> Placement:
    member.since = window.now
    if home is None:
        window.put(own, [member])
        return Placement(own)
    placement = Placement(home.id, reasons={member.entry: _reason(window, member, home.members)})
    window.join(home, member)
    return placement


def _reason(window: Window, member: Member, others: Sequence[Member]) -> tuple[EntryId, Evidence]:
    closest = max(others[-_WITNESSES:], key=lambda known: likeness(member, known, window.weights))
    return closest.entry, evidence(member, closest, window.weights)


def _merge(window: Window, home: Group, near: Sequence[Group], placement: Placement) -> None:
    """Let the story and those near it become one for as long as two of them are alike enough."""
    others = list(near)
    while others:
        alike, other = max(
            ((likeness(home.sum, other.sum, window.weights), other) for other in others),
            key=lambda pair: (pair[0], pair[1].id),
        )
        if alike < window.weights.enough:
            return
        kept, gone = sorted((home, other), key=_seniority)
        others.remove(other)
        window.remove(gone.id)
        for known in gone.members:
            known.since = window.now
        home = window.put(kept.id, sorted((*kept.members, *gone.members), key=_age))
        placement.merged.append((gone.id, kept.id))


def _rearrange(
    window: Window,
    member: Member,
    groups: Sequence[Group],
    parts: Sequence[list[Member]],
    own: StoryId,
    split_off: Callable[[StoryId, EntryId], StoryId],
) -> Placement:
    """Make the parts the stories, and say how that changes those that were."""
    was = {known: group.id for group in groups for known in group.members}
    shares = _shares(groups, parts, window.now)
    names = _inherited(groups, shares)
    heirs = {group.id: shares[group.id] for group in groups if group.id not in names.values()}
    for at, part in enumerate(parts):
        if at not in names:
            names[at] = own if member in part else split_off(was[part[0]], part[0].entry)
    placement = Placement(next(names[at] for at, part in enumerate(parts) if member in part))
    for gone, share in heirs.items():
        window.remove(gone)
        placement.merged.append((gone, names[share.index(max(share))]))
    merged = dict(placement.merged)
    for at, part in enumerate(parts):
        window.put(names[at], part)
        for comer in (known for known in part if was.get(known) != names[at]):
            comer.since = window.now
            if len(part) > 1:
                placement.reasons[comer.entry] = _reason(
                    window, comer, [one for one in part if one is not comer]
                )
        for group in groups:
            moved = tuple(known.entry for known in part if was.get(known) == group.id)
            if moved and names[at] not in (group.id, merged.get(group.id)):
                placement.moves.append(Move(group.id, names[at], moved))
    return placement


def _shares(
    groups: Sequence[Group], parts: Sequence[list[Member]], now: datetime
) -> dict[StoryId, list[int]]:
    """How much of each story every part has.

    Of a story that readers know only what they know of it counts: its id never comes to name something else.
    """
    shares = {}
    for group in groups:
        counted = {known for known in group.members if known.since != now} or {*group.members}
        shares[group.id] = [len(counted & {*part}) for part in parts]
    return shares


def _inherited(groups: Sequence[Group], shares: Mapping[StoryId, list[int]]) -> dict[int, StoryId]:
    """Which parts get the id of a story: the older a story is, the sooner its id goes to the part with most of it."""
    names: dict[int, StoryId] = {}
    for group in sorted(groups, key=_seniority):
        share = shares[group.id]
        free = [at for at, count in enumerate(share) if count and at not in names]
        if free:
            names[max(free, key=share.__getitem__)] = group.id
    return names


def _seniority(group: Group) -> tuple[datetime, datetime, StoryId]:
    # Not by their first entries alone: an older one may come late, and readers know the story by its id
    return group.began, group.sum.first, group.id


def _age(member: Member) -> datetime:
    # Of the same time in the order of their arrival in the window, not of ids: those depend on who answered first
    return member.first


def agglomerate(members: Sequence[Member], weights: Weights) -> list[list[Member]]:
    """The groups when the two most alike are put together for as long as they are alike enough.

    In each the members keep their order, and the groups have that of their first members.
    """
    groups: dict[int, list[int]] = {at: [at] for at in range(len(members))}
    alike: dict[tuple[int, int], float] = {}
    for j, other in enumerate(members):
        for i in range(j):
            alike[i, j] = _alike(members[i], other, weights)
    apart: set[tuple[int, int]] = set()
    while pair := max((pair for pair in alike if pair not in apart), key=alike.__getitem__, default=None):
        if alike[pair] < weights.enough:
            break
        i, j = pair
        here, there = total([members[at] for at in groups[i]]), total([members[at] for at in groups[j]])
        if not may_join(here, there, weights):
            apart.add(pair)
            continue
        del alike[pair]
        for k in groups:
            if k not in (i, j):
                ik, jk = (min(i, k), max(i, k)), (min(j, k), max(j, k))
                of_j = alike.pop(jk) * len(groups[j])
                alike[ik] = (alike[ik] * len(groups[i]) + of_j) / (len(groups[i]) + len(groups[j]))
        groups[i] += groups.pop(j)
        apart = {two for two in apart if i not in two and j not in two}
    return [[members[at] for at in sorted(group)] for group in groups.values()]


def _alike(one: Member, other: Member, weights: Weights) -> float:
    known = one.alike.get(other.entry)
    if known is None:
        known = one.alike[other.entry] = likeness(one, other, weights)
    return known
