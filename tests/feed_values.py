"""What a feed's texts, addresses, dates and names may be, as strictly as validators of feeds look at them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html.entities import name2codepoint
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from html5lib.constants import namespaces as html_namespaces
from html5lib.html5parser import HTMLParser, ParseError
from lxml import etree


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PREFIXES = {
    "http://www.w3.org/2005/Atom": "atom:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://search.yahoo.com/mrss/": "media:",
    "http://purl.org/rss/1.0/modules/syndication/": "sy:",
    "http://purl.org/syndication/history/1.0": "fh:",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
    "http://www.w3.org/XML/1998/namespace": "xml:",
}
_LANGUAGES = words("""
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
    et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki
    kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no
    nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te
    tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    ast ceb chr crh csb dsb fil fur gsw haw hsb kab kok lad mai nap nds pap sah scn sco tet tpi tyv udm war
""")
HTML: Final = words("""
    a abbr b bdi blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr
    i img ins kbd li mark ol p pre q rp rt ruby s samp small span strong sub summary sup table tbody td tfoot th thead
    time tr u ul var wbr
""")
_OTHER_HTML = words("""
    address applet area article aside audio base basefont big body button canvas center col colgroup datalist embed
    fieldset font footer form frame frameset head header html iframe input label legend link main map menu meta nav
    noframes noscript object optgroup option output param picture progress script section select source strike style
    template textarea title track tt video
""")
_ATTRIBUTES = words("""
    alt colspan datetime dir height href hreflang lang rel reversed rowspan scope src start title width
""")
_END_TAG = re.compile(r"</(\w+)>")
_REFERENCE = re.compile(r"&(#?\w+)")
_LIKE_MARKUP = re.compile("&#[x0-9]|<[/a-zA-Z]")
UNFIT = re.compile("[\x7f-\x9f\ufffd]|[\xc2\xc3][\x80-\xbf]")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//)?[A-Za-z0-9;/?:@&=+$.\-_!~*'()%,#]+")
_TAG_URI = re.compile(r"tag:[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[A-Za-z0-9;/?:@&=+$.\-_!~*'()%,]+")
_PUBLIC_HOST = re.compile(r"([A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*(:\d+)?")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
MAILBOX = re.compile(r"[A-Za-z0-9_+.'-]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
NAMED_MAILBOX = re.compile(MAILBOX.pattern + r" \([^()<>@,;:\\\"]+\)")
_ATOM_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RSS_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")
_UNRESERVED_ESCAPED = re.compile("%(?:2D|2E|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])")


class Values:
    """Looks at one value after the other, and collects what is wrong."""

    def __init__(self, lines: list[str], url: str, now: datetime) -> None:
        self.found: list[str] = []
        self.url = url
        """Where the document was read from."""
        self._lines = lines
        self._now = now
        self._used: set[tuple[str, str]] = set()

    def say(self, element: Any, flaw: str) -> None:
        self.found.append(f"line {element.sourceline}, {name_of(element)}: {flaw}")

    def plain(self, element: Any) -> None:
        """Text that some readers show as HTML: it must not look as if it had to be."""
        self.plain_text(element, element.text or "")

    def plain_text(self, element: Any, value: str) -> None:
        if any(tag.lower() in HTML | _OTHER_HTML for tag in _END_TAG.findall(value)):
            return self.say(element, f"holds HTML: {value[:80]!r}")
        is_marked = "&#x" in self._lines[element.sourceline - 1]
        references = [
            ref for ref in _REFERENCE.findall(value) if ref in {*name2codepoint, "apos"} or not ref.isalpha()
        ]
        is_rss = element.getroottree().getroot().tag == "rss"
        if not is_marked and (references or (is_rss and _LIKE_MARKUP.search(value))):
            self.say(element, f"is not marked as plain text: {value[:80]!r}")
        return None

    def filled(self, element: Any) -> None:
        if not (element.text or "").strip():
            self.say(element, "is empty")

    def named(self, element: Any) -> None:
        self.filled(element)
        self.plain(element)

    def person(self, element: Any) -> None:
        self.named(element)
        if re.search(f"<{MAILBOX.pattern}>", element.text or ""):
            self.say(element, f"holds an e-mail address: {element.text!r}")

    def html(self, element: Any) -> None:
        """Escaped HTML: without parse errors, without what could do harm, with absolute addresses."""
        markup = element.text or ""
        try:
            tree = HTMLParser(strict=True).parseFragment(markup)
        except ParseError as error:
            return self.say(element, f"is broken HTML: {error}: {markup[:80]!r}")
        for tag in tree.iter():
            if not isinstance(tag.tag, str) or tag.tag == "DOCUMENT_FRAGMENT":
                continue
            local = tag.tag.removeprefix(f"{{{html_namespaces['html']}}}")
            if local not in HTML:
                self.say(element, f"holds <{local}>")
            for attribute, value in tag.attrib.items():
                if attribute not in _ATTRIBUTES:
                    self.say(element, f"holds an attribute {attribute}")
                if attribute in ("href", "src") and not re.match("(https?://|mailto:)", value):
                    self.say(element, f"leads to {value!r}")
        return None

    def construct(self, element: Any) -> None:
        """A Text Construct of Atom (RFC 4287 §3.1)."""
        kind = element.get("type", "text")
        if not (element.text or "").strip():
            self.say(element, "is empty")
        elif kind == "html":
            self.html(element)
        elif kind == "text":
            self.plain(element)
        else:
            self.say(element, f"is of type {kind}")

    def uri(self, element: Any, value: str | None = None) -> None:
        value = (element.text or "") if value is None else value
        known = _TAG_URI if value.startswith("tag:") else _URI
        if not known.fullmatch(value) or re.match("http:(?!//[^/])", value):
            self.say(element, f"is no address: {value!r}")

    def canonical(self, element: Any) -> None:
        """A URI in normal form (RFC 3986 §6.2.2 and §6.2.3), so that equal ones are equal letter by letter."""
        value = element.text or ""
        self.uri(element)
        parts = urlsplit(value)
        readable = unquote_to_bytes(value).decode(errors="replace")
        port = {"http": ":80", "https": ":443"}.get(parts.scheme, ":")
        is_normal = (
            value.startswith(f"{parts.scheme}:")
            and parts.netloc == parts.netloc.lower()
            and not parts.netloc.endswith((port, ".", ":"))
            and (not parts.netloc or parts.path.startswith("/"))
            and not {".", ".."} & set(parts.path.split("/"))
            and "\ufffd" not in readable
            and unicodedata.is_normalized("NFC", readable)
            and not re.search("%25[0-9A-Fa-f]{2}", value)  # which the W3C's validator reads twice
            and all(escape.isupper() or escape.isdigit() for escape in re.findall("%(..)", value))
            and not _UNRESERVED_ESCAPED.search(value)
        )
        if not is_normal:
            self.say(element, f"is not in normal form: {value!r}")

    def public(self, element: Any, value: str) -> None:
        """The address of a media file, at a host with a full name."""
        self.uri(element, value)
        if not re.match(f"https?://{_PUBLIC_HOST.pattern}(/|$)", value):
            self.say(element, f"is at no host with a full name: {value!r}")

    def language(self, element: Any, value: str | None = None) -> None:
        value = (element.text or "") if value is None else value
        if value.split("-")[0].lower() not in _LANGUAGES:
            self.say(element, f"is in a language that no validator knows: {value!r}")

    def rss_date(self, element: Any) -> None:
        value = element.text or ""
        if not _RSS_DATE.fullmatch(value):
            return self.say(element, f"is no date: {value!r}")
        moment = parsedate_to_datetime(value)
        if f"{moment:%a}" != value[:3]:
            self.say(element, f"is on another day of the week: {value!r}")
        return self._plausible(element, moment, timedelta(minutes=10))

    def atom_date(self, element: Any) -> None:
        value = element.text or ""
        if not _ATOM_DATE.fullmatch(value):
            return self.say(element, f"is no date: {value!r}")
        return self._plausible(element, datetime.fromisoformat(value), timedelta(days=1))

    def _plausible(self, element: Any, moment: datetime, tolerance: timedelta) -> None:
        if not datetime(1990, 1, 1, tzinfo=UTC) <= moment <= self._now + tolerance:
            self.say(element, f"is not plausible: {moment}")

    def number(self, element: Any, value: str | None = None, *, least: int = 1) -> None:
        value = (element.text or "") if value is None else value
        if not value.isdecimal() or int(value) < least:
            self.say(element, f"is no number from {least}: {value!r}")

    def media_type(self, element: Any, value: str) -> None:
        if not _MEDIA_TYPE.fullmatch(value):
            self.say(element, f"is of no media type: {value!r}")

    def once(self, element: Any) -> None:
        """No other element of this name in the document says the same."""
        value = (name_of(element), element.text or "")
        if value in self._used:
            self.say(element, f"says again {value[1]!r}")
        self._used.add(value)


Check = Callable[[Any, Any], None]
"""Of the judge and an element."""


def name(key: str) -> str:
    """A name with the usual prefix of its namespace, none for those without one."""
    qualified = etree.QName(key)
    return PREFIXES.get(qualified.namespace or "", f"{{{qualified.namespace}}}") * bool(
        qualified.namespace
    ) + str(qualified.localname)


def name_of(element: Any) -> str:
    return "nothing" if element is None else name(element.tag)


def both(*checks: Check) -> Check:
    def check(judge: Values, element: Any) -> None:
        for one in checks:
            one(judge, element)

    return check


def one_of(*values: str) -> Check:
    def check(judge: Values, element: Any) -> None:
        if element.text not in values:
            judge.say(element, f"is none of {', '.join(values)}: {element.text!r}")

    return check


def at_most(length: int) -> Check:
    def check(judge: Values, element: Any) -> None:
        if len(element.text or "") > length:
            judge.say(element, f"is longer than {length} characters")
        judge.plain(element)

    return check
