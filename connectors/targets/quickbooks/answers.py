"""What QuickBooks' answer to a write means.

Here: reading one answer; it carries the document, which must be what was meant: a request id that
was used before gives the old answer, whatever was sent. Not here: making the calls (connector.py),
and the meaning of a code (responses.py).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.contract import Action, Answer, Found, Kept
from connectors.contract.schema import DocumentSchema
from connectors.kit import calls
from connectors.kit.calls import not_sent, uncertain
from connectors.targets.quickbooks.compare import Compared, compare
from connectors.targets.quickbooks.payload import ENTITIES, Names, is_void, total_in
from connectors.targets.quickbooks.responses import NEXT, Shown, Told, class_of, pause_of, told_of
from connectors.transport.http import HttpAnswer
from connectors.transport.strict_json import dumps, loads

NOTHING_TO_PAY = "nothing_to_pay"
_UNANSWERED = frozenset({408, 425})
_OWN_FAULTS = frozenset({"SystemFault", "ServiceFault"})


def unread(number: str, seen: Found) -> Answer:
    """What must be read before the write could not be: nothing was sent."""
    if seen.key_refused:
        return _refused(number, "authorization_failed", "key_refused", seen.words)
    told = not_sent(seen.words, number)
    return replace(told, status=seen.status, retry_after=seen.retry_after)


def gone(number: str, action: Action, count: int) -> Answer:
    """The document that is to be changed is not the one in the target."""
    words = (
        f"{count} documents exist there under {number}; which one is ours cannot be told."
        if count
        else f"No {number} exists there any more: the {action} was not sent."
    )
    return _refused(number, "stale_version", "document_gone", words)


def unpayable(number: str, kind: str, paid: str, count: int) -> Answer:
    """The document that is to be paid cannot be named."""
    what = f"{count} of kind {kind} exist" if count else f"No {kind} exists"
    words = f"{what} there under {paid}: the payment cannot name the one it pays."
    return _refused(number, "mapping_missing", NOTHING_TO_PAY, words)


def refusal(number: str, answer: HttpAnswer) -> Answer | None:
    """Why it was not done; nothing when QuickBooks says that it was."""
    status = answer.status
    if status == 200:
        return None
    if status >= 500 or status < 400 or status in _UNANSWERED:
        return uncertain("no_answer", f"QuickBooks answered {status}.", status, number)
    told = told_of(answer.body)
    error_class = class_of(status, told)
    waits = error_class == "temporary"
    return Answer(
        kind="temporary" if waits else "refused",
        error_class=error_class,
        code=told.code if told else f"http_{status}",
        words=_words(told) if told else f"QuickBooks answered {status} without a reason.",
        number=number,
        status=status,
        retry_after=pause_of(answer) if waits else None,
    )


def _words(told: Told) -> str:
    """The fault in QuickBooks' words, and what to do where those do not say it."""
    after = NEXT.get(told.code, "")
    return f"{told.words.rstrip('.')}. {after}" if after else told.words


def confirmed(
    schema: DocumentSchema,
    action: Action,
    number: str,
    wanted: dict[str, Any],
    total: str,
    answer: HttpAnswer,
    names: Names,
) -> Answer:
    """The end of a write that QuickBooks says it has done, by the document that it shows."""
    shown = document_in(schema, answer)
    if shown is None:
        words = "QuickBooks accepted the request, but its response could not be read."
        return uncertain("not_confirmed", words, answer.status, number)
    if action == "void":
        if is_void(shown):
            return accepted(number, shown, answer.status, "Made void.")
        words = "QuickBooks said yes, and the document is not void."
        return uncertain("not_confirmed", words, answer.status, number)
    compared = compare(schema, wanted, total, shown, names)
    if compared.differs:
        words = f"QuickBooks said yes, but something else exists there: {compared.words}."
        return uncertain("not_confirmed", words, answer.status, number)
    return accepted(number, shown, answer.status, "Accepted.", kept=compared.kept)


def items_in(answer: HttpAnswer) -> Mapping[str, HttpAnswer]:
    """What a batch was answered, by item, each as if it had been sent alone. Left out is an item
    that is told twice, for nobody knows which is true.
    """
    content = loads(answer.body)
    listed = content.get("BatchItemResponse") if isinstance(content, dict) else None
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    often = Counter(str(one.get("bId")) for one in rows)
    return {
        str(one["bId"]): replace(answer, status=_status_of(one), body=dumps(one))
        for one in rows
        if "bId" in one and often[str(one["bId"])] == 1
    }


def _status_of(item: Mapping[str, Any]) -> int:
    """What an item would have been answered alone. One that is refused and shown, or that met a
    fault of QuickBooks' own, may have been done.
    """
    if "Fault" not in item:
        return 200
    fault = item["Fault"]
    kind = fault.get("type") if isinstance(fault, Mapping) else None
    shown = any(entity.name in item for entity in ENTITIES.values())
    return 500 if shown or kind in _OWN_FAULTS else 400


def untold(number: str, answer: HttpAnswer) -> Answer:
    """The batch was answered, and nothing of this document."""
    words = (
        f"QuickBooks answered the batch, but its response does not tell what became of {number}."
    )
    return uncertain("not_confirmed", words, answer.status, number)


def taken(refused: Answer, holder: Shown, compared: Compared) -> Answer:
    """What a number that is taken means, by what stands under it."""
    if not compared.differs and not is_void(holder):
        words = "Already there, with the same content."
        number = refused.number or ""
        kept = compared.kept
        return accepted(number, holder, refused.status, words, existing=True, kept=kept)
    why = "it was made void" if is_void(holder) else compared.words
    return Answer(
        kind="refused",
        error_class="stale_version",
        code=refused.code,
        words=f"The number is already there, with other content: {why}.",
        target_ref=str(holder.get("Id") or "") or None,
        number=refused.number,
        status=refused.status,
        existing=True,
        same_content=False,
    )


def holder_in(answer: HttpAnswer) -> str:
    """The id of the document that has the number, where QuickBooks names it."""
    told = told_of(answer.body)
    return told.holder if told else ""


def document_in(schema: DocumentSchema, answer: HttpAnswer) -> Shown | None:
    """The document that an answer shows."""
    content = loads(answer.body)
    shown = content.get(ENTITIES[schema.name].name) if isinstance(content, dict) else None
    return shown if answer.status == 200 and isinstance(shown, dict) else None


def accepted(
    number: str,
    shown: Shown,
    status: int | None,
    words: str,
    *,
    existing: bool = False,
    kept: tuple[Kept, ...] = (),
) -> Answer:
    """It is posted."""
    ref = str(shown.get("Id") or number)
    total = None if is_void(shown) else total_in(shown)
    return calls.accepted(number, ref, status, words, existing=existing, kept=kept, total=total)


def _refused(number: str, error_class: Any, code: str, words: str) -> Answer:
    return Answer(kind="refused", error_class=error_class, code=code, words=words, number=number)
