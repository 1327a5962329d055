"""The background program: polls, publishes, serves and tidies up until it is told to stop.

The only file that imports APScheduler. All work on the store runs in one thread, one job at a time;
when each source is due lies in the database.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlite_utils import Database

from aggregator.advice import advice
from aggregator.breaker import Breaker
from aggregator.config.load import Configuration, load
from aggregator.engine.local import LocalEngine
from aggregator.errors import AggregatorError, ConfigError, StoreError
from aggregator.exchange import Exchange
from aggregator.ledger import Applied
from aggregator.model import Harvest
from aggregator.progress import Meanwhile
from aggregator.serve import serving
from aggregator.store.articles import is_any_article_due
from aggregator.store.connection import changes, check_place, faults, open_store, writer_lock
from aggregator.store.health import ensure_room
from aggregator.store.sources import is_any_due
from aggregator.text.line import one_line
from aggregator.times import format_duration
from aggregator.update import Clock, Observer, Passes, deliver, make_limits, publish
from aggregator.upkeep import backup_if_due, prune_daily
from aggregator.websub.callback import Callbacks

log = logging.getLogger("aggregator")

_POLL_SECONDS = 10
_WATCH_SECONDS = 2
_PUBLISH_SECONDS = 60
_AGE_SECONDS = 600
"""After so long it is published without a change too: stories grow too old for a feed."""
_DELIVER_SECONDS = 10
_UPKEEP_SECONDS = 3600
_BACKUP_SECONDS = 60
_HEAR_SECONDS = 5
_SUBSCRIBE_SECONDS = 30
_JUMP_SECONDS = 30
_LASTING = ("corrupt", "gone")
_FILES = ("aggregator.yaml", "sources.yaml", "topics.yaml")


def run_daemon(
    folder: Path, *, environ: Mapping[str, str], clock: Clock, jitter: Callable[[], float]
) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP or a changed file reloads the configuration.

    Raises ConfigError, StoreError (another instance is at work on the database), UsageError (the
    address to listen on is taken).
    """
    configuration = load(folder, environ=environ)
    with ExitStack() as stack:
        stack.enter_context(writer_lock(configuration.database, backups=configuration.backups))
        db = stack.enter_context(open_store(configuration.database))
        callbacks = Callbacks(clock.now)
        address = stack.enter_context(
            serving(configuration.output, configuration.aggregator.web.listen, callbacks)
        )
        daemon = Daemon(db, configuration, environ=environ, clock=clock, jitter=jitter, callbacks=callbacks)
        daemon.heed_signals()
        log.info("%d sources, %d topics", len(configuration.sources), len(configuration.topics.topics))
        log.info("feeds and pages: %s", address)
        daemon.run()


class Daemon:
    """The jobs and what they share."""

    def __init__(
        self,
        db: Database,
        configuration: Configuration,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        jitter: Callable[[], float],
        callbacks: Callbacks | None = None,
    ) -> None:
        self._db = db
        self._environ = environ
        self._clock = clock
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._passes = Passes(db, configuration, clock=clock, jitter=jitter, stop=self._stop)
        self._exchange = Exchange(self._passes, callbacks or Callbacks(clock.now))
        self._breaker = Breaker(db, seconds=clock.seconds)
        lines = Meanwhile(log.info, seconds=clock.seconds)
        self._observer = Observer(
            harvested=_log_failure, grouping=partial(lines.started, "grouping"), grouped=lines.advance
        )
        self._marks = self._loaded = self._file_marks()
        """The files of the configuration as they were found last, and as they are in force."""
        self._said: dict[str, str] = {}
        """The last error of each job, which is said once."""
        self._rest_until = 0.0
        """Until then no source is polled, since nothing answered."""
        self._published: tuple[int, int] | None = None
        """How the store stood at the last publication."""
        self._publish_again = 0.0
        try:
            self._begin()
        except StoreError as error:
            if error.kind is None or error.kind in _LASTING:
                raise
            self._breaker.trip(error)
        self._engine = self._new_engine(configuration)

    @property
    def _configuration(self) -> Configuration:
        return self._passes.configuration

    def heed_signals(self) -> None:
        """SIGTERM and SIGINT end `run`, SIGHUP has it read the configuration again; also those that come before it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def run(self) -> None:
        """Start the jobs and wait for a signal; returns when all work has ended."""
        # It would tell of each turn of each job, and of each turn that falls into a long pass
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        jobs = {
            self._watch: _WATCH_SECONDS,
            self._poll: _POLL_SECONDS,
            self._publish: _PUBLISH_SECONDS,
            self._deliver: _DELIVER_SECONDS,
            self._tidy: _UPKEEP_SECONDS,
            self._back_up: _BACKUP_SECONDS,
            self._hear: _HEAR_SECONDS,
            self._ping: _HEAR_SECONDS,
            self._subscribe: _SUBSCRIBE_SECONDS,
        }
        for job, seconds in jobs.items():
            scheduler.add_job(
                self._survive,
                "interval",
                args=[job],
                seconds=seconds,
                next_run_time=self._clock.now() + timedelta(milliseconds=1),
                id=job.__name__,
            )
        scheduler.start()
        try:
            self._wait(scheduler)
        finally:
            log.info("stopping")
            self._stop.set()
            scheduler.shutdown(wait=True)
            self._engine.close()
        if (fault := self._breaker.fault) is not None and fault.kind in _LASTING:
            raise fault

    def _wait(self, scheduler: BackgroundScheduler) -> None:
        """Until a signal. The scheduler goes by the time of day: set back by a day, it would do nothing for a day."""
        offset = self._offset()
        # A signal that comes just before a wait begins is heard when that wait ends
        while not self._stop.wait(timeout=1):
            if abs(jump := self._offset() - offset) > _JUMP_SECONDS:
                offset += jump
                log.warning("the clock jumped by %+.0f s, or the machine slept: all jobs run now", jump)
                for job in scheduler.get_jobs():
                    job.modify(next_run_time=self._clock.now())

    def _offset(self) -> float:
        """Changes when the time of day is set, or goes on while the machine sleeps."""
        return self._clock.now().timestamp() - self._clock.seconds()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload.set()

    def _survive(self, job: Callable[[], None]) -> None:
        if self._stop.is_set() or (self._breaker.fault is not None and job != self._poll):
            return
        try:
            with faults(self._configuration.database):
                job()
        except StoreError as error:
            if error.kind is None:
                self._complain(job, error)
            else:
                self._breaker.trip(error)
        except AggregatorError as error:
            self._complain(job, error)
        except Exception:
            # A fault in one job must not end the others
            log.exception("%s failed: please report this", job.__name__)
        else:
            self._said.pop(job.__name__, None)

    def _complain(self, job: Callable[[], None], error: AggregatorError) -> None:
        if self._said.get(job.__name__) != error.in_full:
            self._said[job.__name__] = error.in_full
            log.error("%s", error.in_full)

    def _begin(self) -> None:
        """Have the store as the configuration and the hubs need it."""
        with faults(self._configuration.database):
            self._passes.synchronize()
            self._exchange.begin()

    def _poll(self) -> None:
        if self._clock.seconds() < self._rest_until:
            return
        if self._breaker.fault is not None:
            if not self._breaker.recovers():
                return
            # All of it may have been broken off half done
            self._passes.forget()
            self._begin()
        check_place(self._db)
        now = self._clock.now()
        if not is_any_due(self._db, now=now) and not is_any_article_due(self._db, now=now):
            return
        # No source is asked for what could not be stored
        ensure_room(self._configuration.database.parent)
        summary = self._passes.update(self._engine, observer=self._observer)
        self._breaker.forgive()
        if summary.is_offline:
            rest = self._configuration.aggregator.fetch.min_interval.total_seconds()
            self._rest_until = self._clock.seconds() + rest
        log.info(
            "pass over %d sources%s in %.1f s: %d new entries (%d duplicates), %d stories, %d files, %d failed",
            summary.sources,
            ", stopped early," if self._stop.is_set() else "",
            summary.seconds,
            summary.entries_new,
            summary.duplicates,
            summary.stories_new + summary.stories_updated,
            summary.files_written,
            summary.failed,
        )
        if summary.warning:
            log.warning("%s", summary.warning)

    def _hear(self) -> None:
        self._exchange.hear(self._engine, observer=self._observer)

    def _subscribe(self) -> None:
        self._exchange.subscribe()

    def _ping(self) -> None:
        self._exchange.ping()

    def _publish(self) -> None:
        # With hundreds of topics it takes seconds to see that none of them changed
        state, seconds = changes(self._db), self._clock.seconds()
        if state == self._published and seconds < self._publish_again:
            return
        published = publish(self._db, self._configuration, now=self._clock.now())
        if published.files:
            log.info("published %d topics, %d files", published.topics, published.files)
        self._published, self._publish_again = changes(self._db), seconds + _AGE_SECONDS

    def _deliver(self) -> None:
        done = deliver(self._db, self._configuration, clock=self._clock, stop=self._stop)
        if done.sent:
            log.info("deliveries sent: %d", done.sent)
        for receiver, refusal in done.troubles:
            log.warning(
                "%s, %s %s: %s; %s",
                receiver.topic.id,
                receiver.kind,
                receiver.name,
                one_line(refusal.message),
                "given up" if refusal.is_final else "tried again later",
            )

    def _tidy(self) -> None:
        keep = self._configuration.aggregator.storage.keep
        removed = prune_daily(self._db, keep=keep, now=self._clock.now())
        if removed:
            self._passes.forget()
            log.info("removed %d entries older than %s", removed, format_duration(keep))

    def _back_up(self) -> None:
        configuration = self._configuration
        wanted = configuration.aggregator.storage.backup
        if wanted is None or configuration.backups is None:
            return
        made = backup_if_due(
            self._db,
            configuration.database,
            configuration.backups,
            every=wanted.every,
            keep=wanted.keep,
            now=self._clock.now(),
            stop=self._stop,
        )
        if made is not None:
            log.info("backup written: %s (%.1f MB)", made, made.stat().st_size / 1e6)

    def _watch(self) -> None:
        marks = self._file_marks()
        is_steady, self._marks = marks == self._marks, marks
        # One that differs from a moment ago is being written
        if not self._reload.is_set() and (marks == self._loaded or not is_steady):
            return
        self._reload.clear()
        self._loaded = marks
        try:
            self._apply(load(self._configuration.folder, environ=self._environ))
        except ConfigError as error:
            for problem in error.problems:
                log.error("%s", problem)
            log.error("the configuration is wrong: the last good one stays in force")
            return
        self._publish()

    def _apply(self, configuration: Configuration) -> None:
        old, self._published = self._configuration, None
        fixed = [
            ("storage.database", old.database, configuration.database),
            ("output.directory", old.output, configuration.output),
            ("web.listen", old.aggregator.web.listen, configuration.aggregator.web.listen),
        ]
        for name, before, after in fixed:
            if before != after:
                log.warning("%s changed: restart the daemon for it to count", name)
        kept = {topic.id for topic in configuration.topics.topics}
        for topic in old.topics.topics:
            if topic.id not in kept and not topic.token:
                message = (
                    "%s is no topic any more: its feeds stay as they are, and their readers are not told"
                )
                log.warning(message, topic.id)
        # What is published goes where the server looks for it
        configuration = replace(configuration, database=old.database, output=old.output)
        if make_limits(configuration) != make_limits(old):
            self._engine.close()
            self._engine = self._new_engine(configuration)
        self._passes.configure(configuration)
        log.info(
            "configuration loaded: %d sources, %d topics",
            len(configuration.sources),
            len(configuration.topics.topics),
        )

    def _new_engine(self, configuration: Configuration) -> LocalEngine:
        return LocalEngine(make_limits(configuration), clock=self._clock.now)

    def _file_marks(self) -> dict[str, tuple[int, int, int]]:
        """What changes with a file."""
        marks = {}
        for name in _FILES:
            with suppress(OSError):
                found = (self._configuration.folder / name).stat()
                marks[name] = (found.st_mtime_ns, found.st_size, found.st_ino)
        return marks


def _log_failure(harvest: Harvest, _applied: Applied) -> None:
    if (failure := harvest.failure) is not None:
        log.warning("%s: %s; %s", harvest.source, one_line(failure.message), advice(failure.kind))
