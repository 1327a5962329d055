"""Files and folders, whoever writes them: that they are on the disk, and what to do where they cannot be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_ADVICE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "the disk quota is used up: make room",
    errno.EROFS: "the file system is read-only: mount it writable, or name another folder",
    errno.EACCES: "let the user that runs this program write there, or name another folder",
    errno.EPERM: "let the user that runs this program write there, or name another folder",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away, or name another folder",
    errno.EISDIR: "a folder stands where this file belongs: move it away",
    errno.ENAMETOOLONG: "the name is too long for this file system: use a shorter one",
    errno.EEXIST: "a file stands where a folder is needed: move it away, or name another folder",
}


def file_advice(error: OSError) -> str:
    """What to do about a file or folder that cannot be written, in one line."""
    return _ADVICE.get(error.errno or 0, "check the disk, and that the folder is there")


def sync_folder(folder: Path) -> None:
    """Let a power cut not take back what was created, renamed or removed in it. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
