"""Sources and targets: what each does, its test, its pause, and sending a range of days.

Here: views. Not here: the services (holding/connections/setup.py, holding/runs/date_ranges.py), the
calls (connectors).
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, request, url_for

from connectors.transport.http import Http
from holding.connections import connection_rows as queries
from holding.connections import probe, setup
from holding.reconciliation import reading_plan
from holding.refusal import Refusal
from holding.rulesets import declared_rounding, publication, run_hours
from holding.runs import date_ranges, schedules
from holding.runtime import doorbell
from holding.words import plural
from portal.web import forms, fragments, rule_checks, store, target_status

pages = Blueprint("connections", __name__, url_prefix="/c/<co>/connections")
TEST_SECONDS = 5.0


@pages.get("")
def listing() -> Response:
    """All sources and targets, with the pills of the targets."""
    session = store.reading()
    rows = queries.listing(session, g.company.id)
    targets = [row for row in rows if row.is_target]
    made = target_status.of_rows(session, g.company.id, targets)
    return fragments.respond(
        "connections/list.html",
        targets=[(row, [one for one in made if one.connection_id == row.id]) for row in targets],
        sources=[
            (row, queries.last_delivery(session, row.id)) for row in rows if not row.is_target
        ],
    )


@pages.get("/<name>")
def show(name: str) -> Response:
    """One connection."""
    return fragments.respond("connections/show.html", _shown(_row(name)))


@pages.post("/<name>/test")
def test(name: str) -> Response:
    """Try the target without writing there, a step a line."""
    row = _row(name)
    clock = store.clock()
    http = Http(clock, connect_seconds=TEST_SECONDS, read_seconds=TEST_SECONDS)
    answer = probe.test_connection(store.database(), clock, row.id, g.actor, http=http)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url(name))
    doorbell.ring(g.company.id, "evaluate")
    said = f"The test of {name} {'passed' if answer.ok else 'failed'}."
    store.renew()
    shown, say = _shown(row) | {"report": answer}, said if answer.ok else ""
    return fragments.respond("connections/show.html", shown, say=say, also=("told",))


@pages.post("/<name>/pause")
def pause(name: str) -> Response:
    """Send nothing there until somebody resumes."""
    row = _row(name)
    wish = forms.reasoned(request.form)
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    with store.writing() as session:
        answer = setup.pause(session, g.actor, row.id, wish.reason, now=g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url(name))
    return fragments.moved(_url(name), f"{name} is paused. What is ready waits here.")


@pages.post("/<name>/read")
def read(name: str) -> Response:
    """Read in the target everything that is posted there and still watched."""
    row = _row(name)
    with store.writing() as session:
        answer = reading_plan.read_target(session, g.actor, row.id, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url(name))
    doorbell.ring(g.company.id, "push")
    told = plural(answer, "document is", "documents are")
    return fragments.moved(_url(name), f"{told} being read in {name}.")


@pages.post("/<name>/resume")
def resume(name: str) -> Response:
    """Send again, what waited first."""
    row = _row(name)
    with store.writing() as session:
        answer = setup.resume(session, g.actor, row.id, now=g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url(name))
    doorbell.ring(g.company.id, "push")
    return fragments.moved(_url(name), f"{name} is resumed.")


@pages.post("/<name>/daily")
def daily(name: str) -> Response:
    """Run a document type automatically every day, or manually only."""
    row, doc_type, on = _row(name), request.form.get("doc_type", ""), request.form.get("on") == "1"
    with store.writing() as session:
        answer = schedules.switch(session, g.actor, row.id, doc_type, on=on, now=g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url(name))
    said = "by itself again" if on else "by hand only"
    return fragments.moved(
        _url(name), f"{doc_type.replace('_', ' ').capitalize()} goes out {said}."
    )


@pages.post("/<name>/hours")
def hours(name: str) -> Response:
    """Make other hours of the daily runs a change of the rules, which somebody else publishes."""
    row, wish = _row(name), forms.run_hours(request.form)
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    made = run_hours.draft(store.reading(), g.company.id, row.name, row.connector, wish)
    if isinstance(made, Refusal):
        return fragments.refuse(made, back=_url(name))
    store.renew()  # no snapshot is kept while a process is at work
    checked = rule_checks.checks().report(made.files)
    if isinstance(checked, Refusal):
        return rule_checks.come_again(fragments.refuse(checked, back=_url(name)), checked)
    with store.writing() as session:
        answer = publication.push(
            session, g.company.id, g.actor, made.files, made.title, g.now, checked
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url(name))
    said = f"Change {answer} submitted: {made.title}. The hours change when it is published."
    return fragments.moved(_url(name), said)


@pages.get("/<name>/sync")
def consider(name: str) -> Response:
    """What a range of days would send, before anything is sent."""
    row = _row(name)
    wish = forms.sync_range(request.args, _today())
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    return fragments.respond("connections/show.html", _with_preview(row, wish))


@pages.post("/<name>/sync")
def sync(name: str) -> Response:
    """Send a range of days, if it is still what the button named."""
    row = _row(name)
    wish = forms.sync_range(request.form, _today())
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    with store.writing() as session:
        answer = date_ranges.sync(
            session,
            g.actor,
            company_id=g.company.id,
            connection_id=row.id,
            doc_type=wish.doc_type,
            first=wish.first,
            last=wish.last,
            expected_count=wish.expected_count if wish.expected_count is not None else -1,
            expected_total=wish.expected_total if wish.expected_total is not None else -1,
            now=g.now,
        )
    if isinstance(answer, Refusal):
        if answer.code != "sync.changed":
            return fragments.refuse(answer, back=_url(name))
        shown = _with_preview(row, wish) | {"changed": answer}
        return fragments.respond("connections/show.html", shown, status=409)
    doorbell.ring(g.company.id, "push")
    shown_url = url_for("runs.show", co=g.company.code, run_id=answer)
    return fragments.moved(shown_url, f"Run {answer} has started.")


def _row(name: str) -> queries.ConnectionRow:
    found = queries.one(store.reading(), g.company.id, name)
    if found is None:
        abort(404)
    return found


def _shown(row: queries.ConnectionRow) -> dict[str, object]:
    session = store.reading()
    found = {line.doc_type: line for line in queries.endpoints(session, row.id)}
    made = target_status.of_rows(session, g.company.id, [row])
    target = row.is_target
    return {
        "row": row,
        "cards": [(pill, found.get(pill.doc_type)) for pill in made],
        "nights": schedules.of_target(session, g.company.id, row.name, row.connector)
        if target
        else {},
        "new_hours": run_hours.waiting(session, g.company.id, row.name) if target else (),
        "queue": queries.queue(session, row.id) if target else (),
        "snapshots": queries.snapshots(session, row.id),
        "rounds": declared_rounding.disagreement(session, row.id) if target else None,
        "told": queries.told(session, g.company.id, row.id),
        "last": queries.last_delivery(session, row.id) if not row.is_target else None,
        "hook": url_for("hooks.receive", co=g.company.code, source=row.name, _external=True),
        "first": _today() - timedelta(days=30),
        "until": _today(),
        "problems": {},
        "report": None,
        "preview": None,
        "wish": None,
        "changed": None,
    }


def _again(row: queries.ConnectionRow, found: forms.Problems) -> Response:
    shown = _shown(row) | {"problems": found.by_field}
    return fragments.respond("connections/show.html", shown, status=422)


def _with_preview(row: queries.ConnectionRow, wish: forms.SyncRange) -> dict[str, object]:
    made = date_ranges.preview(
        store.reading(), g.company.id, row.id, wish.doc_type, wish.first, wish.last
    )
    return _shown(row) | {"preview": made, "wish": wish, "first": wish.first, "until": wish.last}


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(ZoneInfo(g.company.zone)).date()


def _url(name: str) -> str:
    return url_for("connections.show", co=g.company.code, name=name)
