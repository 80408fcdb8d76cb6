"""Backtests and shadows of a rule change, and replays of a record's verdicts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Blueprint, Response, abort, g, request, url_for

from holding.db.refusal import Refusal, plural
from holding.platform import processes
from holding.records import record_rows
from holding.rulesets import change_list, publication
from holding.trials import backtest_turns, backtests, draft_trials, shadow_pages, shadows
from holding.trials.shadow_pages import Counts, MatrixCell
from holding.trials.shadows import Candidate
from portal.web import filters, forms, store
from portal.web.permissions import needs

backtest_pages = Blueprint("backtests", __name__, url_prefix="/c/<co>/rules/changes/<int:no>")

LARGEST: Final = 5  # posted documents that would be stopped, shown at once

DAYS: Final = 30

CELL: Final = ("kind", "route", "was", "would")

trial_pages = Blueprint("trials", __name__, url_prefix="/c/<co>")

THEN, RULESET, CHANGE = "then", "ruleset", "change"

VERSIONS: Final = 10


@backtest_pages.get("/backtest")
@needs("record.read")
def show(no: int) -> Response:
    """Show the progress of the backtest, or its matrix."""
    change = change_of(no)
    values = backtest_values(change)
    if values["run"] is None:
        abort(404)
    return store.respond("rulesets/backtest.html", values, change=change)


@backtest_pages.post("/backtest", endpoint="begin")
@needs("rules.draft")
def begin_backtest(no: int) -> Response:
    """Start a backtest: evaluate the stored records with the changed rules."""
    back = url_for("changes.show", co=g.company.code, no=no)
    days = {name: request.form.get(name, "").strip() for name in ("from", "to")}
    read = {name: forms.parse_day(text) if text else None for name, text in days.items()}
    if any(text and read[name] is None for name, text in days.items()):
        words = "A day of the backtest is not a date."
        refusal = Refusal("backtest.days", words, "Enter it as 2026-11-24.", 422)
        return store.refuse(refusal, back=back)
    with store.writing() as session:
        answer = backtests.begin(session, no, g.actor, (read["from"], read["to"]), g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "backtest")
    say = f"The backtest of {plural(answer, 'record')} has begun."
    return store.redirect_with_message(url_for("backtests.show", co=g.company.code, no=no), say)


@backtest_pages.post("/backtest/stop")
@needs("rules.draft")
def stop(no: int) -> Response:
    """Stop the backtest. Its counts so far are kept."""
    change = change_of(no)
    back = url_for("backtests.show", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = backtests.stop(session, g.company.id, change.change_id, g.actor, g.now)
    if refusal:
        return store.refuse(refusal, back=back)
    return store.redirect_with_message(
        back, "The backtest has been stopped. What it has counted stays here."
    )


@backtest_pages.get("/backtest/records")
@needs("record.read")
def records(no: int) -> Response:
    """Show the records of a matrix cell, newest first."""
    change, asked = change_of(no), request.args.get("before")
    run = shadow_pages.backtest_of_change(store.reading(), g.company.id, change.change_id)
    before = forms.parse_whole(asked)
    if run is None or (asked is not None and before is None):
        abort(404)
    cell = read_cell()
    found = shadow_pages.listed(store.reading(), run.id, cell, before=before)
    shown = found[: shadow_pages.SHOWN]
    return store.respond(
        "rulesets/backtest_records.html",
        change=change,
        run=run,
        cell=cell,
        counted=_counted(shadow_pages.counts(run), cell),
        records=shown,
        further=shown[-1].record_id if len(found) > len(shown) else None,
        labels=shadow_pages.LABELS,
        lines=_lines(run, cell),
    )


def _counted(counts: Counts, cell: dict[str, str]) -> MatrixCell:
    of = [one for one in counts.matrices if (one.kind, one.route) == (cell["kind"], cell["route"])]
    each = (found for one in of for _, row, _ in one.rows for found in row)
    same = (one for one in each if (one.was, one.would) == (cell["was"], cell["would"]))
    return next(same, MatrixCell(cell["was"], cell["would"]))


def _lines(
    run: shadow_pages.ShownRun, cell: dict[str, str]
) -> list[tuple[backtest_turns.Line, int]]:
    """Return (rule line, number of records) for the lines that decide in a cell, largest first."""
    found = backtest_turns.parse_line_counts(run.counted).items()
    mine = [(line, n) for line, n in found if line[:4] == tuple(cell[name] for name in CELL)]
    return sorted(mine, key=lambda one: (-one[1], one[0]))


def read_cell() -> dict[str, str]:
    """Return the cell of the matrix that the address names."""
    cell = {name: request.args[name] for name in CELL if name in request.args}
    if set(cell) != set(CELL) or not {cell["was"], cell["would"]} <= shadow_pages.LABELS.keys():
        abort(404)
    return cell


def backtest_values(change: publication.ReadChange) -> store.Context:
    """Return the template values about the backtest of a change."""
    session = store.reading()
    run = shadow_pages.backtest_of_change(session, g.company.id, change.change_id)
    return {
        "run": run,
        "counts": shadow_pages.counts(run) if run else None,
        "stopped": shadow_pages.list_stopped(session, change.change_id, most=LARGEST),
        "ending": backtests.ENDINGS[run.ending] if run and run.ending else "",
        "labels": shadow_pages.LABELS,
        "first_day": _day(g.now - timedelta(days=DAYS)),
        "last_day": _day(g.now),
    }


def _day(moment: datetime) -> str:
    """Return the day of a moment in the company's time zone, in the form of a date field."""
    return moment.astimezone(filters.zone()).date().isoformat()


def change_of(no: int) -> publication.ReadChange:
    """Return the rule change with this number. Abort with 404 if the company has none."""
    found = publication.load_change(store.reading(), g.company.id, no)
    if found is None:
        abort(404)
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """Rules that a record can be replayed with."""

    word: str
    label: str


@trial_pages.get("/rules/changes/<int:no>/shadow")
@needs("record.read")
def differences(no: int) -> Response:
    """Show the verdicts that differ under the changed rules, newest first."""
    change = change_of(no)
    session, asked = store.reading(), request.args.get("before")
    before = forms.parse_whole(asked)
    shadow = shadow_pages.shadow_of_change(session, g.company.id, change.change_id)
    if shadow is None or (asked is not None and before is None):
        abort(404)
    found = shadow_pages.differences(session, g.company.id, shadow.id, before=before)
    shown = found[: shadow_pages.SHOWN]
    return store.respond(
        "rulesets/shadow.html",
        change=change,
        shadow=shadow,
        ending=shadows.ENDINGS[shadow.ending] if shadow.ending else "",
        differences=shown,
        further=shown[-1].evaluation_id if len(found) > len(shown) else None,
    )


@trial_pages.post("/rules/changes/<int:no>/shadow", endpoint="begin")
@needs("rules.draft")
def begin_shadow(no: int) -> Response:
    """Start a shadow: evaluate new records with the changed rules, without effect."""
    back = url_for("changes.show", co=g.company.code, no=no)
    days = forms.parse_whole(request.form.get("days")) or 0
    with store.writing() as session:
        answer = shadows.begin(session, no, g.actor, days, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "shadow")
    say = f"The shadow has begun. It ends at {filters.moment(answer)}."
    return store.redirect_with_message(url_for("trials.differences", co=g.company.code, no=no), say)


@trial_pages.post("/rules/changes/<int:no>/shadow/end")
@needs("rules.draft")
def end(no: int) -> Response:
    """End the shadow; what it found stays."""
    change = change_of(no)
    back = url_for("trials.differences", co=g.company.code, no=no)
    with store.writing() as session:
        refusal = shadows.end_by_hand(session, g.company.id, change.change_id, g.actor, g.now)
    if refusal:
        return store.refuse(refusal, back=back)
    return store.redirect_with_message(back, "The shadow has ended. Its differences stay here.")


@trial_pages.get("/replay/<source>/<kind>/<record_id:external_id>")
@needs("record.read")
def replay(source: str, kind: str, external_id: str) -> Response:
    """Show a stored verdict of a record beside a new evaluation."""
    session = store.reading()
    record = record_rows.load_record(session, g.company.id, source, kind, external_id)
    if record is None:
        abort(404)
    verdicts = draft_trials.stored_verdicts(session, record.id)
    choices = _choices()
    asked = request.args.get("verdict")
    wanted = forms.parse_whole(asked) if asked else verdicts[0].evaluation_id if verdicts else None
    chosen = next((one for one in verdicts if one.evaluation_id == wanted), None)
    word = request.args.get("rules", THEN)
    if (asked and chosen is None) or word not in {one.word for one in choices}:
        abort(404)
    payload = request.args.get("facts") == "now"
    found: draft_trials.Replay | Refusal | None = None
    if chosen is not None:
        now = g.now if payload else None
        found = draft_trials.replayed(
            session, g.company.id, chosen.evaluation_id, _given(word), now
        )
    gone = found if isinstance(found, Refusal) else None
    return store.respond(
        "rulesets/replay.html",
        status=200,
        record=record,
        place={"source": source, "kind": kind, "external_id": external_id},
        verdicts=verdicts,
        chosen=chosen,
        choices=choices,
        word=word,
        payload=payload,
        found=None if gone else found,
        gone=gone,
        values=filters.sees_personal(),
    )


def _choices() -> list[Choice]:
    session, in_force = store.reading(), g.company.ruleset_version_id
    found = [Choice(THEN, "The rules of then")]
    for version in change_list.list_versions(session, g.company.id)[:VERSIONS]:
        note = ", in force" if version.version_id == in_force else ""
        found.append(Choice(f"{RULESET}-{version.no}", f"Rule version {version.no}{note}"))
    found += [
        Choice(f"{CHANGE}-{one.no}", f"Change {one.no}: {one.title}")
        for one in change_list.list_changes(session, g.company.id)
        if one.waits(in_force)
    ]
    return found


def _given(word: str) -> Candidate | None:
    """Return the rules that a choice names; None for the rules of the original verdict."""
    kind, _, number = word.partition("-")
    no = forms.parse_whole(number)
    if no is None:
        return None
    of = shadows.of_change if kind == CHANGE else shadows.of_version
    return of(store.reading(), g.company.id, no)
