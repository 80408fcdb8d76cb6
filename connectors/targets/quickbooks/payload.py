"""A document as the call that QuickBooks takes, one document a call.

Here: pure building, what is expected back, and the refusal of what QuickBooks would only misread.
Not here: sending (connector.py), the JSON itself (bodies.py).
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from connectors.kit.contract import Action, Answer, OutgoingDocument, Payload
from connectors.kit.preflight import Fault, first_fault, not_offered, refused
from connectors.kit.strictjson import dumps
from connectors.targets.quickbooks.bodies import ENTITIES, SCHEMAS, content

JSON = "application/json"
TARGET = "QuickBooks"
EXPECTED = "TotalAmt"
VOID = "?operation=void"
_SEN = Decimal("0.01")


def build(documents: Sequence[OutgoingDocument], *, action: Action) -> Payload:
    """The call for one document. One that could never be taken is answered at once.

    A change and a void are sent with the id and the token of what stands there, which are read just
    before; so is the id of the invoice that a payment pays.
    """
    if len(documents) != 1:
        raise ValueError("QuickBooks takes one document a call")
    (document,) = documents
    refusal = _preflight(document, action)
    body = {} if refusal or action == "void" else content(document, blanks=action == "update")
    return Payload(
        method="POST",
        path="" if refusal else _path(document, action),
        headers={},
        body=dumps(body) if body else b"",
        content_type=JSON,
        rows={},
        numbers=(document.number,),
        positions={},
        refused={0: refusal} if refusal else {},
        expected={EXPECTED: total_of(document)} if body and total_of(document) else {},
    )


def total_of(document: OutgoingDocument) -> str:
    """What the rules expect QuickBooks to come to."""
    return document.fields.get(SCHEMAS[document.document].total_field or "", "")


def action_of(payload: Payload) -> Action:
    """What a payload does."""
    _, _, word = payload.path.partition("?operation=")
    return "void" if word == "void" else "update" if word == "update" else "create"


def _path(document: OutgoingDocument, action: Action) -> str:
    return (
        f"/{ENTITIES[document.document].path}{'' if action == 'create' else f'?operation={action}'}"
    )


def _preflight(document: OutgoingDocument, action: Action) -> Answer | None:
    schema = SCHEMAS.get(document.document)
    refusal = not_offered(schema, document, action, TARGET)
    if schema is None or refusal or action == "void":
        return refusal
    found = first_fault(schema, document, TARGET, new=action == "create", of_line=_amount_fault)
    return refused(document, *found) if found else None


def _amount_fault(line: Mapping[str, str], where: str) -> Fault | None:
    """QuickBooks refuses a line whose amount is not its quantity times its price."""
    if not line.get("Qty") or not line.get("UnitPrice"):
        return None
    exact = Decimal(line["Qty"]) * Decimal(line["UnitPrice"])
    if exact.quantize(_SEN, ROUND_HALF_UP) != Decimal(line["Amount"]):
        words = f"Amount{where} is {line['Amount']}, but {line['Qty']} times {line['UnitPrice']} is"
        return "bad_value", f"{words} {exact.quantize(_SEN, ROUND_HALF_UP)}."
    return None
