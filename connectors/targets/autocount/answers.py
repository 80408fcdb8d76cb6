"""What AutoCount's answers mean: to a write, and to the reading of one document.

Here: reading one answer; a good one carries no content, so it counts only once the document was
read back; a document by the names of our schema, or why it could not be read; what each of
AutoCount's words for a refusal means to us. Not here: making the calls (connector.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract import Action, Answer, Found, Payload, Stands
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.kit.calls import KEPT_BYTES, Call, Get, accepted, uncertain, unclear
from connectors.targets.autocount.compare import Compared, compare
from connectors.transport.http import HttpAnswer, HttpFailure, retry_after
from connectors.transport.strict_json import loads
from grammar.text.finding_codes import ErrorClass


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a refusal is: its class, and a short code for it, which is ours."""

    error_class: ErrorClass
    code: str


NUMBER_TAKEN, ALREADY_VOID = "number_taken", "already_void"

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


def meaning(status: int, message: str, *, creates: bool) -> Meaning:
    """What a refusal means. A change that finds no document (404) is news about the document; a
    create that finds none was sent to a place that is not there.
    """
    if status == 404 and not creates and "not exists" in message.casefold():
        return _GONE
    if status in _STATUS:
        return _STATUS[status]
    for words, told in WORDS:
        if words in message.casefold():
            return told
    return Meaning("business_rule", f"http_{status}")


_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read saw: the document, or proof that there is none of that number."""

    document: Mapping[str, Any] | None
    words: str
    proof: bytes

    @property
    def void(self) -> bool:
        """Whether it was made void."""
        master = (self.document or {}).get("master")
        return isinstance(master, dict) and master.get("cancelled") is True


def read(path: str, number: str, get: Get) -> Seen | Found:
    """Read by number. Only AutoCount's own words prove that nothing is there: a 404 without
    them may come from anything on the way.
    """
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return unclear(answer)
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
    """Why a call tells nothing of a document."""
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    return unclear(answer, message_of(loads(answer.body)), pause_of(answer))


def pause_of(answer: HttpAnswer) -> float | None:
    """How long until the counter of calls starts again, in seconds."""
    asked = retry_after(answer.headers, answer.at)
    if asked is not None:
        return asked
    try:
        reset = datetime.fromisoformat(answer.headers.get("x-rate-limit-reset", ""))
        return max(0.0, (reset - answer.at).total_seconds())
    except (ValueError, TypeError):
        return None


def message_of(content: object) -> str:
    """AutoCount's own words in an error."""
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else ""


VALIDATED = "eInvoiceValidatedTimeStamp"


def told(schema: DocumentSchema, stands: Mapping[str, Any]) -> Stands:
    """A document of AutoCount by the names of our schema."""
    master, rows = stands["master"], stands.get("details")
    fields = _fields(schema.header, master)
    return Stands(
        number=number_of(stands),
        target_ref=number_of(stands) or None,
        party=fields.get(schema.party_field, ""),
        date=fields.get(schema.date_field, ""),
        currency=str(master.get("currencyCode") or ""),
        amount=total_of(stands),
        fields=fields,
        lines=tuple(_fields(schema.lines, row) for row in rows or () if isinstance(row, dict)),
    )


def total_of(stands: Mapping[str, Any] | None) -> Decimal | None:
    """The total of a document there; None where that is not shown."""
    master = (stands or {}).get("master")
    total = master.get("finalTotal") if isinstance(master, Mapping) else None
    return Decimal(str(total)) if isinstance(total, int | Decimal) else None


def changed_by(stands: Mapping[str, Any] | None) -> str:
    """Which user of AutoCount changed it last; blank where that is not shown."""
    master = (stands or {}).get("master")
    return str(master.get("lastModifiedUserID") or "") if isinstance(master, Mapping) else ""


def validated_at(stands: Mapping[str, Any] | None, zone: ZoneInfo) -> datetime | None:
    """Since when its e-invoice is valid, if AutoCount tells; its moments name no zone."""
    master = (stands or {}).get("master")
    text = master.get(VALIDATED) if isinstance(master, Mapping) else None
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=zone) if text else None
    except ValueError:
        return None


def number_of(stands: Mapping[str, Any]) -> str:
    """The number of a document, blank if it has none."""
    master = stands.get("master")
    found = master.get("docNo") if isinstance(master, Mapping) else None
    return found if isinstance(found, str) else ""


def _fields(schema: Sequence[FieldSchema], shown: Mapping[str, Any]) -> dict[str, str]:
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


DONE = frozenset({200, 201, 204})
_UNANSWERED = frozenset({408, 425})


def refusal(number: str, action: Action, answer: HttpAnswer) -> Answer | None:
    """Why it was not done; nothing when AutoCount says that it was."""
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
    """The end of a write that AutoCount says it has done, by what is there now."""
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
        return uncertain("not_confirmed", words, status, number)
    words = "Accepted, and read back."
    return accepted(number, number, status, words, kept=compared.kept, total=total)


def taken(payload: Payload, refused: Answer, seen: Seen | Found) -> Answer:
    """What a number that is taken means, by what stands under it."""
    number, compared = payload.numbers[0], _compared(payload, seen)
    if compared is None:
        return refused
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


def _total(seen: Seen | Found) -> Decimal | None:
    return None if isinstance(seen, Found) else total_of(seen.document)


def _compared(payload: Payload, seen: Seen | Found) -> Compared | None:
    body = loads(payload.body)
    if isinstance(seen, Found) or seen.document is None or seen.void or not isinstance(body, dict):
        return None
    return compare(body, payload.expected, seen.document)
