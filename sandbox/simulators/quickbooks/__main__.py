"""Start the QuickBooks simulator: `python -m sandbox.simulators.quickbooks`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser
from datetime import date, timedelta
from functools import partial

from sandbox.simulators.base.control import options, start
from sandbox.simulators.quickbooks.api import Api
from sandbox.simulators.quickbooks.books import (
    ACCESS,
    AUTHORIZE,
    CLIENT_ID,
    CLIENT_SECRET,
    REALM,
    REFRESH,
    TOKENS,
    Books,
    default_companies,
)
from sandbox.simulators.quickbooks.faults import FAULTS


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
    key = f"{CLIENT_SECRET}:{REFRESH}-0"
    told = {"company_id": REALM, "client_id": CLIENT_ID, "key": key, "token": f"{ACCESS}-0"}
    told |= {"token_path": TOKENS, "authorization_path": AUTHORIZE}
    make = partial(Api, books, a_minute=given.calls_a_minute)
    start("quickbooks", given, make, told, faults=FAULTS)


def _parser() -> ArgumentParser:
    parser = options("quickbooks", port=8103)
    words = "calls that are answered in a minute (500)"
    parser.add_argument("--calls-a-minute", type=int, default=500, help=words)
    words = "the last day that is closed, as 2026-09-30; left out: nothing is"
    parser.add_argument("--closed-through", type=date.fromisoformat, default=None, help=words)
    words = "for how many hours it knows a request id and repeats its answer (24)"
    parser.add_argument("--remember-hours", type=float, default=24.0, help=words)
    words = "how long an access token is good for, in seconds (3600)"
    parser.add_argument("--token-seconds", type=float, default=3600.0, help=words)
    words = "for how many hours the refresh token before the last one is taken, too (24)"
    parser.add_argument("--stale-hours", type=float, default=24.0, help=words)
    words = "an address that consent may lead back to; may be given more than once"
    parser.add_argument("--redirect", action="append", default=[], help=words)
    return parser


if __name__ == "__main__":
    main()
