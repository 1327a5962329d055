"""How alike entries and stories are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations, product
from math import exp
from typing import Any

import numpy as np
import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import EntryId, Profile, SourceId
from aggregator.story.cluster import agglomerate
from aggregator.story.likeness import (
    WITH_MEANING,
    WORDS_ALONE,
    Member,
    Weights,
    days_apart,
    dot,
    evidence,
    include,
    keys,
    likeness,
    total,
    weigh,
)
from aggregator.story.profile import make_profile

LANGUAGES = ("en", "ko", None)


def member(
    profile: Profile,
    *,
    number: int = 0,
    hours: int = 0,
    language: str | None = "en",
    vector: Any = None,
    weights: Weights = WORDS_ALONE,
    text: float = 0.0,
    quiet: float = 0.0,
    source: str = "s",
) -> Member:
    """A headline in a crowd, whose words are all equally rare."""
    at = NOON + timedelta(hours=hours)
    return Member(
        count=1,
        traits=weigh(profile, weights, lambda traits: [1.0] * len(traits)),
        vector=vector,
        languages=Counter([language] if language else []),
        text=text,
        asked=text * (weights.text - weights.quiet * quiet),
        first=at,
        last=at,
        source=SourceId(source),
        entry=EntryId(number),
    )


def counts(words: str) -> st.SearchStrategy[tuple[tuple[str, int], ...]]:
    return st.dictionaries(st.sampled_from(words), st.integers(1, 5), max_size=4).map(
        lambda found: tuple(found.items())
    )


profiles = st.builds(
    Profile,
    words=counts("abcdef"),
    names=counts("abxy"),
    numbers=counts("123"),
    length=st.sampled_from([0.0, 0.25, 1.0]),
)
parts_of_one = st.sampled_from([0.0, 0.25, 1.0])
members = st.builds(
    member,
    profiles,
    hours=st.just(0),
    language=st.sampled_from(LANGUAGES),
    text=parts_of_one,
    quiet=st.sampled_from([0.0, 1.5, 3.0]),
)
several = st.lists(members, min_size=1, max_size=5)


@given(several, several)
def test_the_likeness_of_stories_is_the_average_over_the_pairs_of_their_entries(
    these: list[Member], those: list[Member]
) -> None:
    pairs = [likeness(one, other, WORDS_ALONE) for one, other in product(these, those)]
    assert likeness(total(these), total(those), WORDS_ALONE) == pytest.approx(sum(pairs) / len(pairs))


@given(several, several, st.data())
def test_the_average_holds_for_meaning_too(
    these: list[Member], those: list[Member], data: st.DataObject
) -> None:
    numpy = pytest.importorskip("numpy", reason="vectors need numpy")
    number = st.floats(-1, 1, width=16)

    def meant(one: Member) -> Member:
        return replace(one, vector=numpy.array(data.draw(st.lists(number, min_size=3, max_size=3))))

    these, those = [meant(one) for one in these], [meant(one) for one in those]
    pairs = [likeness(one, other, WITH_MEANING) for one, other in product(these, those)]
    assert likeness(total(these), total(those), WITH_MEANING) == pytest.approx(sum(pairs) / len(pairs))


spread = st.builds(
    member, profiles, hours=st.integers(0, 300), language=st.sampled_from(LANGUAGES), text=parts_of_one
)


@given(spread, spread)
def test_likeness_is_symmetric(one: Member, other: Member) -> None:
    there, back = likeness(one, other, WORDS_ALONE), likeness(other, one, WORDS_ALONE)
    assert there == pytest.approx(back)
    assert dot(one.traits, other.traits) == pytest.approx(dot(other.traits, one.traits))


@given(st.lists(spread, min_size=2, max_size=5))
def test_a_sum_does_not_depend_on_how_it_was_put_together_and_leaves_its_parts_as_they_were(
    parts: list[Member],
) -> None:
    before = [(dict(part.traits), part.count, part.text, Counter(part.languages)) for part in parts]
    at_once, one_by_one = total(parts), total([parts[-1], parts[-2]])
    for part in parts[:-2]:
        include(one_by_one, part)
    assert at_once.traits == pytest.approx(one_by_one.traits)
    assert (at_once.count, at_once.languages) == (one_by_one.count, one_by_one.languages)
    assert (at_once.first, at_once.last) == (one_by_one.first, one_by_one.last)
    assert at_once.text == pytest.approx(one_by_one.text)
    assert at_once.asked == pytest.approx(one_by_one.asked)
    assert before == [(dict(part.traits), part.count, part.text, Counter(part.languages)) for part in parts]


@given(spread, spread)
def test_the_parts_of_the_evidence_sum_up_to_the_likeness(one: Member, other: Member) -> None:
    found = evidence(one, other, WORDS_ALONE)
    taken_off = WORDS_ALONE.day * min(found.days, WORDS_ALONE.days)
    text = (one.text + other.text) / 2
    taken_off += WORDS_ALONE.text * text + WORDS_ALONE.hours * (1 - text) * (1 - exp(-found.days / 0.1))
    if one.languages and other.languages and one.languages != other.languages:
        taken_off -= WORDS_ALONE.across
    assert found.likeness == pytest.approx(found.words + found.names + found.numbers - taken_off)
    assert found.likeness == pytest.approx(likeness(one, other, WORDS_ALONE))
    assert found.likeness == pytest.approx(sum(found.parts.values()))
    assert found.meaning is None


def test_evidence_names_what_both_share_the_most_telling_first() -> None:
    one = member(Profile(words=(("summit", 3), ("seoul", 1), ("minist", 1)), numbers=(("40", 1),)))
    other = member(Profile(words=(("summit", 3), ("seoul", 1), ("troops", 1)), numbers=(("40", 1),)))
    found = evidence(one, other, WORDS_ALONE)
    assert found.shared == ("summit", "seoul", "40")
    assert 0 < found.numbers < WORDS_ALONE.numbers
    assert found.names == 0


def test_entries_that_are_equal_in_all_are_alike_by_the_sum_of_the_weights_the_more_names_the_nearer() -> (
    None
):
    def alike(names: int) -> float:
        some = tuple((f"n{number}", 1) for number in range(names))
        one = member(Profile((("a", 1), ("b", 2)), some, some))
        return likeness(one, one, WORDS_ALONE)

    weights = WORDS_ALONE.words + WORDS_ALONE.names + WORDS_ALONE.numbers
    assert alike(0) == pytest.approx(WORDS_ALONE.words)
    assert alike(0) < alike(1) < alike(10) < weights
    assert alike(10_000) == pytest.approx(weights, rel=0.01)


def test_a_word_a_name_and_a_number_of_the_same_letters_are_not_the_same() -> None:
    word = member(Profile(words=(("7", 1),)))
    name = member(Profile(names=(("7", 1),)))
    number = member(Profile(numbers=(("7", 1),)))
    assert likeness(word, name, WORDS_ALONE) == likeness(name, number, WORDS_ALONE) == 0
    assert len({*keys(Profile((("7", 1),), (("7", 1),), (("7", 1),)))}) == 3


def test_days_apart_make_less_alike_up_to_a_limit() -> None:
    words = Profile(words=(("a", 1),))
    found = [
        likeness(member(words, text=1), member(words, hours=24 * days, text=1), WORDS_ALONE)
        for days in (0, 1, 2, 5, 50)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[1] == pytest.approx(WORDS_ALONE.day)
    assert found[3] == found[4] == pytest.approx(found[0] - WORDS_ALONE.days * WORDS_ALONE.day)


def test_bare_headlines_are_less_alike_when_they_are_hours_apart() -> None:
    def alike(hours: int, text: float) -> float:
        words = Profile(words=(("a", 1),))
        return likeness(member(words, text=text), member(words, hours=hours, text=text), WORDS_ALONE)

    assert alike(0, 0) - alike(6, 0) > alike(0, 1) - alike(6, 1) + WORDS_ALONE.hours / 2
    assert alike(0, 0) - alike(0, 1) == pytest.approx(WORDS_ALONE.text)


def test_the_more_is_reported_the_more_alike_texts_must_be() -> None:
    alone, crowded = member(Profile(), text=1.0, quiet=3.0), member(Profile(), text=1.0)
    assert likeness(crowded, crowded, WORDS_ALONE) == pytest.approx(-WORDS_ALONE.text)
    assert likeness(alone, alone, WORDS_ALONE) == pytest.approx(3 * WORDS_ALONE.quiet - WORDS_ALONE.text)
    headline = member(Profile(), quiet=3.0)
    assert likeness(headline, headline, WORDS_ALONE) == 0


def test_a_story_is_no_days_apart_from_what_falls_into_its_time() -> None:
    words = Profile(words=(("a", 1),))
    story = total([member(words), member(words, hours=72)])
    assert days_apart(story, member(words, hours=24)) == 0
    assert days_apart(member(words, hours=-12), story) == 0.5


def test_two_languages_get_what_they_cannot_have_in_words() -> None:
    one, other = member(Profile(), language="en"), member(Profile(), language="ko")
    assert likeness(one, other, WITH_MEANING) == pytest.approx(WITH_MEANING.across)
    assert likeness(one, one, WITH_MEANING) == 0


def test_rare_words_tell_more_than_frequent_ones() -> None:
    def rarities(traits: Sequence[str]) -> list[float]:
        return [5.0 if trait == "seoul" else 1.0 for trait in traits]

    traits = weigh(Profile(words=(("seoul", 1), ("said", 1))), WORDS_ALONE, rarities)
    assert traits["seoul"] == pytest.approx(5 * traits["said"])
    assert sum(value * value for value in traits.values()) == pytest.approx(WORDS_ALONE.words)


def test_two_reports_on_one_event_are_alike_enough_and_others_are_not() -> None:
    quake = ("Quake hits Sendai harbour", "A strong quake shook Sendai on Monday and closed its harbour.")
    again = ("Sendai harbour closed after quake", "The harbour of Sendai was closed after a strong quake.")
    other = ("Parliament votes on budget", "Lawmakers in Ottawa argued about the budget of next year.")
    one, two, three = (member(make_profile(*text)) for text in (quake, again, other))
    assert likeness(one, two, WORDS_ALONE) > WORDS_ALONE.enough > likeness(one, three, WORDS_ALONE)


def of_event(event: str, number: int, *, hours: int = 0) -> Member:
    own = (f"{event}{number}", 1)
    return member(Profile(words=((f"{event}a", 2), (f"{event}b", 1), own)), number=number, hours=hours)


def test_entries_on_two_events_are_put_together_by_event_in_their_order() -> None:
    mixed = [of_event("x" if number % 2 else "y", number) for number in range(8)]
    parts = agglomerate(mixed, WORDS_ALONE)
    assert [[part.entry for part in event] for event in parts] == [[0, 2, 4, 6], [1, 3, 5, 7]]


@given(st.lists(spread, min_size=1, max_size=7), st.floats(-0.2, 1.0))
def test_what_is_put_together_holds_every_entry_once_and_no_two_parts_are_alike_enough(
    entries: list[Member], enough: float
) -> None:
    weights = replace(WORDS_ALONE, enough=enough)
    numbered = [replace(entry, entry=EntryId(at), alike={}) for at, entry in enumerate(entries)]
    parts = agglomerate(numbered, weights)
    assert sorted(entry.entry for part in parts for entry in part) == list(range(len(entries)))
    for one, other in combinations(parts, 2):
        pairs = [likeness(here, there, weights) for here, there in product(one, other)]
        assert sum(pairs) / len(pairs) < enough + 1e-9


def test_two_reports_that_share_nothing_to_point_at_begin_no_story_however_quiet_it_is() -> None:
    def lone(number: int, language: str, cosine: float) -> Member:
        vector = np.array([cosine, (1 - cosine**2) ** 0.5]) * WITH_MEANING.meaning**0.5
        return member(Profile(), number=number, language=language, vector=vector, weights=WITH_MEANING)

    english, korean = lone(1, "en", 1.0), lone(2, "ko", 0.2)
    assert likeness(english, korean, WITH_MEANING) > WITH_MEANING.enough
    assert agglomerate([english, korean], WITH_MEANING) == [[english], [korean]]
    translated = lone(3, "ko", 0.4)
    assert agglomerate([english, korean, translated], WITH_MEANING) == [[english, korean, translated]]


def test_headlines_of_one_source_that_share_nothing_but_their_field_are_several_events() -> None:
    def headline(number: int, word: str, source: str, cosine: float, text: float = 0.0) -> Member:
        vector = np.array([cosine, (1 - cosine**2) ** 0.5]) * WITH_MEANING.meaning**0.5
        return member(
            Profile(words=((word, 1),)),
            number=number,
            source=source,
            vector=vector,
            weights=WITH_MEANING,
            text=text,
        )

    first, second = headline(1, "update", "heise", 1.0), headline(2, "login", "heise", 0.5)
    third = headline(3, "firewall", "heise", 0.5)
    assert likeness(first, second, WITH_MEANING) > 2 * WITH_MEANING.enough
    assert agglomerate([first, second, third], WITH_MEANING)[0] == [first]
    elsewhere, same_word = headline(4, "login", "golem", 0.5), headline(5, "update", "heise", 0.5)
    assert agglomerate([first, elsewhere], WITH_MEANING) == [[first, elsewhere]]
    assert agglomerate([first, same_word], WITH_MEANING) == [[first, same_word]]
    retold = headline(6, "login", "heise", 0.7)
    assert agglomerate([first, retold], WITH_MEANING) == [[first, retold]]
