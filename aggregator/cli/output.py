"""How results look: tables on a terminal, plain columns in a pipe, one JSON object a line for programs.

What sources wrote is printed without control characters: they could steer the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click

from aggregator.cli.options import LISTED
from aggregator.text.line import one_line

NO_SOURCE = "There is no source yet: `aggregator sources add URL` adds one."
_GAP = 2
_LEAST, _LEAST_MAIN = 24, 36
"""How narrow a text may become; the last one of a row is what the row is about."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. A terminal gets times to the minute, a narrow one cut texts; a name is never cut."""

    title: str
    kind: Literal["name", "text", "number", "time"] = "name"
    spare: int = 0
    """A narrow terminal goes without it, the highest figure first; never without a 0."""


def note_rest(printed: int, limit: int | None, *, as_json: bool) -> None:
    """Say that a table may have ended only because nobody asked for more."""
    if printed == LISTED and limit is None and not as_json:
        note(f"The first {LISTED}; more with --limit.")


def print_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """One object a line; in a terminal without most letters they are escaped."""
    is_ascii = sys.stdout.encoding.lower() != "utf-8"
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=is_ascii))


def print_list(
    columns: Sequence[Column],
    rows: Iterable[Mapping[str, Any]],
    cells: Callable[[Mapping[str, Any]], Sequence[object]],
    *,
    as_json: bool,
    nothing: str,
) -> int:
    """Rows as JSON lines, or as a table of what `cells` takes from each; returns how many they were.

    `nothing` is said when there is none.
    """
    count = 0

    def counting() -> Iterator[Mapping[str, Any]]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    if as_json:
        print_json(counting())
    elif texts := [cells(row) for row in counting()]:
        print_table(columns, texts)
    if not count:
        note(nothing)
    return count


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """A table that fits the terminal; uncut columns, two spaces apart, where there is none."""
    texts = [[one_line("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _print_columns(columns, texts)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    for row in texts:
        for index, column in enumerate(columns):
            if column.kind == "time" and row[index][:1].isdigit():
                row[index] = f"{row[index][:16]}Z"
    console = Console()
    widths = _fitting(columns, _widths(columns, texts), console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, width in widths.items():
        table.add_column(
            columns[index].title,
            justify="right" if columns[index].kind == "number" else "left",
            width=width,
            no_wrap=True,
        )
    for row in texts:
        table.add_row(*(Text(row[index], no_wrap=True, overflow="ellipsis") for index in widths))
    # Names that are too long for the terminal even so go on in its next line: a cut one could not be copied
    console.width = max(console.width, sum(widths.values()) + _GAP * len(widths))
    console.print(table)
    if missing := [column.title for index, column in enumerate(columns) if index not in widths]:
        note(f"The terminal is too narrow for: {', '.join(missing)} (--json has all).")


def print_fields(fields: Mapping[str, object]) -> None:
    """One `name  value` a line."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {one_line('-' if value in (None, '', []) else str(value))}")


def note(text: str) -> None:
    """A remark beside the result, on stderr."""
    click.echo(text, err=True)


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 story`, `2 stories`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide each column is when nothing is cut, in cells of a terminal."""
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *rows]
    return [max(cell_len(line[index]) for line in lines) for index in range(len(columns))]


def _fitting(columns: Sequence[Column], widths: Sequence[int], room: int) -> dict[int, int]:
    """The places of the columns that a terminal of this width has room for, and the width of each."""
    texts = [index for index, column in enumerate(columns) if column.kind == "text"]
    least = list(widths)
    for index in texts:
        least[index] = min(widths[index], _LEAST_MAIN if index == texts[-1] else _LEAST)
    kept = list(range(len(columns)))
    for index in sorted(kept, key=lambda index: -columns[index].spare):
        if columns[index].spare and _needed(least, kept) > room:
            kept.remove(index)
    left = room - _needed(least, kept)
    found = {index: least[index] for index in kept}
    for index in reversed([index for index in kept if index in texts]):
        # Where even that has no room, texts are cut further, but not to nothing
        found[index] = max(min(widths[index], _LEAST), min(widths[index], least[index] + left))
        left -= found[index] - least[index]
    return found


def _needed(widths: Sequence[int], columns: Sequence[int]) -> int:
    return sum(widths[index] for index in columns) + _GAP * (len(columns) - 1)


def _print_columns(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *rows]
    widths = _widths(columns, rows)
    for line in lines:
        cells = []
        for column, width, text in zip(columns, widths, line, strict=True):
            space = " " * (width - cell_len(text))
            cells.append(space + text if column.kind == "number" else text + space)
        click.echo("  ".join(cells).rstrip())
