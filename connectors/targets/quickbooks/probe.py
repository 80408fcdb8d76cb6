"""The connection test: what must be true before anything is sent, in the order people look for it.

Here: the steps and the snapshot. Not here: writing, and the exchange of tokens (tokens.py).
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from connectors.contract import ConnectionReport, Found, Settings, Snapshot, Step
from connectors.kit.calls import Get
from connectors.targets.quickbooks.responses import query, told_of
from connectors.targets.quickbooks.tokens import grant_of
from connectors.transport.http import KEY_REFUSED, HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import loads

STEPS = (
    "The key is complete",
    "The key is accepted",
    "The company is the intended one",
    "The closing date is known",
    "Tax codes and accounts can be read",
)
_FORM = "CLIENT_SECRET:REFRESH_TOKEN"


def report(settings: Settings, secret: str, get: Get) -> ConnectionReport:
    """The steps, from four reads."""
    fault = _key_fault(settings, secret)
    if fault:
        return ConnectionReport.stopped(STEPS, 0, fault)
    realm = str(settings.get("company_id", "")).strip()
    info = get(f"/companyinfo/{realm}")
    if isinstance(info, HttpFailure) or info.status == 401:
        return ConnectionReport.stopped(STEPS, 1, _told(info), there=reached(info))
    name = _inner(info, "CompanyInfo").get("CompanyName")
    if info.status != 200 or not isinstance(name, str):
        return ConnectionReport.stopped(STEPS, 2, _told(info), there=reached(info))
    given = str(settings.get("company_name", "")).strip()
    if given and given != name:
        return ConnectionReport.stopped(STEPS, 2, f"Company {realm} is called {name}, not {given}.")
    preferences = get("/preferences")
    if isinstance(preferences, HttpFailure) or preferences.status != 200:
        return ConnectionReport.stopped(STEPS, 3, _told(preferences), there=reached(preferences))
    told = _inner(preferences, "Preferences")
    locked = _closed(told)
    if isinstance(locked, str):
        return ConnectionReport.stopped(STEPS, 3, f"The closing date {locked} cannot be read.")
    return _passed(realm, name, locked, told, get)


def _passed(
    realm: str, name: str, locked: date | None, told: Mapping[str, Any], get: Get
) -> ConnectionReport:
    lists = {entity: query(entity, "", get) for entity in ("TaxCode", "Account")}
    codes = {
        entity: tuple(str(one.get("Id")) for one in seen.documents if one.get("Active", True))
        for entity, seen in lists.items()
        if not isinstance(seen, Found) and seen.whole
    }
    known = codes.keys() == lists.keys()
    home = _mapping(_mapping(told.get("CurrencyPrefs")).get("HomeCurrency")).get("value")
    closed = f"Closed through {locked}." if locked else "Nothing is closed."
    words = "Both are known." if known else "Some could not be read: they stay unknown."
    steps = (
        Step(STEPS[0], ok=True, words="Client id, client secret and tokens are there."),
        Step(STEPS[1], ok=True, words="QuickBooks knows the key."),
        Step(STEPS[2], ok=True, words=f"Company {realm}, {name}."),
        Step(STEPS[3], ok=True, words=closed),
        Step(STEPS[4], ok=True if known else None, words=words),
    )
    snapshot = Snapshot(
        company_id=realm,
        company_name=name,
        locked_through=locked,
        tax_codes=codes.get("TaxCode"),
        accounts=codes.get("Account"),
        currencies=None,
        permissions=(),
        key_status="active",
        rounding_mode=None,
        base_currency=str(home or ""),
        excel_import_enabled=False,
        einvoice_enabled=False,
        quota_limit=None,
        quota_used=None,
        quota_resets_on=None,
    )
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _key_fault(settings: Settings, secret: str) -> str:
    grant = grant_of(secret)
    if grant is None:
        return f"The key is not written as {_FORM}: paste both, with a colon between them."
    for name in ("client_id", "company_id"):
        text = str(settings.get(name, "")).strip()
        if not text or re.search(r"\s", text):
            return f"The setting {name} is {'not one word' if text else 'blank'}."
    if not grant.access:
        return "Intuit gave no access token for the refresh token: authorize the app once more."
    return ""


def _closed(preferences: Mapping[str, Any]) -> date | str | None:
    text = _mapping(preferences.get("AccountingInfoPrefs")).get("BookCloseDate")
    try:
        return date.fromisoformat(str(text)) if text else None
    except ValueError:
        return str(text)


def _inner(answer: HttpAnswer, name: str) -> Mapping[str, Any]:
    content = loads(answer.body)
    return _mapping(content.get(name)) if isinstance(content, dict) else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _told(answer: HttpAnswer | HttpFailure) -> str:
    if isinstance(answer, HttpFailure):
        return answer.words
    told = told_of(answer.body)
    hint = " Renew the key: authorize the app once more." if answer.status in KEY_REFUSED else ""
    return f"QuickBooks answered {answer.status}: {told.words if told else 'no reason given'}{hint}"
