"""A document as the JSON that AutoCount's interface takes, one document a call.

Here: pure building, what is expected back, and the refusal of what AutoCount would only cut,
misread or leave out in silence. Not here: sending (connector.py), comparing (compare.py).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from urllib.parse import quote

from connectors.kit.contract import Action, Answer, OutgoingDocument, Payload
from connectors.kit.preflight import Fault, first_fault, not_offered, refused
from connectors.kit.schema import DocumentSchema
from connectors.kit.strictjson import dumps
from connectors.targets.autocount.bodies import BODIES, Json
from connectors.targets.autocount.documents import POSTED

JSON = "application/json; charset=utf-8"
TARGET = "AutoCount"
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
    refusal = not_offered(schema, document, action, TARGET)
    if schema is None or refusal or action == "void":
        return refusal
    found = first_fault(
        schema, document, TARGET, new=action == "create", of_line=partial(_line_fault, document)
    )
    found = found or BODIES[schema.name].fault(document)
    return refused(document, *found) if found else None


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
