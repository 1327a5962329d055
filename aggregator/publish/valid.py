"""What validators of RSS and Atom ask of texts, names, languages and addresses: the W3C's is the strictest."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes, urlsplit

from aggregator.publish.content import legal, web_url
from aggregator.publish.languages import language_tag

_END_TAG = re.compile(r"<(?=/\w+>)")
_WORD_JOINER = "\u2060"
_BRACKETED_MAIL = re.compile(r"<([^\s<>@]+@[^\s<>@]+)>")
_NO_COMMENT = re.compile(r'[()<>@,;:\\"]+')
# Of ISO 639-2, without a code of two letters: beside ISO 639-1, what validators know
_LONG_CODES = frozenset(
    (
        *("ast", "ceb", "chr", "crh", "csb", "dsb", "fil", "fur", "gsw", "haw", "hsb", "kab", "kok", "lad"),
        *("mai", "nap", "nds", "pap", "sah", "scn", "sco", "tet", "tpi", "tyv", "udm", "war"),
    )
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_ESCAPED_DELIMITER = re.compile("%(?:" + "|".join(f"{ord(mark):02X}" for mark in ":/?#[]@!$&'()*+,;=") + ")")


def plain(text: str) -> str:
    """Plain text on one line that nobody takes for HTML: an end tag in it is none."""
    line = " ".join(legal(text).split())
    return _END_TAG.sub(f"<{_WORD_JOINER}", line)


def person(text: str) -> str:
    """A name without the e-mail address behind it; the address where there is no name."""
    name = " ".join(_BRACKETED_MAIL.sub("", text).split())
    return plain(name or _BRACKETED_MAIL.sub(r"\1", text))


def commented(address: str, name: str) -> str:
    """An e-mail address with a name, as RSS has them: `desk@example.org (Desk)`."""
    words = " ".join(_NO_COMMENT.sub(" ", plain(name)).split())
    return f"{address} ({words or 'Desk'})"


def feed_language(language: str | None) -> str | None:
    """The language tag when its language is one of ISO 639-1, or of 639-2 and much written."""
    tag = language_tag(language)
    code = tag.split("-")[0].lower() if tag else ""
    return tag if len(code) == 2 or code in _LONG_CODES else None


def address(url: str | None) -> str | None:
    """The web address in ASCII; None where it has none that RSS and Atom readers agree on (IPv6 in brackets)."""
    found = web_url(url)
    return None if found is None or "[" in found else found


def normal_form(url: str) -> str | None:
    """The address as an id (RFC 3986 §6.2.2, §6.2.3): equal ones are equal letter by letter.

    None where it has none: not UTF-8, or escaped twice, which the W3C's validator takes for a mistake.
    """
    parts = urlsplit(url)
    host = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, ":")).removesuffix(".")
    segments: list[str] = []
    names = parts.path.split("/")[1:] or [""]
    for name in names:
        if name == "..":
            segments = segments[:-1]
        elif name != ".":
            segments.append(name)
    if names[-1] in (".", ".."):
        segments.append("")
    try:
        path = "".join(f"/{_escaped(segment)}" for segment in segments or [""])
        query, fragment = _escaped(parts.query), _escaped(parts.fragment)
    except UnicodeDecodeError:
        return None
    found = f"{parts.scheme}://{host}{path}" + (query and f"?{query}") + (fragment and f"#{fragment}")
    return None if re.search("%25[0-9A-F]{2}", found, re.IGNORECASE) else found


def _escaped(part: str) -> str:
    """A part with every character escaped that must be, and no other; what stands escaped for a delimiter stays."""
    upper = re.sub("%..", lambda octet: octet[0].upper(), part)
    pieces = re.split(f"({_ESCAPED_DELIMITER.pattern})", upper)
    return "".join(
        piece
        if _ESCAPED_DELIMITER.fullmatch(piece)
        else quote(unicodedata.normalize("NFC", unquote_to_bytes(piece).decode()), safe="!$&'()*+,;=:@/?")
        for piece in pieces
    )
