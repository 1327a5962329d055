"""The topics' examples: which stored entries are near them."""

from __future__ import annotations

import struct
import threading
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from sqlite_utils import Database

from aggregator.embed import Embedder, Stopped
from aggregator.errors import EngineError
from aggregator.model import EntryId, TopicId
from aggregator.store.connection import writing
from aggregator.store.examples import (
    Judged,
    background,
    do_any_wait,
    example_vectors,
    is_judged,
    keep_example_vectors,
    waiting,
)
from aggregator.store.matches import record_near
from aggregator.text.language import detect
from aggregator.topic.like import Example, Likeness, Nearness, learn_likeness
from aggregator.topic.rule import Rule

_JUDGED_AT_ONCE = 200
_VECTORS = 50
"""Examples of a topic whose vectors are compared: each costs 10 µs for every entry."""


def judge(
    db: Database,
    rules: Sequence[Rule],
    embedder: Embedder | None,
    *,
    stop: threading.Event | None = None,
) -> str | None:
    """Hold the grouped entries that wait for it against the examples of the topics, the newest first.

    Batch by batch, each in one transaction: what is left at a stop or a crash is judged next time. So it is when
    the embedder fails: returns why, and what to do.
    """
    by_example = [rule for rule in rules if rule.examples]
    if not by_example or not do_any_wait(db):
        return None
    try:
        likeness = learn(db, by_example, embedder)
    except Stopped:
        return None
    except EngineError as error:
        return f"no entry was compared with examples, since {error.in_full}"
    space = embedder.name if embedder else None
    while some := waiting(db, limit=_JUDGED_AT_ONCE, space=space):
        if stop is not None and stop.is_set():
            break
        near: dict[TopicId, list[tuple[EntryId, Nearness]]] = defaultdict(list)
        for each in some:
            found = score_entry(likeness, each)
            for rule in by_example:
                nearness = found.get(rule.topic)
                if nearness and nearness.nearest and rule.admits(each.source, each.language):
                    near[rule.topic].append((each.entry, nearness))
        with writing(db):
            for rule in by_example:
                record_near(db, rule, near[rule.topic])
            is_judged(db, [each.entry for each in some])
    return None


def score_entry(likeness: Likeness, entry: Judged) -> dict[TopicId, Nearness]:
    """How near a stored entry is to the examples of the topics."""
    return likeness.score(entry.title, entry.text, _floats(entry.vector) if entry.vector else None)


def learn(db: Database, rules: Sequence[Rule], embedder: Embedder | None) -> Likeness:
    """What the examples of these rules teach beside the newest stored entries."""
    vectors = _example_vectors(db, rules, embedder) if embedder else {}
    examples = tuple(
        (rule.topic, tuple(Example(text, vectors.get(text)) for text in rule.examples)) for rule in rules
    )
    return _learnt(examples, background(db))


@lru_cache(maxsize=1)
def _learnt(
    examples: tuple[tuple[TopicId, tuple[Example, ...]], ...], background: tuple[tuple[str, str], ...]
) -> Likeness:
    # Half a second a topic, and for many passes of a daemon the same
    return learn_likeness(dict(examples), background)


def _example_vectors(db: Database, rules: Sequence[Rule], embedder: Embedder) -> dict[str, tuple[float, ...]]:
    """The vectors of some examples of each rule, which are kept: a model reads some thirty a second."""
    wanted: list[str] = []
    for rule in rules:
        step = max(1, len(rule.examples) / _VECTORS)
        wanted += (rule.examples[int(number * step)] for number in range(min(_VECTORS, len(rule.examples))))
    wanted = list(dict.fromkeys(wanted))
    known = example_vectors(db, embedder.name, wanted)
    missing = [text for text in wanted if text not in known]
    if missing:
        made = embedder.embed(missing, [detect(text) for text in missing])
        known |= dict(zip(missing, made, strict=True))
        with writing(db):
            keep_example_vectors(db, embedder.name, known, wanted)
    return {text: _floats(vector) for text, vector in known.items()}


def _floats(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 2}e", vector)
