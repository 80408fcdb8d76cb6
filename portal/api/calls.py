"""The calls: what waits, approve, release, reject, try again, many at once.

Here: reading a call, calling the service that pages call too, saying in JSON what came of it. Not
here: who may call (admit.py), what is allowed (holding).
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from holding import approvals, doorbell, holds, many, retries
from holding.approval_sets import Left, SetChanged
from holding.desk import Done
from holding.desk import Left as NotDone
from holding.queries import waiting
from holding.refusal import Refusal
from holding.words import plural
from portal import forms, security, store
from portal.api import bodies
from portal.api.admit import whose
from portal.problems import problem

api = Blueprint("api", __name__, url_prefix="/api/v1/c/<co>")
security.limiter.limit("240 per minute", key_func=whose)(api)
security.limiter.limit("20 per minute", deduct_when=lambda answer: answer.status_code == 401)(api)


@api.get("/holds")
def listing() -> Response:
    """Open holds in order of their ids, up to 100; `next` is what `after` asks for next."""
    after = forms.whole(request.args.get("after")) or 0
    rows = waiting.page(store.reading(), g.company.id, after=after)
    last = rows[-1].hold if len(rows) == waiting.A_PAGE else None
    return jsonify(holds=[asdict(row) for row in rows], next=last)


@api.post("/holds/approve")
def approve() -> Response:
    """Approve postings exactly as they were looked at, each with its own answer."""
    wish, op = bodies.approve(), bodies.operation()
    if isinstance(wish, Refusal):
        return problem(wish)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = approvals.approve(
            session, g.actor, wish.seen, wish.reason, g.now, op, seen=wish.seen
        )
    if isinstance(answer, SetChanged):
        return problem(answer, changes=_left(answer.changes))
    if isinstance(answer, Refusal):
        return problem(answer)
    doorbell.ring(g.company.id, "push")
    if answer.forbidden:
        return problem(answer.forbidden, refused=_left(answer.refused))
    return jsonify(
        approved=answer.done,
        ready=answer.ready,
        waiting=_left(answer.waiting),
        refused=_left(answer.refused),
    )


@api.post("/holds/<int:hold_id>/release")
def release(hold_id: int) -> Response:
    """Let one finding pass."""
    return _settle(hold_id, holds.release)


@api.post("/holds/<int:hold_id>/reject")
def reject(hold_id: int) -> Response:
    """Never post this record as it is."""
    return _settle(hold_id, holds.reject)


@api.post("/holds/<int:hold_id>/retry")
def retry(hold_id: int) -> Response:
    """Try once more what changed since."""
    op = bodies.operation()
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = retries.retry(session, g.actor, hold_id, g.now, op)
    return _done(answer)


@api.post("/holds/many")
def do_many() -> Response:
    """Release or try again many holds as they were looked at, each with its own answer."""
    wish, op = bodies.many(), bodies.operation()
    if isinstance(wish, Refusal):
        return problem(wish)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = many.do(session, g.actor, wish, g.now, op or f"token:{g.request_id}")
    if isinstance(answer, Refusal):
        return problem(answer)
    doorbell.ring(g.company.id, "evaluate")
    left = [_not_done(one) for one in answer.left]
    if left and not answer.done and all(one["status"] == 403 for one in left):
        told = f"Nothing was done: {plural(len(left), 'hold is', 'holds are')} not yours to decide."
        return problem(Refusal("hold.own_hand", told, left[0]["why"], 403), left=left)
    done = [{"id": one.hold_id, "number": one.number, "said": one.say} for one in answer.done]
    return jsonify(done=done, left=left)


def _settle(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    reason, op = bodies.reasoned(), bodies.operation()
    if isinstance(reason, Refusal):
        return problem(reason)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = act(session, g.actor, hold_id, reason=reason, now=g.now, op=op)
    return _done(answer)


def _done(answer: Done | Refusal) -> Response:
    if isinstance(answer, Refusal):
        return problem(answer)
    doorbell.ring(g.company.id, "evaluate")
    return jsonify(hold=answer.hold_id, said=answer.say)


def _not_done(one: NotDone) -> dict[str, Any]:
    refusal = one.refusal
    return {
        "id": one.hold_id,
        "number": one.number,
        "status": refusal.status,
        "code": refusal.code,
        "why": f"{refusal.message} {refusal.hint}".strip(),
    }


def _left(rows: tuple[Left, ...]) -> list[dict[str, Any]]:
    return [
        {"id": row.posting_id, "number": row.number, "status": row.status, "why": row.reason}
        for row in rows
    ]
