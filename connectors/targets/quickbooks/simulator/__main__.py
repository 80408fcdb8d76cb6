"""`python -m connectors.targets.quickbooks.simulator`: start it, say where it listens, serve until
killed.

Here: the command line. Not here: behaviour (api.py, books.py, writing.py).
"""

import argparse
from datetime import date, timedelta
from pathlib import Path

from connectors.kit.clock import MachineClock
from connectors.kit.simulator import Ledger, serve
from connectors.targets.quickbooks.simulator.api import Api
from connectors.targets.quickbooks.simulator.books import Books
from connectors.targets.quickbooks.simulator.data import default_companies


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    given = _parser().parse_args(arguments)
    books = Books(
        companies=default_companies(closed_through=given.closed_through),
        remember=timedelta(hours=given.remember_hours),
        token_life=timedelta(seconds=given.token_seconds),
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
    serve("quickbooks", api.handle, port=given.port, watch_parent=given.watch_parent)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate quickbooks")
    parser.add_argument("--port", type=int, default=8103)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--calls-a-minute", type=int, default=500)
    parser.add_argument("--closed-through", type=date.fromisoformat, default=None)
    parser.add_argument("--remember-hours", type=float, default=24.0)
    parser.add_argument("--token-seconds", type=float, default=3600.0)
    parser.add_argument("--withhold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--hang", type=float, default=0.0)
    parser.add_argument("--watch-parent", action="store_true")
    return parser


if __name__ == "__main__":
    main()
