"""What AutoCount's answer to a write means.

Here: reading one answer; a good one carries no content, so it counts only once the document was
read back. Not here: making the calls (connector.py), and the meaning of a refusal (errors.py).
"""

from dataclasses import replace
from decimal import Decimal

from connectors.kit.contract import Action, Answer, Found, Payload
from connectors.kit.endings import accepted, uncertain
from connectors.kit.http import HttpAnswer
from connectors.kit.strictjson import loads
from connectors.targets.autocount.compare import Compared, compare
from connectors.targets.autocount.errors import ALREADY_VOID, meaning
from connectors.targets.autocount.reading import Seen, message_of, pause_of
from connectors.targets.autocount.shown import total_of

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
    """The end of a write that AutoCount says it has done, by what stands there now."""
    number = payload.numbers[0]
    if action == "void":
        if isinstance(seen, Found) or not seen.void:
            return uncertain("not_confirmed", f"Not void yet: {seen.words}", status, number)
        existing = status not in DONE
        words = "It was void already." if existing else "Made void."
        return accepted(number, number, status, words, existing=existing)
    compared, total = _compared(payload, seen), _total(seen)
    if compared is None:
        words = f"AutoCount said yes, but it could not be read back: {seen.words}"
        return uncertain("not_confirmed", words, status, number)
    if compared.differences:
        words = f"AutoCount said yes, but something else stands there: {compared.words}."
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
