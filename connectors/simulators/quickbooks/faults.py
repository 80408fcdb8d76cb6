"""Answers that go wrong: their two shapes, and those that go wrong on purpose.

Here: the fault object, the lower-case one of the gate, and the named faults. Not here: what follows
from data (checks.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.simulators.base.scripted import Fault, usual, with_content
from connectors.simulators.base.server import Reply

_MESSAGES: Mapping[str, str] = {
    "610": "Object Not Found",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2050": "The string length is either shorter or longer than supported by specification",
    "2170": "Invalid Enumeration",
    "2500": "Invalid Reference Id",
    "4000": "Error parsing query",
    "4001": "Invalid query",
    "5010": "Stale Object Error",
    "6000": "A business validation error has occurred while processing your request",
    "6070": "Amount calculation incorrect in the request.",
    "6140": "Duplicate Document Number Error",
    "6190": "Invalid Company Status",
    "6240": "Duplicate Name Exists Error",
    "6210": "Account Period Closed, Cannot Update Through Services API",
    "6540": "Deposited Transaction cannot be changed",
}
_FRENCH: Mapping[str, str] = {
    "5010": "Erreur d'objet périmé",
    "6140": "Numéro de document en double",
    "6210": "Période comptable fermée",
    "6240": "Le nom existe déjà",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One objection of QuickBooks."""

    code: str
    detail: str
    element: str = ""


def fault(problem: Problem, *, language: str = "en", status: int = 400) -> Reply:
    """The fault object; its words follow the language of the company."""
    words = (_FRENCH if language == "fr" else _MESSAGES).get(problem.code)
    detail = problem.detail
    if language == "fr":
        detail = detail.replace("TxnType=Invoice", "TxnType=Facture")
    told = {
        "Message": words or _MESSAGES.get(problem.code, "Error"),
        "Detail": detail,
        "code": problem.code,
        "element": problem.element,
    }
    content = {"Fault": {"Error": [told], "type": "ValidationFault"}}
    return Reply(status=status, content=content)


def gate(status: int, code: str, name: str, detail: str) -> Reply:
    """The fault of the gate before QuickBooks, all in lower case."""
    error = {
        "message": f"message={name}; errorCode={code.zfill(6)}; statusCode={status}",
        "detail": detail,
        "code": code,
        "element": None,
    }
    kind = "THROTTLE" if status == 429 else "AUTHENTICATION"
    content = {"warnings": None, "intuitObject": None, "fault": {"error": [error], "type": kind}}
    return Reply(status=status, content=content)


def throttled() -> Reply:
    """Too many calls in this minute, or at once."""
    return gate(429, "3001", "ThrottleExceeded", "Too many requests")


def expired() -> Reply:
    """An access token that is over, or was never ours."""
    return gate(401, "3200", "AuthenticationFailed", "Token expired")


_UNAVAILABLE = Reply(status=503, content=b"Service Unavailable")
_NAME = "The name supplied already exists. : Another customer, vendor or employee has this name."


@dataclass(frozen=True, slots=True, kw_only=True)
class Met(Fault):
    """What a fault changes; of a batch also that its answer is silent about an item."""

    untold: bool = False


FAULTS = {
    **usual(Met),
    **with_content(Met),
    "unavailable": Met(instead=_UNAVAILABLE),
    "rate_limited": Met(instead=throttled()),
    "invalid_key": Met(instead=expired()),
    "name_taken": Met(instead=fault(Problem("6240", _NAME))),
    "item_untold": Met(untold=True),
    "item_lost": Met(untold=True, drop=True),
}
