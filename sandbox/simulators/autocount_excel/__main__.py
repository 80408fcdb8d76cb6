"""Start the AutoCount Excel import simulator: `python -m sandbox.simulators.autocount_excel`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from functools import partial

from sandbox.simulators.autocount_excel.api import Desk
from sandbox.simulators.autocount_excel.imports import FAULTS, SWITCHES, Books
from sandbox.simulators.base.control import options, start


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    faults = {f"fault {name}": does for name, does in FAULTS.items()}
    switches = {f"POST /_sim/{name}": does for name, does in SWITCHES.items()}
    parser = options("autocount_excel", port=8106, is_called=False, more={**switches, **faults})
    settings = parser.parse_args(arguments)
    make = partial(Desk, Books(withhold=settings.withhold, seed=settings.seed))
    announcement = {"key": "", "company_id": "", "switches": SWITCHES}  # a person imports there
    start("autocount_excel", settings, make, announcement, faults=FAULTS)


if __name__ == "__main__":
    main()
