"""`python -m connectors.simulators.quickbooks`: start it, say where it listens, serve until
killed.

Here: the command line. Not here: behaviour (api.py, books.py, writes.py).
"""

from argparse import ArgumentParser
from datetime import date, timedelta
from functools import partial

from connectors.simulators.base.control import options, start
from connectors.simulators.quickbooks.api import Api
from connectors.simulators.quickbooks.books import Books, default_companies


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    given = _parser().parse_args(arguments)
    books = Books(
        companies=default_companies(closed_through=given.closed_through),
        remember=timedelta(hours=given.remember_hours),
        token_life=timedelta(seconds=given.token_seconds),
        stale_life=timedelta(hours=given.stale_hours),
        withhold=given.withhold,
        seed=given.seed,
        redirects=given.redirect,
    )
    start("quickbooks", given, partial(Api, books, a_minute=given.calls_a_minute))


def _parser() -> ArgumentParser:
    parser = options("quickbooks", port=8103)
    parser.add_argument("--calls-a-minute", type=int, default=500)
    parser.add_argument("--closed-through", type=date.fromisoformat, default=None)
    parser.add_argument("--remember-hours", type=float, default=24.0)
    parser.add_argument("--token-seconds", type=float, default=3600.0)
    parser.add_argument("--stale-hours", type=float, default=24.0)
    parser.add_argument("--redirect", action="append", default=[])
    return parser


if __name__ == "__main__":
    main()
