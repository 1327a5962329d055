"""What publishing remembers never keeps something stale: whatever changed is published with the next publication."""

from __future__ import annotations

from datetime import timedelta

import pytest
from at_once import stale
from builders import NOON, Books, entry, topic

from aggregator.model import Feed
from aggregator.store.connection import writing
from aggregator.store.matches import record_near
from aggregator.topic.like import Nearness
from aggregator.upkeep import prune

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TOKEN = "k3YqT8vXw2Nb6RmZ"


@pytest.fixture
def desk(books: Books) -> Books:
    """Two topics, published; story `both` is in both."""
    books.configure(topics=[topic("alpha", all_of=("alpha",)), topic("beta", all_of=("beta",))])
    books.fetch_from("a", entry("alpha"), entry("beta"), entry("both", text="alpha and beta"), entry("none"))
    books.publish()
    return books


# What is not said of the story itself


@pytest.mark.parametrize("said", [{"title": "Other"}, {"url": "https://new.example/"}, {"rights": "© A"}])
def test_what_a_feed_says_of_itself(desk: Books, said: dict[str, str]) -> None:
    desk.fetch_from("a", entry("alpha"), feed=Feed(**({"title": "A", "url": "https://a.example/"} | said)))
    desk.publish()
    assert not stale(desk)


def test_the_words_for_which_a_story_is_in_a_topic_though_they_are_found_late(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",), like=("Told in headlines.",)), desk.topics[1]])
    desk.publish()
    near = [(desk.id_of("Headline alpha"), Nearness(0.9, "Told in headlines.", ("headline",)))]
    with writing(desk.db):
        record_near(desk.db, desk.rules[0], near)
    desk.publish()
    assert not stale(desk)


def test_a_story_that_was_removed_and_came_back_with_another_text(desk: Books) -> None:
    desk.fetch_from("a")
    prune(desk.db, before=NOON)
    desk.fetch_from("a", entry("both", text="alpha and beta, told anew"))
    desk.publish()
    assert not stale(desk)


def test_a_topic_that_becomes_private_is_named_by_no_page(desk: Books) -> None:
    desk.configure(topics=[topic("alpha", all_of=("alpha",), token=TOKEN), desk.topics[1]])
    desk.publish()
    assert not stale(desk)
    desk.configure(topics=[topic("alpha", all_of=("alpha",)), desk.topics[1]])
    desk.publish()
    assert not stale(desk)
