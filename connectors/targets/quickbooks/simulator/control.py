"""The control API of the simulator: what a person would do in QuickBooks itself; planned faults.

Here: `/_sim/…`. Not here: anything the real interface offers.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.kit.simulator import Reply, Request
from connectors.kit.strictjson import dumps, loads
from connectors.targets.quickbooks.simulator.amounts import worked_out
from connectors.targets.quickbooks.simulator.books import Shown
from connectors.targets.quickbooks.simulator.data import REALM
from connectors.targets.quickbooks.simulator.faults import FAULTS
from connectors.targets.quickbooks.simulator.kinds import BY_ENTITY, Kind
from connectors.targets.quickbooks.simulator.writing import (
    Job,
    Outcome,
    decide,
    told,
    touched,
)

if TYPE_CHECKING:
    from connectors.targets.quickbooks.simulator.api import Api

_ACTS = frozenset({"reset", "clock", "lock", "faults", "company", "revoke", "authorize"})


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
    api.write({**line, "act": act, "given": json.loads(dumps(given)), "effect": "control"})
    return Reply(status=200, content={"done": act})


def _show(api: "Api", what: str) -> Reply:
    if what == "documents":
        shown = [
            {"entity": entity, **api.books.shown(realm, entity, found)}
            for (realm, entity, _), found in api.books.documents.items()
        ]
        return Reply(status=200, content={"documents": shown})
    if what == "faults":
        return Reply(status=200, content={"known": sorted(FAULTS), "planned": api.books.faults})
    return _no(f"Nothing to show: {what}")


def _wrong(api: "Api", act: str, given: Mapping[str, Any]) -> str:
    if act not in _ACTS:
        return f"No such act: {act}"
    if str(given.get("company", REALM)) not in api.books.companies:
        return "No such company"
    names = given.get("plan") or [given.get("fault")]
    if act == "faults" and any(name not in FAULTS for name in names):
        return f"No such fault; known: {', '.join(sorted(FAULTS))}"
    return ""


def _by_hand(api: "Api", given: Mapping[str, Any], request_id: str) -> Reply:
    """Somebody changes a document in QuickBooks' own pages, or deletes it.

    `entity` (Invoice), `number`, and any of `fields`, `lines` (merged, by place), `rows` (how many
    stay), `deposited`, `delete`.
    """
    kind = BY_ENTITY.get(str(given.get("entity", "Invoice")))
    realm = str(given.get("company", REALM))
    found = [
        one
        for one in (api.books.of(realm, kind.entity) if kind else ())
        if kind and one.get(kind.number) == given.get("number")
    ]
    if kind is None or not found:
        return _no("No such document")
    made = _changed(api, kind, realm, found[0], given)
    effect = "deleted" if given.get("delete") else "by_hand"
    _note(api, kind, realm, Outcome(effect=effect, stands=made), request_id)
    return Reply(status=200, content={"done": "by_hand"})


def _changed(
    api: "Api", kind: Kind, realm: str, stands: Shown, given: Mapping[str, Any]
) -> dict[str, Any]:
    lines = [dict(one) for one in stands["Line"] if one.get("DetailType") != "SubTotalLineDetail"]
    for at, change in enumerate(given.get("lines", ())):
        inner = {kind.detail: {**lines[at].get(kind.detail, {}), **change.get(kind.detail, {})}}
        lines[at] = {**lines[at], **change, **(inner if kind.detail else {})}
    del lines[int(given.get("rows", len(lines))) :]
    made = {**stands, **given.get("fields", {}), "Line": lines}
    if "deposited" in given:
        made["_deposited"] = bool(given["deposited"])
    return touched(worked_out(api.books.companies[realm], kind, made), api.now())


def _typed(api: "Api", given: Mapping[str, Any], request_id: str) -> Reply:
    """Somebody types a new document in QuickBooks' own pages: `entity` (Invoice) and its `body`."""
    kind = BY_ENTITY.get(str(given.get("entity", "Invoice")))
    if kind is None:
        return _no("No such kind of document")
    realm = str(given.get("company", REALM))
    body = loads(dumps(given.get("body")))
    job = Job(
        kind=kind,
        company=api.books.companies[realm],
        sent=body if isinstance(body, dict) else {},
    )
    made = decide(api.books, job, api.now())
    if made.stands is None:
        return _no(made.problem.detail if made.problem else "Nothing was typed")
    _note(api, kind, realm, made, request_id)
    return Reply(status=200, content={"done": "typed", "id": made.stands["Id"]})


def _note(api: "Api", kind: Kind, realm: str, outcome: Outcome, request_id: str) -> None:
    line = {"at": api.now().isoformat(), "request_id": request_id, "call": "by_hand"}
    api.write({**line, "company": realm, **told(kind, outcome)})


def _no(message: str) -> Reply:
    return Reply(status=400, content={"error": message})
