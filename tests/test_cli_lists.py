"""The commands topics, stories, entries and explain: what they list, and what an editor says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Desk
from origin import Origin, rss, serving_origin

_TOPICS = """\
vocabulary:
  arms_words: [howitzer*, missile*]
topics:
  - id: aid
    title: Aid
    all_of: [Seoul, arms_words]
    any_of: [Kyiv, Ukrain*]
    none_of: [football]
    max_age: 9000d
  - {id: fresh, title: Fresh, all_of: [Seoul], max_age: 1d}
  - {id: carried, title: Carried, all_of: [Seoul], max_age: 9000d, min_sources: 2}
  - {id: short, title: Short, all_of: [Kyiv], max_age: 9000d, items: 1}
  - {id: german, title: German, all_of: [Seoul], max_age: 9000d, languages: [de]}
  - {id: rivals, title: Rivals, all_of: [Seoul], max_age: 9000d, sources: {include: [rival]}}
  - {id: exact, title: Exact, match: 'Seoul AND "to Kyiv"', max_age: 9000d}
"""
_REPORT = (
    "The government said on Wednesday that it would think about sending howitzers and ammunition, a step that"
    " it had refused for two years, while its own army asked for time to count what was left in its depots."
)
_AID = {"title": "Seoul weighs howitzers to Kyiv", "link": "https://wire.example/1", "text": _REPORT}
_COPY = {
    **_AID,
    "title": "Korea thinks about arms",
    "link": "https://rival.example/9",
    "date": "Wed, 27 Nov 2024 09:30:00 GMT",
}
_GAME = {
    "title": "Football in Seoul and Kyiv: missiles from the penalty spot",
    "link": "https://wire.example/2",
    "date": "Fri, 29 Nov 2024 10:00:00 GMT",
}
_VIEW = {
    "title": "Why Kyiv should wait",
    "link": "https://views.example/3",
    "date": "Wed, 27 Nov 2024 08:00:00 GMT",
}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Origin]]:
    """The folder of a desk with three sources, fetched: a report, its copy, an opinion, one off topic."""
    with serving_origin() as origin:
        desk = Desk(tmp_path_factory.mktemp("stock"))
        desk.write("topics.yaml", _TOPICS)
        desk.add("wire", origin.put("/wire", rss("Wire", _AID, _GAME)), "    language: en\n")
        desk.add("rival", origin.put("/rival", rss("Rival", _COPY)))
        desk.add("views", origin.put("/views", rss("Views", _VIEW)), "    opinion: true\n")
        for source in ("wire", "rival", "views"):  # so that each entry has the same id in every run
            desk.run("update", source)
        yield desk.root, origin


@pytest.fixture
def stocked(stock: tuple[Path, Origin], tmp_path: Path) -> Desk:
    """A copy of that desk."""
    return Desk(shutil.copytree(stock[0], tmp_path / "desk"))


def _story(desk: Desk, word: str) -> str:
    (found,) = desk.rows("stories", "search", word)
    return str(found["id"])


def test_entries_are_listed_with_the_fields_of_the_contract(stocked: Desk) -> None:
    rows = stocked.rows("entries", "list")
    assert " ".join(rows[0]) == (
        "id source guid url canonical_url title published updated first_seen language kind duplicate_of story"
    )
    assert [row["title"] for row in rows] == [
        _GAME["title"],
        _COPY["title"],
        _AID["title"],
        _VIEW["title"],
    ]
    assert rows[0]["published"] == "2024-11-29T10:00:00Z"
    (copy,) = stocked.rows("entries", "list", "--source", "rival")
    assert copy["duplicate_of"] == rows[2]["id"]
    assert len(stocked.rows("entries", "list", "--story", copy["story"])) == 2
    assert len(stocked.rows("entries", "list", "--limit", "3")) == 3


def test_an_empty_listing_says_so_beside_the_result(stocked: Desk) -> None:
    result = stocked.run("entries", "list", "--source", "nobody")
    assert (result.stdout, result.stderr) == ("", "There is no such entry.\n")


def test_a_table_ends_after_fifty_rows_and_says_so(desk: Desk, origin: Origin) -> None:
    items = [{"title": f"Report {n}", "link": f"https://many.example/{n}"} for n in range(60)]
    desk.add("many", origin.put("/many", rss("Many", *items)))
    desk.run("update")
    result = desk.run("stories", "list")
    assert len(result.stdout.splitlines()) == 51
    assert "more with --limit" in result.stderr
    assert len(desk.run("stories", "list", "--limit", "55").stdout.splitlines()) == 56
    assert len(desk.rows("stories", "list")) == 60


def test_stories_are_listed_with_the_fields_of_the_contract(stocked: Desk) -> None:
    rows = stocked.rows("stories", "list")
    assert [row["headline"] for row in rows] == [_GAME["title"], _AID["title"], _VIEW["title"]]
    assert " ".join(rows[1]) == (
        "id headline first_published updated highlights story opinions sources entries topics pinned hidden"
    )
    assert rows[1]["sources"] == ["wire", "rival"]
    assert len(rows[1]["entries"]) == 2
    assert rows[1]["topics"] == ["aid", "carried", "exact", "fresh", "short"]
    (sentence,) = rows[1]["story"]
    assert list(sentence) == ["text", "entry", "url", "source"]
    assert sentence["text"] == _REPORT
    assert rows[2]["opinions"][0]["title"] == _VIEW["title"]


def test_a_story_is_shown_with_its_sources_opinions_and_coverage(stocked: Desk) -> None:
    shown = stocked.run("stories", "show", _story(stocked, "howitzer*")).stdout
    assert shown.startswith(f"{_AID['title']}\n")
    assert f"  {_REPORT} [" in shown
    assert "There are no opinion pieces about it." in shown
    assert "Rival: Korea thinks about arms (entry 3, copy of 1) https://rival.example/9" in shown
    assert "Why Kyiv should wait" in stocked.run("stories", "show", _story(stocked, "wait")).stdout
    assert stocked.rows("stories", "show", _story(stocked, "wait"))[0]["topics"] == ["short"]


@pytest.mark.parametrize("arguments", [["stories", "show"], ["stories", "pin"], ["explain"]])
def test_an_unknown_story_is_refused(stocked: Desk, arguments: list[str]) -> None:
    result = stocked.run(*arguments, "nothing", status=2)
    assert result.stderr == (
        "error: there is no story 'nothing'\nhint: `aggregator stories list` names the stories\n"
    )


@pytest.mark.parametrize("command", [["stories", "search"], ["topics", "preview"]])
@pytest.mark.parametrize("query", ["seoul AND", '"seoul', "*", "nowhere: seoul"])
def test_a_query_that_is_none_is_refused(stocked: Desk, command: list[str], query: str) -> None:
    result = stocked.run(*command, query, status=2)
    assert result.stderr.startswith("error: ")
    assert query in result.stderr


@pytest.mark.parametrize(
    ("query", "headlines"),
    [
        ("kyiv weighs", ["Seoul weighs howitzers to Kyiv"]),
        ('kyiv "weighs howitzers"', ["Seoul weighs howitzers to Kyiv"]),
        ('"howitzers weighs"', []),
        ('"weighs howit"* seoul', ["Seoul weighs howitzers to Kyiv"]),
        ("kyiv wei* & seoul", ["Seoul weighs howitzers to Kyiv"]),
        ("penalty OR weighs", [_GAME["title"], _AID["title"]]),
        ("kyiv NOT seoul", [_VIEW["title"]]),
        ("NEAR(kyiv seoul, 1)", [_GAME["title"]]),
    ],
)
def test_a_search_wants_all_words_and_takes_phrases_and_queries(
    stocked: Desk, query: str, headlines: list[str]
) -> None:
    assert [row["headline"] for row in stocked.rows("stories", "search", query)] == headlines


def test_a_search_that_finds_nothing_says_what_may_find_more(stocked: Desk) -> None:
    result = stocked.run("stories", "search", "umerov seoul")
    assert (result.stdout, result.stderr) == (
        "",
        "No entry of a story has umerov seoul. Fewer words, or * for the rest of a word, may find more.\n",
    )


def test_the_editors_word_is_kept_and_can_be_taken_back(stocked: Desk) -> None:
    story = _story(stocked, "howitzer*")
    stocked.run("stories", "pin", story)
    stocked.run("stories", "retitle", story, "Seoul  thinks again")
    stocked.run("update", "--all")
    (found,) = stocked.rows("stories", "show", story)
    assert (found["pinned"], found["headline"]) == (True, "Seoul thinks again")
    assert "[pinned] Seoul thinks again" in stocked.run("stories", "list").stdout
    stocked.run("stories", "pin", "--undo", story)
    stocked.run("stories", "retitle", story)
    (found,) = stocked.rows("stories", "show", story)
    assert (found["pinned"], found["headline"]) == (False, _AID["title"])


def test_a_hidden_story_leaves_the_feed_until_it_is_let_back_in(stocked: Desk) -> None:
    story, feed = _story(stocked, "howitzer*"), stocked.feeds / "aid" / "rss.xml"
    assert "next pass publishes" in stocked.run("stories", "hide", story).stderr
    stocked.run("publish", "aid")
    assert _AID["title"] not in feed.read_text()
    assert f"[hidden] {_AID['title']}" in stocked.run("stories", "list").stdout
    listed = {row["id"]: (row["hidden"], row["topics"]) for row in stocked.rows("stories", "list")}
    assert listed.pop(story) == (True, [])
    assert {hidden for hidden, _ in listed.values()} == {False}
    assert "topics: none" in stocked.run("stories", "show", story).stdout
    assert stocked.run("stories", "show", story).stdout.startswith("[hidden] ")
    assert "an editor hid it" in stocked.run("explain", story, "--topic", "aid").stdout
    stocked.run("stories", "hide", "--undo", story)
    stocked.run("publish", "aid")
    assert _AID["title"] in feed.read_text()


def test_stories_merge_and_split(stocked: Desk) -> None:
    story, other = _story(stocked, "howitzer*"), _story(stocked, "wait")
    assert stocked.run("stories", "pin", story, other).stderr.count("`aggregator publish` does it now") == 1
    stocked.run("stories", "pin", "--undo", story, other)
    stocked.run("stories", "merge", story, other)
    (found,) = stocked.rows("stories", "show", other)
    assert (found["id"], len(found["entries"])) == (story, 3)
    assert "an editor moved it here" in stocked.run("explain", story).stdout
    (view,) = stocked.rows("entries", "list", "--source", "views")
    made = stocked.run("stories", "split", story, str(view["id"])).stdout.split()[0]
    assert stocked.rows("stories", "show", made)[0]["headline"] == _VIEW["title"]
    assert "does not hold entry" in stocked.run("stories", "split", story, str(view["id"]), status=2).stderr


def test_a_story_says_why_it_holds_its_entries(stocked: Desk, stock: tuple[Path, Origin]) -> None:
    origin = stock[1]
    page = {**_GAME, "title": "Elsewhere", "link": f"{_GAME['link']}?utm_source=x"}
    stocked.add("late", origin.put("/late", rss("Late", page)))
    stocked.run("update", "late")
    (explained,) = stocked.rows("explain", _story(stocked, "howitzer*"))
    assert {one["source"]: one["reason"] for one in explained["entries"]} == {
        "wire": "the story began with it",
        "rival": "it has the same text as entry 1",
    }
    (explained,) = stocked.rows("explain", _story(stocked, "football"))
    assert {one["source"]: one["reason"] for one in explained["entries"]} == {
        "wire": "the story began with it",
        "late": "it is the same page as entry 2",
    }


def test_the_parts_of_a_likeness_that_are_told_add_up(desk: Desk, origin: Origin) -> None:
    told = [
        (
            "Quake hits Sendai harbour",
            "A strong quake shook Sendai on Monday and closed its harbour, 40 ships left.",
        ),
        (
            "Sendai closes harbour after quake",
            "Officials closed the harbour of Sendai after a quake: 40 ships left it.",
        ),
        (
            "Japan: quake shakes Sendai",
            "The harbour of Sendai is closed since a strong quake shook the city and 40 ships.",
        ),
    ]
    for number, (title, text) in enumerate(told):
        item = {"title": title, "text": text, "link": f"https://e.example/{number}"}
        item["date"] = f"Wed, 27 Nov 2024 0{2 * number}:00:00 GMT"
        desk.add(f"s{number}", origin.put(f"/{number}", rss(f"S{number}", item)))
    desk.run("update")
    (explained,) = desk.rows("explain", _story(desk, "Sendai"))
    reasons = [one["reason"] for one in explained["entries"] if "likeness" in one["reason"]]
    assert len(reasons) == 2
    for reason in reasons:
        found = re.search(r"likeness (-?[\d.]+) = ([^;]+); \d h apart", reason)
        assert found, reason
        terms = re.findall(r"([+−]?) ?(meaning|words|names|numbers|time|text) (\d\.\d\d)", found[2])
        assert {name for _, name, _ in terms} >= {"words", "names", "time", "text"}
        total = sum(float(value) * (-1 if sign == "−" else 1) for sign, _, value in terms)
        assert total == pytest.approx(float(found[1]))


def test_it_says_that_a_copy_which_was_revised_since_repeats_most(desk: Desk, origin: Origin) -> None:
    desk.add("wire", origin.put("/wire", rss("Wire", _AID)))
    desk.add("rival", origin.put("/rival", rss("Rival", _COPY)))
    desk.run("update", "wire")
    desk.run("update", "rival")
    origin.put("/rival", rss("Rival", {**_COPY, "text": f"{_REPORT} More tomorrow."}))
    desk.run("update", "rival")
    assert "it repeats most of the text of entry 1" in desk.run("explain", _story(desk, "tomorrow")).stdout


@pytest.mark.parametrize(
    ("topic", "word", "holds", "reason"),
    [
        ("aid", "howitzer*", True, "entry 1 has “Seoul”, “howitzers”, “Kyiv”"),
        ("fresh", "howitzer*", True, "it is not in the feed: it was last updated more than 1d ago (max_age)"),
        ("carried", "howitzer*", True, "fewer than 2 independent sources carry it (min_sources)"),
        ("short", "wait", True, "it is not in the feed: 1 stories stand before it (items)"),
        ("aid", "wait", False, "no entry has what `all_of: Seoul` asks for"),
        ("aid", "wait", False, "no entry has what `all_of: arms_words` asks for"),
        ("aid", "football", False, "entry 2 has “Football”, which `none_of: football` keeps out"),
        ("exact", "wait", False, 'no entry has what `match: Seoul AND "to Kyiv"` asks for'),
        ("german", "howitzer*", False, "entry 1 is in en, not in de"),
        ("rivals", "football", False, "entry 2 is from wire, to which the topic does not listen"),
    ],
)
def test_it_says_why_a_topic_holds_a_story_or_not(
    stocked: Desk, topic: str, word: str, holds: bool, reason: str
) -> None:
    (explained,) = stocked.rows("explain", _story(stocked, word), "--topic", topic)
    (about,) = explained["topics"]
    assert (about["topic"], about["holds"]) == (topic, holds)
    assert any(reason in one for one in about["reasons"]), about["reasons"]


def test_it_says_when_no_single_entry_has_all_of_a_rule(stocked: Desk) -> None:
    game, view = _story(stocked, "football"), _story(stocked, "wait")
    stocked.write("topics.yaml", "topics: [{id: both, title: Both, all_of: [football], any_of: [wait]}]\n")
    stocked.run("update", "--all")
    stocked.run("stories", "merge", game, view)
    said = stocked.run("explain", game).stdout
    assert "It is not in both:" in said
    assert "`all_of: football`: only entry 2." in said
    assert "no single entry has all of that." in said


def test_it_says_when_a_changed_rule_will_take_the_story(stocked: Desk) -> None:
    stocked.write("topics.yaml", "topics: [{id: new, title: New, all_of: [football]}]\n")
    said = stocked.run("explain", _story(stocked, "football")).stdout
    assert "selects it now: the next pass puts it in" in said
    stocked.write("topics.yaml", "topics: []\n")
    assert "There is no topic." in stocked.run("explain", _story(stocked, "football")).stdout
    assert "no topic 'new'" in stocked.run("explain", "x", "--topic", "new", status=2).stderr


def test_a_private_topic_is_listed_with_the_address_that_it_has(stocked: Desk) -> None:
    token = "a-path-that-nobody-would-guess"
    stocked.write("topics.yaml", f"topics: [{{id: own, title: Own, all_of: [football], token: {token}}}]\n")
    stocked.run("publish")
    (row,) = stocked.rows("topics", "list")
    assert row["feed"].endswith(f"/private/{token}/rss.xml")
    assert (stocked.root / "feeds" / "private" / token / "rss.xml").exists()


def test_topics_are_listed_with_what_they_publish(stocked: Desk) -> None:
    rows = {row["id"]: row for row in stocked.rows("topics", "list")}
    assert {id: row["stories"] for id, row in rows.items()} == {
        "aid": 1,
        "fresh": 0,
        "carried": 0,
        "short": 1,
        "german": 0,
        "rivals": 0,
        "exact": 1,
    }
    assert rows["aid"]["feed"] == "http://127.0.0.1:8080/aid/rss.xml"


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("aid", [_AID["title"]]),
        ("arms_words", [_GAME["title"], _COPY["title"], _AID["title"]]),
        ("SEOUL", [_GAME["title"], _AID["title"]]),
        ("howitzers to ky*", [_AID["title"]]),
        ("kyiv NOT seoul", [_VIEW["title"]]),
        ("title: korea", [_COPY["title"]]),
    ],
)
def test_a_preview_takes_a_topic_a_vocabulary_a_term_or_a_query(
    stocked: Desk, query: str, titles: list[str]
) -> None:
    assert [row["title"] for row in stocked.rows("topics", "preview", query)] == titles


def test_a_preview_counts_all_and_shows_the_newest_with_the_words_that_matched(stocked: Desk) -> None:
    result = stocked.run("topics", "preview", "seoul AND missile*", "--limit", "1")
    assert result.stderr == "1 entry matches.\n"
    assert "Seoul, missiles" in result.stdout
    assert stocked.run("topics", "preview", "kyiv", "--limit", "1").stderr == "3 entries match (1 shown).\n"
    assert "No entry matches" in stocked.run("topics", "preview", "nobody").stderr


def test_it_says_why_a_mention_in_passing_is_not_enough(stocked: Desk) -> None:
    stocked.write("topics.yaml", "topics: [{id: kyiv, title: Kyiv, all_of: [ammunition]}]\n")
    stocked.run("update", "--all")
    (explained,) = stocked.rows("explain", _story(stocked, "howitzer*"))
    (about,) = explained["topics"]
    assert (about["holds"], about["published"], about["score"]) == (True, False, 0.5)
    assert about["reasons"][0] == "its score is 0.50, above 0.30: its report matches"
    story = stocked.run(
        "stories", "merge", *(_story(stocked, word) for word in ("howitzer*", "wait", "football"))
    )
    (explained,) = stocked.rows("explain", _story(stocked, "howitzer*"), "--topic", "kyiv")
    (about,) = explained["topics"]
    assert (about["holds"], about["score"]) == (False, 0.167), story.stdout
    assert about["reasons"][:2] == [
        "its score is 0.17, not above 0.30: 1 of its 3 reports matches, which is a mention in passing",
        "entry 1 has “ammunition” in its headline and the beginning of its text",
    ]


def test_it_names_the_example_that_an_entry_is_near_or_how_far_it_is(stocked: Desk) -> None:
    stocked.write(
        "topics.yaml",
        "topics: [{id: like, title: Like, like: [Seoul weighs howitzers for Kyiv], max_age: 9000d}]\n",
    )
    stocked.run("update", "--all")
    said = stocked.run("explain", _story(stocked, "howitzer*")).stdout
    assert (
        "entry 1 is near the example “Seoul weighs howitzers for Kyiv” (0.83, near from 0.50 on; both have "
        "“seoul”, “weighs”, “howitzers”, “for”, “kyiv”)."
    ) in said
    said = stocked.run("explain", _story(stocked, "wait")).stdout
    assert (
        "It is not in like:\n  no entry is near an example: entry 4 comes closest (0.00, near from 0.50 on)."
        in said
    )
    (row,) = stocked.rows("topics", "preview", "like")
    assert (row["entry"], row["near"]) == (1, "Seoul weighs howitzers for Kyiv")
