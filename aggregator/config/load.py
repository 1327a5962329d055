"""The three files of the configuration as settings, or one error with every problem in them."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aggregator import settings
from aggregator.config.checks import (
    check_aggregator,
    check_groups,
    check_notify,
    check_output_tags,
    check_podcasts,
    check_sources,
    check_topic_sources,
    check_topics,
    with_ids,
)
from aggregator.config.document import Document, Keys, read, shown_path
from aggregator.config.validate import refuse_planned, sound_items, sound_part, validate
from aggregator.errors import ConfigError

_LATER: dict[str, dict[Keys, Any]] = {
    "aggregator.yaml": {
        ("engine",): {"kind": "local"},
    },
    "sources.yaml": {},
    "topics.yaml": {},
}
"""Settings of later versions, and the value that says what holds anyway."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that the files say. Ids are filled in, paths are absolute."""

    folder: Path
    aggregator: settings.Aggregator
    sources: tuple[settings.SourceSettings, ...]
    topics: settings.Topics
    database: Path
    output: Path
    templates: Path | None = None
    """The folder of the owner's templates, where there is one."""
    backups: Path | None = None
    """The folder of the daemon's backups, where it makes any."""
    warnings: tuple[str, ...] = ()
    """What is allowed, but hardly meant: one line for each place, as in ConfigError."""


def load(folder: Path, *, environ: Mapping[str, str]) -> Configuration:
    """Read aggregator.yaml, sources.yaml and topics.yaml of a folder; only sources.yaml must be there.

    Raises ConfigError with every problem of all three files, in the order of their lines.
    """
    _require(folder)
    documents = {name: _read(folder / name, environ) for name in _LATER}
    aggregator = _aggregator(documents["aggregator.yaml"], folder)
    sources = _sources(documents["sources.yaml"])
    known = None if documents["sources.yaml"].problems else sources
    if aggregator is not None:
        tagged = known.values() if known is not None else None
        check_output_tags(documents["aggregator.yaml"], aggregator.output, tagged)
    topics = _topics(documents["topics.yaml"], known, aggregator)
    problems = [str(problem) for one in documents.values() for problem in sorted(set(one.problems))]
    if aggregator is None or problems:
        raise ConfigError(problems)
    backup = aggregator.storage.backup
    return Configuration(
        folder=folder.absolute(),
        aggregator=aggregator,
        sources=tuple(sources.values()),
        topics=topics,
        database=(folder / aggregator.storage.database).resolve(),
        output=(folder / aggregator.output.directory).resolve(),
        templates=(folder / aggregator.output.templates).resolve() if aggregator.output.templates else None,
        backups=(folder / backup.directory).resolve() if backup else None,
        warnings=tuple(str(one) for document in documents.values() for one in sorted(set(document.warnings))),
    )


def _require(folder: Path) -> None:
    hint = f"`aggregator init {shown_path(folder)}` writes a starter configuration"
    if os.path.isfile(folder):
        raise ConfigError(
            [f"{shown_path(folder)}:1:1: is a file, not a folder"],
            hint=f"name its folder: --config {shown_path(folder.parent)}",
        )
    if not os.path.isdir(folder):
        raise ConfigError([f"{shown_path(folder)}:1:1: there is no such folder"], hint=hint)
    sources = folder / "sources.yaml"
    if _is_missing(sources):
        raise ConfigError([f"{shown_path(sources)}:1:1: there is no such file"], hint=hint)


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except OSError as error:
        return error.errno == errno.ENOENT
    return False


def _read(file: Path, environ: Mapping[str, str]) -> Document:
    if _is_missing(file):
        return Document(shown_path(file))
    document = read(file, environ)
    refuse_planned(document, _LATER[file.name])
    return document


def _aggregator(document: Document, folder: Path) -> settings.Aggregator | None:
    found = validate(document, settings.Aggregator)
    aggregator = found or sound_part(document, settings.Aggregator)
    check_aggregator(document, aggregator)
    places: list[tuple[Keys, str]] = [
        (("storage", "database"), aggregator.storage.database),
        (("output", "directory"), aggregator.output.directory),
    ]
    if aggregator.storage.backup:
        places.append((("storage", "backup", "directory"), aggregator.storage.backup.directory))
    templates = aggregator.output.templates
    if templates is not None:
        places.append((("output", "templates"), templates))
    for keys, path in places:
        if not path.strip() or "\0" in path:
            document.report(keys, f"{document.found(keys)} is not a path")
        elif path is templates and not (folder / path).is_dir():
            document.report(keys, f"{document.found(keys)} is not a folder that is there")
    return found


def _sources(document: Document) -> dict[int, settings.SourceSettings]:
    """The sources that are sound, by their position in the file."""
    found = validate(document, settings.Sources)
    if found is not None:
        sources = dict(enumerate(found.sources))
    else:
        sources = sound_items(document, "sources", settings.SourceSettings)
    sources = with_ids(document, sources)
    check_sources(document, sources)
    return sources


def _topics(
    document: Document,
    sources: dict[int, settings.SourceSettings] | None,
    aggregator: settings.Aggregator | None,
) -> settings.Topics:
    """The topics, or as much of them as is sound; what they rest on is None while that is wrong itself."""
    topics = validate(document, settings.Topics) or sound_part(document, settings.Topics)
    is_known = "vocabulary" in topics.model_fields_set or "vocabulary" not in document.values
    items = sound_items(document, "topics", settings.TopicSettings)
    check_topics(document, items, topics.vocabulary if is_known else None)
    check_notify(document, items, has_mail=aggregator is None or aggregator.mail is not None)
    if aggregator is not None:
        check_groups(document, items, aggregator.output)
        check_podcasts(document, items, aggregator.site)
    if sources is not None:
        check_topic_sources(document, items, sources.values())
    return topics
