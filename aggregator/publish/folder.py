"""The output folder during one publication: what is written to it and removed from it, and how the store knows that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sqlite_utils import Database

from aggregator.publish.files import Batch, remove_file, remove_folder
from aggregator.store.connection import writing
from aggregator.store.files import Made, forget_files, made_files, record_files


class Folder:
    """Files below one folder, named by their paths in it; each is known by a mark of what it was made from.

    Before a file is written anew the store forgets it (`unmake`), and knows it again after `finish`: whatever breaks
    off between, the next publication makes it.
    """

    def __init__(self, db: Database, path: Path, batch: Batch) -> None:
        self.path = path
        self._db = db
        self._batch = batch
        self._marks: dict[str, str] = {}
        self._removed: list[str] = []

    def stale(self, marks: Mapping[str, str]) -> list[str]:
        """Those of these files that were made from something else, or are not there; they are unmade."""
        made = made_files(self._db, marks)
        found = [path for path, mark in marks.items() if not self._stands(path, mark, made)]
        self.unmake(found)
        return found

    def recorded(self, paths: Iterable[str]) -> set[str]:
        """Those of these files that were once written."""
        return set(made_files(self._db, paths))

    def unmake(self, paths: Collection[str]) -> None:
        """Before these files are written: if this breaks off, nothing is known of what they hold."""
        if paths:
            with writing(self._db):
                forget_files(self._db, paths)

    def write(self, path: str, data: bytes, mark: str = "") -> None:
        """Begin to write a file."""
        self._marks[path] = mark
        self._batch.write(self.path / path, data)

    def remove(self, path: str) -> None:
        """Remove a file, with its copies, if it is there."""
        self._removed.append(path)
        remove_file(self.path / path)

    def remove_folder(self, path: str) -> None:
        """Remove a folder with all that is in it."""
        self._removed.append(path)
        remove_folder(self.path / path)

    def finish(self) -> None:
        """Until all files are on the disk, and how they stand is kept."""
        digests = self._batch.wait()
        with writing(self._db):
            made = {path: Made(mark, digests[self.path / path]) for path, mark in self._marks.items()}
            record_files(self._db, made)
            forget_files(self._db, self._removed)
        self._marks.clear()
        self._removed.clear()

    def _stands(self, path: str, mark: str, made: Mapping[str, Made]) -> bool:
        return path in made and made[path].mark == mark and (self.path / path).exists()
