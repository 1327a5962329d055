"""Embeddings of a server that speaks OpenAI's `POST /v1/embeddings`: llama.cpp, Ollama, vLLM and others."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Annotated
from urllib.parse import urldefrag, urlsplit

import pycurl
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from aggregator.embed.centre import pack
from aggregator.embed.protocol import Stopped
from aggregator.errors import EngineError

_TEXTS = 64
_SECONDS = 60.0
_MAX_BYTES = 16_000_000
_HINT = "look at the server, or set `stories.embedder: words`"


class _Embedding(BaseModel):
    index: int
    embedding: Annotated[list[FiniteFloat], Field(min_length=1)]


class _Answer(BaseModel):
    data: list[_Embedding]


class Endpoint:
    """The server at a URL; its fragment names the model: `http://127.0.0.1:11434/v1/embeddings#bge-m3`.

    The address may be a private one: it is the configuration's. Vectors are not centred by language.
    """

    def __init__(
        self,
        url: str,
        *,
        stop: threading.Event | None = None,
        seconds: float = _SECONDS,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._url, self._model = urldefrag(url)
        self._max_bytes = max_bytes
        parts = urlsplit(self._url)
        self._host = parts.hostname or ""
        self._dimensions = 0
        # Without what may be secret in a URL
        self.name = f"{self._host}{f':{parts.port}' if parts.port else ''}{parts.path} {self._model}".strip()
        self._stop = stop = stop or threading.Event()
        self._curl = _handle(self._url, seconds)
        # libcurl asks about once a second; True ends the request
        self._curl.setopt(pycurl.NOPROGRESS, 0)
        self._curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_: stop.is_set())

    def embed(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None],
        *,
        embedded: Callable[[int], None] = lambda _more: None,
    ) -> list[bytes]:
        """See `Embedder.embed`: 64 texts a request, each bounded in time and size. Languages are not used."""
        if len(texts) != len(languages):
            raise ValueError("as many languages as texts are needed")
        vectors: list[bytes] = []
        for start in range(0, len(texts), _TEXTS):
            some = self._request(texts[start : start + _TEXTS])
            vectors += map(pack, some)
            embedded(len(some))
        return vectors

    def _request(self, texts: Sequence[str]) -> list[list[float]]:
        wish: dict[str, object] = {"input": [text.encode("utf-8", "replace").decode() for text in texts]}
        if self._model:
            wish["model"] = self._model
        status, body = self._post(json.dumps(wish).encode())
        if status != 200:
            raise self._error(f"answers with status {status}: {body[:200].decode(errors='replace')}")
        try:
            found = sorted(_Answer.model_validate_json(body).data, key=lambda item: item.index)
        except ValidationError as error:
            raise self._error("does not answer as /v1/embeddings does") from error
        if [item.index for item in found] != list(range(len(texts))):
            raise self._error(f"gives {len(found)} embeddings for {len(texts)} texts")
        sizes = {len(item.embedding) for item in found}
        self._dimensions = self._dimensions or len(found[0].embedding)
        if sizes != {self._dimensions}:
            raise self._error("gives vectors of different sizes")
        return [item.embedding for item in found]

    def _post(self, payload: bytes) -> tuple[int, bytes]:
        body = bytearray()

        def take(data: bytes) -> int | None:
            body.extend(data)
            return -1 if len(body) > self._max_bytes else None

        self._curl.setopt(pycurl.POSTFIELDS, payload)
        self._curl.setopt(pycurl.WRITEFUNCTION, take)
        try:
            self._curl.perform()
        except pycurl.error as error:
            if self._stop.is_set():
                raise Stopped from None
            if len(body) > self._max_bytes:
                raise self._error(f"sent more than {self._max_bytes / 1e6:g} MB") from error
            raise self._error(f"gives no answer ({error.args[1]})") from error
        return self._curl.getinfo(pycurl.RESPONSE_CODE), bytes(body)

    def _error(self, what: str) -> EngineError:
        return EngineError(f"the embedder at {self._host} {what}", hint=_HINT)


def _handle(url: str, seconds: float) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
    # No `Expect: 100-continue`: small servers leave it unanswered, and a second is lost
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Accept: application/json", "Expect:"])
    if (bundle := ssl.get_default_verify_paths().cafile) is not None:
        curl.setopt(pycurl.CAINFO, bundle)
    return curl
