"""The ten classes of errors: who deals with each, what it means, what to do, and when a new try
makes sense.

Here: the classes as data, their labels, and the five plain words above them. Not here: how a
target's own words map to a class (its errors.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import get_args

from grammar.text.finding_codes import ErrorClass

ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)


class FailureWord(StrEnum):
    """The plain words for why something did not go; each class comes under one of them."""

    MISSING = "missing"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    DUPLICATED = "duplicated"
    NOT_AUTHORIZED = "not authorized"


FAILURE_WORDS: Mapping[ErrorClass, FailureWord] = MappingProxyType(
    {
        "missing_field": FailureWord.MISSING,
        "mapping_missing": FailureWord.MISSING,
        "temporary": FailureWord.UNAVAILABLE,
        "uncertain": FailureWord.UNAVAILABLE,  # no clear answer was to be had
        "bad_value": FailureWord.REJECTED,
        "stale_version": FailureWord.REJECTED,
        "period_locked": FailureWord.REJECTED,
        "business_rule": FailureWord.REJECTED,
        "duplicate": FailureWord.DUPLICATED,
        "authorization_failed": FailureWord.NOT_AUTHORIZED,
    }
)


def failure_word(error_class: str) -> FailureWord:
    """The plain word of a class as it is stored."""
    return next(word for name, word in FAILURE_WORDS.items() if name == error_class)


CLASS_LABELS: Mapping[ErrorClass, str] = MappingProxyType(
    {
        "missing_field": "Required field missing",
        "mapping_missing": "Mapping missing",
        "temporary": "Temporary problem",
        "uncertain": "Unconfirmed",
        "bad_value": "Value not valid",
        "stale_version": "Changed after posting",
        "period_locked": "Period locked",
        "business_rule": "Rule not met",
        "duplicate": "Possible duplicate",
        "authorization_failed": "Connection not authorised",
    }
)
"""How people call a class. The code is what files, exports and the interface say."""
APPROVAL_LABEL = "Approval needed"
"""A rule asks for it; none is broken."""


def class_label(error_class: str, approval: bool = False) -> str:
    """The label of a class as it is stored.

    >>> class_label("mapping_missing"), class_label("business_rule", True)
    ('Mapping missing', 'Approval needed')
    """
    if approval:
        return APPROVAL_LABEL
    return next(label for name, label in CLASS_LABELS.items() if name == error_class)


def classes_of(word: FailureWord) -> tuple[ErrorClass, ...]:
    """The classes that come under a plain word."""
    return tuple(name for name, mine in FAILURE_WORDS.items() if mine is word)


class RetryWay(StrEnum):
    """What happens before a call that failed in a class is made again."""

    AUTOMATIC = "automatic"
    LOOK_UP_FIRST = "look_up_first"
    AFTER_CHANGE = "after_change"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What to tell people about a class, and what has to happen before it is tried again.

    The budget applies to what is retried automatically or looked up first.
    """

    owner: str
    cause: str
    action: str
    retry: RetryWay
    ends_by: str
    pauses: tuple[float, ...] = ()
    tries: int | None = None
    budget_hours: int | None = None


_AFTER_RECORD = "a new version of the record, a mapping entry or the rules"

RETRY: Mapping[ErrorClass, RetryRule] = MappingProxyType(
    {
        "missing_field": RetryRule(
            owner="operations",
            cause="A field that the document needs is blank.",
            action="Complete the record in the system it comes from.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by=_AFTER_RECORD,
        ),
        "bad_value": RetryRule(
            owner="operations",
            cause="A value is present but not valid.",
            action="Correct the record in the system it comes from.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by=_AFTER_RECORD,
        ),
        "mapping_missing": RetryRule(
            owner="finance",
            cause="A value is not mapped to a code in the accounting system.",
            action="Add the mapping; all records that wait for it are checked again together.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="the mapping entry, or the code made known in the accounting system",
        ),
        "authorization_failed": RetryRule(
            owner="admin",
            cause="The accounting system did not accept the key, its permissions or the company.",
            action="Renew the key or its permissions, then test the connection.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="a new key, or a connection test that passes",
        ),
        "duplicate": RetryRule(
            owner="finance",
            cause="The document may already be in the accounting system.",
            action="Compare both before anything is sent again.",
            retry=RetryWay.NEVER,
            ends_by="a person's decision",
        ),
        "stale_version": RetryRule(
            owner="finance",
            cause="The document in the accounting system does not match the latest version of "
            "the record.",
            action="Correct the document in the accounting system, then have it checked again.",
            retry=RetryWay.NEVER,
            ends_by="a person's decision",
        ),
        "period_locked": RetryRule(
            owner="finance",
            cause="The accounting period of the document's date is closed.",
            action="Open the period, or agree on another date.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="the period opened, or another document date",
        ),
        "temporary": RetryRule(
            owner="system",
            cause="The accounting system is busy or not responding.",
            action="Nothing: it is retried automatically.",
            retry=RetryWay.AUTOMATIC,
            ends_by="time",
            pauses=(2.0, 900.0),
            tries=12,
            budget_hours=24,
        ),
        "uncertain": RetryRule(
            owner="system",
            cause="No clear answer came, so the document may or may not have arrived.",
            action="No action needed: Clearpost looks the document up before sending again.",
            retry=RetryWay.LOOK_UP_FIRST,
            ends_by="the look-up",
            pauses=(5.0, 15.0, 30.0, 60.0, 120.0, 600.0),
            budget_hours=24,
        ),
        "business_rule": RetryRule(
            owner="approver",
            cause="A rule is not met.",
            action="Decide: release, reject, or have the rule or the record changed.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="a rule, the record or an approval changed",
        ),
    }
)
