"""What commands share: the configuration, the store and the clock. Only here the real clock is read."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.errors import StoreError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from aggregator.config import Configuration

jitter = random.random
"""Spreads the next fetches; no secret depends on it."""
seconds = time.monotonic


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)  # noqa: TID251 (the one place where the clock enters the program)


@dataclass
class Session:
    """One call of the program, on the configuration in `folder`."""

    folder: Path

    @cached_property
    def configuration(self) -> Configuration:
        """Read when first asked for. Raises ConfigError."""
        from aggregator.config import load

        return load(self.folder, environ=os.environ)

    @contextmanager
    def store(self) -> Iterator[Database]:
        """The store of earlier passes. Raises StoreError when there was none yet: it is not made here."""
        database = self.configuration.database
        if not database.exists():
            raise StoreError(
                f"nothing is stored yet: there is no {database}",
                hint="`aggregator update` fetches the sources",
            )
        from aggregator.store.connection import open_store

        with open_store(database) as db:
            yield db

    @contextmanager
    def store_if_any(self) -> Iterator[Database]:
        """The store, or an empty one in memory before the first pass."""
        from aggregator.store.connection import open_store

        database = self.configuration.database
        with open_store(database if database.exists() else Path(":memory:")) as db:
            yield db
