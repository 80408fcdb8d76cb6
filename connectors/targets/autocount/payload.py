"""A document as the JSON that AutoCount's interface takes, one document a call.

Here: pure building, what is expected back, and the refusal of what AutoCount would only cut,
misread or leave out in silence. Not here: sending (connector.py), comparing (compare.py).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from urllib.parse import quote

from connectors.kit.contract import Action, Answer, OutgoingDocument, Payload
from connectors.kit.preflight import Fault, refused, value_fault
from connectors.kit.schema import DocumentSchema, FieldSchema
from connectors.kit.strictjson import dumps
from connectors.targets.autocount.bodies import BODIES, Json
from connectors.targets.autocount.documents import POSTED

JSON = "application/json; charset=utf-8"
SCHEMAS: Mapping[str, DocumentSchema] = {schema.name: schema for schema in POSTED}
EXPECTED_TOTAL, EXPECTED_PARTS = "finalTotal", "subTotal"

_METHODS: Mapping[Action, str] = {"create": "POST", "update": "PUT", "void": "POST"}


def build(documents: Sequence[OutgoingDocument], *, action: Action) -> Payload:
    """The call for one document. One that could never be taken is answered at once."""
    if len(documents) != 1:
        raise ValueError("AutoCount takes one document a call")
    (document,) = documents
    refusal = _preflight(document, action)
    return Payload(
        method=_METHODS[action],
        path="" if refusal else path_of(document, action),
        headers={},
        body=b"" if refusal or action == "void" else dumps(content(document, action)),
        content_type=JSON,
        rows={},
        numbers=(document.number,),
        positions={},
        refused={0: refusal} if refusal else {},
        expected={} if refusal else expected(document),
    )


def path_of(document: OutgoingDocument, action: Action) -> str:
    """Where an action goes, below the account book."""
    place = BODIES[document.document].path
    if action == "create":
        return place
    return f"{place}{'/void' if action == 'void' else ''}?docNo={quote(document.number, safe='')}"


def content(document: OutgoingDocument, action: Action) -> dict[str, Json]:
    """What AutoCount is told. Rows are always complete, so the same call twice ends the same."""
    return BODIES[document.document].made(SCHEMAS[document.document], document, action)


def expected(document: OutgoingDocument) -> dict[str, str]:
    """The amounts that AutoCount works out itself and the rules have worked out, too."""
    found = {EXPECTED_TOTAL: document.fields.get("FinalTotal", "")}
    for at, line in enumerate(document.lines):
        found[f"{EXPECTED_PARTS}.{at}"] = line.get("SubTotal", "")
    found["currencyCode"] = document.fields.get("CurrencyCode", "")
    return {name: value for name, value in found.items() if value != ""}


# ---- what AutoCount would cut, misread or leave out ----


def _preflight(document: OutgoingDocument, action: Action) -> Answer | None:
    schema = SCHEMAS.get(document.document)
    if schema is None:
        words = f"AutoCount's interface does not take a {document.document}."
        return refused(document, "business_rule", words)
    if action != "create" and action not in schema.actions:
        words = f"AutoCount's interface offers no {action} of a {schema.title.lower()}."
        return refused(document, "business_rule", words)
    if action == "void":
        return None
    found = _fault(schema, document, new=action == "create")
    return refused(document, *found) if found else None


def _fault(schema: DocumentSchema, document: OutgoingDocument, *, new: bool) -> Fault | None:
    for field in schema.header:
        given = document.fields.get(field.name, "")
        if found := _field_fault(field, given, "", must=field.required or (new and field.needed)):
            return found
    if schema.lines and not document.lines:
        return "missing_field", "The document has no lines."
    for at, line in enumerate(document.lines if schema.lines else (), start=1):
        for field in schema.lines:
            where, must = f" of line {at}", field.required or field.needed
            if found := _field_fault(field, line.get(field.name, ""), where, must=must):
                return found
        if found := _line_fault(document, line, f" of line {at}"):
            return found
    return BODIES[schema.name].fault(document)


def _line_fault(document: OutgoingDocument, line: Mapping[str, str], where: str) -> Fault | None:
    """What AutoCount would take and not do: rows that it drops, places that it has no room for."""
    place = line.get("Location", "")
    if place not in ("", document.fields.get("Location", "")):
        return "bad_value", f"Location{where} is {place}: AutoCount has one place a document."
    if Decimal(line.get("Qty", "0")) <= 0:
        return "bad_value", f"Qty{where} is not above 0: {line.get('Qty')}."
    if not line.get("ItemCode") and not line.get("DtlDescription"):
        return "missing_field", f"Line {where[9:]} has no ItemCode and no DtlDescription."
    return None


def _field_fault(schema: FieldSchema, value: str, where: str, *, must: bool) -> Fault | None:
    name = f"{schema.title or schema.name}{where}"
    if value == "":
        return ("missing_field", f"{name} is blank; AutoCount needs it.") if must else None
    return value_fault(schema, value, name, runs="an export")
