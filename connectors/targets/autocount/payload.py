"""Build the JSON of one document for AutoCount's interface."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from urllib.parse import quote

from connectors.contract import Action, Answer, OutgoingDocument, Payload, Settings
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.calls import base_currency_of
from connectors.kit.preflight import (
    Fault,
    amount_fault,
    decimals_fault,
    first_fault,
    no_rate_fault,
    not_offered,
    rate_fault,
    refused,
)
from connectors.targets.autocount.documents import POSTED
from connectors.transport.strict_json import dumps
from grammar.text.finding_codes import ErrorClass

Json = object  # what strictjson writes: text, bool, int, Decimal, None, lists and mappings of them

Make = Callable[["Body", DocumentSchema, OutgoingDocument, Action, str], dict[str, Json]]

_NUMERIC = frozenset({"decimal", "money", "quantity"})

_NULLED = _NUMERIC | {"date", "productCode", "discount"}  # the others are blank texts there

_NO_TAX_MOVED: Mapping[str, Json] = {"taxAdjustment": 0, "localTaxAdjustment": 0}

_PAYMENT_DEFAULTS: Mapping[str, Json] = {
    "currencyCode": "",  # that of the books
    "currencyRate": 1,
    "journalType": "GENERAL",
}

_PAID_ROW: Mapping[str, Json] = {"toAccountRate": 1, "taxCode": "", "inclusiveTax": True}

JSON = "application/json; charset=utf-8"

TARGET = "AutoCount"

USUAL_DECIMALS = 2
"""Of quantities and prices, where nobody says how many the book keeps: it does not tell that."""

SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in POSTED}

EXPECTED_TOTAL, EXPECTED_PARTS, EXPECTED_TAX = "finalTotal", "subTotal", "tax"

_METHODS: Mapping[Action, str] = {"create": "POST", "update": "PUT", "void": "POST"}

FIELD = "RoundingAdjustment"

_LONGER_TEXT = "FurtherDescription"

FIVE_SEN, ON = "five_sen_rounding", "on"
"""The setting of the connection, as the account book has it, and its value where it rounds."""

_INVOICE, _ROUNDS, _ROUNDING = "invoice", "isRoundAdj", "roundAdj"

A_SEN = Decimal("0.01")

Row = Mapping[str, object]

NAME = "knock_off"

RECEIPT, TOTAL, INVOICE, AMOUNT = "ReceiptNo", "Total", "InvoiceNo", "Amount"

PAID = "PaymentAmt"

_TYPE, _INVOICE_TYPE, _PAYS = "docType", "IV", "OR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """How one document type is written.

    `fills` are AutoCount's own guesses, all turned off: a missing code is an error there.
    """

    path: str
    shape: Make
    fills: tuple[str, ...] = ()
    head: Mapping[str, Json]
    row: Mapping[str, Json]

    def made(
        self,
        schema: DocumentSchema,
        document: OutgoingDocument,
        action: Action,
        base: str,
        *,
        rounded: bool,
    ) -> dict[str, Json]:
        """Return the body of a create or an update. `base` is the currency of the books.

        `rounded`: AutoCount rounds the total to 5 sen itself.
        """
        body = self.shape(self, schema, document, action, base)
        if self.shape is _trade:
            rows = [{**_row(schema.lines, line), **self.row} for line in document.lines]
            body = {**body, "details": moved(document, rows, rounded=rounded)}
        if rounded:
            master = body["master"]
            header = master if isinstance(master, dict) else {}
            body = {**body, "master": {**header, _ROUNDS: True}}
        off = {"autoFillOption": dict.fromkeys(self.fills, False)} if self.fills else {}
        return {**body, **off}

    def fault(
        self, document: OutgoingDocument, base: str, *, rounded: bool
    ) -> tuple[ErrorClass, str] | None:
        """Return a fault that involves several fields and that AutoCount could not post, or
        None.
        """
        if self.shape is _voucher and document.fields.get("KnockOffDocNo"):
            return "business_rule", (
                "AutoCount ties a payment to its invoices by a document of its own: leave"
                " KnockOffDocNo out, and post a knock-off."
            )
        if self.shape is _voucher:
            return amount_fault(document, PAID) or no_rate_fault(document, base, TARGET)
        if self.shape is _knock_off:
            return knock_off_fault(document)
        fault = rate_fault(document, "CurrencyRate", base)
        return fault or (None if rounded else rounding_line_fault(document))


def _voucher(
    body: Body, schema: DocumentSchema, document: OutgoingDocument, action: Action, base: str
) -> dict[str, Json]:
    """Return the body of a payment or receipt: the party's account on one side, the payment method
    on the other.
    """
    paid = {"PaymentMethod", "PaymentAmt", "ChequeNo", "KnockOffDocNo", "KnockOffAmt"}
    fields, amount = document.fields, Decimal(document.fields["PaymentAmt"])
    wire = {field.name: field.wire for field in schema.header}
    words = fields.get("Description", "")
    master = _master(body, schema, document, action, without=paid | {schema.party_field})
    if action == "create":
        master = {**master, "currencyCode": base}
    row = {wire[schema.party_field]: document.party, "description": words, "amount": amount}
    payment: dict[str, Json] = {
        wire["PaymentMethod"]: fields["PaymentMethod"],
        wire["ChequeNo"]: fields.get("ChequeNo", ""),
        "floatDay": 0,
        "bankCharge": 0,
        "toBankRate": 1,
        wire["PaymentAmt"]: amount,
    }
    return {
        "master": {**master, "dealWith": document.party},
        "details": [{**row, **body.row}],
        "paymentDetails": [payment],
    }


def _master(
    body: Body,
    schema: DocumentSchema,
    document: OutgoingDocument,
    action: Action,
    without: frozenset[str] | set[str] = frozenset(),
) -> dict[str, Json]:
    """Return the header.

    An update contains all our fields, also the blank ones, but not the number, which never changes.
    """
    values: dict[str, Json] = {}
    for field in schema.header:
        text = document.fields.get(field.name, "")
        if action == "update":
            left_out = field.name not in document.fields or field.name == schema.number_field
        else:
            left_out = text == ""
        if field.sent and not left_out and field.name not in without:
            values[field.wire] = _value(field, text)
    return values if action == "update" else {**values, **body.head}


def _value(field: FieldSchema, text: str) -> Json:
    if field.type == "yesno":
        return text == "yes"
    if text == "":
        return None if field.type in _NULLED or field.wire in _NULLED else ""
    return Decimal(text) if field.type in _NUMERIC else text


def _knock_off(
    body: Body, schema: DocumentSchema, document: OutgoingDocument, action: Action, _: str
) -> dict[str, Json]:
    """Return the body that links a receipt with the invoices it pays."""
    master = _master(body, schema, document, action, without={RECEIPT})
    return {"master": master, "details": knock_off_rows(schema, document)}


def build(documents: Sequence[OutgoingDocument], settings: Settings, *, action: Action) -> Payload:
    """Build the call for one document.

    A document that AutoCount could never take, or would round, is refused at once.
    """
    if len(documents) != 1:
        raise ValueError("AutoCount takes one document a call")
    (document,) = documents
    base, rounded = base_currency_of(settings), rounds_there(document, settings)
    refusal = preflight(document, action, settings)
    return Payload(
        method=_METHODS[action],
        path="" if refusal else path_of(document, action),
        headers={},
        body=b"" if refusal else dumps(_body(document, action, base, rounded=rounded)),
        content_type=JSON,
        rows={},
        numbers=(document.number,),
        positions={},
        refused={0: refusal} if refusal else {},
        expected={} if refusal else expected(document, rounded=rounded),
    )


def _body(
    document: OutgoingDocument, action: Action, base: str, *, rounded: bool
) -> dict[str, Json]:
    """Return what a call carries; a void has a model of its own, which may be empty."""
    return {} if action == "void" else content(document, action, base, rounded=rounded)


def preflight(document: OutgoingDocument, action: Action, settings: Settings) -> Answer | None:
    """Return why AutoCount could never take this document, or None."""
    schema = SCHEMAS.get(document.document)
    refusal = not_offered(schema, document, action, TARGET)
    if schema is None or refusal or action == "void":
        return refusal
    ties = schema.name == NAME
    of_line = line_fault if ties else partial(_line_fault, document)
    fault = first_fault(schema, document, TARGET, new=action == "create", of_line=of_line)
    fault = fault or decimals_fault(schema, document, settings, usual=USUAL_DECIMALS)
    rounded = rounds_there(document, settings)
    base = base_currency_of(settings)
    fault = fault or BODIES[schema.name].fault(document, base, rounded=rounded)
    return refused(document, *fault) if fault else None


def _line_fault(document: OutgoingDocument, line: Mapping[str, str], where: str) -> Fault | None:
    """Return a fault for a line that AutoCount would accept but drop or change, or None.

    AutoCount drops lines without a quantity or text, and has one location per document.
    """
    place = line.get("Location", "")
    if place not in ("", document.fields.get("Location", "")):
        return "bad_value", f"Location{where} is {place}: AutoCount has one place a document."
    if Decimal(line.get("Qty", "0")) <= 0:
        return "bad_value", f"Qty{where} is not above 0: {line.get('Qty')}."
    if not line.get("ItemCode") and not line.get("DtlDescription"):
        return "missing_field", f"Line {where[9:]} has no ItemCode and no DtlDescription."
    return None


def path_of(document: OutgoingDocument, action: Action) -> str:
    """Return the path of an action, below the account book."""
    place = BODIES[document.document].path
    if action == "create":
        return place
    return f"{place}{'/void' if action == 'void' else ''}?docNo={quote(document.number, safe='')}"


def content(
    document: OutgoingDocument, action: Action, base: str = "", *, rounded: bool = False
) -> dict[str, Json]:
    """Return the JSON for a document.

    Its rows are always complete, so sending it twice gives an equal document.
    """
    schema = SCHEMAS[document.document]
    return BODIES[document.document].made(schema, document, action, base, rounded=rounded)


def rounds_there(document: OutgoingDocument, settings: Settings) -> bool:
    """Check whether AutoCount is to round this document's total to 5 sen.

    It does so where its setting "Invoice 5 Cents Rounding Option" is on and the invoice has
    `isRoundAdj`; it posts the difference to the rounding account.
    """
    return settings.get(FIVE_SEN) == ON and rounds_to_five_sen(document)


def rounds_to_five_sen(document: OutgoingDocument) -> bool:
    """Check whether the rounding of an invoice is what rounding its total to 5 sen gives."""
    adjustment, total = _adjustment(document), Decimal(document.fields.get("FinalTotal") or 0)
    if document.document != _INVOICE or not adjustment:
        return False
    return total == ((total - adjustment) * 20).quantize(Decimal(1), ROUND_HALF_UP) / 20


def expected(document: OutgoingDocument, *, rounded: bool = False) -> dict[str, str]:
    """Return the amounts that AutoCount must compute, by their names in its answer.

    `rounded`: the document's total is rounded to 5 sen.
    """
    amounts = {EXPECTED_TOTAL: document.fields.get("FinalTotal", "")}
    if document.document == _INVOICE:
        amounts[_ROUNDING] = str(_adjustment(document)) if rounded else "0"
    parts = adjustments(document, rounded=rounded)
    for at, (line, part) in enumerate(zip(document.lines, parts, strict=True)):
        amounts[f"{EXPECTED_PARTS}.{at}"] = line.get("SubTotal", "")
        if tax := line.get("TaxAmount", ""):
            moved_tax = Decimal(tax) + part - own_adjustment(document, line)
            amounts[f"{EXPECTED_TAX}.{at}"] = format(moved_tax, "f")
    amounts["currencyCode"] = document.fields.get("CurrencyCode") or document.currency
    return {name: value for name, value in amounts.items() if value != ""}


def moved(
    document: OutgoingDocument, rows: Sequence[Row], *, rounded: bool = False
) -> list[dict[str, object]]:
    """Return the rows with their tax adjustments. Rows without an adjustment stay unchanged."""
    adjusted_rows = []
    for part, row in zip(adjustments(document, rounded=rounded), rows, strict=True):
        rate = Decimal(document.fields.get("CurrencyRate") or 1)
        local = (part * rate).quantize(A_SEN)
        tax = {"taxAdjustment": part, "localTaxAdjustment": local} if part else {}
        adjusted_rows.append({**row, **tax})
    return adjusted_rows


def adjustments(document: OutgoingDocument, *, rounded: bool = False) -> list[Decimal]:
    """Return each line's tax adjustment: its own sen, else a sen of the rounding line.

    If AutoCount rounds the total itself (`rounded`), the rounding line adjusts no tax.
    """
    remaining, step = Decimal(0) if rounded else _adjustment(document), A_SEN
    if remaining < 0:
        step = -step
    parts = []
    for line in document.lines:
        part = own_adjustment(document, line)
        if remaining and not part and _is_taxed(line):
            part = step
            remaining -= part
        parts.append(part)
    return parts


def own_adjustment(document: OutgoingDocument, line: Mapping[str, str]) -> Decimal:
    """Return the tax adjustment of a line, at most one sen; 0 if none is needed or allowed.

    AutoCount computes the line's amount times the rate of its tax code. A larger difference means
    another rate and is not adjusted. A tax-inclusive amount is not adjusted, because its total
    would change.
    """
    amounts = SCHEMAS[document.document].amounts
    rate, tax = Decimal(line.get("TaxRate") or 0), line.get("TaxAmount")
    if (
        amounts is None
        or not amounts.moves
        or not rate
        or not tax
        or document.fields.get("InclusiveTax") == "yes"
    ):
        return Decimal(0)
    computed_tax = (_net(line) * rate).quantize(A_SEN, ROUND_HALF_UP)
    difference = Decimal(tax) - computed_tax
    return difference if abs(difference) <= amounts.moves else Decimal(0)


def _net(line: Mapping[str, str]) -> Decimal:
    """Return quantity times price less the discount, in whole sen.

    The discount is an amount, or a percentage such as `5%`.
    """
    gross = Decimal(line.get("Qty") or 0) * Decimal(line.get("UnitPrice") or 0)
    discount_text = line.get("Discount", "").strip()
    if discount_text.endswith("%"):
        discount = (gross * Decimal(discount_text[:-1]) / 100).quantize(A_SEN, ROUND_HALF_UP)
    else:
        discount = Decimal(discount_text or 0)
    return gross.quantize(A_SEN, ROUND_HALF_UP) - discount


def _adjustment(document: OutgoingDocument) -> Decimal:
    return Decimal(document.fields.get(FIELD) or 0)


def _is_taxed(line: Mapping[str, str]) -> bool:
    """Check whether a line is taxed: by its expected tax, else by whether it has a tax code."""
    if tax := line.get("TaxAmount"):
        return Decimal(tax) != 0
    return bool(line.get("TaxCode"))


def rounding_line_fault(document: OutgoingDocument) -> Fault | None:
    """Return a fault if the rounding difference does not fit into the tax of the lines, else
    None.
    """
    adjustment = abs(_adjustment(document))
    free = [line for line in document.lines if not own_adjustment(document, line)]
    room = A_SEN * sum(_is_taxed(line) for line in free)
    if adjustment <= room and adjustment % A_SEN == 0:
        return None
    words = (
        f"{FIELD} is {document.fields[FIELD]}: AutoCount moves the tax of a line by a sen, and"
        f" {room} fits into the taxed lines of this document."
    )
    return "business_rule", words


def knock_off_rows(schema: DocumentSchema, document: OutgoingDocument) -> list[dict[str, object]]:
    """Return the rows of a knock-off: the invoices in the order of the lines, then the receipt."""
    wire = {field.name: field.wire for field in schema.lines}
    tied = [
        (line[INVOICE], _INVOICE_TYPE, _amount(line)) for line in document.lines if _amount(line)
    ]
    # AutoCount expects debits positive and credits negative, and rows that sum to zero.
    tied.append((document.fields[RECEIPT], _PAYS, -_all(document)))
    return [
        {wire[INVOICE]: number, _TYPE: kind, wire[AMOUNT]: amount} for number, kind, amount in tied
    ]


def _amount(line: Mapping[str, str]) -> Decimal:
    return Decimal(line.get(AMOUNT) or 0)


def _all(document: OutgoingDocument) -> Decimal:
    return sum(map(_amount, document.lines), Decimal(0))


def line_fault(line: Mapping[str, str], where: str) -> Fault | None:
    """Return a fault if a receipt's line has a negative amount, else None."""
    if _amount(line) < 0:
        return "bad_value", f"Amount{where} is below 0: {line[AMOUNT]}."
    return None


def knock_off_fault(document: OutgoingDocument) -> Fault | None:
    """Return a fault if the invoices do not use exactly the receipt's total, else None."""
    paid, total = _all(document), Decimal(document.fields[TOTAL])
    if paid != total:
        return "business_rule", f"The invoices take {paid} of the receipt, Total is {total}."
    return None if paid else ("business_rule", "Nothing of the receipt is tied to any invoice.")


def _trade(
    body: Body, schema: DocumentSchema, document: OutgoingDocument, action: Action, _: str
) -> dict[str, Json]:
    return {"master": _master(body, schema, document, action)}


def _row(fields: Sequence[FieldSchema], values: Mapping[str, str]) -> dict[str, Json]:
    """Return a line's values; a blank field is named, except an optional longer text."""
    return {
        f.wire: _value(f, values.get(f.name, ""))
        for f in fields
        if f.sent and (f.name != _LONGER_TEXT or values.get(f.name))
    }


def _bill(
    body: Body, schema: DocumentSchema, document: OutgoingDocument, action: Action, _: str
) -> dict[str, Json]:
    """Return the body of a bill with one account and one amount: a row of quantity 1, filled from
    the header.
    """
    inner = {"AccNo", "DtlDescription", "TaxCode", "Amount"}
    master = _master(body, schema, document, action, without=inner)
    fields = [field for field in schema.header if field.name in inner]
    return {"master": master, "details": [{**_row(fields, document.fields), **body.row}]}


BODIES: Mapping[str, Body] = {
    "invoice": Body(
        path="/invoice",
        shape=_trade,
        fills=("accNo", "taxCode", "tariffCode", "localTotalCost"),
        head={_ROUNDS: False},
        row=_NO_TAX_MOVED,
    ),
    "credit_note": Body(
        path="/creditNote",
        shape=_trade,
        fills=("accNo", "taxCode", "tariffCode"),
        head={},
        row=_NO_TAX_MOVED,
    ),
    "purchase_order": Body(path="/purchaseOrder", shape=_trade, head={}, row={}),
    "purchase_invoice": Body(path="/purchaseInvoice", shape=_trade, head={}, row={}),
    "ap_invoice": Body(path="/purchaseInvoice", shape=_bill, head={}, row={"qty": 1}),
    "ar_payment": Body(
        path="/receipt",
        shape=_voucher,
        fills=("taxCode", "tariffCode"),
        head={"docType": "OR", **_PAYMENT_DEFAULTS},
        row=_PAID_ROW,
    ),
    "ap_payment": Body(
        path="/payment",
        shape=_voucher,
        fills=("taxCode", "tariffCode"),
        head={"docType": "PV", **_PAYMENT_DEFAULTS},
        row=_PAID_ROW,
    ),
    NAME: Body(
        path="/knockOffEntry",
        shape=_knock_off,
        head={"docNoFormatName": None, "deptNo": ""},
        row={},
    ),
}
"""Every document type that is posted."""
