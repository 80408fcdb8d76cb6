"""Test the connection to AiAccount, step by step, and read a snapshot of its settings."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Any

from connectors.contract import ConnectionReport, Rounding, Settings, Snapshot, Step
from connectors.kit.calls import REACH, quote_answer, reach
from connectors.targets.aiaccount.outcomes import object_of
from connectors.targets.aiaccount.ways import SALES_REFUND
from connectors.transport.http import KEY_REFUSED, HttpAnswer, HttpFailure, reached
from connectors.transport.strict_json import loads

STEPS = (
    "Key text",
    REACH,
    "Key accepted",
    "Company",
    "Permission",
    "Excel import",
    "Rounding",
    "Quota",
)
ROUNDED = {"per_line": "line by line", "sum_then_round": "the sum only"}
NEEDED = ("sales.write", "sales.read", "imports.read")
AT_KEYS = "Settings > Integrations > API Keys"
MOST_COMPANIES = 20
LONGEST_COMPANY = 120
"""How many companies of a key are shown, and how many characters of each."""


def key_fault(secret: str) -> str:
    """Return what is wrong with the text of a key; blank if nothing is."""
    if not secret:
        return "No key is set."
    if re.search(r"\s", secret):
        return "The key contains a space or a line break: paste it again."
    return (
        ""
        if secret.isascii() and secret.isprintable()
        else "The API key contains an unsupported character."
    )


def report(
    settings: Settings,
    declared: Rounding,
    secret: str,
    answer: HttpAnswer | HttpFailure,
    documents: Collection[str] = (),
) -> ConnectionReport:
    """Return the steps and the snapshot that follow from the connection endpoint's answer.

    The key must allow all of these document types.
    """
    first_steps: tuple[Step, ...] = (
        Step(STEPS[0], ok=True, words="No spaces or hidden characters."),
        reach(settings, answer),
    )
    if isinstance(answer, HttpFailure) or first_steps[1].ok is False:
        return ConnectionReport.stopped(STEPS, *first_steps, there=reached(answer))
    content = loads(answer.body)
    if _other_company(answer, content):
        return _not_reached(settings, first_steps, _companies(content, "error"))
    if answer.status != 200 or not isinstance(content, dict):
        return ConnectionReport.stopped(STEPS, *first_steps, _refused(answer, content, secret))
    snapshot = _snapshot(content)
    if snapshot is None:
        words = "AiAccount's answer lacks the company, the key or the settings."
        hint = "Compare the address of the interface, then ask the support of AiAccount."
        return ConnectionReport.stopped(
            STEPS, *first_steps, Step.failed(STEPS[2], words, hint, "answer")
        )
    refunds = object_of(content, "capabilities").get("refunds") is True
    scope = Taken(documents, refunds=refunds)
    company = _company(settings, snapshot, _companies(content, "key"))
    first_steps = (*first_steps, _accepted(snapshot), company)
    if not company.ok:  # what else it says is said of other books
        return ConnectionReport.stopped(STEPS, *first_steps)
    steps = (*first_steps, *_fitting(settings, declared, snapshot, scope))
    return ConnectionReport(steps=steps, snapshot=snapshot)


def no_key(fault: str) -> ConnectionReport:
    """Return the report for a key that cannot be sent."""
    hint = f"Copy the key again at {AT_KEYS}, in one piece."
    return ConnectionReport.stopped(STEPS, Step.failed(STEPS[0], fault, hint, "key.text"))


def _other_company(answer: HttpAnswer, content: object) -> bool:
    """Check whether the answer shows a valid key that only reaches other companies."""
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return answer.status == HTTPStatus.NOT_FOUND and code == "company_not_found"


def _companies(content: object, part: str) -> str:
    """Return a sentence with the companies that the key reaches; blank if AiAccount names none.

    This list is optional.
    """
    listed = object_of(content if isinstance(content, dict) else None, part).get("companies")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    names = [f"{row.get('name') or '(no name)'}, ID {row['id']}" for row in rows if row.get("id")]
    if not names:
        return ""
    more = len(names) - MOST_COMPANIES
    company_list = "; ".join(name[:LONGEST_COMPANY] for name in names[:MOST_COMPANIES])
    return f" The key reaches: {company_list}{f'; and {more} more' if more > 0 else ''}."


def _not_reached(
    settings: Settings, first_steps: tuple[Step, ...], companies: str
) -> ConnectionReport:
    company = str(settings.get("company_id", "")).strip() or "(blank)"
    words = f"The key is good, and reaches no company {company}.{companies}"
    hint = f"Correct the company ID, or create the key in that company at {AT_KEYS}."
    return ConnectionReport.stopped(
        STEPS,
        *first_steps,
        Step(STEPS[2], ok=True, words="AiAccount knows the key."),
        Step.failed(STEPS[3], words, hint, "company.unknown"),
    )


def _refused(answer: HttpAnswer, content: object, secret: str) -> Step:
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    quoted_reply = quote_answer("AiAccount", answer.status, str(message or ""))
    if answer.status not in KEY_REFUSED:
        return Step.failed(
            STEPS[2], quoted_reply, "Compare the address of the interface.", "answer"
        )
    if isinstance(error, dict) and error.get("code") == "key_disabled":
        words = f"This API key, ending in …{secret[-4:]}, is disabled. {quoted_reply}"
        hint = f"Enable it at {AT_KEYS}, or create another key there and store it here."
        return Step.failed(STEPS[2], words, hint, "key.disabled")
    words = f"AiAccount does not know this API key, ending in …{secret[-4:]}. {quoted_reply}"
    hint = f"Copy the key again at {AT_KEYS}; it is shown there once."
    return Step.failed(STEPS[2], words, hint, "key.refused")


def _accepted(snapshot: Snapshot) -> Step:
    if snapshot.key_status == "active":
        return Step(STEPS[2], ok=True, words="The key is active.")
    words = f"The key is {snapshot.key_status}: what is sent now is kept there until it is active."
    return Step(STEPS[2], None, words, f"Make it active at {AT_KEYS}.", "key.inactive")


@dataclass(frozen=True, slots=True)
class Taken:
    """The document types that have to be taken, and whether the company there takes refunds."""

    documents: Collection[str]
    refunds: bool

    @property
    def refused(self) -> bool:
        """Whether refunds are to be taken, and are not."""
        return SALES_REFUND.name in self.documents and not self.refunds


def _fitting(
    settings: Settings, declared: Rounding, snapshot: Snapshot, scope: Taken
) -> Iterator[Step]:
    needs = _needs(settings, snapshot, scope.documents)
    missing = [name for name in needs if name not in snapshot.permissions]
    if scope.refused and not missing:
        yield Step.failed(STEPS[4], NO_REFUNDS, NO_REFUNDS_HINT, "refunds.off")
    else:
        usual = set(missing) & set(_needs(settings, snapshot, ()))
        code = "key.permission" if usual else "key.types"
        yield _permitted(missing, code, scope.documents, snapshot.permissions)
    yield (
        Step.failed(
            STEPS[5],
            "Excel import is on in AiAccount beside the API: a document could be posted twice.",
            "Switch Excel import off in AiAccount, then test again.",
            "excel.on",
        )
        if snapshot.excel_import_enabled
        else Step(STEPS[5], ok=True, words="Excel import is off: no second way in.")
    )
    yield _rounding(snapshot.rounding_mode, declared)
    yield _quota(snapshot)


def _rounding(target_mode: str | None, rules_mode: Rounding) -> Step:
    if target_mode == rules_mode:
        return Step(
            STEPS[6], ok=True, words=f"AiAccount rounds {ROUNDED[rules_mode]}, as the rules do."
        )
    their_rounding = ROUNDED.get(target_mode or "", "in a way that it does not name")
    words = f"AiAccount rounds {their_rounding}, but the rules round {ROUNDED[rules_mode]}."
    hint = (
        "Set “Rounding” of this connection as it is in AiAccount and publish rules with that"
        " rounding, or set it back in AiAccount; then test again."
    )
    return Step.failed(STEPS[6], words, hint, "rounding")


def _company(settings: Settings, snapshot: Snapshot, companies: str) -> Step:
    expected_name = str(settings.get("company_name", "")).strip()
    key_company = f"{snapshot.company_name}, ID {snapshot.company_id}"
    if expected_name == snapshot.company_name:
        return Step(STEPS[3], ok=True, words=f"{key_company}.{companies}")
    words = (
        f"The key belongs to another company: {key_company}, not "
        f"{expected_name or '(blank)'}.{companies}"
    )
    hint = (
        "If it is the right company, correct its name in the settings of this connection. If not,"
        f" open the right company in AiAccount and create the key there again at {AT_KEYS}. "
    )
    contact = "Who: the owner of the AiAccount account."
    return Step.failed(STEPS[3], words, hint + contact, "company.other")


_LOST = {
    "sales.write": "no sales invoice and no sales receipt is taken",
    "expense.write": "no expense bill and no expense payment is taken",
    "einvoice.submit": "no sales invoice is taken while e-invoices are on",
    "inventory.write": "no document that moves stock is taken",
    "refund.write": "no refund is taken",
    "sales.read": "no sales invoice and no sales receipt is found there",
    "imports.read": "no one hears what became of a file",
}
"""Permission -> what does not work without it."""


def _permitted(
    missing: list[str], code: str, documents: Collection[str], may: Collection[str]
) -> Step:
    bills = "expense.write" in may
    if missing:
        lost = [*missing, *([] if bills or "expense.write" in missing else ["expense.write"])]
        names = [(name, f"“{_TICKED.get(name, name)}”") for name in lost]
        lost_permissions = (
            f"{title}: {_LOST[name]}" if name in _LOST else title for name, title in names
        )
        words = f"The key may not do all that is needed. Missing: {'; '.join(lost_permissions)}."
        hint = f"Tick {' and '.join(_TICKED.get(need, need) for need in missing)} on the key in "
        return Step.failed(STEPS[4], words, f"{hint}AiAccount, then test again.", code)
    if bills:
        return Step(
            STEPS[4], ok=True, words=_WITH_REFUNDS if SALES_REFUND.name in documents else _ALL
        )
    words = (
        "Sales invoices and sales receipts may be written. Without “Write expenses” it takes no"
        " bills and no payments."
    )
    hint = "Tick Write expenses on the key if bills are posted."
    return Step(STEPS[4], None, words, hint, "key.bills")


_ALL = "Sales invoices and sales receipts, expense bills and expense payments may be written."
_WITH_REFUNDS = (
    "Sales invoices and sales receipts, expense bills, expense payments and sales refunds may be"
    " written."
)
NO_REFUNDS = "AiAccount takes no refunds in this company, and the rules post some."
NO_REFUNDS_HINT = "Ask AiAccount to switch refunds on, or enter them there by hand."
_WRITES = {
    "expense_bill": "expense.write",
    "expense_payment": "expense.write",
    "sales_refund": "refund.write",
}
"""Document type -> what it needs beside what every connection does."""
_TICKED = {
    "sales.write": "Write sales",
    "sales.read": "Read sales",
    "expense.write": "Write expenses",
    "einvoice.submit": "Submit e-invoices",
    "inventory.write": "Write inventory",
    "refund.write": "Write refunds",
    "imports.read": "Read imports",
}


def _needs(settings: Settings, snapshot: Snapshot, documents: Collection[str]) -> tuple[str, ...]:
    configured_needs = settings.get("needs")
    needs = (
        tuple(map(str, configured_needs)) if isinstance(configured_needs, (list, tuple)) else NEEDED
    )
    extra = ["einvoice.submit"] if snapshot.einvoice_enabled else []
    extra += [name for document, name in _WRITES.items() if document in documents]
    return tuple(dict.fromkeys((*needs, *extra)))


def _quota(snapshot: Snapshot) -> Step:
    if snapshot.quota_limit is None:
        return Step(STEPS[7], ok=True, words="No limit.")
    documents_left = max(0, snapshot.quota_limit - (snapshot.quota_used or 0))
    words = f"{documents_left} of {snapshot.quota_limit} left this month."
    enough = documents_left > 0
    hint = "" if enough else "Ask AiAccount for a larger plan, or wait for the next month."
    return Step(STEPS[7], enough, words, hint, "" if enough else "quota")


def _snapshot(content: Mapping[str, Any]) -> Snapshot | None:
    parts = [content.get(name) for name in ("company", "key", "settings")]
    company, key, setup = (part if isinstance(part, dict) else None for part in parts)
    if company is None or key is None or setup is None:
        return None
    quota = content.get("quota")
    quota = quota if isinstance(quota, dict) else {}
    return Snapshot(
        company_id=str(company.get("id", "")),
        company_name=str(company.get("name", "")),
        locked_through=_date(setup.get("locked_through")),
        tax_codes=_codes(setup.get("tax_codes")),
        accounts=_codes(setup.get("accounts")),
        currencies=_codes(setup.get("currencies")),
        permissions=_texts(key.get("permissions")),
        key_status=str(key.get("status", "")),
        rounding_mode=str(setup.get("rounding_mode") or "") or None,
        base_currency=str(setup.get("base_currency", "")),
        excel_import_enabled=setup.get("excel_import_enabled") is True,
        einvoice_enabled=setup.get("einvoice_enabled") is True,
        quota_limit=_whole(quota.get("limit")),
        quota_used=_whole(quota.get("used")),
        quota_resets_on=_date(quota.get("resets_on")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _codes(value: object) -> tuple[str, ...] | None:
    """Return the codes of a list, or None if the answer lacks the list."""
    return _texts(value) if isinstance(value, list) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
