"""`python -m connectors.simulators.aiaccount`: start it, say where it listens, serve
until killed.

Here: the command line. Not here: behaviour (api.py, books.py, checks.py).
"""

from argparse import ArgumentParser
from datetime import date
from functools import partial

from connectors.simulators.aiaccount.api import Api
from connectors.simulators.aiaccount.books import Books
from connectors.simulators.aiaccount.kinds import default_companies, default_keys
from connectors.simulators.base.control import options, start


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    given = _parser().parse_args(arguments)
    companies = default_companies(
        name=given.company_name,
        locked_through=given.locked_through,
        quota=given.quota,
        rounding=given.rounding,
    )
    books = Books(
        companies=companies,
        keys=default_keys(),
        dedupe=given.dedupe,
        withhold=given.withhold,
        seed=given.seed,
        receipts_by=given.receipts_by,
    )
    start("aiaccount", given, partial(Api, books, rate=given.rate))


def _parser() -> ArgumentParser:
    parser = options("aiaccount", port=8101)
    parser.add_argument("--company-name", default="Kedai Contoh Sdn Bhd")
    words = "what it compares: numbers and keys, keys alone, or nothing at all"
    compared = ["number+customer", "none", "nothing"]
    parser.add_argument("--dedupe", choices=compared, default="number+customer", help=words)
    words = "what makes two receipts of a customer one: their own number, or the invoice they pay"
    by = ["receipt", "invoice"]
    parser.add_argument("--receipts-by", choices=by, default="receipt", help=words)
    parser.add_argument("--rounding", choices=["per_line", "sum_then_round"], default="per_line")
    parser.add_argument("--locked-through", type=date.fromisoformat, default=None)
    parser.add_argument("--quota", type=int, default=None)
    parser.add_argument("--rate", type=int, default=0, help="calls a minute; 0: as many as come")
    return parser


if __name__ == "__main__":
    main()
