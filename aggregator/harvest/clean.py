"""Raw entry → Entry: text made safe, links absolute, dates read, fingerprints taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import islice
from urllib.parse import unquote, urlsplit

from aggregator.harvest.dates import parse_date
from aggregator.harvest.enclosures import clean_enclosures
from aggregator.harvest.raw import Markup, RawEntry, RawFeed
from aggregator.model import Entry, Feed, Kind, Request
from aggregator.story.fingerprint import digest, identity, text_hash
from aggregator.story.opinion import opinion_sign
from aggregator.story.profile import make_profile
from aggregator.story.sketch import make_sketch
from aggregator.text.fold import letters
from aggregator.text.html import CleanHtml, clean_html, html_to_text, one_line, text_to_html, tidy_text
from aggregator.text.language import detect_all, normalize_tag
from aggregator.url import absolute, canonical

_LONGEST_TITLE = 500
_LONGEST_LABEL = 200
_LONGEST_GUID = 2000
_LONGEST_READ = 10_000  # of what becomes a line
_MOST_LABELS = 50
_TELLING = 1000
"""Characters of a text that tell its language, and more."""


def clean_feed(raw: RawFeed, *, url: str) -> Feed:
    """What the document says about itself; `url` is where it was read."""
    return Feed(
        title=_line(raw.title, _LONGEST_TITLE),
        url=absolute(raw.url, url),
        language=normalize_tag(raw.language),
        icon=absolute(raw.icon, url),
        rights=_label(raw.rights, _LONGEST_TITLE),
        wish=raw.wish,
    )


def clean_entries(raw: RawFeed, *, url: str, request: Request, now: datetime) -> tuple[Entry, ...]:
    """The document's entries, each identity once, in the publisher's order."""
    feed_language = normalize_tag(raw.language)
    feed_title = _line(raw.title, _LONGEST_TITLE)
    entries = [
        clean_entry(
            entry, url=url, request=request, feed_language=feed_language, feed_title=feed_title, now=now
        )
        for entry in raw.entries
    ]
    if request.language is None:
        told = [(f"{entry.title}\n{entry.text[:_TELLING]}", entry.language) for entry in entries]
        entries = [
            entry if language == entry.language else replace(entry, language=language)
            for entry, language in zip(entries, detect_all(told, feed_language), strict=True)
        ]
    unique: dict[str, Entry] = {}
    for entry in _with_telling_identities(entries):
        unique.setdefault(entry.identity, entry)
    return tuple(_without_shared_links(list(unique.values())))


def _with_telling_identities(entries: list[Entry]) -> Iterable[Entry]:
    # A guid or link that one document uses for several entries (its own site, say) tells none of them apart
    uses: dict[str, set[tuple[str | None, str]]] = {}
    for entry in entries:
        uses.setdefault(entry.identity, set()).add((entry.canonical_url, entry.title))
    for entry in entries:
        if len(uses[entry.identity]) > 1:
            told_apart = digest(entry.canonical_url or "", entry.title)
            yield replace(entry, identity=f"{entry.identity} {told_apart}")
        else:
            yield entry


def _without_shared_links(entries: list[Entry]) -> Iterable[Entry]:
    # Where several entries of one document share a link, it leads to a section, not to an entry
    uses = Counter(entry.canonical_url for entry in entries)
    for entry in entries:
        shared = entry.canonical_url is not None and uses[entry.canonical_url] > 1
        yield replace(entry, canonical_url=None) if shared else entry


def clean_entry(
    raw: RawEntry,
    *,
    url: str,
    request: Request,
    feed_language: str | None,
    feed_title: str | None,
    now: datetime,
) -> Entry:
    """One entry of the document at `url`, in the language that is configured or declared."""
    link = _link(raw.links, url)
    content, trackers = _content(raw.contents, link or url)
    text = html_to_text(content)
    title = _line(raw.title, _LONGEST_TITLE) or _title_from(text)
    guid = _guid(raw.guid)
    canonical_url = canonical(link) if link else None
    entry = Entry(
        identity=identity(guid, canonical_url, title, text),
        guid=guid,
        url=link,
        canonical_url=canonical_url,
        title=title,
        author=_author(raw, link, feed_title),
        published=_date(raw.published, now) or _date(raw.updated, now),
        updated=_date(raw.updated, now),
        language=request.language or normalize_tag(raw.language) or feed_language,
        content=content,
        text=text,
        text_hash=text_hash(title, text),
        content_hash=digest(title, text),
        profile=make_profile(title, text),
        sketch=make_sketch(title, text),
        categories=_labels(raw.categories),
        enclosures=clean_enclosures(raw.enclosures, link or url),
        image=next((image for raw_url in raw.images if (image := absolute(raw_url, link or url))), None),
        trackers=trackers,
    )
    return replace(entry, kind=_kind(entry, request, feed_title))


def _kind(entry: Entry, request: Request, feed_title: str | None) -> Kind:
    is_opinion = request.is_opinion or opinion_sign(entry, source_title=feed_title)
    return "opinion" if is_opinion else "report"


def _link(candidates: Iterable[str], url: str) -> str | None:
    # An empty link (`http://`) resolves to the document itself
    links = (absolute(candidate, url) for candidate in candidates)
    return next((link for link in links if link and link != url), None)


def _guid(raw: str | None) -> str | None:
    guid = tidy_text(raw) if raw else ""
    # Told by its digest it stays one and the same, and every table small
    return (guid if len(guid) <= _LONGEST_GUID else f"sha256:{digest(guid)}") or None


def _line(markup: Markup | None, longest: int) -> str | None:
    if markup is None:
        return None
    line = one_line(markup.value[:_LONGEST_READ], is_html=markup.is_html)
    return f"{line[: longest - 1]}…" if len(line) > longest else line or None


def _label(raw: str | None, longest: int) -> str | None:
    return (one_line(raw[:_LONGEST_READ], is_html=True)[:longest].rstrip() or None) if raw else None


def _author(raw: RawEntry, link: str | None, feed_title: str | None) -> str | None:
    # Many feeds put the section or the outlet where a person belongs: it says nothing of who wrote the entry
    author = _label(raw.author, _LONGEST_LABEL)
    if author is None:
        return None
    sections = urlsplit(link).path.split("/")[1:-1] if link else []
    rubrics = {
        letters(name) for name in (*_labels(raw.categories), *map(unquote, sections), feed_title or "")
    }
    return None if letters(author) in rubrics else author


def _title_from(text: str) -> str:
    first = text.split("\n", 1)[0]
    return f"{first[:79].rsplit(' ', 1)[0]}…" if len(first) > 80 else first


def _content(candidates: Iterable[Markup], base: str) -> CleanHtml:
    # A teaser may stand in `content` and the whole text in `summary`: the longer one wins
    longest = max(candidates, key=lambda markup: len(markup.value), default=None)
    if longest is None:
        return CleanHtml("", 0)
    markup = longest.value if longest.is_html else text_to_html(longest.value)
    return clean_markup(markup, base=absolute(longest.base, base) or base)


def clean_markup(markup: str, *, base: str) -> CleanHtml:
    """HTML that is safe, its addresses made absolute by `base`."""
    return clean_html(markup, resolve=lambda address: _address(address, base))


def _address(raw: str, base: str) -> str | None:
    # Within a page, a bare word is an address too
    return absolute(raw, base) or (absolute(f"./{raw}", base) if raw and ":" not in raw else None)


def _date(raw: str | None, now: datetime) -> datetime | None:
    return parse_date(raw, now=now) if raw else None


def _labels(raw: Iterable[str]) -> tuple[str, ...]:
    labels = (_label(label, _LONGEST_LABEL) for label in raw)
    return tuple(islice(dict.fromkeys(label for label in labels if label), _MOST_LABELS))
