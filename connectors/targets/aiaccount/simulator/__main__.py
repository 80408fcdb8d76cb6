"""`python -m connectors.targets.aiaccount.simulator`: start it, say where it listens, serve
until killed.

Here: the command line. Not here: behaviour (api.py, books.py, checks.py).
"""

import argparse
from datetime import date
from pathlib import Path

from connectors.kit.clock import MachineClock
from connectors.kit.simulator import Ledger, serve
from connectors.targets.aiaccount.simulator.api import Api
from connectors.targets.aiaccount.simulator.books import Books
from connectors.targets.aiaccount.simulator.data import default_companies, default_keys


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
    clock = MachineClock(given.home)
    api = Api(books, Ledger(given.ledger), clock, hang=given.hang, rate=given.rate)
    serve("aiaccount", api.handle, port=given.port, watch_parent=given.watch_parent)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate aiaccount")
    parser.add_argument("--port", type=int, default=8101)
    parser.add_argument("--ledger", type=Path, required=True)
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
    parser.add_argument("--withhold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--hang", type=float, default=0.0)
    parser.add_argument("--rate", type=int, default=0, help="calls a minute; 0: as many as come")
    parser.add_argument("--watch-parent", action="store_true")
    return parser


if __name__ == "__main__":
    main()
