"""What every embedder promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from aggregator.errors import AggregatorError


class Stopped(AggregatorError):
    """The embedder was told to stop: the texts have no vectors, and nothing is wrong."""

    def __init__(self) -> None:
        super().__init__("stopped while texts were being embedded")


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their cosine similarity. For one thread at a time."""

    @property
    def name(self) -> str:
        """Model and centring. It is kept beside the vectors: those of different names are not compared."""
        ...

    def embed(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None],
        *,
        embedded: Callable[[int], None] = lambda _more: None,
    ) -> list[bytes]:
        """One vector for each text, of length 1, as little-endian float16 (two bytes a dimension).

        A text is a title, or a title, a line break and the beginning of what follows it. `languages` are
        their codes (`en`, `pt-BR`), None where unknown. `embedded` is told whenever so many more
        are. Raises EngineError when the model cannot answer, Stopped soon after the event is set that the embedder
        was made with.
        """
        ...
