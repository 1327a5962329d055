"""What podcast clients and directories read of a topic: Apple's tags (its "Podcaster's guide to RSS").

They are written as the W3C Feed Validator has them, which Apple accepts: `true` and `false`, hours in each duration.
Numbers of seasons and episodes are left out: those of several shows say nothing together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from aggregator.genres import GENRES
from aggregator.model import Channel, Enclosure, Report, Show, Story
from aggregator.publish.content import attachable, author_name, enclosures, web_url
from aggregator.publish.valid import person
from aggregator.settings import Site, TopicSettings
from aggregator.values import feed_address

NAMESPACE = "http://www.itunes.com/dtds/podcast-1.0.dtd"

_LONGEST_NAME = 255
_PICTURE = re.compile(r"\.(?:jpe?g|png)$", re.IGNORECASE)
_PLAYED = {
    "mp3": "audio/mpeg",
    "m4a": "audio/x-m4a",
    "mp4": "video/mp4",
    "m4v": "video/x-m4v",
    "mov": "video/quicktime",
}
"""The files that every client plays, Apple's too."""
_SUFFIXES = {media: suffix for suffix, media in _PLAYED.items()} | {"audio/mp4": "m4a", "audio/mp3": "mp3"}


@dataclass(frozen=True, slots=True)
class Tag:
    """One element of `NAMESPACE`."""

    name: str
    text: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    inside: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class Episode:
    """What there is to hear or see of a story, and the report that it belongs to."""

    report: Report
    file: Enclosure


def make_show(topic: TopicSettings, site: Site) -> Show | None:
    """The topic as a podcast; None unless it is one. Without an address of its owner no feed is."""
    address = feed_address(site.contact)
    if topic.podcast is None or address is None:
        return None
    cover = web_url(topic.podcast.cover(site))
    return Show(
        genre=GENRES[topic.podcast.category],
        is_explicit=topic.podcast.explicit,
        email=address,
        cover=cover if cover and attachable(cover) else None,
    )


def episode(story: Story) -> Episode | None:
    """The audio or video of the lead report, or where that has none, of the oldest report that has."""
    return next(episodes(story), None)


def episodes(story: Story) -> Iterator[Episode]:
    """The audio or video of each report that has any, the lead's first, each file once."""
    seen = set()
    for report in (story.lead, *story.coverage):
        files = [] if report.withdrawn_at else list(_files(report))
        if files:
            file = min(files, key=lambda file: not _plays_everywhere(file))
            if file.url not in seen:
                yield Episode(report, file)
            seen.add(file.url)


def listed_at(file: Enclosure) -> str:
    """The file's address, which ends as directories want it to: in what kind of file it is.

    Where it does not by itself (`1.mp3?from=feed`), a fragment says so, which no client sends to the server.
    """
    suffix = _suffix(file)
    if suffix is None or file.url.endswith(f".{suffix}"):
        return file.url
    return f"{file.url}{'' if '#' in file.url else '#'}.{suffix}"


def channel_tags(channel: Channel, show: Show) -> Iterator[Tag]:
    """What a podcast says of itself."""
    name = _name(person(channel.site_title) or channel.id)
    yield Tag("author", name)
    yield Tag("owner", inside=(Tag("name", name), Tag("email", show.email)))
    if show.cover:
        yield Tag("image", attributes={"href": show.cover})
    *broad, category = (Tag("category", attributes={"text": genre}) for genre in show.genre)
    yield replace(broad[0], inside=(category,)) if broad else category
    yield Tag("explicit", _truth(show.is_explicit))
    yield Tag("type", "episodic")
    if channel.is_private:
        yield Tag("block", "Yes")  # No directory shall list it


def episode_tags(told: Episode) -> Iterator[Tag]:
    """What a podcast says of an item with a file; nothing of one that Apple does not play."""
    report, file = told.report, told.file
    if _suffix(file) is None:
        return
    yield Tag("author", _name(person(author_name(report)) or report.source))
    if file.seconds:
        yield Tag("duration", f"{file.seconds // 3600}:{file.seconds // 60 % 60:02}:{file.seconds % 60:02}")
    if file.is_explicit is not None:
        yield Tag("explicit", _truth(file.is_explicit))
    if file.episode:
        yield Tag("episodeType", file.episode)
    image = web_url(report.image)
    if image and attachable(image) and _PICTURE.search(urlsplit(image).path):
        yield Tag("image", attributes={"href": image})


def _files(report: Report) -> Iterator[Enclosure]:
    for file in enclosures(report):
        known = _type_by_name(file)
        if attachable(file.url) and (known or (file.type or "").startswith(("audio/", "video/"))):
            # Many servers declare what they serve as application/octet-stream
            is_told = file.type and file.type.startswith(("audio/", "video/"))
            yield file if is_told else replace(file, type=known)


def _plays_everywhere(file: Enclosure) -> bool:
    return _suffix(file) is not None


def _suffix(file: Enclosure) -> str | None:
    named = _suffix_by_name(file)
    return named if named in _PLAYED else _SUFFIXES.get(file.type or "")


def _type_by_name(file: Enclosure) -> str | None:
    return _PLAYED.get(_suffix_by_name(file))


def _suffix_by_name(file: Enclosure) -> str:
    return urlsplit(file.url).path.rpartition(".")[2].lower()


def _name(text: str) -> str:
    return text[:_LONGEST_NAME]


def _truth(is_so: bool) -> str:
    return "true" if is_so else "false"
