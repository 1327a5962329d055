"""What is common in the window: how rare a word is, and what all texts of a language have in their vectors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import log
from typing import Any

_DOUBT = 20
"""So many entries of a language say as much of its mean as knowing nothing: the mean is 0 at first."""


_QUARTER = 6 * 3600
_CROWD = 500
"""So many entries in two days are a crowd: that there are more does not make more of them alike."""
_QUIET = 25
"""So few are as good as none."""


class Background:
    """Counts of traits, means of vectors and how much goes on when: of the entries learnt and not forgotten since."""

    def __init__(self) -> None:
        self.entries = 0
        self._seen: dict[str, int] = {}
        self._sums: dict[str | None, Any] = {}
        self._count: dict[str | None, int] = {}
        self._when: dict[int, int] = {}
        """How many entries each quarter of a day has."""

    def learn(self, traits: Iterable[str], dated: datetime, language: str | None, vector: Any) -> None:
        """Take an entry into account; `vector` is an array of float16 or None."""
        self.entries += 1
        quarter = _quarter(dated)
        self._when[quarter] = self._when.get(quarter, 0) + 1
        seen = self._seen
        for trait in traits:
            seen[trait] = seen.get(trait, 0) + 1
        if vector is not None:
            # In float64 the sum of a million float16 of at most 1 is exact: forgetting undoes learning
            self._sums[language] = self._sums.get(language, 0.0) + vector.astype(float)
            self._count[language] = self._count.get(language, 0) + 1

    def forget(self, traits: Iterable[str], dated: datetime, language: str | None, vector: Any) -> None:
        """Undo `learn` of an entry that left the window."""
        self.entries -= 1
        quarter = _quarter(dated)
        self._when[quarter] -= 1
        if not self._when[quarter]:
            del self._when[quarter]
        for trait in traits:
            left = self._seen[trait] - 1
            if left:
                self._seen[trait] = left
            else:
                del self._seen[trait]
        if vector is not None:
            self._sums[language] = self._sums[language] - vector.astype(float)
            self._count[language] -= 1
            if not self._count[language]:
                del self._count[language], self._sums[language]

    def rarities(self, traits: Iterable[str]) -> list[float]:
        """How telling each of these is: the logarithm of how rare it is."""
        seen, entries = self._seen, self.entries or 1
        return [log(1 + entries / seen.get(trait, 1)) for trait in traits]

    def quiet(self, dated: datetime) -> float:
        """How little goes on within a day of this: the logarithm of how much less than in a crowd, 0 in one."""
        quarter = _quarter(dated)
        count = sum(self._when.get(near, 0) for near in range(quarter - 4, quarter + 5))
        return log(_CROWD / min(max(count, _QUIET), _CROWD))

    def centred(self, vector: Any, language: str | None) -> Any:
        """The vector less what it has in common with all of its language, of length 1 again, as float32."""
        vector = vector.astype(float)
        if language in self._sums:
            vector -= self._sums[language] / (self._count[language] + _DOUBT)
        length = float(vector @ vector) ** 0.5
        return (vector / length if length else vector).astype("float32")


def _quarter(dated: datetime) -> int:
    return int(dated.timestamp() // _QUARTER)
