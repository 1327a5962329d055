"""A pass without a network: no source is blamed for it."""

from __future__ import annotations

import pytest
from builders import entry, failure, harvest

from aggregator.harvest.outage import Outage
from aggregator.model import Harvest, SourceId

URLS = {SourceId(name): f"https://feeds.{name}.example/rss" for name in "abcd"}
URLS[SourceId("a2")] = "https://www.a.example/other"


def passed(*harvests: Harvest) -> tuple[list[str], bool]:
    """The sources whose harvests are applied, in order, and whether there was no network."""
    outage = Outage(URLS)
    applied = [str(one.source) for harvest in harvests for one in outage.take(harvest)]
    is_offline = outage.is_offline
    return applied + [str(one.source) for one in outage.finish()], is_offline


@pytest.mark.parametrize("kind", ["dns", "connect", "timeout"])
def test_when_no_site_is_reached_none_is_blamed(kind: str) -> None:
    assert passed(*(failure(name, kind=kind) for name in "abc")) == ([], True)


def test_what_never_went_out_is_no_sign_of_a_network() -> None:
    assert passed(failure("a", kind="dns"), failure("b", kind="dns"), failure("c", kind="bad_url")) == (
        ["c", "a", "b"],
        False,
    )
    unreached = [failure(name, kind="dns") for name in "abc"]
    assert passed(*unreached, failure("d", kind="private_address")) == (["d"], True)


def test_one_answer_shows_that_the_others_are_down() -> None:
    unreached = [failure(name, kind="dns") for name in "abc"]
    assert passed(*unreached, harvest("d", entry())) == (["a", "b", "c", "d"], False)
    assert passed(*unreached[:2], failure("d", kind="http"), unreached[2]) == (["a", "b", "d", "c"], False)
    assert passed(harvest("d"), *unreached) == (["d", "a", "b", "c"], False)


def test_the_sources_of_one_or_two_sites_may_be_down_by_themselves() -> None:
    down = [failure(name, kind="connect") for name in ("a", "a2", "b")]
    assert passed(*down) == (["a", "a2", "b"], False)


def test_a_pass_over_nothing_is_no_outage() -> None:
    assert passed() == ([], False)
