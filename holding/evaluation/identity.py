"""Whether it is sure which record this is, and whose.

Here: its number and id against those it came with before and those of others; the company that it
names against the one that its source is bound to. Not here: what follows (rules/decisions).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from connectors.contract import declared_settings as declared
from holding.evaluation.related_facts import Around
from rules.decisions.own_company import COMPANY
from rules.facts.world import Conflict

TWIN = " (id "  # how a record is told that has the same number under another id


def conflicts(
    row: Row[Any], near: Around, history: Mapping[str, Sequence[str]], passed: frozenset[int]
) -> tuple[Conflict, ...]:
    """Whether it has become another, or another has its number and no duplicate rule says so, or it
    is of another company. `row`: the record with its body, its source's settings and its company.
    """
    found = []
    body = row.body or {}
    number = body.get("number")
    if number is not None and str(number) != row.number:
        found.append(Conflict("number", str(number), (row.number,)))
    alike = near.twins.get(row.id, {})
    twins = [there for other, there in alike.items() if other not in passed]
    if twins and not any(TWIN in other for others in history.values() for other in others):
        found.append(Conflict("id", f"{row.number} ({row.external_id})", tuple(twins)))
    bound = bound_to(row.source_settings, row.company)
    named = str(body.get(declared.COMPANY_CODE) or "").strip()
    if named and named.casefold() != bound.casefold():
        found.append(Conflict(COMPANY, named, (bound,)))
    return tuple(found)


def bound_to(settings: Mapping[str, Any], company: str) -> str:
    """The code that records of a source with these settings name: the one that is set, else that of
    the company they are delivered to.
    """
    return str(settings.get(declared.COMPANY_CODE) or "").strip() or company
