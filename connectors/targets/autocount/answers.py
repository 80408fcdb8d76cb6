"""Interpret AutoCount's answers to writes, reads and lookups, and compare documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract import Action, Answer, Found, Kept, OutgoingDocument, Payload, Stands
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.calls import KEPT_BYTES, Call, Get, accepted, uncertain, unclear_lookup
from connectors.kit.preflight import room
from connectors.targets.autocount.payload import (
    A_SEN,
    SCHEMAS,
    content,
    expected,
    path_of,
    rounds_to_five_sen,
)
from connectors.transport.http import HttpAnswer, HttpFailure, retry_after
from connectors.transport.strict_json import loads
from grammar.text.finding_codes import ErrorClass

NUMBER_TAKEN, ALREADY_VOID = "number_taken", "already_void"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a refusal: its error class, and our own short code."""

    error_class: ErrorClass
    code: str


WORDS: tuple[tuple[str, Meaning], ...] = (
    ("is required", Meaning("missing_field", "field_required")),
    ("already exists", Meaning("duplicate", NUMBER_TAKEN)),
    ("not exists", Meaning("mapping_missing", "unknown_code")),
    ("is locked", Meaning("period_locked", "date_locked")),
    ("fiscal year", Meaning("period_locked", "fiscal_year")),
    ("maximum length", Meaning("bad_value", "too_long")),
    ("system.decimal", Meaning("bad_value", "no_number")),
    ("knocked off", Meaning("business_rule", "knocked_off")),
    ("already voided", Meaning("business_rule", ALREADY_VOID)),
)
"""Part of a message, in small letters -> its meaning; the first one that occurs counts."""

_STATUS: dict[int, Meaning] = {
    401: Meaning("authorization_failed", "key_refused"),
    403: Meaning("authorization_failed", "not_permitted"),
    404: Meaning("authorization_failed", "no_such_book"),
    429: Meaning("temporary", "rate_limited"),
}

_GONE = Meaning("stale_version", "document_gone")

_NOT_FOUND = 404

VALIDATED = "eInvoiceValidatedTimeStamp"

DONE = frozenset({200, 201, 204})

_UNANSWERED = frozenset({408, 425})

_ROUNDED = {"qty": "Qty", "unitPrice": "UnitPrice"}

_FEWEST_PLACES = 2

_PARTS, _TAX, _TOTAL = "subTotal", "tax", "finalTotal"

_LISTS = ("details", "paymentDetails")


def meaning(status: int, message: str, *, creates: bool) -> Meaning:
    """Return the meaning of a refusal.

    A 404 to a change means that the document is missing. A 404 to a create means that the address
    is wrong.
    """
    if status == 404 and not creates and "not exists" in message.casefold():
        return _GONE
    if status in _STATUS:
        return _STATUS[status]
    for words, refusal_meaning in WORDS:
        if words in message.casefold():
            return refusal_meaning
    return Meaning("business_rule", f"http_{status}")


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a read: the document, or the proof that no document has that number."""

    document: Mapping[str, Any] | None
    words: str
    proof: bytes

    @property
    def void(self) -> bool:
        """Whether it was made void."""
        master = (self.document or {}).get("master")
        return isinstance(master, dict) and master.get("cancelled") is True


def read(path: str, number: str, get: Get) -> Seen | Found:
    """Read a document by its number.

    Only AutoCount's own message proves that none exists. A 404 without it may come from any server
    in between.
    """
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return unclear_lookup(answer)
    content, proof = loads(answer.body), answer.body[:KEPT_BYTES]
    message = message_of(content)
    if answer.status == _NOT_FOUND and "not exists" in message.casefold():
        return Seen(None, f"No {number} exists there.", proof)
    if answer.status == 200 and isinstance(content, dict):
        master = content.get("master")
        their_number = master.get("docNo") if isinstance(master, dict) else None
        if isinstance(their_number, str) and their_number.casefold() == number.casefold():
            return Seen(content, f"{number} exists there.", proof)
    return not_told(answer)


def not_told(answer: Call) -> Found:
    """Return an unknown lookup result for a failed call, or for an answer without a document."""
    if isinstance(answer, HttpFailure):
        return unclear_lookup(answer)
    return unclear_lookup(answer, message_of(loads(answer.body)), pause_of(answer))


def pause_of(answer: HttpAnswer) -> float | None:
    """Return the seconds until AutoCount's rate limit resets; None if the answer does not state
    it.
    """
    seconds = retry_after(answer.headers, answer.at)
    if seconds is not None:
        return seconds
    try:
        reset = datetime.fromisoformat(answer.headers.get("x-rate-limit-reset", ""))
        return max(0.0, (reset - answer.at).total_seconds())
    except (ValueError, TypeError):
        return None


def message_of(content: object) -> str:
    """Return AutoCount's error message; blank if it has none."""
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else ""


def told(schema: DocumentSchema, stands: Mapping[str, Any]) -> Stands:
    """Return an AutoCount document with the field names of our schema."""
    master, rows = stands["master"], stands.get("details")
    fields = _answer_fields(schema.header, master)
    return Stands(
        number=number_of(stands),
        target_ref=number_of(stands) or None,
        party=fields.get(schema.party_field, ""),
        date=fields.get(schema.date_field, ""),
        currency=str(master.get("currencyCode") or ""),
        amount=total_of(stands),
        fields=fields,
        lines=tuple(
            _answer_fields(schema.lines, row) for row in rows or () if isinstance(row, dict)
        ),
    )


def _answer_fields(schema: Sequence[FieldSchema], values: Mapping[str, Any]) -> dict[str, str]:
    return {
        field.name: _text(field, values[field.wire])
        for field in schema
        if field.wire and values.get(field.wire) not in (None, "")
    }


def _text(field: FieldSchema, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.type == "date":
        return str(value)[:10]
    if isinstance(value, Decimal):
        places = field.places or 0
        amount = value.quantize(Decimal(1).scaleb(-places)) if field.type == "money" else value
        return format(amount.normalize() if field.type != "money" else amount, "f")
    return str(value)


def total_of(stands: Mapping[str, Any] | None) -> Decimal | None:
    """Return the document's total in AutoCount; None if it is not shown."""
    master = (stands or {}).get("master")
    total = master.get("finalTotal") if isinstance(master, Mapping) else None
    return Decimal(str(total)) if isinstance(total, int | Decimal) else None


def changed_by(stands: Mapping[str, Any] | None) -> str:
    """Return the AutoCount user who last changed the document; blank if it is not shown."""
    master = (stands or {}).get("master")
    return str(master.get("lastModifiedUserID") or "") if isinstance(master, Mapping) else ""


def validated_at(stands: Mapping[str, Any] | None, zone: ZoneInfo) -> datetime | None:
    """Return since when the document's e-invoice is valid; None if not shown.

    AutoCount's time is read in `zone`.
    """
    master = (stands or {}).get("master")
    text = master.get(VALIDATED) if isinstance(master, Mapping) else None
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=zone) if text else None
    except ValueError:
        return None


def number_of(stands: Mapping[str, Any]) -> str:
    """Return the number of a document, blank if it has none."""
    master = stands.get("master")
    doc_number = master.get("docNo") if isinstance(master, Mapping) else None
    return doc_number if isinstance(doc_number, str) else ""


def refusal(number: str, action: Action, answer: HttpAnswer) -> Answer | None:
    """Return why the write was not done or is uncertain; None if AutoCount reports success.

    Voiding a void document counts as success.
    """
    status = answer.status
    if status in DONE:
        return None
    if status >= 500 or status < 400 or status in _UNANSWERED:
        return uncertain("no_answer", f"AutoCount answered {status}.", status, number)
    message = message_of(loads(answer.body))
    reason = meaning(status, message, creates=action == "create")
    if action == "void" and reason.code == ALREADY_VOID:
        return None
    waits = reason.error_class == "temporary"
    return Answer(
        kind="temporary" if waits else "refused",
        error_class=reason.error_class,
        code=reason.code,
        words=message or f"AutoCount answered {status} without a reason.",
        number=number,
        status=status,
        retry_after=pause_of(answer) if waits else None,
    )


def confirmed(payload: Payload, action: Action, status: int, reading: Seen | Found) -> Answer:
    """Return the answer for a write that AutoCount reports as done, after reading the document
    back.
    """
    number = payload.numbers[0]
    if action == "void":
        if isinstance(reading, Found) or not reading.void:
            return uncertain("not_confirmed", f"Not yet voided: {reading.words}", status, number)
        existing = status not in DONE
        words = "It was void already." if existing else "Made void."
        return accepted(number, number, status, words, existing=existing)
    compared, total = _compared(payload, reading), _total(reading)
    if compared is None:
        words = f"AutoCount said yes, but it could not be read back: {reading.words}"
        return uncertain("not_confirmed", words, status, number)
    if compared.differences:
        words = f"AutoCount said yes, but something else exists there: {compared.words}."
        target_ref = number if status in DONE and action == "create" else None
        return uncertain("not_confirmed", words, status, number, target_ref)
    words = "Accepted, and read back."
    return accepted(number, number, status, words, kept=compared.kept, total=total)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between our document and AutoCount's.

    `line` 0 is the header. `field` is AutoCount's field name, or blank if the number of lines
    differs.
    """

    line: int
    field: str
    there: str
    words: str


@dataclass(frozen=True, slots=True)
class Compared:
    """The differences, and what AutoCount keeps otherwise."""

    differences: tuple[Difference, ...]
    kept: tuple[Kept, ...]

    @property
    def words(self) -> str:
        """The first differences, for people."""
        more = len(self.differences) - 3
        differences_text = "; ".join(difference.words for difference in self.differences[:3])
        return f"{differences_text}; and {more} more" if more > 0 else differences_text


def _compared(payload: Payload, reading: Seen | Found) -> Compared | None:
    body = loads(payload.body)
    if (
        isinstance(reading, Found)
        or reading.document is None
        or reading.void
        or not isinstance(body, dict)
    ):
        return None
    return compare(body, payload.expected, reading.document)


def _total(reading: Seen | Found) -> Decimal | None:
    return None if isinstance(reading, Found) else total_of(reading.document)


def taken(payload: Payload, refused: Answer, reading: Seen | Found) -> Answer:
    """Return the answer for a number that is taken, by comparing the document that holds it.

    With our content it is already posted; with other content it is refused.
    """
    number, compared = payload.numbers[0], _compared(payload, reading)
    if compared is None:
        return refused
    compared = _with_number(compared, number, reading)
    if not compared.differences:
        return accepted(
            number,
            number,
            refused.status,
            "Already there, with the same content.",
            existing=True,
            kept=compared.kept,
            total=_total(reading),
        )
    return replace(
        refused,
        error_class="stale_version",
        words=f"The number is already there, with other content: {compared.words}.",
        target_ref=number,
        existing=True,
        same_content=False,
    )


def _with_number(compared: Compared, number: str, reading: Seen | Found) -> Compared:
    """Add the number as a difference if another document has it but for the case of its letters.

    AutoCount finds A-1 for a-1: to it, both are one number. What was posted is not compared so,
    because AutoCount may show its number in another case.
    """
    their_number = number_of(reading.document or {}) if isinstance(reading, Seen) else ""
    if their_number in ("", number):
        return compared
    other = _difference(0, "docNo", their_number, number)
    return replace(compared, differences=(other, *compared.differences))


def find_document(
    document: OutgoingDocument, action: Action, standing: OutgoingDocument | None, get: Get
) -> Found:
    """Look up a document once. `get` sends a read-only request to a path below the account book."""
    if document.document not in SCHEMAS:
        words = f"AutoCount's interface knows no {document.document}."
        return Found(kind="unknown", words=words)
    number = document.number
    reading = read(path_of(document, "update"), number, get)
    if isinstance(reading, Found):
        return reading
    if reading.document is None:
        return Found(kind="absent", words=reading.words, proof=reading.proof)
    if reading.void:
        return _of_void(action, number, reading)
    compared = _against(document, reading.document)
    if action == "create":
        compared = _with_number(compared, number, reading)
    done = action != "void" and not compared.differences
    if done and not _as_before(action, standing, reading.document):
        words = f"It exists there as it was sent, under {number}."
        total = total_of(reading.document)
        return Found(kind="equal", words=words, target_ref=number, proof=reading.proof, total=total)
    if action != "create":
        return _change_not_made(document, standing, reading)
    words = f"Something else exists there under {number}: {compared.words}."
    return _different(document, words, reading, compared)


def _of_void(action: Action, number: str, reading: Seen) -> Found:
    if action == "void":
        words = f"{number} is void there."
        return Found(kind="equal", words=words, target_ref=number, proof=reading.proof)
    words = f"{number} exists there, but it was made void."
    return Found(kind="different", words=words, target_ref=number, proof=reading.proof, void=True)


def _against(document: OutgoingDocument, stands: Mapping[str, Any]) -> Compared:
    """Compare a document with ours; what AutoCount rounded to 5 sen is compared as rounded."""
    is_rounded = _mapping(stands.get("master")).get("isRoundAdj") is True
    rounded = is_rounded and rounds_to_five_sen(document)
    our_content = content(document, "update", rounded=rounded)
    return compare(our_content, expected(document, rounded=rounded), stands)


def _as_before(
    action: Action, standing: OutgoingDocument | None, stands: Mapping[str, Any]
) -> bool:
    """Check whether the document still equals the version before an update.

    If the update changed only fields that AutoCount does not show, its result is unknown. An update
    names all its values, so it is safe to send it twice.
    """
    return (
        action == "update" and standing is not None and not _against(standing, stands).differences
    )


def _change_not_made(
    document: OutgoingDocument, standing: OutgoingDocument | None, reading: Seen
) -> Found:
    """Return the lookup result if AutoCount does not show our update or void of a document.

    `absent`: the document is as we sent it before (`standing`), so the update or void may be sent.
    `different`: it was changed in AutoCount, or its former content is unknown.
    """
    number = document.number
    if standing is None:
        words = f"{number} exists there, and what was sent before is not known."
        return Found(kind="different", words=words, target_ref=number, proof=reading.proof)
    before = _against(standing, reading.document or {})
    if before.differences:
        words = f"{number} was changed in AutoCount: {before.words}."
        return _different(standing, words, reading, before)
    words = f"{number} exists there as it was sent before."
    return Found(kind="absent", words=words, target_ref=number, proof=reading.proof)


def _different(document: OutgoingDocument, words: str, reading: Seen, compared: Compared) -> Found:
    schema = SCHEMAS[document.document]
    heads = {field.wire: field.name for field in schema.header if field.wire}
    rows = {field.wire: field.name for field in schema.lines if field.wire}
    differs = (
        Kept(
            difference.line,
            (rows if difference.line and rows else heads).get(difference.field, ""),
            difference.there,
        )
        for difference in compared.differences
    )
    return Found(
        kind="different",
        words=words,
        target_ref=document.number,
        proof=reading.proof,
        differs=tuple(differs),
        stands=told(schema, reading.document or {}),
        total=total_of(reading.document),
    )


def beside(document: OutgoingDocument, reading: Seen, validated: datetime | None) -> Found:
    """Return the result of comparing AutoCount's document under this number with the content last
    sent.
    """
    number = document.number
    if reading.document is None:
        return Found(kind="absent", words=reading.words, proof=reading.proof)
    by = changed_by(reading.document)
    if reading.void:
        result = _of_void("create", number, reading)
        return replace(result, e_invoice_at=validated, changed_by=by)
    compared = _against(document, reading.document)
    if compared.differences:
        words = f"{number} was changed in AutoCount: {compared.words}."
        result = _different(document, words, reading, compared)
        return replace(result, e_invoice_at=validated, changed_by=by)
    return Found(
        kind="equal",
        words=f"{number} exists there as it was sent.",
        target_ref=number,
        proof=reading.proof,
        e_invoice_at=validated,
        total=total_of(reading.document),
    )


def compare(
    our_body: Mapping[str, Any], expected: Mapping[str, str], stands: Mapping[str, Any]
) -> Compared:
    """Compare a body as it was sent, with its expected amounts, and the document read from
    AutoCount. A total that differs only by rounding is recorded as the target's value, not as a
    difference.
    """
    differences: list[Difference] = []
    deviations: list[Kept] = []
    their_header = _mapping(stands.get("master"))
    differences += _compare_fields(_mapping(our_body.get("master")), their_header, 0)
    for name in _LISTS:
        rows = our_body.get(name)
        if isinstance(rows, list):
            _rows(rows, stands.get(name), expected, their_header, differences, deviations)
    for name, text in expected.items():
        if name not in their_header or _same(text, their_header[name]):
            continue
        if name == _TOTAL and _is_near(text, their_header[name], our_body):
            deviations.append(Kept(0, "FinalTotal", _shown(their_header[name])))
        else:
            differences.append(_difference(0, name, their_header[name], text))
    return Compared(tuple(differences), tuple(deviations))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _compare_fields(
    our_fields: Mapping[str, Any], their_fields: Mapping[str, Any], line: int
) -> list[Difference]:
    return [
        _difference(line, name, their_fields[name], _shown(value))
        for name, value in our_fields.items()
        if name in their_fields and not _same(value, their_fields[name], name)
    ]


def _difference(line: int, name: str, value: object, our_value: str) -> Difference:
    value_text, where = _shown(value), f" of line {line}" if line else ""
    their_value = "" if value in (None, "") else value_text
    return Difference(
        line, name, their_value, f"{name}{where} is {value_text} there, not {our_value}"
    )


def _shown(value: object) -> str:
    if value in (None, ""):
        return "blank"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _trimmed(value) if isinstance(value, Decimal) else str(value)


def _trimmed(value: Decimal) -> str:
    """Return a number as text without trailing zeros, but with at least 2 decimals unless it is
    whole.
    """
    is_integer = value == value.to_integral_value()
    places = 0 if is_integer else max(2, -int(value.normalize().as_tuple().exponent))
    return format(value, f".{places}f")


def _same(our_value: object, their_value: object, name: str = "") -> bool:
    if isinstance(our_value, bool) or isinstance(their_value, bool):
        return (our_value or False) is (their_value or False)
    if name == "docNo":
        return str(our_value).casefold() == str(their_value).casefold()
    if name.endswith("Date"):
        return str(our_value or "")[:10] == str(their_value or "")[:10]
    if _is_number(our_value) or _is_number(their_value):
        our_number, other = _number(our_value), _number(their_value)
        return our_number is not None and our_number == other
    return str(our_value or "") == str(their_value or "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal)


def _number(value: object) -> Decimal | None:
    """Return a value as a decimal.

    A missing number is 0, as in AutoCount. None if it is no number.
    """
    if value in (None, ""):
        return Decimal(0)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _rows(
    rows: Sequence[Mapping[str, Any]],
    listed_rows: object,
    expected: Mapping[str, str],
    master: Mapping[str, Any],
    differences: list[Difference],
    deviations: list[Kept],
) -> None:
    their_rows = [_mapping(row) for row in listed_rows] if isinstance(listed_rows, list) else []
    if len(their_rows) != len(rows):
        words = f"{len(their_rows)} lines exist there, not {len(rows)}"
        differences.append(Difference(0, "", str(len(their_rows)), words))
        return
    part_field = _PARTS if master.get("inclusiveTax") is True else "subTotalExTax"
    for at, (our_row, their_row) in enumerate(zip(rows, their_rows, strict=True)):
        shared_fields = _ROUNDED.keys() & our_row.keys() & their_row.keys()
        rounded = {name for name in shared_fields if _is_rounded(our_row[name], their_row[name])}
        plain = {name: value for name, value in our_row.items() if name not in rounded}
        differences += _compare_fields(plain, their_row, at + 1)
        deviations += [
            Kept(at + 1, _ROUNDED[n], _shown(their_row[n])) for n in _ROUNDED if n in rounded
        ]
        differences += _compare_tax(expected.get(f"{_TAX}.{at}"), their_row, at + 1, deviations)
        part = expected.get(f"{_PARTS}.{at}")
        if part is not None and part_field in their_row and not _same(part, their_row[part_field]):
            deviations.append(Kept(at + 1, "SubTotal", _shown(their_row[part_field])))


def _compare_tax(
    our_tax: str | None, their_row: Mapping[str, Any], line: int, deviations: list[Kept]
) -> list[Difference]:
    """Compare the tax of a line if both sides state it.

    A difference of up to one sen is only recorded as the target's value.
    """
    if our_tax is None or _TAX not in their_row or _same(our_tax, their_row[_TAX]):
        return []
    our_number, other = _number(our_tax), _number(their_row[_TAX])
    if our_number is not None and other is not None and abs(our_number - other) <= A_SEN:
        deviations.append(Kept(line, "TaxAmount", _shown(their_row[_TAX])))
        return []
    return [_difference(line, _TAX, their_row[_TAX], our_tax)]


def _is_rounded(our_value: object, their_value: object) -> bool:
    """Check whether AutoCount's number is ours, rounded to the decimals of its book.

    A book shows all its decimals. So a number with fewer than two decimals is not a rounded number.
    """
    our_number, other = _number(our_value), _number(their_value)
    if our_number is None or other is None or our_number == other:
        return False
    exponent = other.as_tuple().exponent
    places = max(_FEWEST_PLACES, -exponent) if isinstance(exponent, int) else _FEWEST_PLACES
    return our_number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) == other


def _is_near(our_value: object, their_value: object, our_body: Mapping[str, Any]) -> bool:
    """Check whether two totals differ only by rounding."""
    our_number, other = _number(our_value), _number(their_value)
    rows = our_body.get(_LISTS[0])
    quantities = [row.get("qty", 0) for row in rows] if isinstance(rows, list) else []
    return (
        our_number is not None and other is not None and abs(our_number - other) <= room(quantities)
    )
