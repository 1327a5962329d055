"""What may be written into `notify` and `mail`, and how a mistake is told."""

from __future__ import annotations

import pytest
from conftest import Desk

from aggregator.config import load
from aggregator.values import webhook_key

MAIL = "mail: {{host: mail.example.org, sender: Desk <desk@example.org>{more}}}\n"


def topics(*notify: str) -> str:
    lines = "".join(f"      - {{{one}}}\n" for one in notify)
    return f"topics:\n  - id: sea\n    title: The sea\n    match: sea\n    notify:\n{lines}"


def configure(desk: Desk, *notify: str, mail: str = MAIL.format(more="")) -> None:
    desk.write("aggregator.yaml", mail)
    desk.write("topics.yaml", topics(*notify))


def test_all_three_kinds_load(desk: Desk) -> None:
    configure(
        desk,
        'webhook: "https://hooks.example/x", secret: "${HOOK}", headers: {X-Key: "${KEY}"}',
        "mail: [a@example.org, b@example.org], every: week, at: 18:30, weekday: friday",
        "chat: ntfy://topic",
    )
    found = load(desk.config, environ={"HOOK": "0123456789abcdef", "KEY": "x"})
    hook, mail, chat = found.topics.topics[0].notify
    assert (hook.secret, hook.headers) == ("0123456789abcdef", {"X-Key": "x"})
    assert (mail.mail, mail.at) == (("a@example.org", "b@example.org"), "18:30")
    assert chat.chat == "ntfy://topic"
    assert found.aggregator.mail is not None


@pytest.mark.parametrize(
    ("notify", "problem"),
    [
        (
            "webhook: ftp://x",
            "6:19: topics[0].notify[0].webhook: 'ftp://x' is not a URL that starts with http",
        ),
        ("at: 07:00", "6:9: topics[0].notify[0]: expected one of webhook, mail and chat"),
        (
            "webhook: http://x/, chat: ntfy://x",
            "6:9: topics[0].notify[0]: expected one of webhook, mail and chat",
        ),
        ("mail: a@example.org", "expected a list, found 'a@example.org'"),
        (
            "mail: [nobody]",
            "topics[0].notify[0].mail[0]: 'nobody' is not an e-mail address (reader@example.org)",
        ),
        ("mail: [a@x.org, a@x.org]", "mail[1]: 'a@x.org' is told already (topics[0].notify[0].mail[0])"),
        ("mail: [a@x.org], at: 7am", "at: '7am' is not a time of day (07:00, 18:30)"),
        ("mail: [a@x.org], at: 25:00", "at: '25:00' is not a time of day"),
        ("mail: [a@x.org], every: month", "every: expected 'day' or 'week', found 'month'"),
        ("mail: [a@x.org], weekday: friday", "weekday: is for `every: week`"),
        ("mail: [a@x.org], secret: 0123456789abcdef", "secret: belongs to webhook, not to mail"),
        ("webhook: http://x/, at: 07:00", "at: belongs to mail, not to webhook"),
        (
            "webhook: http://x/, secret: short",
            "secret: must be at least 16 characters, or whsec_ with base64",
        ),
        ("webhook: http://x/, secret: whsec_!!!!", "secret: must be at least 16 characters"),
        ("webhook: http://x/, headers: {a b: c}", "headers['a b']: 'a b' is not the name of a header"),
        ("webhook: http://x/, scret: x", "unknown key 'scret', did you mean 'secret'?"),
        ("chat: no address", "chat: 'no address' is not an address of a chat service"),
    ],
)
def test_a_mistake_in_notify_is_told_at_its_place(desk: Desk, notify: str, problem: str) -> None:
    configure(desk, notify)
    said = desk.run("check", status=2).stderr
    assert "topics.yaml:6:" in said
    assert problem in said


def test_a_digest_needs_a_mail_server(desk: Desk) -> None:
    configure(desk, "mail: [a@example.org]", mail="")
    said = desk.run("check", status=2).stderr
    assert "topics.yaml:6:10: topics[0].notify[0].mail: there is no `mail` in aggregator.yaml" in said


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (", user: desk", "mail.password: is missing: user and password go together"),
        (", password: x", "mail.user: is missing: user and password go together"),
        (", port: 0", "mail.port: must be at least 1, found '0'"),
        (", security: ssl", "mail.security: expected 'starttls', 'tls' or 'none', found 'ssl'"),
        (", sender: Desk", "'Desk' is not an e-mail address (desk@example.org, Desk <desk@example.org>)"),
    ],
)
def test_a_mistake_in_mail_is_told_at_its_place(desk: Desk, more: str, problem: str) -> None:
    text = MAIL.format(more=more)
    if "sender: Desk}" in text:
        text = "mail: {host: mail.example.org, sender: Desk}\n"
    desk.write("aggregator.yaml", text)
    said = desk.run("check", status=2).stderr
    assert "aggregator.yaml:1:" in said
    assert problem in said


def test_a_password_over_a_plain_connection_is_warned_of(desk: Desk) -> None:
    desk.write("aggregator.yaml", MAIL.format(more=", security: none, user: a, password: b"))
    assert "the password goes over the network in plain text" in desk.run("check").stderr


def test_a_secret_is_its_own_key_or_base64() -> None:
    assert webhook_key("0123456789abcdef") == b"0123456789abcdef"
    assert webhook_key("whsec_MDEyMzQ1Njc4OWFiY2RlZg") == b"0123456789abcdef"
    assert webhook_key("whsec_MDEyMzQ1Njc4OWFiY2RlZg==") == b"0123456789abcdef"
    assert webhook_key("whsec_MDEy") is None
