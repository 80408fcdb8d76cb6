"""Play a person at AutoCount desktop: import a file, save a listing, correct a document.

AutoCount itself has no interface here. A ledger line is written before every answer.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.kit.workbook import Written, write
from sandbox.simulators.autocount_excel.imports import (
    FAULTS,
    SHEETS,
    Asked,
    Books,
    Outcome,
    RowRead,
    UnreadableError,
    edited,
    imported,
    rows_of,
)
from sandbox.simulators.base import control
from sandbox.simulators.base.control import ControlError, Deed, StandIn, done, given_of, plain
from sandbox.simulators.base.server import Reply, Request

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EFFECTS: Final = {"New": "created", "Update": "updated"}
_TITLES: Final = {"DebtorCode": "Debtor Code", "CreditorCode": "Creditor Code"}


class Desk(StandIn[Books]):
    """AutoCount desktop with a person before it."""

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """`POST /desktop/import` with a workbook, `GET /desktop/listing`, `GET /desktop/items`."""
        if (request.method, request.path) == ("GET", "/desktop/items"):
            return _workbook(_items(self.books)), False
        kind = request.query.get("type", "")
        if kind not in SHEETS:
            return _refused(404, f"No import of this type; known: {', '.join(SHEETS)}"), False
        match request.method, request.path:
            case "POST", "/desktop/import":
                return self._import(request, kind, request_id), False
            case "GET", "/desktop/listing":
                return _workbook(_listing(self.books, kind)), False
            case _:
                return _refused(404, "Not a thing that this person does"), False

    def _import(self, request: Request, kind: str, request_id: str) -> Reply:
        """Import a file's rows as a person would: paste the rows, edit them where planned, and
        press Import.
        """
        import_run = Asked(
            type=kind,
            user=request.query.get("user", "siti"),
            auto_create=request.query.get("auto_create") == "1",
        )
        try:
            mapped = [
                pair.split(":") for pair in request.query.get("template", "").split(",") if pair
            ]
            names = [column.name for column in SHEETS[kind].columns]
            read = rows_of(request.body, names, dict(mapped))
        except UnreadableError as error:
            return _refused(400, str(error))
        rows = list(edited(read, self.books.edits))
        planned = self._planned(rows)
        faults = {number: fault for number, (fault, _) in planned.items()}
        outcome = imported(self.books, import_run, rows, faults)
        self._note(request, import_run, outcome, request_id, planned)
        summary = {
            "file": request.query.get("file", ""),
            "rows": outcome.rows,
            "imported_by": import_run.user,
            "imported_at": self.now().isoformat(),
        }
        return Reply(status=200, content=summary)

    def _planned(self, rows: list[RowRead]) -> dict[str, tuple[str, bool | str]]:
        """Number -> the fault that its document meets, and how the plan has it: those for a number
        first, else the next of all.
        """
        waiting = list(self.books.faults)
        faults_by_number: dict[str, tuple[str, bool | str]] = {}
        for number in dict.fromkeys(row.values.get("DocNo", "") for row in rows):
            if planned_faults := self.books.by_number.get(number):
                faults_by_number[number] = (planned_faults[0], number)
            elif waiting:
                faults_by_number[number] = (waiting.pop(0), True)
        return faults_by_number

    def _note(
        self,
        request: Request,
        import_run: Asked,
        outcome: Outcome,
        request_id: str,
        planned: Mapping[str, tuple[str, bool | str]],
    ) -> None:
        """Write an import's ledger lines to the disk at once."""
        shared_fields = {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": "import",
            "type": import_run.type,
            "user": import_run.user,
            "file": request.query.get("file", ""),
            "file_sha256": hashlib.sha256(request.body).hexdigest(),
        }
        documents = [
            {
                **shared_fields,
                "effect": _EFFECTS[state],
                "number": stands["number"],
                "party": stands["party"],
                "total": stands["total"],
                "stands": stands,
            }
            for state, stands in outcome.documents
        ]
        first = {**shared_fields, "effect": "import", "rows": outcome.rows, "made": outcome.made}
        faults = [
            {**shared_fields, "effect": "fault", "number": number, "fault": fault, "planned": plan}
            for number, (fault, plan) in planned.items()
        ]
        self.write(first, *faults, *documents)


class Control(control.Control[Books]):
    """The control calls of AutoCount desktop."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the state with all documents and each item's stock, also by location."""
        if what == "stock":
            return {what: stocked(self.books), "by_location": stocked_by_location(self.books)}
        if what != "documents":
            return super().shown(what)
        return {what: [plain(document) for document in self.books.documents.values()]}

    def deeds(self) -> Mapping[str, Deed]:
        """Return the acts by hand: correct or enter a document."""
        return {"by_hand": self._by_hand}

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Change a document in AutoCount by hand, or enter a new one.

        `type`, `number`, and any of `date`, `party`, `total`.
        """
        body = given_of(request)
        kind, number = str(body.get("type", "invoice")), str(body.get("number", ""))
        if kind not in SHEETS or not number:
            raise ControlError("A document has a type and a number")
        stands: dict[str, Any] = {
            "type": kind,
            "number": number,
            "currency": "MYR",
            **(self.books.documents.get((kind, number.casefold())) or {}),
        }
        stands |= {name: str(body[name]) for name in ("date", "party", "total") if name in body}
        if not {"date", "party", "total"} <= stands.keys():
            raise ControlError("A new document needs date, party and total")
        self.note(request_id, "by_hand", type=kind, number=number, effect="by_hand", stands=stands)
        return done("by_hand", number=number)


_MOVES = {"invoice": -1, "delivery_order": -1, "goods_received_note": 1, "credit_note": 1}


def stocked(books: Books) -> dict[str, str]:
    """Return each item's stock change in its base unit, as text.

    Invoices and delivery orders count below 0, goods received notes above; credit notes add what
    returned. A changed rate also applies to earlier documents, as in AutoCount.
    """
    stock: dict[str, Decimal] = defaultdict(Decimal)
    for _, code, quantity in _moved(books):
        stock[code] += quantity
    return _told(stock)


def stocked_by_location(books: Books) -> dict[str, dict[str, str]]:
    """Return the stock change by location: the row's, else the document's, else blank."""
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for location, code, quantity in _moved(books):
        stock[location][code] += quantity
    return {at: changes for at, of in sorted(stock.items()) if (changes := _told(of))}


def _moved(books: Books) -> Iterator[tuple[str, str, Decimal]]:
    """Yield location, item and quantity of each row that moves stock."""
    for (kind, _), document in books.documents.items():
        for row in document.get("rows", ()) if kind in _MOVES else ():
            code, unit = row.get("ItemCode", ""), row.get("UOM", "")
            rate = books.masters.items.get(code, {}).get(unit)
            if rate is not None and (kind != "credit_note" or row.get("GoodsReturn") == "T"):
                of_all = row.get("SalesLocation") or row.get("PurchaseLocation", "")
                yield row.get("Location") or of_all, code, Decimal(row["Qty"]) * rate * _MOVES[kind]


def _told(stock: Mapping[str, Decimal]) -> dict[str, str]:
    return {code: format(n.normalize(), "f") for code, n in sorted(stock.items()) if n}


def _items(books: Books) -> bytes:
    """Return the list of items as AutoCount saves it: a row for each unit, with its rate."""
    rows: list[list[Written]] = [["Item Code", "Description", "UOM", "Rate", "Active"]]
    rows += [
        [code, code.title(), unit, rate, "T"]
        for code, units in sorted(books.masters.items.items())
        for unit, rate in units.items()
    ]
    return write("Items", rows)


def _workbook(content: bytes) -> Reply:
    return Reply(status=200, content=content, headers={"Content-Type": XLSX})


def _listing(books: Books, kind: str) -> bytes:
    """Return the listing as AutoCount saves it: a title, then the columns."""
    party = _TITLES[SHEETS[kind].party]
    rows: list[list[Written]] = [
        [f"{kind.replace('_', ' ').title()} Listing"],
        ["Doc. No.", "Date", party, "Currency", "Net Total"],
    ]
    rows += [
        [
            str(document["number"]),
            date.fromisoformat(document["date"]),
            str(document["party"]),
            str(document["currency"]),
            Decimal(document["total"]),
        ]
        for (type_, _), document in sorted(books.documents.items())
        if type_ == kind
    ]
    return write("Listing", rows)


def _refused(status: int, message: str) -> Reply:
    return Reply(status=status, content={"error": message})
