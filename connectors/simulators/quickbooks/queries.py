"""The query language: one entity, conditions joined by AND, a page.

Here: reading a query and answering it. Not here: one document by its id (api.py).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from connectors.simulators.base.server import Reply
from connectors.simulators.quickbooks.books import Books, Company, Shown
from connectors.simulators.quickbooks.faults import Problem, fault
from connectors.simulators.quickbooks.kinds import BY_ENTITY

USUAL, MOST = 100, 1000
_TEXT = r"'(?:[^'\\]|\\.)*'"
_QUERY = re.compile(
    r"select \* from (?P<entity>\w+)(?: where (?P<where>.+?))?"
    r"(?: startposition (?P<start>\d+))?(?: maxresults (?P<most>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_VALUE = rf"(?:{_TEXT}|\b(?:true|false)\b)"
_ONE = re.compile(
    rf"\s*(?P<name>\w+)\s*(?P<sign><=|>=|=|<|>|in\b|like)\s*"
    rf"(?P<value>{_VALUE}|\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\))",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_SIGNS: Mapping[str, Callable[[Any, list[Any]], bool]] = {
    "=": lambda found, given: found == given[0],
    "<": lambda found, given: found < given[0],
    ">": lambda found, given: found > given[0],
    "<=": lambda found, given: found <= given[0],
    ">=": lambda found, given: found >= given[0],
    "in": lambda found, given: found in given,
    "like": lambda found, given: fnmatchcase(str(found), str(given[0]).replace("%", "*")),
}
_WORKED_OUT = frozenset({"Balance"})  # shown, and not held
Condition = tuple[str, str, list[str]]


def answer(books: Books, company: Company, text: str) -> Reply:
    """The entries that fit, or that the query cannot be read."""
    match = _QUERY.fullmatch(text.strip())
    conditions = _conditions(match["where"] or "") if match else None
    if match is None or conditions is None:
        return fault(Problem("4000", f"QueryParserError: {text[:100]}"), language=company.language)
    entity = match["entity"]
    barred = [name for name, *_ in conditions if (entity, name) in company.not_queryable]
    if barred:
        words = f"QueryValidationError: Property {barred[0]} is not queryable for {entity}"
        return fault(Problem("4001", words), language=company.language)
    found = list(_found(books, company, entity, conditions))
    start = max(1, int(match["start"] or 1))
    most = min(MOST, int(match["most"] or USUAL))
    page = found[start - 1 : start - 1 + most]
    if entity in BY_ENTITY:
        page = [books.shown(company.realm, entity, one) for one in page]
    told = {entity: page, "startPosition": start, "maxResults": len(page)} if page else {}
    return Reply(status=200, content={"QueryResponse": told})


def _found(
    books: Books, company: Company, entity: str, conditions: list[Condition]
) -> Iterator[Shown]:
    """What fits; what is worked out is worked out for the few that fit otherwise. Entries that were
    made inactive are left out unless the query asks by `Active`.
    """
    held = [one for one in conditions if one[0] not in _WORKED_OUT]
    late = [one for one in conditions if one[0] in _WORKED_OUT]
    asked = any(name == "Active" for name, *_ in conditions)
    for row in _rows(books, company, entity):
        if not asked and row.get("Active") is False:
            continue
        if _fits(row, held) and (not late or _fits(books.shown(company.realm, entity, row), late)):
            yield row


def _rows(books: Books, company: Company, entity: str) -> Iterator[Shown]:
    if entity in BY_ENTITY:
        yield from books.of(company.realm, entity)
        return
    for key, name in company.lists.get(entity, {}).items():
        active = (entity, key) not in company.inactive
        sku = company.skus.get(key, "") if entity == "Item" else ""
        told: dict[str, object] = {"Sku": sku} if sku else {}
        if entity == "Term" and (due := company.terms.get(key)):
            told |= {"Type": "STANDARD" if "DueDays" in due else "DATE_DRIVEN", **due}
        yield {"Id": key, "Name": name, **told, "Active": active}


def _conditions(text: str) -> list[Condition] | None:
    found: list[Condition] = []
    at = 0
    while at < len(text):
        match = _ONE.match(text, at)
        if match is None:
            return None
        values = [_plain(one) for one in re.findall(_VALUE, match["value"], re.IGNORECASE)]
        found.append((match["name"], match["sign"].lower(), values))
        joined = _AND.match(text, match.end())
        at = joined.end() if joined else len(text) + (match.end() < len(text.rstrip()))
    return found if at <= len(text) else None


def _plain(value: str) -> str:
    """A value as a query writes it, without its quotes, where a backslash stands before what is
    meant as it is; yes and no have none.
    """
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == "'" else value.lower()


def _fits(row: Shown, conditions: list[Condition]) -> bool:
    for name, sign, given in conditions:
        held = row.get(name)
        value = held.get("value") if isinstance(held, Mapping) else held
        if value is None or not _compared(value, sign, given):
            return False
    return True


def _compared(held: object, sign: str, given: list[str]) -> bool:
    """Amounts are compared as numbers; everything else, ids too, as the text that it is."""
    if isinstance(held, bool):
        return _SIGNS[sign](str(held).lower(), given)
    if not isinstance(held, int | Decimal):
        return _SIGNS[sign](str(held), given)
    try:
        return _SIGNS[sign](held, given if sign == "like" else [Decimal(one) for one in given])
    except InvalidOperation:
        return False
