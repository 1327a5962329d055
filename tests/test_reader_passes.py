"""What newsboat and rss2email show over twenty passes: reports are edited, merged, withdrawn, moved and archived."""

from __future__ import annotations

import shutil
from calendar import timegm
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.request import urlopen

import feedparser
import pytest
from conftest import Desk
from newsroom import CHIPS, DEFENCE, FERRY, KIMCHI, LIBRARY, METRO, MUSEUM, SNOW, TARIFF, Newsroom
from office import serving_mailbox
from origin import serving_origin
from program import started
from readers import Newsboat, Rss2email, needs_newsboat, needs_rss2email
from selectolax.lexbor import LexborHTMLParser

FORMATS = ("rss", "atom")
TITLES = {
    "seoul": {CHIPS, DEFENCE, FERRY, KIMCHI, LIBRARY, METRO, MUSEUM, SNOW},
    "trade": {CHIPS, FERRY, TARIFF},
}
"""Topic → all that it ever held, each under its last headline."""


class Item(NamedTuple):
    """An item as a feed has it, or as a reader lists it."""

    title: str
    author: str
    link: str
    published: int
    content: str


@dataclass
class Pass:
    """What stood in the feeds after a pass, and what the readers made of it; a feed is named like `seoul/rss`."""

    published: dict[str, dict[str, Item]]
    """Feed → id → item."""
    listed: dict[str, dict[str, Item]]
    """Feed → id → item, in newsboat."""
    pictures: set[str]
    """Addresses of the pictures of the feed `seoul/rss`."""
    mails: list[EmailMessage]
    """What rss2email sent."""

    def sent(self, feed: str) -> list[EmailMessage]:
        """What it sent of this subscription."""
        return [mail for mail in self.mails if mail["List-ID"] == f"<{feed}.localhost>"]


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pass]]:
    """Each pass, by what happened before it."""
    folder = tmp_path_factory.mktemp("passes")
    desk = Desk(folder)
    desk.write("aggregator.yaml", desk.read("aggregator.yaml") + "web: {listen: '127.0.0.1:0'}\n")
    with ExitStack() as stack:
        room = Newsroom(desk, stack.enter_context(serving_origin()))
        box = stack.enter_context(serving_mailbox())
        running = stack.enter_context(started(folder / "said", "--config", desk.config, "serve"))
        site = running.hears(r"(http://127\.0\.0\.1:\d+/)")[1]
        room.open(site)
        # Equal ids in two feeds are one item for newsboat: there is one for each format
        boats = {kind: Newsboat(folder / kind) for kind in FORMATS if shutil.which("newsboat")}
        for kind, boat in boats.items():
            boat.subscribe(*(f"{site}{topic}/{kind}.xml" for topic in TITLES))
        mailer = Rss2email(folder / "r2e", box.port) if shutil.which("r2e") else None
        if mailer:
            mailer.subscribe("once", f"{site}seoul/rss.xml")
            settings = {"reply-changes": "True", "html-mail": "True", "date-header": "True"}
            mailer.subscribe("changes", f"{site}seoul/atom.xml", settings)
        found: dict[str, Pass] = {}
        for what in room.passes():
            room.update()
            for boat in boats.values():
                boat.reload()
            if mailer:
                mailer.run()
            entries = {f"{topic}/{kind}": read(site, topic, kind) for topic in TITLES for kind in FORMATS}
            found[what] = Pass(
                {feed: {entry.id: item(entry) for entry in held} for feed, held in entries.items()},
                {
                    feed: listed(boats[kind], f"{site}{feed}.xml")
                    for feed in entries
                    for kind in boats
                    if feed.endswith(kind)
                },
                {
                    entry.media_thumbnail[0]["url"].removeprefix(room.origin.address)
                    for entry in entries["seoul/rss"]
                },
                box.messages[sum(len(one.mails) for one in found.values()) :],
            )
        yield found


def read(site: str, topic: str, kind: str) -> list[Any]:
    with urlopen(f"{site}{topic}/{kind}.xml", timeout=10) as answer:
        parsed = feedparser.parse(answer.read(), sanitize_html=False, resolve_relative_uris=False)
    entries: list[Any] = parsed.entries
    assert len({entry.id for entry in entries}) == len(entries)
    return entries


def item(entry: Any) -> Item:
    return Item(entry.title, entry.author, entry.link, timegm(entry.published_parsed), entry.content[0].value)


def listed(boat: Newsboat, feed: str) -> dict[str, Item]:
    rows = boat.rows("SELECT feedurl, guid, title, author, url, pubDate, content FROM rss_item")
    return {id: Item(*shown) for url, id, *shown in rows if url == feed}


def all_mails(passes: dict[str, Pass], feed: str) -> list[EmailMessage]:
    return [mail for one in passes.values() for mail in one.sent(feed)]


def words(html: str) -> str:
    return " ".join(LexborHTMLParser(html).text(separator=" ").split())


@needs_newsboat
def test_newsboat_lists_each_item_as_the_feed_has_it_after_every_pass(passes: dict[str, Pass]) -> None:
    assert len(passes) > 20
    for what, one in passes.items():
        for feed, published in one.published.items():
            assert published.items() <= one.listed[feed].items(), what


@needs_newsboat
def test_newsboat_lists_nothing_twice_and_all_that_ever_was(passes: dict[str, Pass]) -> None:
    *_, last = passes.values()
    for feed, items in last.listed.items():
        assert Counter(one.title for one in items.values()) == Counter(TITLES[feed.partition("/")[0]])
        assert len({one.link for one in items.values()}) == len(items)


@needs_newsboat
@pytest.mark.parametrize(
    ("what", "title", "told"),
    [
        ("a headline is corrected", FERRY, "Corrected: Han Wire changed its headline"),
        ("a text grows", FERRY, "Twelve hundred passengers were late."),
        ("another outlet copies a report and has one of its own", DEFENCE, "same text as Han Wire"),
        ("an editor merges two stories", CHIPS, "Dense fog kept eleven ferries"),
        ("it is missing still: withdrawn", "Museum shows celadon from sunken ship", "Withdrawn: Han Wire"),
        ("a report moves", DEFENCE, "https://wire.example/2024/defence"),
        ("what is in the archive is corrected", MUSEUM, "It closes in May."),
    ],
)
@pytest.mark.parametrize("kind", FORMATS)
def test_newsboat_shows_a_change_in_the_pass_that_brings_it(
    passes: dict[str, Pass], kind: str, what: str, title: str, told: str
) -> None:
    feed = f"seoul/{kind}"
    before, after = (list(passes.values())[[*passes].index(what) + step].listed[feed] for step in (-1, 0))
    (id,) = (id for id, shown in after.items() if shown.title == title)
    assert (told in before[id].content, told in after[id].content) == (False, True)


def test_authors_and_pictures_come_with_the_items(passes: dict[str, Pass]) -> None:
    assert passes["four reports"].pictures == {"/40.png", "/41.png", "/42.png"}
    assert passes["a picture is replaced"].pictures == {"/40.png", "/41.png", "/90.png"}
    for kind in FORMATS:
        told = {
            what: {one.author for one in passed.published[f"seoul/{kind}"].values()}
            for what, passed in passes.items()
        }
        assert told["four reports"] == {"Kim Min-ji", "Park Jun", "Lee Ha-eun"}
        assert told["an author is added"] == {"Kim Min-ji", "Park Jun and Han So-ra", "Lee Ha-eun"}


def test_what_was_withdrawn_and_comes_back_or_has_another_guid_is_not_said_to_be_withdrawn(
    passes: dict[str, Pass],
) -> None:
    *_, last = passes.values()
    assert not any("Withdrawn" in one.content for items in last.published.values() for one in items.values())


@needs_rss2email
def test_rss2email_sends_each_item_once_with_title_author_and_text(passes: dict[str, Pass]) -> None:
    first: dict[str, Item] = {}
    for one in passes.values():
        new = {id: told for id, told in one.published["seoul/rss"].items() if id not in first}
        first |= new
        mails = {mail["X-RSS-ID"]: mail for mail in one.sent("once")}
        assert mails.keys() == new.keys()
        for id, mail in mails.items():
            shown = (mail["Subject"], parseaddr(mail["From"])[0], mail["X-RSS-URL"])
            assert shown == (new[id].title, f"Seoul: {new[id].author}", new[id].link)
            assert "Lead report: [" in mail.get_content()
    assert len(all_mails(passes, "once")) == len(first) == len(TITLES["seoul"])


@needs_rss2email
def test_rss2email_sends_what_changed_in_reply_to_what_it_sent_before_where_it_is_told_to(
    passes: dict[str, Pass],
) -> None:
    threads: dict[str, tuple[str, str]] = {}
    """Id of the item → id of its last mail, and content."""
    for what, one in passes.items():
        published = one.published["seoul/atom"]
        mails = {mail["X-RSS-ID"]: mail for mail in one.sent("changes")}
        assert len(mails) == len(one.sent("changes")), what
        assert mails.keys() == {
            id for id in published if threads.get(id, ("", ""))[1] != published[id].content
        }
        for id, mail in mails.items():
            assert mail["In-Reply-To"] == (threads[id][0] if id in threads else None)
            assert words(published[id].content) in words(mail.get_content())
            threads[id] = mail["Message-ID"], published[id].content
    assert len(threads) == len(TITLES["seoul"])
    assert not passes["nothing changes"].mails
    dates = {
        parsedate_to_datetime(mail["Date"]).timestamp() for mail in passes["four reports"].sent("changes")
    }
    assert dates == {told.published for told in passes["four reports"].published["seoul/atom"].values()}
