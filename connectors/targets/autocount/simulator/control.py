"""The control API of the simulator: what a person would do in AutoCount itself, and planned faults.

Here: `/_sim/…`. Not here: anything the real interface offers.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.kit.simulator import Reply, Request
from connectors.kit.strictjson import dumps, loads
from connectors.targets.autocount.simulator.books import Shown, place_of
from connectors.targets.autocount.simulator.checks import KINDS
from connectors.targets.autocount.simulator.data import BOOK
from connectors.targets.autocount.simulator.faults import FAULTS
from connectors.targets.autocount.simulator.listing import plain
from connectors.targets.autocount.simulator.writing import Job, by_hand, decide

if TYPE_CHECKING:
    from connectors.targets.autocount.simulator.api import Api

_ACTS = frozenset({"reset", "clock", "lock", "lag", "faults", "book", "rekey"})


def handle(api: "Api", request: Request, request_id: str) -> Reply:
    """Answer a control call."""
    act = request.path.removeprefix("/_sim/")
    if request.method == "GET":
        return _show(api, act)
    given = loads(request.body or b"{}")
    if not isinstance(given, dict):
        return _no("The body is no JSON object")
    if act == "by_hand":
        return _by_hand(api, given, request_id)
    if act == "typed":
        return _typed(api, given, request_id)
    wrong = _wrong(api, act, given)
    if wrong:
        return _no(wrong)
    line = {"at": api.now().isoformat(), "request_id": request_id, "call": "control"}
    api.write({**line, "act": act, "given": plain(given), "effect": "control"})
    return Reply(status=200, content={"done": act})


def _show(api: "Api", what: str) -> Reply:
    if what == "documents":
        shown = [{"path": place[1], **_told(found)} for place, found in api.books.documents.items()]
        return Reply(status=200, content={"documents": shown})
    if what == "faults":
        return Reply(status=200, content={"known": sorted(FAULTS), "planned": api.books.faults})
    return _no(f"Nothing to show: {what}")


def _told(document: Shown) -> dict[str, Any]:
    told = plain(document)
    return told if isinstance(told, dict) else {}


def _wrong(api: "Api", act: str, given: Mapping[str, Any]) -> str:
    if act not in _ACTS:
        return f"No such act: {act}"
    if str(given.get("company", BOOK)) not in api.books.books:
        return "No such account book"
    if act == "rekey" and given.get("key_id") not in api.books.keys:
        return "No such key"
    names = given.get("plan") or [given.get("fault")]
    if act == "faults" and any(name not in FAULTS for name in names):
        return f"No such fault; known: {', '.join(sorted(FAULTS))}"
    return ""


def _by_hand(api: "Api", given: Mapping[str, Any], request_id: str) -> Reply:
    """Somebody changes a document in AutoCount's own pages: nothing compares it with ours.

    `number`, `path` (invoice), and any of `master`, `details`, `rows`, `cancelled`, `status`.
    """
    kind = KINDS.get(str(given.get("path", "invoice")).casefold())
    book, number = str(given.get("company", BOOK)), str(given.get("number", ""))
    stands = api.books.documents.get(place_of(book, kind.path, number)) if kind else None
    if kind is None or stands is None:
        return _no("No such document")
    head = {name: given[name] for name in ("cancelled", "status") if name in given}
    change = {**given, "master": {**given.get("master", {}), **head}}
    made = by_hand(api.books.books[book], stands, change, api.now())
    line = {
        "at": api.now().isoformat(),
        "request_id": request_id,
        "call": "by_hand",
        "company": book,
        "path": kind.path,
        "type": kind.type,
        "number": number,
        "effect": "by_hand",
        "stands": dumps(made).decode(),
    }
    api.write(line)
    return Reply(status=200, content={"done": "by_hand"})


def _typed(api: "Api", given: Mapping[str, Any], request_id: str) -> Reply:
    """Somebody types a new document in AutoCount's own pages: `path` (invoice) and its `body`."""
    kind = KINDS.get(str(given.get("path", "invoice")).casefold())
    if kind is None:
        return _no("No such kind of document")
    book, now = str(given.get("company", BOOK)), api.now()
    job = Job(verb="create", kind=kind, book=book, number="", content=dumps(given.get("body")))
    made = decide(api.books, job, now)
    if made.stands is None:
        return _no(made.message)
    line = {
        "at": now.isoformat(),
        "request_id": request_id,
        "call": "by_hand",
        "company": book,
        "path": kind.path,
        "type": kind.type,
        "number": made.number,
        "party": str(made.stands["master"].get("debtorCode") or ""),
        "total": str(made.stands["master"]["finalTotal"]),
        "effect": made.effect,
        "stands": dumps(made.stands).decode(),
    }
    api.write(line)
    return Reply(status=200, content={"done": "typed", "number": made.number})


def _no(message: str) -> Reply:
    return Reply(status=400, content={"statusCode": 400, "message": message})
