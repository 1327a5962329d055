"""YAML text as nodes that know their place in the file.

Built from the parser's events, not by PyYAML's composer: that one recurses in C, so that a file of
50,000 opening brackets ends the process, and it expands aliases without bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_MAX_DEPTH = 50
_TOO_DEEP = f"nested more than {_MAX_DEPTH} deep"
_MAX_ALIASED = 100_000
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_CORE + name for name in ("int", "float", "bool", "null")}
_OTHER_TAGS = {"!"} | {_CORE + name for name in ("str", "seq", "map")}
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class YamlFault(Exception):
    """The text is no YAML at this place (1-based)."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


@dataclass(slots=True, eq=False)
class Node:
    """`start` and `end` are offsets in the text; `size` and `height` count what aliases bring along."""

    line: int
    column: int
    start: int
    end: int
    size: int = field(default=1, init=False)
    height: int = field(default=1, init=False)


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """`plain`: without quotes, so that its text may mean a number, true, false or nothing."""

    text: str
    plain: bool


@dataclass(slots=True, eq=False)
class Sequence(Node):
    flow: bool
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping(Node):
    flow: bool
    keys: dict[str, Scalar] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)
    open_key: Node | None = None


@dataclass(slots=True)
class Tree:
    """The root (None: nothing but comments) and what is wrong although it parses."""

    root: Node | None = None
    faults: list[YamlFault] = field(default_factory=list)


def compose(text: str) -> Tree:
    """Read one YAML document. Raises YamlFault where it cannot be read to its end."""
    if illegal := _NOT_YAML.search(text):
        line, column = text_place(text, illegal.start())
        raise YamlFault(line, column, f"the character {illegal[0]!r} is not allowed in YAML")
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise _fault(error, text) from None
    return composer.tree


def text_place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, 1-based, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _fault(error: yaml.MarkedYAMLError, text: str) -> YamlFault:
    # The stubs allow for none; the parser always says where.
    mark: Any = error.problem_mark or error.context_mark
    message = f"not valid YAML: {error.problem}"
    if "nesting depth" in (error.problem or ""):  # libyaml reads ahead and has a limit of its own
        message = _TOO_DEEP
    elif text[mark.index : mark.index + 1] == "\t":
        message = "not valid YAML: a tab cannot indent here, use spaces"
    elif error.context and error.context_mark and error.context_mark.line != mark.line:
        message += f", {error.context} that begins in line {error.context_mark.line + 1}"
    elif "mapping values are not allowed" in message:
        message += "; a text with `: ` in it needs quotes"
    if "${" in text[text.rfind("\n", 0, mark.index) + 1 :].partition("\n")[0]:
        message += "; inside { } and [ ] a ${NAME} needs quotes"
    return YamlFault(mark.line + 1, mark.column + 1, message)


def _place(event: yaml.Event) -> tuple[int, int, int, int]:
    # The parser marks every event; the stubs allow for events made by hand.
    start: Any = event.start_mark
    end: Any = event.end_mark
    return start.line + 1, start.column + 1, start.index, end.index


class _Composer:
    """Takes events in order and hangs each finished node into the collection that is open."""

    def __init__(self) -> None:
        self.tree = Tree()
        self._open: list[Sequence | Mapping] = []
        self._names: list[str | None] = []
        self._anchors: dict[str, Node] = {}
        self._aliased = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event)
            plain = event.implicit[0] or event.tag in _PLAIN_TAGS
            self._finish(Scalar(*_place(event), event.value, plain), event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            node = self._open.pop()
            if node.flow:
                node.end = _place(event)[3]
            self._finish(node, self._names.pop())
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                line, column, *_ = _place(event)
                raise YamlFault(line, column, "a second document begins here, a file holds one")

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        self._check_tag(event)
        line, column, *_ = _place(event)
        if len(self._open) >= _MAX_DEPTH:
            raise YamlFault(line, column, _TOO_DEEP)
        kind = Sequence if isinstance(event, yaml.SequenceStartEvent) else Mapping
        self._open.append(kind(*_place(event), bool(event.flow_style)))
        self._names.append(event.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line, column, _, end = _place(event)
        target = self._anchors.get(str(event.anchor))
        if target is None:
            raise YamlFault(
                line,
                column,
                f"the alias *{event.anchor} has no anchor before it; a text that begins with * needs quotes",
            )
        self._aliased += target.size
        if self._aliased > _MAX_ALIASED or len(self._open) + target.height > _MAX_DEPTH:
            raise YamlFault(line, column, f"the alias *{event.anchor} repeats too much")
        self._attach(target, end)

    def _finish(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        self._attach(node, node.end)

    def _attach(self, node: Node, end: int) -> None:
        if not self._open:
            self.tree.root = node
            return
        parent = self._open[-1]
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        parent.end = max(parent.end, end)
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif parent.open_key is None:
            parent.open_key = node
        else:
            key, parent.open_key = parent.open_key, None
            self._pair(parent, key, node)

    def _pair(self, parent: Mapping, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._note(key, "a key must be a word, not a collection")
        elif (first := parent.keys.get(key.text)) is not None:
            self._note(key, f"duplicate key {key.text!r}, first in line {first.line}")
        else:
            parent.keys[key.text] = key
            parent.values[key.text] = value

    def _check_tag(self, event: yaml.NodeEvent) -> None:
        tag: str | None = getattr(event, "tag", None)
        if tag is not None and tag not in _PLAIN_TAGS and tag not in _OTHER_TAGS:
            line, column, *_ = _place(event)
            shown = tag.replace(_CORE, "!!", 1)
            self.tree.faults.append(YamlFault(line, column, f"the tag {shown!r} is not supported"))

    def _note(self, node: Node, message: str) -> None:
        self.tree.faults.append(YamlFault(node.line, node.column, message))
