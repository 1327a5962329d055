"""How alike entries and stories are: one number from words, names, numbers, meaning, language and time.

The likeness of two entries is a sum: the cosine of their words, of their names, of their numbers and of their
sentence vectors, each times its weight, less something for the time between them, and for texts, of which more is
asked than of bare headlines: the more so the more else is reported at the time, since in a crowd more entries are
alike by chance.
The likeness of two stories is the average over all pairs of their entries. Because every part is a dot product or a
mean, the sums of a story's entries are all that is needed for it (average linkage, in constant time).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import exp, log, sqrt
from typing import Any

from aggregator.model import EntryId, Profile, SourceId

_DAY = 86400.0
_HOURS = 0.1
"""Days after which two headlines count as hours apart: they do so by two thirds."""
_NAME, _NUMBER = "\x01", "\x02"
_DOUBT = 4.0
"""As much rarity is taken to be unshared in names and numbers: that two headlines have the one frequent name they
have in common says little."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each kind of evidence counts."""

    words: float
    names: float
    numbers: float
    meaning: float
    """Of the cosine of sentence vectors, centred by language."""
    across: float
    """Added where the languages differ: such entries cannot share their words."""
    day: float
    """Taken off for each day apart."""
    days: float
    """Days that are counted at most."""
    hours: float
    """Taken off two bare headlines that are hours apart: they say little beside that they came together."""
    text: float
    """Taken off for two entries with text, which say more of their event than headlines, in a crowd."""
    quiet: float
    """So much less is taken off for each time that fewer entries are reported on those days, by a factor of e."""
    least: float
    """The kinship from which two entries begin a story, however quiet it is and however strange the languages."""
    unshared: float
    """The meaning from which headlines of one source report one event that share no word, name or number."""
    enough: float
    """The likeness from which two entries or stories report one event."""


WORDS_ALONE = Weights(
    words=0.768,
    names=0.312,
    numbers=0.142,
    meaning=0.0,
    across=0.11,
    day=0.016,
    days=5,
    hours=0.3,
    text=0.24,
    quiet=0.034,
    least=0.0,
    unshared=0.0,
    enough=0.03,
)
WITH_MEANING = Weights(
    words=0.189,
    names=0.397,
    numbers=0.369,
    meaning=0.68,
    across=0.225,
    day=0.044,
    days=5,
    hours=0.3,
    text=0.436,
    quiet=0.1,
    least=0.21,
    unshared=0.4,
    enough=0.129,
)


@dataclass(eq=False, slots=True)
class Sum:
    """One entry or several, as far as their likeness to others goes."""

    count: int
    traits: dict[str, float]
    """Word, name or number → the weight with which it counts; the product with another's is their likeness."""
    vector: Any
    """A numpy array, or None where there are no sentence vectors."""
    languages: Counter[str]
    """Without those that are not known: they are taken for no other language."""
    text: float
    """How many of them have more than a headline."""
    asked: float
    """What is taken off for those."""
    first: datetime
    last: datetime
    source: SourceId | None
    """Whose they all are; None where they are of several."""


@dataclass(eq=False, slots=True)
class Member(Sum):
    """An entry among those that new ones are compared with."""

    entry: EntryId = field(default=EntryId(0))
    since: datetime | None = None
    """The pass in which it came into its story; of one that was read from the store, in which that was made."""
    alike: dict[EntryId, float] = field(default_factory=dict)
    """Its likeness to others, as far as that was asked for."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two entries are alike: what each part of their likeness came to, and what they share."""

    likeness: float
    words: float
    names: float
    numbers: float
    meaning: float | None
    days: float
    shared: tuple[str, ...]
    across: float = 0.0
    """Added, since their languages differ."""
    time: float = 0.0
    """Taken off, since they come apart."""
    text: float = 0.0
    """Taken off, since more is asked of texts."""

    @property
    def parts(self) -> dict[str, float]:
        """What the likeness is the sum of, by name."""
        return {
            "meaning": self.meaning or 0.0,
            "words": self.words,
            "names": self.names,
            "numbers": self.numbers,
            "other language": self.across,
            "time": -self.time,
            "text": -self.text,
        }


def weigh(
    profile: Profile, weights: Weights, rarities: Callable[[Sequence[str]], Sequence[float]]
) -> dict[str, float]:
    """The traits of an entry, each kind of length 1 at most times the root of its weight.

    `rarities` says how telling traits are; each is told by its logarithmic count times that (TF-IDF).
    """
    traits: dict[str, float] = {}
    for mark, counts, weight, doubt in (
        ("", profile.words, weights.words, 0.0),
        (_NAME, profile.names, weights.names, _DOUBT),
        (_NUMBER, profile.numbers, weights.numbers, _DOUBT),
    ):
        if counts:
            names = _marked(mark, counts)
            weighed = [
                rarity if count == 1 else (1 + log(count)) * rarity
                for (_, count), rarity in zip(counts, rarities(names), strict=True)
            ]
            scale = sqrt(weight / (sum([value * value for value in weighed]) + doubt * doubt))
            traits.update(zip(names, [value * scale for value in weighed], strict=True))
    return traits


def keys(profile: Profile) -> Iterable[str]:
    """The traits of a profile as `weigh` names them."""
    for mark, counts in (("", profile.words), (_NAME, profile.names), (_NUMBER, profile.numbers)):
        yield from _marked(mark, counts)


def _marked(mark: str, counts: Iterable[tuple[str, int]]) -> list[str]:
    return [mark + key for key, _ in counts] if mark else [key for key, _ in counts]


def kinship(one: Sum, other: Sum) -> float:
    """What the pairs between the two share on average: likeness without regard to time, language and crowd."""
    found = dot(one.traits, other.traits)
    if one.vector is not None and other.vector is not None:
        found += float(one.vector @ other.vector)
    return found / (one.count * other.count)


def likeness(one: Sum, other: Sum, weights: Weights) -> float:
    """The average likeness of the pairs between the two."""
    return (
        kinship(one, other)
        + weights.across * _strangers(one, other)
        - _for_time(one, other, weights)
        - _for_text(one, other)
    )


def _for_time(one: Sum, other: Sum, weights: Weights) -> float:
    text = (one.text / one.count + other.text / other.count) / 2
    days = days_apart(one, other)
    headlines = weights.hours * (1 - text) * (1 - exp(-days / _HOURS))
    return weights.day * min(days, weights.days) + headlines


def _for_text(one: Sum, other: Sum) -> float:
    return (one.asked / one.count + other.asked / other.count) / 2


def may_join(one: Sum, other: Sum, weights: Weights) -> bool:
    """Whether the two may be one story, however alike: they have to share something that can be pointed at.

    Two entries that are alone have to share enough. Headlines of one source and language that have nothing in common
    but what they are about come from one desk: an outlet tells one event twice in some of the same words.
    """
    if one.count == other.count == 1 and kinship(one, other) < weights.least:
        return False
    return (
        one.source is None
        or one.source != other.source
        or one.text / one.count + other.text / other.count > 1
        or _strangers(one, other) > 0
        or dot(one.traits, other.traits) > 0
        or kinship(one, other) >= weights.unshared
    )


def _strangers(one: Sum, other: Sum) -> float:
    """The share of the pairs between the two that are of different languages."""
    if one.languages.keys() == other.languages.keys() and len(one.languages) < 2:
        return 0.0
    same = sum(count * other.languages[language] for language, count in one.languages.items())
    return (one.languages.total() * other.languages.total() - same) / (one.count * other.count)


def dot(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The sum of products of what both have."""
    if len(one) > len(other):
        one, other = other, one
    return sum([value * other[key] for key, value in one.items() if key in other])


def days_apart(one: Sum, other: Sum) -> float:
    """Days between the end of one and the beginning of the other; 0 where they overlap."""
    gap = max(one.first - other.last, other.first - one.last).total_seconds()
    return max(gap, 0.0) / _DAY


def total(parts: Sequence[Sum]) -> Sum:
    """All of them together; the one itself when it is alone, so that most stories cost nothing more."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    whole = Sum(
        count=first.count,
        traits=dict(first.traits),
        vector=first.vector,
        languages=Counter(first.languages),
        text=first.text,
        asked=first.asked,
        first=first.first,
        last=first.last,
        source=first.source,
    )
    for part in parts[1:]:
        include(whole, part)
    return whole


def include(whole: Sum, part: Sum) -> None:
    """Add a part to a sum that is no part itself."""
    whole.count += part.count
    for key, value in part.traits.items():
        whole.traits[key] = whole.traits.get(key, 0.0) + value
    if part.vector is not None:
        whole.vector = part.vector if whole.vector is None else whole.vector + part.vector
    whole.languages.update(part.languages)
    whole.text += part.text
    whole.asked += part.asked
    whole.first = min(whole.first, part.first)
    whole.last = max(whole.last, part.last)
    if part.source != whole.source:
        whole.source = None


def evidence(one: Member, other: Member, weights: Weights) -> Evidence:
    """Why two entries are alike, part by part."""
    parts = {"": 0.0, _NAME: 0.0, _NUMBER: 0.0}
    shared = []
    for key, value in one.traits.items():
        if key in other.traits:
            mark = key[0] if key[0] in parts else ""
            product = value * other.traits[key]
            parts[mark] += product
            shared.append((product, key.lstrip(_NAME + _NUMBER)))
    meaning = None
    if one.vector is not None and other.vector is not None:
        meaning = float(one.vector @ other.vector)
    best = [word for _, word in sorted(shared, key=lambda pair: (-pair[0], pair[1]))]
    return Evidence(
        likeness=likeness(one, other, weights),
        words=parts[""],
        names=parts[_NAME],
        numbers=parts[_NUMBER],
        meaning=meaning,
        days=days_apart(one, other),
        shared=tuple(dict.fromkeys(best))[:8],
        across=weights.across * _strangers(one, other),
        time=_for_time(one, other, weights),
        text=_for_text(one, other),
    )
