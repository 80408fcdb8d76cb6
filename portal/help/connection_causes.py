"""What a failed test of a connection can be about, for people: each cause has a help page.

Here: the title of each cause and the codes of the steps that show it. Not here: the words of the
page (texts.toml), which step has which code (each connector's own test).
"""

from collections.abc import Mapping
from typing import Final

CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "Name not found": ("reach.name",),
    "Connection refused": ("reach.refused",),
    "Certificate not trusted": ("reach.tls", "database.certificate"),
    "No answer in time": ("reach.timeout", "database.time"),
    "Address not allowed": ("reach.blocked",),
    "Connection broken off": ("reach.cut", "reach.away", "database.other"),
    "Address leads elsewhere": ("reach.redirect",),
    "System not available": ("reach.unavailable",),
    "Another system answers": ("reach.stranger",),
    "Answer not understood": ("answer", "key.answer"),
    "Key not complete": ("key.text",),
    "Key rejected": ("key.refused",),
    "Permission missing": ("key.permission", "key.types", "key.payouts", "key.bills"),
    "Key not active": ("key.inactive",),
    "Company not found": ("company.unknown",),
    "Wrong company": ("company.other",),
    "Subscription ended": ("company.ended",),
    "Closing day not readable": ("closed_day",),
    "Rounding differs": ("rounding",),
    "Refunds switched off": ("refunds.off",),
    "Two ways in": ("excel.on",),
    "Quota too small": ("quota",),
    "Import settings missing": ("number_prefix", "column_names"),
    "Database settings not complete": ("database.settings",),
    "Driver missing": ("database.driver",),
    "Login rejected": ("database.login", "database.plain"),
    "Database not found": ("database.database", "database.name"),
    "Rights of the login": ("database.rights", "database.writable"),
    "Query not accepted": ("database.query", "database.value", "database.long", "database.columns"),
    "Reading cannot go on from a place": (
        "database.blank",
        "database.repeated",
        "database.cursor",
        "database.ahead",
        "database.index",
    ),
}
"""What the cause is called -> the codes of the steps that fail, or warn, because of it."""
_BY_CODE: Final[Mapping[str, str]] = {
    code: name for name, codes in CAUSES.items() for code in codes
}


def cause_of(code: str) -> str:
    """What the cause of a step with this code is called; "" for one that is none."""
    return _BY_CODE.get(code, "")
