"""QuickBooks' own codes for a refusal, and what each means to us.

Here: reading a fault, one table from code to class. Codes are matched, never words: those follow
the language of the company. Not here: whether anything is sent again (kit/errors.py says that for a
class).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.kit.errors import ErrorClass
from connectors.kit.strictjson import loads

NUMBER_TAKEN, EXPIRED = "6140", "3200"
_PERIOD_CLOSED = "6210"
_HOLDER = re.compile(r"TxnId=(\d+)")


@dataclass(frozen=True, slots=True)
class Told:
    """A fault in QuickBooks' own words; `holder` is the id of the document that has the number."""

    code: str
    words: str
    holder: str = ""


CODES: Mapping[str, ErrorClass] = {
    "120": "authorization_failed",
    "3100": "authorization_failed",
    EXPIRED: "authorization_failed",
    "3201": "authorization_failed",
    "6190": "authorization_failed",
    "610": "mapping_missing",
    "2500": "mapping_missing",
    "2020": "missing_field",
    "2010": "bad_value",
    "2050": "bad_value",
    "2170": "bad_value",
    "6070": "bad_value",
    "5010": "stale_version",
    "6000": "business_rule",
    "6540": "business_rule",
    NUMBER_TAKEN: "duplicate",
    "6240": "duplicate",
    _PERIOD_CLOSED: "period_locked",
    "3001": "temporary",
}
_STATUS: Mapping[int, ErrorClass] = {
    401: "authorization_failed",
    403: "authorization_failed",
    429: "temporary",
}


def told_of(body: bytes) -> Told | None:
    """The first fault of an answer; the gate before QuickBooks writes its own in lower case."""
    content = loads(body)
    if not isinstance(content, dict):
        return None
    lower = {str(name).lower(): value for name, value in content.items()}
    fault = lower.get("fault")
    errors = _lower(fault).get("error")
    first = _lower(errors[0]) if isinstance(errors, list) and errors else {}
    code = str(first.get("code") or "").lstrip("0")
    if not code:
        return None
    message, detail = str(first.get("message") or ""), str(first.get("detail") or "")
    holder = _HOLDER.search(detail)
    words = f"{message}: {detail}" if detail and detail != message else message
    return Told(code, words, holder.group(1) if holder else "")


def class_of(status: int, told: Told | None) -> ErrorClass:
    """What a refusal means. An old code for a taken number is that of a closed period, too: then it
    names who has the number.
    """
    if told is not None and told.code == _PERIOD_CLOSED and told.holder:
        return "duplicate"
    if told is not None and told.code in CODES:
        return CODES[told.code]
    return _STATUS.get(status, "business_rule")


def _lower(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {}
    return {str(name).lower(): held for name, held in value.items()}
