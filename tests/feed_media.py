"""Media RSS, enclosures and Apple's podcasts, as validators of feeds look at them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from feed_values import MAILBOX, Check, Values, at_most, name_of, one_of, words
from lxml import etree

_PLAYABLE = (".epub", ".m4a", ".m4v", ".mov", ".mp3", ".mp4", ".pdf")


@dataclass(frozen=True)
class Rule:
    """What one element may be: `check` looks at it as a whole."""

    check: Check | None = None
    attributes: frozenset[str] = frozenset()
    children: dict[str, Rule] | None = None
    """None: text alone."""
    needs: frozenset[str] = frozenset()
    many: frozenset[str] = frozenset()
    """Children that may stand more than once."""


_SHELVES = {
    shelf: tuple(filter(None, parts.split("|")))
    for shelf, parts in {
        "Arts": "Books|Design|Fashion & Beauty|Food|Performing Arts|Visual Arts",
        "Business": "Careers|Entrepreneurship|Investing|Management|Marketing|Non-Profit",
        "Comedy": "Comedy Interviews|Improv|Stand-Up",
        "Education": "Courses|How To|Language Learning|Self-Improvement",
        "Fiction": "Comedy Fiction|Drama|Science Fiction",
        "Government": "",
        "Health & Fitness": "Alternative Health|Fitness|Medicine|Mental Health|Nutrition|Sexuality",
        "History": "",
        "Kids & Family": "Education for Kids|Parenting|Pets & Animals|Stories for Kids",
        "Leisure": "Animation & Manga|Automotive|Aviation|Crafts|Games|Hobbies|Home & Garden|Video Games",
        "Music": "Music Commentary|Music History|Music Interviews",
        "News": "Business News|Daily News|Entertainment News|News Commentary|Politics|Sports News|Tech News",
        "Religion & Spirituality": "Buddhism|Christianity|Hinduism|Islam|Judaism|Spirituality",
        "Science": "Astronomy|Chemistry|Earth Sciences|Life Sciences|Mathematics|Natural Sciences|Nature|Physics"
        "|Social Sciences",
        "Society & Culture": "Documentary|Personal Journals|Philosophy|Places & Travel|Relationships",
        "Sports": "Baseball|Basketball|Cricket|Fantasy Sports|Football|Golf|Hockey|Rugby|Running|Soccer|Swimming"
        "|Tennis|Volleyball|Wilderness|Wrestling",
        "TV & Film": "After Shows|Film History|Film Interviews|Film Reviews|TV Reviews",
        "Technology": "",
        "True Crime": "",
    }.items()
}


def enclosure(judge: Values, element: Any) -> None:
    judge.public(element, element.get("url", ""))
    judge.number(element, element.get("length", ""), least=0)
    judge.media_type(element, element.get("type", ""))


def _media(judge: Values, element: Any) -> None:
    judge.uri(element, element.get("url", ""))
    for attribute in ("fileSize", "height", "width"):
        if element.get(attribute) is not None:
            judge.number(element, element.get(attribute))
    if element.get("type") is not None:
        judge.media_type(element, element.get("type"))
    if element.get("medium") not in (None, "image", "audio", "video", "document", "executable"):
        judge.say(element, f"is of no medium: {element.get('medium')!r}")
    if element.get("duration") is not None and not re.fullmatch(r"\d+(\.\d+)?", element.get("duration")):
        judge.say(element, f"has no duration: {element.get('duration')!r}")


def _cover(judge: Values, element: Any) -> None:
    judge.public(element, element.get("href", ""))
    if not urlsplit(element.get("href", "")).path.lower().endswith((".jpg", ".jpeg", ".png")):
        judge.say(element, f"is no JPEG or PNG: {element.get('href')!r}")


def _duration(judge: Values, element: Any) -> None:
    if not re.fullmatch(r"\d+(:[0-5]\d){0,2}", element.text or ""):
        judge.say(element, f"is no duration: {element.text!r}")


def _category(judge: Values, element: Any) -> None:
    parent = element.getparent()
    known = _SHELVES if name_of(parent) != "itunes:category" else _SHELVES.get(parent.get("text"), ())
    if element.get("text") not in known:
        judge.say(element, f"is no category of podcasts: {element.get('text')!r}")


def mailbox(judge: Values, element: Any) -> None:
    if not MAILBOX.fullmatch(element.text or ""):
        judge.say(element, f"is no e-mail address: {element.text!r}")


def podcast(judge: Values, element: Any) -> None:
    """A channel with anything of Apple's must say what its directory asks for."""
    if not any(name_of(each).startswith("itunes:") for each in element.iter(etree.Element)):
        return
    for needed in ("language", "itunes:category", "itunes:explicit", "itunes:owner"):
        if needed not in map(name_of, element):
            judge.say(element, f"is a podcast without {needed}")


def episode(judge: Values, element: Any) -> None:
    enclosure = element.find("enclosure")
    is_episode = any(name_of(child).startswith("itunes:") for child in element)
    if is_episode and enclosure is not None and not enclosure.get("url", "").endswith(_PLAYABLE):
        judge.say(element, f"is an episode in a format that Apple does not play: {enclosure.get('url')}")


MEDIA = {
    "media:content": Rule(_media, words("url type medium fileSize duration height width"), {}),
    "media:thumbnail": Rule(_media, words("url height width"), {}),
}
_SHELF = Rule(_category, words("text"), {})
_PODCAST = {
    "itunes:author": Rule(at_most(255)),
    "itunes:subtitle": Rule(at_most(255)),
    "itunes:summary": Rule(at_most(4000)),
    "itunes:explicit": Rule(one_of("true", "false")),
    "itunes:block": Rule(one_of("Yes", "yes", "no")),
    "itunes:image": Rule(_cover, words("href"), {}),
}
CHANNEL_PODCAST = {
    **_PODCAST,
    "itunes:type": Rule(one_of("episodic", "serial")),
    "itunes:category": Rule(
        _category, words("text"), {"itunes:category": _SHELF}, many=words("itunes:category")
    ),
    "itunes:owner": Rule(
        children={"itunes:name": Rule(at_most(255)), "itunes:email": Rule(mailbox)},
        needs=words("itunes:email"),
    ),
}
ITEM_PODCAST = {
    **_PODCAST,
    "itunes:title": Rule(Values.filled),
    "itunes:duration": Rule(_duration),
    "itunes:episode": Rule(Values.number),
    "itunes:season": Rule(Values.number),
    "itunes:episodeType": Rule(one_of("full", "trailer", "bonus")),
}
