"""The configuration that `aggregator init` writes: three commented files and their schemas."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from aggregator.config.schemas import schema_texts
from aggregator.disk import file_advice
from aggregator.errors import UsageError

_NAMES = ("aggregator.yaml", "sources.yaml", "topics.yaml")


def write_starter(folder: Path) -> list[Path]:
    """Write the starter configuration and `schema/` into a folder, which is made if need be.

    Raises UsageError, before anything is written, where one of the files is there already.
    """
    texts = {folder / name: files(__name__).joinpath(name).read_text("utf-8") for name in _NAMES}
    texts |= {folder / "schema" / name: text for name, text in schema_texts().items()}
    for file in texts:
        if os.path.lexists(file):
            raise UsageError(
                f"{file} is there already: nothing was written",
                hint="`aggregator init DIR` writes into another folder",
            )
    try:
        (folder / "schema").mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            with file.open("x", encoding="utf-8") as output:
                output.write(text)
    except OSError as error:
        message = f"{error.filename}: cannot be written: {error.strerror}"
        raise UsageError(message, hint=file_advice(error)) from None
    return list(texts)
