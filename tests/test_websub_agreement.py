"""What is asked of which hub, and when; where hubs reach us; what may be told them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import SourceId
from aggregator.store.subscriptions import Offer, Subscription
from aggregator.websub.agreement import (
    asked,
    callback_base,
    confirmed,
    denied,
    form,
    may_be_secret,
    wait,
    wanted,
)

DAY = timedelta(days=1)
BASE = "https://desk.org/websub/"


def minting() -> Callable[[], str]:
    words = count(1)
    return lambda: f"word{next(words)}"


def offer(source: str = "a", *hubs: str, topic: str = "https://a.org/feed") -> Offer:
    return Offer(SourceId(source), hubs or ("https://hub.org/",), topic)


def agreed(token: str = "t", **changes: Any) -> Subscription:
    values: dict[str, Any] = {
        "token": token,
        "source": SourceId("a"),
        "hub": "https://hub.org/",
        "topic": "https://a.org/feed",
        "callback": BASE + token,
        "secret": "s",
        "state": "active",
        "next_at": NOON,
        "lease_until": NOON + DAY,
    }
    return Subscription(**(values | changes))


@pytest.mark.parametrize(
    ("base_url", "is_public"),
    [
        ("https://feeds.yna.co.kr/", True),
        ("http://feeds.yna.co.kr:8080/desk/", True),
        ("https://1.1.1.1/", True),
        ("https://[2606:4700::1]/", True),
        ("http://127.0.0.1:8080/", False),
        ("http://10.0.0.5/", False),
        ("http://[::1]:8080/", False),
        ("http://localhost:8080/", False),
        ("http://desk/", False),
        ("http://desk.local/", False),
        ("http://desk.lan/", False),
        ("https://desk.home.arpa/", False),
        ("https://desk.example/", False),
    ],
)
def test_hubs_reach_a_public_base_url(base_url: str, is_public: bool) -> None:
    assert callback_base("auto", base_url) == (f"{base_url}websub/" if is_public else None)
    assert callback_base("none", base_url) is None
    assert callback_base("http://10.1.1.1/", base_url) == "http://10.1.1.1/websub/"


@pytest.mark.parametrize(
    ("hub", "may"),
    [
        ("https://hub.org/", True),
        ("HTTPS://hub.org/", True),
        ("http://hub.org/", False),
        ("http://127.0.0.1:9000/", True),
        ("http://localhost/", True),
        ("http://8.8.8.8/", False),
    ],
)
def test_a_secret_goes_over_https_or_stays_at_home(hub: str, may: bool) -> None:
    assert may_be_secret(hub) is may
    (one,) = wanted([offer("a", hub)], [], base=BASE, mint=minting(), now=NOON).save
    assert (one.secret is not None) is may
    assert ("hub.secret" in dict(form(one))) is may


def test_what_is_right_stays() -> None:
    changes = wanted([offer()], [agreed()], base=BASE, mint=minting(), now=NOON)
    assert (changes.save, changes.forget) == ([], [])


@pytest.mark.parametrize(
    ("offers", "base"),
    [
        ([], BASE),
        ([offer()], None),
        ([offer(topic="https://a.org/moved")], BASE),
        ([offer("a", "https://other.org/")], BASE),
        ([offer()], "https://new.org/websub/"),
    ],
)
def test_what_is_not_right_any_more_ends_and_begins_anew(offers: list[Offer], base: str | None) -> None:
    changes = wanted(offers, [agreed()], base=base, mint=minting(), now=NOON)
    left, *new = changes.save
    assert (left.token, left.state, left.next_at) == ("t", "leaving", NOON)
    assert dict(form(left))["hub.mode"] == "unsubscribe"
    assert [one.callback for one in new] == ([f"{base}word1"] if offers and base else [])
    # What was never confirmed is not there to be ended
    changes = wanted(offers, [agreed(state="asked", lease_until=None)], base=base, mint=minting(), now=NOON)
    assert changes.forget == ["t"]


def test_of_two_subscriptions_to_one_source_one_stays() -> None:
    changes = wanted([offer()], [agreed("t"), agreed("u")], base=BASE, mint=minting(), now=NOON)
    assert [(one.token, one.state) for one in changes.save] == [("u", "leaving")]


def ask(one: Subscription, *hubs: str) -> Subscription | None:
    return asked(one, hubs or (one.hub,), mint=minting(), now=NOON)


def test_after_three_tries_the_next_hub_is_asked_under_another_token() -> None:
    one: Subscription | None = agreed(state="asked", lease_until=None)
    tried = []
    for _ in range(7):
        assert one is not None
        one = ask(one, "https://hub.org/", "https://other.org/")
        assert one is not None
        tried.append((one.hub, one.token))
    hub, other = "https://hub.org/", "https://other.org/"
    assert tried == [(hub, "t")] * 3 + [(other, "word1")] * 3 + [(hub, "word1")]
    assert one.failures == 7


def test_a_lease_that_runs_is_never_given_for_another_hub() -> None:
    renewed = ask(agreed(failures=3), "https://hub.org/", "https://other.org/")
    assert renewed is not None
    assert (renewed.hub, renewed.token, renewed.state) == ("https://hub.org/", "t", "active")


@pytest.mark.parametrize(
    "left", [agreed(state="leaving", failures=3), agreed(state="leaving", lease_until=NOON)]
)
def test_what_ends_by_itself_is_not_asked_to_end(left: Subscription) -> None:
    assert ask(left) is None


def test_who_denied_is_asked_again_in_a_week() -> None:
    one = denied(agreed(), "full", at=NOON)
    assert (one.state, one.next_at, one.lease_until) == ("denied", NOON + 7 * DAY, None)
    again = ask(one)
    assert again is not None
    assert (again.state, again.token) == ("asked", "t")


@given(seconds=st.integers(1, 10**9))
def test_a_lease_is_renewed_in_time_and_not_all_the_time(seconds: int) -> None:
    one = confirmed(agreed(failures=2, problem="x"), timedelta(seconds=seconds), at=NOON)
    assert one.lease_until is not None
    assert one.lease_until <= NOON + timedelta(days=30)
    assert one.next_at >= NOON + timedelta(minutes=5)
    assert one.next_at < one.lease_until or seconds <= 375
    assert (one.state, one.failures, one.problem) == ("active", 0, None)


@given(failures=st.integers(1, 10_000))
def test_waits_double_up_to_a_week(failures: int) -> None:
    assert timedelta(minutes=5) <= wait(failures) <= wait(failures + 1) <= 7 * DAY
    assert wait(failures + 1) in (2 * wait(failures), 7 * DAY)


def test_an_unsubscription_tells_no_secret() -> None:
    assert dict(form(replace(agreed(), state="leaving"))) == {
        "hub.mode": "unsubscribe",
        "hub.topic": "https://a.org/feed",
        "hub.callback": f"{BASE}t",
    }
