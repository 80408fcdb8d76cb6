"""The pages of sources and targets: test, pause, resume, pull, daily runs and syncing days."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, request, url_for

from connectors import registry
from connectors.contract.targets import TellsItems
from connectors.transport.http import Http
from holding.access.actors import may
from holding.connections import (
    confirmed_rates,
    connections,
    key_rotation,
    open_signals,
    sale_issuers,
)
from holding.db.refusal import Refusal, plural
from holding.intake import deliveries, pulls, receive
from holding.mappings import list_turns
from holding.operations.queues import load_endpoints
from holding.platform import processes, unit_changes
from holding.reconciliation import reading_plan, stored_faults
from holding.rulesets import admission, publication, target_ways
from holding.runs import date_ranges, range_preview, run_history, schedules
from portal.intake import webhooks
from portal.web import filters, forms, request_guard, store
from portal.web.filters import kind_of, moment, today, zone
from portal.web.permissions import needs

pages = Blueprint("connections", __name__, url_prefix="/c/<co>/connections")
TEST_SECONDS = 5.0


@pages.get("")
@needs("record.read")
def listing() -> Response:
    """Show all sources and targets, with the status of the targets."""
    session = store.reading()
    rows = connections.list_connections(session, g.company.id)
    targets, sources = ([row for row in rows if row.is_target is side] for side in (True, False))
    made = filters.target_pills(session, g.company.id, targets)
    return store.respond(
        "connections/list.html",
        targets=[(row, [one for one in made if one.connection_id == row.id]) for row in targets],
        sources=connections.with_last_deliveries(session, sources),
    )


@pages.get("/<name>")
@needs("record.read")
def show(name: str) -> Response:
    """Show a connection."""
    return store.respond("connections/show.html", connection_values(find_connection(name)))


@pages.post("/<name>/test")
@needs("connection.admin")
def test(name: str) -> Response:
    """Try a connection without writing there, a step a line."""
    row = find_connection(name)
    clock = store.clock()
    http = Http(clock, connect_seconds=TEST_SECONDS, read_seconds=TEST_SECONDS)
    answer = deliveries.test_either_side(store.database(), clock, row.id, g.actor, http=http)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    processes.ring(g.company.id, "evaluate")
    said = f"The test of {name} {'passed' if answer.ok else 'failed'}."
    store.drop_snapshot()
    say = said if answer.ok else ""
    return store.respond(
        "connections/show.html", connection_values(find_connection(name)), say=say, also=("told",)
    )


@pages.post("/<name>/pause")
@needs("run.operate")
def pause(name: str) -> Response:
    """Pause a connection, until a user resumes it or until a time."""
    row = find_connection(name)
    wish = forms.read_pause(request.form, zone(), g.now)
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    with store.writing() as session:
        answer = connections.pause(
            session, g.actor, row.id, wish.reason, now=g.now, until=wish.until
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    said = f"{name} paused. Ready documents wait here until you resume."
    if wish.until:
        said = f"{name} paused. Ready documents wait here until {moment(wish.until)}."
    return store.redirect_with_message(connection_url(name), said)


@pages.post("/<name>/rates")
@needs("mapping.fix")
def rates(name: str) -> Response:
    """Confirm the unit rates that the user saw, or switch the requirement to confirm them on or
    off.
    """
    row, asked = find_connection(name), request.form.get("asked")
    with store.writing() as session:
        if asked is not None:
            on = asked == "1"
            refusal = confirmed_rates.ask(session, g.actor, row.id, g.now, on=on)
            how = "have to be confirmed" if on else "are used as the units table says"
            said = f"Rates of units {how} for {name}."
        else:
            chosen = [no for one in request.form.getlist("cause") if (no := forms.parse_whole(one))]
            answer = confirmed_rates.confirm(session, g.actor, row.id, chosen, now=g.now)
            refusal = answer if isinstance(answer, Refusal) else None
            told = () if isinstance(answer, Refusal) else answer
            said = f"Confirmed for {name}: {', '.join(one.says for one in told)}."
    if refusal is not None:
        return store.refuse(refusal, back=connection_url(name))
    processes.ring(g.company.id, "evaluate")
    return store.redirect_with_message(connection_url(name), said)


@pages.post("/<name>/read")
@needs("run.operate")
def read(name: str) -> Response:
    """Read all watched documents back from the target now."""
    row = find_connection(name)
    with store.writing() as session:
        answer = reading_plan.read_target(session, g.actor, row.id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    processes.ring(g.company.id, "push")
    told = plural(answer, "document is", "documents are")
    return store.redirect_with_message(connection_url(name), f"{told} being read in {name}.")


@pages.post("/<name>/pull")
@needs("run.operate")
def pull(name: str) -> Response:
    """Start reading a source's recent changes, or all its changes of the last days."""
    row, whole = find_connection(name), request.form.get("kind") == "sweep"
    with store.writing() as session:
        answer = pulls.request_pull(session, g.actor, row.id, "sweep" if whole else "pull", g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    processes.ring(g.company.id, "pull")
    what = "is being swept" if whole else "is being read"
    return store.redirect_with_message(
        connection_url(name), f"{name} {what}. What is new appears here."
    )


@pages.post("/<name>/resume")
@needs("run.operate")
def resume(name: str) -> Response:
    """Resume the connection. Documents that wait longest are sent first."""
    row = find_connection(name)
    with store.writing() as session:
        answer = target_ways.resume_target(session, g.actor, row.id, now=g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    processes.ring(g.company.id, "push")
    return store.redirect_with_message(connection_url(name), f"{name} is resumed.")


@pages.post("/<name>/restore-ended")
@needs("run.operate")
def end_restore(name: str) -> Response:
    """Send new documents as before the restore of a backup."""
    row = find_connection(name)
    with store.writing() as session:
        answer = connections.end_restore(session, g.actor, row.id, now=g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    processes.ring(g.company.id, "push")
    return store.redirect_with_message(connection_url(name), f"The restore of {name} is ended.")


@pages.post("/<name>/daily")
@needs("run.operate")
def daily(name: str) -> Response:
    """Run a document type automatically every day, or manually only."""
    row, doc_type = find_connection(name), request.form.get("doc_type", "")
    on = request.form.get("on") == "1"
    with store.writing() as session:
        answer = schedules.switch(session, g.actor, row.id, doc_type, on=on, now=g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    said = f"Daily run switched {'on' if on else 'off'}: {kind_of(doc_type)}."
    return store.redirect_with_message(connection_url(name), said)


@pages.post("/<name>/hours")
@needs("rules.draft")
def hours(name: str) -> Response:
    """Create a rule change with other hours for the daily runs. A second person publishes it."""
    row, base, wish = (
        find_connection(name),
        g.company.ruleset_version_id,
        forms.read_run_hours(request.form),
    )
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    made = publication.draft_hours(store.reading(), g.company.id, row.name, row.connector, wish)
    if isinstance(made, Refusal):
        return store.refuse(made, back=connection_url(name))
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    checked = store.rule_checks().report(made.files)
    if isinstance(checked, Refusal):
        return store.set_retry_after(store.refuse(checked, back=connection_url(name)), checked)
    with store.writing() as session:
        answer = publication.push_change(
            session, g.company.id, g.actor, made.files, made.title, g.now, checked, base
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=connection_url(name))
    said = f"Change {answer} submitted: {made.title}. The hours change when it is published."
    return store.redirect_with_message(connection_url(name), said)


@pages.get("/<name>/sync")
@needs("run.operate")
def consider(name: str) -> Response:
    """Show what a range of days would send, before anything is sent."""
    row = find_connection(name)
    wish = forms.read_sync_range(request.args, today())
    if isinstance(wish, forms.Problems):
        return _again(row, wish)
    return store.respond("connections/show.html", _values_with_preview(row, wish))


@pages.post("/<name>/sync")
@needs("run.operate")
def sync(name: str) -> Response:
    """Send a range of days, if it is still what the button named."""
    row = find_connection(name)
    wish = forms.read_sync_range(request.form, today())
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
            return store.refuse(answer, back=connection_url(name))
        made = _values_with_preview(row, wish) | {"changed": answer}
        return store.respond("connections/show.html", made, status=409)
    processes.ring(g.company.id, "push")
    if len(answer) > 1:
        told = ", ".join(str(one) for one in answer)
        listed = url_for("runs.listing", co=g.company.code, connection=name)
        return store.redirect_with_message(
            listed, f"Sync runs {told} started, one for each document type."
        )
    shown_url = url_for("runs.show", co=g.company.code, run_id=answer[0])
    return store.redirect_with_message(shown_url, f"Sync run {answer[0]} started.")


def find_connection(name: str) -> connections.ConnectionRow:
    """Return the connection of this name in the company. Abort with 404 if there is none."""
    return connections.find_connection(store.reading(), g.company.id, name) or abort(404)


_EMPTY = ("runs", "queue", "snapshots", "lists", "recounted", "refused", "faults")
"""Lists of the page that one side of connections has not."""


def connection_values(row: connections.ConnectionRow) -> dict[str, object]:
    """Return the values of a connection's page."""
    session = store.reading()
    company, target = g.company.id, row.is_target
    pills = filters.target_pills(session, company, [row])
    each: dict[str, object] = {"told": connections.list_events(session, company, row.id)}
    first = today() - timedelta(days=30)
    if target:
        each["nights"] = schedules.load_daily_runs(session, company, row.name, row.connector)
        each["runs"] = run_history.list_runs(session, company, row.id)
        each["queue"] = connections.list_queued(session, row.id)
        each["snapshots"] = connections.list_snapshots(session, row.id)
        each["faults"] = stored_faults.list_faults(session, company, row.id)
        each["lists"] = list_turns.of_target(session, row.id)
        each["recounted"] = unit_changes.list_unit_changes(session, row.id, company)
    else:
        each["refused"] = receive.list_refused(session, company, g.now, source_id=row.id)
    types = filters.document_types(row.connector)
    lines = load_endpoints(session, company, row.id, types, first) if target else ()
    figures = {line.doc_type: line for line in lines}
    return {
        **dict.fromkeys(_EMPTY, ()),
        "nights": {},
        **each,
        "escalations": _list_escalations(row) if target else (),
        "row": row,
        "coming": filters.coming_runs,
        "cards": [(pill, figures.get(pill.doc_type)) for pill in pills],
        "new_hours": publication.waiting_hours(session, company, row.name) if target else (),
        "rates": confirmed_rates.of_connection(session, row.id) if target else None,
        "tells_unit": isinstance(registry.targets().get(row.connector), TellsItems),
        "rounds": admission.find_disagreement(session, row.id) if target else None,
        "form": registry.form_of(row.side, row.connector),
        "answers": sale_issuers.find_open_answers(session, company).of(row.name),
        "awaited": _awaited(row),
        "keys": key_rotation.list_keys(session, row.id) if _admin() else (),
        "allowed": key_rotation.permission_of(session, row.connector, row.id),
        "latest": receive.LatestDeliveries()
        if target
        else receive.latest_deliveries(session, row.id),
        "example": None if target else webhooks.example_of(row, g.company.code),
        "back": request_guard.outside(url_for("connauth.back", co=g.company.code, name=row.name)),
        "pulls": _pulls(row),
        "testable": deliveries.is_testable(row.side, row.connector, row.settings),
        "hook": webhooks.hook_address(g.company.code, row.name),
        "calls": deliveries.accepts_deliveries(row.side, row.connector),
        "hooked": deliveries.accepts_webhooks(row.side, row.connector),
        "first": first,
        "until": today(),
        "today": today(),
        "problems": {},
        "report": row.test_steps,
        **dict.fromkeys(("secret", "reported"), ""),
        **dict.fromkeys(("preview", "wish", "changed")),
    }


def _list_escalations(row: connections.ConnectionRow) -> Sequence[open_signals.SignalRow]:
    """Return the connection's signals whose next step is the support desk."""
    signals = open_signals.list_signals(store.reading(), g.company.id)
    return [one for one in signals if one.connection == row.name and one.offers_escalation]


def _admin() -> bool:
    """Check whether the user may change the connection, and so see its keys."""
    return may(g.actor, "connection.admin") is None


def _pulls(row: connections.ConnectionRow) -> tuple[pulls.PullRow, ...]:
    """Return the progress of reading a source; empty for a source that is not read."""
    asked = not row.is_target and connections.is_set(row.settings)
    return pulls.pulls_of_source(store.reading(), row.id) if asked else ()


def _awaited(row: connections.ConnectionRow) -> reading_plan.Awaited | None:
    """Return the posted documents whose e-invoice is still awaited; None if the target has none."""
    of_target = (store.reading(), row.id, row.connector, row.settings)
    return reading_plan.awaited_e_invoices(*of_target, g.now) if row.is_target else None


def _again(row: connections.ConnectionRow, found: forms.Problems) -> Response:
    made = connection_values(row) | {"problems": found.by_field}
    return store.respond("connections/show.html", made, status=422)


def _values_with_preview(
    row: connections.ConnectionRow, wish: forms.SyncRange
) -> dict[str, object]:
    """Return the values of a connection's page, with a preview of sending a range of days.

    `preview` has the documents by what a sync would do with them; `counts` has all records and
    documents of these days.
    """
    session, days = store.reading(), (wish.first, wish.last)
    made = range_preview.preview(session, g.company.id, row.id, wish.doc_type, *days, g.now)
    found = date_ranges.range_counts(session, g.company.id, ZoneInfo(g.company.zone), row.id, days)
    told = {"wish": wish, "first": wish.first, "until": wish.last}
    return connection_values(row) | told | {"preview": made, "counts": found}


def connection_url(name: str) -> str:
    """Return the address of a connection's page."""
    return url_for("connections.show", co=g.company.code, name=name)
