"""What an entry is known by, and what shows that a text was seen before."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from aggregator.text.fold import letters, words

# Fewer letters than this are boilerplate as often as reporting ("Read more", a photo caption):
# then the title must agree too.
_TELLING_LETTERS = 100
_FEWEST_WORDS = 4


def digest(*parts: str) -> str:
    """128 bits of BLAKE2b as hexadecimal digits. Parts are kept apart: ("a", "b") is not ("ab", "")."""
    hasher = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8) + data)
    return hasher.hexdigest()


def identity(guid: str | None, canonical_url: str | None, title: str, text: str) -> str:
    """What keys an entry within its source: guid, else canonical link, else a hash of title and text.

    A guid is compared as it stands (RFC 4287 §4.2.6.1); one that is long is hashed.
    """
    if guid:
        return f"guid:{guid}" if len(guid) <= 500 else f"guid-hash:{digest(guid)}"
    if canonical_url:
        return f"link:{canonical_url}"
    return f"text:{digest(title, text)}"


def details(url: str | None, author: str | None, media: Iterable[str | None]) -> tuple[str | None, ...]:
    """What a source may change of an entry beside its title and text: canonical link, author, picture and enclosures.

    Of their addresses the query does not count: many are signed anew for each fetch.
    """
    return (url, author, *(one and one.partition("?")[0] for one in media))


def text_hash(title: str, text: str) -> str | None:
    """Equal for the same report at two outlets, whatever its headline, markup, case and punctuation.

    Short texts agree only together with their title; None where even both say too little.
    """
    body = letters(text)
    if len(body) >= _TELLING_LETTERS:
        return digest(body)
    head = words(title)
    if not head or len(head) + len(words(text)) < _FEWEST_WORDS:
        return None
    return digest("".join(head), body)
