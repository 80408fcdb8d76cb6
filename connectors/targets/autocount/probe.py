"""The connection test: what must be true before anything is sent, in the order people look for it.

Here: the steps and the snapshot. AutoCount's interface lists no codes and no name of the book:
what it does not tell stays unknown. It does not tell what is closed, either: that is a setting, and
without it the test fails, for every posting asks for it. Not here: writing.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.calls import Get
from connectors.kit.connection_settings import closed_through, told_by_settings
from connectors.kit.reach import NAME as REACH
from connectors.kit.reach import reach, says
from connectors.targets.autocount.answers import message_of
from connectors.transport.http import KEY_REFUSED, HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import loads

_ASK = (
    "AutoCount does not tell what is closed: enter the last closed day, or none, in “Books closed"
    " through”."
)
STEPS = (
    "Key text",
    REACH,
    "Key accepted",
    "Account book",
    "Permission",
    "Closed period",
)
LISTINGS: Mapping[str, str] = {
    "invoices": "/invoice/listing?page=1",
    "credit notes": "/creditNote/listing?page=1",
}
_NOBODYS = "docNo=no-such-number"
ALONE: Mapping[str, tuple[str, str]] = {
    "ap_invoice": ("purchase invoices", f"/purchaseInvoice?{_NOBODYS}"),
    "ap_payment": ("payments", f"/payment?{_NOBODYS}"),
    "ar_payment": ("receipts", f"/receipt?{_NOBODYS}"),
    "knock_off": ("knock-offs", f"/knockOffEntry?{_NOBODYS}"),
    "purchase_invoice": ("purchase invoices", f"/purchaseInvoice?{_NOBODYS}"),
    "purchase_order": ("purchase orders", f"/purchaseOrder?{_NOBODYS}"),
}
"""What is read alone: a number that nothing has is answered 404 where the key may read."""


def alone(documents: Collection[str]) -> dict[str, str]:
    """What is read of these types beside the listings: what people call it -> path."""
    return dict(sorted(ALONE[name] for name in documents if name in ALONE))


def report(
    settings: Settings, secret: str, get: Get, documents: Collection[str] = ()
) -> ConnectionReport:
    """The steps, from one read for each kind of document that can be listed, and for each of
    these types.
    """
    fault = _key_fault(settings, secret)
    if fault:
        hint = "Copy both again in AutoCount: settings of the account book, tab API Keys."
        return ConnectionReport.stopped(STEPS, Step.failed(STEPS[0], fault, hint, "key.text"))
    seen = {name: get(path) for name, path in LISTINGS.items()}
    first = seen["invoices"]
    text = Step(STEPS[0], ok=True, words="No spaces or hidden characters, and its ID is given.")
    made = (text, reach(settings, first))
    if isinstance(first, HttpFailure) or made[1].ok is False:
        return ConnectionReport.stopped(STEPS, *made, there=reached(first))
    if first.status == HTTPStatus.UNAUTHORIZED:
        return ConnectionReport.stopped(STEPS, *made, _unknown_key(first, secret))
    known = Step(STEPS[2], ok=True, words="AutoCount knows the key.")
    if first.status not in (HTTPStatus.OK, HTTPStatus.FORBIDDEN):
        return ConnectionReport.stopped(STEPS, *made, known, _no_book(settings, first))
    more = {name: get(path) for name, path in alone(documents).items()}
    locked = closed_through(settings, _ASK)
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    steps = (
        *made,
        known,
        _book(settings),
        _permissions(seen | more, named=bool(documents)),
        Step.failed(STEPS[5], locked, "Set Books closed through of this connection.", "closed_day")
        if isinstance(locked, str)
        else Step(STEPS[5], ok=True, words=f"{closed}, by the setting."),
    )
    snapshot = None if isinstance(locked, str) else told_by_settings(settings, locked)
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _unknown_key(answer: HttpAnswer, secret: str) -> Step:
    words = f"AutoCount does not know this API key, ending in …{secret.strip()[-4:]}."
    hint = "Copy key and key ID again: settings of the account book, tab API Keys."
    return Step.failed(STEPS[2], f"{words} {_told(answer)}", hint, "key.refused")


def _no_book(settings: Settings, answer: HttpAnswer) -> Step:
    book = str(settings.get("company_id", "")).strip()
    words = f"The key is good, and reaches no account book {book}. {_told(answer)}"
    hint = "Correct the number of the account book, or create the key in that book."
    return Step.failed(STEPS[3], words, hint, "company.unknown")


def _key_fault(settings: Settings, secret: str) -> str:
    key_id = str(settings.get("key_id", ""))
    for name, text in (("API key", secret.strip()), ("key ID", key_id.strip())):
        if not text:
            return f"No {name} is given."
        if re.search(r"\s", text):
            return f"The {name} contains a space or a line break: paste it again."
        if not (text.isascii() and text.isprintable()):
            return f"The {name} contains a foreign sign."
    return ""


def _book(settings: Settings) -> Step:
    book = str(settings.get("company_id", "")).strip()
    name = str(settings.get("company_name", "")).strip() or "no name given"
    words = f"Book {book} ({name}). AutoCount tells no name: compare the number in AutoCount once."
    return Step(STEPS[3], ok=None, words=words)


def _permissions(seen: Mapping[str, HttpAnswer | HttpFailure], *, named: bool) -> Step:
    """Whether the key may read each of these; `named`: a person wants to know which were tried."""
    refused = [
        name
        for name, answer in seen.items()
        if isinstance(answer, HttpAnswer) and answer.status in KEY_REFUSED
    ]
    lacking = _row(refused)
    seconds = sum(answer.seconds for answer in list(seen.values())[1:])  # the first one is the way
    if lacking:
        words = f"The key may not read {' and '.join(lacking)}."
        hint = "Tick them on the key in AutoCount, then test again."
        code = "key.types" if LISTINGS.keys().isdisjoint(refused) else "key.permission"
        return Step.failed(STEPS[4], words, hint, code).took(seconds)
    unclear = _row(name for name, answer in seen.items() if _unclear(answer))
    words = "It may read; whether it may write, only a write shows."
    if named:
        read = _row(seen)
        words = f"It may read {' and '.join(read)}; whether it may write, only a write shows."
    words = f"Nothing is known about {' and '.join(unclear)}." if unclear else words
    hint = (
        "In AutoCount open settings of the account book, tab API Keys, and allow the key to create"
        " what is posted."
    )
    return Step(STEPS[4], None, words, hint).took(seconds)


def _unclear(answer: HttpAnswer | HttpFailure) -> bool:
    if isinstance(answer, HttpFailure):
        return True
    absent = answer.status == HTTPStatus.NOT_FOUND and "not exists" in _message(answer)
    return answer.status != HTTPStatus.OK and not absent


def _row(names: Iterable[str]) -> tuple[str, ...]:
    """Names to be joined by `and`: of more than two, all but the last are one already."""
    *first, last = [*names] or [""]
    return (*([", ".join(first)] if first else []), *([last] if last else []))


def _message(answer: HttpAnswer) -> str:
    return message_of(loads(answer.body))


def _told(answer: HttpAnswer) -> str:
    return says("AutoCount", answer.status, _message(answer))
