"""The connection test: what must be true before anything is sent, in the order people look for it.

Here: the steps and the snapshot. AutoCount's interface lists no codes and no name of the book:
what it does not tell stays unknown. It does not tell what is closed, either: that is a setting, and
without it the test fails, for every posting asks for it. Not here: writing.
"""

import re
from collections.abc import Mapping
from datetime import date

from connectors.contract import ConnectionReport, Settings, Snapshot, Step
from connectors.kit.calls import Get
from connectors.targets.autocount.answers import message_of
from connectors.transport.http import KEY_REFUSED, HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import loads

STEPS = (
    "The key is plain text",
    "The key is accepted",
    "The account book is the intended one",
    "The key has the permissions",
    "The locked period is known",
)
LISTINGS: Mapping[str, str] = {
    "invoices": "/invoice/listing?page=1",
    "credit notes": "/creditNote/listing?page=1",
}


def report(settings: Settings, secret: str, get: Get) -> ConnectionReport:
    """The steps, from one read for each kind of document that can be listed."""
    fault = _key_fault(settings, secret)
    if fault:
        return ConnectionReport.stopped(STEPS, 0, fault)
    seen = {name: get(path) for name, path in LISTINGS.items()}
    first = seen["invoices"]
    if isinstance(first, HttpFailure) or first.status == 401:
        return ConnectionReport.stopped(STEPS, 1, _told(first), there=reached(first))
    if first.status not in (200, 403):
        return ConnectionReport.stopped(STEPS, 2, _told(first), there=reached(first))
    locked = _locked(settings)
    known = not isinstance(locked, str)
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    steps = (
        Step(STEPS[0], ok=True, words="No space in it, and its id is given."),
        Step(STEPS[1], ok=True, words="AutoCount knows the key."),
        _book(settings),
        _permissions(seen),
        Step(STEPS[4], ok=known, words=f"{closed}, by the setting." if known else str(locked)),
    )
    snapshot = None if isinstance(locked, str) else _snapshot(settings, locked)
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _key_fault(settings: Settings, secret: str) -> str:
    key_id = str(settings.get("key_id", ""))
    for name, text in (("key", secret.strip()), ("setting key_id", key_id.strip())):
        if not text:
            return f"No {name} is given." if name == "key" else f"The {name} is blank."
        if re.search(r"\s", text):
            return f"The {name} contains a space or a line break: paste it again."
        if not (text.isascii() and text.isprintable()):
            return f"The {name} contains a foreign sign."
    return ""


def _book(settings: Settings) -> Step:
    book = str(settings.get("company_id", "")).strip()
    name = str(settings.get("company_name", "")).strip() or "no name given"
    words = f"Book {book} ({name}). AutoCount tells no name: compare the number in AutoCount once."
    return Step(STEPS[2], ok=None, words=words)


def _permissions(seen: Mapping[str, HttpAnswer | HttpFailure]) -> Step:
    lacking = [
        name
        for name, answer in seen.items()
        if isinstance(answer, HttpAnswer) and answer.status in KEY_REFUSED
    ]
    if lacking:
        return Step(STEPS[3], ok=False, words=f"It may not read {' and '.join(lacking)}.")
    unclear = [name for name, answer in seen.items() if _unclear(answer)]
    words = f"Nobody knows about {' and '.join(unclear)}." if unclear else "It may read; whether "
    return Step(STEPS[3], None, words if unclear else words + "it may write, only a write shows.")


def _unclear(answer: HttpAnswer | HttpFailure) -> bool:
    return isinstance(answer, HttpFailure) or answer.status != 200


def _locked(settings: Settings) -> date | str | None:
    """The last closed day, None when nothing is closed, or why nobody knows; a person keeps it."""
    given = str(settings.get("locked_through", "")).strip()
    if given == "none":
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        fault = f"{given} is no day. " if given else ""
        words = f"{fault}AutoCount does not tell what is closed: give the last closed day, or "
        return f"{words}none, as the setting locked_through."


def _snapshot(settings: Settings, locked: date | None) -> Snapshot:
    return Snapshot(
        company_id=str(settings.get("company_id", "")),
        company_name=str(settings.get("company_name", "")),
        locked_through=locked,
        tax_codes=None,
        accounts=None,
        currencies=None,
        permissions=(),
        key_status="active",
        rounding_mode=None,
        base_currency="MYR",
        excel_import_enabled=False,
        einvoice_enabled=False,
        quota_limit=None,
        quota_used=None,
        quota_resets_on=None,
    )


def _told(answer: HttpAnswer | HttpFailure) -> str:
    if isinstance(answer, HttpFailure):
        return answer.words
    told = message_of(loads(answer.body))
    return f"AutoCount answered {answer.status}: {told or 'no reason given'}"
