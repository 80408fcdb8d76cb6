"""`python -m connectors.simulators.autocount`: start it, say where it listens, serve until
killed.

Here: the command line. Not here: behaviour (api.py, books.py, writes.py).
"""

from argparse import ArgumentParser
from datetime import date
from functools import partial

from connectors.simulators.autocount.api import Api
from connectors.simulators.autocount.books import Books, default_books, default_keys
from connectors.simulators.base.control import options, start


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
    start("autocount", given, partial(Api, books, a_minute=given.calls_a_minute))


def _parser() -> ArgumentParser:
    parser = options("autocount", port=8102)
    parser.add_argument("--existing", choices=["refuse", "overwrite"], default="refuse")
    parser.add_argument("--calls-a-minute", type=int, default=100)
    parser.add_argument("--locked-through", type=date.fromisoformat, default=None)
    return parser


if __name__ == "__main__":
    main()
