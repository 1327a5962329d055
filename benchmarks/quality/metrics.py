"""Scores of groupings and selections against labels. Pure; linear in the items (and the groups they fall in).

Only labelled items count: those that `gold` names. Nothing claimed is precise (precision 1), nothing asked for
is complete (recall 1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """Shares between 0 and 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 when both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def counted(right: int, *, claimed: int, wanted: int) -> Score:
    """The score of `right` among what was `claimed` and what was `wanted`."""
    return Score(right / claimed if claimed else 1.0, right / wanted if wanted else 1.0)


def bcubed(gold: Mapping[str, str], groups: Mapping[str, str]) -> Score:
    """BCubed (Bagga and Baldwin 1998): precision and recall of each item's group, averaged over the items.

    Both map items to labels; KeyError when `groups` lacks an item of `gold`.
    """
    if not gold:
        return Score(1.0, 1.0)
    cells = Counter((label, groups[item]) for item, label in gold.items())
    labels, sizes = Counter(gold.values()), Counter(groups[item] for item in gold)
    precision = sum(n * n / sizes[group] for (_, group), n in cells.items())
    recall = sum(n * n / labels[label] for (label, _), n in cells.items())
    return Score(precision / len(gold), recall / len(gold))


def pairwise(gold: Mapping[str, str], groups: Mapping[str, str]) -> Score:
    """Pairs of items put together, against the pairs that belong together."""
    return counted(
        _pairs((label, groups[item]) for item, label in gold.items()),
        claimed=_pairs(groups[item] for item in gold),
        wanted=_pairs(gold.values()),
    )


def pairwise_across(gold: Mapping[str, str], groups: Mapping[str, str], kinds: Mapping[str, str]) -> Score:
    """The same over pairs of items that differ in kind (their language) alone."""

    def across(keys: Mapping[str, Hashable]) -> int:
        return _pairs(keys.values()) - _pairs((key, kinds[item]) for item, key in keys.items())

    return counted(
        across({item: (label, groups[item]) for item, label in gold.items()}),
        claimed=across({item: groups[item] for item in gold}),
        wanted=across(gold),
    )


def _pairs(keys: Iterable[Hashable]) -> int:
    """How many pairs have equal keys."""
    return sum(n * (n - 1) // 2 for n in Counter(keys).values())


def selection(gold: Mapping[str, Set[str]], selected: Mapping[str, Set[str]]) -> Score:
    """Micro-averaged over all (item, label): each item has any number of labels. Items not selected have none."""
    right = sum(len(labels & selected.get(item, frozenset())) for item, labels in gold.items())
    return counted(
        right,
        claimed=sum(len(selected.get(item, ())) for item in gold),
        wanted=sum(len(labels) for labels in gold.values()),
    )


def repeats(gold: Mapping[str, str], duplicate_of: Mapping[str, str | None]) -> Score:
    """Items flagged as duplicates; `gold` names what each is a copy of, in time order, its first item the original.

    A flag is right when it points at an item with the same label. Wanted is every item but the first of a label.
    """
    flags = {item: original for item in gold if (original := duplicate_of[item]) is not None}
    right = sum(gold[item] == gold.get(original) for item, original in flags.items())
    return counted(right, claimed=len(flags), wanted=len(gold) - len(set(gold.values())))
