"""How a name sounds, about: the same whatever script and language it is written in.

Umerov, Умєров and 우메로프 share no letter, but their consonants, told apart as roughly as the scripts that tell
them apart the least, are the same three: mrp.
"""

from __future__ import annotations

import re
from functools import lru_cache

from anyascii import anyascii

_FEWEST = 3
"""Consonants of a name, at least: with fewer too many names sound the same."""
_MOST = 5
"""Consonants that count: what follows is mostly an ending."""

_HANGUL = re.compile(r"[가-힣]")
_PARTICLE = re.compile(r"(?:에서는|에서|으로|에게|까지|부터|이라고|라고|[은는이가을를의에와과도로서만])$")
"""What Korean adds to a noun."""
_HISSES = re.compile(r"tch|cz|sz|sh|ch|zh|rz|c(?=[eiy])")
_PAIRS = {"ck": "k", "ph": "p", "ng": "n"}
_PAIR = re.compile("|".join(_PAIRS))
_SOUNDS = str.maketrans(
    {
        **dict.fromkeys("bfvpw", "p"),
        **dict.fromkeys("ckq", "k"),
        **dict.fromkeys("jsz", "s"),
        **dict.fromkeys("lr", "r"),
        "x": "ks",
    }
)
_NO_CONSONANT = re.compile(r"[^pdtgksrmn]+")
_AGAIN = re.compile(r"(.)\1+")


@lru_cache(maxsize=50_000)
def sound(word: str) -> str | None:
    """The consonants of a word as `pdtgksrmn`; None where there are too few to tell it by."""
    is_hangul = _HANGUL.search(word) is not None
    if is_hangul and len(word) > 2:
        word = _PARTICLE.sub("", word)
    latin = anyascii(word).lower()
    if is_hangul:
        latin = latin.replace("w", "")  # part of a vowel, as in hwa
    latin = _PAIR.sub(lambda pair: _PAIRS[pair[0]], _HISSES.sub("s", latin))
    heard = _AGAIN.sub(r"\1", _NO_CONSONANT.sub("", latin.translate(_SOUNDS)))
    return heard[:_MOST] if len(heard) >= _FEWEST else None
