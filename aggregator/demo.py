"""The whole program on bundled sample sources, over loopback, with no other network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aggregator.config.load import Configuration, load
from aggregator.engine.local import LocalEngine
from aggregator.errors import UsageError
from aggregator.serve import serving
from aggregator.store.connection import open_store, writer_lock
from aggregator.update import Clock, Observer, Passes, Summary, make_limits

SAMPLES = Path(__file__).parent / "samples"
_ORIGIN = "http://127.0.0.1:8081/"
_EMBEDDER = "embedder: auto"
_LISTEN = "127.0.0.1:8080"
_MARK = ".aggregator-demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demonstration: where all of it lies, and what the pass did."""

    configuration: Configuration
    address: str
    summary: Summary


@contextmanager
def demonstrate(
    folder: Path,
    *,
    clock: Clock,
    jitter: Callable[[], float],
    serve: bool,
    embedder: str,
    stop: threading.Event,
    observer: Observer | None = None,
) -> Iterator[Demo]:
    """Fill `folder` from the samples in one real pass; with `serve` its result is served in the block.

    `embedder` is what the setting `stories.embedder` may be.

    Raises UsageError when the folder holds something that is not a demonstration's.
    """
    _claim(folder)
    published = folder / "feeds"
    with _result(published, serve) as address:
        with serving(SAMPLES / "feeds", "127.0.0.1:0") as origin:
            configuration = _configure(folder, origin=origin, base=address, embedder=embedder)
            with (
                writer_lock(configuration.database),
                open_store(configuration.database) as db,
                closing(LocalEngine(make_limits(configuration), clock=clock.now)) as engine,
            ):
                passes = Passes(db, configuration, clock=clock, jitter=jitter, stop=stop)
                passes.synchronize()
                summary = passes.update(engine, scope="force", observer=observer)
        yield Demo(configuration, address, summary)


@contextmanager
def _result(folder: Path, serve: bool) -> Iterator[str]:
    if not serve:
        yield f"http://{_LISTEN}/"
        return
    try:
        with serving(folder, _LISTEN) as address:
            yield address
    except UsageError:
        with serving(folder, "127.0.0.1:0") as address:
            yield address


def _claim(folder: Path) -> None:
    hint, mark = "name a new folder with --dir", folder / _MARK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not mark.exists():
            raise UsageError(f"{folder} is not empty and holds no earlier demonstration", hint=hint)
        mark.write_text("made by `aggregator demo`; this folder may be deleted\n")
    except OSError as error:
        raise UsageError(f"{folder} cannot be used: {error.strerror or error}", hint=hint) from error


def _configure(folder: Path, *, origin: str, base: str, embedder: str) -> Configuration:
    for sample in sorted((SAMPLES / "config").glob("*.yaml")):
        text = sample.read_text(encoding="utf-8").replace(_ORIGIN, origin)
        text = text.replace(_EMBEDDER, f"embedder: {json.dumps(embedder)}")
        text = text.replace(_LISTEN, urlsplit(base).netloc)
        (folder / sample.name).write_text(text, encoding="utf-8")
    return load(folder, environ={})
