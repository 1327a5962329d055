"""A configuration file as plain values, each of which can be found again in the text.

Scalars follow YAML 1.2: only `true` and `false` are booleans, so `no` is Norwegian and `on` a word.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from aggregator.config.yaml_nodes import (
    Mapping as MappingNode,
)
from aggregator.config.yaml_nodes import (
    Node,
    Scalar,
    Sequence,
    YamlFault,
    compose,
    text_place,
)

Keys = tuple[str | int, ...]

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, at a 1-based place of a file."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(slots=True)
class Document:
    """One file. `name` is its path as a person would type it; `values` is what it says."""

    name: str
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    """What is allowed, but hardly meant."""
    is_broken: bool = False
    """The file could not be read as a mapping: `values` says nothing about it."""
    root: Node | None = None
    _used: dict[str, str] = field(default_factory=dict, repr=False)

    def follow(self, keys: Iterable[str | int]) -> Keys:
        """The part of the path, from its start, that exists in the file."""
        found: list[str | int] = []
        node = self.root
        for key in keys:
            node = _child(node, key)
            if node is None:
                break
            found.append(key)
        return tuple(found)

    def node(self, keys: Keys) -> Node | None:
        node = self.root
        for key in keys:
            node = _child(node, key)
        return node

    def line(self, keys: Keys) -> int:
        node = self.node(self.follow(keys))
        return node.line if node is not None else 1

    def text(self, keys: Keys) -> str:
        """A scalar as it is written, before the environment is put in; else the kind of thing it is."""
        node = self.node(keys)
        if isinstance(node, Scalar):
            return node.text
        return "a list" if isinstance(node, Sequence) else "a mapping"

    def found(self, keys: Keys) -> str:
        """What stands there, for an error: `'text'`, `a list`, `a mapping` or `nothing`."""
        node = self.node(keys)
        if isinstance(node, Scalar):
            return "nothing" if is_null(node) else quoted(node.text)
        return self.text(keys)

    def report(self, keys: Keys, message: str, *, at_key: bool = False) -> None:
        """Note a problem at the value of a path, at its key, or where the path leaves the file."""
        known = self.follow(keys)
        node = self.node(known)
        if at_key and known and isinstance(known[-1], str):
            parent = self.node(known[:-1])
            node = parent.keys[known[-1]] if isinstance(parent, MappingNode) else node
        line, column = (node.line, node.column) if node is not None else (1, 1)
        prefix = f"{keys_text(keys)}: " if keys else ""
        self.problems.append(Problem(self.name, line, column, prefix + message))

    def warn(self, keys: Keys, message: str) -> None:
        """Note at the value of a path that it may be a mistake."""
        node = self.node(keys)
        line, column = (node.line, node.column) if node is not None else (1, 1)
        self.warnings.append(Problem(self.name, line, column, f"{keys_text(keys)}: {message}"))

    def discreet(self, message: str) -> str:
        """The message with every text that came from the environment named, not shown."""
        for value, name in sorted(self._used.items(), key=lambda used: -len(used[0])):
            for form in {value, repr(value)[1:-1]}:
                message = message.replace(form, f"${{{name}}}")
        return message

    def substituted(self, text: str, keys: Keys) -> str:
        """`${NAME}` replaced from the environment and `$${` by `${`; what is missing is reported."""

        def replaced(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return "${"
            if not match[0].endswith("}") or not _ENV_NAME.fullmatch(name):
                self.report(keys, f"{quoted(match[0])} is not ${{NAME}}; write $${{ for a plain ${{")
                return match[0]
            value = self.environ.get(name)
            if value is None:
                self.report(keys, f"the environment variable {name!r} is not set")
                return match[0]
            if value:
                self._used[value] = name
            return value

        return _REFERENCE.sub(replaced, text)

    def plain_value(self, node: Node, keys: Keys) -> Any:
        """The node as dict, list, str, int, float, bool or None, with the environment put in."""
        if isinstance(node, Scalar):
            if "${" not in node.text:
                return _resolve(node.text) if node.plain else node.text
            text = self.substituted(node.text, keys)
            value = _resolve(text) if node.plain else text
            return text if value is None else value
        if isinstance(node, MappingNode):
            return {key: self.plain_value(child, (*keys, key)) for key, child in node.values.items()}
        items = node.items if isinstance(node, Sequence) else []
        return [self.plain_value(child, (*keys, index)) for index, child in enumerate(items)]


def read(file: Path, environ: Mapping[str, str]) -> Document:
    """Read a file; whatever is wrong with it stands in `problems`."""
    document = Document(shown_path(file), environ)
    try:
        text = read_text(file)
        tree = compose(text)
    except YamlFault as fault:
        _fail(document, fault.line, fault.column, fault.message)
        return document
    document.root = root = tree.root
    document.problems += [
        Problem(document.name, fault.line, fault.column, fault.message) for fault in tree.faults
    ]
    if isinstance(root, MappingNode):
        document.values = document.plain_value(root, ())
    elif root is not None and document.found(()) != "nothing":
        message = f"expected a mapping (key: value), found {document.found(())}"
        _fail(document, root.line, root.column, message)
    return document


def read_text(file: Path) -> str:
    """The text of a UTF-8 file without its byte order mark, line ends as they are. Raises YamlFault."""
    # os.path answers False where pathlib raises: a folder above that may not be entered.
    if os.path.exists(file) and not os.path.isfile(file):
        raise YamlFault(1, 1, "is a folder, not a file" if os.path.isdir(file) else "is not a regular file")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise YamlFault(1, 1, f"cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        message = f"is not UTF-8 text (byte 0x{content[error.start]:02x})"
        raise YamlFault(*text_place(before, len(before)), message) from None


def keys_text(keys: Keys) -> str:
    """A path as a person writes it: `sources[3].interval`, `vocabulary['two words']`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        elif re.fullmatch(r"[\w-]{1,60}", key):
            text += f".{key}" if text else key
        else:
            text += f"[{quoted(key)}]"
    return text


def quoted(text: str) -> str:
    """A value for an error: in quotes, on one line, not longer than a line."""
    return repr(text if len(text) <= 80 else text[:79] + "…")


def suggestion(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """`, did you mean 'interval'?` or nothing. `likeness`: how alike they must be; 0.8 is a slip or two."""
    close = get_close_matches(word, list(known), n=1, cutoff=likeness)
    return f", did you mean {close[0]!r}?" if close else ""


def shown_path(file: Path) -> str:
    """The path as a person would type it: the shorter of relative and absolute."""
    return min(os.path.relpath(file), str(file.absolute()), key=len)


def is_null(node: Scalar) -> bool:
    """Whether nothing is written there, or one of YAML's words for it."""
    return node.plain and _resolve(node.text) is None


def _fail(document: Document, line: int, column: int, message: str) -> None:
    document.problems.append(Problem(document.name, line, column, message))
    document.is_broken = True


def _child(node: Node | None, key: str | int) -> Node | None:
    if isinstance(node, MappingNode) and isinstance(key, str):
        return node.values.get(key)
    if isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
        return node.items[key]
    return None


def _resolve(text: str) -> Any:
    """What an unquoted text means in YAML 1.2: nothing, a boolean, a number, or itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
