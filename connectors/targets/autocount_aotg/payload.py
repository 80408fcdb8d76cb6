"""A/R invoices as the JSON that AutoCount On The Go takes: one object, or an array of them.

Here: the bodies, built purely, what is expected back, and the refusal of what could only be cut or
misread. Not here: sending (connector.py).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from connectors.contract import Action, Answer, OutgoingDocument, Payload, Settings
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.connection_settings import base_currency_of
from connectors.kit.preflight import Fault, currency_fault, first_fault, not_offered, refused
from connectors.targets.autocount_aotg.documents import POSTED, TOTAL
from connectors.transport.strict_json import dumps

TARGET = "AutoCount On The Go"
JSON = "application/json"
SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in POSTED}
ALONE = "/api/public/v1/ARInvoice/CreateARInvoice"
BATCH = "/api/public/v1/ARInvoice/CreateBatchARInvoice"
MOST = 20  # in one batch

DATE_FORMATS: Mapping[str, str] = {
    "dd-MM-yyyy": "%d-%m-%Y",
    "MM-dd-yyyy": "%m-%d-%Y",
    "yyyy-MM-dd": "%Y-%m-%d",
}
"""The setting `date_format` -> how a day is written."""
_USUAL_FORMAT = "dd-MM-yyyy"
_NEW_LINE = "1"
_MONEY = frozenset({"money", "decimal"})


def build(
    documents: Sequence[OutgoingDocument], settings: Settings, *, batch: bool, action: Action
) -> Payload:
    """The call for one document, or for many; those that could never be taken are left out of it
    and answered at once.
    """
    if not batch and len(documents) != 1:
        raise ValueError("AutoCount On The Go takes one document a call, or a batch")
    base = base_currency_of(settings)
    found = {at: _preflight(one, action, base) for at, one in enumerate(documents)}
    refusals = {at: answer for at, answer in found.items() if answer is not None}
    good = [one for at, one in enumerate(documents) if at not in refusals]
    bodies = [_content(one, settings) for one in good]
    return Payload(
        method="POST",
        path=(BATCH if batch else ALONE) if bodies else "",
        headers={},
        body=dumps(bodies if batch else bodies[0]) if bodies else b"",
        content_type=JSON,
        rows={},
        numbers=tuple(one.number for one in documents),
        positions={},
        refused=refusals,
        expected={key: text for one in good for key, text in _expected(one).items()},
    )


def day_text(day: str, settings: Settings) -> str:
    """A day as this account book is told it, and tells it."""
    chosen = str(settings.get("date_format") or _USUAL_FORMAT)
    return date.fromisoformat(day).strftime(DATE_FORMATS.get(chosen, DATE_FORMATS[_USUAL_FORMAT]))


def _expected(document: OutgoingDocument) -> dict[str, str]:
    """What is compared afterwards and does not stand in the body as it is compared."""
    schema, number = SCHEMAS[document.document], document.number
    return {
        f"{TOTAL}.{number}": str(document.amount),
        f"DocDate.{number}": document.fields[schema.date_field],
    }


def _content(document: OutgoingDocument, settings: Settings) -> dict[str, object]:
    schema = SCHEMAS[document.document]
    state = int(str(settings.get("line_state") or _NEW_LINE))
    head = _fields(schema.header, document.fields, settings)
    rows = [{"LineState": state, **_fields(schema.lines, row, settings)} for row in document.lines]
    return {**head, "DetailsLine": rows}


def _fields(
    fields: Sequence[FieldSchema], given: Mapping[str, str], settings: Settings
) -> dict[str, object]:
    told = {one: given.get(one.name, "") for one in fields if one.sent}
    return {one.wire: _value(one, text, settings) for one, text in told.items() if text != ""}


def _value(field: FieldSchema, text: str, settings: Settings) -> object:
    if field.type == "yesno":
        return text == "yes"
    if field.type == "date":
        return day_text(text, settings)
    return Decimal(text) if field.type in _MONEY else text


def _preflight(document: OutgoingDocument, action: Action, base: str) -> Answer | None:
    schema = SCHEMAS.get(document.document)
    refusal = not_offered(schema, document, action, TARGET)
    if schema is None or refusal:
        return refusal
    found = first_fault(schema, document, TARGET, new=True, of_line=_no_more)
    found = found or currency_fault(document, "CurrencyCode", base)
    return refused(document, *found) if found else None


def _no_more(line: Mapping[str, str], where: str) -> Fault | None:  # noqa: ARG001
    """A line says an account and an amount: its fields tell all that could go wrong."""
    return None
