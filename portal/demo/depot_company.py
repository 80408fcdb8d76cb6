"""The second company of `clearpost demo`: a distributor on AutoCount, where people and keys change.

Here: its stand-in, and what happens there step by step. Not here: what is sent
(portal/demo/depot.py), or the tea shop (command.py).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portal.demo.company import Settled, settle
from portal.terminal.command_frame import Office, Stop
from portal.terminal.processes import Children

if TYPE_CHECKING:
    from portal.demo.depot import Record
    from portal.demo.load import Hook


@dataclass(frozen=True, slots=True)
class Depot:
    """The distributor while its processes run."""

    place: Office
    settled: Settled
    target: str
    hook: "Hook"

    def load(self, patience: float) -> None:
        """Send everything, and let happen in AutoCount what people there do."""
        from portal.demo import depot
        from portal.demo.generator import MALAYSIA
        from portal.demo.load import there

        if not self.settled.is_new:
            return
        steps = depot.steps(self.place.now.astimezone(MALAYSIA).date())
        for name, step in (("month", steps.month), ("rest", steps.rest)):
            self._send(name, step)
            self._wait(patience)
        price = [{"unitPrice": depot.BY_HAND_PRICE}]
        there(self.target, "by_hand", number=depot.BY_HAND, details=price)
        self._look(patience)
        self._send("changes", steps.changes)
        self._wait(patience)
        there(self.target, "faults", fault="invalid_key")
        self._send("refused", steps.refused)
        self._wait(patience)

    def _send(self, name: str, records: Sequence["Record"]) -> None:
        raw = json.dumps({"records": records}).encode()
        self.hook.post([(f"evt_{name}", raw)], self.place.now)

    def _look(self, patience: float) -> None:
        """The operator lets the target be read."""
        from holding.reconciliation.reading_plan import read_target
        from holding.runtime import doorbell
        from portal.demo import progress, setup

        company_id, asked = self.settled.company_id, self.place.now
        with self.place.database.write() as session:
            operator = setup.colleague(session, company_id, "operator")
            row = setup.connection(session, company_id, self.settled.sample.target)
            setup.done(read_target(session, operator, row.id, asked))
        doorbell.ring(company_id, "push")
        with _in_time():
            progress.wait_until_read(self.place.database, company_id, asked, patience)

    def _wait(self, patience: float) -> None:
        wait(self.place, self.settled.company_id, patience)


def open_depot(place: Office, address: str, children: Children, home: Path) -> Depot:
    """The distributor with the stand-in of its target; portal and worker run already."""
    from portal.demo import depot

    child = children.start(
        "connectors.simulators.autocount",
        *("--port", "0", "--ledger", str(home / "autocount.ledger"), "--home", str(home)),
        heard=True,
    )
    target = str(child.first_line()["url"])
    settled = settle(place, depot.sample(target))
    return Depot(place, settled, target, settled.hook(place, address, "X-Clearpost"))


def wait(place: Office, company_id: int, patience: float) -> None:
    """Until nothing is due for a company; the command ends if that takes too long."""
    from portal.demo import progress

    with _in_time():
        progress.wait_until_quiet(place.database, place.clock, company_id, patience)


@contextmanager
def _in_time() -> Iterator[None]:
    from portal.demo.progress import StillDueError

    try:
        yield
    except StillDueError as problem:
        raise Stop(str(problem), "clearpost doctor") from problem
