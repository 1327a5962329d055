"""Which stored text a new one repeats: retitled, wrapped in boilerplate, cut, lightly edited, or its beginning.

A text is known by hashes of its shingles, runs of three words. Of a long text only the lowest are kept. Two
texts kept all of theirs up to the lower one of their highest hashes; there the share of common ones estimates
the share of common text (bottom-k sketches, Broder 1997).
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush, nsmallest
from itertools import chain, repeat
from typing import NamedTuple, NewType
from zlib import crc32

from aggregator.text.fold import words

Sketch = NewType("Sketch", bytes)
"""What make_sketch says of a text, to be stored and compared only; empty when the text says too little."""

_FEWEST_WORDS = 8
_FEWEST_BYTES = 32
_TELLING_BYTES = 48
"""Texts shorter than this are alike by chance: they are compared under the same title only. Bytes of UTF-8
without spaces: a word of Korean or Ukrainian says more than one of English, and has more of them."""
_LONGEST = 20_000
"""Characters looked at."""

_BODY = 128
"""Hashes kept of a whole text."""
_HEAD_WORDS = 128
_HEAD = 48
"""Hashes kept of the beginning of a text that is longer than that."""

_ALIKE = 0.55
"""Share of the shorter text that a copy and its original have in common. With one word in seven changed, 0.63
of the shingles stay."""
_FEWEST_COMMON = 5
_ALIKE_NUMBERS = 0.4
"""The same of shingles with a number in them. Reports made from one form, such as a bank's rates or a bond's
terms, agree in all but these and the names."""
_FEWEST_NUMBERS = 8
_NEARLY = 0.8
"""An older text that agrees so much less than the best one may still be the original."""
_CUT = 3.0
"""A cut copy is so many times shorter at most. What is shorter still repeats a text only where that begins:
a teaser does, a wire brief quoted in an analysis does not."""
_VERBATIM = 0.8

_POSTED = 16
"""Hashes of a stored text, and of its head, by which it is found: the lowest."""
_ASKED = 40
"""Hashes of a new text that are looked for; more, since the stored one may be its cut copy."""
_BOILERPLATE = 16
"""A shingle of so many texts that are no copies of each other belongs to none of them."""
_LONGEST_POSTING = 64
"""The newest texts of a shingle that are kept, so that boilerplate stays known as such when old texts go."""
_FEWEST_HITS = 3
"""One or two shingles in common are idioms. Of a short text few are among those by which others are found."""
_FEWEST_HITS_OF_SHORT = 2
_SHORT = 48
_CANDIDATES = 6

_HASHES = 1 << 32
_NINE = ord("9")
_SPACED = bytes(byte if chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(256))
_CLAUSE = 8
"""Letters without a space that are more than a word."""
# Thai, Lao, Burmese, Khmer, kana and Han: no spaces between words
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)


def make_sketch(title: str, text: str) -> Sketch:
    """At most 177 numbers of 4 bytes, by which copies of the text are found. The same in every process.

    The title counts for short texts only, since copies get other headlines.
    """
    tokens = _tokens(text[:_LONGEST])
    length = sum(map(len, tokens[:_TELLING_BYTES]))  # of a long text as much as it takes to be telling
    if len(tokens) < _FEWEST_WORDS or length < _FEWEST_BYTES:
        return Sketch(b"")
    salt = 0 if length >= _TELLING_BYTES else crc32(b" ".join(_tokens(title)))
    shingles = list(
        map(crc32, map(b" ".join, zip(tokens, tokens[1:], tokens[2:], strict=False)), repeat(salt))
    )
    numbered: set[int] = set()
    for place in [place for place, token in enumerate(tokens) if token[0] <= _NINE]:
        numbered.update(shingles[max(0, place - 2) : place + 1])
    body = _lowest(shingles, _BODY, numbered)
    head = _lowest(shingles[:_HEAD_WORDS], _HEAD, numbered) if len(shingles) > _HEAD_WORDS else []
    return Sketch(struct.pack(f"<{1 + len(body) + len(head)}I", len(body), *body, *head))


def _lowest(shingles: Iterable[int], count: int, numbered: set[int]) -> list[int]:
    """The lowest hashes, sorted; an odd one has a number in it."""
    lowest = sorted(set(shingles))[:count]
    return sorted({shingle | 1 if shingle in numbered else shingle & ~1 for shingle in lowest})


def _tokens(text: str) -> list[bytes]:
    if text.isascii():  # a fifth of the time
        return text.lower().encode().translate(_SPACED).split()
    found: Iterable[str] = words(text)
    if _UNSPACED.search(text):
        found = chain.from_iterable(map(_pieces, found))
    return " ".join(found).encode("utf-8", "surrogatepass").split()


def _pieces(word: str) -> Iterable[str]:
    """The word, or every three neighbouring letters of a clause written without spaces."""
    if len(word) < _CLAUSE or not _UNSPACED.search(word):
        return (word,)
    return (word[i : i + 3] for i in range(len(word) - 2))


class SketchIndex:
    """The texts of some days, by their sketches. Memory and look-ups depend on nothing older."""

    def __init__(self, window: timedelta) -> None:
        """`window`: texts further apart than this are never taken for copies."""
        self._window = window
        self._stored: dict[int, tuple[datetime, Sketch]] = {}
        self._by_age: list[tuple[datetime, int]] = []
        self._postings: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def copied_by(self, sketch: Sketch, at: datetime) -> int | None:
        """The key of the stored text that the one with this sketch, of this time, repeats.

        Of several that agree about as well the oldest; whether the new text or the stored one is the longer
        makes no difference.
        """
        if not sketch:
            return None
        new = _unpack(sketch)
        shares = {}
        for key in self._candidates(new):
            stored_at, stored = self._stored[key]
            if abs(at - stored_at) <= self._window and (share := _common_share(new, _unpack(stored))):
                shares[stored_at, key] = share
        enough = _NEARLY * max(shares.values(), default=0.0)
        return min((found for found, share in shares.items() if share >= enough), default=(at, None))[1]

    def _candidates(self, new: _Shingles) -> list[int]:
        asked = {*new.body[:_ASKED], *new.head[:_ASKED]}
        found = [posting for posting in map(self._postings.get, asked) if posting]
        telling = [posting for posting in found if len(posting) < _BOILERPLATE]
        hits = Counter(chain.from_iterable(telling))
        # The rarer shingles of boilerplate are not known as such: the more of it, the less a hit says
        fewest = max(
            _FEWEST_HITS if len(new.body) > _SHORT else _FEWEST_HITS_OF_SHORT,
            (len(found) - len(telling)) / 2,
        )
        common = [key for key, count in hits.items() if count >= fewest]
        return nsmallest(_CANDIDATES, common, key=lambda key: (-hits[key], self._stored[key][0], key))

    def add(self, key: int, at: datetime, sketch: Sketch, original: int | None = None) -> None:
        """Take in a text, in place of an earlier one of this key. `original`: what `copied_by` said of it.

        What repeats all of its original needs no place beside it: who copies the one copies the other.
        """
        self._remove(key)
        if not sketch:
            return
        new = _unpack(sketch)
        if original in self._stored and _is_verbatim(new, _unpack(self._stored[original][1])):
            return
        self._stored[key] = (at, sketch)
        heappush(self._by_age, (at, key))
        for shingle in _posted(new):
            posting = self._postings.setdefault(shingle, [])
            if len(posting) == _LONGEST_POSTING:
                del posting[0]
            posting.append(key)

    def forget(self, before: datetime) -> None:
        """Drop the texts that are older than this."""
        while self._by_age and self._by_age[0][0] < before:
            at, key = heappop(self._by_age)
            if key in self._stored and self._stored[key][0] == at:
                self._remove(key)

    def _remove(self, key: int) -> None:
        if key not in self._stored:
            return
        for shingle in _posted(_unpack(self._stored.pop(key)[1])):
            posting = self._postings.get(shingle, [])
            if key in posting:
                posting.remove(key)
            if not posting:
                self._postings.pop(shingle, None)


class _Shingles(NamedTuple):
    """Sorted hashes; all there are when fewer than _BODY and _HEAD. No `head`: the body is no longer."""

    body: Sequence[int]
    head: Sequence[int]

    @property
    def length(self) -> float:
        """How many there are in the text, estimated where not all were kept."""
        return len(self.body) if len(self.body) < _BODY else _BODY * _HASHES / (self.body[-1] + 1)


def _unpack(sketch: Sketch) -> _Shingles:
    count, *numbers = struct.unpack(f"<{len(sketch) // 4}I", sketch)
    return _Shingles(numbers[:count], numbers[count:])


def _posted(shingles: _Shingles) -> set[int]:
    return {*shingles.body[:_POSTED], *shingles.head[:_POSTED]}


def _common_share(one: _Shingles, other: _Shingles) -> float:
    """The share of the shorter text that both have; 0 when neither is a copy of the other."""
    shorter, longer = (one, other) if one.length <= other.length else (other, one)
    if longer.head and longer.length > _CUT * shorter.length:
        a, b = _comparable(shorter.body, longer.head, longer_bound=_HEAD)
    else:
        a, b = _comparable(shorter.body, longer.body, longer_bound=_BODY)
    fewer = a if len(a) <= len(b) else b
    common = set(a).intersection(b)
    if len(common) < max(_ALIKE * len(fewer), _FEWEST_COMMON):
        return 0.0
    numbers = sum(shingle & 1 for shingle in fewer)
    if numbers >= _FEWEST_NUMBERS and sum(shingle & 1 for shingle in common) < _ALIKE_NUMBERS * numbers:
        return 0.0
    return len(common) / len(fewer)


def _is_verbatim(one: _Shingles, other: _Shingles) -> bool:
    a, b = _comparable(one.body, other.body, longer_bound=_BODY)
    return len(set(a).intersection(b)) >= _VERBATIM * max(len(a), len(b))


def _comparable(
    body: Sequence[int], longer: Sequence[int], *, longer_bound: int
) -> tuple[Sequence[int], Sequence[int]]:
    """What both would have kept of any text."""
    limit = min(
        body[-1] if len(body) >= _BODY else _HASHES, longer[-1] if len(longer) >= longer_bound else _HASHES
    )
    return body[: bisect_right(body, limit)], longer[: bisect_right(longer, limit)]
