"""Edits of sources.yaml that leave every other byte as its author wrote it.

Text is put in and cut out at the places of nodes, and the result is read again: it must say exactly
what was meant, else nothing is written. (A YAML round trip would re-wrap lines and move comments.)
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from codecs import BOM_UTF8
from collections.abc import Sequence as List
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from aggregator.config.checks import derived_ids
from aggregator.config.document import Problem, is_null, read_text, shown_path
from aggregator.config.yaml_nodes import Mapping, Node, Scalar, Sequence, YamlFault, compose
from aggregator.disk import file_advice
from aggregator.errors import ConfigError, UsageError
from aggregator.settings import SourceSettings

_DASH = re.compile(r"^( *)-(?:[ \t\r\n]|#[^\n]*\n)*\Z", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source to be listed. All texts are meant literally: `${` in them is no reference."""

    url: str
    id: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A source that cannot be listed, and why."""

    source: NewSource
    reason: str


def add_source(
    path: Path, url: str, *, id: str | None = None, title: str | None = None, tags: List[str] = ()
) -> str:
    """Append a source to sources.yaml, which is made if need be; returns its id.

    Raises UsageError when the URL or id is listed or is none, ConfigError when the file is no YAML.
    """
    text, root = _open(path)
    listed = _sources(root)
    new = NewSource(url, id, title, tuple(tags))
    if _escaped(url) in _urls(listed):
        raise UsageError(f"{url} is in {shown_path(path)} already")
    if id is not None and id in _ids(listed):
        raise UsageError(f"{shown_path(path)} has a source {id!r} already", hint="choose another id")
    return _append(path, text, root, [new])[0]


def add_sources(path: Path, sources: List[NewSource]) -> tuple[list[str], list[Refused]]:
    """Append many; what is listed already, by URL, is passed over. Returns the ids of what was added, and what is none.

    An id that is taken is replaced by one derived from the URL. Raises UsageError, ConfigError when the file cannot be
    edited.
    """
    text, root = _open(path)
    listed = _sources(root)
    known, taken = _urls(listed), set(_ids(listed))
    fresh, refused = [], []
    for source in sources:
        if _escaped(source.url) in known:
            continue
        if reason := _fault(_as_written(source)):
            refused.append(Refused(source, reason))
            continue
        if source.id in taken:
            source = NewSource(source.url, None, source.title, source.tags)
        known.add(_escaped(source.url))
        taken.add(source.id or "")
        fresh.append(source)
    return (_append(path, text, root, fresh) if fresh else []), refused


def remove_source(path: Path, id: str) -> None:
    """Cut a source, by its given or derived id, with the comments inside it.

    Raises UsageError when there is none of that id, ConfigError when the file is no YAML.
    """
    text, root = _open(path)
    listed = _sources(root)
    ids = _ids(listed)
    if id not in ids:
        raise UsageError(f"{shown_path(path)} has no source {id!r}", hint="`aggregator sources list`")
    index = ids.index(id)
    sequence = _sequence(root)
    assert sequence is not None
    cut = _cut_flow(text, sequence, index) if sequence.flow else _cut_block(text, sequence, index)
    _write(path, cut, root, [*listed[:index], *listed[index + 1 :]])


def _append(path: Path, text: str, root: Node | None, sources: List[NewSource]) -> list[str]:
    listed = _sources(root)
    pairs = [(source.id, _escaped(source.url)) for source in sources]
    ids = derived_ids([*map(_id_and_url, listed), *pairs])[len(listed) :]
    items = [_item(source, id) for source, id in zip(sources, ids, strict=True)]
    _write(path, _inserted(path, text, root, items), root, [*listed, *items])
    return ids


def _item(source: NewSource, id: str) -> dict[str, Any]:
    """What is written: the id only where the URL alone would not give it, whatever else is removed."""
    item = _as_written(source)
    if id != derived_ids([(None, item["url"])])[0]:
        item = {"url": item.pop("url"), "id": id, **item}
    if reason := _fault(item):
        raise UsageError(reason)
    return item


def _as_written(source: NewSource) -> dict[str, Any]:
    """The source without its id."""
    item: dict[str, Any] = {"url": _escaped(source.url)}
    if source.title:
        item["title"] = _escaped(source.title)
    if source.tags:
        item["tags"] = [_escaped(tag) for tag in source.tags]
    return item


def _fault(item: dict[str, Any]) -> str | None:
    """Why a source could not be read again."""
    try:
        SourceSettings.model_validate(item)
    except ValidationError as error:
        return "; ".join(str(one.get("ctx", {}).get("error", one["msg"])) for one in error.errors())
    return None


def _escaped(text: str) -> str:
    return text.replace("${", "$${")


def _inserted(path: Path, text: str, root: Node | None, items: list[dict[str, Any]]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    sequence = _sequence(root)
    if sequence is not None and sequence.items and not sequence.flow:
        at, block = _after_last(text, sequence, items)
    elif sequence is not None and (sequence.items or (isinstance(root, Mapping) and root.flow)):
        comma = ", " if sequence.items else ""
        at = sequence.items[-1].end if sequence.items else sequence.end - 1
        return text[:at] + comma + ", ".join(_flow(item) for item in items) + text[at:]
    else:
        text, at = _opened(path, text, root, newline)
        block = "".join(_block(item, "  ", " ") for item in items)
    if at and text[at - 1] != "\n":
        block = "\n" + block
    return text[:at] + block.replace("\n", newline) + text[at:]


def _after_last(text: str, sequence: Sequence, items: list[dict[str, Any]]) -> tuple[int, str]:
    """Where the list ends, and the new items in the style of its last one."""
    last = sequence.items[-1]
    dash = _dash(text, last)
    indent = " " * (dash - text.rfind("\n", 0, dash) - 1)
    gap = " " * max(last.start - dash - 1, 1) if "\n" not in text[dash : last.start] else " "
    above = text[: text.rfind("\n", 0, dash) + 1]
    spaced = len(sequence.items) > 1 and re.search(r"\n\r?\n\Z", above) is not None
    lead = "\n" if spaced else ""
    return _item_end(text, last, len(indent)), "".join(lead + _block(item, indent, gap) for item in items)


def _opened(path: Path, text: str, root: Node | None, newline: str) -> tuple[str, int]:
    """The text with an open `sources:` that has nothing yet, and where its first item goes."""
    if root is None or (isinstance(root, Scalar) and root.start == root.end):
        if text and not text.endswith("\n"):
            text += newline
        text += f"sources:{newline}"
        return text, len(text)
    value = root.values.get("sources") if isinstance(root, Mapping) else None
    if value is None or isinstance(value, Mapping) or (isinstance(value, Scalar) and not is_null(value)):
        raise UsageError(f"{shown_path(path)} has no list `sources`", hint="edit the file by hand")
    head = text[: value.start].rstrip(" ")
    text = head + text[value.end :]
    end = text.find("\n", len(head))
    return text, len(text) if end < 0 else end + 1


def _cut_block(text: str, sequence: Sequence, index: int) -> str:
    node = sequence.items[index]
    dash = _dash(text, node)
    start = text.rfind("\n", 0, dash) + 1
    end = _item_end(text, node, dash - start)
    if re.search(r"(\A|\n)\r?\n\Z", text[:start]) and (blank := re.match(r"\r?\n", text[end:])):
        end += blank.end()
    return text[:start] + text[end:]


def _cut_flow(text: str, sequence: Sequence, index: int) -> str:
    items = sequence.items
    if index + 1 < len(items):
        return text[: items[index].start] + text[items[index + 1].start :]
    start = items[index - 1].end if index else items[0].start
    return text[:start] + text[items[index].end :]


def _dash(text: str, node: Node) -> int:
    """The offset of the `-` before an item of a block list."""
    match = _DASH.search(text, 0, node.start)
    if match is None:
        raise UsageError("the list `sources` is written in an unusual way", hint="edit the file by hand")
    return match.start() + len(match[1])


def _item_end(text: str, node: Node, indent: int) -> int:
    """The offset after an item's last line, and after comments that stand deeper than its dash."""
    end = len(text[: node.end].rstrip())
    end = text.find("\n", end) + 1 or len(text)
    comment = re.compile(rf" {{{indent + 1},}}#[^\n]*(?:\n|\Z)")
    while match := comment.match(text, end):
        end = match.end()
    return end


def _block(item: dict[str, Any], indent: str, gap: str) -> str:
    lines = [f"{key}: {_flow(value)}" for key, value in item.items()]
    inner = f"\n{indent} {gap}"
    return f"{indent}-{gap}{inner.join(lines)}\n"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=1 << 30, sort_keys=False
    )
    return text.removesuffix("...\n").rstrip("\n")


def _open(path: Path) -> tuple[str, Node | None]:
    try:
        text = read_text(path) if os.path.lexists(path.resolve()) else ""
        tree = compose(text)
    except YamlFault as fault:
        faults = [fault]
    else:
        faults = tree.faults
    if faults:
        name = shown_path(path)
        raise ConfigError([str(Problem(name, one.line, one.column, one.message)) for one in faults])
    return text, tree.root


def _sequence(root: Node | None) -> Sequence | None:
    value = root.values.get("sources") if isinstance(root, Mapping) else None
    return value if isinstance(value, Sequence) else None


def _sources(root: Node | None) -> list[Any]:
    """The items as they are written, before the environment is put in."""
    sequence = _sequence(root)
    return [_written(item) for item in sequence.items] if sequence is not None else []


def _others(root: Node | None) -> dict[str, Any]:
    found = _written(root) if isinstance(root, Mapping) else {}
    return {key: value for key, value in found.items() if key != "sources"}


def _written(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {key: _written(value) for key, value in node.values.items()}
    if isinstance(node, Sequence):
        return [_written(item) for item in node.items]
    return node.text if isinstance(node, Scalar) else None


def _ids(listed: list[Any]) -> list[str]:
    return derived_ids(map(_id_and_url, listed))


def _urls(listed: list[Any]) -> set[str]:
    return {_id_and_url(item)[1] for item in listed}


def _id_and_url(item: Any) -> tuple[str | None, str]:
    """Of an item as it is written, which may be anything while the file is being worked on."""
    found = item if isinstance(item, dict) else {}
    id, url = found.get("id"), found.get("url")
    return id if isinstance(id, str) and id else None, url if isinstance(url, str) else ""


def _write(path: Path, text: str, before: Node | None, meant: list[Any]) -> None:
    """Put the text in place of the file, whole, if it says what was meant and else what it said before."""
    try:
        after = compose(text).root
    except YamlFault:
        after = None
    if _sources(after) != meant or _others(after) != _others(before):
        raise UsageError(f"{shown_path(path)} cannot be edited by a program", hint="edit the file by hand")
    try:
        _replace(path.resolve(), text)
    except OSError as error:
        message = f"{shown_path(path)}: cannot be written: {error.strerror}"
        raise UsageError(message, hint=file_advice(error)) from None


def _replace(target: Path, text: str) -> None:
    had_mark = target.exists() and target.read_bytes().startswith(BOM_UTF8)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as output:
            output.write(text.encode("utf-8-sig" if had_mark else "utf-8"))
            output.flush()
            os.fsync(output.fileno())
        if target.exists():
            shutil.copymode(target, name)
        else:
            os.chmod(name, 0o644)
        os.replace(name, target)
    except OSError:
        os.unlink(name)
        raise
