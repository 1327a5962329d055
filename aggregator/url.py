"""Links: absolute (RFC 3986), in normal form for comparing, and as a readable id of a source.

Parsing, resolving and IDNA are ada's, which follows the WHATWG URL standard as browsers do. What makes two
links one article is ours: no list in a package is careful enough with `ref`, `source`, `cid` or `context`.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from ada_url import join_url, normalize_url

MAX_LENGTH = 4096
"""Longest link accepted, in characters."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d{1,5}(?:[/?#]|$))", re.IGNORECASE)
_SUBSCRIBE = re.compile(r"(?:feed|rss|pcast|itpc):(?=//|https?:)", re.IGNORECASE)
_HTTP = re.compile(r"https?://[^/\\?#]", re.IGNORECASE)
_PARTS = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)\.?(:\d+)?")
_ILLEGAL = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|%(?![0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_TWINS = frozenset({"www", "m", "mobile", "amp"})
_TWIN_LABEL = re.compile(r"m-([a-z]{2,8})|([a-z]{2,8})-m")
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org", "re"})
# Hosts whose labels are authors: `m.` is somebody's site there.
_SHARED = frozenset({
    "blogspot.com", "github.io", "gitlab.io", "medium.com", "netlify.app", "pages.dev", "substack.com",
    "tistory.com", "tumblr.com", "vercel.app", "wordpress.com",
})  # fmt: skip
_AMP_VIEWER = re.compile(
    r"(?:google\.[a-z.]{2,6}/amp|[^/]+\.cdn\.ampproject\.org/[a-z])/(?:s/)?([^/]+\.[^/]+/.*)"
)
_GOOGLE_LINK = re.compile(r"google\.[a-z.]{2,6}/url")
# Redirects and viewers: nothing in their paths is theirs to drop.
_OPAQUE = re.compile(r"google\.[a-z.]{2,6}/|[^/]+\.cdn\.ampproject\.org/|[^/]+/~r/")
_AMP_SUFFIX = re.compile(r"(?:\.amp)+(?=\.html?$|$)|(?<=articleView)Amp(?=\.html$)", re.IGNORECASE)
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_INDEX = frozenset({"", "index.html", "index.htm", "index.php"})
_TELLING = re.compile(r"[\d.%-]")
_TELLING_ANCHOR = re.compile(r"\d|[a-z][A-Z]")
_NOISY_ANCHOR = re.compile(r"\.|more-|tk\.")

# Names that only ever say how a reader came.
_TRACKING = frozenset({
    "fbclid", "gclid", "dclid", "yclid", "ysclid", "msclkid", "twclid", "ttclid", "mbclid", "gclsrc",
    "gbraid", "wbraid", "gad_source", "gad_campaignid", "srsltid", "_ga", "_gl", "igsh", "igshid",
    "li_fat_id", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "hsctatracking", "_openstat",
    "__twitter_impression", "xtor", "xtref", "ito", "cmpid", "wpisrc", "intcid", "intcmp", "int_cmp", "plink",
    "ftag", "echobox", "feedtype", "feedname", "traffic_source", "soc_src", "soc_trk", "guccounter",
    "guce_referrer", "guce_referrer_sig", "ref_src", "ref_url", "dicbo", "rb_clickid", "_branch_match_id",
    "nr_email_referer", "ck_subscriber_id", "ml_subscriber", "ml_subscriber_hash", "s_kwcid", "cx_testid",
    "cx_testvariant", "cx_artpos", "sharetype", "utm", "wt_mc", "wt.mc", "ns_mchannel", "ns_source",
    "ns_campaign", "ns_linkname", "ns_fee", "fb_action_ids", "fb_action_types", "fb_source", "fb_ref",
    "at_medium", "at_campaign", "at_format", "at_creation", "at_variant", "at_send_date", "at_bbc_team",
})  # fmt: skip
_TRACKING_PREFIXES = (
    "utm_", "pk_campaign", "pk_kwd", "pk_source", "pk_medium", "pk_content", "piwik_", "mtm_", "matomo_",
    "hsa_", "__hs", "vero_", "oly_anon_id", "oly_enc_id", "wt.mc_", "wt_mc_", "at_custom", "at_link_",
    "at_ptr_",
)  # fmt: skip
_FLAGS = frozenset({"amp", "isamp", "outputtype", "rss"})
_FLAG_VALUES = frozenset({"", "1", "amp", "on", "rss", "true", "y", "yes"})
# Names of campaigns that some sites may give to their article numbers.
_CAMPAIGN = frozenset({"icid", "mbid", "ncid", "ocid", "s_cid", "smid", "smtyp", "spm", "sref", "tsrc"})
# Names that may tell articles apart: dropped only where the value is a way of distribution.
_CHANNEL = frozenset({
    "ref", "referer", "referrer", "from", "source", "src", "via", "partner", "output", "format", "feed",
    "cid", "cmp", "mod", "track", "emc", "part", "sr", "xid", "spt", "type", "medium", "campaign", "channel",
})  # fmt: skip
_CHANNEL_VALUE = re.compile(
    r"(?:[a-z_]+[._-])?rss[a-z_]*\d{0,2}(?:[.-][a-z_]+\d{0,2})?|feeds?(?:[._][a-z_]+)?|feedburner|atom|xml"
    r"|newsletter|e-?mail|twitter|facebook|fb|telegram|whatsapp|linkedin|googlenews|google_news|gnews|naver|daum"
    r"|share",
    re.IGNORECASE,
)
# What a parameter is called that lets one person in.
_SECRET = frozenset({
    "key", "apikey", "api_key", "token", "access_token", "auth", "authkey", "auth_token", "secret", "sig", "signature",
    "pass", "passwd", "password", "pwd", "user", "username", "login", "email", "mail", "uid", "session", "sid",
    "hash", "code",
})  # fmt: skip
_OWN = frozenset({"local", "localhost", "internal", "intranet", "lan", "home", "corp", "private", "arpa"})
# Letters and digits in one run, with both cases also across hyphens, or a UUID.
_RANDOM = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}"
    r"|(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{20,}"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    re.ASCII,
)
_GENERIC = frozenset({
    "rss", "rss2", "feed", "feeds", "xml", "atom", "index", "json", "rdf", "html", "htm", "php", "aspx",
})  # fmt: skip
_SLUG_LENGTH = 80


class _Parts(NamedTuple):
    scheme: str
    name: str
    port: str
    path: str
    query: str
    fragment: str


def _legal(part: str) -> str:
    """Percent-encode what browsers (and ada) let pass in a URL but RFC 3986 does not."""
    return _ILLEGAL.sub(lambda match: f"%{ord(match[0]):02X}", part)


def _parse(link: str, base: str | None = None) -> _Parts | None:
    try:
        href = normalize_url(link) if base is None else join_url(base, link)
    except ValueError:
        return None
    match = _PARTS.fullmatch(href)
    authority = match and _AUTHORITY.fullmatch(match[2])
    if not match or not authority:
        return None
    path, query, fragment = match.group(3, 4, 5)
    return _Parts(
        match[1], authority[1], authority[2] or "", _legal(path), _legal(query or ""), _legal(fragment or "")
    )


def subscribed(link: str) -> str:
    """What a link that opens readers leads to: of `feed:https://…` that URL, of `feed://host/…` one without a scheme.

    `rss:`, `pcast:` and `itpc:` are the same. Another link is itself.
    """
    return _SUBSCRIBE.sub("", link, count=1) if _SUBSCRIBE.match(link) else link


def _tidy(raw: str) -> str:
    return _CONTROL.sub("", raw).strip()


def absolute(raw: str | None, base: str) -> str | None:
    """The link of an entry as an absolute http(s) URL: ASCII, legal by RFC 3986, without credentials.

    Relative links are resolved against `base`. None where it is no link to a page: another scheme, no host,
    a bad port, longer than `MAX_LENGTH`, or an id (`1234`, `tag:…`, `77 at https://host`).
    """
    link = _tidy(raw or "")
    if not link or len(link) > MAX_LENGTH:
        return None
    if _SCHEME.match(link):
        parts = _parse(link) if _HTTP.match(link) else None
    else:
        reference = _reference(link, base)
        parts = _parse(reference, base) if reference else None
    if parts is None:
        return None
    scheme, name, port, path, query, fragment = parts
    query = f"?{query}" if query else ""
    fragment = f"#{fragment}" if fragment else ""
    url = f"{scheme}://{name}{port}{path}{query}{fragment}"
    return url if len(url) <= MAX_LENGTH else None


def _reference(link: str, base: str) -> str | None:
    """A relative reference as it was meant, or None where it is more likely an id."""
    if link.startswith("//"):
        return link if link[2:3] not in ("", "/", "\\") else None
    if link[0] in "/?#.":
        return link
    if any(map(str.isspace, link)) or not any(mark in link for mark in "/.?"):
        return None
    first = link.partition("/")[0].lower()
    # A host without scheme: publishers forget it, and resolving would give https://host/host/page.
    is_host = first.startswith("www.") or first == host(base).removeprefix("www.")
    return f"//{link}" if is_host else link


def canonical(url: str) -> str | None:
    """Normal form of an entry's link, `host/path?query`, for comparing only: never fetched, never shown.

    Equal for http and https, `www.`, mobile and AMP twins, any order of the query, with and without tracking
    parameters and fragments. A fragment stays where it tells entries of one page apart: a route (`#!/a`), an
    anchor with a digit (`#item12`) or a title's (`#lawAndOrder`). None where the URL does not single out an
    entry, such as a home page. Idempotent.
    """
    link = _tidy(url)
    if not _HTTP.match(link):
        if _SCHEME.match(link) or re.match(r"[/\\?#](?!/[^/\\])", link):
            return None
        link = f"http://{link.removeprefix('//')}"
    parts = _parse(link)
    while parts and (target := _wrapped(parts)):
        parts = _parse(f"http://{target}")
    if parts is None:
        return None
    site, path = _site(parts.name), _unescape(parts.path)
    if not _OPAQUE.match(site + path):
        path = _page(path)
    query = _meaning(_unescape(parts.query).replace("+", "%20"), is_page=path.endswith(".html"))
    anchor = _anchor(_unescape(parts.fragment))
    if path == "/" and not query and not anchor:
        return None
    port = "" if parts.port in (":80", ":443") else parts.port
    return f"{site}{port}{path}{query and '?'}{query}{anchor and '#'}{anchor}"


def untracked(url: str) -> str:
    """A link without the parameters that only ever say how a reader came; all else stays letter by letter."""
    page, hash_mark, fragment = url.partition("#")
    address, mark, query = page.partition("?")
    fields = [field for field in query.split("&") if not _says_how_one_came(field)]
    if "=" in fragment and all(map(_says_how_one_came, fragment.split("&"))):
        hash_mark = fragment = ""
    if len(fields) < query.count("&") + 1:
        mark, query = ("?" if fields else ""), "&".join(fields)
    return f"{address}{mark}{query}{hash_mark}{fragment}"


def _says_how_one_came(field: str) -> bool:
    while field.startswith("amp;"):
        field = field[4:]
    name = field.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def may_be_told(url: str) -> bool:
    """Whether others may know where a feed is: not on a network of one's own, and with nothing like a secret in it.

    A user's name, a parameter that is called a key, or a random word: what looks like one may be one.
    """
    parts = _parse(url)
    if parts is None or "@" in url.partition("://")[2].partition("/")[0] or not _is_public(parts.name):
        return False
    fields = [field.partition("=") for field in parts.query.split("&")]
    said = [*unquote(parts.path).split("/"), *(unquote(value) for _, _, value in fields)]
    return not any(name.lower() in _SECRET for name, _, _ in fields) and not any(map(_RANDOM.search, said))


def _is_public(name: str) -> bool:
    try:
        return ip_address(name.strip("[]")).is_global
    except ValueError:
        return "." in name and name.rpartition(".")[2] not in _OWN


def _wrapped(parts: _Parts) -> str | None:
    """The address, without scheme, that an AMP viewer or a Google Alerts link carries."""
    page = _site(parts.name) + _unescape(parts.path)
    if match := _AMP_VIEWER.fullmatch(page):
        return f"{match[1]}?{parts.query}"
    if _GOOGLE_LINK.fullmatch(page):
        fields = parse_qs(_meaning(_unescape(parts.query), is_page=False))
        target = (fields.get("url") or fields.get("q") or [""])[0]
        return target.partition("://")[2] if _HTTP.match(target) else None
    return None


def _unescape(part: str) -> str:
    """Percent-encoding in normal form (RFC 3986 §6.2.2)."""
    if "%" not in part:
        return part

    def normal(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPED.sub(normal, part)


def _site(name: str) -> str:
    labels = name.split(".")
    while len(labels) > 2 and labels[0] == "www":
        labels = labels[1:]
    suffix = 3 if labels[-2:-1] and labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2 else 2
    own = ".".join(labels[-suffix:])
    twins = {"www"} if own in _SHARED else _TWINS
    kept = []
    for label in labels[:-suffix]:
        match = _TWIN_LABEL.fullmatch(label)
        plain = match[1] or match[2] if match and own not in _SHARED else label
        if plain not in twins:
            kept.append(plain)
    return ".".join([*kept, own])


def _page(path: str) -> str:
    segments = _SESSION.sub("", path).split("/")[1:]
    while segments:
        last = _AMP_SUFFIX.sub("", segments[-1])
        is_amp = last.lower() == "amp" and len(segments) > 1
        if last.lower() not in _INDEX and not is_amp:
            segments[-1] = last
            break
        segments.pop()
    if "amp" in segments:
        rest = [segment for segment in segments if segment != "amp"]
        # `/amp/marshall` may be a section of its own; `/amp/news/x` and `/amp/my-slug` are twins.
        if len(rest) > 1 or (rest and _TELLING.search(rest[-1])):
            segments = rest
    return "/" + "/".join(segments)


def _meaning(query: str, *, is_page: bool) -> str:
    """The parameters that may tell articles apart, sorted. `is_page`: the path ends in .html."""
    if not query:
        return ""
    fields = []
    for field in query.split("&"):
        while field.startswith("amp;"):  # `&amp;` escaped twice by the publisher
            field = field[4:]
        name, _, value = field.partition("=")
        is_mobile_twin = is_page and field in ("m=0", "m=1")  # Blogger
        if field and not is_mobile_twin and not _is_tracking(name.lower(), value):
            fields.append(field)
    return "&".join(sorted(fields))


def _is_tracking(name: str, value: str) -> bool:
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES):
        return True
    if name in _FLAGS:
        return value.lower() in _FLAG_VALUES
    if name in _CAMPAIGN:
        return not value.isdigit()
    return name in _CHANNEL and _CHANNEL_VALUE.fullmatch(value) is not None


def _anchor(fragment: str) -> str:
    anchor = fragment.partition(":~:")[0]
    if anchor[:1] in ("!", "/"):
        return anchor if anchor.strip("!/") else ""
    if "=" in anchor:
        anchor = _meaning(anchor, is_page=False)
    return anchor if _TELLING_ANCHOR.search(anchor) and not _NOISY_ANCHOR.match(anchor) else ""


def host(url: str) -> str:
    """The lower-case host name of an absolute URL, in IDNA, without port; empty where there is none."""
    parts = _parse(url) if _HTTP.match(url) else None
    return parts.name.strip("[]") if parts else ""


def slug(url: str) -> str:
    """A readable id of a feed's URL: `en-yna-co-kr-rss-news`. At most 80 characters, never empty.

    Words that only say "feed" are left out at the end, parameters that tell feeds apart stay. Two URLs may
    get one slug: the caller tells them apart.
    """
    parts = _parse(_tidy(url))
    if parts is None:
        return f"source-{_digest(url)}"
    words = _words(f"{parts.name.removeprefix('www.')} {parts.port}")
    path = _words(unquote(parts.path))
    while path and path[-1] in _GENERIC:
        path.pop()
    for field in parts.query.split("&"):
        name, _, value = field.partition("=")
        if not _is_tracking(name.lower(), value) and not _GENERIC.issuperset(_words(unquote(value))):
            path += _words(unquote(field))
    readable = "-".join(words + path) or f"source-{_digest(url)}"
    if len(readable) <= _SLUG_LENGTH:
        return readable
    return f"{readable[: _SLUG_LENGTH - 9].rstrip('-')}-{_digest(readable)}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _words(text: str) -> list[str]:
    """Lower-case ASCII words; accents are dropped, other scripts become punycode (RFC 3492)."""
    bare = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    words = []
    for word in re.findall(r"[^\W_]+", unicodedata.normalize("NFC", bare).lower()):
        ascii_word = word if word.isascii() else word.encode("punycode").decode("ascii")
        words += re.findall(r"[a-z0-9]+", ascii_word)
    return words
