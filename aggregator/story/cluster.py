"""Which story a new entry belongs to: join one, or start one.

For now an entry joins the story of the entry that it repeats, and any other starts its own.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence
from hashlib import blake2b

from aggregator.model import Entry, EntryId, SourceId, StoryId
from aggregator.story.duplicate import Candidate


def assign(entry: Entry, source: SourceId, original: Candidate | None) -> StoryId:
    """The story that the entry joins, or the id of the one that it starts."""
    return original.story if original else founded_by(source, entry.identity)


def founded_by(source: SourceId, identity: str) -> StoryId:
    """The id of the story that this entry starts: the same at every run on the same data."""
    return _story_id(source, identity)


def split_from(story: StoryId, version: int, entries: Sequence[EntryId]) -> StoryId:
    """The id of a story that these entries make when they leave `story`, another one each time."""
    return _story_id(story, "split", str(version), *(str(id) for id in entries))


def _story_id(*seed: str) -> StoryId:
    # 16 letters and digits, 80 bits: among a billion stories two meet with a chance of 1 in 2,400,000
    data = "\n".join(seed).encode("utf-8", "surrogatepass")
    return StoryId(b32encode(blake2b(data, digest_size=10).digest()).decode().lower())
