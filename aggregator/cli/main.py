"""The command `aggregator`: its options, the list of its commands, and what an error looks like.

The file of a command is imported when it is called, so that none waits for what the others need.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from aggregator import __version__
from aggregator.cli.output import counted
from aggregator.cli.session import Session
from aggregator.disk import file_advice
from aggregator.errors import AggregatorError, ConfigError, UsageError

_COMMANDS = {
    "init": ("setup", "Write a commented starter configuration."),
    "check": ("setup", "Check the configuration."),
    "update": ("passes", "Fetch what is due, store it, publish what changed."),
    "run": ("serve", "Run as a daemon: fetch, publish and serve until stopped."),
    "demo": ("serve", "Show the whole program on bundled sample sources."),
    "publish": ("passes", "Write the publications again from the store."),
    "serve": ("serve", "Serve the published folder only."),
    "sources": ("sources", "List and edit the sources."),
    "topics": ("topics", "List the topics and try their rules."),
    "stories": ("stories", "List the stories and edit them."),
    "entries": ("entries", "List the stored entries."),
    "cluster": ("cluster", "Group the entries of a file into stories, without a store."),
    "explain": ("explain", "Say why a story holds its entries and is in its topics."),
    "status": ("health", "Show the health of sources, passes and store."),
    "backup": ("health", "Copy the database while others use it."),
    "schema": ("setup", "Write the JSON Schemas of the configuration."),
}
"""Name → file beside this one, and its line in the help, which needs no import that way."""


class Program(click.Group):
    """All commands; called, it ends the process with the exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's)
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"aggregator.cli.{_COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0], _COMMANDS, n=1)
            ctx.fail(f"there is no command {args[0]!r}" + (f", did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's)
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *_positional: Any, **extra: Any) -> Any:
        """Run a command line. Exit status: 0 done, 1 the work failed, 2 command line or configuration."""
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        _open_streams()
        extra |= {"prog_name": "aggregator", "standalone_mode": False}
        try:
            status = super().main(args, **extra)
            sys.stdout.flush()
        except (click.Abort, KeyboardInterrupt):
            status = 130
        except BrokenPipeError:
            # Whoever reads has enough; what is left must not be written at exit either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 1
        except click.ClickException as error:
            status = _refuse(error)
        except Exception as error:
            if "--debug" in args:
                traceback.print_exc()
            status = _complain(error)
        sys.exit(status or 0)


def _open_streams() -> None:
    """Whoever starts the program may have closed its streams, or use a terminal without most letters."""
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _refuse(error: click.ClickException) -> int:
    """Say what is wrong with the command line; returns the exit status."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    _say(error.format_message(), f"`{context.command_path} --help` shows what it takes" if context else None)
    return error.exit_code


def _complain(error: Exception) -> int:
    """Say what failed and what to do about it; returns the exit status."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            click.echo(problem, err=True)
        _say(f"the configuration is wrong ({counted(len(error.problems), 'problem')})", error.hint)
    elif isinstance(error, AggregatorError):
        _say(error.message, error.hint)
    elif isinstance(error, OSError) and error.strerror:
        _say(
            f"{error.filename}: {error.strerror}" if error.filename else error.strerror,
            f"{file_advice(error)}; --debug shows where this happened",
        )
    else:
        # A fault of ours: whoever only runs the program is spared the traceback until they ask for it
        _say(
            f"{type(error).__name__}: {error}",
            "this is a fault of the program: please report what --debug shows",
        )
    return 2 if isinstance(error, (ConfigError, UsageError)) else 1


def _say(message: str, hint: str | None) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    "folder",
    type=click.Path(path_type=Path),
    envvar="AGGREGATOR_CONFIG",
    default=Path("config"),
    metavar="DIR",
    help="Folder of the configuration. [default: $AGGREGATOR_CONFIG, else config]",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, folder: Path, debug: bool) -> None:  # noqa: ARG001 (read in Program.main)
    """Read feeds, group what they report into stories, publish one curated feed a topic."""
    ctx.obj = Session(folder)
