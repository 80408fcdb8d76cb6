"""What the control API of the simulator has for AiAccount alone: what a person would do there.

Here: showing documents and what is parked, importing by hand. Not here: the rest of
`/_sim/…` (simulators/base/control.py), anything the real AiAccount offers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from connectors.simulators.aiaccount.books import Books
from connectors.simulators.aiaccount.kinds import INVOICES, KINDS, REFUNDS, RESTOCKS, Company
from connectors.simulators.aiaccount.requests import Unreadable, opened
from connectors.simulators.aiaccount.writes import Job, post
from connectors.simulators.base import control
from connectors.simulators.base.control import ControlError, Deed, Given
from connectors.simulators.base.server import Reply, Request


class Control(control.Control[Books]):
    """The control calls of AiAccount."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Documents and parked pushes, too."""
        if what == "stock":
            return {what: stocked(self.books.documents, self.books.companies)}
        if what == "documents":
            return {what: self.books.documents}
        if what == "cached":
            return {what: [{"cache_id": one, **told} for one, told in self.books.cached.items()]}
        return super().shown(what)

    def deeds(self) -> Mapping[str, Deed]:
        """A workbook is imported."""
        return {"by_hand": self._by_hand}

    def check(self, act: str, given: Given) -> None:
        """The company and the key that are meant are there."""
        if given.get("company", "CMP-1042") not in self.books.companies:
            raise ControlError("No such company")
        if act == "pause" and given.get("key") not in self.books.keys:
            raise ControlError("No such key")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Somebody imports a workbook by hand beside the API: nothing compares it with what is
        there.
        """
        kind = KINDS.get(request.query.get("type", "sales_invoice"))
        if kind is None:
            raise ControlError("No such type")
        body = opened(request.body, "xlsx", kind)
        if isinstance(body, Unreadable):
            raise ControlError(body.message)
        job = Job(
            call="by_hand",
            kind=kind,
            company=request.query.get("company", "CMP-1042"),
            key="",
            content=request.body,
            documents=body.documents,
            rows=body.rows,
            request_id=request_id,
            as_import=True,
        )
        dedupe, self.books.dedupe = self.books.dedupe, "none"
        result = post(self.books, job, self.stand_in.now())
        self.books.dedupe = dedupe
        self.stand_in.write(*result.lines)
        return Reply(status=result.status, content=result.content)


def _moves(found: Mapping[str, Any]) -> int:
    """Whether what a document names went (-1), came back (1), or stayed (0)."""
    if found["type"] == INVOICES.name:
        return -1
    back = found["document"].get("SourceRefundStatus") == RESTOCKS
    return 1 if found["type"] == REFUNDS.name and back else 0


def stocked(
    documents: Iterable[Mapping[str, Any]], companies: Mapping[str, Company]
) -> dict[str, dict[str, str]]:
    """What the invoices have taken out of the stock of each SKU, less what refunds brought back, in
    companies that keep stock: company -> SKU -> what went, below 0, as text.

    The unit of a row is stored as text and never converted.
    """
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for found in documents:
        sign = _moves(found) if companies[found["company"]].inventory_enabled else 0
        for line in found["document"].get("lines", ()) if sign else ():
            if line.get("SKU"):
                stock[found["company"]][str(line["SKU"])] += sign * Decimal(str(line["Quantity"]))
    return {
        company: {code: format(n.normalize(), "f") for code, n in of.items() if n}
        for company, of in stock.items()
    }
