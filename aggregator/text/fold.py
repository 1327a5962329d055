"""The words of a text, for comparing only."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text in any script: compatibility forms unified, case folded, no punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
