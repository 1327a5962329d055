"""The values that travel between the stages: frozen, slotted, picklable.

config → Source → (engine) Request → Response → Harvest with its Entries → (ledger)
store → Story with its Reports → (publish) Channel with its Items.

All times are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NewType, Protocol

SourceId = NewType("SourceId", str)
EntryId = NewType("EntryId", int)
StoryId = NewType("StoryId", str)
TopicId = NewType("TopicId", str)

Kind = Literal["report", "opinion"]
Policy = Literal["headline", "excerpt", "full"]
"""How much of a source's text may go out."""
EpisodeKind = Literal["full", "trailer", "bonus"]
Outcome = Literal["fetched", "not_modified", "unchanged", "failed"]
FailureKind = Literal[
    "dns",
    "connect",
    "tls",
    "timeout",
    "too_large",
    "no_room",
    "redirect",
    "private_address",
    "bad_url",
    "http",
    "refused",
    "blocked",
    "not_found",
    "gone",
    "rate_limited",
    "empty",
    "not_a_feed",
    "malformed",
    "parser_killed",
    "parser_failed",
]


@dataclass(frozen=True, slots=True)
class Validators:
    """ETag and Last-Modified of the last 200, byte for byte as the origin sent them (RFC 9110 §8.8)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """All that one harvest needs to know; nothing in it points at a store."""

    source: SourceId
    url: str
    validators: Validators = Validators()
    body_hash: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    language: str | None = None
    is_opinion: bool = False
    body: bytes | None = None
    """Sent as a POST, whose redirects are answers like others (RFC 9110 §15.4: they may turn it into a GET)."""
    content_type: str | None = None
    """Of the body."""
    entry: Entry | None = None
    """Of which this is the page: its article is wanted, not a feed."""
    resends: bool = False
    """The body is sent on to where it is redirected, though not out of HTTPS: it may be secret."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a harvest yields nothing. `message` is one line for a person; `retry_at` the origin's wish."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_at: datetime | None = None
    host: str | None = None
    """The one that asked for fewer requests, all of its sources together."""


class Document(Protocol):
    """The bytes of a document, wherever they are kept."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Response:
    """One answered HTTP request, redirects followed. `headers` have lower-case names, last hop only."""

    url: str
    status: int
    headers: dict[str, str]
    body: Document
    moved_to: str | None = None
    """Where an unbroken chain of permanent redirects (301, 308) led, if there was one."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A media file attached to an entry; `length` in bytes. None: the publisher does not say."""

    url: str
    type: str | None = None
    length: int | None = None
    seconds: int | None = None
    """How long it plays."""
    is_explicit: bool | None = None
    """Whether it is for adults only."""
    episode: EpisodeKind | None = None
    """What it is within its show."""


@dataclass(frozen=True, slots=True)
class Wish:
    """When a feed wants to be asked (RSS 2.0: `ttl`, `skipHours`, `skipDays`; the syndication module's period)."""

    at_least: timedelta | None = None
    """The wait from one request to the next."""
    skip_hours: frozenset[int] = frozenset()
    """Hours of the day in UTC, 0 to 23."""
    skip_days: frozenset[int] = frozenset()
    """Days of the week, Monday is 0."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a document says about itself."""

    title: str | None = None
    url: str | None = None
    """The site it belongs to (RSS `link`, Atom `alternate`, JSON Feed `home_page_url`)."""
    language: str | None = None
    icon: str | None = None
    rights: str | None = None
    wish: Wish = Wish()
    hubs: tuple[str, ...] = ()
    """The WebSub hubs that send what is new in it; none unless it says its `topic` too."""
    topic: str | None = None
    """The URL by which the hubs know it (`rel="self"`)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The traits by which entries are compared, each with how often it stands there; the title counts twice."""

    words: tuple[tuple[str, int], ...] = ()
    names: tuple[tuple[str, int], ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    length: float = 0.0
    """Of the text: 0 none, 1 an article in full. Long texts share more words by chance."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a source, cleaned: all is plain text but `content`, which is safe HTML."""

    identity: str
    """What it is known by within its source: guid, else canonical URL, else a hash of title and text."""
    guid: str | None
    url: str | None
    """http(s) only, absolute."""
    canonical_url: str | None
    """Normal form of `url`, for comparing only; None where the link does not single out an entry."""
    title: str
    author: str | None
    published: datetime | None
    updated: datetime | None
    language: str | None
    content: str
    text: str
    """`content` as plain text, paragraphs divided by a newline."""
    text_hash: str | None
    """Digest of the folded text, equal for the same report at two outlets; None where too short to tell."""
    content_hash: str
    """Digest of title and text: it changes when the entry is revised."""
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    image: str | None = None
    kind: Kind = "report"
    profile: Profile = Profile()
    """What it is about, for grouping."""
    sketch: bytes = b""
    """Shows copies that were cut or edited; empty where the text says too little."""
    trackers: int = 0
    """Invisible images that were dropped from its content."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one fetch of one source yields: the new validators and the cleaned entries, or a failure."""

    source: SourceId
    outcome: Outcome
    fetched_at: datetime
    status: int | None = None
    validators: Validators = Validators()
    body_hash: str | None = None
    feed: Feed = Feed()
    entries: tuple[Entry, ...] = ()
    failure: Failure | None = None
    moved_to: str | None = None
    fresh_until: datetime | None = None
    """Before this the origin asks not to be polled again (RFC 9111 §4.2)."""


@dataclass(frozen=True, slots=True)
class Report:
    """An entry as it stands in a story's coverage: who reported it, when, where."""

    entry: EntryId
    source: SourceId
    source_title: str
    source_url: str | None
    title: str
    url: str | None
    author: str | None
    published: datetime
    """The publisher's date, or when we first saw it if that is missing or later."""
    revised_at: datetime | None
    language: str | None
    kind: Kind
    duplicate_of: EntryId | None
    text: str
    content: str
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    image: str | None = None
    rights: str | None = None
    """Under which terms its source publishes."""
    policy: Policy | None = None
    """How much of it may go out; None: as is usual here."""
    source_feed: str | None = None
    """Where its source's feed is, if others may know."""
    withdrawn_at: datetime | None = None
    """Since when its source no longer carries it, though it carries older ones."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A headline that its source changed."""

    entry: EntryId
    source: str
    """The source's title."""
    at: datetime
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a story and the entry that it was taken from."""

    text: str
    entry: EntryId
    url: str | None
    source: str
    """The source's title."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody said, as a report quotes it word for word."""

    text: str
    """Without quotation marks."""
    speaker: str
    """As the report names them."""
    entry: EntryId
    url: str | None
    source: str
    """The source's title."""
    language: str | None


@dataclass(frozen=True, slots=True)
class Related:
    """Another story that this one follows, or that follows it."""

    id: StoryId
    headline: str
    language: str | None
    first_published: datetime
    lead_url: str | None = None
    lead_source: str = ""
    """The title of the lead report's source."""


@dataclass(frozen=True, slots=True)
class Story:
    """All reports about one event, and what was composed from them."""

    id: StoryId
    headline: str
    lead: Report
    first_published: datetime
    updated: datetime
    highlights: tuple[Sentence, ...]
    story: tuple[Sentence, ...]
    opinions: tuple[Report, ...]
    coverage: tuple[Report, ...]
    """Every report, the lead and the duplicates too, oldest first."""
    quotes: tuple[Quote, ...] = ()
    related: tuple[Related, ...] = ()
    """The latest first."""
    corrections: tuple[Correction, ...] = ()
    """Oldest first."""
    pinned: bool = False

    @property
    def language(self) -> str | None:
        """The language of its headline."""
        return self.lead.language


@dataclass(frozen=True, slots=True)
class Item:
    """A story as it stands in a published feed."""

    id: str
    """A `tag:` URI (RFC 4151) that never changes."""
    url: str
    page: str
    """The story page's URL; the same as `url` unless items link to the lead article."""
    story: Story
    published: datetime
    """When it first stood in the topic."""
    updated: datetime
    """Changes only as the topic's `republish` says (RFC 4287 §4.2.15)."""
    html: str
    """Its content, safe to show."""
    summary: str
    """One or two sentences of plain text on one line; never empty."""
    matched: tuple[str, ...] = ()
    """The words for which the story is in the topic."""


@dataclass(frozen=True, slots=True)
class Show:
    """What podcast clients and directories are told of a channel."""

    genre: tuple[str, ...]
    """A category of podcasts, and the subcategory if it has one."""
    is_explicit: bool
    email: str
    """The owner's, by which directories ask whether a podcast is theirs."""
    cover: str | None = None
    """Where a square JPEG or PNG stands."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic's publication: what its feeds say about themselves, and their items, newest first.

    Of a topic that held more, older items stand in archive documents (RFC 5005 §4), each a channel of its own.
    """

    id: TopicId
    title: str
    description: str
    url: str
    """Absolute URL of the topic's folder, ending in a slash."""
    guid: str
    """A `tag:` URI that never changes."""
    language: str
    updated: datetime
    """When the latest of its stories was updated; a fixed date when there are none."""
    site_title: str
    contact: str | None
    hub: str | None
    icon: str | None = None
    logo: str | None = None
    page: str | None = None
    """Of an archive document, its name."""
    previous: str | None = None
    """The name of the archive document with the next older items."""
    is_private: bool = False
    """Whoever is not told its address shall not find it."""
    show: Show | None = None
    """Its RSS is a podcast."""
    items: tuple[Item, ...] = field(default=())
