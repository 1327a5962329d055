"""Terms and rules as full-text queries, asked of SQLite itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from builders import source, topic
from hypothesis import given
from hypothesis import strategies as st

from aggregator.settings import TopicSettings
from aggregator.store.migrations import TOKENIZER
from aggregator.topic.rule import compile_rule, compile_term, make_rule


def finds(query: str, text: str) -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE t USING fts5 (title, text, tokenize='{TOKENIZER}')")
        connection.execute("INSERT INTO t VALUES ('', ?)", [text])
        return bool(connection.execute("SELECT count(*) FROM t WHERE t MATCH ?", [query]).fetchone()[0])


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("arms", "They sold ARMS.", True),
        ("arms", "An army", False),
        ("arm", "arms", False),
        ("weapon*", "weaponry", True),
        ("weapon*", "bioweapon", False),
        ("military aid", "more Military-Aid now", True),
        ("military aid", "aid for the military", False),
        ("military aid", "military and aid", False),
        ("military ai*", "military aid", True),
        ("milit* aid", "Militärische aid militar aid", True),
        ("milit* aid", "military and aid", False),
        ("north kor* troop*", "North Korean troops", True),
        ("nor* kor* troop*", "north Korean troop", True),
        ("nor* kor* troop*", "north Korean and troop", False),
        ("nor* south kor* troop*", "northern south Korean troops", True),
        ("nor* south kor* troop*", "northern Korean troops", False),
        ("Zelensky", "Zelenský", True),
        ("Zelenský", "zelensky", True),
        ("Lodz", "Łódź", False),
        ("한국*", "한국은 우크라이나에", True),
        ("한국*", "남한국", False),
        ("Південн* Коре*", "Делегація прибула до Південної Кореї", True),
        ("Південн* Коре*", "Південна і Північна Корея", False),
        ("Україн*", "УКРАЇНСЬКИЙ", True),
        ("збро*", "Озброєння", False),
        ('"K9" howitzer', 'a "K9" (howitzer)', True),
        ('say "no"', "they say no", True),
        ("C-130", "the C 130 flew", True),
        ("AT&T", "at t", True),
        ("NOT", "it is not so", True),
        ("rok OR", "the ROK or the other", True),
        ("title:x", "title x", True),
        ("(arms)", "arms", True),
        ("-arms", "arms", True),
        ("^arms", "more arms", True),
    ],
)
def test_a_term_finds(term: str, text: str, found: bool) -> None:
    assert finds(compile_term(term), text) is found


@pytest.mark.parametrize("term", ["", " ", "*", "...", "“”", "-*"])
def test_a_term_without_a_word_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match="has no word in it"):
        compile_term(term)


@pytest.mark.parametrize("term", ["*arms", "ar*ms", "arms**", "arms *", "* arms", "foo ar*s"])
def test_a_star_anywhere_but_at_a_words_end_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match=r"\* stands at the end of a word only"):
        compile_term(term)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5).map(" ".join))
def test_every_term_compiles_to_a_query_that_sqlite_accepts_or_is_refused(term: str) -> None:
    try:
        query = compile_term(term)
    except ValueError:
        return
    if "\0" not in term:
        finds(query, term)


@given(
    st.lists(
        st.tuples(st.sampled_from(["alpha", "béta", "Коре", "한국", "k9"]), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_a_phrase_finds_the_text_that_spells_it_out(pieces: list[tuple[str, bool]]) -> None:
    term = " ".join(f"{word}*" if starred else word for word, starred in pieces)
    text = " ".join(f"{word}xyz" if starred else word for word, starred in pieces)
    assert finds(compile_term(term), f"before {text} after")


def compiled(topic: TopicSettings, **vocabulary: tuple[str, ...]) -> str:
    return compile_rule(topic, vocabulary)


def test_all_of_asks_for_one_term_of_each_list() -> None:
    query = compiled(topic(all_of=("korea", "arms")), korea=("Seoul", "ROK"))
    assert query == '("Seoul" OR "ROK") AND ("arms")'
    assert finds(query, "arms for Seoul")
    assert not finds(query, "Seoul and the ROK")


def test_any_of_asks_for_one_term_of_all_lists() -> None:
    query = compiled(topic(any_of=("korea", "arms"), all_of=("kyiv",)), korea=("Seoul", "ROK"))
    assert finds(query, "Kyiv arms")
    assert finds(query, "Kyiv, ROK")
    assert not finds(query, "Kyiv")


def test_none_of_keeps_out() -> None:
    query = compiled(topic(any_of=("arms", "aid"), none_of=("games", "Steam")))
    assert finds(query, "arms")
    assert not finds(query, "arms on steam")


def test_match_holds_too_and_cannot_break_out_of_its_place() -> None:
    query = compiled(topic(match=" aid OR arms ", all_of=("kyiv",), none_of=("game",)))
    assert finds(query, "Kyiv aid")
    assert not finds(query, "arms")
    assert not finds(query, "Kyiv arms game")


def test_match_may_be_all_there_is() -> None:
    assert finds(compiled(topic(match="NEAR(aid kyiv, 2)")), "aid went to Kyiv")


@pytest.mark.parametrize("nothing", [{"none_of": ("x",), "all_of": ()}, {"match": "  "}])
def test_a_rule_that_says_only_what_is_unwanted_is_refused(nothing: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="selects nothing"):
        compiled(topic(**nothing))


def test_a_term_that_stands_twice_is_asked_once() -> None:
    assert compiled(topic(any_of=("x", "y")), x=("a", "b"), y=("b",)) == '("a" OR "b")'


SOURCES = (source("a", tags=("korea", "press")), source("b", tags=("kyiv",)), source("c"))


@pytest.mark.parametrize(
    ("choice", "admitted"),
    [
        ({}, "abc"),
        ({"tags": ("korea", "none")}, "a"),
        ({"include": ("c",)}, "c"),
        ({"tags": ("kyiv",), "include": ("c",)}, "bc"),
        ({"exclude": ("b",)}, "ac"),
        ({"tags": ("press", "kyiv"), "exclude": ("a",)}, "b"),
        ({"tags": ("nobody",)}, ""),
    ],
)
def test_a_topic_listens_to_the_sources_it_chooses(choice: dict[str, tuple[str, ...]], admitted: str) -> None:
    rule = make_rule(topic(sources=choice), {}, SOURCES)
    assert [one.id for one in SOURCES if rule.admits(one.id, None)] == list(admitted)


def test_a_topic_listens_to_the_languages_it_names() -> None:
    anything, korean = make_rule(topic(), {}, SOURCES), make_rule(topic(languages=("ko", "uk")), {}, SOURCES)
    admitted = [korean.admits(source("a").id, language) for language in ("ko", "uk", "en", None)]
    assert admitted == [True, True, False, False]
    assert anything.admits(source("a").id, None)


def test_the_signature_of_a_rule_changes_with_what_it_selects_only() -> None:
    def signature(**changes: object) -> str:
        return make_rule(topic(**changes), {}, SOURCES).signature

    same = [signature(), signature(title="Other"), signature(min_sources=3), signature(sources={})]
    other = [
        signature(all_of=("x",)),
        signature(languages=("ko",)),
        signature(sources={"tags": ("korea",)}),
        signature(sources={"tags": ("kyiv",)}),
    ]
    assert len(set(same)) == 1
    assert len({*same, *other}) == 5
