"""A stream of synthetic reports: events that several outlets tell of, in words as common as those of a language.

Words follow Zipf's law. A report takes a third of its words from its event, the others from the language; one in six
is a copy of the wire: the words of an earlier report under another headline.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, islice
from random import Random

from aggregator.harvest.clean import clean_entries
from aggregator.harvest.raw import Markup, RawEntry, RawFeed
from aggregator.model import Harvest, Request, SourceId, Validators
from aggregator.times import to_text

_WORDS = 20_000
_REPORTS_OF_EVENT = 3.0
_COPIED = 1 / 6
_LISTED = 15
"""Entries in a document of a source: new ones and those seen before."""
_TOLD_FOR_HOURS = 36
_SYLLABLES = [
    a + b for a in "bdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "is", "ol", "um")
]


@dataclass(slots=True)
class _Event:
    words: list[str]
    names: list[str]
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """A raw entry of a source, before it is harvested."""

    source: str
    at: datetime
    raw: RawEntry


class Stream:
    """Reports without end, in the order of their dates, `a_day` of them each day. Equal seeds, equal reports."""

    def __init__(self, *, start: datetime, a_day: int, outlets: int, seed: int = 1) -> None:
        self._random = Random(seed)
        self._vocabulary = _vocabulary(self._random)
        self._cumulated = list(accumulate(1 / (rank + 10) for rank in range(_WORDS)))
        self._now = start
        self._outlets = outlets
        self._step = timedelta(days=1) / a_day
        self._events: deque[_Event] = deque()
        self._living = max(round(a_day / _REPORTS_OF_EVENT * _TOLD_FOR_HOURS / 24), 1)
        self._number = 0
        self._listed: dict[str, deque[RawEntry]] = defaultdict(lambda: deque(maxlen=_LISTED))

    def harvests(self, count: int, *, at_once: int) -> Iterator[tuple[datetime, list[RawFeed]]]:
        """`count` reports as documents: each time `at_once` of them, by source, and the time of the fetch."""
        left = count
        while left > 0:
            batch = list(islice(self._reports(), min(at_once, left)))
            left -= len(batch)
            for report in batch:
                self._listed[report.source].appendleft(report.raw)
            sources = sorted({report.source for report in batch})
            yield self._now, [_document(source, list(self._listed[source])) for source in sources]

    def words(self, count: int) -> list[str]:
        """Words of the language, as common as they are."""
        return self._random.choices(self._vocabulary, cum_weights=self._cumulated, k=count)

    def common_words(self, first: int, last: int) -> list[str]:
        """The words of these ranks, from the most common on."""
        return self._vocabulary[first:last]

    def reports(self, count: int) -> Iterator[Report]:
        """So many reports, one by one."""
        return islice(self._reports(), count)

    def _reports(self) -> Iterator[Report]:
        while True:
            self._now += self._step
            self._number += 1
            source = f"outlet-{self._random.randrange(self._outlets)}"
            yield Report(source, self._now, self._raw(source))

    def _raw(self, source: str) -> RawEntry:
        event = self._event()
        if event.texts and self._random.random() < _COPIED:
            text = f"{' '.join(self.words(12)).capitalize()}. {self._random.choice(event.texts)}"
        else:
            text = self._text(event)
            event.texts.append(text)
        title = [*self._random.sample(event.words, 4), self._random.choice(event.names), *self.words(3)]
        self._random.shuffle(title)
        return RawEntry(
            guid=f"{source}-{self._number}",
            links=(f"https://{source}.example/{self._now:%Y/%m}/{'-'.join(title)}-{self._number}",),
            title=Markup(" ".join(title).capitalize(), is_html=False),
            author=None,
            published=to_text(self._now),
            updated=None,
            language=None,
            contents=(Markup(f"<p>{text}</p>", is_html=True),),
            categories=(),
            enclosures=(),
            images=(),
        )

    def _event(self) -> _Event:
        if len(self._events) < self._living or self._random.random() < 1 / _REPORTS_OF_EVENT:
            rare = self._vocabulary[200:]
            self._events.append(
                _Event(
                    words=self._random.sample(rare, 14) + self.words(10),
                    names=[name.capitalize() for name in self._random.sample(rare, 4)],
                    texts=[],
                )
            )
            if len(self._events) > self._living:
                self._events.popleft()
            return self._events[-1]
        return self._random.choice(self._events)

    def _text(self, event: _Event) -> str:
        # Most feeds carry a summary, some the whole article
        length = self._random.choice((30, 40, 50, 60, 90, 400))
        sentences = []
        while length > 0:
            words = (
                self.words(12)
                + self._random.choices(event.words, k=6)
                + self._random.choices(event.names, k=1)
            )
            self._random.shuffle(words)
            sentences.append(f"{' '.join(words)}.")
            length -= len(words)
        return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _vocabulary(random: Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < _WORDS:
        found["".join(random.choices(_SYLLABLES, k=random.choice((1, 2, 2, 3, 3, 4))))] = None
    return list(found)


def _document(source: str, entries: Sequence[RawEntry]) -> RawFeed:
    return RawFeed(
        title=Markup(source.title(), is_html=False),
        url=f"https://{source}.example/",
        language="en",
        icon=None,
        rights=None,
        entries=tuple(entries),
    )


def harvested(document: RawFeed, *, at: datetime) -> Harvest:
    """What a harvest makes of a document: this is not the ledger's work."""
    url = str(document.url)
    source = SourceId(url.removeprefix("https://").removesuffix(".example/"))
    return Harvest(
        source=source,
        outcome="fetched",
        fetched_at=at,
        status=200,
        validators=Validators(f'"{to_text(at)}"', None),
        body_hash=None,
        entries=clean_entries(document, url=url, request=Request(source, url), now=at),
    )
