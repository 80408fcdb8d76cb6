"""`python -m connectors.targets.autocount.simulator`: start it, say where it listens, serve until
killed.

Here: the command line. Not here: behaviour (api.py, books.py, writing.py).
"""

import argparse
from datetime import date
from pathlib import Path

from connectors.kit.clock import MachineClock
from connectors.kit.simulator import Ledger, serve
from connectors.targets.autocount.simulator.api import Api
from connectors.targets.autocount.simulator.books import Books
from connectors.targets.autocount.simulator.data import default_books, default_keys


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    given = _parser().parse_args(arguments)
    books = Books(
        books=default_books(locked_through=given.locked_through),
        keys=default_keys(),
        existing=given.existing,
        withhold=given.withhold,
        seed=given.seed,
    )
    api = Api(
        books,
        Ledger(given.ledger),
        MachineClock(given.home),
        hang=given.hang,
        a_minute=given.calls_a_minute,
    )
    serve("autocount", api.handle, port=given.port, watch_parent=given.watch_parent)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate autocount")
    parser.add_argument("--port", type=int, default=8102)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--existing", choices=["refuse", "overwrite"], default="refuse")
    parser.add_argument("--calls-a-minute", type=int, default=100)
    parser.add_argument("--locked-through", type=date.fromisoformat, default=None)
    parser.add_argument("--withhold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--hang", type=float, default=0.0)
    parser.add_argument("--watch-parent", action="store_true")
    return parser


if __name__ == "__main__":
    main()
