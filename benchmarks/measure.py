"""Runs a command and measures it with all its descendants. Linux only."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage, struct_rusage

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds and megabytes (10^6 bytes) of one command and its descendants."""

    wall: float
    cpu: float
    """User and system time of the whole tree."""
    largest: float
    """Peak resident memory of the largest process."""
    tree: float
    """Peak of the summed resident memory, sampled: pages that two processes share count twice."""

    def __str__(self) -> str:
        return (
            f"{self.wall:.2f} s, CPU {self.cpu:.2f} s, largest process {self.largest:.0f} MB, "
            f"process tree {self.tree:.0f} MB"
        )


def run(command: list[str], *, log: Path, timeout: float, cwd: Path | None = None) -> Usage:
    """Measure a command; its output goes to `log`. Raises SystemExit when it fails or takes too long."""
    _adopt_orphans()
    with log.open("wb") as sink:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )
        except OSError as error:
            raise SystemExit(f"{command[0]} does not start: {error.strerror}") from error
    sampler = _Sampler(process.pid)
    sampler.start()
    alarm = threading.Timer(timeout, _kill, (process.pid,))
    alarm.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        usages = [usage, *_reap_session(process.pid)]
    finally:
        alarm.cancel()
        sampler.stop()
        _kill(process.pid)
    if process.returncode:
        tail = log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}\n{tail}")
    largest = max(usage.ru_maxrss for usage in usages) * 1024
    if largest <= getrusage(RUSAGE_SELF).ru_maxrss * 1024:
        largest = sampler.largest  # exec hands our own peak down (getrusage(2)), which hides a smaller one
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Usage(wall=wall, cpu=cpu, largest=largest / 1e6, tree=max(sampler.peak, largest) / 1e6)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Grandchildren that outlive their parent become ours, so that their CPU time is counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _reap_session(group: int) -> list[struct_rusage]:
    """Wait for what the command left running: a fork server ends a moment after its parent."""
    found = []
    while True:
        try:
            found.append(os.wait4(-group, 0)[2])
        except ChildProcessError:
            return found


class _Sampler(threading.Thread):
    """Watches the memory of a session's processes until stopped; all in bytes."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._stopped = threading.Event()
        self.peak = 0
        """The greatest sum of resident memory."""
        self.largest = 0
        """The greatest peak of one process, as far as it was seen."""

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(self._resident, filter(str.isdigit, os.listdir("/proc")))))

    def _resident(self, pid: str) -> int:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            fields = stat.rpartition(")")[2].split()  # proc_pid_stat(5), from the third field on
            if int(fields[3]) != self._session:
                return 0
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        if peak := re.search(r"VmHWM:\s*(\d+) kB", status):
            self.largest = max(self.largest, int(peak[1]) * 1024)
        return int(fields[21]) * _PAGE

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopped.set()
        self.join()
