"""The failures of a target or of a run as a picture, to be handed to a support desk.

Here: views and words. Not here: which calls failed (holding/runs/run_history.py), where words
stand (failure_drawing.py). What leaves has no secrets, tax numbers or personal data, whoever asks.
"""

from datetime import datetime
from typing import Final

from flask import Blueprint, Response, abort, g, make_response, render_template

from connectors.contract.errors import class_label
from connectors.registry import titled
from holding.access.actors import hiding_each
from holding.connections import connections as connection_rows
from holding.db.models.columns import AttemptState
from holding.db.refusal import plural
from holding.runs import run_history
from holding.runs import run_history as failed_calls
from holding.runs.run_history import FailedCall, FailureLog
from portal.evidence import failure_drawing
from portal.evidence.failure_drawing import Entry
from portal.evidence.secretless import secretless
from portal.web import filters, store

pages = Blueprint("failures", __name__, url_prefix="/c/<co>")
FOOT: Final = "API keys, passwords, tax numbers and personal data are removed."
NONE: Final = "No failed call is recorded."
SILENT: Final = "No answer is recorded."
ENDS: Final = {
    AttemptState.REFUSED: "rejected",
    AttemptState.TEMPORARY: "temporary failure",
    AttemptState.UNCERTAIN: "result not known",
    AttemptState.DIFFERENT: "found with another content",
}


@pages.get("/connections/<name>/failures.svg")
def of_connection(name: str) -> Response:
    """The latest failed calls to a target."""
    row = connection_rows.one(store.reading(), g.company.id, name)
    if row is None or not row.is_target:
        abort(404)
    log = failed_calls.failures_of_connection(store.reading(), g.company.id, row.id)
    return _picture(f"Latest failures of {row.name}", log, _entries(log), name)


@pages.get("/runs/<int:run_id>/failures.svg")
def of_run(run_id: int) -> Response:
    """Why a run failed, and its latest failed calls."""
    run = run_history.one(store.reading(), g.company.id, run_id)
    if run is None:
        abort(404)
    log = failed_calls.of_run(store.reading(), g.company.id, run_id)
    entries = _entries(log)
    if run.error:
        head = f"{_moment(run.ended_at or run.made_at)} · Run {run.id}"
        words = secretless(tax_numbers=False)(run.error)
        entries.insert(0, Entry(head, "The run failed as a whole.", words))
    title = f"Failures of run {run.id}" + (f", {titled(run.target)}" if run.target else "")
    return _picture(title, log, entries, f"run-{run.id}")


def _picture(title: str, log: FailureLog, entries: list[Entry], name: str) -> Response:
    shown = f"{len(log.calls)} of {plural(log.count, 'failed call')}, newest first"
    notes = (
        f"{g.company.name} · {filters.zone_note()} ({g.company.zone})",
        f"Made {_moment(g.now)} · {shown if log.count else NONE}",
    )
    made = failure_drawing.drawn(title, notes, entries, FOOT)
    shape = {"drawing": made, "width": failure_drawing.WIDTH}
    answer = make_response(render_template("evidence/failures.svg", **shape))
    answer.headers["Content-Type"] = "image/svg+xml; charset=utf-8"
    file = f"failures-{g.company.code}-{name}.svg"
    answer.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return answer


def _entries(log: FailureLog) -> list[Entry]:
    """The words of each call: what may not leave is removed before anything is cut."""
    hide = hiding_each(store.reading(), [one.record_id for one in log.calls], show=False)
    keep = {number for one in log.calls for number in (one.record, one.number)}
    redact = secretless(tax_numbers=False, keep=keep)
    return [
        Entry(_head(one), _about(one), hide(one.record_id, redact(_said(one)))) for one in log.calls
    ]


def _head(one: FailedCall) -> str:
    run = f"Run {one.run_id}" if one.run_id else "outside of a run"
    why = f" · {class_label(one.error_class)}" if one.error_class else ""
    return f"{_moment(one.at)} · {run} · {ENDS[one.state]}{why}"


def _about(one: FailedCall) -> str:
    kind = filters.capfirst(filters.kind_of(one.doc_type))
    answered = f"HTTP {one.status}" if one.status else "no HTTP answer"
    return (
        f"Record {one.record} · {kind} {one.number} · attempt {one.no}"
        f" · call {one.request_id} · {answered}"
    )


def _said(one: FailedCall) -> str:
    return f'{titled(one.target)} says: "{one.error}"' if one.error else SILENT


def _moment(at: datetime) -> str:
    zone: str = g.company.zone
    return f"{filters.stamp(at)} {filters.ZONE_NAMES.get(zone, zone)}"
