"""The control API of the simulator: what a person would do in AiAccount's own settings, and
planned faults.

Here: `/_sim/…`. Not here: anything the real AiAccount offers.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.kit.simulator import Reply, Request
from connectors.targets.aiaccount.simulator import parking
from connectors.targets.aiaccount.simulator.faults import FAULTS
from connectors.targets.aiaccount.simulator.kinds import KINDS
from connectors.targets.aiaccount.simulator.posting import Job, post
from connectors.targets.aiaccount.simulator.reading import Unreadable, opened

if TYPE_CHECKING:
    from connectors.targets.aiaccount.simulator.api import Api

_ACTS = frozenset({"reset", "clock", "lock", "pause", "quota", "faults", "company"})


def handle(api: "Api", request: Request, request_id: str) -> Reply:
    """Answer a control call."""
    act = request.path.removeprefix("/_sim/")
    if request.method == "GET":
        return _show(api, act)
    if act == "by_hand":
        return _by_hand(api, request, request_id)
    try:
        given = json.loads(request.body or b"{}")
    except ValueError:
        return _no("The body is no JSON")
    wrong = _wrong(api, act, given)
    if wrong:
        return _no(wrong)
    line = {"at": api.now().isoformat(), "request_id": request_id, "call": "control"}
    api.write([{**line, "act": act, "given": given, "effect": "control"}])
    if act == "pause" and given.get("status") == "active":
        for cache_id, parked in list(api.books.cached.items()):
            if parked["why"] == "paused":
                parking.run(api, cache_id, request_id)
    return Reply(status=200, content={"done": act})


def _show(api: "Api", what: str) -> Reply:
    if what == "documents":
        return Reply(status=200, content={"documents": api.books.documents})
    if what == "cached":
        parked = [{"cache_id": one, **told} for one, told in api.books.cached.items()]
        return Reply(status=200, content={"cached": parked})
    if what == "faults":
        return Reply(status=200, content={"known": sorted(FAULTS), "planned": api.books.faults})
    return _no(f"Nothing to show: {what}")


def _wrong(api: "Api", act: str, given: Mapping[str, Any]) -> str:
    if act not in _ACTS:
        return f"No such act: {act}"
    if given.get("company", "CMP-1042") not in api.books.companies:
        return "No such company"
    if act == "pause" and given.get("key") not in api.books.keys:
        return "No such key"
    if act == "clock" and not isinstance(given.get("offset_seconds"), (int, float)):
        return "offset_seconds is a number"
    names = given.get("plan") or [given.get("fault")]
    if act == "faults" and any(name not in FAULTS for name in names):
        return f"No such fault; known: {', '.join(sorted(FAULTS))}"
    return ""


def _by_hand(api: "Api", request: Request, request_id: str) -> Reply:
    """Somebody imports a workbook by hand beside the API: nothing compares it with what is
    there.
    """
    kind = KINDS.get(request.query.get("type", "sales_invoice"))
    if kind is None:
        return _no("No such type")
    body = opened(request.body, "xlsx", kind)
    if isinstance(body, Unreadable):
        return _no(body.message)
    job = Job(
        call="by_hand",
        kind=kind,
        company=request.query.get("company", "CMP-1042"),
        key="",
        content=request.body,
        documents=body.documents,
        rows=body.rows,
        request_id=request_id,
        as_import=True,
    )
    dedupe, api.books.dedupe = api.books.dedupe, "none"
    result = post(api.books, job, api.now())
    api.books.dedupe = dedupe
    api.write(result.lines)
    return Reply(status=result.status, content=result.content)


def _no(message: str) -> Reply:
    return Reply(status=400, content={"error": {"code": "control", "message": message}})
