"""What the words of AutoCount On The Go mean: its messages and statuses, and our ten classes.

Here: the table, and the answer to a call that was not taken in. Not here: what became of one that
was (outcomes.py).
"""

import re
from dataclasses import dataclass

from connectors.contract import Answer
from connectors.kit.calls import Call, unanswered, uncertain
from connectors.targets.autocount_aotg.relay import message_of
from connectors.transport.http import HttpFailure, retry_after
from grammar.text.finding_codes import ErrorClass


@dataclass(frozen=True, slots=True)
class Meaning:
    """A class, and our word for the reason."""

    error_class: ErrorClass
    code: str


NUMBER_TAKEN = "number_taken"
WORDS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (re.compile(r"\bis locked\b"), Meaning("period_locked", "date_locked")),
    (re.compile(r"\balready exists\b|\bduplicate"), Meaning("duplicate", NUMBER_TAKEN)),
    (
        re.compile(r"\bnot exists?\b|\bnot found\b|\binvalid\b.*\bcode\b"),
        Meaning("mapping_missing", "unknown_code"),
    ),
)
"""Part of the message of a request that failed, in small letters -> its meaning; the first that
occurs counts.
"""
_OTHER = Meaning("business_rule", "failed")
_STATUS: dict[int, Meaning] = {
    400: Meaning("bad_value", "http_400"),
    401: Meaning("authorization_failed", "key_refused"),
    403: Meaning("authorization_failed", "not_permitted"),
    429: Meaning("temporary", "rate_limited"),
}
_UNANSWERED = frozenset({408, 425})


def meaning(message: str) -> Meaning:
    """What a failed request means."""
    small = message.casefold()
    return next((told for words, told in WORDS if words.search(small)), _OTHER)


def failed(number: str, message: str) -> Answer:
    """The refusal of a document by the account book, in its own words."""
    found = meaning(message)
    return Answer(
        kind="refused",
        error_class=found.error_class,
        code=found.code,
        words=message or "AutoCount could not make it, and gave no reason.",
        number=number,
        status=200,
    )


def undone(number: str, message: str) -> Answer:
    """It was made, and taken back with its batch: nothing was posted, so it goes again."""
    return Answer(
        kind="temporary",
        error_class="temporary",
        code="batch_undone",
        words=f"It was taken back with the other documents of its batch: {message}",
        number=number,
        status=200,
    )


def not_taken(answer: Call, number: str) -> Answer:
    """What a write means whose answer names no request."""
    if isinstance(answer, HttpFailure):
        return unanswered(answer, number)
    status = answer.status
    if status < 400:
        words = f"AutoCount answered {status} without the id of a request."
        return uncertain("unclear", words, status, number)
    if status >= 500 or status in _UNANSWERED:
        return uncertain("no_answer", f"AutoCount answered {status}.", status, number)
    found = _STATUS.get(status, Meaning("business_rule", f"http_{status}"))
    waits = found.error_class == "temporary"
    return Answer(
        kind="temporary" if waits else "refused",
        error_class=found.error_class,
        code=found.code,
        words=message_of(answer) or f"AutoCount answered {status} without a reason.",
        number=number,
        status=status,
        retry_after=retry_after(answer.headers, answer.at) if waits else None,
    )
