"""Chat services through Apprise, which is an extra."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from builders import Books
from conftest import Desk
from office import begun
from origin import Origin

from aggregator import chat
from aggregator.settings import Notify


def service(origin: Origin, path: str = "/chat") -> str:
    """A chat service that takes JSON."""
    origin.put(path)
    return origin.url(path).replace("http://", "json://")


def test_a_new_story_is_told_to_a_chat_once(books: Books, origin: Origin) -> None:
    office = begun(books, Notify(chat=service(origin)))
    office.bring("one report")
    assert office.deliver().sent == 1
    assert office.deliver().sent == 0
    (asked,) = origin.requests
    message = json.loads(asked.body)
    assert message["title"] == "Headline one report"
    story = books.story_of("Headline one report")
    assert message["message"].splitlines() == [
        "The report one report has a few words.",
        "",
        f"https://desk.example/stories/{story}.html",
        "The topic",
    ]


def test_what_a_service_refuses_is_tried_again(books: Books, origin: Origin) -> None:
    office = begun(books, Notify(chat=service(origin)))
    origin.put("/chat", status=500)
    office.bring("one report")
    ((receiver, refusal),) = office.deliver().troubles
    assert receiver.name == "json://…"
    assert "500" in refusal.message
    service(origin)
    assert office.after(minutes=2).sent == 1


TOPICS = "topics:\n  - {{id: sea, title: The sea, match: sea, notify: [{{chat: '{}'}}]}}\n"


def test_an_address_that_apprise_does_not_know_is_a_mistake_at_its_place(desk: Desk) -> None:
    desk.write("topics.yaml", TOPICS.format("nonsense://topic"))
    said = desk.run("check", status=2).stderr
    assert "topics.yaml:2:59: topics[0].notify[0].chat: 'nonsense://topic' is no address that Apprise" in said


def test_without_the_extra_the_error_says_how_to_get_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "find_spec", lambda _name: None)
    desk.write("topics.yaml", TOPICS.format("ntfy://topic"))
    said = desk.run("check", status=2).stderr
    assert "needs the extra `chat`, which is not installed (pip install 'feed-aggregator[chat]')" in said
    told = chat.tell("ntfy://secret", title="", body="")
    assert told is not None
    assert told.startswith("ntfy needs the extra")


def test_who_has_no_chat_does_not_wait_for_apprise_to_load(desk: Desk) -> None:
    code = (
        "import os, sys; from pathlib import Path; from aggregator.config import load;"
        " load(Path(sys.argv[1]), environ=os.environ); sys.exit('apprise' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(desk.config)], check=False)
    assert done.returncode == 0
