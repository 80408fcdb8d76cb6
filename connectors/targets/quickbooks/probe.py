"""Test and authorize the QuickBooks connection, renew its tokens, and read its lists."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from connectors.contract import (
    ConnectionReport,
    Found,
    OutgoingDocument,
    Settings,
    Snapshot,
    Step,
)
from connectors.contract.schema import DocumentSchema
from connectors.contract.targets import (
    Granted,
    Listed,
    ListEntry,
    ListPage,
    Renewed,
    Returned,
    Revoked,
    UnusableEntry,
)
from connectors.kit import calls
from connectors.kit.calls import (
    REACH,
    UNREAD_HINT,
    Get,
    Timed,
    grant_of,
    quote_answer,
    reach,
)
from connectors.targets.quickbooks.payload import SCHEMAS
from connectors.targets.quickbooks.responses import (
    AT_ONCE,
    ENDED,
    MOST,
    NOT_ALLOWED,
    Seen,
    Shown,
    among,
    page_of,
    query,
    text_of,
    told_of,
)
from connectors.transport.http import KEY_REFUSED, Http, HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import loads

STEPS = (
    "Key text",
    REACH,
    "Key accepted",
    "Company",
    "Permission",
    "Closing date",
    "Document numbers and currencies",
    "Custom fields",
    "Tax codes, accounts, payment methods and payment terms",
)

_LISTED: Final[Mapping[str, str]] = {
    "TaxCode": "tax_code",
    "Account": "account",
    "PaymentMethod": "payment_method",
    "Term": "payment_term",
}
"""What a connection test reads whole -> the word of the rules for it."""

_FORM = "CLIENT_SECRET:REFRESH_TOKEN"

LISTS: Final[tuple[Listed, ...]] = ("customer", "vendor", "item", "invoice", "bill")

_ENTITIES: Final[Mapping[Listed, str]] = {
    "customer": "Customer",
    "vendor": "Vendor",
    "item": "Item",
    "invoice": "Invoice",
    "bill": "Bill",
}

_PARTIES: Final[Mapping[Listed, str]] = {"invoice": "CustomerRef", "bill": "VendorRef"}

EACH: Final = "Active in (true, false)"  # else entries out of use are left out

_UNPAID: Final = " ".join(("Balance", ">", text_of("0")))

_ALL: Final = "all "  # before the place of a page, in a company that does not search by balance

_CHECKED: Mapping[str, tuple[str, str]] = {
    "customer": ("Customer", "customer"),
    "vendor": ("Vendor", "vendor"),
    "account": ("Account", "account"),
    "item": ("Item", "product"),
    "class": ("Class", "class"),
    "warehouse": ("Department", "location"),
    "payment_term": ("Term", "term of payment"),
    "payment_method": ("PaymentMethod", "method of payment"),
}
"""The kinds of entries that are checked, in the order in which they are queried: QuickBooks' name
of the list, and ours in words.
"""

_CLASS: Final = "ClassRef"  # no list of the rules has classes

_WITH_CURRENCY: Final = frozenset({"customer", "vendor", "account"})

_PARTY_KINDS: Final = frozenset({"customer", "vendor"})

_INACTIVE: Final = " ".join(("Active", "=", "false"))

_NAMES: Final = ("DisplayName", "FullyQualifiedName", "Name")

_INTUIT: Final = "intuit.com"

AUTHORIZE_AT = "https://appcenter.intuit.com/connect/oauth2"

REVOKE_AT = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"

SCOPE = "com.intuit.quickbooks.accounting"

_DECLINED = "access_denied"

TOKENS_AT = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"

EARLY = timedelta(minutes=5)

LASTS = timedelta(hours=1)

_REFUSED = frozenset({400, 401, 403})

_CUSTOM_FIELD = re.compile(
    r"SalesFormsPrefs\.(?P<what>UseSalesCustom|SalesCustomName)(?P<id>\d+)", re.ASCII
)

_OF_APP = frozenset({"invalid_client", "unauthorized_client"})


def report(settings: Settings, secret: str, get: Get) -> ConnectionReport:
    """Return the connection test's steps, from six read requests."""
    fault = _key_fault(settings, secret)
    if fault:
        hint = "Press Connect to QuickBooks. Its client secret stands at developer.intuit.com."
        return ConnectionReport.stopped(STEPS, Step.failed(STEPS[0], fault, hint, "key.text"))
    realm = str(settings.get("company_id", "")).strip()
    info = get(f"/companyinfo/{realm}")
    text = Step(STEPS[0], ok=True, words="Client ID, client secret and tokens are there.")
    reach_step = reach(settings, info)
    first_steps: tuple[Step, ...] = (text, reach_step)
    if isinstance(info, HttpFailure) or reach_step.ok is False:
        return ConnectionReport.stopped(STEPS, *first_steps, there=reached(info))
    if not _is_exchanged(secret):
        hint = "Press Connect to QuickBooks. Its client secret stands at developer.intuit.com."
        words = (
            "Intuit gave no access token for the refresh token: connect to QuickBooks once more."
        )
        return ConnectionReport.stopped(
            STEPS, Step.failed(STEPS[0], words, hint, "key.text"), reach_step
        )
    if info.status == HTTPStatus.UNAUTHORIZED:
        hint = "Press Connect to QuickBooks once more."
        words = f"QuickBooks does not accept the token. {_told(info)}"
        return ConnectionReport.stopped(
            STEPS, *first_steps, Step.failed(STEPS[2], words, hint, "key.refused")
        )
    first_steps = (*first_steps, Step(STEPS[2], ok=True, words="QuickBooks knows the key."))
    name = _company_name(settings, realm, info, first_steps)
    if isinstance(name, ConnectionReport):
        return name
    first_steps = (
        *first_steps,
        Step(STEPS[3], ok=True, words=f"{name}, ID {realm}."),
        Step(STEPS[4], ok=True, words="The app is let into these books."),
    )
    preferences = get("/preferences")
    if isinstance(preferences, HttpFailure) or preferences.status != HTTPStatus.OK:
        step = Step.failed(STEPS[5], _told(preferences), "Test again in a few minutes.", "answer")
        step = step.took(preferences.seconds)
        return ConnectionReport.stopped(STEPS, *first_steps, step, there=reached(preferences))
    preference_values = _inner(preferences, "Preferences")
    locked = _closed(preference_values)
    if isinstance(locked, str):
        words = f"The closing date {locked} cannot be read."
        hint = "Enter it again in QuickBooks: Account and settings > Advanced > Close the books."
        return ConnectionReport.stopped(
            STEPS, *first_steps, Step.failed(STEPS[5], words, hint, "closed_day")
        )
    closed = f"Closed through {locked}." if locked else "Nothing is closed."
    day = Step(STEPS[5], ok=True, words=closed).took(preferences.seconds)
    numbers = _numbers_and_currencies(preference_values)
    if numbers.ok is False:
        return ConnectionReport.stopped(STEPS, *first_steps, day, numbers)
    fields_step = _own_fields(settings, _custom_fields(preference_values))
    if fields_step.ok is False:
        return ConnectionReport.stopped(STEPS, *first_steps, day, numbers, fields_step)
    return _passed(
        realm, name, locked, preference_values, (*first_steps, day, numbers, fields_step), get
    )


def _custom_fields(preferences: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the names of the custom fields in use, by DefinitionId; None if not reported.

    SalesFormsPrefs.CustomField is groups of entries: UseSalesCustomN is yes or no, SalesCustomNameN
    a name, and N the DefinitionId (Intuit's page "Manage custom fields").
    """
    groups = _mapping(preferences.get("SalesFormsPrefs")).get("CustomField")
    if not isinstance(groups, list):
        return None
    used, names = set[str](), dict[str, str]()
    for group in groups:
        rows = _mapping(group).get("CustomField")
        for row in map(_mapping, rows if isinstance(rows, list) else ()):
            match = _CUSTOM_FIELD.fullmatch(str(row.get("Name") or ""))
            if match and match["what"] == "UseSalesCustom" and row.get("BooleanValue") is True:
                used.add(match["id"])
            elif match and match["what"] == "SalesCustomName" and row.get("StringValue"):
                names[match["id"]] = str(row["StringValue"]).strip()
    return {key: name for key, name in sorted(names.items()) if key in used}


def _own_fields(settings: Settings, custom_fields: Mapping[str, str] | None) -> Step:
    """Check that the custom field of the settings exists, and report which ones do."""
    field_name = str(settings.get("e_invoice_field") or "").strip()
    names = list((custom_fields or {}).values())
    if field_name and custom_fields is not None and field_name not in names:
        words = (
            f"QuickBooks has no custom field {field_name}. It has: {', '.join(names) or 'none'}."
        )
        hint = (
            "Add it in QuickBooks at Account and settings > Sales > Custom fields, or correct the"
            " name in the settings of the connection."
        )
        return Step.failed(STEPS[7], words, hint, "fields.own")
    if custom_fields is None:
        return Step(STEPS[7], ok=None, words="QuickBooks does not list its custom fields.")
    return Step(STEPS[7], ok=True, words=f"Custom fields: {', '.join(names) or 'none'}.")


def _numbers_and_currencies(preferences: Mapping[str, Any]) -> Step:
    """Check that documents keep our numbers, and report which currencies the company takes.

    QuickBooks gives numbers of its own where SalesFormsPrefs.CustomTxnNumbers is off. A document
    is looked up by our number after a lost answer, so without it one could be posted twice.
    """
    own_numbers = _mapping(preferences.get("SalesFormsPrefs")).get("CustomTxnNumbers")
    if own_numbers is False:
        words = "Custom transaction numbers are off, so QuickBooks would not keep our numbers."
        hint = (
            "Turn on Custom transaction numbers in QuickBooks: Account and settings > Sales >"
            " Sales form content."
        )
        return Step.failed(STEPS[6], words, hint, "numbers.own")
    currencies = _only_currency(preferences)
    words = (
        f"Multicurrency is off: QuickBooks takes only {currencies[0]}."
        if currencies
        else "Our numbers are kept, and multicurrency is on."
    )
    if own_numbers is None:
        words = "QuickBooks does not say whether it keeps our numbers."
    return Step(STEPS[6], ok=None if own_numbers is None else True, words=words)


def _only_currency(preferences: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the home currency where multicurrency is off; None where others may be used."""
    prefs = _mapping(preferences.get("CurrencyPrefs"))
    home = _mapping(prefs.get("HomeCurrency")).get("value")
    return (str(home),) if prefs.get("MultiCurrencyEnabled") is False and home else None


def _company_name(
    settings: Settings, realm: str, info: HttpAnswer, first_steps: tuple[Step, ...]
) -> str | ConnectionReport:
    """Return the company's name in QuickBooks, or the report when it is not the right company."""
    if (shut := _shut(realm, info)) is not None:
        unread_step = Step(STEPS[3], ok=None, words=f"Company {realm} was not read.")
        before = first_steps if shut.name == STEPS[3] else (*first_steps, unread_step)
        return ConnectionReport.stopped(STEPS, *before, shut)
    name = _inner(info, "CompanyInfo").get("CompanyName")
    if info.status != HTTPStatus.OK or not isinstance(name, str):
        hint = "Correct the company ID, or connect to that company of QuickBooks."
        words = f"The key reaches no company {realm}. {_told(info)}"
        step = Step.failed(STEPS[3], words, hint, "company.unknown")
        if info.status not in (*KEY_REFUSED, HTTPStatus.NOT_FOUND, HTTPStatus.OK):
            reply_text = _told(info)
            words = f"QuickBooks refused to be read, so company {realm} was not found. {reply_text}"
            step = Step.failed(STEPS[3], words, UNREAD_HINT, "answer")
        return ConnectionReport.stopped(STEPS, *first_steps, step)
    expected_name = str(settings.get("company_name", "")).strip()
    if expected_name and expected_name != name:
        words = f"The key belongs to another company: {name}, ID {realm}, not {expected_name}."
        hint = (
            "Connect to the right company of QuickBooks, or correct the company ID or the company"
            " name in the settings of this connection."
        )
        step = Step.failed(STEPS[3], words, hint, "company.other")
        return ConnectionReport.stopped(STEPS, *first_steps, step)
    return name


def _key_fault(settings: Settings, secret: str) -> str:
    grant = grant_of(secret)
    if grant is None and lacks_permission(secret):
        return f"The key is a client secret alone: press Connect to QuickBooks, or paste {_FORM}."
    if grant is None:
        return f"The key is not written as {_FORM}: paste both, with a colon between them."
    for name, label in (("client_id", "client ID"), ("company_id", "company ID")):
        text = str(settings.get(name, "")).strip()
        if not text or re.search(r"\s", text):
            return f"The {label} is {'not one word' if text else 'blank'}."
    return ""


def _is_exchanged(secret: str) -> bool:
    """Check whether the key has an access token to send requests with."""
    grant = grant_of(secret)
    return grant is not None and bool(grant.access)


def _told(answer: HttpAnswer | HttpFailure) -> str:
    if isinstance(answer, HttpFailure):
        return answer.words
    vendor_fault = told_of(answer.body)
    return quote_answer("QuickBooks", answer.status, vendor_fault.words if vendor_fault else "")


def _shut(realm: str, answer: HttpAnswer) -> Step | None:
    """Return the failed step if the company refuses the app or its subscription ended; else
    None.
    """
    vendor_fault = told_of(answer.body)
    code = vendor_fault.code if vendor_fault else ""
    if code == NOT_ALLOWED:
        words = f"QuickBooks does not let the app into these books. {_told(answer)}"
        hint = (
            "Have an administrator of the company press Connect to QuickBooks, and allow the app"
            " accounting."
        )
        return Step.failed(STEPS[4], words, hint, "key.permission")
    if code == ENDED:
        words = f"The subscription of company {realm} has ended, so that nothing can be posted."
        hint = "Renew it in QuickBooks at Account and settings > Billing and subscription."
        return Step.failed(STEPS[3], words, hint, "company.ended")
    return None


def _inner(answer: HttpAnswer, name: str) -> Mapping[str, Any]:
    content = loads(answer.body)
    return _mapping(content.get(name)) if isinstance(content, dict) else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _closed(preferences: Mapping[str, Any]) -> date | str | None:
    text = _mapping(preferences.get("AccountingInfoPrefs")).get("BookCloseDate")
    try:
        return date.fromisoformat(str(text)) if text else None
    except ValueError:
        return str(text)


def _passed(
    realm: str,
    name: str,
    locked: date | None,
    preference_values: Mapping[str, Any],
    first_steps: tuple[Step, ...],
    get: Get,
) -> ConnectionReport:
    timed = Timed(get)
    lists = {entity: query(entity, "", timed) for entity in _LISTED}
    codes = {
        entity: tuple(
            str(entry.get("Id")) for entry in listing.documents if entry.get("Active", True)
        )
        for entity, listing in lists.items()
        if not isinstance(listing, Found) and listing.whole
    }
    custom_fields = _custom_fields(preference_values)
    names: dict[str, Mapping[str, str]] = {
        word: {str(entry.get("Id")): str(entry.get("Name") or "") for entry in listing.documents}
        for word, listing in ((_LISTED[entity], listing) for entity, listing in lists.items())
        if not isinstance(listing, Found)
    }
    names["custom_field"] = custom_fields or {}
    all_read = codes.keys() == lists.keys()
    home = _mapping(_mapping(preference_values.get("CurrencyPrefs")).get("HomeCurrency")).get(
        "value"
    )
    words = "All are known." if all_read else "Some could not be read: they stay unknown."
    steps = (
        *first_steps,
        Step(STEPS[8], ok=True if all_read else None, words=words).took(timed.seconds),
    )
    snapshot = Snapshot(
        company_id=realm,
        company_name=name,
        locked_through=locked,
        tax_codes=codes.get("TaxCode"),
        accounts=codes.get("Account"),
        currencies=_only_currency(preference_values),
        payment_methods=codes.get("PaymentMethod"),
        terms=codes.get("Term"),
        permissions=(),
        key_status="active",
        rounding_mode=None,
        base_currency=str(home or ""),
        excel_import_enabled=False,
        einvoice_enabled=False,
        quota_limit=None,
        quota_used=None,
        quota_resets_on=None,
        names=names,
        custom_fields=None if custom_fields is None else tuple(custom_fields),
        tax_rates=_tax_rates(lists["TaxCode"], timed),
        tax_rate_ids=_single_rates(lists["TaxCode"]),
    )
    return ConnectionReport(steps=steps, snapshot=snapshot)


def _tax_rates(codes: Seen | Found, get: Get) -> Mapping[str, Decimal]:
    """Return tax code id -> its total sales tax rate, such as 0.06.

    A code refers to its rates by id (SalesTaxRateList), so their values are queried separately. A
    code is left out if one of its rates is unknown or is charged on another tax.
    """
    if isinstance(codes, Found):
        return {}
    parts = {str(entry.get("Id")): _sales_parts(entry) for entry in codes.documents}
    if not any(parts.values()):
        return {}
    listing = query("TaxRate", "", get)
    if isinstance(listing, Found) or not listing.whole:
        return {}
    values = {str(entry.get("Id")): entry.get("RateValue") for entry in listing.documents}
    rates: dict[str, Decimal] = {}
    for code, refs in parts.items():
        part_rates = [values.get(ref) for ref in refs or ()]
        if part_rates and all(_is_number(value) for value in part_rates):
            rates[code] = sum((Decimal(str(value)) for value in part_rates), Decimal(0)) / 100
    return rates


def _single_rates(codes: Seen | Found) -> Mapping[str, str]:
    """Return the id of the sales rate of each tax code that has just one."""
    tax_codes = () if isinstance(codes, Found) else codes.documents
    parts = ((str(code.get("Id")), _sales_parts(code)) for code in tax_codes)
    return {code: refs[0] for code, refs in parts if len(refs) == 1 and refs[0]}


def _sales_parts(code: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of a tax code's sales rates; empty if a rate is charged on another tax."""
    rows = _mapping(code.get("SalesTaxRateList")).get("TaxRateDetail")
    details = [_mapping(detail) for detail in rows] if isinstance(rows, list) else []
    if any(detail.get("TaxTypeApplicable", "TaxOnAmount") != "TaxOnAmount" for detail in details):
        return ()
    return tuple(str(_mapping(detail.get("TaxRateRef")).get("value") or "") for detail in details)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def list_page(kind: Listed, after: str, get: Get) -> ListPage | Found:
    """Return the list page that starts at position `after`, counted from 1."""
    if kind in _PARTIES:
        return _unpaid_page(kind, after, get)
    start = int(after) if after.isdecimal() else 1
    page = page_of(_ENTITIES[kind], EACH, start, get)
    if isinstance(page, Found):
        return page
    entries = tuple(_entry(entry) for entry in page.documents if entry.get("Id"))
    return ListPage(entries, "" if page.whole else str(start + MOST))


def _unpaid_page(kind: Listed, after: str, get: Get) -> ListPage | Found:
    """Return a page of documents with an unpaid balance.

    If QuickBooks cannot filter by balance, all documents are read instead.
    """
    is_unfiltered, start = after.startswith(_ALL), int(after.removeprefix(_ALL) or 1)
    page = page_of(_ENTITIES[kind], "" if is_unfiltered else _UNPAID, start, get)
    if isinstance(page, Found) and page.status == HTTPStatus.BAD_REQUEST and not is_unfiltered:
        is_unfiltered, start = True, 1  # from its beginning: places are others among all
        page = page_of(_ENTITIES[kind], "", start, get)
    if isinstance(page, Found):
        return page
    entries = (_unpaid_entry(row, _PARTIES[kind]) for row in page.documents if row.get("Id"))
    place = f"{_ALL if is_unfiltered else ''}{start + MOST}"
    return ListPage(
        tuple(entry for entry in entries if entry is not None), "" if page.whole else place
    )


def _unpaid_entry(remote_document: Mapping[str, Any], party_field: str) -> ListEntry | None:
    """Return an invoice or bill as a list entry with its unpaid balance.

    None if nothing is due or the balance is unknown. `party_field` is the document's field that
    refers to its customer or vendor.
    """
    balance = remote_document.get("Balance")
    if isinstance(balance, bool) or not isinstance(balance, int | Decimal) or balance <= 0:
        return None
    party, number = (
        _mapping(remote_document.get(party_field)),
        str(remote_document.get("DocNumber") or ""),
    )
    code = str(party.get("value") or "")
    return ListEntry(
        str(remote_document["Id"]),
        str(party.get("name") or code or number),
        sku=number,
        party=code,
        left=Decimal(balance),
        currency=currency_in(remote_document),
    )


def currency_in(remote_entry: Mapping[str, Any]) -> str:
    """Return the currency of a document or a party; blank where the company has only one."""
    return str(_mapping(remote_entry.get("CurrencyRef")).get("value") or "")


def _entry(remote_entry: Mapping[str, Any]) -> ListEntry:
    """Return a list entry.

    Its code is QuickBooks' id, which documents refer to; its SKU may be blank.
    """
    code = str(remote_entry["Id"])
    name = next((str(remote_entry[field]) for field in _NAMES if remote_entry.get(field)), code)
    active = remote_entry.get("Active", True) is not False
    sku = str(remote_entry.get("Sku") or "")
    return ListEntry(code, name, active=active, sku=sku, currency=currency_in(remote_entry))


def unusable_entry(document: OutgoingDocument, base: str, get: Get) -> UnusableEntry | Found | None:
    """Return the first entry of a document that QuickBooks would refuse, or None.

    Each entry may be inactive: a query shows only active entries unless it filters by `Active`. A
    party has one currency. An account needs the document's or the company's currency (fault 6000:
    "The currency of the transaction is invalid for customer/vendor/account").
    """
    schema = SCHEMAS.get(document.document)
    currency = document.fields.get("CurrencyRef") or document.currency or base
    for kind, codes in _checked_entries(schema, document).items() if schema else ():
        condition = EACH if kind in _WITH_CURRENCY else _INACTIVE
        allowed = {"", currency, *([] if kind in _PARTY_KINDS else [base])}
        for first in range(0, len(codes), AT_ONCE):
            where = " ".join(("Id", among(codes[first : first + AT_ONCE]), "and", condition))
            page = query(_CHECKED[kind][0], where, get)
            if isinstance(page, Found):
                return page
            for remote_entry in page.documents:
                if remote_entry.get("Active", True) is False:
                    return UnusableEntry(_checked_words(kind, remote_entry))
                entry_currency = currency_in(remote_entry)
                if currency and entry_currency not in allowed:
                    return UnusableEntry(
                        _checked_words(kind, remote_entry), entry_currency, currency
                    )
    return None


def _checked_entries(schema: DocumentSchema, document: OutgoingDocument) -> dict[str, list[str]]:
    """Return the ids that a document refers to, by kind.

    QuickBooks refuses inactive entries of these kinds with fault 610, which does not name the
    entry.
    """
    codes: dict[str, dict[str, None]] = {}
    for fields, parts in ((schema.header, (document.fields,)), (schema.lines, document.lines)):
        for field in fields:
            kind = "class" if field.name == _CLASS else field.refers
            for part in parts if kind in _CHECKED else ():
                if code := part.get(field.name):
                    codes.setdefault(kind, {})[code] = None
    return {kind: sorted(codes[kind]) for kind in _CHECKED if kind in codes}


def _checked_words(kind: str, remote_entry: Shown) -> str:
    """Return an entry in plain words, `product 12 Tea cup (CUP-4)`."""
    code, sku = str(remote_entry.get("Id") or ""), str(remote_entry.get("Sku") or "")
    if kind in _PARTY_KINDS:
        return f"{kind} {code}"
    name = " ".join(word for word in (code, str(remote_entry.get("Name") or "")) if word)
    return f"{_CHECKED[kind][1]} {name}{f' ({sku})' if sku else ''}"


def app_secret(secret: str) -> str:
    """Return the client secret in a stored key, which may be only the client secret.

    Blank for an unreadable key.
    """
    text = secret.strip()
    grant = grant_of(text)
    return grant.secret if grant else ("" if ":" in text else text)


def lacks_permission(secret: str) -> bool:
    """Check whether a key is only the client secret, so that it cannot call anything yet."""
    return bool(secret.strip()) and ":" not in secret


def _address_of(settings: Settings, name: str, at_intuit: str) -> str:
    """Return the address in a setting; if blank, Intuit's address.

    For an interface outside Intuit, such as a simulator, a blank setting gives Intuit's path on
    that host.
    """
    entered = str(settings.get(name) or "").strip()
    if entered:
        return entered
    interface = urlsplit(str(settings.get("base_url") or "").strip())
    host = interface.hostname or ""
    if not host or host == _INTUIT or host.endswith(f".{_INTUIT}"):
        return at_intuit
    return f"{interface.scheme}://{interface.netloc}{urlsplit(at_intuit).path}"


def address(settings: Settings, *, state: str, back: str) -> str:
    """Return the address of Intuit's authorization page for this app."""
    parameters = {
        "client_id": str(settings.get("client_id", "")).strip(),
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": back,
        "state": state,
    }
    return f"{_address_of(settings, 'authorize_url', AUTHORIZE_AT)}?{urlencode(parameters)}"


def returned(query: Mapping[str, str]) -> Returned:
    """Return the values that Intuit adds to our redirect address. Its `realmId` is the company."""
    error = query.get("error", "")
    return Returned(
        state=query.get("state", ""),
        code=query.get("code", ""),
        company=query.get("realmId", ""),
        error=error,
        denied=error == _DECLINED,
    )


def exchange(settings: Settings, secret: str, *, code: str, back: str, http: Http) -> Granted:
    """Exchange the authorization code for the company's tokens.

    Only the refresh token is stored.
    """
    client = app_secret(secret)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    answer = http.request(
        "POST",
        _address_of(settings, "token_url", TOKENS_AT),
        headers={
            **basic(settings, client),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Granted(kind="away", words=answer.words)
    content = _content(answer)
    if answer.status == 200:
        refresh = content.get("refresh_token")
        if not isinstance(refresh, str) or not refresh or ":" in refresh:
            return Granted(kind="away", words="Intuit's answer to the code cannot be read.")
        words = "Intuit gave a refresh token for the code."
        return Granted(kind="granted", words=words, secret=f"{client}:{refresh}")
    why = str(content.get("error") or "no reason given")
    words = f"Intuit answered {answer.status} to the code: {why}."
    if answer.status == 401 or why in ("invalid_client", "unauthorized_client"):
        return Granted(kind="app_refused", words=words)
    return Granted(kind="code_refused" if answer.status == 400 else "away", words=words)


def _content(answer: HttpAnswer) -> Mapping[str, object]:
    parsed_body = loads(answer.body)
    return parsed_body if isinstance(parsed_body, dict) else {}


def revoke(settings: Settings, secret: str, http: Http) -> Revoked:
    """End the refresh token at Intuit, and with it every access token that it gave."""
    grant = grant_of(secret)
    if grant is None:
        return Revoked(kind="unknown", words="There is no refresh token to end.")
    answer = http.request(
        "POST",
        _address_of(settings, "revoke_url", REVOKE_AT),
        headers={**basic(settings, grant.secret), "Content-Type": "application/json"},
        body=json.dumps({"token": grant.refresh}).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Revoked(kind="away", words=answer.words)
    if answer.status == 200:
        return Revoked(kind="revoked", words="Intuit ended the refresh token.")
    why = str(_content(answer).get("error") or "no reason given")
    words = f"Intuit answered {answer.status}: {why}."
    if answer.status == 400:
        return Revoked(kind="unknown", words=words)
    return Revoked(kind="refused" if answer.status in (401, 403) else "away", words=words)


def is_due(secret: str, now: datetime) -> bool:
    """Check whether the access token is missing or expires within a few minutes."""
    return calls.token_is_due(secret, now, EARLY)


def may_be_over(secret: str, now: datetime) -> bool:
    """Check whether a refused access token may have expired: it was not issued just now."""
    return calls.token_may_be_over(secret, now, LASTS)


def basic(settings: Settings, client: str) -> dict[str, str]:
    """Return the headers that authenticate the app at Intuit: its client id and client secret."""
    credentials = f"{str(settings.get('client_id', '')).strip()}:{client}"
    encoded_credentials = base64.b64encode(credentials.encode()).decode()
    return {"Authorization": f"Basic {encoded_credentials}", "Accept": "application/json"}


def renew(settings: Settings, secret: str, http: Http) -> Renewed:
    """Exchange the refresh token for a new key.

    On failure, report whether to authorize again or to retry.
    """
    grant = calls.grant_of(secret)
    if grant is None:
        words = "The key is not written as CLIENT_SECRET:REFRESH_TOKEN."
        return Renewed(kind="refused", words=words)
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh}
    answer = http.request(
        "POST",
        _address_of(settings, "token_url", TOKENS_AT),
        headers={
            **basic(settings, grant.secret),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )
    # Without an answer the next exchange uses the same token, which Intuit accepts for another day.
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    parsed_body = loads(answer.body)
    content = parsed_body if isinstance(parsed_body, dict) else {}
    if answer.status == 200:
        return calls.renewed_key(grant, content, content.get("expires_in"), http.now())
    why = str(content.get("error") or "no reason given")
    words = f"Intuit answered {answer.status} to the refresh token: {why}."
    hint = (
        "Compare client ID and client secret at developer.intuit.com, under Keys and credentials."
        if why in _OF_APP
        else "Press Connect to QuickBooks once more."
    )
    refused = answer.status in _REFUSED
    return Renewed(kind="refused" if refused else "away", words=words, hint=hint)
