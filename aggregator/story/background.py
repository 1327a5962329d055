"""What is common in the window: how rare a word is, and what all texts of a language have in their vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import log
from typing import Any

_DOUBT = 20
"""So many entries of a language say as much of its mean as knowing nothing: the mean is 0 at first."""


class Background:
    """Counts of traits and means of vectors, of the entries that were learnt."""

    def __init__(self) -> None:
        self._entries = 0
        self._seen: Counter[str] = Counter()
        self._sums: dict[str | None, Any] = {}
        self._count: Counter[str | None] = Counter()

    def learn(self, traits: Iterable[str], language: str | None, vector: Any) -> None:
        """Take an entry into account."""
        self._entries += 1
        self._seen.update(traits)
        if vector is not None:
            self._count[language] += 1
            self._sums[language] = self._sums.get(language, 0.0) + vector

    def forget(self, traits: Iterable[str]) -> None:
        """An entry left the window: its words are rarer now."""
        self._entries -= 1
        for trait in traits:
            self._seen[trait] -= 1
            if self._seen[trait] <= 0:
                del self._seen[trait]

    def rarity(self, trait: str) -> float:
        """How telling a trait is: the logarithm of how rare it is."""
        return log(1 + max(self._entries, 1) / (self._seen[trait] or 1))

    def centred(self, vector: Any, language: str | None) -> Any:
        """The vector less what it has in common with all of its language, of length 1 again."""
        if language in self._sums:
            vector = vector - self._sums[language] / (self._count[language] + _DOUBT)
        length = float(vector @ vector) ** 0.5
        return vector / length if length else vector
