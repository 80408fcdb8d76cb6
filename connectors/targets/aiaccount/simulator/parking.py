"""Pushes that are kept for later: the key is paused, or the work takes longer than the answer
may.

Here: keeping one, and doing it when its time comes. Not here: deciding about documents
(posting.py).
"""

import base64
from typing import TYPE_CHECKING

from connectors.kit.simulator import Reply
from connectors.targets.aiaccount.simulator.kinds import KINDS
from connectors.targets.aiaccount.simulator.posting import Job, base_line, post
from connectors.targets.aiaccount.simulator.reading import Opened, Unreadable, opened
from connectors.targets.aiaccount.simulator.replies import error

if TYPE_CHECKING:
    from connectors.targets.aiaccount.simulator.api import Api


def park(api: "Api", job: Job, why: str, *, planned: bool) -> Reply:
    """Keep a push, and say so."""
    cache_id = api.books.next_id("cch", 0)
    import_id = api.books.next_id("imp", 8800)
    if why == "paused":
        message = "API key is paused; the request was stored and runs when the key is active"
        reply = error(423, "key_paused", message, cached=True, cache_id=cache_id)
    else:
        told = {"id": import_id, "type": job.kind.title, "status": "processing"}
        reply = Reply(status=202, content={"import": told})
    line = {**base_line(job, api.now()), "effect": "cached", "code": why, "planned": planned}
    line.update(cache_id=cache_id, import_id=import_id)
    lines = [
        {**line, "number": one.number, "party": one.party, "document": one.to_json()}
        for one in job.documents
    ] or [line]
    for other in lines[1:]:
        other["planned"] = False
    lines[-1]["reply"] = {
        "status": reply.status,
        "content": reply.content,
        "keep": True,
        "import": "cached" if why == "paused" else "processing",
        "park": {
            "why": why,
            "call": job.call,
            "kind": job.kind.name,
            "company": job.company,
            "key": job.key,
            "import_id": import_id,
            "content": base64.b64encode(job.content).decode(),
        },
    }
    api.write(*lines)
    return reply


def wake(api: "Api", request_id: str) -> None:
    """Do now what was kept while the key was paused."""
    for cache_id, parked in list(api.books.cached.items()):
        if parked["why"] == "paused":
            run(api, cache_id, request_id)


def run(api: "Api", cache_id: str, request_id: str) -> None:
    """Do now what was kept."""
    parked = api.books.cached[cache_id]
    content = base64.b64decode(parked["content"])
    kind = KINDS[parked["kind"]]
    body = opened(content, parked["call"], kind)
    job = Job(
        call=parked["call"],
        kind=kind,
        company=parked["company"],
        key=parked["key"],
        content=content,
        documents=body.documents if isinstance(body, Opened) else (),
        rows=body.rows if isinstance(body, Opened) else 0,
        request_id=request_id,
        as_import=True,
        import_id=parked["import_id"],
        cache_id=cache_id,
        locked=parked["why"] == "failed",
    )
    if isinstance(body, Unreadable):
        api.unread(job, body, planned=False)
        return
    result = post(api.books, job, api.now())
    for line in result.lines:
        line["answer"] = "none"
    api.write(*result.lines)
