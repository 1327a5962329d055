"""Which sources a pass asks, and what it asks them for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlite_utils import Database

from aggregator.errors import UsageError
from aggregator.model import Request, SourceId, Validators
from aggregator.settings import SourceSettings
from aggregator.store.sources import Scope, SourceState, due_sources
from aggregator.text.language import normalize_tag


def chosen_sources(
    db: Database, sources: Sequence[SourceSettings], only: Sequence[str], scope: Scope, now: datetime
) -> list[SourceState]:
    """The sources that are due, or `only` these. Raises UsageError for one that is unknown, disabled or resting."""
    if not only:
        return due_sources(db, scope, now=now)
    enabled = {source.id: source.enabled for source in sources}
    for id in only:
        if not enabled.get(id):
            raise UsageError(
                f"source {id!r} is {'disabled' if id in enabled else 'not in sources.yaml'}",
                hint="`aggregator sources list` names the sources",
            )
    # A source that is named is wanted now, due or not
    states = due_sources(db, "force" if scope == "force" else "all", now=now)
    chosen = [state for state in states if state.id in only]
    if missing := sorted(set(only) - {state.id for state in chosen}):
        raise UsageError(
            f"{', '.join(missing)}: gone, or told by its server to wait (`aggregator sources show` says more)",
            hint="--force fetches it all the same",
        )
    return chosen


def make_requests(states: Sequence[SourceState], sources: Sequence[SourceSettings]) -> list[Request]:
    """What to ask these sources for, of which this is known."""
    settings = {source.id: source for source in sources}
    return [make_request(settings[state.id], state) for state in states]


def make_request(source: SourceSettings, state: SourceState | None = None) -> Request:
    """What to ask for a source, of which this is known."""
    return Request(
        source=SourceId(source.id),
        url=state.address if state else source.url,
        validators=state.validators if state else Validators(),
        body_hash=state.body_hash if state else None,
        headers=tuple(source.headers.items()),
        language=normalize_tag(source.language) or source.language,
        is_opinion=source.opinion,
    )
