"""Languages as readers are told of them: tags, names in English, quotation marks."""

from __future__ import annotations

import re
from functools import lru_cache

import langcodes

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_NAMES: dict[str, str] = dict(
    re.findall(
        r"(\w+)=(\w+)",
        """
        ar=Arabic be=Belarusian bg=Bulgarian cs=Czech da=Danish de=German el=Greek en=English es=Spanish
        et=Estonian fa=Persian fi=Finnish fr=French he=Hebrew hi=Hindi hu=Hungarian id=Indonesian it=Italian
        ja=Japanese ka=Georgian kk=Kazakh ko=Korean lt=Lithuanian lv=Latvian nb=Norwegian nl=Dutch
        no=Norwegian pl=Polish pt=Portuguese ro=Romanian ru=Russian sk=Slovak sr=Serbian sv=Swedish th=Thai
        tr=Turkish uk=Ukrainian vi=Vietnamese zh=Chinese
        """,
    )
)
_MARKS = {
    **dict.fromkeys(("be", "fr", "ru", "uk"), "«{}»"),
    **dict.fromkeys(("bg", "cs", "de", "sk"), "„{}“"),
    **dict.fromkeys(("pl", "ro"), "„{}”"),
}


@lru_cache(maxsize=512)
def language_tag(language: str | None) -> str | None:
    """A language tag fit for `lang` and `xml:lang` (BCP 47), None when there is none."""
    tag = (language or "").strip().replace("_", "-")
    return tag if _TAG.fullmatch(tag) else None


def language_name(language: str | None) -> str | None:
    """A language in English words, its tag where we have none for it; None when it is not known."""
    tag = language_tag(language)
    return _NAMES.get(_main(tag), tag) if tag else None


@lru_cache(maxsize=512)
def locale(language: str | None) -> str | None:
    """A language and the territory where most speak it, as Open Graph names them: `uk_UA`."""
    tag = language_tag(language)
    if tag is None or not langcodes.tag_is_valid(tag):
        return None
    likely = langcodes.get(tag).maximize()
    territory = likely.territory or ""
    return f"{likely.language}_{territory}" if territory.isalpha() else None


def quoted(text: str, language: str | None) -> str:
    """The text between the quotation marks of its language."""
    return _MARKS.get(_main(language_tag(language) or ""), "“{}”").format(text)


def _main(tag: str) -> str:
    return tag.split("-")[0].lower()
