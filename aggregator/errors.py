"""Every error that a person may see.

AggregatorError
├── ConfigError      a file of the configuration is wrong: path, line, column, what was expected
├── UsageError       the command asks for something that is not there (a source, a story, a file)
├── StoreError       the database cannot be used: locked, full, corrupt, gone, from a newer version
├── PublishError     a file of a publication cannot be written
└── EngineError      harvests cannot be run at all

A feed that is down is no error but a value: `model.Failure` in its harvest.
"""

from __future__ import annotations

from typing import Literal

Fault = Literal["locked", "full", "read_only", "disk", "gone", "corrupt", "foreign"]
"""Why a database cannot be used: `gone` was removed or replaced while it was open, `foreign` is no store of ours."""


class AggregatorError(Exception):
    """What happened and where, in one line; `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def in_full(self) -> str:
        """What happened and what to do about it, on one line of a log."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(AggregatorError):
    """The configuration is wrong. `problems` holds one line for each place, `file:line:column: …`."""

    def __init__(self, problems: list[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = problems


class UsageError(AggregatorError):
    """The command line names something that does not exist or cannot be done."""


class StoreError(AggregatorError):
    """The database is locked, full, corrupt, or made by a newer version; `kind` says which, where it is known."""

    def __init__(self, message: str, *, hint: str | None = None, kind: Fault | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class PublishError(AggregatorError):
    """A file of a publication cannot be written."""


class EngineError(AggregatorError):
    """Harvests cannot be run: no worker starts, or the network library is broken."""
