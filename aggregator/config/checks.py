"""What no single value shows: names that must differ, names that must exist, ids that are derived."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import timedelta
from importlib.util import find_spec

from aggregator import chat
from aggregator.config.document import Document, Keys, keys_text, quoted, suggestion
from aggregator.config.yaml_nodes import Scalar
from aggregator.settings import (
    ALL_STORIES,
    OF_TAG,
    Aggregator,
    Notify,
    Output,
    Site,
    SourceSettings,
    TopicSettings,
)
from aggregator.text.fold import words
from aggregator.text.language import normalize_tag
from aggregator.topic.rule import compile_rule, compile_term
from aggregator.url import slug
from aggregator.values import feed_address, is_slug, webhook_key

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e]*")
_LISTEN = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})")
_VOCABULARY_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_ONE_WORD = re.compile(r"[^\s*]+")
_SLIP = 0.8
_LEAST_BYTES = 1000
_BACKUP_EVERY = timedelta(minutes=1)
_FULL_TEXT = ("protego", "trafilatura")
_NO_FULL_TEXT = "needs the extra `fulltext`, which is not installed (pip install 'feed-aggregator[fulltext]')"
_NOTIFY_OPTIONS = {"webhook": ("secret", "headers"), "mail": ("every", "at", "weekday"), "chat": ()}
"""The kinds of receivers, and the options that are theirs alone."""
_RESERVED = ("stories", "images", "websub", "private", "index.html", "topics.opml")


def derived_ids(sources: Iterable[tuple[str | None, str]]) -> list[str]:
    """The id of each source from its own id, if it has one, and its URL as it is written in the file.

    A derived id that an earlier source has already gets a short hash of the URL, so that a source
    added at the end changes no other id. Given ids are kept, even if one stands twice.
    """
    ids: list[str] = []
    taken: set[str] = set()
    for given, url in sources:
        name = given or slug(url)
        if not given and name in taken:
            name = f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"
        taken.add(name)
        ids.append(name)
    return ids


def with_ids(document: Document, sources: dict[int, SourceSettings]) -> dict[int, SourceSettings]:
    """The sources with their derived ids filled in. A secret in a URL never becomes part of an id."""
    pairs = [
        (source.id or None, document.text(("sources", index, "url"))) for index, source in sources.items()
    ]
    return {
        index: source if source.id else source.model_copy(update={"id": derived})
        for (index, source), derived in zip(sources.items(), derived_ids(pairs), strict=True)
    }


def check_aggregator(document: Document, aggregator: Aggregator) -> None:
    """Limits that contradict each other, an address that is none."""
    match = _LISTEN.fullmatch(aggregator.web.listen)
    if match is None or int(match[1]) > 65535:
        found = document.found(("web", "listen"))
        document.report(("web", "listen"), f"{found} is not an address and port (127.0.0.1:8080)")
    for position, tag in enumerate(aggregator.site.languages):
        _check_language(document, ("site", "languages", position), tag, is_code=True)
    if aggregator.fetch.max_bytes < _LEAST_BYTES:
        document.report(
            ("fetch", "max_bytes"),
            f"{document.found(('fetch', 'max_bytes'))} is too little for any feed (20MB)",
        )
    if aggregator.fetch.min_interval > aggregator.fetch.max_interval:
        document.report(("fetch", "min_interval"), "must not be longer than max_interval")
    backup = aggregator.storage.backup
    if backup and backup.every < _BACKUP_EVERY:
        document.report(("storage", "backup", "every"), "must be at least 1m")
    if mail := aggregator.mail:
        if (mail.user is None) != (mail.password is None):
            missing = "user" if mail.user is None else "password"
            document.report(("mail", missing), "is missing: user and password go together")
        elif mail.user is not None and mail.security == "none":
            document.warn(("mail", "security"), "the password goes over the network in plain text")


def check_sources(document: Document, sources: dict[int, SourceSettings]) -> None:
    """Ids and URLs that stand twice, headers that HTTP does not allow, an extra that is missing."""
    _check_twins(document, "url", {("sources", i, "url"): source.url for i, source in sources.items()})
    _check_twins(document, "id", {("sources", i, "id"): source.id for i, source in sources.items()})
    for index, source in sources.items():
        _check_headers(document, ("sources", index), source.headers)
        if source.language is not None:
            _check_language(document, ("sources", index, "language"), source.language)
        if source.full_text and None in map(find_spec, _FULL_TEXT):
            document.report(("sources", index, "full_text"), _NO_FULL_TEXT)


def check_topics(
    document: Document, topics: dict[int, TopicSettings], vocabulary: Mapping[str, tuple[str, ...]] | None
) -> None:
    """Ids that stand twice, names that no vocabulary has, rules that do not compile.

    Without a vocabulary (it has problems of its own) rules are not looked at.
    """
    _check_twins(document, "id", {("topics", i, "id"): topic.id for i, topic in topics.items()})
    for index, topic in topics.items():
        if topic.id in _RESERVED:
            message = f"{topic.id!r} is taken: the program has one of its own"
            document.report(("topics", index, "id"), message)
        for position, tag in enumerate(topic.languages):
            _check_language(document, ("topics", index, "languages", position), tag)
    if vocabulary is None:
        return
    unusable = {name for name, terms in vocabulary.items() if not _check_terms(document, name, terms)}
    for index, topic in topics.items():
        keys = ("topics", index)
        names = {*topic.all_of, *topic.any_of, *topic.none_of}
        is_good = _check_match(document, (*keys, "match"), topic.match)
        _check_examples(document, (*keys, "like"), topic.like)
        if _check_names(document, keys, topic, vocabulary) and is_good and not names & unusable:
            try:
                compile_rule(topic, vocabulary)
            except ValueError as error:
                document.report(keys, document.discreet(str(error)))


def check_topic_sources(
    document: Document, topics: dict[int, TopicSettings], sources: Iterable[SourceSettings]
) -> None:
    """Ids and tags by which a topic chooses sources, and that no source has."""
    sources = list(sources)
    ids = {source.id for source in sources}
    tags = {tag for source in sources for tag in source.tags}
    for index, topic in topics.items():
        chosen = topic.sources
        for name, asked, known, kind in (
            ("include", chosen.include, ids, "id"),
            ("exclude", chosen.exclude, ids, "id"),
            ("tags", chosen.tags, tags, "tag"),
        ):
            for position, word in enumerate(asked):
                if word not in known:
                    keys = ("topics", index, "sources", name, position)
                    hint = suggestion(word, sorted(known))
                    document.report(keys, f"no source has the {kind} {document.found(keys)}{hint}")


def check_notify(document: Document, topics: dict[int, TopicSettings], *, has_mail: bool) -> None:
    """Receivers that are none or several at once, options of another kind, what a kind needs and lacks."""
    for index, topic in topics.items():
        seen: dict[str, Keys] = {}
        for position, one in enumerate(topic.notify):
            keys = ("topics", index, "notify", position)
            kinds = [kind for kind in _NOTIFY_OPTIONS if getattr(one, kind)]
            if len(kinds) != 1:
                document.report(keys, "expected one of webhook, mail and chat")
                continue
            (kind,) = kinds
            _check_options(document, keys, kind, one)
            if kind == "mail" and not has_mail:
                document.report(
                    (*keys, "mail"), "there is no `mail` in aggregator.yaml to send it by", at_key=True
                )
            if kind == "chat" and one.chat and (problem := chat.problem(one.chat)):
                document.report((*keys, "chat"), f"{document.found((*keys, 'chat'))} {problem}")
            places: list[tuple[str, Keys]] = [
                (address, (*keys, "mail", place)) for place, address in enumerate(one.mail)
            ]
            for address, place in places or [(str(one.webhook or one.chat), (*keys, kind))]:
                if address in seen:
                    first = keys_text(seen[address])
                    document.report(place, f"{document.found(place)} is told already ({first})")
                seen.setdefault(address, place)


def check_groups(document: Document, topics: dict[int, TopicSettings], output: Output) -> None:
    """No topic has the id of a feed that `output` asks for."""
    groups = {OF_TAG + tag: "output.tags" for tag in output.tags}
    if output.all:
        groups[ALL_STORIES] = "output.all"
    for index, topic in topics.items():
        if topic.id in groups:
            document.report(
                ("topics", index, "id"),
                f"{topic.id!r} is taken: {groups[topic.id]} in aggregator.yaml makes it",
            )


def check_output_tags(document: Document, output: Output, sources: Iterable[SourceSettings] | None) -> None:
    """Tags that have a feed of their own, and that name no folder or that no source has."""
    known = {tag for source in sources for tag in source.tags} if sources is not None else None
    for position, tag in enumerate(output.tags):
        keys = ("output", "tags", position)
        if not is_slug(OF_TAG + tag):
            wanted = "the name of its folder takes small letters, digits and single dashes"
            document.report(keys, f"{document.found(keys)} cannot have a feed: {wanted}")
        elif tag in output.tags[:position]:
            document.report(keys, f"{document.found(keys)} stands there twice")
        elif known is not None and tag not in known:
            hint = suggestion(tag, sorted(known))
            document.warn(keys, f"no source has the tag {document.found(keys)}, its feed stays empty{hint}")


def check_podcasts(document: Document, topics: dict[int, TopicSettings], site: Site) -> None:
    """What a podcast needs of the site and lacks."""
    for index, topic in topics.items():
        keys = ("topics", index, "podcast")
        if topic.podcast and not feed_address(site.contact):
            document.warn(
                keys, "is no podcast without an e-mail address: set `site.contact` in aggregator.yaml to one"
            )
        elif topic.podcast and not topic.podcast.cover(site):
            document.warn(
                keys,
                "has no cover, which directories want: set its `image` to a square JPEG or PNG of 1400 pixels",
            )


def _check_options(document: Document, keys: Keys, kind: str, one: Notify) -> None:
    of_others = {name: other for other, names in _NOTIFY_OPTIONS.items() if other != kind for name in names}
    for name in sorted(one.model_fields_set):
        if name in of_others:
            document.report((*keys, name), f"belongs to {of_others[name]}, not to {kind}", at_key=True)
    if "weekday" in one.model_fields_set and one.every == "day":
        document.report((*keys, "weekday"), "is for `every: week`", at_key=True)
    if one.secret is not None and webhook_key(one.secret) is None:
        message = "must be at least 16 characters, or whsec_ with base64"
        document.report((*keys, "secret"), message)
    _check_headers(document, keys, one.headers)


def _check_headers(document: Document, keys: Keys, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        place = (*keys, "headers", name)
        if not _TOKEN.fullmatch(name):
            document.report(place, f"{quoted(name)} is not the name of a header", at_key=True)
        elif not _FIELD_VALUE.fullmatch(value):
            document.report(place, f"{document.found(place)} has characters that no header may hold")


def _check_language(document: Document, keys: Keys, tag: str, *, is_code: bool = False) -> None:
    """Whether it is known what is meant; with `is_code` only by its code, as pages say it to browsers."""
    code = normalize_tag(tag)
    if code is None or (is_code and code != re.split("[-_]", tag.lower())[0]):
        hint = f", did you mean {code!r}?" if code else ""
        document.report(keys, f"{document.found(keys)} is not the code of a language (en, ko, uk){hint}")


def _check_twins(document: Document, name: str, values: dict[tuple[str, int, str], str]) -> None:
    first: dict[str, Keys] = {}
    for keys, value in values.items():
        if value not in first:
            first[value] = keys
            continue
        earlier = first[value]
        shown = document.found(keys) if isinstance(document.node(keys), Scalar) else quoted(value)
        message = f"duplicate {name} {shown}, first in line {document.line(earlier)} ({keys_text(earlier)})"
        document.report(keys, message)


def _check_terms(document: Document, name: str, terms: tuple[str, ...]) -> bool:
    """Whether a list of the vocabulary can be searched for."""
    if not terms:
        document.report(("vocabulary", name), "the list of terms is empty")
    checked = [
        _check_term(document, ("vocabulary", name, position), term) for position, term in enumerate(terms)
    ]
    return bool(terms) and all(checked)


def _check_names(
    document: Document, keys: Keys, topic: TopicSettings, vocabulary: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether each word of a rule is the name of a vocabulary, or a term that does not look like one."""
    is_good = True
    for name in ("all_of", "any_of", "none_of"):
        for position, word in enumerate(getattr(topic, name)):
            place = (*keys, name, position)
            if word in vocabulary:
                continue
            if _VOCABULARY_NAME.fullmatch(word):
                hint = suggestion(word, vocabulary)
                document.report(place, f"no vocabulary has the name {document.found(place)}{hint}")
                is_good = False
            else:
                is_good &= _check_term(document, place, word)
                hint = suggestion(word.casefold(), vocabulary, likeness=_SLIP)
                if hint and _ONE_WORD.fullmatch(word):
                    shown = f"{document.found(place)} is no list of the vocabulary but looked for as a word"
                    document.warn(place, shown + hint)
    return is_good


def _check_examples(document: Document, keys: Keys, like: tuple[str, ...]) -> None:
    for position, example in enumerate(like):
        if not words(example):
            place = (*keys, position)
            document.report(place, f"{document.found(place)} has no word in it")


def _check_match(document: Document, keys: Keys, match: str | None) -> bool:
    """Whether SQLite takes a query, by itself: `a) OR (b` would be fine between our parentheses."""
    if not match or not match.strip():
        return True
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE entries USING fts5 (title, text)")
        try:
            database.execute("SELECT 1 FROM entries WHERE entries MATCH ?", (match,)).fetchone()
        except sqlite3.Error as error:
            reason = document.discreet(str(error).removeprefix("fts5: "))
            document.report(keys, f"{document.found(keys)} is not an FTS5 query: {reason}")
            return False
    return True


def _check_term(document: Document, keys: Keys, term: str) -> bool:
    try:
        compile_term(term)
    except ValueError as error:
        document.report(keys, document.discreet(str(error)))
        return False
    return True
