"""What a target told of itself, with only the period lock and items made up."""

from datetime import date
from typing import Any

from connectors.contract import Snapshot


def snapshot(locked_through: date | None = None, **given: Any) -> Snapshot:
    plain = {
        "company_id": "CMP-1042",
        "company_name": "Kedai Contoh Sdn Bhd",
        "locked_through": locked_through,
        "tax_codes": None,
        "accounts": None,
        "currencies": None,
        "permissions": (),
        "key_status": "active",
        "rounding_mode": "",
        "base_currency": "MYR",
        "excel_import_enabled": False,
        "einvoice_enabled": False,
        "quota_limit": None,
        "quota_used": None,
        "quota_resets_on": None,
    }
    return Snapshot(**plain | given)
