"""What AiAccount's answer to a write says about each document.

Here: reading one answer, document by document; the status alone proves nothing. Not here: making
the call (connector.py), and what each end means (outcomes.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import Answer, Payload
from connectors.kit import calls
from connectors.kit.calls import uncertain
from connectors.targets.aiaccount.outcomes import (
    Heard,
    accepted,
    already_there,
    awaiting,
    decimal_of,
    list_of,
    object_of,
    other_content,
    parked,
    refusal,
    rejected,
    text_of,
    values_of,
    without_content,
)
from connectors.targets.aiaccount.ways import BY_PATH
from connectors.transport.http import HttpFailure
from grammar.text.characters import in_currency

_UNFINISHED = frozenset({"cached", "queued", "processing"})
_UNANSWERED = frozenset({408, 425})


def unanswered(payload: Payload, failure: HttpFailure) -> tuple[Answer, ...]:
    """What a call without an answer means: nothing was sent, or nobody knows."""
    return spread(payload, calls.unanswered(failure))


def spread(payload: Payload, answer: Answer) -> tuple[Answer, ...]:
    """One answer for all documents that were sent; the others keep their own."""
    return tuple(
        payload.refused.get(at, replace(answer, number=number))
        for at, number in enumerate(payload.numbers)
    )


def answers_of(payload: Payload, heard: Heard) -> tuple[Answer, ...]:
    """One answer for each document of a call that was answered."""
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


def document_answer(entry: Mapping[str, Any], heard: Heard, number: str) -> Answer:
    """What one entry of `documents` says."""
    status = heard.answer.status
    ref = text_of(entry.get("id")) or None
    match entry.get("outcome"), entry.get("same_content"):
        case "accepted", _:
            taken = accepted(entry, heard, number, values_of(entry.get("lines")))
            return replace(taken, besides=_besides(entry))
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


def _each(payload: Payload, heard: Heard) -> tuple[Answer, ...]:
    entries = _by_position(payload, list_of((heard.content or {}).get("documents")))
    told = []
    for at, number in enumerate(payload.numbers):
        if at in payload.refused:
            told.append(payload.refused[at])
        elif at in entries:
            told.append(document_answer(entries[at], heard, number))
        else:
            words = "AiAccount's answer does not mention this document."
            told.append(replace(uncertain("unclear", words, heard.answer.status), number=number))
    return tuple(told)


def _by_position(
    payload: Payload, entries: Sequence[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """Which document each entry is about: by its sheet rows, and by number only as a check on
    them.
    """
    found: dict[int, Mapping[str, Any]] = {}
    for entry in entries:
        lines = entry.get("lines")
        first = lines[0] if isinstance(lines, list) and lines else None
        at = payload.positions.get(first) if isinstance(first, int) else None
        if at is not None and payload.numbers[at] == entry.get(BY_PATH[payload.path].number):
            found[at] = entry
    return found


def _single(payload: Payload, heard: Heard) -> Answer:
    content, status = heard.content or {}, heard.answer.status
    number = content.get(BY_PATH[payload.path].number)
    if number != payload.numbers[0] or not content.get("id"):
        return uncertain("unclear", "AiAccount's answer is about another document.", status)
    taken = accepted(content, heard, None, tuple(payload.rows))
    return replace(taken, besides=_besides(content))


_PAID = (("invoice_balance", "invoice_number"), ("bill_balance", "bill_number"))


def _besides(entry: Mapping[str, Any]) -> str:
    """What is left to pay of what it pays, or what of a refund went back into stock."""
    for balance, number in _PAID:
        left = decimal_of(entry.get(balance))
        if left is not None:
            amount = in_currency(left, text_of(entry.get("currency")))
            paid = text_of(entry.get(number))
            return f"{amount} is left to pay of {paid}."
    if not isinstance(entry.get("restocked"), list):
        return ""
    back = [
        f"{decimal_of(one.get('quantity')) or 0} {text_of(one.get('sku'))}"
        for one in list_of(entry["restocked"])
    ]
    return (
        f"Returned to stock there: {', '.join(back)}." if back else "Nothing was returned to stock."
    )
