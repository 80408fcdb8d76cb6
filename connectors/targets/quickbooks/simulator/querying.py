"""The query language: one entity, conditions joined by AND, a page.

Here: reading a query and answering it. Not here: one document by its id (api.py).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from connectors.kit.simulator import Reply
from connectors.targets.quickbooks.simulator.books import Books
from connectors.targets.quickbooks.simulator.data import Company
from connectors.targets.quickbooks.simulator.faults import Problem, fault
from connectors.targets.quickbooks.simulator.kinds import BY_ENTITY

USUAL, MOST = 100, 1000
_TEXT = r"'(?:[^'\\]|\\.)*'"
_QUERY = re.compile(
    r"select \* from (?P<entity>\w+)(?: where (?P<where>.+?))?"
    r"(?: startposition (?P<start>\d+))?(?: maxresults (?P<most>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_ONE = re.compile(
    rf"\s*(?P<name>\w+)\s*(?P<sign><=|>=|=|<|>|in|like)\s*(?P<value>{_TEXT}|\(\s*{_TEXT}(?:\s*,\s*{_TEXT})*\s*\))",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_SIGNS: Mapping[str, Callable[[str, list[str]], bool]] = {
    "=": lambda found, given: found == given[0],
    "<": lambda found, given: found < given[0],
    ">": lambda found, given: found > given[0],
    "<=": lambda found, given: found <= given[0],
    ">=": lambda found, given: found >= given[0],
    "in": lambda found, given: found in given,
    "like": lambda found, given: fnmatchcase(found, given[0].replace("%", "*")),
}
Condition = tuple[str, str, list[str]]


def answer(books: Books, company: Company, text: str) -> Reply:
    """The entries that fit, or that the query cannot be read."""
    match = _QUERY.fullmatch(text.strip())
    conditions = _conditions(match["where"] or "") if match else None
    if match is None or conditions is None:
        return fault(Problem("4000", f"QueryParserError: {text[:100]}"), language=company.language)
    entity = match["entity"]
    found = [one for one in _rows(books, company, entity) if _fits(one, conditions)]
    start = max(1, int(match["start"] or 1))
    most = min(MOST, int(match["most"] or USUAL))
    page = found[start - 1 : start - 1 + most]
    told = {entity: page, "startPosition": start, "maxResults": len(page)} if page else {}
    return Reply(status=200, content={"QueryResponse": told})


def _rows(books: Books, company: Company, entity: str) -> Iterable[dict[str, Any]]:
    if entity in BY_ENTITY:
        for one in books.of(company.realm, entity):
            yield books.shown(company.realm, entity, one)
        return
    for key, name in company.lists.get(entity, {}).items():
        active = (entity, key) not in company.inactive
        yield {"Id": key, "Name": name, "Active": active}


def _conditions(text: str) -> list[Condition] | None:
    found: list[Condition] = []
    at = 0
    while at < len(text):
        match = _ONE.match(text, at)
        if match is None:
            return None
        values = [one[1:-1].replace("\\'", "'") for one in re.findall(_TEXT, match["value"])]
        found.append((match["name"], match["sign"].lower(), values))
        joined = _AND.match(text, match.end())
        at = joined.end() if joined else len(text) + (match.end() < len(text.rstrip()))
    return found if at <= len(text) else None


def _fits(row: Mapping[str, Any], conditions: list[Condition]) -> bool:
    for name, sign, given in conditions:
        held = row.get(name)
        value = held.get("value") if isinstance(held, Mapping) else held
        if value is None or not _SIGNS[sign](str(value), given):
            return False
    return True
