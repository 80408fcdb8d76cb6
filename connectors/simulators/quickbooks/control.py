"""What the control API of the simulator has for QuickBooks alone: what a person would do there.

Here: showing documents, changing or deleting one by hand, typing one. Not here: the rest of
`/_sim/…` (simulators/base/control.py), anything the real interface offers.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.simulators.base import control
from connectors.simulators.base.control import ControlError, Deed, Given, done, given_of
from connectors.simulators.base.server import Reply, Request
from connectors.simulators.quickbooks.books import REALM, Books, Company, Place, Shown
from connectors.simulators.quickbooks.kinds import BY_ENTITY, Kind
from connectors.simulators.quickbooks.writes import Job, Outcome, decide, told, touched, worked_out


class Control(control.Control[Books]):
    """The control calls of QuickBooks."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Documents, too, with the entity of each."""
        if what == "stock":
            return {what: stocked(self.books.documents)}
        if what != "documents":
            return super().shown(what)
        return {
            what: [
                {"entity": entity, **self.books.shown(realm, entity, found)}
                for (realm, entity, _), found in self.books.documents.items()
            ]
        }

    def deeds(self) -> Mapping[str, Deed]:
        """A document is changed or deleted, or typed."""
        return {"by_hand": self._by_hand, "typed": self._typed}

    def check(self, act: str, given: Given) -> None:  # noqa: ARG002
        """The company that is meant is there."""
        if str(given.get("company", REALM)) not in self.books.companies:
            raise ControlError("No such company")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Somebody changes a document in QuickBooks' own pages, or deletes it.

        `entity` (Invoice), `number`, and any of `fields`, `lines` (merged, by place), `rows` (how
        many stay), `deposited`, `delete`.
        """
        given = given_of(request)
        kind = BY_ENTITY.get(str(given.get("entity", "Invoice")))
        realm = str(given.get("company", REALM))
        found = [
            one
            for one in (self.books.of(realm, kind.entity) if kind else ())
            if kind and one.get(kind.number) == given.get("number")
        ]
        if kind is None or not found:
            raise ControlError("No such document")
        made = touched(
            _changed(self.books.companies[realm], kind, found[0], given), self.stand_in.now()
        )
        effect = "deleted" if given.get("delete") else "by_hand"
        outcome = Outcome(effect=effect, stands=made)
        self.note(request_id, "by_hand", company=realm, **told(kind, outcome))
        return done("by_hand")

    def _typed(self, request: Request, request_id: str) -> Reply:
        """Somebody types a document in QuickBooks' own pages: `entity` (Invoice) and its `body`."""
        given = given_of(request)
        kind = BY_ENTITY.get(str(given.get("entity", "Invoice")))
        if kind is None:
            raise ControlError("No such kind of document")
        realm, body = str(given.get("company", REALM)), given.get("body")
        sent = body if isinstance(body, dict) else {}
        job = Job(kind=kind, company=self.books.companies[realm], sent=sent)
        made = decide(self.books, job, self.stand_in.now())
        if made.stands is None:
            raise ControlError(made.problem.detail if made.problem else "Nothing was typed")
        self.note(request_id, "by_hand", company=realm, **told(kind, made))
        return done("typed", id=made.stands["Id"])


def _changed(company: Company, kind: Kind, stands: Shown, given: Given) -> dict[str, Any]:
    lines = [dict(one) for one in stands["Line"] if one.get("DetailType") != "SubTotalLineDetail"]
    for at, change in enumerate(given.get("lines", ())):
        inner = {kind.detail: {**lines[at].get(kind.detail, {}), **change.get(kind.detail, {})}}
        lines[at] = {**lines[at], **change, **(inner if kind.detail else {})}
    del lines[int(given.get("rows", len(lines))) :]
    made = {**stands, **given.get("fields", {}), "Line": lines}
    if "deposited" in given:
        made["_deposited"] = bool(given["deposited"])
    return worked_out(company, kind, made)


_WAYS = {"Invoice": -1, "SalesReceipt": -1, "CreditMemo": 1, "RefundReceipt": 1}


def stocked(documents: Mapping[Place, Shown]) -> dict[str, dict[str, str]]:
    """What the documents have done to the quantity on hand of each item: company -> item id -> what
    came or went (below 0), as text; without what evens out.

    Sales take it away, credit memos and refunds put it back; a void left zeros. A line has no unit.
    """
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for (realm, entity, _), found in documents.items():
        for line in found.get("Line", ()) if entity in _WAYS else ():
            sold = line.get("SalesItemLineDetail") or {}
            item = (sold.get("ItemRef") or {}).get("value")
            if item:
                stock[realm][str(item)] += _WAYS[entity] * Decimal(sold.get("Qty") or 0)
    return {
        realm: {code: format(n.normalize(), "f") for code, n in of.items() if n}
        for realm, of in stock.items()
    }
