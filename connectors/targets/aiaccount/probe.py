"""The connection test: what must be true before anything is sent, in the order people look for it.

Here: the steps and the snapshot of what AiAccount knows. Not here: writing.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from connectors.contract import ConnectionReport, Rounding, Settings, Snapshot, Step
from connectors.transport.http import HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import loads

STEPS = (
    "The key is plain text",
    "The key is accepted",
    "The company is the intended one",
    "The key has the permissions",
    "Excel import is off",
    "Rounding is the same",
    "The quota is enough",
)
NEEDED = ("sales.write", "sales.read", "imports.read")


def key_fault(secret: str) -> str:
    """What is wrong with the text of a key; empty when nothing is."""
    if not secret:
        return "No key is set."
    if re.search(r"\s", secret):
        return "The key contains a space or a line break: paste it again."
    return "" if secret.isascii() and secret.isprintable() else "The key contains a foreign sign."


def report(
    settings: Settings, declared: Rounding, answer: HttpAnswer | HttpFailure
) -> ConnectionReport:
    """The steps and the snapshot that follow from one answer of the connection endpoint."""
    content = loads(answer.body) if isinstance(answer, HttpAnswer) else None
    if isinstance(answer, HttpFailure) or answer.status != 200 or not isinstance(content, dict):
        return _stopped(_refused(answer, content), there=reached(answer))
    snapshot = _snapshot(content)
    if snapshot is None:
        return _stopped("AiAccount's answer lacks the company, the key or the settings.")
    steps = (
        Step(STEPS[0], ok=True, words="No space in it."),
        _accepted(snapshot),
        *_fitting(settings, declared, snapshot),
    )
    return ConnectionReport(steps=steps, snapshot=snapshot)


def no_key(fault: str) -> ConnectionReport:
    """The report when the key itself cannot be sent."""
    later = tuple(Step(name, ok=None, words="Not tried.") for name in STEPS[1:])
    return ConnectionReport(steps=(Step(STEPS[0], ok=False, words=fault), *later), snapshot=None)


def _stopped(words: str, *, there: bool = True) -> ConnectionReport:
    later = tuple(Step(name, ok=None, words="Not tried.") for name in STEPS[2:])
    first = (
        Step(STEPS[0], ok=True, words="No space in it."),
        Step(STEPS[1], ok=False, words=words),
    )
    return ConnectionReport(steps=first + later, snapshot=None, reached=there)


def _refused(answer: HttpAnswer | HttpFailure, content: object) -> str:
    if isinstance(answer, HttpFailure):
        return answer.words
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f"AiAccount answered {answer.status}: {message or 'no reason given'}"


def _accepted(snapshot: Snapshot) -> Step:
    if snapshot.key_status == "active":
        return Step(STEPS[1], ok=True, words="The key is active.")
    words = f"The key is {snapshot.key_status}: what is sent now is kept there until it is active."
    return Step(STEPS[1], ok=None, words=words)


def _fitting(settings: Settings, declared: Rounding, snapshot: Snapshot) -> Iterator[Step]:
    wanted = str(settings.get("company_name", "")).strip()
    same = wanted == snapshot.company_name
    words = (
        snapshot.company_name if same else f"{snapshot.company_name}, not {wanted or '(blank)'}."
    )
    yield Step(STEPS[2], ok=same, words=words)
    missing = [name for name in _needs(settings, snapshot) if name not in snapshot.permissions]
    yield _permitted(missing, bills="expense.write" in snapshot.permissions)
    yield (
        Step(
            STEPS[4], None, "Excel import is on there too: the same document could be posted twice."
        )
        if snapshot.excel_import_enabled
        else Step(STEPS[4], ok=True, words="Only one way in.")
    )
    words = f"{snapshot.rounding_mode or 'Nothing'} there, {declared} here."
    yield Step(STEPS[5], ok=snapshot.rounding_mode == declared, words=words)
    yield _quota(settings, snapshot)


def _permitted(missing: list[str], *, bills: bool) -> Step:
    if missing:
        return Step(STEPS[3], ok=False, words=f"Missing: {', '.join(missing)}.")
    if bills:
        return Step(STEPS[3], ok=True, words="All there.")
    words = "Without expense.write it takes no bills and no payments from here."
    return Step(STEPS[3], ok=None, words=words)


def _needs(settings: Settings, snapshot: Snapshot) -> tuple[str, ...]:
    given = settings.get("needs")
    needs = tuple(map(str, given)) if isinstance(given, (list, tuple)) else NEEDED
    extra = ("einvoice.submit",) if snapshot.einvoice_enabled else ()
    return (*needs, *(name for name in extra if name not in needs))


def _quota(settings: Settings, snapshot: Snapshot) -> Step:
    if snapshot.quota_limit is None:
        return Step(STEPS[6], ok=True, words="No limit.")
    left = snapshot.quota_limit - (snapshot.quota_used or 0)
    wanted = int(str(settings.get("next_batch", 1)))
    words = f"{left} of {snapshot.quota_limit} left this month, {wanted} wait to be sent."
    return Step(STEPS[6], ok=left >= wanted, words=words)


def _snapshot(content: Mapping[str, Any]) -> Snapshot | None:
    parts = [content.get(name) for name in ("company", "key", "settings")]
    company, key, there = (part if isinstance(part, dict) else None for part in parts)
    if company is None or key is None or there is None:
        return None
    quota = content.get("quota")
    quota = quota if isinstance(quota, dict) else {}
    return Snapshot(
        company_id=str(company.get("id", "")),
        company_name=str(company.get("name", "")),
        locked_through=_date(there.get("locked_through")),
        tax_codes=_texts(there.get("tax_codes")),
        accounts=_texts(there.get("accounts")),
        currencies=_texts(there.get("currencies")),
        permissions=_texts(key.get("permissions")),
        key_status=str(key.get("status", "")),
        rounding_mode=str(there.get("rounding_mode") or "") or None,
        base_currency=str(there.get("base_currency", "")),
        excel_import_enabled=there.get("excel_import_enabled") is True,
        einvoice_enabled=there.get("einvoice_enabled") is True,
        quota_limit=_whole(quota.get("limit")),
        quota_used=_whole(quota.get("used")),
        quota_resets_on=_date(quota.get("resets_on")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
