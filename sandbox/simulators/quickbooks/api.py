"""Serve QuickBooks' endpoints, batches, queries and control calls, each with a ledger line."""

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from connectors.transport.http import Clock
from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.base import control
from sandbox.simulators.base.control import (
    ControlError,
    Deed,
    Given,
    Metered,
    StandIn,
    done,
    given_of,
)
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.quickbooks import books as oauth
from sandbox.simulators.quickbooks.books import (
    BY_ENTITY,
    IN_ONE_CURRENCY,
    KINDS,
    REALM,
    Books,
    Company,
    Kind,
    Place,
    Shown,
)
from sandbox.simulators.quickbooks.faults import (
    FAULTS,
    PACIFIC,
    Job,
    Met,
    Outcome,
    Problem,
    decide,
    expired,
    fault,
    gate,
    throttled,
    told,
    touched,
    void,
    worked_out,
)

LONGEST_REQUEST_ID = 50

AT_ONCE = 10

MOST_BATCH_ITEMS = 10

A_MINUTE = 40

LONGEST_BATCH_ID, LONGEST_ITEM_ID = 36, 10

_WAYS = {"Invoice": -1, "SalesReceipt": -1, "CreditMemo": 1, "RefundReceipt": 1}

USUAL, MOST_QUERY_RESULTS = 100, 1000

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

WINDOW = timedelta(days=30)

MOST_CHANGES = 1000


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a request goes: a company, and the words after it."""

    realm: str
    words: tuple[str, ...]


class Api(Metered[Books]):
    """QuickBooks, from the outside."""

    ids = "1-{:08x}"

    def __init__(
        self, books: Books, ledger: Ledger, clock: Clock, *, hang: float, a_minute: int
    ) -> None:
        super().__init__(books, ledger, clock, hang=hang, a_minute=a_minute)
        self._gate = threading.BoundedSemaphore(AT_ONCE)

    def handle(self, request: Request) -> Reply:
        """Answer one request, of a few at once."""
        if not self._gate.acquire(blocking=False):
            return _sealed(throttled(), "crowd", self.now())
        try:
            return super().handle(request)
        finally:
            self._gate.release()

    def refuse_read(self, status: int, words: str) -> Reply:
        """Return QuickBooks' fault 4000 for a query that cannot be parsed."""
        return fault(Problem("4000", words), status=status)

    def control(self, request: Request, request_id: str) -> Reply:
        """Answer a control call."""
        return Control(self, FAULTS).answer(request, request_id)

    def answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        """Answer a request, adding an id and the time to the answer."""
        reply, hang = self._answer(request, request_id)
        return _sealed(reply, request_id, self.now()), hang

    def line(self, request: Request, request_id: str, *, call: str) -> dict[str, Any]:
        """Return the fields that every ledger line has."""
        way = _way(request)
        return {
            "at": self.now().isoformat(),
            "request_id": request_id,
            "call": call,
            "company": way.realm if way else "",
            "path": request.path,
            "type": "",
            "number": "",
            "party": "",
            "key": request.query.get("requestid", ""),
            "body_sha256": hashlib.sha256(request.body).hexdigest() if request.body else "",
            "total": None,
            "code": "",
            "answer": "sent",
            "planned": False,
        }

    def _answer(self, request: Request, request_id: str) -> tuple[Reply, bool]:
        if request.path in oauth.PATHS:
            line = self.line(request, request_id, call="token")
            reply, told = oauth.answer(self.books, request, self.now())
            self.write({**line, **told})
            return reply, False
        way = _way(request)
        refused = self._refused(request, way)
        if refused is not None or way is None:
            reply = refused or Reply(status=404, content=b"Not Found")
            self._note(request, request_id, reply)
            return reply, False
        company = self.books.companies[way.realm]
        kind = KINDS.get(way.words[0])
        if request.method == "POST" and kind is not None and len(way.words) == 1:
            return self._write(request, request_id, company, kind)
        if request.method == "POST" and way.words == ("batch",):
            return self._batch(request, request_id, company)
        reply = self._read(request, company, way.words)
        self._note(request, request_id, reply)
        return reply, False

    def _refused(self, request: Request, way: _Way | None) -> Reply | None:
        """Return a refusal for an invalid token, too many calls, or a company that the app cannot
        use; else None.
        """
        number = oauth.number_of(request.headers.get("authorization", ""))
        if number is None or not self.books.valid(number, self.now()):
            return expired()
        if way is None:
            return None
        if self.calls_left(way.realm, self.now()) < 0:
            return throttled()
        company = self.books.companies.get(way.realm)
        if company is None or not company.lists:
            return gate(403, "3201", "AuthorizationFailure", "Not authorized for this company")
        if company.shut:
            return gate(403, "120", "AuthorizationFailure", "User is not authorized")
        if company.ended:
            return fault(Problem("6190", "Invalid Company Status: the subscription has ended"))
        return None

    def _read(self, request: Request, company: Company, words: tuple[str, ...]) -> Reply:
        if request.method != "GET":
            return Reply(status=405, content=b"Method Not Allowed")
        if words == ("query",):
            return answer_query(self.books, company, request.query.get("query", ""))
        if words == ("cdc",):
            return answer_changes(self.books, company, request.query, self.now())
        if words == ("preferences",):
            return Reply(status=200, content={"Preferences": _preferences(company)})
        if words[0] == "companyinfo":
            told = {"CompanyName": company.name, "Country": "MY", "Id": "1"}
            return Reply(status=200, content={"CompanyInfo": told})
        kind = KINDS.get(words[0])
        found = self.books.documents.get((company.realm, kind.entity, words[-1])) if kind else None
        if kind is None or found is None:
            words_told = "Object Not Found : Something you're trying to use has been made inactive."
            return fault(Problem("610", words_told), language=company.language)
        shown = self.books.shown(company.realm, kind.entity, found)
        return Reply(status=200, content={kind.entity: shown})

    def _write(
        self, request: Request, request_id: str, company: Company, kind: Kind
    ) -> tuple[Reply, bool]:
        name, planned = self.books.fault_of(request)
        met = FAULTS.get(name, Met())
        if met.instead is not None:
            self._note(request, request_id, met.instead, planned=planned)
            return met.instead, met.hang
        reply = Reply(status=500, content=b"")
        for turn in range(2 if met.twice else 1):
            line = self.line(request, request_id, call="write") | {
                "type": kind.type,
                "entity": kind.entity,
                "planned": planned if not turn else False,
            }
            reply = self._settle(line, request, company, kind, met)
        return reply, met.hang

    def _settle(
        self, line: dict[str, Any], request: Request, company: Company, kind: Kind, met: Met
    ) -> Reply:
        """Process one delivery of a write, or repeat the answer remembered for its request id."""
        key, sent = line["key"], loads(request.body)
        earlier = self.books.answer_to(company.realm, key, self.now()) if key else None
        if earlier is not None:
            self.write({**line, "effect": "replayed"})
            return met.sent(Reply(status=200, content=str(earlier["text"]).encode()))
        if len(key) > LONGEST_REQUEST_ID or not isinstance(sent, dict):
            problem = Problem("2010", "Request has invalid or unsupported property")
            self.write({**line, "effect": "refused", "code": problem.code})
            return fault(problem, language=company.language)
        job = Job(
            kind=kind,
            company=company,
            sent=sent,
            operation=request.query.get("operation", ""),
            locked=met.locked,
        )
        outcome = decide(self.books, job, self.now())
        if outcome.stands is None:
            problem = outcome.problem or Problem("6000", "Nothing was done")
            number = str(sent.get(kind.number) or "")
            self.write({**line, "effect": "refused", "code": problem.code, "number": number})
            return fault(problem, language=company.language)
        return self._done(line, company, kind, outcome, met)

    def _batch(self, request: Request, request_id: str, company: Company) -> tuple[Reply, bool]:
        """Process a batch. Batches have a lower rate limit than other calls."""
        name, planned = self.books.fault_of(request)
        met, number = FAULTS.get(name, Met()), planned if isinstance(planned, str) else ""
        instead = None if number else met.instead
        who = f"{company.realm}/batch"
        if self.calls_left(who, self.now()) < self._a_minute - A_MINUTE:
            instead, planned = throttled(), False
        if instead is not None:
            self._note(request, request_id, instead, planned=planned)
            return instead, met.hang
        reply = Reply(status=500, content=b"")
        for turn in range(2 if met.twice else 1):
            line = self.line(request, request_id, call="write")
            line["planned"] = planned if not turn else False
            reply = settle(self, line, company, loads(request.body), met, number)
        return reply, met.hang

    def _done(
        self, line: dict[str, Any], company: Company, kind: Kind, outcome: Outcome, met: Met
    ) -> Reply:
        stands = outcome.stands or {}
        shown = self.books.shown(company.realm, kind.entity, stands)
        found = {} if met.untold else {kind.entity: shown}
        text = dumps({**found, "time": self.now().astimezone(PACIFIC).isoformat()})
        withheld = bool(met.cut) or self.books.withholds_next()
        line |= {**told(kind, outcome), "answer": "withheld" if withheld else "sent"}
        if met.drop:
            line |= {"effect": "dropped", "stands": None}
        elif line["key"]:
            line["remembered"] = {"text": text.decode()}
        self.write(line)
        return met.sent(Reply(status=200, content=text), withheld=withheld)

    def _note(
        self, request: Request, request_id: str, reply: Reply, *, planned: bool | str = False
    ) -> None:
        """Write a ledger line for a call without an effect.

        A refused write is flushed to disk before the answer.
        """
        call = "lookup" if request.method == "GET" else "write"
        line = self.line(request, request_id, call=call) | {
            "number": request.query.get("query", ""),
            "effect": "read" if reply.status == 200 else "refused",
            "code": str(reply.status),
            "answer": "withheld" if reply.cut else "sent",
            "planned": planned,
        }
        self.write(line, sync=request.method != "GET")


def _sealed(reply: Reply, request_id: str, now: datetime) -> Reply:
    """Return the reply as bytes, with QuickBooks' id of the answer as a header."""
    content = reply.content
    if not isinstance(content, bytes):
        content = dumps({**content, "time": now.astimezone(PACIFIC).isoformat()})
    headers = {"intuit_tid": request_id, **reply.headers}
    return Reply(status=reply.status, content=content, headers=headers, cut=reply.cut)


def _way(request: Request) -> _Way | None:
    parts = request.path.strip("/").split("/")
    good = len(parts) >= 4 and parts[:2] == ["v3", "company"]
    return _Way(parts[2], tuple(parts[3:])) if good else None


def _custom_preferences(company: Company) -> list[dict[str, Any]]:
    """Return the preferences about custom fields: which of the three are used, and their names."""
    prefix = "SalesFormsPrefs"
    used = [
        {
            "Name": f"{prefix}.UseSalesCustom{key}",
            "Type": "BooleanType",
            "BooleanValue": bool(company.custom_fields.get(key)),
        }
        for key in ("3", "2", "1")
    ]
    named = [
        {"Name": f"{prefix}.SalesCustomName{key}", "Type": "StringType", "StringValue": name}
        for key, name in company.custom_fields.items()
        if name
    ]
    return [{"CustomField": used}, {"CustomField": named}]


def _preferences(company: Company) -> dict[str, Any]:
    day = company.closed_through
    return {
        "AccountingInfoPrefs": {"BookCloseDate": day.isoformat()} if day else {},
        "SalesFormsPrefs": {
            "CustomTxnNumbers": company.custom_numbers,
            "CustomField": _custom_preferences(company),
        },
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": company.multi_currency,
            "HomeCurrency": {"value": company.home_currency},
        },
        "Id": "1",
    }


def settle(
    api: StandIn[Books], line: dict[str, Any], company: Company, sent: object, met: Met, number: str
) -> Reply:
    """Process one delivery of a batch, or repeat its remembered answer. Each item gets a ledger
    line.

    With a `number`, a planned fault meets only the item of that document. Without, a fault that
    omits an item meets the last item.
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


@dataclass(frozen=True, slots=True)
class _Item:
    """One item: a query, or something done to a document of a kind."""

    key: str
    query: str = ""
    kind: Kind | None = None
    operation: str = ""
    body: Mapping[str, Any] | None = None

    def number(self) -> str:
        """Return the number of the item's document."""
        found = (self.body or {}).get(self.kind.number) if self.kind else None
        return str(found or "")


def _items_of(sent: object, request: str) -> tuple[_Item, ...] | Problem:
    """Return the items of a batch, or why the whole batch is refused."""
    listed = sent.get("BatchItemRequest") if isinstance(sent, Mapping) else None
    if not isinstance(listed, list) or not listed or len(listed) > MOST_BATCH_ITEMS:
        words = f"A batch has 1 to {MOST_BATCH_ITEMS} items"
        return Problem("2010", f"Request has invalid or unsupported property : {words}")
    if len(request) > LONGEST_BATCH_ID:
        return Problem(
            "2010", f"The request id of a batch has at most {LONGEST_BATCH_ID} characters"
        )
    found = [_read(one) for one in listed]
    keys = [one.key for one in found]
    if len(set(keys)) < len(keys) or not all(0 < len(key) <= LONGEST_ITEM_ID for key in keys):
        return Problem("2010", f"Each bId is another, of 1 to {LONGEST_ITEM_ID} characters", "bId")
    return tuple(found)


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


def _done(
    books: Books, company: Company, item: _Item, met: Met, made: set[str], api: StandIn[Books]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the ledger line and the answer of one item."""
    if item.query:
        content = answer_query(books, company, item.query).content
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


def _unseen(item: _Item, made: Collection[str]) -> Problem | None:
    """Return a problem if the item refers to a document created in its own batch.

    QuickBooks does not see that document yet.
    """
    for line in (item.body or {}).get("Line", ()):
        for linked in line.get("LinkedTxn") or () if isinstance(line, Mapping) else ():
            if str(linked.get("TxnId")) in made:
                words = "Object Not Found : Something you're trying to use has been deleted."
                return Problem("610", words)
    return None


def _refused(item: _Item, problem: Problem, language: str) -> dict[str, Any]:
    """Return the answer for an item that is refused."""
    content = fault(problem, language=language).content
    return {"bId": item.key, **(content if isinstance(content, dict) else {})}


class Control(control.Control[Books]):
    """The control calls of QuickBooks."""

    def shown(self, what: str) -> Mapping[str, object]:
        """Return the simulator's data of a kind: stock, or all documents with their entity."""
        if what == "stock":
            return {what: stocked(self.books.documents)}
        if what != "documents":
            return super().shown(what)
        return {
            what: [
                {"entity": entity, **self.books.shown(realm, entity, found)}
                for (realm, entity, _), found in self.books.documents.items()
            ]
        }

    def deeds(self) -> Mapping[str, Deed]:
        """Return the control calls: change or delete a document by hand, or enter one by hand."""
        return {"by_hand": self._by_hand, "typed": self._typed}

    def check(self, act: str, given: Given) -> None:  # noqa: ARG002
        """Check that the control call's company exists. Raises ControlError if not."""
        if str(given.get("company", REALM)) not in self.books.companies:
            raise ControlError("No such company")

    def _by_hand(self, request: Request, request_id: str) -> Reply:
        """Change or delete a document as a user would in QuickBooks' own pages.

        `entity` (Invoice), `number`, and any of `fields`, `lines` (merged, by place), `rows` (how
        many lines remain), `deposited`, `void`, `delete`.
        """
        given = given_of(request)
        kind = BY_ENTITY.get(str(given.get("entity", "Invoice")))
        realm = str(given.get("company", REALM))
        found = [
            one
            for one in (self.books.of(realm, kind.entity) if kind else ())
            if kind and one.get(kind.number) == given.get("number")
        ]
        if kind is None or not found:
            raise ControlError("No such document")
        changed = _changed(self.books.companies[realm], kind, found[0], given)
        made = touched(void(changed) if given.get("void") else changed, self.stand_in.now())
        effect = "deleted" if given.get("delete") else "by_hand"
        outcome = Outcome(effect=effect, stands=made)
        self.note(request_id, "by_hand", company=realm, **told(kind, outcome))
        return done("by_hand")

    def _typed(self, request: Request, request_id: str) -> Reply:
        """Create a document as a user would in QuickBooks' own pages:

        `entity` (Invoice) and its `body`.
        """
        given = given_of(request)
        kind = BY_ENTITY.get(str(given.get("entity", "Invoice")))
        if kind is None:
            raise ControlError("No such kind of document")
        realm, body = str(given.get("company", REALM)), given.get("body")
        sent = body if isinstance(body, dict) else {}
        job = Job(kind=kind, company=self.books.companies[realm], sent=sent)
        made = decide(self.books, job, self.stand_in.now())
        if made.stands is None:
            raise ControlError(made.problem.detail if made.problem else "Nothing was typed")
        self.note(request_id, "by_hand", company=realm, **told(kind, made))
        return done("typed", id=made.stands["Id"])


def _changed(company: Company, kind: Kind, stands: Shown, given: Given) -> dict[str, Any]:
    lines = [dict(one) for one in stands["Line"] if one.get("DetailType") != "SubTotalLineDetail"]
    for at, change in enumerate(given.get("lines", ())):
        inner = {kind.detail: {**lines[at].get(kind.detail, {}), **change.get(kind.detail, {})}}
        lines[at] = {**lines[at], **change, **(inner if kind.detail else {})}
    del lines[int(given.get("rows", len(lines))) :]
    made = {**stands, **given.get("fields", {}), "Line": lines}
    ids = {name: key for key, name in company.custom_fields.items()}
    made["CustomField"] = [
        {"DefinitionId": ids.get(one.get("Name"), ""), **one}
        for one in made.get("CustomField") or ()
    ]
    if "deposited" in given:
        made["_deposited"] = bool(given["deposited"])
    return worked_out(company, kind, made)


def stocked(documents: Mapping[Place, Shown]) -> dict[str, dict[str, str]]:
    """Return the change of each item's quantity on hand: company -> item id -> quantity as text,
    without zeros.

    Sales reduce it; credit memos and refunds increase it. A void document has quantities of zero. A
    line has no unit.
    """
    stock: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for (realm, entity, _), found in documents.items():
        for line in found.get("Line", ()) if entity in _WAYS else ():
            sold = line.get("SalesItemLineDetail") or {}
            item = (sold.get("ItemRef") or {}).get("value")
            if item:
                stock[realm][str(item)] += _WAYS[entity] * Decimal(sold.get("Qty") or 0)
    return {
        realm: {code: format(n.normalize(), "f") for code, n in of.items() if n}
        for realm, of in stock.items()
    }


def answer_query(books: Books, company: Company, text: str) -> Reply:
    """Return the entries that match a query, or a fault if it cannot be parsed."""
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
    most = min(MOST_QUERY_RESULTS, int(match["most"] or USUAL))
    page = found[start - 1 : start - 1 + most]
    if entity in BY_ENTITY:
        page = [books.shown(company.realm, entity, one) for one in page]
    told = {entity: page, "startPosition": start, "maxResults": len(page)} if page else {}
    return Reply(status=200, content={"QueryResponse": told})


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
    """Return a query's value without its quotes and escaping backslashes; yes and no in lower
    case.
    """
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == "'" else value.lower()


def _found(
    books: Books, company: Company, entity: str, conditions: list[Condition]
) -> Iterator[Shown]:
    """Yield the entries that match. Computed fields are only computed for entries that match the
    other conditions.

    Inactive entries are left out unless the query filters by `Active`.
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
    if entity == "TaxRate":
        for key, value in company.rates.items():
            yield {"Id": f"{key}0", "Name": f"{value}%", "RateValue": value, "Active": True}
        return
    for key, name in company.lists.get(entity, {}).items():
        active = (entity, key) not in company.inactive
        sku = company.skus.get(key, "") if entity == "Item" else ""
        told: dict[str, object] = {"Sku": sku} if sku else {}
        if entity in IN_ONE_CURRENCY and company.multi_currency:
            told["CurrencyRef"] = {"value": company.currency(entity, key)}
        if entity == "Term" and (due := company.terms.get(key)):
            told |= {"Type": "STANDARD" if "DueDays" in due else "DATE_DRIVEN", **due}
        if entity == "TaxCode" and key in company.rates:
            part = {"TaxRateRef": {"value": f"{key}0"}, "TaxTypeApplicable": "TaxOnAmount"}
            told["SalesTaxRateList"] = {"TaxRateDetail": [part]}
        yield {"Id": key, "Name": name, **told, "Active": active}


def _fits(row: Shown, conditions: list[Condition]) -> bool:
    for name, sign, given in conditions:
        held = row.get(name)
        value = held.get("value") if isinstance(held, Mapping) else held
        if value is None or not _compared(value, sign, given):
            return False
    return True


def _compared(held: object, sign: str, given: list[str]) -> bool:
    """Compare a value with a query's values. Amounts are compared as numbers, all else as text."""
    if isinstance(held, bool):
        return _SIGNS[sign](str(held).lower(), given)
    if not isinstance(held, int | Decimal):
        return _SIGNS[sign](str(held), given)
    try:
        return _SIGNS[sign](held, given if sign == "like" else [Decimal(one) for one in given])
    except InvalidOperation:
        return False


def answer_changes(
    books: Books, company: Company, query: Mapping[str, str], now: datetime
) -> Reply:
    """Return the changes of each requested entity, in the requested order; empty parts without
    changes.
    """
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


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


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
    return {entity: found[:MOST_CHANGES]} if found else {}
