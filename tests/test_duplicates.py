"""Which entries are copies of which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from builders import LONG, NOON, Books, entry
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import EntryId, SourceId
from aggregator.story.duplicate import Candidate, Candidates, Repeats
from aggregator.story.fingerprint import text_hash
from aggregator.story.sketch import make_sketch

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def copies(books: Books) -> dict[str, str | None]:
    """The title of each entry's original, by its own title; None for an original."""
    return dict(
        books.rows(
            "SELECT copy.title, original.title FROM entries AS copy"
            " LEFT JOIN entries AS original ON original.id = copy.duplicate_of"
        )
    )


@pytest.mark.parametrize(
    "link",
    [
        "https://outlet.example/one?utm_source=feed&fbclid=1",
        "http://www.outlet.example/one",
        "https://m.outlet.example/one",
        "https://outlet.example/one#comments",
    ],
)
def test_entries_of_two_sources_with_one_canonical_url_are_copies(books: Books, link: str) -> None:
    books.fetch_from("a", entry("one"))
    applied = books.fetch_from("b", entry("other", url=link))
    assert (applied.duplicates, applied.stories_new) == (1, set())
    assert copies(books) == {"Headline one": None, "Headline other": "Headline one"}
    assert books.coverage() == [["Headline one", "Headline other"]]


def test_the_same_long_text_is_a_copy_whatever_its_headline_and_markup(books: Books) -> None:
    books.fetch_from("a", entry("one", text=LONG))
    shouted = LONG.upper().replace(" ", "\n", 3) + "!"
    books.fetch_from("b", entry("other", text=shouted, content=f"<b>{LONG}</b>"))
    assert copies(books) == {"Headline one": None, "Headline other": "Headline one"}


def test_a_short_text_is_a_copy_only_under_the_same_title(books: Books) -> None:
    books.fetch_from("a", entry("one", text="Read more on our site"))
    books.fetch_from("b", entry("two", text="Read more on our site"))
    books.fetch_from("c", entry("three", title="Headline one", text="read more on our site."))
    assert books.rows("SELECT source, duplicate_of FROM entries ORDER BY id") == [
        ("a", None),
        ("b", None),
        ("c", 1),
    ]


def test_entries_that_say_almost_nothing_are_no_copies(books: Books) -> None:
    for source in "abc":
        books.fetch_from(source, entry(source, title="News", text=""))
    assert set(copies(books).values()) == {None}


def test_within_one_source_a_shared_text_or_page_is_a_copy_only_under_the_same_title(books: Books) -> None:
    page = "https://outlet.example/live"
    books.fetch_from("a", entry("one", text=LONG), entry("two", text=LONG), entry("three", url=page))
    books.fetch_from("a", entry("four", url=page), at=NOON + HOUR)
    assert set(copies(books).values()) == {None}
    applied = books.fetch_from("a", entry("five", text=LONG, title="Headline two"), at=NOON + HOUR)
    assert applied.duplicates == 1
    assert books.story_of("Headline two") != books.story_of("Headline one")


def test_a_copy_of_a_copy_points_to_the_original(books: Books) -> None:
    books.fetch_from("a", entry("one", text=LONG, url="https://outlet.example/1"))
    books.fetch_from("b", entry("two", text=LONG, url="https://outlet.example/2"))
    # It shares nothing with the first entry but a page with its copy
    books.fetch_from("c", entry("three", url="https://outlet.example/2"))
    assert copies(books) == {
        "Headline one": None,
        "Headline two": "Headline one",
        "Headline three": "Headline one",
    }
    assert len(books.coverage()) == 1


def test_an_edited_copy_of_a_copy_points_to_the_original_beyond_the_time_in_which_it_is_recognised(
    books: Books,
) -> None:
    page = "https://outlet.example/1"
    books.fetch_from(
        "a",
        entry("one", text=f"{LONG} and more", title="Same", url=page, published=NOON - 15 * DAY),
        entry("two", text=f"{LONG} and more", title="Same", url=page, published=NOON - 2 * HOUR),
        # Its text is known again from the second only, which is a copy itself
        entry("three", text=LONG, title="Same", published=NOON - HOUR),
    )
    ((first,),) = books.rows("SELECT id FROM entries WHERE guid = 'guid-one'")
    assert books.rows("SELECT duplicate_of FROM entries ORDER BY dated") == [(None,), (first,), (first,)]
    assert len(books.coverage()) == 1


def test_of_copies_in_one_document_the_first_published_is_the_original(books: Books) -> None:
    books.fetch_from(
        "a",
        entry("late", title="Same", text=LONG, published=NOON - HOUR),
        entry("early", title="Same", text=LONG, published=NOON - 2 * HOUR),
    )
    ((early, original), (_, copied)) = books.rows("SELECT id, duplicate_of FROM entries ORDER BY dated")
    assert (original, copied) == (None, early)
    assert books.rows("SELECT guid FROM entries WHERE id = ?", early) == [("guid-early",)]


def test_a_copy_stays_one_when_it_is_revised(books: Books) -> None:
    books.fetch_from("a", entry("one", text=LONG))
    books.fetch_from("b", entry("two", text=LONG))
    books.fetch_from("b", entry("two", text=f"{LONG} and more", title="Headline two"))
    assert copies(books)["Headline two"] == "Headline one"


def test_the_text_of_a_revision_is_what_later_entries_are_held_against(books: Books) -> None:
    books.fetch_from("a", entry("one", text="Short at first."))
    books.fetch_from("a", entry("one", text=LONG))
    assert books.fetch_from("b", entry("two", text=LONG)).duplicates == 1
    assert books.fetch_from("c", entry("three", title="Headline one", text="Short at first.")).duplicates == 0


@pytest.mark.parametrize("order", ["abc", "bca", "cab"])
def test_three_outlets_with_one_report_make_one_story_in_any_order(books: Books, order: str) -> None:
    for source in order:
        books.fetch_from(source, entry(source, text=LONG))
    (coverage,) = books.coverage()
    assert sorted(coverage) == ["Headline a", "Headline b", "Headline c"]
    assert copies(books) == {
        "Headline a": f"Headline {order[0]}" if order[0] != "a" else None,
        "Headline b": f"Headline {order[0]}" if order[0] != "b" else None,
        "Headline c": f"Headline {order[0]}" if order[0] != "c" else None,
    }


candidates = st.lists(
    st.builds(
        Candidate,
        id=st.integers(1, 50).map(EntryId),
        source=st.sampled_from("abc").map(SourceId),
        title=st.sampled_from(["one", "two"]),
        canonical_url=st.none() | st.sampled_from(["u1", "u2"]),
        text_hash=st.none() | st.sampled_from(["t1", "t2"]),
        dated=st.integers(0, 3).map(lambda hours: NOON + hours * HOUR),
        duplicate_of=st.none() | st.just(EntryId(1)),
    ),
    unique_by=lambda candidate: candidate.id,
)


@given(candidates, st.sampled_from("abc"), st.sampled_from(["u1", "u2", None]), st.sampled_from(["t1", None]))
def test_the_original_is_the_oldest_entry_that_shares_page_or_text(
    stored: list[Candidate], source: str, url: str | None, text: str | None
) -> None:
    alike = [
        one
        for one in stored
        if ((url is not None and one.canonical_url == url) or (text is not None and one.text_hash == text))
        and (one.source != source or one.title == "one")
    ]
    found = Candidates(stored).original_of(
        source=SourceId(source), title="one", canonical_url=url, text_hash=text
    )
    if not alike:
        assert found is None
        return
    originals = [one for one in alike if one.duplicate_of is None] or alike
    assert found == min(originals, key=lambda one: (one.dated, one.source, one.id))


@dataclass(frozen=True)
class Report:
    entry: EntryId
    source: SourceId
    dated: datetime
    title: str
    text: str
    canonical_url: str | None = None

    @property
    def text_hash(self) -> str | None:
        return text_hash(self.title, self.text)

    @property
    def sketch(self) -> bytes:
        return make_sketch(self.title, self.text)


def originals(*reports: tuple[str, str, str]) -> list[int | None]:
    """What each of the reports (source, title, text), an hour apart, repeats; they are counted from 0."""
    repeats = Repeats(14 * DAY)
    return [
        repeats.original_of(Report(EntryId(number), SourceId(source), NOON + number * HOUR, title, text))
        for number, (source, title, text) in enumerate(reports)
    ]


FERRY = (
    "The ferry that links the two halves of the harbour town will stop at midnight, the council said after a "
    "meeting that lasted until dawn. Engineers found cracks in both of the landing stages and told the operator "
    "that repairs would take until spring. Commuters will be offered seats on a line of buses."
)


@pytest.mark.parametrize(
    ("title", "changed"),
    [
        ("CORRECTED: Harbour ferry stops at midnight", "Engineers found no cracks"),
        ("Harbour ferry stops at midnight (2nd LD)", "Engineers on Monday found cracks"),
        ("Harbour ferry to stop at midnight", "Engineers found deep cracks"),
    ],
)
def test_a_report_that_its_source_corrects_or_repeats_is_a_copy(title: str, changed: str) -> None:
    again = FERRY.replace("Engineers found cracks", changed)
    assert originals(("a", "Harbour ferry stops at midnight", FERRY), ("a", title, again)) == [None, 0]


@pytest.mark.parametrize(
    "title", ["What to read this week: a novel", "Harbour council in dawn session", "Ferry"]
)
def test_within_one_source_another_title_tells_texts_in_one_frame_apart(title: str) -> None:
    other = FERRY.replace("Commuters", "Tourists")
    assert originals(("a", "Harbour ferry stops at midnight", FERRY), ("a", title, other)) == [None, None]
    assert originals(("a", "Harbour ferry stops at midnight", FERRY), ("b", title, other)) == [None, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Harbour bulletin for 3 November", "Harbour bulletin for 4 November"),
        ("Ferry strike live, day 12: latest", "Ferry strike live, day 13: latest"),
    ],
)
def test_notices_of_a_source_that_are_numbered_are_no_copies(one: str, other: str) -> None:
    assert originals(("a", one, FERRY), ("a", other, f"{FERRY} Nothing else was decided.")) == [None, None]


def test_a_notice_of_the_same_source_does_not_hide_the_copy_at_another() -> None:
    more = "Shopkeepers on the eastern quay fear that visitors will stay away and ask for lower rents until spring."
    assert originals(
        ("a", "Harbour bulletin", FERRY),
        ("b", "Ferry stops", f"{FERRY} {more}"),
        ("a", "What the council said", f"{FERRY} {more}"),
    ) == [None, 0, 0]


def test_texts_and_headlines_are_held_in_bounds() -> None:
    repeats = Repeats(14 * DAY, most=5)
    for number in range(4_000):
        words = " ".join(f"w{number}x{place}" for place in range(12))
        repeats.remember(Report(EntryId(number), SourceId("a"), NOON + number * HOUR, f"T{number}", words))
    assert len(repeats) == 5
    assert len(repeats._headlines) <= 1_020
