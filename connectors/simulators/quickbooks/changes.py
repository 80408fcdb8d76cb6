"""What was changed since a moment: whole documents, and stubs of those that were deleted.

Here: the call that asks for it. Not here: queries (queries.py), one document by its id (api.py).
The contract has the shape of the answer and the stubs; the window of thirty days, how many entries
a kind has at most and the words of a refusal are our reading.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.simulators.base.server import Reply
from connectors.simulators.quickbooks.books import Books, Company
from connectors.simulators.quickbooks.faults import Problem, fault
from connectors.simulators.quickbooks.kinds import BY_ENTITY

WINDOW = timedelta(days=30)
MOST = 1000


def answer(books: Books, company: Company, query: Mapping[str, str], now: datetime) -> Reply:
    """A part for each kind that is asked for, in their order; empty where nothing was changed."""
    entities = [one for one in query.get("entities", "").split(",") if one]
    since = _moment(query.get("changedSince", ""))
    if not entities or not set(entities) <= set(BY_ENTITY):
        problem = Problem("2020", "Required parameter entities is missing or not known")
    elif since is None:
        problem = Problem("2010", "Request has invalid property: changedSince")
    elif since < now - WINDOW:
        problem = Problem("2010", "changedSince must be within the last 30 days")
    else:
        parts = [_part(books, company.realm, entity, since) for entity in entities]
        return Reply(status=200, content={"CDCResponse": [{"QueryResponse": parts}]})
    return fault(problem, language=company.language)


def _part(books: Books, realm: str, entity: str, since: datetime) -> dict[str, Any]:
    found = [
        books.shown(realm, entity, one)
        for one in books.of(realm, entity)
        if datetime.fromisoformat(one["MetaData"]["LastUpdatedTime"]) >= since
    ]
    found += [
        {"Id": place[2], "status": "Deleted"}
        for place, at in books.gone.items()
        if place[:2] == (realm, entity) and at >= since
    ]
    return {entity: found[:MOST]} if found else {}


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
