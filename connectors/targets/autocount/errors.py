"""AutoCount's own words for a refusal, and what each means to us.

Here: one table, words to class. AutoCount gives no codes: the status is read first, then the words;
what nobody knows goes to a person in full. Not here: whether anything is sent again (kit/errors.py
says that for a class).
"""

from dataclasses import dataclass

from connectors.kit.errors import ErrorClass


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
