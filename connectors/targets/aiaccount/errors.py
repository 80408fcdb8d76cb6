"""AiAccount's own words for a refusal, and what each means to us.

Here: one table, code to class. Not here: whether anything is sent again (kit/errors.py says that
for a class).
"""

from collections.abc import Mapping

from connectors.kit.errors import ErrorClass

CLASS_OF_CODE: Mapping[str, ErrorClass] = {
    "bad_file": "bad_value",
    "missing_column": "bad_value",
    "bad_json": "bad_value",
    "idempotency_key_missing": "bad_value",
    "file_too_large": "bad_value",
    "bad_value": "bad_value",
    "inconsistent_header": "bad_value",
    "invalid_key": "authorization_failed",
    "missing_permission": "authorization_failed",
    "key_disabled": "authorization_failed",
    "company_not_found": "authorization_failed",
    "method_not_allowed": "business_rule",
    "over_payment": "business_rule",
    "unknown_invoice": "business_rule",
    "unknown_bill": "business_rule",
    "duplicate": "duplicate",
    "period_locked": "period_locked",
    "unknown_account": "mapping_missing",
    "unknown_tax_code": "mapping_missing",
    "unknown_sku": "mapping_missing",
    "currency_disabled": "mapping_missing",
    "missing_field": "missing_field",
    "quota_exceeded": "temporary",
    "rate_limited": "temporary",
}

_EINVOICE: Mapping[str, ErrorClass] = {
    "tin_format": "bad_value",
    "classification_missing": "missing_field",
    "buyer_incomplete": "missing_field",
}

_CLASS_OF_STATUS: Mapping[int, ErrorClass] = {  # those that say enough by themselves
    401: "authorization_failed",
    403: "authorization_failed",
    404: "authorization_failed",
    409: "duplicate",
    413: "bad_value",
    429: "temporary",
}


def class_of(code: str, *, reason: str = "", status: int | None = None) -> ErrorClass:
    """The class of a refusal by its code, else by its status; a refusal nobody knows goes to a
    person.
    """
    if code == "einvoice_invalid":
        return _EINVOICE.get(reason, "bad_value")
    return CLASS_OF_CODE.get(code) or _CLASS_OF_STATUS.get(status or 0, "business_rule")
