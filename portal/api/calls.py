"""The calls: what waits, approve, and what the pages do with one hold or with many.

Here: reading a call, calling the service that pages call too, saying in JSON what came of it. Not
here: who may call (portal/web/bearer.py), what is allowed (holding).
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TypeVar

from flask import Blueprint, Response, current_app, g, jsonify, request, url_for

from holding.access import actors, people
from holding.approvals import approve as approvals_approve
from holding.approvals.candidates import Left, SetChanged
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal
from holding.holds import assignments, locked_periods, releases, retries
from holding.holds import assignments as bulk_acts
from holding.holds import assignments as reopening
from holding.holds import holds as corrections
from holding.holds import retries as overrides
from holding.holds.holds import Correction, Done
from holding.holds.holds import Left as NotDone
from holding.platform import processes as doorbell
from holding.reconciliation import manual_entries
from holding.worklist import open_holds
from holding.worklist import search as whereabouts
from portal.api import answers, bodies, openapi
from portal.web import forms, security, store
from portal.web.bearer import whose
from portal.web.problems import problem

Wish = TypeVar("Wish")
api = Blueprint("api", __name__, url_prefix="/api/v1/c/<co>")
security.limiter.limit("240 per minute", key_func=whose)(api)
security.limiter.limit("20 per minute", deduct_when=lambda answer: answer.status_code == 401)(api)


@api.get("/holds")
def listing() -> Response:
    """Open holds in order of their ids, up to 100; `next` is what `after` asks for next."""
    given = request.args.get("after", "").strip()
    after = forms.whole(given or "0")
    if after is None:  # the first page again would be asked for without end
        hint = "Send what `next` told, or leave it out for the first page."
        return problem(Refusal("call.after", "The field after is not a whole number.", hint, 422))
    sees = actors.may(replace(g.actor, scopes=None), "record.pii") is None  # no scope is about it
    rows = open_holds.page(store.reading(), g.company.id, after=after, show_personal=sees)
    last = rows[-1].hold if len(rows) == open_holds.OPEN_PAGE_SIZE else None
    return jsonify(answers.told(answers.Holds(tuple(rows), last)))


@api.get("/records")
def records() -> Response:
    """Where the records of one number stand: their documents, and what holds them."""
    number = request.args.get("number", "").strip()[:100]
    if not number:
        hint = "GET /records?number=NS-10240"
        return problem(Refusal("call.number", "No number is asked for.", hint, 422))
    sees = actors.may(replace(g.actor, scopes=None), "record.pii") is None  # no scope is about it
    rows = whereabouts.whereabouts(store.reading(), g.company.id, number, show_personal=sees)
    if not rows:
        hint = "Compare it with the order; a record that has not arrived is not known."
        return problem(
            Refusal("record.unknown", f"Nothing here has the number {number}.", hint, 404)
        )
    found = ({one.name: getattr(row, one.name) for one in fields(row)} for row in rows)
    each = (answers.Found(**one, page=_page(row)) for one, row in zip(found, rows, strict=True))
    return jsonify(answers.told(answers.Records(tuple(each))))


@api.get("/openapi.json")
def described() -> Response:
    """These calls as an OpenAPI document."""
    return jsonify(openapi.document(current_app))


@api.post("/holds/approve")
def approve() -> Response:
    """Approve postings exactly as they were looked at, each with its own answer."""
    wish, op = bodies.approve(), bodies.operation()
    if isinstance(wish, Refusal):
        return problem(wish)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = approvals_approve.approve(
            session, g.actor, wish.seen, wish.reason, g.now, op, seen=wish.seen
        )
    if isinstance(answer, SetChanged):
        return problem(answer, changes=answers.told(_not_approved(answer.changes)))
    if isinstance(answer, Refusal):
        return problem(answer)
    doorbell.ring(g.company.id, "push")
    if answer.forbidden:
        return problem(answer.forbidden, refused=answers.told(_not_approved(answer.refused)))
    waiting, refused = _not_approved(answer.waiting), _not_approved(answer.refused)
    return jsonify(answers.told(answers.Consents(answer.done, answer.ready, waiting, refused)))


@api.post("/holds/<int:hold_id>/release")
def release(hold_id: int) -> Response:
    """Let one finding pass."""
    return _reasoned(hold_id, releases.release)


@api.post("/holds/<int:hold_id>/reject")
def reject(hold_id: int) -> Response:
    """Never post this record as it is."""
    return _reasoned(hold_id, releases.reject)


@api.post("/holds/<int:hold_id>/link")
def link(hold_id: int) -> Response:
    """A document that stands in the target is the posting's."""

    def act(session: DatabaseSession, wish: bodies.Linked, op: str | None) -> Done | Refusal:
        number, reason = wish.number, wish.reason
        return manual_entries.link(session, g.actor, hold_id, number, reason, g.now, op)

    return _one(bodies.linked(), act)


@api.post("/holds/<int:hold_id>/look")
def look(hold_id: int) -> Response:
    """Something was put right in the target: look at it again."""
    return _reasoned(hold_id, manual_entries.look_again)


@api.post("/holds/<int:hold_id>/retry")
def retry(hold_id: int) -> Response:
    """Try once more what changed since."""
    return _one(None, lambda session, _, op: retries.retry(session, g.actor, hold_id, g.now, op))


@api.post("/holds/<int:hold_id>/override")
def override(hold_id: int) -> Response:
    """Try once more although nothing changed."""
    return _reasoned(hold_id, overrides.override)


@api.post("/holds/<int:hold_id>/assign")
def assign(hold_id: int) -> Response:
    """Give it to a person, or back to its team."""

    def act(session: DatabaseSession, wish: bodies.Assigned, op: str | None) -> Done | Refusal:
        person_id = _person(session, wish.email) if wish.email else None
        return assignments.assign(session, g.actor, hold_id, person_id, g.now, op, seen=wish.lock)

    return _one(bodies.assigned(), act)


@api.post("/holds/<int:hold_id>/snooze")
def snooze(hold_id: int) -> Response:
    """Let it rest until a moment."""

    def act(session: DatabaseSession, wish: bodies.Snoozed, op: str | None) -> Done | Refusal:
        until, seen = wish.until, wish.lock
        return assignments.snooze(session, g.actor, hold_id, until, g.now, op, seen=seen)

    return _one(bodies.snoozed(), act)


@api.post("/holds/<int:hold_id>/correct")
def correct(hold_id: int) -> Response:
    """Set one value right, as a new version."""

    def act(session: DatabaseSession, wish: Correction, op: str | None) -> Done | Refusal:
        return corrections.correct(session, g.actor, hold_id, wish, g.now, op)

    return _one(bodies.corrected(), act)


@api.post("/holds/<int:hold_id>/date")
def date(hold_id: int) -> Response:
    """Let a document of a locked period carry another day."""

    def act(session: DatabaseSession, wish: bodies.Dated, op: str | None) -> Done | Refusal:
        return locked_periods.date_anew(session, g.actor, hold_id, wish.day, wish.reason, g.now, op)

    return _one(bodies.dated(), act)


@api.post("/holds/<int:hold_id>/reopen")
def reopen(hold_id: int) -> Response:
    """Ask somebody to open a locked month."""
    return _asked(hold_id, reopening.ask_to_reopen)


@api.post("/holds/<int:hold_id>/redirect")
def redirect(hold_id: int) -> Response:
    """Have somebody decide where a document of a locked period goes."""
    return _asked(hold_id, reopening.redirect)


@api.post("/holds/many")
def do_many() -> Response:
    """Release or try again many holds as they were looked at, each with its own answer."""
    wish, op = bodies.many(), bodies.operation()
    if isinstance(wish, Refusal):
        return problem(wish)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = bulk_acts.do(session, g.actor, wish, g.now, op or f"token:{g.request_id}")
    if isinstance(answer, Refusal):
        return problem(answer)
    doorbell.ring(g.company.id, "evaluate")
    left = tuple(_not_done(one) for one in answer.left)
    if forbidden := bulk_acts.forbidden(answer):
        return problem(forbidden, left=answers.told(left))
    done = tuple(answers.OneDone(one.hold_id, one.number, one.say) for one in answer.done)
    return jsonify(answers.told(answers.Acts(done, left)))


def _page(row: whereabouts.Whereabouts) -> str:
    """The address of a record for people."""
    given = {"source": row.source, "kind": row.kind, "external_id": row.external_id}
    return url_for("records.show", co=g.company.code, _external=True, **given)


def _reasoned(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    """An act that wants a reason and nothing else."""
    return _one(
        bodies.reasoned(),
        lambda session, reason, op: act(session, g.actor, hold_id, reason=reason, now=g.now, op=op),
    )


def _asked(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    """A question to a person."""

    def ask(session: DatabaseSession, wish: bodies.Asked, op: str | None) -> Done | Refusal:
        question = reopening.Question(_person(session, wish.email), wish.reason)
        return act(session, g.actor, hold_id, question, g.now, op)

    return _one(bodies.asked(), ask)


def _one(
    wish: Wish | Refusal, act: Callable[[DatabaseSession, Wish, str | None], Done | Refusal]
) -> Response:
    """One act on one hold, once a key: what is wrong with the call, or what came of it."""
    op = bodies.operation()
    for wrong in (wish, op):
        if isinstance(wrong, Refusal):
            return problem(wrong)
    with store.writing() as session:
        answer = act(session, wish, op)  # type: ignore[arg-type]
    return _done(answer)


def _person(session: DatabaseSession, email: str) -> int:
    """Their id; one that nobody has, where there is nobody with that address."""
    return people.id_of(session, g.company.id, email) or -1


def _done(answer: Done | Refusal) -> Response:
    if isinstance(answer, Refusal):
        return problem(answer)
    doorbell.ring(g.company.id, "evaluate")
    return jsonify(answers.told(answers.Act(answer.hold_id, answer.say)))


def _not_done(one: NotDone) -> answers.OneLeft:
    refusal = one.refusal
    return answers.OneLeft(
        one.hold_id, one.number, refusal.status, code=refusal.code, why=refusal.words
    )


def _not_approved(rows: tuple[Left, ...]) -> tuple[answers.NotApproved, ...]:
    return tuple(
        answers.NotApproved(row.posting_id, row.number, row.status, row.reason) for row in rows
    )
