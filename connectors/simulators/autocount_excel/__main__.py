"""`python -m connectors.simulators.autocount_excel`: start it, say where it listens, serve until
killed.

Here: the command line. Not here: behaviour (api.py, books.py, imports.py).
"""

from functools import partial

from connectors.simulators.autocount_excel.api import Desk
from connectors.simulators.autocount_excel.books import Books
from connectors.simulators.base.control import options, start


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    given = options("autocount_excel", port=8106).parse_args(arguments)
    make = partial(Desk, Books(withhold=given.withhold, seed=given.seed))
    start("autocount_excel", given, make, {"key": "", "company_id": ""})  # a person imports there


if __name__ == "__main__":
    main()
