"""Build QuickBooks' JSON of a document, alone or in a batch, and compare it with the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.contract import (
    Action,
    Answer,
    Kept,
    OutgoingDocument,
    Payload,
    Settings,
    Stands,
)
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.calls import LISTED
from connectors.kit.preflight import (
    Fault,
    amount_fault,
    currency_fault,
    first_fault,
    not_offered,
    rate_fault,
    refused,
)
from connectors.targets.quickbooks.documents import POSTED
from connectors.transport.strict_json import dumps
from grammar.text.characters import grouped

Json = dict[str, Any]

Names = Mapping[str, str]  # the number of what a payment pays, by its id there

Definitions = Mapping[str, str]
"""The DefinitionId of each custom field of the company, by its name."""

CUSTOM_FIELD, TAX_CODE = "custom_field", "tax_code"  # the kinds under which they are listed

SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in POSTED}

_NUMERIC = frozenset({"decimal", "money", "quantity"})

_OF_LINE = frozenset({"Amount", "Description"})  # the other fields of a line stand in its detail

_LINKED, _PREFIX = "Line.LinkedTxn.TxnId", "CustomField."

_BOUGHT, _SOLD = "AccountBasedExpenseLineDetail", "SalesItemLineDetail"

_TAX_MODE, _TAX_DETAIL = "GlobalTaxCalculation", "TxnTaxDetail"

_INCLUSIVE, _GROSS = "TaxInclusive", "TaxInclusiveAmt"

_PRICE_STEP = Decimal("0.0000001")  # QuickBooks shows prices of at most seven places


@dataclass(frozen=True, slots=True)
class Entity:
    """One document type there: its name, its path, the shape of its lines; or what it pays."""

    name: str
    path: str
    detail: str = _SOLD
    pays: str = ""


ENTITIES: Mapping[str, Entity] = {
    "invoice": Entity("Invoice", "invoice"),
    "credit_memo": Entity("CreditMemo", "creditmemo"),
    "refund_receipt": Entity("RefundReceipt", "refundreceipt"),
    "sales_receipt": Entity("SalesReceipt", "salesreceipt"),
    "payment": Entity("Payment", "payment", "", "invoice"),
    "bill": Entity("Bill", "bill", _BOUGHT),
    "bill_payment": Entity("BillPayment", "billpayment", "", "bill"),
}

BY_PATH: Mapping[str, str] = {entity.path: name for name, entity in ENTITIES.items()}

BY_ENTITY: Mapping[str, str] = {entity.name: name for name, entity in ENTITIES.items()}

NOTE = "PrivateNote"

CUSTOM = "CustomField"

TERM, DATE, DUE = "SalesTermRef", "TxnDate", "DueDate"
"""Our names of the terms, of the date that they begin with and of the day that they come to where
none is given, and its own."""

JSON = "application/json"

TARGET = "QuickBooks"

EXPECTED, TAX = "TotalAmt", "TotalTax"

BATCH, ITEMS = "/batch", "BatchItemRequest"

MOST = 10  # Intuit's own page; older ones say 30

MOST_LINES = 750  # Intuit's page of the invoice: lines of a document that is taxed

VOID = "?operation=void"

_SEN = Decimal("0.01")

A_SEN = Decimal("0.01")


def number_field(schema: DocumentSchema) -> str:
    """Return QuickBooks' name of the field that holds our document number."""
    return next(f.wire for f in schema.header if f.name == schema.number_field)


def content(
    document: OutgoingDocument, *, blanks: bool, definitions: Definitions | None = None
) -> Json:
    """Return a document's JSON for QuickBooks. With `blanks`, our empty fields are included as
    null.

    A payment names the document it pays by our number. Just before sending, QuickBooks' id replaces
    it.
    """
    schema, entity = SCHEMAS[document.document], ENTITIES[document.document]
    body: Json = {}
    for field in schema.header:
        text = document.fields.get(field.name, "")
        if field.sent and (text or (blanks and field.name in document.fields)):
            name = _custom_name(field)
            if not name:
                _put(body, field, _value(field, text))
            elif text or name in (definitions or {}):
                body.setdefault(CUSTOM, []).append(_custom(name, text, definitions or {}))
    if entity.detail:
        inclusive = _is_inclusive(document)
        body["Line"] = [
            _line(schema, entity, net_line(line) if inclusive else line) for line in document.lines
        ]
        if inclusive:
            for row, line in zip(body["Line"], document.lines, strict=True):
                row[entity.detail][_GROSS] = Decimal(line["Amount"])
    else:
        name = next(field.name for field in schema.header if field.wire == _LINKED)
        paid = {"TxnId": document.fields.get(name, ""), "TxnType": ENTITIES[entity.pays].name}
        amount = Decimal(document.fields[schema.total_field or ""])
        body["Line"] = [{"Amount": amount, "LinkedTxn": [paid]}]
    return body


def _put(body: Json, field: FieldSchema, value: object) -> None:
    if field.wire == _LINKED:
        return
    top, *inside = field.wire.split(".")
    for name in reversed(inside if value is not None else ()):
        value = {name: value}
    body[top] = value


def _custom_name(field: FieldSchema) -> str:
    """Return the name of a custom field; blank for a field of QuickBooks itself."""
    name = field.wire.removeprefix(_PREFIX)
    return name if name != field.wire else ""


def _custom(name: str, value: str, definitions: Definitions) -> Json:
    """Return a custom field. QuickBooks finds it by its DefinitionId and drops it without one
    (Intuit's page of the invoice: CustomField.DefinitionId is required).
    """
    definition = {"DefinitionId": definitions[name]} if name in definitions else {}
    return {**definition, "Name": name, "Type": "StringType", "StringValue": value}


def _value(field: FieldSchema, text: str) -> object:
    if text == "":
        return None
    return Decimal(text) if field.type in _NUMERIC else text


def _line(schema: DocumentSchema, entity: Entity, values: Mapping[str, str]) -> Json:
    outer: Json = {"DetailType": entity.detail}
    inner: Json = {}
    for field in schema.lines:
        value = values.get(field.name, "")
        if field.sent and value:
            _put(outer if field.wire in _OF_LINE else inner, field, _value(field, value))
    return {**outer, entity.detail: inner}


def _is_inclusive(document: OutgoingDocument) -> bool:
    return document.fields.get(_TAX_MODE) == _INCLUSIVE


def net_line(line: Mapping[str, str]) -> Mapping[str, str]:
    """Return a line of a tax-inclusive document with amount and price before tax.

    QuickBooks takes `Amount` and `UnitPrice` before tax in every mode, and the amount with tax as
    `TaxInclusiveAmt` (Intuit's page of the invoice, SalesItemLineDetail.TaxInclusiveAmt).
    """
    net = Decimal(line["Amount"]) - Decimal(line.get("TaxAmount") or 0)
    quantity = Decimal(line.get("Qty") or 0)
    changed = {"Amount": format(net, "f")}
    if quantity and line.get("UnitPrice"):
        price = (net / quantity).quantize(_PRICE_STEP, ROUND_HALF_UP)
        changed["UnitPrice"] = format(price.normalize(), "f")
    return {**line, **changed}


def link(payment: Json, paid: str) -> Json:
    """Return a payment's JSON with QuickBooks' id of the document that it pays."""
    (line,) = payment["Line"]
    (transaction,) = line["LinkedTxn"]
    return {**payment, "Line": [{**line, "LinkedTxn": [{**transaction, "TxnId": paid}]}]}


def linked(remote_document: Mapping[str, Any]) -> str:
    """Return the id or number of the document paid by a payment's first linked transaction; blank
    if none.
    """
    for line in _rows(remote_document):
        for transaction in line.get("LinkedTxn") or ():
            return str(transaction.get("TxnId", ""))
    return ""


def _rows(remote_document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows = remote_document.get("Line")
    return [
        row
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping) and row.get("DetailType") != "SubTotalLineDetail"
    ]


def is_void(remote_document: Mapping[str, Any]) -> bool:
    """Check whether a document is void.

    QuickBooks keeps a void document under its number, without amounts and with a note that starts
    with "Voided".
    """
    amounts = [line.get("Amount") for line in _rows(remote_document)]
    return (
        str(remote_document.get(NOTE) or "").startswith("Voided")
        and not remote_document.get("TotalAmt")
        and not any(amounts)
    )


def fields_of(
    schema: DocumentSchema, remote_document: Mapping[str, Any], names: Names
) -> dict[str, str]:
    """Return the header by our field names: the fields that the JSON has, blank for null."""
    fields = {}
    for field in schema.header:
        if field.wire == _LINKED:
            paid = linked(remote_document)
            fields[field.name] = names.get(paid, paid)
        elif name := _custom_name(field):
            if CUSTOM in remote_document:
                fields[field.name] = custom_field(remote_document, name)
        elif field.wire and field.wire.split(".")[0] in remote_document:
            fields[field.name] = _text(field, _inner(field, remote_document))
    return fields


def _text(field: FieldSchema, value: object) -> str:
    if value is None:
        return ""
    if field.type in _NUMERIC and isinstance(value, int | Decimal):
        return format(Decimal(value), "f")
    return str(value)


def _inner(field: FieldSchema, remote_document: Mapping[str, Any]) -> object:
    value: object = remote_document
    for name in field.wire.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def lines_of(schema: DocumentSchema, remote_document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the lines by our names, with amounts and prices as the tax mode has them."""
    detail = ENTITIES[schema.name].detail
    if not detail:
        return []
    rows = [
        {
            field.name: _text(field, _inner(field, line if field.wire in _OF_LINE else inner))
            for field in schema.lines
            if field.wire
        }
        for line in _rows(remote_document)
        for inner in (line.get(detail) or {},)
    ]
    if remote_document.get(_TAX_MODE) != _INCLUSIVE:
        return rows
    gross = [(line.get(detail) or {}).get(_GROSS) for line in _rows(remote_document)]
    return [_gross_line(row, amount) for row, amount in zip(rows, gross, strict=True)]


def _gross_line(row: dict[str, str], gross: object) -> dict[str, str]:
    """Return a line with amount and price including tax; unchanged where QuickBooks shows none."""
    if not isinstance(gross, int | Decimal):
        return row
    changed = {"Amount": format(Decimal(gross), "f")}
    quantity = _number(row.get("Qty", ""))
    if quantity and row.get("UnitPrice"):
        price = (Decimal(gross) / quantity).quantize(_PRICE_STEP, ROUND_HALF_UP)
        changed["UnitPrice"] = format(price.normalize(), "f")
    return {**row, **changed}


def told(schema: DocumentSchema, remote_document: Mapping[str, Any], names: Names) -> Stands:
    """Return a QuickBooks document with the field names of our schema."""
    fields = {
        name: value for name, value in fields_of(schema, remote_document, names).items() if value
    }
    lines = lines_of(schema, remote_document)
    currency = remote_document.get("CurrencyRef")
    return Stands(
        number=fields.get(schema.number_field, ""),
        target_ref=str(remote_document.get("Id") or "") or None,
        party=fields.get(schema.party_field, ""),
        date=fields.get(schema.date_field, ""),
        currency=str(currency.get("value", "")) if isinstance(currency, Mapping) else "",
        amount=total_in(remote_document),
        fields=fields,
        lines=tuple({name: value for name, value in line.items() if value} for line in lines),
    )


def total_in(remote_document: Mapping[str, Any]) -> Decimal | None:
    """Return the document's total in QuickBooks; None if it is not shown."""
    total = remote_document.get("TotalAmt")
    return Decimal(str(total)) if isinstance(total, int | Decimal) else None


def custom_field(remote_document: Mapping[str, Any], name: str) -> str:
    """Return the value of one of the company's custom fields; blank if it is missing."""
    for entry in remote_document.get(CUSTOM) or ():
        if isinstance(entry, Mapping) and entry.get("Name") == name:
            return str(entry.get("StringValue") or "")
    return ""


@dataclass(frozen=True, slots=True)
class ListedRate:
    """A tax rate of QuickBooks: its id there, and 0.1 for 10%."""

    id: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Company:
    """Facts about the company: its base currency (blank if unknown), and its custom fields and tax
    rates. These are None until they were listed.
    """

    base: str = ""
    definitions: Definitions | None = None
    rates: Mapping[str, ListedRate] | None = None


def listed_rates(settings: Settings) -> Mapping[str, ListedRate]:
    """Return the only sales rate of each tax code that QuickBooks listed."""
    listed = settings.get(LISTED)
    codes = listed.get(TAX_CODE) if isinstance(listed, Mapping) else None
    return {
        str(code): ListedRate(str(body["rate_id"]), Decimal(str(body["rate"])))
        for code, body in (codes.items() if isinstance(codes, Mapping) else ())
        if body.get("rate") and body.get("rate_id")
    }


def tax_detail(document: OutgoingDocument, rates: Mapping[str, ListedRate]) -> Json:
    """Return a sale's tax as QuickBooks' TxnTaxDetail, if the shop rounded its tax in another way.

    QuickBooks calculates the tax on the sum of each rate. Tax lines that are sent replace its own
    (Intuit's page of the invoice: TxnTaxDetail, and OverrideDeltaAmount in its response). Empty if
    the figures agree, a code has not exactly one listed rate, or rounding cannot explain the
    difference. An inclusive document is compared both with the tax taken out and with the tax added
    on top. Intuit does not document which it does.
    """
    taxed: dict[str, list[Mapping[str, str]]] = {}
    for line in document.lines:
        taxed.setdefault(line.get("TaxCodeRef", ""), []).append(line)
    all_taxed = all(line.get("TaxAmount") for line in document.lines)
    if not all_taxed or not taxed.keys() <= rates.keys():
        return {}
    inclusive = _is_inclusive(document)
    sums: dict[ListedRate, list[Decimal]] = {}
    for code, lines in taxed.items():
        amounts = sums.setdefault(rates[code], [Decimal(0), Decimal(0), Decimal(0)])
        amounts[0] += sum(Decimal(line["Amount"]) for line in lines)
        amounts[1] += sum(Decimal(line["TaxAmount"]) for line in lines)
        amounts[2] += len(lines)
    differs = False
    for rate, (base, tax, count) in sums.items():
        exact = [base * rate.rate]
        if inclusive:
            exact = [base * rate.rate / (1 + rate.rate), (base - tax) * rate.rate]
        off = max(abs(tax - exact_tax.quantize(_SEN, ROUND_HALF_UP)) for exact_tax in exact)
        if off > A_SEN * count:
            return {}
        differs = differs or off > 0
    if not differs or not _comes_to_total(document, inclusive=inclusive):
        return {}
    parts = [(rate, base - tax * inclusive, tax) for rate, (base, tax, _) in sums.items()]
    return {
        "TotalTax": sum(tax for *_, tax in parts),
        "TaxLine": [_tax_line(*part) for part in parts],
    }


def _comes_to_total(document: OutgoingDocument, *, inclusive: bool) -> bool:
    """Check whether the lines' amounts and taxes add up to the document's total.

    A shop that rounds its tax once has another total than its lines. QuickBooks calculates that
    total itself.
    """
    fields = ("Amount",) if inclusive else ("Amount", "TaxAmount")
    stated = sum(Decimal(line[field]) for line in document.lines for field in fields)
    total = total_of(document)
    return not total or Decimal(total) == stated


def _tax_line(rate: ListedRate, net: Decimal, tax: Decimal) -> Json:
    detail = {
        "TaxRateRef": {"value": rate.id},
        "PercentBased": True,
        "TaxPercent": (rate.rate * 100).normalize() + 0,
        "NetAmountTaxable": net,
    }
    return {"Amount": tax, "DetailType": "TaxLineDetail", "TaxLineDetail": detail}


def build(
    documents: Sequence[OutgoingDocument], *, batch: bool, action: Action, company: Company
) -> Payload:
    """Build the call for one document, also as a batch of one, or for a batch of new documents.
    Documents that QuickBooks could never take are refused at once.

    An update or void needs the id and sync token of the posted document, and a payment needs the
    invoice's id. They are read just before the call is sent.
    """
    if not batch and len(documents) != 1:
        raise ValueError("QuickBooks takes one document a call, or a batch")
    answers_by_place = {
        at: preflight(document, action, company, listed=True)
        for at, document in enumerate(documents)
    }
    refusals = {at: answer for at, answer in answers_by_place.items() if answer is not None}
    good = {
        f"i{at}": document for at, document in enumerate(documents, 1) if at - 1 not in refusals
    }
    bodies = (
        {}
        if action == "void"
        else {key: _told(document, action, company) for key, document in good.items()}
    )
    totals = {
        f"{name}.{key}": text for key in bodies for name, text in amounts_of(good[key]).items()
    }
    body: Json = {
        ITEMS: [
            {"bId": key, "operation": "create", **item_body} for key, item_body in bodies.items()
        ]
    }
    path = BATCH
    if len(documents) == 1:
        totals = dict(amounts_of(documents[0])) if bodies else {}
        body = next((item_body for item in bodies.values() for item_body in item.values()), {})
        path = _path(documents[0], action) if good else ""
    return Payload(
        method="POST",
        path=path if good else "",
        headers={},
        body=dumps(body) if bodies else b"",
        content_type=JSON,
        rows={},
        numbers=tuple(document.number for document in documents),
        positions={},
        refused=refusals,
        expected={key: total for key, total in totals.items() if total},
    )


def preflight(
    document: OutgoingDocument, action: Action, company: Company, *, listed: bool
) -> Answer | None:
    """Return why QuickBooks could never take this document, or None.

    Custom fields are compared with the company's only where it `listed` them just now.
    """
    schema = SCHEMAS.get(document.document)
    refusal = not_offered(schema, document, action, TARGET)
    if schema is None or refusal or action == "void":
        return refusal
    fault = first_fault(schema, document, TARGET, new=action == "create", of_line=_amount_fault)
    fault = fault or _inclusive_fault(document)
    fault = fault or currency_fault(document, "CurrencyRef", company.base)
    # QuickBooks would fill in a missing rate with its own rate of the day, which nobody approved.
    fault = fault or rate_fault(document, "ExchangeRate", company.base) or _lines_fault(document)
    if ENTITIES[schema.name].pays:
        fault = fault or amount_fault(document, schema.total_field or "", zero=True)
    if listed:
        fault = fault or _custom_fault(schema, document, company.definitions)
    return refused(document, *fault) if fault else None


def _custom_fault(
    schema: DocumentSchema, document: OutgoingDocument, definitions: Definitions | None
) -> Fault | None:
    """Refuse a value for a custom field that the company has not, or has not listed yet."""
    for field in schema.header:
        name = _custom_name(field)
        if not name or not document.fields.get(field.name):
            continue
        if definitions is None:
            words = (
                f"{name} of {document.number} is a custom field, and those of the company"
                " were not read yet. An administrator of Clearpost tests the connection."
            )
            return "mapping_missing", words
        if name not in definitions:
            words = (
                f"QuickBooks has no custom field {name}, which {document.number} fills. An"
                " administrator of QuickBooks adds it at Account and settings > Sales > Custom"
                " fields; or leave it out of the rules."
            )
            return "mapping_missing", words
    return None


def _lines_fault(document: OutgoingDocument) -> Fault | None:
    """Refuse a document with more lines than QuickBooks takes."""
    if len(document.lines) <= MOST_LINES:
        return None
    words = f"The document has {len(document.lines)} lines; QuickBooks takes at most {MOST_LINES}."
    return "business_rule", words


def _inclusive_fault(document: OutgoingDocument) -> Fault | None:
    """Refuse an amount including tax from which the amount before tax cannot be computed."""
    if not _is_inclusive(document):
        return None
    for at, line in enumerate(document.lines, 1):
        if line.get("TaxCodeRef") and not line.get("TaxAmount"):
            words = (
                f"TaxAmount of line {at} is blank. QuickBooks takes the amount before tax of a line"
                " whose price includes tax, so the rules must fill TaxAmount."
            )
            return "bad_value", words
        if fault := _amount_fault(net_line(line), f" before tax of line {at}"):
            return fault
    return None


def _amount_fault(line: Mapping[str, str], where: str) -> Fault | None:
    """Return a fault if a line's amount is not its quantity times its price, which QuickBooks
    refuses.
    """
    if not line.get("Qty") or not line.get("UnitPrice"):
        return None
    exact = Decimal(line["Qty"]) * Decimal(line["UnitPrice"])
    if exact.quantize(_SEN, ROUND_HALF_UP) != Decimal(line["Amount"]):
        words = f"Amount{where} is {line['Amount']}, but {line['Qty']} times {line['UnitPrice']} is"
        return "bad_value", f"{words} {exact.quantize(_SEN, ROUND_HALF_UP)}."
    return None


def _told(document: OutgoingDocument, action: Action, company: Company) -> Json:
    blanks, definitions = action == "update", company.definitions
    body = content(document, blanks=blanks, definitions=definitions)
    sold = ENTITIES[document.document].detail == _SOLD
    if sold and (tax := tax_detail(document, company.rates or {})):
        body[_TAX_DETAIL] = tax
    return {ENTITIES[document.document].name: body}


def _path(document: OutgoingDocument, action: Action) -> str:
    return (
        f"/{ENTITIES[document.document].path}{'' if action == 'create' else f'?operation={action}'}"
    )


def tax_of(document: OutgoingDocument) -> str:
    """Return the document's tax as the rules expect it; blank if a line has no tax amount."""
    taxes = [line.get("TaxAmount", "") for line in document.lines]
    if not taxes or "" in taxes:
        return ""
    return format(sum(map(Decimal, taxes), Decimal(0)), "f")


def amounts_of(document: OutgoingDocument) -> Mapping[str, str]:
    """Return the expected total and tax by QuickBooks' names; blank if unknown."""
    return {EXPECTED: total_of(document), TAX: tax_of(document)}


def total_of(document: OutgoingDocument) -> str:
    """Return the document's total as the rules expect it; blank if unknown."""
    return document.fields.get(SCHEMAS[document.document].total_field or "", "")


def action_of(payload: Payload) -> Action:
    """Return the action of a payload, read from its path: create, update or void."""
    _, _, word = payload.path.partition("?operation=")
    return "void" if word == "void" else "update" if word == "update" else "create"


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of a comparison: the differing values as QuickBooks has them, their descriptions,
    and values that differ only by rounding.
    """

    differs: tuple[Kept, ...]
    said: tuple[str, ...]
    kept: tuple[Kept, ...]

    @property
    def words(self) -> str:
        """The first differences, for people."""
        more = len(self.said) - 3
        differences_text = "; ".join(self.said[:3])
        return f"{differences_text}; and {more} more" if more > 0 else differences_text


def compare(
    schema: DocumentSchema,
    our_body: Mapping[str, Any],
    amounts: Mapping[str, str],
    stands: Mapping[str, Any],
    names: Names,
) -> Compared:
    """Compare the body we mean, with its expected amounts, and the document read from QuickBooks.

    A total that differs only by rounding is recorded as the target's value, not as a difference.
    """
    heads = {field.name: field for field in schema.header}
    rows = {field.name: field for field in schema.lines if field.sent}
    their_fields = fields_of(schema, stands, names)
    our_fields = fields_of(schema, our_body, names)
    if our_fields.get(TERM) and not our_fields.get(DUE):
        our_fields.pop(DUE, None)  # QuickBooks works it out of the terms
    differences = _differing(heads, our_fields, their_fields, 0)
    our_lines, their_lines = lines_of(schema, our_body), lines_of(schema, stands)
    if len(our_lines) != len(their_lines):
        words = f"{len(their_lines)} lines exist there, not {len(our_lines)}"
        differences.append((Kept(0, "", str(len(their_lines))), words))
    else:
        for at, (line, their_line) in enumerate(zip(our_lines, their_lines, strict=True), start=1):
            differences += _differing(rows, line, their_line, at)
    near_values: tuple[Kept, ...] = _compare_tax(amounts.get(TAX, ""), stands, differences)
    total, amount = amounts.get(EXPECTED, ""), str(stands.get("TotalAmt", ""))
    name = schema.total_field or ""
    if total and not _same(heads[name], total, amount):
        other = Kept(0, name, amount)
        if _near(total, amount):
            near_values = (*near_values, other)
        elif not any(deviation.field == name for deviation, _ in differences):
            words = f"the total is {grouped(amount) or 'blank'} there, not {grouped(total)}"
            differences.append((other, words))
    return Compared(
        tuple(deviation for deviation, _ in differences),
        tuple(words for _, words in differences),
        near_values,
    )


def _compare_tax(
    our_tax: str, stands: Mapping[str, Any], differences: list[tuple[Kept, str]]
) -> tuple[Kept, ...]:
    """Return QuickBooks' tax if it differs from ours by at most a sen.

    Add a larger difference to `differences`.
    """
    detail = stands.get(_TAX_DETAIL)
    their_tax = detail.get("TotalTax") if isinstance(detail, Mapping) else None
    if (
        not our_tax
        or not isinstance(their_tax, int | Decimal)
        or _number(our_tax) == Decimal(their_tax)
    ):
        return ()
    other = Kept(0, "TaxAmount", format(Decimal(their_tax), "f"))
    if _near(our_tax, other.value):
        return (other,)
    differences.append((other, f"the tax is {grouped(other.value)} there, not {grouped(our_tax)}"))
    return ()


def _differing(
    fields: Mapping[str, FieldSchema],
    our_fields: Mapping[str, str],
    their_fields: Mapping[str, str],
    line: int,
) -> list[tuple[Kept, str]]:
    where = f" of line {line}" if line else ""
    differences = []
    for name, value in our_fields.items():
        their_value = their_fields.get(name, "")
        if name in fields and not _same(fields[name], value, their_value):
            words = f"{name}{where} is {their_value or 'blank'} there, not {value or 'blank'}"
            differences.append((Kept(line, name, their_value), words))
    return differences


def _same(field: FieldSchema, our_value: str, their_value: str) -> bool:
    if field.type in _NUMERIC:
        return _number(our_value) == _number(their_value)
    if field.type == "date":
        return our_value[:10] == their_value[:10]
    return our_value.strip() == their_value.strip()  # it keeps no blanks at either end


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else Decimal(0)
    except InvalidOperation:
        return None


def _near(our_value: str, their_value: str) -> bool:
    our_number, other = _number(our_value), _number(their_value)
    return our_number is not None and other is not None and abs(our_number - other) <= A_SEN
