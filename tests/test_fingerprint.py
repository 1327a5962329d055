"""What an entry is known by, and what shows that a text was seen before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.story.fingerprint import digest, identity, text_hash
from aggregator.text.fold import words
from aggregator.text.sentences import split_sentences

REPORT = " ".join(f"word{number}" for number in range(30))


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_two_lists_of_parts_share_a_digest_only_if_they_are_equal(one: list[str], two: list[str]) -> None:
    assert (digest(*one) == digest(*two)) == (one == two)
    assert digest("ab", "") != digest("a", "b")


def test_a_lone_surrogate_has_a_digest() -> None:
    assert digest("\ud800") != digest("?")


def test_an_entry_is_known_by_its_guid_else_its_link_else_its_words() -> None:
    assert identity("g", "e.example/1", "Title", "Text") == "guid:g"
    assert identity(None, "e.example/1", "Title", "Text") == "link:e.example/1"
    assert identity(None, None, "Title", "Text") == identity("", None, "Title", "Text")
    assert identity(None, None, "Title", "Text") != identity(None, None, "TitleText", "")


def test_a_guid_counts_as_it_is_written() -> None:
    assert identity("A", None, "", "") != identity("a", None, "", "")


def test_a_long_guid_is_shortened_but_still_tells_entries_apart() -> None:
    one, two = (identity("x" * 5000 + end, None, "", "") for end in "ab")
    assert one != two
    assert len(one) < 100


def test_a_report_is_the_same_at_two_outlets_whatever_its_headline_and_dress() -> None:
    dressed = REPORT.upper().replace(" ", " — ")
    assert text_hash("A headline", REPORT) == text_hash("Another one", dressed)
    assert text_hash("A headline", REPORT) != text_hash("A headline", f"{REPORT} more")


def test_a_short_text_is_the_same_only_with_its_title() -> None:
    assert text_hash("Seoul gives no arms", "Read more") == text_hash("SEOUL GIVES NO ARMS!", "read more")
    assert text_hash("Seoul gives no arms", "Read more") != text_hash("Kyiv asks for arms", "Read more")


def test_what_says_too_little_has_no_hash() -> None:
    assert text_hash("Photo", "Read more") is None
    assert text_hash("", "one two three four five") is None
    assert text_hash("", "") is None


def test_words_are_compared_without_case_punctuation_and_width() -> None:
    assert words("Ｓｅｏｕｌ’s STRASSE, straße: 한국의 «Київ»!") == [
        *("seoul", "s", "strasse", "strasse", "한국의", "київ"),
    ]


def test_sentences_end_at_stops_and_lines_but_not_at_abbreviations() -> None:
    text = "Mr. Kim came at 9 a.m. to Seoul. He left.\nA line without a stop\n\n한국은 답했다. 그는 떠났다."
    assert split_sentences(text, "en") == [
        "Mr. Kim came at 9 a.m. to Seoul.",
        "He left.",
        "A line without a stop",
        "한국은 답했다.",
        "그는 떠났다.",
    ]
    assert split_sentences("", None) == []


@given(st.text(max_size=200), st.sampled_from(["en", "ko", "uk", "xx", None]))
def test_splitting_loses_no_character_but_white_space(text: str, language: str | None) -> None:
    sentences = split_sentences(text, language)
    assert "".join("".join(sentences).split()) == "".join(text.split())
