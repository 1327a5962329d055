"""What a story says in a feed reader: safe HTML, a plain summary, and the parts that pages use too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from mimetypes import MimeTypes
from urllib.parse import quote, urljoin, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.model import Channel, Enclosure, EntryId, Item, Related, Report, Sentence, Story, StoryId
from aggregator.publish.languages import language_name, language_tag, locale, quoted
from aggregator.story.compose import excerpt
from aggregator.text.cut import cut
from aggregator.times import to_text
from aggregator.values import feed_address

_BEYOND = "".join(f"{chr(plane)}-{chr(plane + 0xFFFD)}" for plane in range(0x10000, 0x110000, 0x10000))
# What is legal stands in the order of how common it is: eight times as fast as what is not
_ILLEGAL = re.compile(f"[^ -~\t\n\r\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffc{_BEYOND}]")
_MOJIBAKE = re.compile("[\xc2\xc3][\x80-\xbf]")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_ATTACHABLE = re.compile(r"https?://(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*(?::\d+)?(?:/|$)")
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TYPES = MimeTypes()  # the built-in table alone: the same on every machine
_GIST_LENGTH = 300
_PARAGRAPH_SENTENCES = 4


@dataclass(frozen=True, slots=True)
class Carried:
    """A report and those that carry the same text, oldest first."""

    report: Report
    copies: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """An outlet's report, and the report that it repeats word for word, if it does."""

    report: Report
    original: Report | None


@dataclass(frozen=True, slots=True)
class Elsewhere(Related):
    """A related story without a page here: its lead report stands for it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Sentences in a row that come from one entry."""

    sentences: tuple[str, ...]
    source: str
    url: str | None
    language: str | None
    entry: EntryId

    @property
    def text(self) -> str:
        """The sentences together."""
        return " ".join(self.sentences)


@dataclass(frozen=True, slots=True)
class Tally:
    """How widely a story was reported; opinion pieces do not count."""

    outlets: int
    origins: int
    """Outlets with a report of their own, not a copy."""
    languages: tuple[str, ...]
    """Their names, that of the headline first."""
    opinions: int
    """Outlets with opinion about it and no report."""


def legal(text: str) -> str:
    """The text without what XML 1.0 §2.2 forbids or discourages: control characters, surrogates, no characters.

    Nor has it U+FFFD, which stands for what was lost; and UTF-8 that somebody took for Latin-1, perhaps twice, is
    read again.
    """
    if text.isascii():  # most are
        return text if text.isprintable() else _ILLEGAL.sub("", text)
    while (fit := _ILLEGAL.sub("", _MOJIBAKE.sub(_read_again, text))) != text:
        text = fit
    return fit


def _read_again(pair: re.Match[str]) -> str:
    return pair[0].encode("latin-1").decode()


@lru_cache(maxsize=4096)  # a page links each address several times
def web_url(url: str | None) -> str | None:
    """The address as a URI of RFC 3986, percent-encoded; None when it is not http(s) or cannot be one."""
    if url is None:
        return None
    try:
        parts = urlsplit(legal(url).strip())
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host:
            return None
        host = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    netloc = quote(host, safe="[]:") + (f":{port}" if port is not None else "")
    path, query, fragment = (
        quote(_BARE_PERCENT.sub("%25", part), safe="%/:@!$&'()*+,;=?~")
        for part in (parts.path, parts.query, parts.fragment)
    )
    return f"{parts.scheme}://{netloc}{path}" + (query and f"?{query}") + (fragment and f"#{fragment}")


def email(channel: Channel) -> str | None:
    """The channel's contact when it is an e-mail address, not a URL (which may hold an @ too)."""
    return feed_address(channel.contact)


def archived(file: str, page: str | None) -> str:
    """Where one of a topic's files stands below its folder, or the archive document of that format: `rss.xml`."""
    stem, _, suffix = file.partition(".")
    return f"archive/{stem}-{page}.{suffix}" if page else file


def item_url(item: Item) -> str:
    """Where the item leads; its story page when the lead article's address is no web address."""
    return web_url(item.url) or item.page


def foreign(language: str | None, story: Story) -> str | None:
    """The name of a language that is not the one of the story's headline."""
    name = language_name(language)
    return name if name != language_name(story.language) else None


def date_words(moment: datetime) -> str:
    """A time in UTC for a reader, the same in every locale: `27 Nov 2024, 09:00`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M}"


def headline(story: Story) -> str:
    """The story's headline on one line; never empty, as RSS and Atom need a title."""
    return on_one_line(story.headline) or "Untitled"


def coverage(story: Story) -> tuple[Carried, ...]:
    """The reporting, oldest first, copies under what they copy; opinion pieces are not in it."""
    opinions = {report.entry for report in story.opinions}
    reports = [report for report in story.coverage if report.entry not in opinions]
    by_entry = {report.entry: report for report in reports}
    copies: dict[EntryId, list[Report]] = {}
    for report in reports:
        copies.setdefault(_original(report, by_entry), []).append(report)
    carried = []
    for original, group in copies.items():
        # An original that left the story leaves its copies behind: the oldest stands for it.
        head = by_entry.get(original, group[0])
        carried.append(Carried(head, tuple(copy for copy in group if copy is not head)))
    return tuple(carried)


def outlets(story: Story) -> tuple[Mention, ...]:
    """Every outlet of the coverage once, oldest first, by its own words where it has any."""
    carried = coverage(story)
    own = [Mention(one.report, None) for one in carried]
    same = [Mention(copy, one.report) for one in carried for copy in one.copies]
    first: dict[str, Mention] = {}
    for mention in own + same:
        first.setdefault(mention.report.source_title, mention)
    return tuple(sorted(first.values(), key=lambda found: (found.report.published, found.report.entry)))


def tally(story: Story) -> Tally:
    """The breadth of a story's coverage."""
    carried = coverage(story)
    reporting = [report for one in carried for report in (one.report, *one.copies)]
    named = [language_name(report.language) for report in reporting]
    first = language_name(story.language)
    return Tally(
        outlets=len(outlets(story)),
        origins=len({one.report.source_title for one in carried}),
        languages=tuple(filter(None, dict.fromkeys([first if first in named else None, *named]))),
        opinions=len({one.source_title for one in story.opinions} - {one.source_title for one in reporting}),
    )


def repeated_at(carried: Carried) -> tuple[Report, ...]:
    """The copies at other outlets, each outlet once: an outlet with many feeds repeats itself."""
    first: dict[str, Report] = {}
    for copy in carried.copies:
        first.setdefault(copy.source_title, copy)
    first.pop(carried.report.source_title, None)
    return tuple(first.values())


def told_again(carried: Carried) -> datetime | None:
    """When its outlet last told a report again, in other words or in another of its feeds, if it did."""
    own = [copy for copy in carried.copies if copy.source_title == carried.report.source_title]
    moments = [moment for one in own for moment in (one.published, one.revised_at)]
    last = max(filter(None, [*moments, carried.report.revised_at]), default=None)
    return last if last and last > carried.report.published else None


def passages(story: Story, sentences: Iterable[Sentence]) -> tuple[Passage, ...]:
    """Sentences with one attribution for each run of the same entry."""
    languages = _languages(story)
    found = []
    for entry, run in groupby(sentences, key=lambda sentence: sentence.entry):
        group = list(run)
        texts = tuple(sentence.text.strip() for sentence in group)
        found.append(Passage(texts, group[0].source, group[0].url, languages.get(entry), entry))
    return tuple(found)


def paragraphs(story: Story) -> tuple[tuple[Passage, ...], ...]:
    """The story in paragraphs of a few sentences, each in one language, divided where the source changes."""
    languages = _languages(story)
    found: list[list[Sentence]] = []
    for sentence in story.story:
        current = found[-1] if found else []
        same = bool(current) and current[-1].entry == sentence.entry
        one_language = bool(current) and languages.get(current[-1].entry) == languages.get(sentence.entry)
        room = _PARAGRAPH_SENTENCES if same else _PARAGRAPH_SENTENCES // 2
        if one_language and len(current) < room:
            current.append(sentence)
        else:
            found.append([sentence])
    return tuple(passages(story, paragraph) for paragraph in found)


def numbers(story: Story) -> dict[EntryId, int]:
    """The number of each report in the list of the coverage, from 1; a copy has that of its original."""
    return {
        report.entry: number
        for number, one in enumerate(coverage(story), 1)
        for report in (one.report, *one.copies)
    }


def notes(story: Story) -> tuple[tuple[datetime, str], ...]:
    """What sources took back of the story, and when: headlines that they changed, reports that they withdrew."""
    corrected = [
        (one.at, f"Corrected: {one.source} changed its headline “{one.old}” to “{one.new}”.")
        for one in story.corrections
    ]
    withdrawn = [
        (report.withdrawn_at, f"Withdrawn: {report.source_title} no longer carries “{report.title}”.")
        for report in story.coverage
        if report.withdrawn_at
    ]
    return tuple(sorted([*corrected, *withdrawn]))


def gist(report: Report) -> str:
    """How a report begins, in whole sentences where they are not long."""
    clean = replace(report, text=legal(report.text), language=language_tag(report.language))
    sentences = [sentence.text for sentence in excerpt(clean)]
    while len(sentences) > 1 and len(" ".join(sentences)) > _GIST_LENGTH:
        sentences.pop()
    return cut(" ".join(sentences), _GIST_LENGTH)


def with_links(story: Story, shown: Set[StoryId]) -> Story:
    """The story beside related ones that lead somewhere: to their page if that is `shown`, or to their lead report."""

    def link(other: Related) -> Related | None:
        if other.id in shown:
            return other
        if other.lead_url is None:
            return None
        return Elsewhere(*(getattr(other, field.name) for field in fields(Related)))

    return replace(story, related=tuple(filter(None, map(link, story.related))))


def related_url(page: str, other: Related) -> str | None:
    """Where a related story is told, given the page of one beside it."""
    return other.lead_url if isinstance(other, Elsewhere) else urljoin(page, f"{other.id}.html")


def outlet_of(other: Related) -> str | None:
    """The outlet that a link to a related story leads to; None where its page is here."""
    return other.lead_source if isinstance(other, Elsewhere) else None


def story_html(story: Story, page: str) -> str:
    """A story as plain, safe HTML: highlights, story with sources, opinions, coverage, and its page's address."""
    others = [mention for mention in outlets(story) if mention.report.source_title != story.lead.source_title]
    html = TEMPLATES.get_template("item.html").render(story=story, page=page, others=others)
    return legal(html).strip()


def author_name(report: Report) -> str:
    """Who wrote the report: its author, else its outlet; never empty."""
    return on_one_line(report.author or "") or on_one_line(report.source_title) or report.source


def categories(item: Item) -> tuple[str, ...]:
    """The lead report's categories, each once."""
    return tuple(dict.fromkeys(filter(None, map(on_one_line, item.story.lead.categories))))


def enclosures(report: Report) -> tuple[Enclosure, ...]:
    """The report's media files that can be linked, each with a type: guessed where none was given."""
    found = []
    for enclosure in report.enclosures:
        if url := web_url(enclosure.url):
            kind = enclosure.type if enclosure.type and _MEDIA_TYPE.fullmatch(enclosure.type) else None
            kind = kind or _TYPES.guess_type(url)[0] or "application/octet-stream"
            found.append(replace(enclosure, url=url, type=kind))
    return tuple(found)


def attachable(url: str) -> bool:
    """Whether RSS may name a file there: validators refuse hosts without a dot, with `_`, and IPv6 addresses."""
    return _ATTACHABLE.match(url) is not None


def _languages(story: Story) -> dict[EntryId, str | None]:
    return {report.entry: language_tag(report.language) for report in story.coverage}


def on_one_line(text: str) -> str:
    """A text as XML may hold it, each run of white space one space."""
    return " ".join(legal(text).split())


def _original(report: Report, by_entry: dict[EntryId, Report]) -> EntryId:
    seen = {report.entry}
    while report.duplicate_of is not None:
        if report.duplicate_of in seen:  # a circle: all in it agree on one
            return min(seen)
        if report.duplicate_of not in by_entry:
            return report.duplicate_of
        report = by_entry[report.duplicate_of]
        seen.add(report.entry)
    return report.entry


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("aggregator.publish"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        date=date_words,
        iso=to_text,
        web=web_url,
        lang=language_tag,
        language=language_name,
        locale=locale,
        headline=headline,
        legal=legal,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    for function in (
        coverage,
        outlets,
        tally,
        repeated_at,
        told_again,
        paragraphs,
        passages,
        gist,
        quoted,
        related_url,
        outlet_of,
        numbers,
        notes,
        foreign,
    ):
        environment.globals[function.__name__] = function
    return environment


TEMPLATES = _environment()
"""The templates beside this file; whatever they are given is escaped."""
