"""Start the AutoCount simulator: `python -m sandbox.simulators.autocount`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser
from datetime import date
from functools import partial

from sandbox.simulators.autocount.api import FAULTS, Api
from sandbox.simulators.autocount.books import BOOK, DEMO_KEY, Books, default_books, default_keys
from sandbox.simulators.base.control import options, start


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    books = Books(
        books=default_books(locked_through=settings.locked_through),
        keys=default_keys(),
        existing=settings.existing,
        withhold=settings.withhold,
        seed=settings.seed,
    )
    announcement = {"company_id": BOOK, "key_id": DEMO_KEY[0], "key": DEMO_KEY[1]}
    make = partial(Api, books, a_minute=settings.calls_a_minute)
    start("autocount", settings, make, announcement, faults=FAULTS)


def _parser() -> ArgumentParser:
    parser = options("autocount", port=8102)
    words = "what it does to a document whose number is there already (refuse)"
    choices = ["refuse", "overwrite"]
    parser.add_argument("--existing", choices=choices, default="refuse", help=words)
    words = "calls that are answered in a minute (100)"
    parser.add_argument("--calls-a-minute", type=int, default=100, help=words)
    words = "the last day that is locked, as 2026-09-30; left out: no period is"
    parser.add_argument("--locked-through", type=date.fromisoformat, default=None, help=words)
    return parser


if __name__ == "__main__":
    main()
