"""What the first bytes of a document tell of its encoding (XML 1.0, appendix F), whatever is declared."""

from __future__ import annotations

import codecs
import json
import re

from aggregator.model import Document

_READ_BYTES = 1024 * 1024
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION = re.compile(rb"\A(\xef\xbb\xbf)?<\?xml\s[^>]*>")
_DECLARED = re.compile(rb"""encoding\s*=\s*["']\s*([^"']*)""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)


def narrowed(document: Document) -> Document:
    """A document of UTF-16 or UTF-32 in UTF-8, with its byte order mark; any other as it is.

    Feeds and web pages begin with ASCII: their first four bytes show how wide a character is, and which byte of it
    comes first. What cannot be decoded is U+FFFD.
    """
    start = document[:8]
    mark = next((mark for mark in _WIDE_MARKS if start.startswith(mark)), b"")
    encoding = json.detect_encoding(start[len(mark) :][:4])
    if not mark and encoding in ("utf-8", "utf-8-sig"):
        return document
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    narrow = bytearray(codecs.BOM_UTF8)
    for begin in range(len(mark), len(document), _READ_BYTES):
        narrow += decoder.decode(document[begin : begin + _READ_BYTES]).encode()
    narrow += decoder.decode(b"", final=True).encode()
    return bytes(narrow)


def charset_of(content_type: str | None) -> str | None:
    """The charset that an HTTP header names."""
    found = _CHARSET.search(content_type or "")
    return found[1] if found else None


def media_type(document: bytes, content_type: str | None) -> str:
    """The media type by which feedparser applies RFC 7303 §3, whatever the server calls the `narrowed` document."""
    charset = charset_of(content_type)
    if document.startswith(codecs.BOM_UTF8):
        return "application/xml; charset=utf-8"
    if charset is None or not _has_ascii(charset):
        return "application/xml"
    return f"application/xml; charset={charset}"


def declared(document: bytes) -> bytes:
    """The `narrowed` document without the encoding that it declares, where that cannot be.

    A declaration that could be read as ASCII is in no UTF-16.
    """
    return _DECLARATION.sub(_credible, document, count=1)


def _credible(declaration: re.Match[bytes]) -> bytes:
    encoding = _DECLARED.search(declaration[0])
    name = encoding[1].decode("ascii", "replace").strip() if encoding else ""
    told = f' encoding="{name}"' if name and _has_ascii(name) else ""
    # With a line of its own: feedparser takes the last `encoding=` of the line for the document's
    return (declaration[1] or b"") + f'<?xml version="1.0"{told}?>\n'.encode()


def _has_ascii(charset: str) -> bool:
    try:
        return b"<?xm".decode(charset) == "<?xm"
    except (LookupError, ValueError):
        return False
