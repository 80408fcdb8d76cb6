"""The connection test: what must be true before anything is sent, in the order people look for it.

Here: the steps and the snapshot. AOTG lists no codes, no name of the book and no closed period:
what it does not tell stays unknown, and the closed day is a setting. Not here: writing.
"""

import re

from connectors.contract import ConnectionReport, Settings, Step
from connectors.kit.calls import Call
from connectors.kit.connection_settings import closed_through, told_by_settings, zone_of
from connectors.kit.reach import NAME as REACH
from connectors.kit.reach import reach, says
from connectors.targets.autocount_aotg.relay import UNDER_WAY, Relay, message_of, told_of
from connectors.targets.autocount_aotg.tokens import login_of, strange_book
from connectors.transport.http import KEY_REFUSED, Http, HttpFailure, reached

_ASK = (
    "AutoCount does not tell what is closed: enter the last closed day, or none, in “Books closed"
    " through”."
)
_RIGHTS = "See in AutoCount's user maintenance that the user of AOTG may make A/R invoices."
STEPS = ("Key text", REACH, "Key accepted", "Account book", "Permission", "Closed period")


def report(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps, from a list of the invoices of today, which changes nothing."""
    fault = _key_fault(settings, secret)
    if fault:
        hint = "Paste password and API key again, with a colon between them, from AOTG's portal."
        if _is_strange(settings, secret):
            hint = "Compare the account book with the beginning of the API key in AOTG's portal."
        return ConnectionReport.stopped(STEPS, Step.failed(STEPS[0], fault, hint, "key.text"))
    text = Step(STEPS[0], ok=True, words="API key and password are there, and a user name.")
    relay = Relay(settings, secret, http)
    first = relay.listed(http.now().astimezone(zone_of(settings)).date().isoformat())
    made = (text, reach(settings, relay.no_token or first))
    if made[1].ok is False:
        return ConnectionReport.stopped(STEPS, *made, there=reached(relay.no_token or first))
    if isinstance(first, HttpFailure):
        step = Step.failed(STEPS[2], first.words, "Test again in a few minutes.", "key.answer")
        return ConnectionReport.stopped(STEPS, *made, step)
    told = told_of(first)
    if told is None:
        words = (
            f"AutoCount did not let us log in. {says('AutoCount', first.status, message_of(first))}"
        )
        hint = "Compare user name, password and API key with AOTG's portal."
        code = "key.refused" if first.status in KEY_REFUSED else "key.answer"
        step = Step.failed(STEPS[2], words, hint, code)
        return ConnectionReport.stopped(STEPS, *made, step)
    locked = closed_through(settings, _ASK)
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    steps = (
        *made,
        Step(STEPS[2], ok=True, words="AutoCount let us log in."),
        _book(settings, relay.result(told.request) if told.progress not in UNDER_WAY else None),
        Step(STEPS[4], None, "It may read; whether it may write, only a write shows.", _RIGHTS),
        Step.failed(STEPS[5], locked, "Set Books closed through of this connection.", "closed_day")
        if isinstance(locked, str)
        else Step(STEPS[5], ok=True, words=f"{closed}, by the setting."),
    )
    snapshot = None if isinstance(locked, str) else told_by_settings(settings, locked)
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _key_fault(settings: Settings, secret: str) -> str:
    login = login_of(secret)
    if login is None:
        return "The key is not written as PASSWORD:API-KEY."
    if re.search(r"\s", login.api_key) or not (login.api_key.isascii()):
        return "The API key contains a space or a foreign sign: paste it again."
    if not str(settings.get("user_name", "")).strip():
        return "The user name is blank."
    return strange_book(settings, login)


def _is_strange(settings: Settings, secret: str) -> bool:
    """Whether the key is that of another account book."""
    login = login_of(secret)
    return login is not None and bool(strange_book(settings, login))


def _book(settings: Settings, answer: Call | None) -> Step:
    """A desktop that is switched off is no fault: what is sent waits for it."""
    book = str(settings.get("company_id", "")).strip()
    name = str(settings.get("company_name", "")).strip() or "no name given"
    told = None if answer is None else told_of(answer)
    if told is None or told.progress in UNDER_WAY:
        words = f"Book {book} ({name}) has not answered yet: the desktop is busy or switched off."
    else:
        words = f"Book {book} ({name}) answers. AOTG tells no name: compare it in AOTG once."
    step = Step(STEPS[3], ok=None, words=words)
    return step.took(answer.seconds) if answer else step
