"""What commands say of the folders of topics that are no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregator.config import Configuration


def abandoned_folders(configuration: Configuration) -> list[Path]:
    """The folders of former topics, whose readers get nothing new."""
    from aggregator.publish.groups import make_groups
    from aggregator.publish.places import abandoned

    groups = make_groups(configuration.aggregator.output, configuration.sources)
    topics = [*configuration.topics.topics, *(group.settings for group in groups)]
    return abandoned(configuration.output, topics)


def warnings(folders: Sequence[Path | str]) -> Iterator[str]:
    """A line for each of these folders."""
    for folder in folders:
        yield (
            f"warning: {folder}: no topic writes it any more, and its readers are not told:"
            " remove the folder once they have gone"
        )
