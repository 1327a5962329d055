"""`python -m benchmarks [passes|clients]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import http_clients, origin, passes, rivals


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--origin", type=Path, default=origin.DEFAULT_ORIGIN, help="path of origin.py")
    common.add_argument(
        "--cache", type=Path, default=rivals.default_cache(), help="where rivals are installed"
    )
    common.add_argument("--rounds", type=int, default=3, choices=range(1, 100), metavar="N")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and memory, measured.")
    commands = parser.add_subparsers(dest="command", required=True)
    clients = commands.add_parser("clients", parents=[common], help="HTTP clients compared")
    clients.set_defaults(run=http_clients.compare)
    ours = commands.add_parser(
        "passes", parents=[common], help="this program next to lemon24/reader (default)"
    )
    ours.add_argument("--feeds", type=int, default=1000)
    ours.add_argument("--ours", default=str(Path(sys.executable).with_name("aggregator")), help="our command")
    ours.add_argument("--scratch", type=Path, help="folder for the states, by default a temporary one")
    ours.set_defaults(run=passes.compare)
    return parser


def main() -> None:
    """Read the command line and run one benchmark."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments.insert(0, "passes")
    options = _parser().parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
