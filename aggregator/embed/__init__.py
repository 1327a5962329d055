"""Sentence embeddings: texts on one event are near each other, whatever their languages."""

from aggregator.embed.choose import describe, make_embedder
from aggregator.embed.protocol import Embedder, Stopped

__all__ = ["Embedder", "Stopped", "describe", "make_embedder"]
