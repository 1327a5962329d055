"""`python -m benchmarks [passes|clients|ledger|publish]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import http_clients, ledger, origin, passes, publications, rivals


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
    store = commands.add_parser("ledger", help="cost of a new entry as the store grows")
    store.add_argument("--sizes", type=_numbers, default=(10_000, 100_000, 1_000_000), metavar="N,N,…")
    store.add_argument(
        "--a-day", type=int, default=700, metavar="N", help="new entries a day, which fill the window"
    )
    store.add_argument("--at-once", type=int, default=1000, metavar="N", help="new entries in a pass")
    store.add_argument("--passes", type=int, default=5, metavar="N")
    store.add_argument("--outlets", type=int, default=100, metavar="N", help="sources that bring them")
    store.add_argument("--topics", type=int, default=3, metavar="N")
    store.add_argument("--scratch", type=Path, help="folder for the stores, by default a temporary one")
    store.set_defaults(run=ledger.measure)
    publish = commands.add_parser("publish", help="what it takes to publish many topics")
    publish.add_argument("--entries", type=int, default=200_000, metavar="N")
    publish.add_argument("--topics", type=int, default=500, metavar="N")
    publish.add_argument("--items", type=int, default=50, metavar="N", help="stories in each topic")
    publish.add_argument(
        "--days", type=int, default=30, metavar="N", help="over which the entries are spread"
    )
    publish.add_argument("--scratch", type=Path, help="folder for the store, by default a temporary one")
    publish.set_defaults(run=publications.measure)
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    """Read the command line and run one benchmark."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments.insert(0, "passes")
    options = _parser().parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
