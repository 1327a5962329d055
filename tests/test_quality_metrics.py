"""The scores of `make evaluate`: worked by hand, against brute force, and what must hold for any grouping."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.datasets import Line
from benchmarks.quality.duplicates import KINDS, with_copies, without_repeats
from benchmarks.quality.metrics import Score, bcubed, pairwise, pairwise_across, repeats, selection
from benchmarks.quality.parts import Row, on_stories
from benchmarks.quality.report import page

ITEMS = [f"i{number}" for number in range(12)]
LABELS = st.sampled_from("abcd")


@st.composite
def groupings(draw: st.DrawFn, many: int = 2) -> list[dict[str, str]]:
    """Several groupings of the same items."""
    items = draw(st.lists(st.sampled_from(ITEMS), unique=True))
    return [{item: draw(LABELS) for item in items} for _ in range(many)]


def grouped(*groups: str) -> dict[str, str]:
    """`grouped("ab", "c")`: a and b in one group, c in another."""
    return {item: group for group in groups for item in group}


def close(score: Score, precision: float, recall: float) -> bool:
    return score.precision == pytest.approx(precision) and score.recall == pytest.approx(recall)


def brute_bcubed(gold: dict[str, str], groups: dict[str, str]) -> Score:
    def average(mine: dict[str, str], theirs: dict[str, str]) -> float:
        shares = []
        for item in gold:
            mates = [other for other in gold if mine[other] == mine[item]]
            shares.append(sum(theirs[other] == theirs[item] for other in mates) / len(mates))
        return sum(shares) / len(shares) if shares else 1.0

    return Score(average(groups, gold), average(gold, groups))


def brute_pairwise(gold: dict[str, str], groups: dict[str, str], kinds: dict[str, str] | None) -> Score:
    pairs = [(a, b) for a, b in combinations(gold, 2) if kinds is None or kinds[a] != kinds[b]]
    together = {pair for pair in pairs if groups[pair[0]] == groups[pair[1]]}
    belong = {pair for pair in pairs if gold[pair[0]] == gold[pair[1]]}
    right = len(together & belong)
    return Score(right / len(together) if together else 1.0, right / len(belong) if belong else 1.0)


def test_bcubed_worked_by_hand() -> None:
    # a, b: 2/3 of their group is theirs; c: 1/3; d: alone. Recall: a, b whole; c and d have half each
    score = bcubed(grouped("ab", "cd"), grouped("abc", "d"))
    assert close(score, (2 / 3 + 2 / 3 + 1 / 3 + 1) / 4, (1 + 1 + 0.5 + 0.5) / 4)
    assert score.f1 == pytest.approx(2 * (8 / 12) * 0.75 / (8 / 12 + 0.75))


def test_pairwise_worked_by_hand() -> None:
    # together: ab ac bc; belong: ab cd; both: ab
    assert close(pairwise(grouped("ab", "cd"), grouped("abc", "d")), 1 / 3, 1 / 2)


def test_pairs_across_languages_worked_by_hand() -> None:
    kinds = {"a": "en", "b": "ko", "c": "ko", "d": "en"}
    # without bc and ad, which share a language: together ab ac; belong ab cd; both ab
    assert close(pairwise_across(grouped("ab", "cd"), grouped("abc", "d"), kinds), 1 / 2, 1 / 2)


def test_all_in_one_group_is_complete_and_imprecise() -> None:
    gold, groups = grouped("ab", "cd"), grouped("abcd")
    assert close(bcubed(gold, groups), 0.5, 1)
    assert close(pairwise(gold, groups), 2 / 6, 1)


def test_all_alone_is_precise_and_incomplete() -> None:
    gold, groups = grouped("ab", "cd"), grouped(*"abcd")
    assert close(bcubed(gold, groups), 1, 0.5)
    assert close(pairwise(gold, groups), 1, 0)
    assert pairwise(gold, groups).f1 == 0


def test_items_without_a_label_do_not_count() -> None:
    groups = {**grouped("ab", "cd"), "x": "ab", "y": "cd"}
    assert bcubed(grouped("ab", "cd"), groups) == pairwise(grouped("ab", "cd"), groups) == Score(1, 1)


def test_an_item_that_was_not_grouped_is_an_error() -> None:
    with pytest.raises(KeyError):
        bcubed(grouped("ab"), grouped("a"))


def test_selection_is_averaged_over_items_and_labels() -> None:
    gold = {"1": {"x", "y"}, "2": {"x"}, "3": set(), "4": {"y"}}
    selected = {"1": {"x"}, "2": {"x", "y"}, "3": {"y"}, "unlabelled": {"x"}}
    assert close(selection(gold, selected), 2 / 4, 2 / 4)


def test_selecting_nothing_is_precise_and_useless() -> None:
    score = selection({"1": {"x"}}, {})
    assert (score.precision, score.recall, score.f1) == (1, 0, 0)


def test_duplicates_may_point_at_the_original_or_at_another_copy() -> None:
    gold = grouped("abc", "d")
    assert repeats(gold, {"a": None, "b": "a", "c": "b", "d": None}) == Score(1, 1)


def test_a_missed_copy_costs_recall_and_a_flagged_original_precision() -> None:
    gold = grouped("abc", "de")
    # b is right; c points at another text; d is no copy; e was missed
    flags = {"a": None, "b": "a", "c": "e", "d": "a", "e": None}
    assert close(repeats(gold, flags), 1 / 3, 1 / 3)


def test_a_flag_that_points_at_something_unlabelled_is_wrong() -> None:
    assert close(repeats(grouped("ab"), {"a": None, "b": "x"}), 0, 0)


@given(groupings())
def test_bcubed_agrees_with_brute_force(both: list[dict[str, str]]) -> None:
    expected = brute_bcubed(*both)
    assert close(bcubed(*both), expected.precision, expected.recall)


@given(groupings(3))
def test_pairwise_agrees_with_brute_force(all_three: list[dict[str, str]]) -> None:
    gold, groups, kinds = all_three
    assert pairwise(gold, groups) == brute_pairwise(gold, groups, None)
    assert pairwise_across(gold, groups, kinds) == brute_pairwise(gold, groups, kinds)


@given(groupings(3))
def test_a_perfect_grouping_scores_one(all_three: list[dict[str, str]]) -> None:
    gold, _, kinds = all_three
    for score in (bcubed(gold, gold), pairwise(gold, gold), pairwise_across(gold, gold, kinds)):
        assert close(score, 1, 1)
        assert score.f1 == pytest.approx(1)


@given(groupings(3), st.permutations("abcd"), st.randoms(use_true_random=False))
def test_names_of_groups_and_order_of_items_do_not_matter(
    all_three: list[dict[str, str]], names: list[str], random: object
) -> None:
    gold, groups, kinds = all_three
    renamed = {item: names["abcd".index(group)] + "'" for item, group in groups.items()}
    items = list(gold)
    random.shuffle(items)
    shuffled = {item: gold[item] for item in items}
    before, after = bcubed(gold, groups), bcubed(shuffled, renamed)
    assert close(after, before.precision, before.recall)
    assert pairwise(gold, groups) == pairwise(shuffled, renamed)
    assert pairwise_across(gold, groups, kinds) == pairwise_across(shuffled, renamed, kinds)


@given(groupings(3))
def test_a_refinement_is_precise_and_a_coarsening_complete(all_three: list[dict[str, str]]) -> None:
    gold, other, kinds = all_three
    finer = {item: f"{gold[item]}/{other[item]}" for item in gold}
    for score in (bcubed(gold, finer), pairwise(gold, finer), pairwise_across(gold, finer, kinds)):
        assert score.precision == pytest.approx(1)
    for score in (bcubed(finer, gold), pairwise(finer, gold), pairwise_across(finer, gold, kinds)):
        assert score.recall == pytest.approx(1)


@given(groupings(3))
def test_scores_lie_between_none_and_all(all_three: list[dict[str, str]]) -> None:
    gold, groups, kinds = all_three
    for score in (bcubed(gold, groups), pairwise(gold, groups), pairwise_across(gold, groups, kinds)):
        shares = [score.precision, score.recall, score.f1]
        assert all(0 <= share <= 1 + 1e-9 for share in shares)
        assert min(shares[:2]) - 1e-9 <= score.f1 <= max(shares[:2]) + 1e-9


@given(groupings())
def test_gold_and_groups_exchanged_exchange_precision_and_recall(both: list[dict[str, str]]) -> None:
    gold, groups = both
    for measure in (bcubed, pairwise):
        turned = measure(groups, gold)
        assert close(measure(gold, groups), turned.recall, turned.precision)


def text_line(id: str, words: list[str], language: str = "en") -> Line:
    return Line(id, f"About {id}", " ".join(words), None, language, None, "Wire")


def numbered(prefix: str, many: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(many)]


TEXTS = [text_line(f"t{n}", numbered(f"w{n}x", 120), ["en", "ko", "uk", "ru"][n % 4]) for n in range(24)]


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_the_same_at_every_run_and_follow_their_originals(kind: str) -> None:
    data = with_copies(TEXTS, kind)
    assert data == with_copies(TEXTS, kind)
    assert [line.id for line in data.lines] == list(data.gold)
    by_id = {line.id: line for line in data.lines}
    copies = [id for id, original in data.gold.items() if id != original]
    assert len(copies) == 8
    moments = [datetime.fromisoformat(line.published or "") for line in data.lines]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] <= timedelta(days=2)
    for id in copies:
        copy, original = by_id[id], by_id[data.gold[id]]
        assert (copy.published or "") > (original.published or "")
        assert copy.text != original.text
        assert copy.source != original.source
        assert copy.url != original.url


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("retitled, with boilerplate", 1.0, 1.0),
        ("cut to 40–70 %", 0.39, 0.71),
        ("5–15 % of words edited", 0.84, 0.99),
        ("first 60 words only", 0.5, 0.5),
    ],
)
def test_a_copy_keeps_as_much_of_the_text_as_its_kind_says(kind: str, least: float, most: float) -> None:
    data = with_copies(TEXTS, kind)
    by_id = {line.id: line for line in data.lines}
    for id, original in data.gold.items():
        words = set(by_id[original].text.split())
        if id != original:
            assert least <= len(words & set(by_id[id].text.split())) / len(words) <= most


def test_texts_that_repeat_an_earlier_one_and_short_ones_are_left_out() -> None:
    words = numbered("w", 200)
    lines = [
        text_line("whole", words),
        text_line("half of it", words[:100]),
        text_line("more than half shared", words[:90] + numbered("x", 60)),
        text_line("a third shared", words[:50] + numbered("y", 100)),
        text_line("short", numbered("z", 99)),
    ]
    assert [line.id for line in without_repeats(lines)] == ["whole", "a third shared"]


def test_a_topic_is_wanted_of_a_story_when_half_of_its_entries_are_on_it() -> None:
    gold = {"1": {"x"}, "2": {"x", "y"}, "3": set(), "4": set(), "5": {"y"}}
    found = {"1": {"x"}, "2": {"x"}, "3": {"x"}, "4": {"other"}, "5": {"other"}}
    stories = {"1": "s", "2": "s", "3": "s", "4": "t", "5": "t"}
    wanted, selected = on_stories(gold, found, stories)
    assert wanted == {"s": {"x"}, "t": {"y"}}
    assert selected == {"s": {"x"}, "t": set()}


def test_the_page_sets_both_embedders_side_by_side_and_marks_what_misses() -> None:
    rows = [
        Row("stories", "UCI headlines", "BCubed", "auto", Score(0.899, 0.93), 10, 1.0),
        Row("stories", "UCI headlines", "BCubed", "words", Score(0.8, 0.9), 10, 1.0),
        Row("opinions", "unheard of", "opinion pieces", "auto", Score(1, 1), 5, 1.0),
    ]
    text = page(rows, version="1.2.3", date="2026-01-02")
    assert "Version 1.2.3, measured 2026-01-02" in text
    assert "| UCI headlines | 10 | BCubed | F1 ≥ 0.90 | 0.89 / 0.93 / 0.91 | 0.80 / 0.90 / 0.84 ✗ |" in text
    assert "| unheard of | 5 | opinion pieces | – | 1.00 / 1.00 / 1.00 |" in text
    assert "Duplicates" not in text
