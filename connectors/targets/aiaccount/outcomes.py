"""Read AiAccount's answers, and convert them to the result of each document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from connectors.contract import Answer, Kept, Payload
from connectors.kit import calls
from connectors.kit.calls import uncertain
from connectors.targets.aiaccount.ways import BY_PATH
from connectors.transport.http import HttpAnswer, HttpFailure, retry_after
from connectors.transport.strict_json import loads
from grammar.text.characters import in_currency
from grammar.text.finding_codes import ErrorClass

CLASS_OF_CODE: Mapping[str, ErrorClass] = {
    "bad_file": "bad_value",
    "missing_column": "bad_value",
    "bad_json": "bad_value",
    "idempotency_key_missing": "bad_value",
    "file_too_large": "bad_value",
    "bad_value": "bad_value",
    "inconsistent_header": "bad_value",
    "invalid_key": "authorization_failed",
    "missing_permission": "authorization_failed",
    "key_disabled": "authorization_failed",
    "company_not_found": "authorization_failed",
    "method_not_allowed": "business_rule",
    "over_payment": "business_rule",
    "unknown_invoice": "business_rule",
    "unknown_bill": "business_rule",
    "duplicate": "duplicate",
    "period_locked": "period_locked",
    "unknown_account": "mapping_missing",
    "unknown_tax_code": "mapping_missing",
    "unknown_sku": "mapping_missing",
    "currency_disabled": "mapping_missing",
    "missing_field": "missing_field",
    "quota_exceeded": "temporary",
    "rate_limited": "temporary",
}

_EINVOICE: Mapping[str, ErrorClass] = {
    "tin_format": "bad_value",
    "classification_missing": "missing_field",
    "buyer_incomplete": "missing_field",
}

_CLASS_OF_STATUS: Mapping[int, ErrorClass] = {  # those that say enough by themselves
    401: "authorization_failed",
    403: "authorization_failed",
    404: "authorization_failed",
    409: "duplicate",
    413: "bad_value",
    429: "temporary",
}

_UNFINISHED = frozenset({"cached", "queued", "processing"})

_UNANSWERED = frozenset({408, 425})

_PAID = (("invoice_balance", "invoice_number"), ("bill_balance", "bill_number"))


def class_of(code: str, *, reason: str = "", status: int | None = None) -> ErrorClass:
    """Return the error class of a refusal by its code, else by its status.

    An unknown refusal needs a person.
    """
    if code == "einvoice_invalid":
        return _EINVOICE.get(reason, "bad_value")
    return CLASS_OF_CODE.get(code) or _CLASS_OF_STATUS.get(status or 0, "business_rule")


@dataclass(frozen=True, slots=True)
class Heard:
    """A parsed answer: its JSON object, or None if it has none.

    `now` is in the time zone of the books, which defines their days.
    """

    answer: HttpAnswer
    content: Mapping[str, Any] | None
    now: datetime

    @property
    def error(self) -> Mapping[str, Any]:
        """The error envelope, perhaps empty."""
        return object_of(self.content, "error")


def hear(answer: HttpAnswer, now: datetime) -> Heard:
    """Open an answer."""
    content = _opened(answer.body)
    return Heard(answer, content if isinstance(content, dict) else None, now)


@lru_cache(maxsize=2)
def _opened(body: bytes) -> object:
    """Return the parsed JSON of a body.

    Cached, since the answer of a file is read once for each document.
    """
    return loads(body)


def pause_of(heard: Heard) -> float | None:
    """Return how many seconds to wait before the next call, if the answer states it; else None."""
    seconds = retry_after(heard.answer.headers, heard.now)
    if seconds is not None:
        return seconds
    try:
        day = date.fromisoformat(text_of(heard.error.get("resets_on")))
    except ValueError:
        return None
    start = datetime.combine(day, time(), heard.now.tzinfo)
    return max(0.0, (start - heard.now) / timedelta(seconds=1))


def object_of(content: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    """Return the object under a name, or an empty object."""
    value = (content or {}).get(name)
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list; empty for a value that is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def values_of(value: object) -> list[object]:
    """Return the value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def text_of(value: object) -> str:
    """Return the value if it is text, else blank."""
    return value if isinstance(value, str) else ""


def decimal_of(value: object) -> Decimal | None:
    """Return a finite number as a decimal, else None."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def accepted(
    entry: Mapping[str, Any], heard: Heard, number: str | None, rows: Sequence[object]
) -> Answer:
    """Return the accepted answer of a document, taken by this call or an earlier call with its
    idempotency key.

    `rows` are the document's lines as AiAccount counts them.
    """
    warnings = list_of(entry.get("warnings"))
    return Answer(
        kind="accepted",
        words=f"Accepted, with a note: {_warning(warnings[0])}." if warnings else "Accepted.",
        target_ref=text_of(entry.get("id")) or None,
        number=number,
        status=heard.answer.status,
        existing=heard.answer.headers.get("idempotent-replayed") == "true",
        kept=tuple(deviation for warning in warnings if (deviation := _kept(warning, rows))),
        total=decimal_of(entry.get("total", entry.get("amount"))),
        tax=decimal_of(entry.get("tax")),
    )


def _warning(warning: Mapping[str, Any]) -> str:
    if warning.get("code") == "total_recomputed":
        line, sent, stored = (warning.get(name) for name in ("line", "sent", "stored"))
        return f"line {line} was {sent}, stored as {stored}"
    return text_of(warning.get("code"))


def _kept(warning: Mapping[str, Any], rows: Sequence[object]) -> Kept | None:
    row, value = warning.get("line"), text_of(warning.get("stored"))
    if warning.get("code") != "total_recomputed" or row not in rows or not value:
        return None
    return Kept(rows.index(row) + 1, "LineTotal", value)


def rejected(entry: Mapping[str, Any], heard: Heard, number: str) -> Answer:
    """Return the answer for one rejected document in a file, by the errors of its own rows."""
    rows = set(values_of(entry.get("lines")))
    errors = list_of((heard.content or {}).get("errors"))
    row_errors = [error for error in errors if error.get("line") in rows]
    first = row_errors[0] if row_errors else heard.error
    code = text_of(first.get("code"))
    error_class = class_of(code, reason=text_of(first.get("reason")), status=heard.answer.status)
    return Answer(
        kind="temporary" if error_class == "temporary" else "refused",
        error_class=error_class,
        code=code,
        words=_at_lines(row_errors) or text_of(first.get("message")) or "AiAccount rejected it.",
        number=number,
        status=heard.answer.status,
        retry_after=pause_of(heard) if error_class == "temporary" else None,
    )


def _at_lines(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return the error messages with their lines in the file. The header is line 1."""
    lines: dict[str, list[object]] = {}
    for error in errors:
        lines.setdefault(text_of(error.get("message")), []).append(error.get("line"))
    return "; ".join(
        f"{_lines(line_numbers)}: {word}" for word, line_numbers in lines.items() if word
    )


def _lines(line_numbers: Sequence[object]) -> str:
    texts = [str(line) for line in dict.fromkeys(line_numbers)]
    first_lines, more = texts[:3], len(texts) - 3
    suffix = f" and {more} more" if more > 0 else ""
    return f"line{'s' if len(texts) > 1 else ''} {', '.join(first_lines)}{suffix}"


def refusal(heard: Heard) -> Answer:
    """Return the refusal that the error envelope gives for the whole call."""
    status, error = heard.answer.status, heard.error
    code = text_of(error.get("code"))
    lines = list_of((heard.content or {}).get("errors"))
    first = lines[0] if lines else error
    if code == "duplicate":
        return _duplicate(error, status)
    error_class = class_of(code, reason=text_of(first.get("reason")), status=status)
    return Answer(
        kind="temporary" if error_class == "temporary" else "refused",
        error_class=error_class,
        code=code or f"http_{status}",
        words=_words(lines) or text_of(error.get("message")) or f"AiAccount answered {status}.",
        status=status,
        retry_after=pause_of(heard) if error_class == "temporary" else None,
    )


def _duplicate(error: Mapping[str, Any], status: int) -> Answer:
    ref, same_content = text_of(error.get("existing_id")) or None, error.get("same_content")
    if error.get("reason") == "document_exists" and same_content is True:
        return already_there(ref, None, status)
    if error.get("reason") == "document_exists" and same_content is False:
        return other_content(ref, None, status)
    return Answer(
        kind="refused",
        error_class="duplicate",
        code="duplicate",
        words=text_of(error.get("message")) or "AiAccount has a document of this number.",
        target_ref=ref,
        status=status,
    )


def _words(errors: Sequence[Mapping[str, Any]]) -> str:
    messages = dict.fromkeys(text_of(error.get("message")) for error in errors)
    return "; ".join(word for word in messages if word)


def already_there(ref: str | None, number: str | None, status: int) -> Answer:
    """Return the accepted answer for a document that was posted earlier with equal content."""
    return Answer(
        kind="accepted",
        code="duplicate",
        words="Already there, with the same content.",
        target_ref=ref,
        number=number,
        status=status,
        existing=True,
        same_content=True,
    )


def other_content(ref: str | None, number: str | None, status: int) -> Answer:
    """Return the refusal for a number that exists with other content."""
    return Answer(
        kind="refused",
        error_class="stale_version",
        code="duplicate",
        words="The number is already there, with other content; ours was not taken.",
        target_ref=ref,
        number=number,
        status=status,
        existing=True,
        same_content=False,
    )


def parked(heard: Heard) -> Answer:
    """Return the awaiting answer for a document that AiAccount queues until the key is active
    again.
    """
    return Answer(
        kind="awaiting",
        code="key_paused",
        words="The key is paused: AiAccount keeps this and runs it when the key is active again.",
        target_ref=text_of(heard.error.get("cache_id")) or None,
        status=heard.answer.status,
    )


def awaiting(heard: Heard) -> Answer:
    """Return the awaiting answer for a document that AiAccount is still processing."""
    return Answer(
        kind="awaiting",
        code="processing",
        words="AiAccount has it and is still working on it.",
        target_ref=text_of(object_of(heard.content, "import").get("id")) or None,
        status=heard.answer.status,
    )


def without_content(status: int) -> Answer:
    """Return the answer for a response without readable content: a refusal for 4xx, else
    uncertain.
    """
    if 400 <= status < 500:
        error_class = class_of("", status=status)
        return Answer(
            kind="temporary" if error_class == "temporary" else "refused",
            error_class=error_class,
            code=f"http_{status}",
            words=f"AiAccount answered {status} without a reason.",
            status=status,
        )
    return uncertain("unclear", f"AiAccount answered {status} with nothing readable.", status)


def unanswered(payload: Payload, failure: HttpFailure) -> tuple[Answer, ...]:
    """Return the answers for a call without a response: not sent, or uncertain."""
    return spread(payload, calls.unanswered(failure))


def spread(payload: Payload, answer: Answer) -> tuple[Answer, ...]:
    """Return an answer for each document of the payload.

    Documents refused before keep their own answer.
    """
    return tuple(
        payload.refused.get(at, replace(answer, number=number))
        for at, number in enumerate(payload.numbers)
    )


def answers_of(payload: Payload, heard: Heard) -> tuple[Answer, ...]:
    """Return the answer for each document of a call, from its response."""
    status = heard.answer.status
    if status >= 500 or 300 <= status < 400 or status in _UNANSWERED:
        return spread(payload, uncertain("no_answer", f"AiAccount answered {status}.", status))
    if heard.content is None:
        return spread(payload, without_content(status))
    if status == 423:
        return spread(payload, parked(heard))
    if object_of(heard.content, "import").get("status") in _UNFINISHED or status == 202:
        return spread(payload, awaiting(heard))
    if isinstance(heard.content.get("documents"), list):
        return _each(payload, heard)
    if heard.error or status >= 400:
        return spread(payload, refusal(heard))
    return spread(payload, _single(payload, heard))


def _each(payload: Payload, heard: Heard) -> tuple[Answer, ...]:
    entries = _by_position(payload, list_of((heard.content or {}).get("documents")))
    answers = []
    for at, number in enumerate(payload.numbers):
        if at in payload.refused:
            answers.append(payload.refused[at])
        elif at in entries:
            answers.append(document_answer(entries[at], heard, number))
        else:
            words = "AiAccount's answer does not mention this document."
            answers.append(replace(uncertain("unclear", words, heard.answer.status), number=number))
    return tuple(answers)


def _by_position(
    payload: Payload, entries: Sequence[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """Return place -> entry of the response.

    An entry belongs to a document if its first sheet row and its number agree.
    """
    entries_by_place: dict[int, Mapping[str, Any]] = {}
    for entry in entries:
        lines = entry.get("lines")
        first = lines[0] if isinstance(lines, list) and lines else None
        at = payload.positions.get(first) if isinstance(first, int) else None
        if at is not None and payload.numbers[at] == entry.get(BY_PATH[payload.path].number):
            entries_by_place[at] = entry
    return entries_by_place


def _single(payload: Payload, heard: Heard) -> Answer:
    content, status = heard.content or {}, heard.answer.status
    number = content.get(BY_PATH[payload.path].number)
    if number != payload.numbers[0] or not content.get("id"):
        return uncertain("unclear", "AiAccount's answer is about another document.", status)
    accepted_answer = accepted(content, heard, None, tuple(payload.rows))
    return replace(accepted_answer, besides=_besides(content))


def _besides(entry: Mapping[str, Any]) -> str:
    """Return a note on the balance left to pay, or on the goods that a refund returned to stock.

    Else blank.
    """
    for balance, number in _PAID:
        open_balance = decimal_of(entry.get(balance))
        if open_balance is not None:
            amount = in_currency(open_balance, text_of(entry.get("currency")))
            paid = text_of(entry.get(number))
            return f"{amount} is left to pay of {paid}."
    if not isinstance(entry.get("restocked"), list):
        return ""
    back = [
        f"{decimal_of(item.get('quantity')) or 0} {text_of(item.get('sku'))}"
        for item in list_of(entry["restocked"])
    ]
    return (
        f"Returned to stock there: {', '.join(back)}." if back else "Nothing was returned to stock."
    )


def document_answer(entry: Mapping[str, Any], heard: Heard, number: str) -> Answer:
    """Return the answer for an entry of the response's list `documents`."""
    status = heard.answer.status
    ref = text_of(entry.get("id")) or None
    match entry.get("outcome"), entry.get("same_content"):
        case "accepted", _:
            accepted_answer = accepted(entry, heard, number, values_of(entry.get("lines")))
            return replace(accepted_answer, besides=_besides(entry))
        case "skipped_duplicate", True:
            return already_there(ref, number, status)
        case "skipped_duplicate", False:
            return other_content(ref, number, status)
        case "rejected", _:
            return rejected(entry, heard, number)
        case _:
            return replace(
                uncertain("unclear", "AiAccount's answer is unclear.", status), number=number
            )
