"""Which company the records of a source are of, where they say so.

Here: the code that a source is bound to, and a record that names another. Not here: what follows
from that (rules/decisions/own_company.py).
"""

from collections.abc import Mapping
from typing import Any

from connectors.contract import declared_settings as declared
from rules.decisions.own_company import COMPANY
from rules.facts.world import Conflict
from rules.values.canonical import value_of


def conflicts(body: Mapping[str, Any], settings: str, company: str) -> tuple[Conflict, ...]:
    """That a record names another company than its source is bound to by its settings, which are
    given as they are stored; case does not count.
    """
    named = _text(body)
    if not named:
        return ()
    bound = bound_to(value_of(settings), company)
    if named.casefold() == bound.casefold():
        return ()
    return (Conflict(COMPANY, named, (bound,)),)


def bound_to(settings: Mapping[str, Any], company: str) -> str:
    """The code that records of a source with these settings name: the one that is set, else that of
    the company they are delivered to.
    """
    return _text(settings) or company


def _text(given: Mapping[str, Any]) -> str:
    return str(given.get(declared.COMPANY_CODE) or "").strip()
