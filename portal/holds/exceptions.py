"""Actions on holds: retry, correct, assign, snooze, comment, date, on one hold or on many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, get_args
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, make_response, request, url_for
from flask import redirect as redirect_to

from holding.access import actors
from holding.approvals import step_up
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal
from holding.holds import assignments, holds, locked_periods, notes, releases, retries, undo
from holding.holds.assignments import Act, Question, Wish
from holding.holds.holds import Correction, Done, Each
from holding.platform import processes
from holding.programs import posted_differences
from holding.worklist import ageing as ageing_query
from holding.worklist import facets, hold_detail, open_holds
from portal.holds import hold_filter, hold_pane
from portal.web import filters, forms, store
from portal.web.forms import MIN_REASON, Form, Problems, parse_day, parse_whole
from portal.web.permissions import needs

pages = Blueprint("desk", __name__, url_prefix="/c/<co>/holding")

period_pages = Blueprint("periods", __name__, url_prefix="/c/<co>/holding")

LISTED = 50  # holds of an act over many that are named; all are counted

ASKED = {
    "release": "Release",
    "retry": "Retry",
    "assign": "Assign",
    "snooze": "Snooze",
    "date": "Change date",
}

DID = {
    "release": "released",
    "retry": "retried",
    "assign": "assigned",
    "snooze": "snoozed",
    "date": "re-dated",
}

NO_MORE = {
    "next": "This is the last of its cause.",
    "previous": "This is the first of its cause.",
}

MORNING = time(8, 0)  # what rests until a day is back when people come in

ACTS: tuple[Act, ...] = get_args(Act)


@pages.post("/<int:hold_id>/retry")
@needs("hold.retry")
def retry(hold_id: int) -> Response:
    """Try once more what changed since."""

    def do(session: DatabaseSession, op: str) -> Done | Refusal:
        return retries.retry(session, g.actor, hold_id, g.now, op or None, opened=True)

    return hold_pane.act_on_hold(hold_id, request.form.get("op", ""), do, "Retry started.")


@pages.post("/<int:hold_id>/message")
@needs("hold.retry")
def message(hold_id: int) -> Response:
    """Open the whole message of a hold, which its trace keeps."""

    def do(session: DatabaseSession, op: str) -> Done | Refusal:
        return notes.open_message(session, g.actor, hold_id, g.now, op or None)

    return hold_pane.act_on_hold(hold_id, request.form.get("op", ""), do, "The message is open.")


@pages.post("/<int:hold_id>/override")
@needs("retry.override")
def override(hold_id: int) -> Response:
    """Try once more although nothing changed, with a reason."""

    def do(session: DatabaseSession, wish: forms.Reasoned) -> Done | Refusal:
        return retries.override(session, g.actor, hold_id, wish.reason, g.now, wish.op or None)

    return hold_pane.act_on_hold(hold_id, forms.read_reason(request.form), do, "Retry started.")


@pages.post("/<int:hold_id>/correct")
@needs("record.edit")
def correct(hold_id: int) -> Response:
    """Set one value right, as a new version."""

    def do(session: DatabaseSession, wish: Corrected) -> Done | Refusal:
        wanted, op = wish.correction, wish.op or None
        return holds.correct(session, g.actor, hold_id, wanted, g.now, op)

    said = "Corrected. A new version is being checked; the original is kept."
    return hold_pane.act_on_hold(
        hold_id, read_correction_form(request.form), do, said, field="value"
    )


@pages.post("/<int:hold_id>/assign")
@needs("hold.assign")
def assign(hold_id: int) -> Response:
    """Give the hold to a person."""

    def do(session: DatabaseSession, wish: Assigned) -> Done | Refusal:
        person, op = wish.person_id, wish.op or None
        return assignments.assign(session, g.actor, hold_id, person, g.now, op, seen=wish.seen)

    to_team = request.form.get("person") in (None, "", "0")
    said = "Assigned to its team." if to_team else "Assigned to that person."
    return hold_pane.act_on_hold(hold_id, read_assign_form(request.form), do, said)


@pages.post("/<int:hold_id>/snooze")
@needs("hold.assign")
def snooze(hold_id: int) -> Response:
    """Snooze the hold until the morning of a day."""

    def do(session: DatabaseSession, wish: Snoozed) -> Done | Refusal:
        until, op = wish.until, wish.op or None
        return assignments.snooze(session, g.actor, hold_id, until, g.now, op, seen=wish.seen)

    said = "Snoozed. It stays on hold and returns to the list on that morning."
    return hold_pane.act_on_hold(
        hold_id, read_snooze_form(request.form, filters.zone()), do, said, field="until"
    )


@pages.post("/<int:hold_id>/comment")
@needs("hold.assign")
def comment(hold_id: int) -> Response:
    """Write a note beside the record."""

    def do(session: DatabaseSession, wish: Noted) -> Done | Refusal:
        return notes.add_note(session, g.actor, hold_id, wish.text, g.now, wish.op or None)

    return hold_pane.act_on_hold(
        hold_id, read_comment_form(request.form), do, "Noted.", field="text"
    )


@pages.get("/many")
@needs("record.read")  # the service checks the act that the user chooses
def consider() -> Response:
    """Show the confirmation of an action on all holds that the filter matches, with their count and
    amount.
    """
    act = request.args.get("act", "")
    if act not in ASKED:
        abort(404)
    refusal = actors.may(g.actor, assignments.NEEDS[act])
    if refusal:
        return store.refuse(refusal)
    return store.respond("worklist/many.html", _question(act))


def _question(act: str) -> dict[str, object]:
    session = store.reading()
    wanted = hold_filter.read_filter(request.args)
    rows = facets.frozen_holds(session, g.company.id, wanted)
    return _shown(act, rows[: assignments.MOST], more=len(rows) > assignments.MOST)


def _shown(
    act: str,
    rows: Sequence[facets.FrozenHold],
    *,
    more: bool = False,
    problems: Mapping[str, str] | None = None,
) -> dict[str, object]:
    alone = [row for row in rows if act == "release" and row.code == posted_differences.ACCEPTED]
    rows = [row for row in rows if row not in alone]
    refused = _refused(act, rows)
    rows = [row for row in rows if row.id not in refused]
    shown_refusals = list(refused.values())[:LISTED]
    once = facets.count_once(rows, g.company.currency)
    dated = [row.id for row in rows[:LISTED] if act == "date"]
    released = [row.id for row in rows if act == "release"]
    return {
        "step_up": step_up.need_for_holds(store.reading(), g.actor, released, g.now),
        "act": act,
        "asked": ASKED[act],
        "rows": rows,
        "records": len(once),
        "sums": hold_pane.sums(once),
        "seen": hold_pane.seen_text(rows),
        "more": more,
        "alone": alone,
        "refused": shown_refusals,
        "hide": actors.hiding_each(
            store.reading(),
            {row.record_id for row, _ in shown_refusals},
            filters.hidden_fields(),
        ),
        "refused_count": len(refused),
        "days": locked_periods.first_days(store.reading(), dated) if dated else {},
        "listed": LISTED,
        "colleagues": open_holds.list_colleagues(store.reading(), g.company.id),
        "problems": problems or {},
        "changed": (),
        "was": "",
        "typed": request.form,  # empty where it is asked for the first time
        "kept": hold_filter.filter_args(hold_filter.read_filter(request.args)),
        "back": _back(),
    }


def _refused(
    act: str, rows: Sequence[facets.FrozenHold]
) -> Mapping[int, tuple[facets.FrozenHold, retries.RetryOffer]]:
    """Return by id the holds that the act would leave, with the reason or the time."""
    session, ids = store.reading(), [row.id for row in rows]
    refusals: Mapping[int, Refusal] = {}
    offers: Mapping[int, retries.RetryOffer] = {}
    if act == "retry":
        offers = retries.retry_offers(session, g.actor, ids, g.now, opened=True)
    elif act == "release":
        refusals = releases.release_refusals(session, g.actor, ids)
    elif act == "date":
        refusals = locked_periods.date_refusals(session, g.actor, ids, g.now)
    offers = offers or {key: retries.RetryOffer(refusal) for key, refusal in refusals.items()}
    listed = ((row, offers.get(row.id, retries.RetryOffer(None))) for row in rows)
    return {row.id: (row, offer) for row, offer in listed if offer.refusal is not None}


def _back() -> dict[str, object]:
    """Return the address arguments of the list that the user came from.

    A group that was open there is opened again.
    """
    wanted = hold_filter.read_filter(request.args)
    opened = wanted.causes[0] if len(wanted.causes) == 1 else None
    return hold_filter.filter_args(replace(wanted, causes=())) | {"open": opened}


@pages.post("/many")
@needs("record.read")  # the service checks the act that the user chooses
def do_many() -> Response:
    """Apply the action to each hold that the user saw, and show the result for each."""
    wish = read_many_form(request.form, filters.zone())
    act = request.form.get("act", "")
    if isinstance(wish, forms.Problems):
        if act not in ASKED:
            abort(404)
        return store.respond("worklist/many.html", _asked_again(act, wish), status=422)
    op = request.form.get("op", "")
    with store.writing() as session:
        unproved = hold_pane.prove_second_factor(session)
        answer = unproved or assignments.apply_to_holds(
            session, g.actor, wish, g.now, op, as_seen=True
        )
    if isinstance(answer, Refusal) and answer.code in hold_pane.CODE_REFUSALS:
        store.drop_snapshot()
        problems = forms.Problems({"code": answer.words})
        return store.respond("worklist/many.html", _asked_again(act, problems), status=422)
    if isinstance(answer, assignments.SetChanged):
        store.drop_snapshot()  # somebody was faster: what is there now is another set
        return store.respond("worklist/many.html", _changed(act, answer), status=409)
    back = url_for("holding.listing", co=g.company.code)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    kept = hold_filter.filter_args(hold_filter.read_filter(request.args))
    return _after_many(wish.act, answer, op, kept)


def _after_many(act: Act, answer: Each, op: str, kept: Mapping[str, Any]) -> Response:
    """Show the result for each hold, on a page of its own."""
    processes.ring(g.company.id, "evaluate")
    done = url_for("desk.done", co=g.company.code, op=op, act=act, **kept)
    said = f"{len(answer.done):,} {DID[act]}, {len(answer.left):,} left."
    back = url_for("holding.listing", co=g.company.code)
    return store.redirect_with_message(done if op else back, said)


def _asked_again(act: str, found: forms.Problems) -> dict[str, object]:
    """Return the page values for the holds of the form, with its problems."""
    seen = [part.partition(":")[0] for part in request.form.get("seen", "").split()]
    ids = [number for number in map(forms.parse_whole, seen) if number is not None]
    rows = facets.frozen_holds_by_id(store.reading(), g.company.id, ids)
    return _shown(act, rows, problems=found.by_field)


def _changed(act: str, found: assignments.SetChanged) -> dict[str, object]:
    """Return the page values for holds that changed meanwhile: the changes, and the other holds as
    they are now.
    """
    seen = {"changed": found.changes, "was": request.form.get("was", "")[:100]}
    return _asked_again(act, forms.Problems({})) | seen


@pages.get("/many/<op>")
@needs("record.read")  # shows the result of the user's own form
def done(op: str) -> Response:
    """Show the result of an action on many holds, for each record."""
    found = assignments.earlier_answer(store.reading(), g.actor, op)
    if found is None:
        abort(404)
    did = DID.get(request.args.get("act", ""), "done")
    return store.respond("worklist/done.html", each=found, did=did, back=_back())


@pages.post("/undo")
@needs("record.read")
def take_back() -> Response:
    """Take back what a form did a moment ago."""
    back = url_for("holding.listing", co=g.company.code)
    with store.writing() as session:
        answer = undo.undo(session, g.actor, request.form.get("undo", ""), g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "evaluate")
    return store.redirect_with_message(back, answer.say)


@pages.get("/ageing")
@needs("record.read")
def ageing() -> Response:
    """Show the held records by owner and age."""
    rows = ageing_query.ageing_by_owner(store.reading(), g.company.id, g.now)
    return store.respond("worklist/ageing.html", rows=rows, steps=ageing_query.STEPS)


@pages.get("/<int:hold_id>/<any(next, previous):way>")
@needs("record.read")
def step(hold_id: int, way: str) -> Response:
    """Redirect to the next or previous hold of this cause, or with `as=record` to its record.

    At the end, show a message.
    """
    session, company = store.reading(), g.company
    found = hold_detail.neighbour_hold(session, company.id, hold_id, after=way == "next")
    if found is None:
        abort(404)
    row = hold_detail.load_hold(session, company.id, found or hold_id)
    if row is None:
        abort(404)
    at = url_for("holding.show", co=company.code, hold_id=row.id)
    if request.args.get("as") == "record":
        source, kind, key = row.source, row.kind, row.external_id
        co = company.code
        at = url_for("records.show", co=co, source=source, kind=kind, external_id=key)
    return make_response(redirect_to(at, 303)) if found else store.flash_redirect(at, NO_MORE[way])


@period_pages.post("/<int:hold_id>/date", endpoint="date")
@needs("record.edit")
def date_document(hold_id: int) -> Response:
    """Change the document's date; with `all`, the date of every document of its cause."""
    if request.form.get("all"):
        return _date_cause(hold_id)

    def do(session: DatabaseSession, wish: Dated) -> Done | Refusal:
        op = wish.op or None
        return locked_periods.change_date(
            session, g.actor, hold_id, wish.day, wish.reason, g.now, op
        )

    said = "Document date changed. It is being checked again."
    return hold_pane.act_on_hold(hold_id, read_date_form(request.form), do, said, field="day")


def _date_cause(hold_id: int) -> Response:
    """Change the date of every document of a cause as the user saw them, or of none if any
    changed.
    """
    hold_pane.require_hold(hold_id)
    dated, many = read_date_form(request.form), read_many_form(request.form, filters.zone())
    if isinstance(dated, Problems):
        return hold_pane.show_problems(hold_id, dated)
    period = locked_periods.load_ways(store.reading(), hold_id)
    if isinstance(many, Problems) or period is None or dated.day != period.first_open:
        only_first = {"day": "All records together get the first open date. Choose that date."}
        return hold_pane.show_problems(hold_id, Problems(only_first))
    with store.writing() as session:
        answer = assignments.apply_to_holds(session, g.actor, many, g.now, dated.op, as_seen=True)
    if isinstance(answer, assignments.SetChanged):
        store.drop_snapshot()
        changed = {"day": "One of these records changed in the meantime. Nothing was done."}
        return hold_pane.show_problems(hold_id, Problems(changed))
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=hold_pane.hold_url(hold_id))
    return _after_many("date", answer, dated.op, {})


@period_pages.post("/<int:hold_id>/reopen")
@needs("hold.assign")
def reopen(hold_id: int) -> Response:
    """Request that a person reopen the locked month."""

    def do(session: DatabaseSession, wish: Asked) -> Done | Refusal:
        op = wish.op or None
        return assignments.ask_to_reopen(session, g.actor, hold_id, wish.question, g.now, op)

    said = "Request sent. The records are posted automatically once the month is reopened."
    return hold_pane.act_on_hold(
        hold_id, read_question_form(request.form), do, said, field="person"
    )


@period_pages.post("/<int:hold_id>/redirect")
@needs("hold.assign")
def redirect(hold_id: int) -> Response:
    """Request that a person decide where to post this document."""

    def do(session: DatabaseSession, wish: Asked) -> Done | Refusal:
        return assignments.ask_to_redirect(
            session, g.actor, hold_id, wish.question, g.now, wish.op or None
        )

    return hold_pane.act_on_hold(
        hold_id, read_question_form(request.form), do, "Sent.", field="person"
    )


@pages.post("/<int:hold_id>/entry")
@needs("hold.retry")
def look_for(hold_id: int) -> Response:
    """Send a document again whose missing entry was created in the accounting system."""

    def do(session: DatabaseSession, op: str) -> Done | Refusal:
        return retries.look_for_entry(session, g.actor, hold_id, g.now, op or None)

    said = "It is being looked for there."
    return hold_pane.act_on_hold(hold_id, request.form.get("op", ""), do, said)


@pages.post("/<int:hold_id>/source")
@needs("hold.assign")
def ask_source(hold_id: int) -> Response:
    """Request that a person correct the record in its source, because the accounting system is
    right.
    """

    def do(session: DatabaseSession, wish: Asked) -> Done | Refusal:
        op = wish.op or None
        return assignments.ask_source(session, g.actor, hold_id, wish.question, g.now, op)

    said = "Request sent. The hold clears when the record says what the accounting system shows."
    return hold_pane.act_on_hold(
        hold_id, read_question_form(request.form), do, said, field="person"
    )


@dataclass(frozen=True, slots=True)
class Assigned:
    """Give a hold to a person (None: back to its team)."""

    person_id: int | None
    seen: int | None
    op: str


@dataclass(frozen=True, slots=True)
class Snoozed:
    """Let a hold rest until a moment."""

    until: datetime
    seen: int | None
    op: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A note to store with a record, and the form's idempotency key."""

    text: str
    op: str


@dataclass(frozen=True, slots=True)
class Corrected:
    """A value to be set right."""

    correction: Correction
    op: str


@dataclass(frozen=True, slots=True)
class Dated:
    """The day that a document gets."""

    day: date
    reason: str
    op: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a person, and the form's idempotency key."""

    question: Question
    op: str


def read_date_form(form: Form) -> Dated | Problems:
    """Read a form with a date and a reason."""
    chosen, found = parse_day(form.get("day")), dict(_reason(form))
    if chosen is None:
        return Problems({"day": "Choose a day.", **found})
    return Problems(found) if found else Dated(chosen, form["reason"].strip(), form.get("op", ""))


def _reason(form: Form) -> Mapping[str, str]:
    if len(form.get("reason", "").strip()) >= MIN_REASON:
        return {}
    return {"reason": "Enter a short reason. It is recorded in the audit log."}


def read_question_form(form: Form) -> Asked | Problems:
    """Read a form with a person and a message to this person."""
    person_id, found = parse_whole(form.get("person")), {}
    if _reason(form):
        found["reason"] = "Enter a message."
    if not person_id:
        found["person"] = "Choose a person from the list."
    if found:
        return Problems(found)
    return Asked(Question(person_id, form["reason"].strip()), form.get("op", ""))


def read_assign_form(form: Form) -> Assigned | Problems:
    """Read a form with a person to assign; blank means no person."""
    chosen = form.get("person", "")
    person_id = parse_whole(chosen)
    if chosen and (person_id is None or person_id < 0):
        return Problems({"person": "Choose a person from the list."})
    return Assigned(person_id or None, parse_whole(form.get("rev")), form.get("op", ""))


def read_snooze_form(form: Form, zone: ZoneInfo) -> Snoozed | Problems:
    """Read a form with a day, on whose morning the hold returns."""
    until = parse_day(form.get("until"))
    if until is None:
        return Problems({"until": "Choose a day."})
    return Snoozed(morning_of(until, zone), parse_whole(form.get("rev")), form.get("op", ""))


def read_comment_form(form: Form) -> Noted | Problems:
    """Read a form with a note."""
    text = form.get("text", "").strip()
    return Noted(text, form.get("op", "")) if text else Problems({"text": "Write something first."})


def read_correction_form(form: Form) -> Corrected | Problems:
    """Read a form that corrects a single value, with a reason."""
    found = dict(_reason(form))
    value = form.get("value", "").strip()
    if not form.get("path"):
        found["path"] = "Choose a field."
    if not value:
        found["value"] = "Write the right value."
    if found:
        return Problems(found)
    correction = Correction(
        path=form["path"],
        value=value,
        reason=form["reason"].strip(),
        seen=parse_whole(form.get("rev")) or 0,
    )
    return Corrected(correction, form.get("op", ""))


def read_many_form(form: Form, zone: ZoneInfo) -> Wish | Problems:
    """Read the confirmation of an action on many holds, with the holds as the user saw them."""
    act = next((one for one in ACTS if one == form.get("act")), None)
    seen = dict(one for one in map(_seen, form.get("seen", "").split()) if one is not None)
    if act is None or not seen:
        return Problems({"act": "Nothing is selected."})
    until = parse_day(form.get("until"))
    found = dict(_reason(form)) if act in ("release", "date") else {}
    if act == "snooze" and until is None:
        found["until"] = "Choose a day."
    if found:
        return Problems(found)
    return Wish(
        act=act,
        seen=seen,
        reason=form.get("reason", "").strip(),
        person_id=parse_whole(form.get("person")) or None,
        until=morning_of(until, zone) if until else None,
        opened=True,
    )


def _seen(text: str) -> tuple[int, tuple[int, int]] | None:
    numbers = [parse_whole(part) for part in text.split(":")]
    if len(numbers) != 3 or None in numbers:
        return None
    return numbers[0] or 0, (numbers[1] or 0, numbers[2] or 0)


def morning_of(until: date, zone: ZoneInfo) -> datetime:
    """Return the time at which a hold snoozed until this day returns."""
    return datetime.combine(until, MORNING, tzinfo=zone)
