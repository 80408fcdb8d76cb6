"""Start the AutoCount On The Go simulator: `python -m sandbox.simulators.autocount_aotg`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser
from datetime import date, timedelta
from functools import partial

from sandbox.simulators.autocount_aotg.api import Api
from sandbox.simulators.autocount_aotg.books import (
    API_KEY,
    FAULTS,
    PASSWORD,
    USER,
    Books,
    default_books,
)
from sandbox.simulators.base.control import options, start


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    books = Books(
        books=default_books(locked_through=settings.locked_through),
        seconds=settings.seconds,
        crowd_seconds=settings.crowd_seconds,
        token_life=timedelta(seconds=settings.token_seconds),
        withhold=settings.withhold,
        seed=settings.seed,
    )
    announcement = {"company_id": API_KEY[:5], "user_name": USER, "key": f"{PASSWORD}:{API_KEY}"}
    make = partial(Api, books, a_minute=settings.calls_a_minute)
    start("autocount_aotg", settings, make, announcement, faults=FAULTS)


def _parser() -> ArgumentParser:
    parser = options("autocount_aotg", port=8104)
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="how long the account book takes for a request"
    )
    parser.add_argument(
        "--crowd-seconds",
        type=float,
        default=0.0,
        help="how much longer a request waits for each other one of its second",
    )
    words = "how long a token is good for, in seconds (3600)"
    parser.add_argument("--token-seconds", type=float, default=3600.0, help=words)
    words = "calls that are answered in a minute (100000)"
    parser.add_argument("--calls-a-minute", type=int, default=100_000, help=words)
    words = "the last day that is locked, as 2026-09-30; left out: no period is"
    parser.add_argument("--locked-through", type=date.fromisoformat, default=None, help=words)
    return parser


if __name__ == "__main__":
    main()
