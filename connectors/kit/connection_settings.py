"""What the settings of any connection say of its books: zone, currency, and the last closed day.

Here: reading them. Not here: where they come from when the connection says nothing: its company
(holding/connections/channel.py).
"""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import Setting, Settings, Snapshot
from connectors.contract.e_invoices import NONE_HERE

ZONE: Final = "zone"
BASE_CURRENCY: Final = "base_currency"
E_INVOICES: Final = Setting(
    name=NONE_HERE,
    label="e-Invoices",
    hint="One sale makes one e-Invoice: say where its second document makes none.",
    kind="choice",
    choices={"none": "None are made of documents here"},
    unset="Not set: made of invoices here",
)
"""Asked by targets in which e-invoices are submitted."""


def zone_of(settings: Settings) -> ZoneInfo:
    """The time zone of moments and days that name none; UTC where nothing says it."""
    return ZoneInfo(str(settings.get(ZONE) or "UTC"))


def base_currency_of(settings: Settings) -> str:
    """The currency in which the books are kept; blank where nothing says it."""
    return str(settings.get(BASE_CURRENCY) or "")


def closed_through(settings: Settings, ask: str) -> date | str | None:
    """The last closed day, None when nothing is closed, or why nobody knows, which ends in `ask`:
    what a person has to give.
    """
    given = str(settings.get("locked_through", "")).strip()
    if given == "none":
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        return f"{given} is not a day. {ask}" if given else ask


def told_by_settings(settings: Settings, locked: date | None) -> Snapshot:
    """A target that tells neither codes nor quota; its key is the one in use."""
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
        base_currency=base_currency_of(settings),
        excel_import_enabled=False,
        einvoice_enabled=False,
        quota_limit=None,
        quota_used=None,
        quota_resets_on=None,
    )
