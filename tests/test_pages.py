"""The published pages, read as a browser reads them."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from selectolax.lexbor import LexborHTMLParser
from test_publish_formats import FULL, HOSTILE, NOON, channel, hostile_items, item, report, sentence, story

from aggregator.model import (
    Channel,
    Enclosure,
    EntryId,
    Item,
    Quote,
    Related,
    SourceId,
    Story,
    StoryId,
    TopicId,
)
from aggregator.publish.content import legal
from aggregator.publish.items import (
    Front,
    front_text,
    make_channel,
    make_item,
    read_front,
    tell,
    with_items,
)
from aggregator.publish.pages import index_page, moved_page, story_page, topic_page
from aggregator.publish.rss_atom import rss
from aggregator.settings import Output, Site, TopicSettings

HOME = "https://news.example/"
STORY_URL = "https://news.example/stories/s1.html"


def of_story(told: Story, *topics: Any) -> LexborHTMLParser:
    page = story_page(told, url=STORY_URL, topics=topics, site_title="Seoul–Kyiv desk", home=HOME)
    return LexborHTMLParser(page)


def of_topic(shown: Channel) -> LexborHTMLParser:
    return LexborHTMLParser(topic_page(shown, home=HOME))


def front(shown: Channel) -> Front:
    return read_front(replace(shown, items=()), front_text(shown))


def of_index(*channels: Channel) -> bytes:
    return index_page([front(shown) for shown in channels], site_title="Desk", base_url=HOME)


def texts(page: Any, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in page.css(selector)]


def pages(of: Item) -> list[bytes]:
    of_channel = channel(of)
    return [
        topic_page(of_channel, home=HOME),
        story_page(of.story, url=STORY_URL, topics=[of_channel], site_title="Desk", home=HOME),
        of_index(of_channel),
        moved_page(STORY_URL, of.story.headline),
    ]


# Every page


@pytest.mark.parametrize("number", range(4))
def test_a_page_asks_for_nothing_else_and_allows_only_its_own_style_and_script(number: int) -> None:
    page = LexborHTMLParser(pages(FULL)[number])
    policy = page.css_first('meta[http-equiv="Content-Security-Policy"]').attributes["content"] or ""
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        (node,) = page.css(f"{tag}:not([type='application/ld+json'])")
        digest = b64encode(sha256(node.text().encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not page.css("[src]:not(audio), [style], link[rel=stylesheet], iframe, form")
    assert {node.attributes["preload"] for node in page.css("audio")} <= {"none"}
    assert ("media-src" in policy) == bool(page.css("audio"))
    assert (page.css_first("link[rel=Icon]").attributes["href"] or "").startswith(
        "data:image/svg+xml,%3Csvg "
    )
    # Liferea looks for this spelling, and takes what follows for a file
    assert b'rel="icon"' not in pages(FULL)[number]
    assert "url(" not in page.css_first("style").text()
    assert "@import" not in page.css_first("style").text()


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_from_its_ground_as_wcag_aa_asks(scheme: int) -> None:
    style = files("aggregator.publish").joinpath("templates/style.css").read_text("utf-8")
    colours = dict(
        re.findall(r"--(\w+): (#[0-9a-f]{6})", re.findall(r":root \{[^}]*--paper[^}]*", style)[scheme])
    )
    for ground in ("paper", "wash"):
        for text in ("ink", "soft", "accent"):
            dark, light = sorted(luminance(colours[name]) for name in (ground, text))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("number", range(4))
def test_equal_stories_give_equal_pages(number: int) -> None:
    assert pages(FULL)[number] == pages(FULL)[number]


@settings(max_examples=60)
@given(hostile_items(), HOSTILE)
def test_no_text_becomes_markup_on_any_page(of: Item, title: str) -> None:
    headline = " ".join(legal(of.story.headline).split()) or "Untitled"
    topic, told, index, moved = (LexborHTMLParser(page) for page in pages(of))
    assert " ".join(told.css_first("h1").text().split()) == headline
    assert " ".join(topic.css_first("h2").text().split()) == headline
    for page in (topic, told, index, moved, of_topic(channel(of, title=title))):
        assert len(page.css("script:not([type='application/ld+json'])")) == 1
        assert len(page.css("script")) <= 2
        assert len(page.css("style")) == 1
        for node in page.css("body *"):
            assert not any(name.startswith("on") for name in node.attributes)
        for node in page.css("a"):
            assert re.match("(feed:)?https?://", node.attributes["href"] or "")


# A story


def test_what_there_is_to_hear_or_see_is_played_on_the_page_and_linked() -> None:
    audio = Enclosure("https://one.example/1.mp3?a=1&b=2", "audio/mpeg", 28_410_112, seconds=3723)
    odd = Enclosure("https://one.example/1.ogg", "audio/ogg")
    video = Enclosure("https://two.example/2.mp4", "application/octet-stream", 900, seconds=42)
    text = Enclosure("https://two.example/2.pdf", "application/pdf", 9)
    first, second = report(1, enclosures=(odd, audio)), report(2, title="To see", enclosures=(text, video))
    page = of_story(story(first, second, report(3, enclosures=(audio,))))
    assert [node.attributes["src"] for node in page.css("audio, video")] == [audio.url, video.url]
    assert all("controls" in node.attributes for node in page.css("audio, video"))
    assert {node.attributes["preload"] for node in page.css("audio, video")} == {"none"}
    assert texts(page, ".media figcaption") == [
        "Ukrainian delegation asks Seoul for arms · 1 h 2 min, 28 MB",
        "To see · Outlet 2 · 42 s, 1 kB",
    ]
    assert [node.attributes["href"] for node in page.css(".media a")] == [audio.url, video.url]
    assert texts(page, ".media h2") == ["Listen"]
    policy = page.css_first('meta[http-equiv="Content-Security-Policy"]').attributes["content"] or ""
    assert policy.endswith("; media-src http: https:")
    assert texts(page, "section h2")[0] == "Listen"
    beside = of_story(story(report(1), second))
    assert texts(beside, "section h2") == ["Story", "Watch", "Opinions", "Coverage"]
    gone = report(1, enclosures=(audio,), withdrawn_at=NOON)
    assert not of_story(story(gone)).css(".media")


def test_a_story_page_has_its_sections_in_order_and_an_end() -> None:
    told = story(report(1), highlights=(sentence("Short.", report(1)),))
    page = of_story(told, channel())
    assert texts(page, "section h2") == ["Highlights", "Story", "Opinions", "Coverage"]
    assert texts(page, "h1") == [told.headline]
    assert texts(page, ".highlights li") == ["Short. Outlet 1 1"]
    assert texts(page, ".end p")[0] == "End of the story, as told by Outlet 1."
    assert page.css_first("link[rel=canonical]").attributes["href"] == STORY_URL


def test_a_story_without_highlights_has_no_such_section() -> None:
    assert texts(of_story(story()), "section h2") == ["Story", "Opinions", "Coverage"]


def test_a_story_without_opinions_says_so() -> None:
    assert texts(of_story(story()), ".opinions .none") == ["No opinion pieces about this so far."]


def test_opinions_stand_apart_from_coverage() -> None:
    page = of_story(FULL.story)
    assert texts(page, ".opinions a") == ["Why Seoul should help"]
    assert "Why Seoul should help" not in texts(page, ".coverage a")


def test_a_story_that_is_only_opinion_says_that_nobody_reported_it() -> None:
    page = of_story(story(report(1, kind="opinion")))
    assert texts(page, ".coverage .none") == ["Nobody reported it yet; there is only opinion."]
    assert texts(page, ".end p") == ["End of the story."]
    # What it says stands among the opinions, not told as news
    assert texts(page, "section h2") == ["Opinions", "Coverage"]


def test_a_story_without_text_says_so() -> None:
    assert len(texts(of_story(story(story=())), ".story .none")) == 1


def test_times_are_written_in_utc_and_for_machines() -> None:
    times = of_story(story(report(1), report(30))).css(".title time")
    assert [time.attributes["datetime"] for time in times] == ["2024-11-27T12:30:00Z", "2024-11-27T12:01:00Z"]
    assert [time.text() for time in times] == ["27 Nov 2024, 12:30 UTC", "27 Nov 2024, 12:01 UTC"]


def test_each_sentence_stands_before_the_source_that_it_came_from() -> None:
    first, second = report(1), report(2)
    told = [sentence("One.", first), sentence("Two.", second), sentence("Three.", first)]
    page = of_story(story(first, second, story=tuple(told)))
    assert texts(page, ".story p") == ["One. Outlet 1 1 Two. Outlet 2 2", "Three. Outlet 1 1"]
    assert [node.attributes["href"] for node in page.css(".story cite a")] == [
        first.url,
        second.url,
        first.url,
    ]


def test_every_sentence_of_a_run_links_its_source_which_is_shown_once() -> None:
    only = report(1)
    page = of_story(story(only, story=(sentence("One.", only), sentence("Two.", only))))
    assert [node.attributes["href"] for node in page.css(".story cite a")] == [only.url, only.url]
    assert texts(page, ".story cite:not(.same)") == ["Outlet 1 1"]
    # Read aloud, or without style, the number comes with the outlet's name
    assert texts(page, ".story cite.same") == ["Outlet 1 1"]


def test_the_number_of_a_citation_is_that_of_the_report_in_the_coverage() -> None:
    first, copy, second = report(1), report(2, duplicate_of=EntryId(1)), report(3, title="Other words")
    told = (sentence("One.", second), sentence("Two.", second), sentence("Three.", copy))
    page = of_story(story(first, copy, second, story=told))
    assert texts(page, ".story cite i") == ["2", "1"]
    assert texts(page, ".story cite.same a")[0].endswith(" 2")
    assert [node.text() for node in page.css(".coverage li b")] == ["Outlet 1", "Outlet 3"]
    opinion = report(2, kind="opinion")
    lone = of_story(
        story(first, opinion, story=(sentence("I think so.", opinion), sentence("You should.", opinion)))
    )
    assert texts(lone, ".story cite") == ["Outlet 2 *", "Outlet 2"]


def test_every_page_shows_the_same_time_for_the_same_story() -> None:
    of = story(report(1), report(2), updated=NOON.replace(hour=19, minute=40))
    topic = TopicSettings(id="x", title="X", all_of=["seoul"], republish="never")
    made = make_item(
        tell(of, STORY_URL), topic, output=Output(), authority="a,2024", published=of.first_published
    )
    shown = with_items(make_channel(topic, site=Site(), output=Output(), authority="a,2024"), [made])
    assert shown.items[0].updated == of.first_published
    pages = [topic_page(shown, home=HOME), of_index(shown)]
    times = [node.attributes["datetime"] for page in pages for node in LexborHTMLParser(page).css("time")]
    assert set(times) == {"2024-11-27T19:40:00Z"}
    assert b"<lastBuildDate>Wed, 27 Nov 2024 19:40:00 +0000<" in rss(shown)


def test_what_another_language_says_is_marked_with_its_name() -> None:
    english, korean = report(1), report(2, language="ko-KR")
    told = (sentence("English.", english), sentence("한국어.", korean))
    quote = Quote("한국어로 말했다.", "윤 대통령", korean.entry, korean.url, korean.source_title, "ko")
    page = of_story(story(english, korean, story=told, highlights=told, quotes=(quote,)))
    assert texts(page, ".story cite") == ["Outlet 1 1", "Outlet 2, Korean 2"]
    assert texts(page, ".highlights cite") == ["Outlet 1 1", "Outlet 2, Korean 2"]
    assert texts(page, ".quotes cite") == ["Outlet 2, Korean"]
    assert [node.attributes["lang"] for node in page.css(".highlights li")] == ["en", "ko-KR"]
    assert page.css_first(".quotes blockquote").attributes["lang"] == "ko"


def test_a_quote_stands_in_the_marks_of_its_language_with_its_speaker_and_source() -> None:
    def quote(text: str, language: str) -> Quote:
        return Quote(text, "Kim Min-ji", EntryId(1), "https://outlet1.example/1", "Outlet 1", language)

    page = of_story(story(quotes=(quote("We wait", "en"), quote("Ми чекаємо", "uk"), quote("Czekamy", "pl"))))
    assert texts(page, "section h2") == ["Story", "Quotes", "Opinions", "Coverage"]
    assert texts(page, "blockquote") == ["“We wait”", "«Ми чекаємо»", "„Czekamy”"]
    assert texts(page, "figcaption")[0] == "Kim Min-ji Outlet 1"
    assert page.css_first("figcaption a").attributes["href"] == "https://outlet1.example/1"


def test_a_story_without_quotes_or_related_stories_has_no_such_sections() -> None:
    page = of_story(story())
    assert not page.css(".quotes, .related")


def test_related_stories_are_linked_with_their_dates() -> None:
    other = Related(StoryId("s2"), "Седмиця потому", "uk", NOON)
    page = of_story(story(related=(other,)))
    link = page.css_first(".related a")
    assert (link.text(), link.attributes["href"]) == (other.headline, "https://news.example/stories/s2.html")
    assert page.css_first(".related p").attributes["lang"] == "uk"
    assert page.css_first(".related time").attributes["datetime"] == "2024-11-27T12:00:00Z"


def test_an_opinion_shows_how_it_begins_and_who_wrote_it() -> None:
    text = "Seoul should decide. " + "It has waited for a long time and said very little of its plans. " * 9
    page = of_story(story(report(1), report(2, kind="opinion", author="Nora Feld", text=text)))
    excerpt, byline = texts(page, ".opinions li p")
    assert excerpt.startswith("Seoul should decide. It has waited")
    assert excerpt.endswith(".")
    assert 200 < len(excerpt) <= 300
    assert byline == "Nora Feld · Outlet 2 · 27 Nov 2024, 12:02 · English"


def test_coverage_counts_outlets_languages_and_independent_origins() -> None:
    copy, korean = report(2, duplicate_of=EntryId(1)), report(3, language="ko")
    assert texts(of_story(story(report(1), copy, korean)), ".breadth") == [
        "3 outlets in English and Korean, 2 independent origins."
    ]
    apart = of_story(
        story(report(1), report(2, kind="opinion"), report(3, kind="opinion", source_title="Outlet 1"))
    )
    assert texts(apart, ".breadth") == ["One outlet so far, in English; 1 more with opinion alone."]
    assert texts(of_story(story(report(1, language=None))), ".breadth") == ["One outlet so far."]
    assert texts(of_story(story(report(1), copy)), ".breadth") == [
        "2 outlets in English, 1 independent origin."
    ]


def test_a_report_that_its_outlet_told_again_says_when() -> None:
    revised = report(1, revised_at=NOON.replace(hour=15))
    assert texts(of_story(story(revised)), ".coverage .meta time") == [
        "27 Nov 2024, 12:01",
        "27 Nov 2024, 15:00",
    ]
    other_feed = report(2, duplicate_of=EntryId(1), source_title="Outlet 1", published=NOON.replace(hour=18))
    page = of_story(story(report(1), other_feed))
    assert texts(page, ".coverage .meta time") == ["27 Nov 2024, 12:01", "27 Nov 2024, 18:00"]
    assert texts(page, ".coverage .copies") == []


def test_a_paragraph_is_in_one_language_and_not_long() -> None:
    english, korean = report(1), report(2, language="ko")
    told = [sentence(f"Sentence {n}.", english) for n in range(5)] + [sentence("한국어.", korean)]
    paragraphs = of_story(story(english, korean, story=tuple(told))).css(".story p")
    assert [node.attributes["lang"] for node in paragraphs] == ["en", "en", "ko"]
    assert all(node.attributes["dir"] == "auto" for node in paragraphs)


def test_headlines_say_their_language_and_links_that_of_the_other_end() -> None:
    page = of_story(story(report(1, language="uk_UA", title="Умєров прибув до Сеула")))
    assert page.css_first("h1").attributes == {"lang": "uk-UA", "dir": "auto"}
    assert page.css_first(".coverage a").attributes["hreflang"] == "uk-UA"


def test_copies_stand_under_their_original_each_outlet_once() -> None:
    again = report(4, source=SourceId("x"), source_title="Outlet 3", duplicate_of=EntryId(1))
    own_second_feed = report(5, source=SourceId("y"), source_title="Outlet 1", duplicate_of=EntryId(1))
    copies = (report(3, duplicate_of=EntryId(1)), again, own_second_feed)
    page = of_story(story(report(1), report(2, title="Other words"), *copies))
    assert len(page.css(".coverage li")) == 2
    assert texts(page, ".copies") == ["Also at Outlet 3 (27 Nov 2024, 12:03)"]


def test_a_report_without_an_address_is_named_but_not_linked() -> None:
    page = of_story(story(report(1, url=None, title="No address")))
    assert texts(page, ".coverage li p")[-1] == "No address"
    assert not page.css(".coverage a")


def test_a_story_page_leads_to_its_topics_and_offers_their_feeds() -> None:
    page = of_story(story(), channel())
    assert page.css_first(".kicker a").attributes["href"] == "https://news.example/korea-ukraine-defense/"
    assert page.css_first(".masthead a").attributes["href"] == "https://news.example/"
    feeds = [node.attributes["href"] for node in page.css("link[rel=alternate]")]
    assert feeds == [
        f"https://news.example/korea-ukraine-defense/{f}" for f in ("rss.xml", "atom.xml", "feed.json")
    ]


# A topic, the index, a merged story


def test_a_topic_page_lists_its_stories_in_the_order_given_with_who_reported_them() -> None:
    reports = [report(n) for n in range(1, 6)]
    newest = item(story(*reports, headline="Newest"))
    older = item(story(id=StoryId("s0"), headline="Older"))
    page = of_topic(channel(newest, older))
    assert texts(page, "article h2") == ["Newest", "Older"]
    assert texts(page, ".meta")[0] == "Outlet 1, Outlet 2, Outlet 3 and 2 more · 27 Nov 2024, 12:05"
    assert page.css_first("article a").attributes["href"] == newest.page
    assert texts(page, ".subscribe a") == ["RSS", "Atom", "JSON Feed", "in your reader"]
    address = "https://news.example/korea-ukraine-defense/rss.xml"
    assert texts(page, ".subscribe code") == [address]
    assert page.css(".subscribe a")[-1].attributes["href"] == f"feed:{address}"


def test_an_empty_topic_says_that_stories_will_come() -> None:
    page = of_topic(channel())
    assert texts(page, ".none") == ["No stories yet. They appear here as soon as a source reports one."]


def test_the_index_lists_every_topic_with_its_feeds_and_the_subscription_list() -> None:
    other = channel(id=TopicId("x"), title="Exports", url="https://news.example/x/")
    page = LexborHTMLParser(of_index(channel(item()), other))
    assert texts(page, "h1") == ["Desk"]
    assert texts(page, "section h2") == ["Korea–Ukraine defense", "Exports"]
    links = [node.attributes["href"] for node in page.css("a")]
    assert "https://news.example/topics.opml" in links
    assert "https://news.example/x/atom.xml" in links


def test_an_index_without_topics_says_where_they_are_listed() -> None:
    page = LexborHTMLParser(of_index())
    assert texts(page, ".none") == ["No topics yet. They are listed in topics.yaml."]


def test_a_merged_story_leads_to_the_one_it_became_part_of() -> None:
    page = LexborHTMLParser(moved_page(STORY_URL, "Umerov in Seoul"))
    assert page.css_first("meta[http-equiv=refresh]").attributes["content"] == f"0; url={STORY_URL}"
    assert page.css_first("link[rel=canonical]").attributes["href"] == STORY_URL
    assert page.css_first("h1 a").attributes["href"] == STORY_URL


# What machines read


def metadata(page: bytes) -> Any:
    (data,) = LexborHTMLParser(page).css("script[type='application/ld+json']")
    return json.loads(data.text())


def properties(page: bytes) -> dict[str, str]:
    return {
        node.attributes["property"] or "": node.attributes["content"] or ""
        for node in LexborHTMLParser(page).css("meta[property]")
    }


def page_of(told: Story) -> bytes:
    return story_page(told, url=STORY_URL, topics=(), site_title="Desk", home=HOME)


def test_a_story_says_what_it_is_based_on_and_what_it_cites() -> None:
    told, used, other, view = (
        report(1, language="ko"),
        report(2),
        report(3, title="Another text"),
        report(4, kind="opinion"),
    )
    quote = Quote("We wait", "Kim", used.entry, used.url, used.source_title, "en")
    of = story(told, used, other, view, quotes=(quote,), story=(sentence("One.", told),))
    data = metadata(page_of(of))
    assert (data["@context"], data["@type"], data["headline"]) == (
        "https://schema.org",
        "NewsArticle",
        of.headline,
    )
    assert (data["datePublished"], data["dateModified"]) == ("2024-11-27T12:01:00Z", "2024-11-27T12:04:00Z")
    assert data["mainEntityOfPage"] == data["url"] == STORY_URL
    assert data["inLanguage"] == "ko"
    assert data["publisher"] == {
        "@type": "Organization",
        "name": "Desk",
        "url": "https://news.example/",
    }
    assert [source["url"] for source in data["isBasedOn"]] == [told.url, used.url]
    assert data["isBasedOn"][0]["publisher"]["name"] == "Outlet 1"
    assert [(source["@type"], source["url"]) for source in data["citation"]] == [
        ("NewsArticle", other.url),
        ("OpinionNewsArticle", view.url),
    ]


def test_topics_and_the_index_list_their_members_in_order() -> None:
    newest, older = item(story(headline="Newest")), item(story(id=StoryId("s0"), headline="Older"))
    data = metadata(topic_page(channel(newest, older), home=HOME))
    assert data["@type"] == "CollectionPage"
    assert data["mainEntity"]["itemListElement"] == [
        {"@type": "ListItem", "position": 1, "name": "Newest", "url": newest.page},
        {"@type": "ListItem", "position": 2, "name": "Older", "url": older.page},
    ]
    index = metadata(of_index(channel()))
    assert index["mainEntity"]["numberOfItems"] == 1
    assert index["url"] == "https://news.example/"


def test_a_headline_cannot_end_the_data_that_holds_it() -> None:
    headline = "</script><script>alert(1)</script><!-- & 'quoted' \u2028 \x00"
    for page in pages(item(story(headline=headline)))[:3]:
        found = LexborHTMLParser(page).css("script")
        assert len(found) == 2
        assert "</" not in found[0].text()
        assert "<!--" not in found[0].text()
    assert metadata(page_of(story(headline=headline)))["headline"].startswith("</script><script>alert(1)")


def test_a_link_to_a_story_is_shown_as_a_card() -> None:
    told = story(report(1, language="uk", image="https://outlet1.example/a b.jpg"))
    card = properties(page_of(told))
    assert card["og:type"] == "article"
    assert card["og:title"] == told.headline
    assert card["og:url"] == STORY_URL
    assert card["og:site_name"] == "Desk"
    assert card["og:description"] == metadata(page_of(told))["description"] != ""
    assert card["og:locale"] == "uk_UA"
    assert card["og:image"] == "https://outlet1.example/a%20b.jpg"
    assert card["article:published_time"] == "2024-11-27T12:01:00Z"
    assert card["article:modified_time"] == "2024-11-27T12:01:00Z"


@pytest.mark.parametrize(
    ("language", "locale"),
    [("ko-KR", "ko_KR"), ("en", "en_US"), ("zh-Hant", "zh_TW"), ("eo", None), (None, None)],
)
def test_a_card_names_a_place_where_its_language_is_spoken(language: str | None, locale: str | None) -> None:
    card = properties(page_of(story(report(1, language=language, image="javascript:x"))))
    assert card.get("og:locale") == locale
    assert "og:image" not in card


def test_cards_of_topics_and_of_the_index_say_what_they_hold() -> None:
    of = channel(item())
    card = properties(topic_page(of, home=HOME))
    assert (card["og:type"], card["og:title"], card["og:url"]) == ("website", of.title, of.url)
    assert card["og:description"] == of.description
    index = properties(of_index(of))
    assert (index["og:title"], index["og:url"]) == ("Desk", "https://news.example/")
