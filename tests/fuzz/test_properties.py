"""Any document, however broken, becomes a failure or clean entries."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from strategies import answers, content_types, documents, whole_documents

from aggregator.harvest.answer import answer, failed
from aggregator.harvest.fetch import Fetcher, Limits
from aggregator.harvest.source import read
from aggregator.model import Failure, Harvest, Request, Response, SourceId
from fuzz.unclean import faults

NOW = datetime(2024, 12, 1, tzinfo=UTC)
URL = "https://feed.example/dir/feed.xml"
CORPUS = sorted((Path(__file__).parents[1] / "data" / "fuzz").iterdir())


def harvest(body: bytes, content_type: str | None) -> Harvest:
    headers = {"content-type": content_type} if content_type else {}
    return read(Request(SourceId("s"), URL), Response(URL, 200, headers, body), now=NOW)


@settings(max_examples=300)
@given(documents, content_types)
def test_what_comes_of_any_document_is_clean(body: bytes, content_type: str | None) -> None:
    assert faults(harvest(body, content_type)) == []


@settings(max_examples=100)
@given(whole_documents, content_types)
def test_a_document_read_twice_gives_the_same(body: bytes, content_type: str | None) -> None:
    assert harvest(body, content_type) == harvest(body, content_type)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_documents_that_a_fuzzer_found_are_read_cleanly(path: Path) -> None:
    body = path.read_bytes()
    for content_type in ("application/xml", "application/json", None):
        assert faults(harvest(body[1:], content_type)) == []


def test_the_corpus_stays_small() -> None:
    assert 0 < sum(path.stat().st_size for path in CORPUS) < 200_000


@settings(max_examples=150)
@given(answers)
def test_any_bytes_of_a_server_are_an_answer_or_a_failure(data: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                for _ in range(20):  # it may redirect to itself
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(5)
                        connection.recv(65536)
                        connection.sendall(data)
                        connection.shutdown(socket.SHUT_WR)
                        connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        request = Request(SourceId("s"), f"http://127.0.0.1:{server.getsockname()[1]}/")
        with closing(Fetcher(Limits("test", timeout=2, allow_private_networks=True))) as fetcher:
            ((_, outcome),) = fetcher.run([request])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    if isinstance(outcome, Failure):
        result = failed(request, outcome, now=NOW)
    else:
        result = answer(request, outcome, now=NOW) or read(request, outcome, now=NOW)
    assert faults(result) == []
