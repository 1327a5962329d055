"""A document against its model: every problem in plain words, at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from aggregator.config.document import Document, Keys, quoted, suggestion
from aggregator.config.yaml_nodes import Scalar

M = TypeVar("M", bound=BaseModel)

_WORDS = {
    "missing": "is missing",
    "string_type": "expected text, found {found}",
    "int_type": "expected a whole number, found {found}",
    "int_parsing": "expected a whole number, found {found}",
    "int_from_float": "expected a whole number, found {found}",
    "bool_type": "expected true or false, found {found}",
    "bool_parsing": "expected true or false, found {found}",
    "tuple_type": "expected a list, found {found}",
    "dict_type": "expected a mapping (key: value), found {found}",
    "model_type": "expected a mapping (key: value), found {found}",
    "literal_error": "expected {expected}, found {found}",
    "greater_than_equal": "must be at least {ge}, found {found}",
    "greater_than": "must be more than {gt}, found {found}",
}
_COLLECTIONS = {"tuple_type", "dict_type", "model_type"}


def validate(document: Document, model: type[M]) -> M | None:
    """The document as a model; None when its problems are now in `document.problems`."""
    if document.is_broken:
        return None
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        details = error.errors(include_url=False)
    if _mend(document, details):
        try:
            return model.model_validate(document.values)
        except ValidationError as error:
            details = error.errors(include_url=False)
    _report(document, model, details)
    return None


def sound_part(document: Document, model: type[M]) -> M:
    """The model of those top-level keys that are right by themselves, with defaults for the others."""
    sound = {}
    for key, value in document.values.items():
        try:
            model.model_validate({key: value})
        except ValidationError:
            continue
        sound[key] = value
    return model.model_validate(sound)


def sound_items(document: Document, name: str, model: type[M]) -> dict[int, M]:
    """The items of a list that are right by themselves, though another part of the file may not be."""
    items = {}
    found = document.values.get(name)
    for index, value in enumerate(found if isinstance(found, list) else []):
        try:
            items[index] = model.model_validate(value)
        except ValidationError:
            continue
    return items


def refuse_planned(document: Document, planned: dict[Keys, Any]) -> None:
    """Take settings of later versions out of the values; report those that ask for something.

    `planned` maps a path, with `*` for each item of a list, to the value that says what holds anyway;
    what is empty or false says so too.
    """
    for path, harmless in planned.items():
        *way, name = path
        for keys, holder in list(_holders(document.values, tuple(way), ())):
            value = holder.pop(str(name), None)
            if value and value != harmless and str(value).lower() not in ("no", "off"):
                message = f"{name!r} is not available in this version"
                document.report((*keys, name), message, at_key=True)


def _holders(value: Any, way: Keys, keys: Keys) -> Iterator[tuple[Keys, dict[str, Any]]]:
    if not way:
        if isinstance(value, dict):
            yield keys, value
    elif way[0] == "*":
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _holders(item, way[1:], (*keys, index))
    elif isinstance(value, dict) and way[0] in value:
        yield from _holders(value[way[0]], way[1:], (*keys, way[0]))


def _mend(document: Document, details: list[Any]) -> bool:
    """Read values as the model wants them: `tags: [2024]` as text, `sources:` with nothing as empty."""
    is_mended = False
    for detail in details:
        keys = document.follow(detail["loc"])
        node = document.node(keys)
        if not isinstance(node, Scalar) or not node.plain or keys == ():
            continue
        holder = _value(document.values, keys[:-1])
        if detail["type"] == "string_type" and detail["input"] is not None:
            holder[keys[-1]] = document.substituted(node.text, keys)
        elif detail["type"] in _COLLECTIONS and detail["input"] is None and isinstance(holder, dict):
            del holder[keys[-1]]
        else:
            continue
        is_mended = True
    return is_mended


def _value(values: Any, keys: Keys) -> Any:
    for key in keys:
        values = values[key]
    return values


def _report(document: Document, model: type[BaseModel], details: list[Any]) -> None:
    taken = {(problem.line, problem.column) for problem in document.problems}
    problems: dict[Keys, tuple[str, bool]] = {}
    for detail in details:
        known = document.follow(detail["loc"])
        if detail["type"] == "extra_forbidden":
            key = str(known[-1])
            message = f"unknown key {quoted(key)}{suggestion(key, _fields(model, known[:-1]))}"
            problems[known] = message, True
        elif detail["type"] == "missing":
            problems[(*known, detail["loc"][len(known)])] = _WORDS["missing"], False
        else:
            # Of the two branches of `auto or a duration` the last one says more.
            problems[known] = _words(document, known, detail), False
    for keys, (message, at_key) in problems.items():
        node = document.node(keys)
        if node is None or (node.line, node.column) not in taken:
            document.report(keys, message, at_key=at_key)


def _words(document: Document, keys: Keys, detail: Any) -> str:
    found = document.found(keys)
    context = detail.get("ctx", {})
    if detail["type"] != "value_error":
        words = _WORDS.get(detail["type"], "{found} cannot stand here")
        words = words.format_map({**context, "found": found})
        if detail["type"] == "literal_error":
            words += suggestion(document.text(keys), re.findall(r"'([^']+)'", context["expected"]))
        return words
    message = str(context["error"])
    value = repr(detail["input"])
    if message.startswith(value):
        return found + document.discreet(message.removeprefix(value))
    return document.discreet(message)


def _fields(model: type[BaseModel], keys: Keys) -> list[str]:
    """The keys that a model knows at a path."""
    inner: Any = model
    for key in keys:
        if isinstance(key, str):
            annotation = inner.model_fields[key].annotation
            inner = next(iter(get_args(annotation)), annotation)
    return list(inner.model_fields)
