"""What people do with holds: try again, set right, give away, put aside, write, take back.

Here: the forms of one hold, one act over many, the report by owner. Not here: the lists, releasing
and approving (holding.py).
"""

from typing import Any

from flask import Blueprint, Response, abort, g, request, url_for

from holding import (
    assignments,
    corrections,
    differences,
    doorbell,
    many,
    notes,
    overrides,
    retries,
    roles,
    undo,
)
from holding.desk import Done
from holding.queries import ageing as ageing_query
from holding.queries import frozen, states
from holding.refusal import Refusal
from portal import desk_forms, filters, forms, fragments, panes, selection, store

pages = Blueprint("desk", __name__, url_prefix="/c/<co>/holding")

ASKED = {
    "release": "Release",
    "retry": "Try again",
    "assign": "Send to a person",
    "snooze": "Put aside",
    "date": "Date anew",
}
DID = {
    "release": "released",
    "retry": "tried again",
    "assign": "given away",
    "snooze": "put aside",
    "date": "dated anew",
}


@pages.post("/<int:hold_id>/retry")
def retry(hold_id: int) -> Response:
    """Try once more what changed since."""

    def do(session: Any, op: str) -> Done | Refusal:
        return retries.retry(session, g.actor, hold_id, g.now, op or None)

    return panes.act(hold_id, request.form.get("op", ""), do, "It is tried again.")


@pages.post("/<int:hold_id>/override")
def override(hold_id: int) -> Response:
    """Try once more although nothing changed, with a reason."""

    def do(session: Any, wish: forms.Reasoned) -> Done | Refusal:
        return overrides.override(session, g.actor, hold_id, wish.reason, g.now, wish.op or None)

    return panes.act(hold_id, forms.reasoned(request.form), do, "It is tried again.")


@pages.post("/<int:hold_id>/correct")
def correct(hold_id: int) -> Response:
    """Set one value right, as a new version."""

    def do(session: Any, wish: desk_forms.Corrected) -> Done | Refusal:
        wanted, op = wish.correction, wish.op or None
        return corrections.correct(session, g.actor, hold_id, wanted, g.now, op)

    said = "Corrected: a new version is being judged; the original stays beside it."
    return panes.act(hold_id, desk_forms.corrected(request.form), do, said, field="value")


@pages.post("/<int:hold_id>/assign")
def assign(hold_id: int) -> Response:
    """Give the hold to a person."""

    def do(session: Any, wish: desk_forms.Assigned) -> Done | Refusal:
        person, op = wish.person_id, wish.op or None
        return assignments.assign(session, g.actor, hold_id, person, g.now, op, seen=wish.seen)

    to_team = request.form.get("person") in (None, "", "0")
    said = "Back with its team." if to_team else "Sent to that person."
    return panes.act(hold_id, desk_forms.assigned(request.form), do, said)


@pages.post("/<int:hold_id>/snooze")
def snooze(hold_id: int) -> Response:
    """Let the hold rest until the morning of a day."""

    def do(session: Any, wish: desk_forms.Snoozed) -> Done | Refusal:
        until, op = wish.until, wish.op or None
        return assignments.snooze(session, g.actor, hold_id, until, g.now, op, seen=wish.seen)

    said = "Put aside. It stays held and counted, and comes back on that morning."
    return panes.act(
        hold_id, desk_forms.snoozed(request.form, filters.zone()), do, said, field="until"
    )


@pages.post("/<int:hold_id>/comment")
def comment(hold_id: int) -> Response:
    """Write a note beside the record."""

    def do(session: Any, wish: desk_forms.Noted) -> Done | Refusal:
        return notes.comment(session, g.actor, hold_id, wish.text, g.now, wish.op or None)

    return panes.act(hold_id, desk_forms.noted(request.form), do, "Noted.", field="text")


@pages.get("/many")
def consider() -> Response:
    """One act over all that a filter finds now: how many, how much, and the question."""
    act = request.args.get("act", "")
    if act not in ASKED:
        abort(404)
    refusal = roles.may(g.actor, many.NEEDS[act])
    if refusal:
        return fragments.refuse(refusal)
    return fragments.respond("holding/many.html", **_question(act))


@pages.post("/many")
def do_many() -> Response:
    """Do it with each of the holds that were looked at, and say what became of each."""
    wish = desk_forms.many(request.form, filters.zone())
    act = request.form.get("act", "")
    if isinstance(wish, forms.Problems):
        if act not in ASKED:
            abort(404)
        return fragments.respond("holding/many.html", status=422, **_asked_again(act, wish))
    op = request.form.get("op", "")
    with store.writing() as session:
        answer = many.do(session, g.actor, wish, g.now, op)
    back = url_for("holding.listing", co=g.company.code)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    said = f"{len(answer.done):,} {DID[wish.act]}, {len(answer.left):,} left."
    return fragments.moved(
        url_for("desk.done", co=g.company.code, op=op, act=wish.act) if op else back, said
    )


@pages.get("/many/<op>")
def done(op: str) -> Response:
    """What became of each record of an act over many."""
    found = many.answered(store.reading(), g.actor, op)
    if found is None:
        abort(404)
    did = DID.get(request.args.get("act", ""), "done")
    return fragments.respond("holding/done.html", each=found, did=did)


@pages.post("/undo")
def take_back() -> Response:
    """Take back what a form did a moment ago."""
    back = url_for("holding.listing", co=g.company.code)
    with store.writing() as session:
        answer = undo.undo(session, g.actor, request.form.get("undo", ""), g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    return fragments.moved(back, answer.say)


@pages.get("/ageing")
def ageing() -> Response:
    """Held records by owner and age."""
    rows = ageing_query.by_owner(store.reading(), g.company.id, g.now)
    return fragments.respond("holding/ageing.html", rows=rows, steps=ageing_query.STEPS)


def _question(act: str) -> dict[str, Any]:
    session = store.reading()
    wanted = selection.wanted(request.args, g.actor.person_id)
    rows = frozen.rows(session, g.company.id, wanted)
    return _shown(act, rows[: many.MOST], more=len(rows) > many.MOST)


def _asked_again(act: str, found: forms.Problems) -> dict[str, Any]:
    """The same holds once more, with what is wrong."""
    seen = [part.partition(":")[0] for part in request.form.get("seen", "").split()]
    ids = [number for number in map(forms.whole, seen) if number is not None]
    rows = frozen.these(store.reading(), g.company.id, ids)
    return _shown(act, rows, problems=found.by_field)


def _shown(act: str, rows: Any, *, more: bool = False, problems: Any = None) -> dict[str, Any]:
    alone = [row for row in rows if act == "release" and row.code == differences.ACCEPTED]
    rows = [row for row in rows if row not in alone]
    once = {row.record_id: row for row in rows}
    return {
        "act": act,
        "asked": ASKED[act],
        "rows": rows,
        "records": len(once),
        "sums": selection.sums(list(once.values())),
        "seen": " ".join(f"{row.id}:{row.lock}:{row.version_id or 0}" for row in rows),
        "more": more,
        "alone": alone,
        "colleagues": states.colleagues(store.reading(), g.company.id),
        "problems": problems or {},
    }
