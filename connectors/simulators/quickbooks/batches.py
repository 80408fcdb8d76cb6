"""A batch: what is asked in it, item by item, and how its answer is put together.

Here: the limits of a batch and of its items, their ledger lines, and why an item cannot name what
was made before it in the same batch. Not here: what a write decides (writes.py), who may call
(api.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.simulators.base.control import StandIn
from connectors.simulators.base.server import Reply
from connectors.simulators.quickbooks import queries
from connectors.simulators.quickbooks.books import Books, Company
from connectors.simulators.quickbooks.faults import Met, Problem, fault
from connectors.simulators.quickbooks.kinds import BY_ENTITY, Kind
from connectors.simulators.quickbooks.writes import PACIFIC, Job, Outcome, decide, told
from connectors.transport.strict_json import dumps

MOST = 10
A_MINUTE = 40
LONGEST_ID, LONGEST_ITEM_ID = 36, 10


@dataclass(frozen=True, slots=True)
class _Item:
    """One item: a query, or something done to a document of a kind."""

    key: str
    query: str = ""
    kind: Kind | None = None
    operation: str = ""
    body: Mapping[str, Any] | None = None

    def number(self) -> str:
        """The number of its document."""
        found = (self.body or {}).get(self.kind.number) if self.kind else None
        return str(found or "")


def settle(
    api: StandIn[Books], line: dict[str, Any], company: Company, sent: object, met: Met, number: str
) -> Reply:
    """One delivery of a batch: the answer that is remembered, or the work, a ledger line an item.

    With a `number`, the fault meets the item of that document alone; without, one that makes the
    answer silent about an item meets the last.
    """
    key = line["key"]
    earlier = api.books.answer_to(company.realm, key, api.now()) if key else None
    if earlier is not None:
        api.write({**line, "effect": "replayed"})
        return met.sent(Reply(status=200, content=str(earlier["text"]).encode()))
    items = _items_of(sent, key)
    if isinstance(items, Problem):
        api.write({**line, "effect": "refused", "code": items.code})
        return fault(items, language=company.language)
    withheld = bool(met.cut) or api.books.withholds(len(items))
    line |= {"answer": "withheld" if withheld else "sent"}
    answers: list[dict[str, Any]] = []
    made: set[str] = set()
    for at, item in enumerate(items, start=1):
        last = at == len(items)
        meets = item.number() == number if number else last or not met.untold
        mine = met if meets else Met()
        told_of, answer = _done(api.books, company, item, mine, made, api)
        answers += [] if mine.untold else [answer]
        if last:
            content = {"BatchItemResponse": answers}
            moment = api.now().astimezone(PACIFIC).isoformat()
            text = dumps({**content, "time": moment})
            told_of |= {"remembered": {"text": text.decode()}} if key and not met.drop else {}
        api.write({**line, **told_of})
        line["planned"] = False
    return met.sent(Reply(status=200, content=text), withheld=withheld)


def _done(
    books: Books, company: Company, item: _Item, met: Met, made: set[str], api: StandIn[Books]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the ledger and what the answer says of one item."""
    if item.query:
        content = queries.answer(books, company, item.query).content
        found = content if isinstance(content, dict) else {}
        return {"call": "lookup", "effect": "read"}, {"bId": item.key, **found}
    if item.kind is None or item.operation != "create" or "Id" in (item.body or {}):
        problem = Problem("2010", "Request has invalid or unsupported property")
        outcome = Outcome(problem=problem)
    elif unseen := _unseen(item, made):
        outcome = Outcome(problem=unseen)
    else:
        job = Job(kind=item.kind, company=company, sent=item.body or {}, locked=met.locked)
        outcome = decide(books, job, api.now())
    instead = met.instead.content if met.instead else None
    if outcome.stands is None or item.kind is None or isinstance(instead, dict):
        problem = outcome.problem or Problem("6000", "Nothing was done")
        answer = _refused(item, problem, company.language)
        answer |= instead if isinstance(instead, dict) else {}
        return {"effect": "refused", "code": problem.code, "number": item.number()}, answer
    made.add(str(outcome.stands["Id"]))
    line = told(item.kind, outcome)
    line |= {"effect": "dropped", "stands": None} if met.drop else {}
    shown = books.shown(company.realm, item.kind.entity, outcome.stands)
    return line, {"bId": item.key, item.kind.entity: shown}


def _items_of(sent: object, request: str) -> tuple[_Item, ...] | Problem:
    """The items of a batch, or why nothing of it is done."""
    listed = sent.get("BatchItemRequest") if isinstance(sent, Mapping) else None
    if not isinstance(listed, list) or not listed or len(listed) > MOST:
        words = f"A batch has 1 to {MOST} items"
        return Problem("2010", f"Request has invalid or unsupported property : {words}")
    if len(request) > LONGEST_ID:
        return Problem("2010", f"The request id of a batch has at most {LONGEST_ID} characters")
    found = [_read(one) for one in listed]
    keys = [one.key for one in found]
    if len(set(keys)) < len(keys) or not all(0 < len(key) <= LONGEST_ITEM_ID for key in keys):
        return Problem("2010", f"Each bId is another, of 1 to {LONGEST_ITEM_ID} characters", "bId")
    return tuple(found)


def _unseen(item: _Item, made: Collection[str]) -> Problem | None:
    """Items do not see each other's results: what was made in this batch is not there for it."""
    for line in (item.body or {}).get("Line", ()):
        for linked in line.get("LinkedTxn") or () if isinstance(line, Mapping) else ():
            if str(linked.get("TxnId")) in made:
                words = "Object Not Found : Something you're trying to use has been deleted."
                return Problem("610", f"{words} {linked.get('TxnId')}", "LinkedTxn")
    return None


def _refused(item: _Item, problem: Problem, language: str) -> dict[str, Any]:
    """The answer to an item that is not done."""
    content = fault(problem, language=language).content
    return {"bId": item.key, **(content if isinstance(content, dict) else {})}


def _read(given: object) -> _Item:
    told = given if isinstance(given, Mapping) else {}
    key = str(told.get("bId") or "")
    if "Query" in told:
        return _Item(key, query=str(told["Query"]))
    entity = next((name for name in told if name in BY_ENTITY), "")
    body = told.get(entity)
    if not isinstance(body, Mapping):
        return _Item(key)
    operation = str(told.get("operation") or "")
    return _Item(key, kind=BY_ENTITY[entity], operation=operation, body=body)
