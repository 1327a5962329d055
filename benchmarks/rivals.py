"""An environment of the benchmark's own for the programs and clients it compares with."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = (
    "reader[cli]==3.26",
    "sgmllib3k==1.0.0",
    "pycurl==7.49.0",
    "curl_cffi==0.16.3",
    "aiohttp==3.14.5",
    "uvloop==0.23.0",
)


def default_cache() -> Path:
    """Where the environment is kept from run to run."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "feed-aggregator-benchmarks"


def python(cache: Path) -> Path:
    """The interpreter of the environment, which is made or completed first. Raises CalledProcessError."""
    folder = cache / "venv"
    interpreter = folder / "bin" / "python"
    listed = folder / "packages.txt"
    if not listed.is_file() or listed.read_text() != "\n".join(PACKAGES):
        print(f"installing {', '.join(PACKAGES)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-qq", *PACKAGES], check=True)
        listed.write_text("\n".join(PACKAGES))
    return interpreter
