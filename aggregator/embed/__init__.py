"""Sentence embeddings: texts on one event are near each other, whatever their languages."""

from aggregator.embed.choose import make_embedder
from aggregator.embed.protocol import Embedder

__all__ = ["Embedder", "make_embedder"]
