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
    for words, told in WORDS:
        if words in message.casefold():
            return told
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
    told = message_of(content)
    if answer.status == _NOT_FOUND and "not exists" in told.casefold():
        return Seen(None, f"No {number} exists there.", proof)
    if answer.status == 200 and isinstance(content, dict):
        master = content.get("master")
        found = master.get("docNo") if isinstance(master, dict) else None
        if isinstance(found, str) and found.casefold() == number.casefold():
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
    asked = retry_after(answer.headers, answer.at)
    if asked is not None:
        return asked
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


def _answer_fields(schema: Sequence[FieldSchema], shown: Mapping[str, Any]) -> dict[str, str]:
    return {
        field.name: _text(field, shown[field.wire])
        for field in schema
        if field.wire and shown.get(field.wire) not in (None, "")
    }


def _text(field: FieldSchema, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.type == "date":
        return str(value)[:10]
    if isinstance(value, Decimal):
        places = field.places or 0
        whole = value.quantize(Decimal(1).scaleb(-places)) if field.type == "money" else value
        return format(whole.normalize() if field.type != "money" else whole, "f")
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
    found = master.get("docNo") if isinstance(master, Mapping) else None
    return found if isinstance(found, str) else ""


def refusal(number: str, action: Action, answer: HttpAnswer) -> Answer | None:
    """Return why the write was not done or is uncertain; None if AutoCount reports success.

    Voiding a void document counts as success.
    """
    status = answer.status
    if status in DONE:
        return None
    if status >= 500 or status < 400 or status in _UNANSWERED:
        return uncertain("no_answer", f"AutoCount answered {status}.", status, number)
    told = message_of(loads(answer.body))
    found = meaning(status, told, creates=action == "create")
    if action == "void" and found.code == ALREADY_VOID:
        return None
    waits = found.error_class == "temporary"
    return Answer(
        kind="temporary" if waits else "refused",
        error_class=found.error_class,
        code=found.code,
        words=told or f"AutoCount answered {status} without a reason.",
        number=number,
        status=status,
        retry_after=pause_of(answer) if waits else None,
    )


def confirmed(payload: Payload, action: Action, status: int, seen: Seen | Found) -> Answer:
    """Return the answer for a write that AutoCount reports as done, after reading the document
    back.
    """
    number = payload.numbers[0]
    if action == "void":
        if isinstance(seen, Found) or not seen.void:
            return uncertain("not_confirmed", f"Not yet voided: {seen.words}", status, number)
        existing = status not in DONE
        words = "It was void already." if existing else "Made void."
        return accepted(number, number, status, words, existing=existing)
    compared, total = _compared(payload, seen), _total(seen)
    if compared is None:
        words = f"AutoCount said yes, but it could not be read back: {seen.words}"
        return uncertain("not_confirmed", words, status, number)
    if compared.differences:
        words = f"AutoCount said yes, but something else exists there: {compared.words}."
        made = number if status in DONE and action == "create" else None
        return uncertain("not_confirmed", words, status, number, made)
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
        told = "; ".join(one.words for one in self.differences[:3])
        return f"{told}; and {more} more" if more > 0 else told


def _compared(payload: Payload, seen: Seen | Found) -> Compared | None:
    body = loads(payload.body)
    if isinstance(seen, Found) or seen.document is None or seen.void or not isinstance(body, dict):
        return None
    return compare(body, payload.expected, seen.document)


def _total(seen: Seen | Found) -> Decimal | None:
    return None if isinstance(seen, Found) else total_of(seen.document)


def taken(payload: Payload, refused: Answer, seen: Seen | Found) -> Answer:
    """Return the answer for a number that is taken, by comparing the document that holds it.

    With our content it is already posted; with other content it is refused.
    """
    number, compared = payload.numbers[0], _compared(payload, seen)
    if compared is None:
        return refused
    compared = _with_number(compared, number, seen)
    if not compared.differences:
        return accepted(
            number,
            number,
            refused.status,
            "Already there, with the same content.",
            existing=True,
            kept=compared.kept,
            total=_total(seen),
        )
    return replace(
        refused,
        error_class="stale_version",
        words=f"The number is already there, with other content: {compared.words}.",
        target_ref=number,
        existing=True,
        same_content=False,
    )


def _with_number(compared: Compared, number: str, seen: Seen | Found) -> Compared:
    """Add the number as a difference if another document has it but for the case of its letters.

    AutoCount finds A-1 for a-1: to it, both are one number. What was posted is not compared so,
    because AutoCount may show its number in another case.
    """
    there = number_of(seen.document or {}) if isinstance(seen, Seen) else ""
    if there in ("", number):
        return compared
    other = _difference(0, "docNo", there, number)
    return replace(compared, differences=(other, *compared.differences))


def find_document(
    document: OutgoingDocument, action: Action, standing: OutgoingDocument | None, get: Get
) -> Found:
    """Look up a document once. `get` sends a read-only request to a path below the account book."""
    if document.document not in SCHEMAS:
        words = f"AutoCount's interface knows no {document.document}."
        return Found(kind="unknown", words=words)
    number = document.number
    seen = read(path_of(document, "update"), number, get)
    if isinstance(seen, Found):
        return seen
    if seen.document is None:
        return Found(kind="absent", words=seen.words, proof=seen.proof)
    if seen.void:
        return _of_void(action, number, seen)
    compared = _against(document, seen.document)
    if action == "create":
        compared = _with_number(compared, number, seen)
    done = action != "void" and not compared.differences
    if done and not _as_before(action, standing, seen.document):
        words = f"It exists there as it was sent, under {number}."
        total = total_of(seen.document)
        return Found(kind="equal", words=words, target_ref=number, proof=seen.proof, total=total)
    if action != "create":
        return _untouched(document, standing, seen)
    words = f"Something else exists there under {number}: {compared.words}."
    return _different(document, words, seen, compared)


def _of_void(action: Action, number: str, seen: Seen) -> Found:
    if action == "void":
        words = f"{number} is void there."
        return Found(kind="equal", words=words, target_ref=number, proof=seen.proof)
    words = f"{number} exists there, but it was made void."
    return Found(kind="different", words=words, target_ref=number, proof=seen.proof, void=True)


def _against(document: OutgoingDocument, stands: Mapping[str, Any]) -> Compared:
    """Compare a document with ours; what AutoCount rounded to 5 sen is compared as rounded."""
    is_rounded = _mapping(stands.get("master")).get("isRoundAdj") is True
    rounded = is_rounded and rounds_to_five_sen(document)
    wanted = content(document, "update", rounded=rounded)
    return compare(wanted, expected(document, rounded=rounded), stands)


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


def _untouched(document: OutgoingDocument, standing: OutgoingDocument | None, seen: Seen) -> Found:
    """Return the lookup result for a change that has not been made.

    `absent` allows the change. `different`: the document was changed in AutoCount since we sent it.
    """
    number = document.number
    if standing is None:
        words = f"{number} exists there, and what was sent before is not known."
        return Found(kind="different", words=words, target_ref=number, proof=seen.proof)
    before = _against(standing, seen.document or {})
    if before.differences:
        words = f"{number} was changed in AutoCount: {before.words}."
        return _different(standing, words, seen, before)
    words = f"{number} exists there as it was sent before."
    return Found(kind="absent", words=words, target_ref=number, proof=seen.proof)


def _different(document: OutgoingDocument, words: str, seen: Seen, compared: Compared) -> Found:
    schema = SCHEMAS[document.document]
    heads = {field.wire: field.name for field in schema.header if field.wire}
    rows = {field.wire: field.name for field in schema.lines if field.wire}
    differs = (
        Kept(one.line, (rows if one.line and rows else heads).get(one.field, ""), one.there)
        for one in compared.differences
    )
    return Found(
        kind="different",
        words=words,
        target_ref=document.number,
        proof=seen.proof,
        differs=tuple(differs),
        stands=told(schema, seen.document or {}),
        total=total_of(seen.document),
    )


def beside(document: OutgoingDocument, seen: Seen, validated: datetime | None) -> Found:
    """Return the result of comparing AutoCount's document under this number with the content last
    sent.
    """
    number = document.number
    if seen.document is None:
        return Found(kind="absent", words=seen.words, proof=seen.proof)
    by = changed_by(seen.document)
    if seen.void:
        found = _of_void("create", number, seen)
        return replace(found, e_invoice_at=validated, changed_by=by)
    compared = _against(document, seen.document)
    if compared.differences:
        words = f"{number} was changed in AutoCount: {compared.words}."
        found = _different(document, words, seen, compared)
        return replace(found, e_invoice_at=validated, changed_by=by)
    return Found(
        kind="equal",
        words=f"{number} exists there as it was sent.",
        target_ref=number,
        proof=seen.proof,
        e_invoice_at=validated,
        total=total_of(seen.document),
    )


def compare(
    wanted: Mapping[str, Any], expected: Mapping[str, str], stands: Mapping[str, Any]
) -> Compared:
    """Compare a body as it was sent, with its expected amounts, and the document read from
    AutoCount. A total that differs only by rounding is recorded as the target's value, not as a
    difference.
    """
    told: list[Difference] = []
    kept: list[Kept] = []
    theirs = _mapping(stands.get("master"))
    told += _compare_fields(_mapping(wanted.get("master")), theirs, 0)
    for name in _LISTS:
        rows = wanted.get(name)
        if isinstance(rows, list):
            _rows(rows, stands.get(name), expected, theirs, told, kept)
    for name, text in expected.items():
        if name not in theirs or _same(text, theirs[name]):
            continue
        if name == _TOTAL and _is_near(text, theirs[name], wanted):
            kept.append(Kept(0, "FinalTotal", _shown(theirs[name])))
        else:
            told.append(_difference(0, name, theirs[name], text))
    return Compared(tuple(told), tuple(kept))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _compare_fields(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], line: int
) -> list[Difference]:
    return [
        _difference(line, name, theirs[name], _shown(value))
        for name, value in ours.items()
        if name in theirs and not _same(value, theirs[name], name)
    ]


def _difference(line: int, name: str, value: object, ours: str) -> Difference:
    shown, where = _shown(value), f" of line {line}" if line else ""
    there = "" if value in (None, "") else shown
    return Difference(line, name, there, f"{name}{where} is {shown} there, not {ours}")


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
    whole = value == value.to_integral_value()
    places = 0 if whole else max(2, -int(value.normalize().as_tuple().exponent))
    return format(value, f".{places}f")


def _same(ours: object, theirs: object, name: str = "") -> bool:
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return (ours or False) is (theirs or False)
    if name == "docNo":
        return str(ours).casefold() == str(theirs).casefold()
    if name.endswith("Date"):
        return str(ours or "")[:10] == str(theirs or "")[:10]
    if _is_number(ours) or _is_number(theirs):
        one, other = _number(ours), _number(theirs)
        return one is not None and one == other
    return str(ours or "") == str(theirs or "")


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
    found: object,
    expected: Mapping[str, str],
    master: Mapping[str, Any],
    told: list[Difference],
    kept: list[Kept],
) -> None:
    there = [_mapping(row) for row in found] if isinstance(found, list) else []
    if len(there) != len(rows):
        words = f"{len(there)} lines exist there, not {len(rows)}"
        told.append(Difference(0, "", str(len(there)), words))
        return
    shown = _PARTS if master.get("inclusiveTax") is True else "subTotalExTax"
    for at, (ours, theirs) in enumerate(zip(rows, there, strict=True)):
        both = _ROUNDED.keys() & ours.keys() & theirs.keys()
        rounded = {name for name in both if _is_rounded(ours[name], theirs[name])}
        plain = {name: value for name, value in ours.items() if name not in rounded}
        told += _compare_fields(plain, theirs, at + 1)
        kept += [Kept(at + 1, _ROUNDED[n], _shown(theirs[n])) for n in _ROUNDED if n in rounded]
        told += _compare_tax(expected.get(f"{_TAX}.{at}"), theirs, at + 1, kept)
        part = expected.get(f"{_PARTS}.{at}")
        if part is not None and shown in theirs and not _same(part, theirs[shown]):
            kept.append(Kept(at + 1, "SubTotal", _shown(theirs[shown])))


def _compare_tax(
    ours: str | None, theirs: Mapping[str, Any], line: int, kept: list[Kept]
) -> list[Difference]:
    """Compare the tax of a line if both sides state it.

    A difference of up to one sen is only recorded as the target's value.
    """
    if ours is None or _TAX not in theirs or _same(ours, theirs[_TAX]):
        return []
    one, other = _number(ours), _number(theirs[_TAX])
    if one is not None and other is not None and abs(one - other) <= A_SEN:
        kept.append(Kept(line, "TaxAmount", _shown(theirs[_TAX])))
        return []
    return [_difference(line, _TAX, theirs[_TAX], ours)]


def _is_rounded(ours: object, theirs: object) -> bool:
    """Check whether AutoCount's number is ours, rounded to the decimals of its book.

    A book shows all its decimals. So a number with fewer than two decimals is not a rounded number.
    """
    one, other = _number(ours), _number(theirs)
    if one is None or other is None or one == other:
        return False
    exponent = other.as_tuple().exponent
    places = max(_FEWEST_PLACES, -exponent) if isinstance(exponent, int) else _FEWEST_PLACES
    return one.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) == other


def _is_near(ours: object, theirs: object, wanted: Mapping[str, Any]) -> bool:
    """Check whether two totals differ only by rounding."""
    one, other = _number(ours), _number(theirs)
    rows = wanted.get(_LISTS[0])
    quantities = [row.get("qty", 0) for row in rows] if isinstance(rows, list) else []
    return one is not None and other is not None and abs(one - other) <= room(quantities)
