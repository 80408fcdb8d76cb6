"""Start the AiAccount simulator: `python -m sandbox.simulators.aiaccount`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser
from datetime import date
from functools import partial

from sandbox.simulators.aiaccount.api import Api
from sandbox.simulators.aiaccount.books import Books
from sandbox.simulators.aiaccount.kinds import (
    COMPANY,
    DEMO_KEY,
    FAULTS,
    default_companies,
    default_keys,
)
from sandbox.simulators.base.control import options, start


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    companies = default_companies(
        name=settings.company_name,
        locked_through=settings.locked_through,
        quota=settings.quota,
        rounding=settings.rounding,
    )
    books = Books(
        companies=companies,
        keys=default_keys(),
        dedupe=settings.dedupe,
        withhold=settings.withhold,
        seed=settings.seed,
        receipts_by=settings.receipts_by,
    )
    announcement = {"company_id": COMPANY, "company_name": settings.company_name, "key": DEMO_KEY}
    start(
        "aiaccount", settings, partial(Api, books, rate=settings.rate), announcement, faults=FAULTS
    )


def _parser() -> ArgumentParser:
    parser = options("aiaccount", port=8101)
    words = "what the company of the key is called there (Kedai Contoh Sdn Bhd)"
    parser.add_argument("--company-name", default="Kedai Contoh Sdn Bhd", help=words)
    words = "what it compares: numbers and keys, keys alone, or nothing at all"
    compared = ["number+customer", "none", "nothing"]
    parser.add_argument("--dedupe", choices=compared, default="number+customer", help=words)
    words = "what makes two receipts of a customer one: their own number, or the invoice they pay"
    by = ["receipt", "invoice"]
    parser.add_argument("--receipts-by", choices=by, default="receipt", help=words)
    words = "whether it rounds each line and then adds, or adds and then rounds (per_line)"
    choices = ["per_line", "sum_then_round"]
    parser.add_argument("--rounding", choices=choices, default="per_line", help=words)
    words = "the last day that is locked, as 2026-09-30; left out: no period is"
    parser.add_argument("--locked-through", type=date.fromisoformat, default=None, help=words)
    words = "transactions that its plan has in a month; left out: as many as come"
    parser.add_argument("--quota", type=int, default=None, help=words)
    parser.add_argument("--rate", type=int, default=0, help="calls a minute; 0: as many as come")
    return parser


if __name__ == "__main__":
    main()
