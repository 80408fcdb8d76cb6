"""What AiAccount's answer to a write says about each document.

Here: reading one answer, document by document; the status alone proves nothing. Not here: making
the call (connector.py), and classes of codes (errors.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.kit.contract import Answer, Kept, Payload
from connectors.kit.http import HttpAnswer, HttpFailure, retry_after
from connectors.kit.strictjson import loads
from connectors.targets.aiaccount.errors import class_of

KEPT_BYTES = 65_536
ZONE = ZoneInfo("Asia/Kuala_Lumpur")
_UNFINISHED = frozenset({"cached", "queued", "processing"})
_UNANSWERED = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer, opened: its JSON object, or nothing when it is none."""

    answer: HttpAnswer
    content: Mapping[str, Any] | None
    now: datetime

    @property
    def error(self) -> Mapping[str, Any]:
        """The error envelope, perhaps empty."""
        return _object(self.content, "error")


def hear(answer: HttpAnswer, now: datetime) -> Heard:
    """Open an answer."""
    content = loads(answer.body)
    return Heard(answer, content if isinstance(content, dict) else None, now)


def unanswered(payload: Payload, failure: HttpFailure) -> tuple[Answer, ...]:
    """What a call without an answer means: nothing was sent, or nobody knows."""
    if failure.kind == "blocked":
        answer = Answer(
            kind="refused",
            error_class="authorization_failed",
            code="address_refused",
            words=failure.words,
        )
    elif failure.kind == "not_sent":
        answer = Answer(
            kind="temporary", error_class="temporary", code="not_sent", words=failure.words
        )
    else:
        answer = _uncertain("no_answer", failure.words, failure.status)
    return spread(payload, answer)


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
        return spread(payload, _uncertain("no_answer", f"AiAccount answered {status}.", status))
    if heard.content is None:
        return spread(payload, _without_content(status))
    if status == 423:
        return spread(payload, _parked(heard))
    if _object(heard.content, "import").get("status") in _UNFINISHED or status == 202:
        return spread(payload, _awaiting(heard))
    if isinstance(heard.content.get("documents"), list):
        return _each(payload, heard)
    if heard.error:
        return spread(payload, refusal(heard))
    return spread(payload, _single(payload, heard))


def document_answer(entry: Mapping[str, Any], heard: Heard, number: str) -> Answer:
    """What one entry of `documents` says."""
    status = heard.answer.status
    ref = _text(entry.get("id")) or None
    match entry.get("outcome"), entry.get("same_content"):
        case "accepted", _:
            return _accepted(entry, heard, number, _list_of(entry.get("lines")))
        case "skipped_duplicate", True:
            return _already_there(ref, number, status)
        case "skipped_duplicate", False:
            return _other_content(ref, number, status)
        case "rejected", _:
            return _rejected(entry, heard, number)
        case _:
            return replace(
                _uncertain("unclear", "AiAccount's answer is unclear.", status), number=number
            )


def refusal(heard: Heard) -> Answer:
    """What the error envelope says about the whole call."""
    status, error = heard.answer.status, heard.error
    code = _text(error.get("code"))
    lines = _list((heard.content or {}).get("errors"))
    first = lines[0] if lines else error
    if code == "duplicate":
        return _duplicate(error, status)
    error_class = class_of(code, reason=_text(first.get("reason")), status=status)
    return Answer(
        kind="temporary" if error_class == "temporary" else "refused",
        error_class=error_class,
        code=code or f"http_{status}",
        words=_words(lines) or _text(error.get("message")) or f"AiAccount answered {status}.",
        status=status,
        retry_after=_pause(heard) if error_class == "temporary" else None,
    )


def _each(payload: Payload, heard: Heard) -> tuple[Answer, ...]:
    entries = _by_position(payload, _list((heard.content or {}).get("documents")))
    told = []
    for at, number in enumerate(payload.numbers):
        if at in payload.refused:
            told.append(payload.refused[at])
        elif at in entries:
            told.append(document_answer(entries[at], heard, number))
        else:
            words = "AiAccount's answer does not mention this document."
            told.append(replace(_uncertain("unclear", words, heard.answer.status), number=number))
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
        if at is not None and payload.numbers[at] == entry.get("invoice_number"):
            found[at] = entry
    return found


def _single(payload: Payload, heard: Heard) -> Answer:
    content, status = heard.content or {}, heard.answer.status
    if content.get("invoice_number") != payload.numbers[0] or not content.get("id"):
        return _uncertain("unclear", "AiAccount's answer is about another document.", status)
    return _accepted(content, heard, None, tuple(payload.rows))


def _accepted(
    entry: Mapping[str, Any], heard: Heard, number: str | None, rows: Sequence[object]
) -> Answer:
    """Taken by this call, or by an earlier one with the same key, whose answer is told again.
    `rows` are the document's lines as AiAccount counts them.
    """
    warnings = _list(entry.get("warnings"))
    return Answer(
        kind="accepted",
        words=f"Accepted, with a note: {_warning(warnings[0])}." if warnings else "Accepted.",
        target_ref=_text(entry.get("id")) or None,
        number=number,
        status=heard.answer.status,
        existing=heard.answer.headers.get("idempotent-replayed") == "true",
        kept=tuple(kept for one in warnings if (kept := _kept(one, rows))),
    )


def _without_content(status: int) -> Answer:
    if 400 <= status < 500:
        error_class = class_of("", status=status)
        return Answer(
            kind="temporary" if error_class == "temporary" else "refused",
            error_class=error_class,
            code=f"http_{status}",
            words=f"AiAccount answered {status} without a reason.",
            status=status,
        )
    return _uncertain("unclear", f"AiAccount answered {status} with nothing readable.", status)


def _parked(heard: Heard) -> Answer:
    return Answer(
        kind="awaiting",
        code="key_paused",
        words="The key is paused: AiAccount keeps this and runs it when the key is active again.",
        target_ref=_text(heard.error.get("cache_id")) or None,
        status=heard.answer.status,
    )


def _awaiting(heard: Heard) -> Answer:
    return Answer(
        kind="awaiting",
        code="processing",
        words="AiAccount has it and is still working on it.",
        target_ref=_text(_object(heard.content, "import").get("id")) or None,
        status=heard.answer.status,
    )


def _rejected(entry: Mapping[str, Any], heard: Heard, number: str) -> Answer:
    rows = set(_list_of(entry.get("lines")))
    errors = _list((heard.content or {}).get("errors"))
    mine = [error for error in errors if error.get("line") in rows]
    first = mine[0] if mine else heard.error
    code = _text(first.get("code"))
    error_class = class_of(code, reason=_text(first.get("reason")), status=heard.answer.status)
    return Answer(
        kind="temporary" if error_class == "temporary" else "refused",
        error_class=error_class,
        code=code,
        words=_words(mine) or _text(first.get("message")) or "AiAccount rejected it.",
        number=number,
        status=heard.answer.status,
        retry_after=_pause(heard) if error_class == "temporary" else None,
    )


def _duplicate(error: Mapping[str, Any], status: int) -> Answer:
    ref, same = _text(error.get("existing_id")) or None, error.get("same_content")
    if error.get("reason") == "document_exists" and same is True:
        return _already_there(ref, None, status)
    if error.get("reason") == "document_exists" and same is False:
        return _other_content(ref, None, status)
    return Answer(
        kind="refused",
        error_class="duplicate",
        code="duplicate",
        words=_text(error.get("message")) or "AiAccount has a document of this number.",
        target_ref=ref,
        status=status,
    )


def _already_there(ref: str | None, number: str | None, status: int) -> Answer:
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


def _other_content(ref: str | None, number: str | None, status: int) -> Answer:
    return Answer(
        kind="refused",
        error_class="stale_version",
        code="duplicate",
        words="The number is already there, with other content: this change did not reach it.",
        target_ref=ref,
        number=number,
        status=status,
        existing=True,
        same_content=False,
    )


def _uncertain(code: str, words: str, status: int | None) -> Answer:
    return Answer(kind="uncertain", error_class="uncertain", code=code, words=words, status=status)


def _pause(heard: Heard) -> float | None:
    asked = retry_after(heard.answer.headers, heard.now)
    if asked is not None:
        return asked
    try:
        day = date.fromisoformat(_text(heard.error.get("resets_on")))
    except ValueError:
        return None
    start = datetime.combine(day, time(), ZONE)
    return max(0.0, (start - heard.now) / timedelta(seconds=1))


def _words(errors: Sequence[Mapping[str, Any]]) -> str:
    told = dict.fromkeys(_text(error.get("message")) for error in errors)
    return "; ".join(word for word in told if word)


def _warning(warning: Mapping[str, Any]) -> str:
    if warning.get("code") == "total_recomputed":
        line, sent, stored = (warning.get(name) for name in ("line", "sent", "stored"))
        return f"line {line} was {sent}, stored as {stored}"
    return _text(warning.get("code"))


def _kept(warning: Mapping[str, Any], rows: Sequence[object]) -> Kept | None:
    row, value = warning.get("line"), _text(warning.get("stored"))
    if warning.get("code") != "total_recomputed" or row not in rows or not value:
        return None
    return Kept(rows.index(row) + 1, "LineTotal", value)


def _object(content: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    value = (content or {}).get(name)
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _list_of(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
