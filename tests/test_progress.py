"""How far long work has come, in lines."""

from __future__ import annotations

from aggregator.progress import Meanwhile


def test_long_work_says_now_and_then_how_far_it_is_and_quick_work_nothing() -> None:
    now, lines = [0.0], list[str]()
    told = Meanwhile(lines.append, seconds=lambda: now[0])
    told.started("Fetching", 3)
    for _ in range(3):
        now[0] += 2
        told.advance()
    assert lines == []
    told.started("Grouping", 1500)
    for _ in range(15):
        now[0] += 4
        told.advance(100)
    assert lines == ["Grouping: 300 of 1,500", "Grouping: 1,100 of 1,500"]


def test_the_end_is_said_by_what_comes_of_it() -> None:
    now, lines = [0.0], list[str]()
    told = Meanwhile(lines.append, seconds=lambda: now[0])
    told.started("Fetching", 300)
    now[0] = 99
    told.advance(300)
    assert lines == []


def test_few_pieces_need_no_word_however_slow_they_are() -> None:
    now, lines = [0.0], list[str]()
    told = Meanwhile(lines.append, seconds=lambda: now[0])
    told.started("Fetching", 250)
    for _ in range(250):
        now[0] += 60
        told.advance()
    assert lines == []
