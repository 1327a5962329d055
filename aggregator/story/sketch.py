"""Which stored text a new one repeats: retitled, wrapped in boilerplate, cut, lightly edited, or its beginning.

A text is known by hashes of its shingles, runs of three words. Of a long text only the lowest are kept. Two
texts kept all of theirs up to the lower one of their highest hashes; there the share of common ones estimates
the share of common text (bottom-k sketches, Broder 1997).
"""

from __future__ import annotations

import re
import struct
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush, nsmallest
from itertools import chain, islice
from typing import NamedTuple, NewType
from zlib import crc32

from aggregator.text.fold import words

Sketch = NewType("Sketch", bytes)
"""What make_sketch says of a text, to be stored and compared only; empty when the text says too little."""

_LAYOUT = struct.Struct("<BBI")
"""The version, how many hashes are of the whole text, and the hash of the title; then the hashes. The first
version's length was a multiple of four: such sketches in a database are recognised, and agree with none."""
_VERSION = 2
_HASHES = 1 << 32

_FEWEST_WORDS = 6
_MOST_WORDS = 4_000
"""Words looked at."""

_BODY = 128
"""Hashes kept of a whole text."""
_HEAD = 48
"""Hashes kept of the beginning of a text that has more than _BODY: of its first shingles all."""

_ALIKE = 0.53
"""Share of the shorter text that a copy and its original have in common. With one word in seven changed, 0.63
of the shingles stay."""
_ALIKE_WHEN_CUT = 0.2
"""So much more of a text that is far shorter than the other: it was cut, and hardly edited as well."""
_FEWEST_COMMON = 10
"""A few words in a row are alike by chance or by form: `Qtly div six cts vs six cts prior`."""
_FEWEST_COMMON_TITLED = 3
"""Under the same title."""
_FORM_NUMBERS = 0.6
"""Editing changes words and numbers alike. Reports made from one form, such as a bank's rates or a bond's terms,
have so much less of their shingles with a number in common than of the others."""
_NEARLY = 0.8
"""An older text that agrees so much less than the best one may still be the original."""
_CUT = 3.0
"""A cut copy is so many times shorter at most. What is shorter still repeats a text only where that begins:
a teaser does, a wire brief quoted in an analysis does not."""
_VERBATIM = 0.8

_POSTED, _POSTED_HEAD = 16, 12
"""Hashes of a stored text, and of its head, by which it is found: the lowest."""
_ASKED, _ASKED_HEAD = 40, 24
"""Hashes of a new text that are looked for; more, since the stored one may be its cut copy."""
_OWN = 3
"""Texts that both have so many times more of their own than in common, boilerplate aside, share a frame only."""
_FEWEST_HITS = 3
"""One or two shingles in common are idioms. Of a short text few are among those by which others are found."""
_FEWEST_HITS_OF_SHORT = 2
_SHORT = 48
_CANDIDATES = 6

_BUCKETS = 1 << 14
"""At first; always a power of two."""
_WAYS = 4
_LOAD = 2
"""Hashes to a bucket of _WAYS on average: of the oldest texts one hash in seven is lost."""
_BOILERPLATE = 16
"""A shingle of so many texts that are no copies of each other belongs to none of them."""
_HALVED = bytes(byte // 2 for byte in range(256))

_NINE = ord("9")
_CLAUSE = 8
"""Letters without a space that are more than a word."""
# Thai, Lao, Burmese, Khmer, kana and Han: no spaces between words
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)


def make_sketch(title: str, text: str, *, folded: Sequence[str] | None = None) -> Sketch:
    """At most 710 bytes, by which copies of the text are found. The same in every process.

    `folded`: `words(text)`, from a caller that has them.
    """
    tokens = _tokens(text, words(text) if folded is None else folded)
    if len(tokens) < _FEWEST_WORDS:
        return Sketch(b"")
    shingles = list(map(crc32, map(b" ".join, zip(tokens, tokens[1:], tokens[2:], strict=False))))
    numbered: set[int] = set()
    for place in [place for place, token in enumerate(tokens) if token[0] <= _NINE]:
        numbered.update(shingles[max(0, place - 2) : place + 1])
    body = _lowest(shingles, _BODY, numbered)
    head = _lowest(shingles[:_HEAD], _HEAD, numbered) if len(body) == _BODY else []
    start = _LAYOUT.pack(_VERSION, len(body), crc32(" ".join(words(title)).encode("utf-8", "surrogatepass")))
    return Sketch(start + struct.pack(f"<{len(body) + len(head)}I", *body, *head))


def _lowest(shingles: Iterable[int], count: int, numbered: set[int]) -> list[int]:
    """The lowest hashes, sorted; an odd one has a number in it."""
    lowest = sorted(set(shingles))[:count]
    return sorted({shingle | 1 if shingle in numbered else shingle & ~1 for shingle in lowest})


def _tokens(text: str, folded: Iterable[str]) -> list[bytes]:
    if not text.isascii() and _UNSPACED.search(text):
        folded = chain.from_iterable(map(_pieces, folded))
    return " ".join(islice(folded, _MOST_WORDS)).encode("utf-8", "surrogatepass").split()


def _pieces(word: str) -> Iterable[str]:
    """The word, or every three neighbouring letters of a clause written without spaces."""
    if len(word) < _CLAUSE or not _UNSPACED.search(word):
        return (word,)
    return (word[i : i + 3] for i in range(len(word) - 2))


class _Shingles(NamedTuple):
    """Sorted hashes; all there are when fewer than _BODY and _HEAD. No `head`: the body is no longer."""

    title: int
    body: Sequence[int]
    head: Sequence[int]

    @property
    def length(self) -> float:
        """How many there are in the text, estimated where not all were kept."""
        return len(self.body) if len(self.body) < _BODY else _BODY * _HASHES / (self.body[-1] + 1)


def _is_current(sketch: Sketch) -> bool:
    return len(sketch) % 4 == _LAYOUT.size % 4 and sketch[0] == _VERSION


def _unpack(sketch: Sketch) -> _Shingles:
    _, count, title = _LAYOUT.unpack_from(sketch)
    numbers = struct.unpack_from(f"<{(len(sketch) - _LAYOUT.size) // 4}I", sketch, _LAYOUT.size)
    return _Shingles(title, numbers[:count], numbers[count:])


def _posted(sketch: Sketch) -> set[int]:
    """Without unpacking all of it: this is done for every text of the window when the program starts."""
    count = sketch[1]
    kept = (len(sketch) - _LAYOUT.size) // 4
    body, head = min(count, _POSTED), min(kept - count, _POSTED_HEAD)
    return {
        *struct.unpack_from(f"<{body}I", sketch, _LAYOUT.size),
        *struct.unpack_from(f"<{head}I", sketch, _LAYOUT.size + 4 * count),
    }


def _common_share(one: _Shingles, other: _Shingles) -> float:
    """The share of the shorter text that both have; 0 when neither is a copy of the other."""
    shorter, longer = (one, other) if one.length <= other.length else (other, one)
    least = _ALIKE
    if longer.head and longer.length > _CUT * shorter.length:
        a, b = _comparable(shorter.body, longer.head, longer_bound=_HEAD)
    else:
        a, b = _comparable(shorter.body, longer.body, longer_bound=_BODY)
        least += _ALIKE_WHEN_CUT * (1 - shorter.length / longer.length)
    fewer = a if len(a) <= len(b) else b
    common = set(a).intersection(b)
    fewest = _FEWEST_COMMON_TITLED if one.title == other.title else _FEWEST_COMMON
    if len(common) < max(least * len(fewer), fewest) or _is_form(fewer, common):
        return 0.0
    return len(common) / len(fewer)


def _is_form(mine: Sequence[int], common: set[int]) -> bool:
    """Whether what differs are the numbers."""
    numbers, common_numbers = (sum(shingle & 1 for shingle in shingles) for shingles in (mine, common))
    plain, common_plain = len(mine) - numbers, len(common) - common_numbers
    # One more for chance
    return (common_numbers + 1) * plain < _FORM_NUMBERS * common_plain * numbers


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


class _Text(NamedTuple):
    """A text of the index, in the order of age. `number` counts the texts ever added."""

    at: datetime
    key: int
    number: int
    sketch: Sketch


class _Postings:
    """Which texts have a hash: the newest few, and, of other hashes in the same bucket, a few that have not.

    A table of numbers and nothing else: a text takes some 300 bytes in it, a look-up costs the same however
    many there are, and what is old is overwritten in time, so that nothing must be removed.
    """

    def __init__(self, buckets: int) -> None:
        self.room = _LOAD * buckets
        self._mask = buckets - 1
        self._newest = array("I", bytes(4 * _WAYS * buckets))
        self._uses = bytearray(buckets)
        self._until_halved = self.room

    def widened(self) -> _Postings:
        """An empty one with twice the room."""
        return _Postings(2 * (self._mask + 1))

    def add(self, shingles: Iterable[int], number: int) -> None:
        """Enter a text; its number is none of an earlier one, and not 0."""
        newest, uses, mask = self._newest, self._uses, self._mask
        for shingle in shingles:
            bucket = shingle >> 1 & mask  # the lowest bit says something else
            start = _WAYS * bucket
            newest[start + 1 : start + _WAYS] = newest[start : start + _WAYS - 1]
            newest[start] = number
            uses[bucket] = min(uses[bucket] + 1, 255)
            self._until_halved -= 1
        if self._until_halved <= 0:  # what was boilerplate long ago is so no more
            self._until_halved = self.room
            self._uses = uses.translate(_HALVED)

    def hits(self, shingles: Iterable[int]) -> Counter[int]:
        """How many of the hashes each text seems to have; those of boilerplate left out."""
        newest, uses, mask = self._newest, self._uses, self._mask
        found: list[int] = []
        for shingle in shingles:
            bucket = shingle >> 1 & mask
            if 0 < uses[bucket] < _BOILERPLATE:
                found += newest[_WAYS * bucket : _WAYS * (bucket + 1)]
        return Counter(found)

    def is_boilerplate(self, shingle: int) -> bool:
        """Whether very many texts have the hash."""
        return self._uses[shingle >> 1 & self._mask] >= _BOILERPLATE


class SketchIndex:
    """The texts of some days, by their sketches: the time of a look-up does not depend on how many they are."""

    def __init__(self, window: timedelta, *, most: int = 250_000) -> None:
        """`window`: texts further apart than this are never taken for copies.

        `most`: texts held.
        """
        self._window = window
        self._most = most
        self._texts: dict[int, _Text] = {}
        self._numbers: dict[int, int] = {}
        self._by_age: list[_Text] = []
        self._last = 0
        self._postings = _Postings(_BUCKETS)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def copied_by(
        self, sketch: Sketch, at: datetime, *, admits: Callable[[int, float], bool] | None = None
    ) -> int | None:
        """The key of the stored text that the one with this sketch, of this time, repeats.

        Of several that agree about as well the oldest; whether the new text or the stored one is the longer
        makes no difference. `admits`: whether the text of a key, with such
        a share in common, may be it.
        """
        if not _is_current(sketch):
            return None
        new = _unpack(sketch)
        shares = {}
        for text in self._candidates(new):
            if abs(at - text.at) > self._window:
                continue
            share = _common_share(new, _unpack(text.sketch))
            if share and (admits is None or admits(text.key, share)):
                shares[text.at, text.key] = share
        enough = _NEARLY * max(shares.values(), default=0.0)
        return min((found for found, share in shares.items() if share >= enough), default=(at, None))[1]

    def _candidates(self, new: _Shingles) -> list[_Text]:
        body = new.body[:_ASKED]
        hits = self._postings.hits({*body, *new.head[:_ASKED_HEAD]})
        fewest = _FEWEST_HITS if len(new.body) > _SHORT else _FEWEST_HITS_OF_SHORT
        common = [
            (-count, text)
            for number, count in hits.items()
            if count >= fewest and (text := self._texts.get(number)) and not self._is_frame(count, body, text)
        ]
        return [text for _, text in nsmallest(_CANDIDATES, common)]

    def _is_frame(self, hits: int, body: Sequence[int], text: _Text) -> bool:
        """Whether both texts have much beside what is boilerplate and these hits."""
        count = min(text.sketch[1], _POSTED)
        posted = struct.unpack_from(f"<{count}I", text.sketch, _LAYOUT.size)
        limit = min(body[-1], posted[-1])
        return all(
            sum(not self._postings.is_boilerplate(shingle) for shingle in shingles if shingle <= limit)
            > _OWN * hits
            for shingles in (body, posted)
        )

    def add(self, key: int, at: datetime, sketch: Sketch, original: int | None = None) -> None:
        """Take in a text, in place of an earlier one of this key. `original`: what `copied_by` said of it.

        What repeats all of its original needs no place beside it: who copies the one copies the other. Beyond
        `most` the oldest text goes.
        """
        self._remove(key)
        if not _is_current(sketch):
            return
        if original is not None and original in self:
            stored = self._texts[self._numbers[original]]
            is_near = abs(at - stored.at) <= self._window
            if is_near and _is_verbatim(_unpack(sketch), _unpack(stored.sketch)):
                return
        self._last += 1
        text = _Text(at, key, self._last, sketch)
        self._texts[text.number] = text
        self._numbers[key] = text.number
        heappush(self._by_age, text)
        if len(self._texts) > self._most:
            self._drop_oldest()
        self._postings.add(_posted(sketch), text.number)
        if len(self._texts) * (_POSTED + _POSTED_HEAD) > self._postings.room:
            self._postings = self._postings.widened()
            for text in self._texts.values():
                self._postings.add(_posted(text.sketch), text.number)

    def forget(self, before: datetime) -> None:
        """Drop the texts that are older than this."""
        while self._by_age and self._by_age[0].at < before:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        text = heappop(self._by_age)
        if text.number in self._texts:
            self._remove(text.key)

    def _remove(self, key: int) -> None:
        number = self._numbers.pop(key, None)
        if number is not None:
            del self._texts[number]
