"""What is near a topic's example headlines in meaning: learnt from the examples, explained by them.

Words: a linear separator a topic (a support vector machine with squared hinge loss, solved in the dual, one
example after the other: Hsieh et al. 2008) between its examples and everything else: the examples of other
topics and a background of stored entries. Its bar is where the examples, each judged as if it were unknown,
would be found best (F1); nobody tunes it. Vectors, where there are any, carry this to other languages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import chain
from math import exp, log, sqrt
from operator import itemgetter, mul
from statistics import median
from typing import Any
from zlib import crc32

from aggregator.model import TopicId
from aggregator.text.fold import words

NEAR_ENOUGH = 0.5
"""From this score on an entry is near."""
_CLEARLY_NEAR = 0.75
"""What scores this by a first look at the background is no contrast."""
_READ = 100
"""Words of an entry that are read, its title first: the beginning says what it is about."""
_HEADLINE = 25
"""Words of the longest headline."""
_LITTLE_CONTRAST = 200
"""With fewer other texts than this, nobody can say which words are telling."""
_MOST = 0.6
"""Then an entry must have this share of an example's words."""
_TRUSTED = 200
"""So many examples may be followed to the letter; fewer are believed less, each in proportion."""
_WEIGHTY = 20
"""Up to so many examples weigh as much as all the contrast together, since it may hide more of their kind."""
_ROUNDS = 10
_NEAR = 0.35
"""Mean cosine of an entry's vector and those of the two nearest examples from which on it is near."""
_AKIN = 0.25
"""From here on a vector does not contradict words that speak for an entry."""
_TELLING = 5
"""Words that are shown as the reason."""
_KEPT = 20
"""Examples that are remembered for a word, to name the nearest one."""


@dataclass(frozen=True, slots=True)
class Example:
    """A headline, with or without a text, that says what a topic is about.

    `vector` is its meaning in the same space as those of the entries: centred for its language, of length 1.
    """

    text: str
    vector: Sequence[float] | None = None

    @property
    def headline(self) -> str:
        """Its first line."""
        return self.text.strip().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near an entry is to a topic's examples."""

    score: float
    """0 to 1; from 0.5 on it is near enough."""
    nearest: str = ""
    """The first line of the example that it is nearest to; empty when it is not near enough."""
    words: tuple[str, ...] = ()
    """The words in common that spoke for it most, the most telling first; none where only the vectors speak."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One reading of a text, as places in the vocabulary and their values; place 0 is always there."""

    places: tuple[int, ...]
    values: tuple[float, ...]
    pick: Callable[[Any], tuple[float, ...]]

    def dot(self, weights: list[float]) -> float:
        product: float = sum(map(mul, self.values, self.pick(weights)))
        return product


@dataclass(frozen=True, slots=True)
class _Text:
    """What is learnt from: an example, or an entry of the background in its readings, the longer first."""

    readings: tuple[tuple[str, ...], ...]
    topics: frozenset[TopicId] = frozenset()


class Likeness:
    """Judges entries by the examples of the topics, which may come in any order. Unchanging, picklable."""

    def __init__(
        self, examples: Mapping[TopicId, Sequence[Example]], background: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`background` are titles and texts of entries of any kind, best some thousand; they may be near, too.

        Fifty vectors of examples a topic are plenty: each costs 10 µs for every entry with a vector.
        """
        known = {topic: [each for each in given if _read(each.text)] for topic, given in examples.items()}
        self._examples = {topic: tuple(given) for topic, given in known.items() if given}
        self._readings = {
            topic: tuple(_read(example.text) for example in given) for topic, given in self._examples.items()
        }
        self._read_headlines = {
            topic: median(map(len, readings)) <= _HEADLINE for topic, readings in self._readings.items()
        }
        self._vectors = {
            topic: tuple((list(map(float, each.vector)), each) for each in given if each.vector is not None)
            for topic, given in self._examples.items()
        }
        texts = _texts(self._readings, background)
        contrast = {topic: sum(topic not in text.topics for text in texts) for topic in self._examples}
        self._by_words = tuple(topic for topic, count in contrast.items() if count >= _LITTLE_CONTRAST)
        self._by_share = tuple(topic for topic, count in contrast.items() if count < _LITTLE_CONTRAST)
        self._rarity, self._unknown = _rarity(texts)
        self._weights, self._bars = self._learn(texts)
        self._holders = {topic: _holders(readings) for topic, readings in self._readings.items()}

    def score(self, title: str, text: str, vector: Sequence[float] | None = None) -> dict[TopicId, Nearness]:
        """How near an entry is to the examples of every topic that has some. `vector` as in `Example`."""
        readings = _readings(title, text)[: 2 if any(self._read_headlines.values()) else 1]
        by_words = self._scores_by_words(readings)
        by_words |= {topic: self._score_by_share(topic, readings) for topic in self._by_share}
        if vector is None:
            return by_words
        floats = list(map(float, vector))
        return {topic: self._with_vector(topic, found, floats) for topic, found in by_words.items()}

    def _learn(self, texts: Sequence[_Text]) -> tuple[dict[str, tuple[float, ...]], tuple[float, ...]]:
        """The weight of each word for each of the topics, in their order, that of "" for any text; the bars."""
        place = {word: number for number, word in enumerate(chain([""], self._rarity))}
        rows = [tuple(self._row(reading, place) for reading in text.readings) for text in texts]
        columns, bars = [], []
        for topic in self._by_words:
            readings = 2 if self._read_headlines[topic] else 1
            weights, bar = _separate(
                [row[:readings] for row in rows], [topic in text.topics for text in texts], len(place)
            )
            columns.append(weights)
            bars.append(bar)
        return dict(zip(place, zip(*columns, strict=True), strict=False)), tuple(bars)

    def _row(self, reading: Sequence[str], place: Mapping[str, int]) -> _Row:
        values = self._values(reading)
        places = (0, *map(place.__getitem__, values))
        return _Row(places, (1.0, *values.values()), itemgetter(*places))

    def _values(self, reading: Sequence[str]) -> dict[str, float]:
        """TF-IDF of its words, of length 1 altogether."""
        rarity, unknown = self._rarity, self._unknown
        values = {
            word: (1 + log(n) if n > 1 else 1) * rarity.get(word, unknown)
            for word, n in Counter(reading).items()
        }
        length = sqrt(sum(map(mul, values.values(), values.values())))
        return {word: value / length for word, value in values.items()}

    def _scores_by_words(self, readings: Sequence[Sequence[str]]) -> dict[TopicId, Nearness]:
        """The better of the readings; headlines alone are read where the examples are headlines."""
        best = dict.fromkeys(self._by_words, Nearness(0.0))
        if not best:
            return best
        for number, reading in enumerate(readings):
            known = {word: value for word, value in self._values(reading).items() if word in self._weights}
            values = (1.0, *known.values())
            columns = zip(*(self._weights[word] for word in ("", *known)), strict=True)
            for topic, bar, column in zip(self._by_words, self._bars, columns, strict=True):
                if number and not self._read_headlines[topic]:
                    continue
                score = _squash(4 * (sum(map(mul, values, column)) - bar))
                if score > best[topic].score:
                    best[topic] = (
                        Nearness(score)
                        if score < 0.5
                        else self._spoken(
                            topic, score, dict(zip(known, map(mul, values[1:], column[1:]), strict=True))
                        )
                    )
        return best

    def _spoken(self, topic: TopicId, score: float, shares: Mapping[str, float]) -> Nearness:
        """`shares`: what each word of the entry added to the score."""
        telling = nsmallest(_TELLING, shares, key=lambda word: (-shares[word], word))
        telling = [word for word in telling if shares[word] > 0]
        if len(telling) < 2:  # one word may stand for many things
            return Nearness(0.49)
        votes: dict[int, float] = defaultdict(float)
        for word in telling:
            for number in self._holders[topic].get(word, ()):
                votes[number] += shares[word]
        nearest = min(votes, key=lambda number: (-votes[number], number))
        return Nearness(score, self._examples[topic][nearest].headline, tuple(telling))

    def _score_by_share(self, topic: TopicId, readings: Sequence[Sequence[str]]) -> Nearness:
        """How much of one example the entry has."""
        found = set(readings[0]) if readings else set()
        best = Nearness(0.0)
        for example, reading in zip(self._examples[topic], self._readings[topic], strict=True):
            wanted = dict.fromkeys(reading)
            shared = tuple(filter(found.__contains__, wanted))
            score = min(1.0, 0.5 / _MOST * len(shared) / len(wanted)) if len(shared) > 2 else 0.0
            if score > best.score:
                best = (
                    Nearness(score, example.headline, shared[:_TELLING]) if score >= 0.5 else Nearness(score)
                )
        return best

    def _with_vector(self, topic: TopicId, found: Nearness, vector: list[float]) -> Nearness:
        """Near by its vector, or by its words if the vector does not contradict them."""
        cosines = [(sum(map(mul, vector, other)), example) for other, example in self._vectors[topic]]
        if not cosines:
            return found
        near = nlargest(2, cosines, key=itemgetter(0))
        cosine = sum(each for each, _ in near) / len(near)
        meaning = _squash(10 * (cosine - _NEAR))
        spoken = min(found.score, _squash(10 * (cosine - _AKIN)))
        score = max(meaning, spoken)
        if score < 0.5:
            return Nearness(score)
        return Nearness(score, near[0][1].headline if meaning >= 0.5 else found.nearest, found.words)


def learn_likeness(
    examples: Mapping[TopicId, Sequence[Example]], background: Sequence[tuple[str, str]]
) -> Likeness:
    """What the examples teach beside a background that may hold many of their kind.

    Learnt twice: what a first look takes for clearly near does not speak against its kind the second time. The
    examples of the other topics do for the first look when they are many.
    """
    count = sum(map(len, examples.values()))
    have_contrast = any(count - len(own) >= _LITTLE_CONTRAST for own in examples.values())
    first = Likeness(examples, () if have_contrast else background)
    others = [
        (title, text)
        for title, text in background
        if all(found.score < _CLEARLY_NEAR for found in first.score(title, text).values())
    ]
    return Likeness(examples, others)


def _read(text: str) -> tuple[str, ...]:
    """The words of its beginning."""
    # a word and what follows it seldom takes ten characters; most texts go on far beyond what is read
    return tuple(words(text[: 10 * _READ])[:_READ])


def _readings(title: str, text: str) -> tuple[tuple[str, ...], ...]:
    """The beginning of an entry, and its headline alone where there is more than that."""
    headline = _read(title)
    both = (*headline, *_read(text))[:_READ]
    return tuple(filter(None, (both,) if both == headline else (both, headline)))


def _texts(
    examples: Mapping[TopicId, Sequence[tuple[str, ...]]], background: Iterable[tuple[str, str]]
) -> list[_Text]:
    """Every text once, mixed: a separator that sees one kind after the other learns badly."""
    topics: dict[tuple[str, ...], set[TopicId]] = defaultdict(set)
    for topic, readings in examples.items():
        for reading in readings:
            topics[reading].add(topic)
    texts = [_Text((reading,), frozenset(of)) for reading, of in topics.items()]
    others = dict.fromkeys(_readings(title, text) for title, text in background)
    texts += [_Text(readings) for readings in others if readings and topics.keys().isdisjoint(readings)]
    return sorted(texts, key=lambda text: (crc32(" ".join(text.readings[0]).encode()), text.readings))


def _rarity(texts: Sequence[_Text]) -> tuple[dict[str, float], float]:
    """Inverse document frequency of every word, and that of an unknown one."""
    count = Counter(word for text in texts for word in set(text.readings[0]))
    total = log(len(texts) + 1) + 1
    return {word: total - log(n + 1) for word, n in sorted(count.items())}, total


def _holders(readings: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Which of the examples have a word, the first of them."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, reading in enumerate(readings):
        for word in dict.fromkeys(reading):
            if len(holders[word]) < _KEPT:
                holders[word].append(number)
    return dict(holders)


def _separate(rows: Sequence[Sequence[_Row]], inside: Sequence[bool], size: int) -> tuple[list[float], float]:
    """The weights that set the texts inside apart from the others, and the bar for a text to be inside."""
    count = sum(inside)
    trust = min(1.0, count / _TRUSTED)
    flat = [(row, side) for readings, side in zip(rows, inside, strict=True) for row in readings]
    others = len(flat) - count
    other_trust = trust * min(1.0, max(1.0, count / _WEIGHTY) * count / others)
    weights, pulls = _solve(flat, trust, other_trust, size)
    # what a text itself pulled is taken back: near what the weights would say had they not seen it
    unseen = iter([row.dot(weights) - pull for (row, _), pull in zip(flat, pulls, strict=True)])
    scores = [
        (max(next(unseen) for _ in readings), side) for readings, side in zip(rows, inside, strict=True)
    ]
    return weights, max(_bar(scores), weights[0])


def _solve(
    rows: Sequence[tuple[_Row, bool]], trust: float, other_trust: float, size: int
) -> tuple[list[float], list[float]]:
    """Dual coordinate descent. The weights, and with how much, signed, each row pulled at them."""
    weights, pulls = [0.0] * size, [0.0] * len(rows)
    for _ in range(_ROUNDS):
        largest = 0.0
        for number, (row, inside) in enumerate(rows):
            side, slack = (1.0, 0.5 / trust) if inside else (-1.0, 0.5 / other_trust)
            pull = side * pulls[number]
            wrong = side * row.dot(weights) - 1 + slack * pull
            if not pull and wrong >= 0:
                continue
            step = side * (max(pull - wrong / (2 + slack), 0.0) - pull)
            if abs(step) * slack < 1e-4:
                continue
            pulls[number] += step
            largest = max(largest, abs(step) * slack)
            for place, value in zip(row.places, row.values, strict=True):
                weights[place] += step * value
        if largest < 1e-3:
            break
    return weights, pulls


def _bar(scores: Collection[tuple[float, bool]]) -> float:
    """Where F1 of what lies above it is best: half way between the two scores there."""
    ordered = sorted(scores, reverse=True)
    inside, right, best, bar = sum(side for _, side in ordered), 0, 0.0, 0.0
    for number, ((score, side), (below, _)) in enumerate(
        zip(ordered, [*ordered[1:], (ordered[-1][0] - 1e-3, False)], strict=True), 1
    ):
        right += side
        if score > below and 2 * right / (number + inside) > best:
            best, bar = 2 * right / (number + inside), (score + below) / 2
    return bar


def _squash(x: float) -> float:
    return 1 / (1 + exp(-max(-50.0, min(50.0, x))))
