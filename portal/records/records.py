"""The page of one record; each tab has its own function."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from connectors import registry
from holding.access import actors
from holding.access.reach import carries_others
from holding.company import own_account
from holding.db.refusal import Refusal, plural
from holding.holds import restored_documents
from holding.intake import open_fields, sweeps
from holding.platform import processes
from holding.platform.states import RESTORES
from holding.posting import push_history
from holding.reconciliation import ledger_check, reading_plan
from holding.reconciliation.reading_plan import EInvoiceStatus
from holding.records import (
    accepted_differences,
    checklist_and_finding,
    credited_orders,
    lineage,
    lineage_picture,
    packet_contents,
    preentry,
    record_rows,
    trace,
)
from holding.records.short_answers import KINDS
from holding.rulesets import rulebook
from holding.runs.status import Pill, stop_pills
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from portal.worklist.dashboard import show_no_record
from rules.values.canonical import PostingState

pages = Blueprint("records", __name__, url_prefix="/c/<co>")
A_PAGE, RAW_LINES, NEAR = 100, 1_500, 10


@pages.get("/records/<source>/<kind>/<record_id:external_id>")
@needs("record.read")
def show(source: str, kind: str, external_id: str) -> Response:
    """Show the record with one of its tabs."""
    record = record_rows.load_record(store.reading(), g.company.id, source, kind, external_id)
    if record is None:
        return show_no_record(external_id)
    tab = request.args.get("tab", "seven")
    if tab not in TABS:
        abort(404)
    if request.args.get("download") == "raw":
        return _download(record)
    told = (shown := _head(record))._asdict() | {"payout": _payout(shown)} | TABS[tab][1](shown)
    told |= {"next_step": _next_step(shown.open_holds)}
    page = {"tab": tab, "tabs": TABS, "parts": PARTS, "keys": KEYS, "lines": shows_rule_lines()}
    page |= {"place": store.url_at_row, "here": request.full_path}
    return store.respond("records/show.html", told | page, also=(store.NAV,))


@pages.post("/records/<source>/<kind>/<record_id:external_id>/read")
@needs("run.operate")
def read(source: str, kind: str, external_id: str) -> Response:
    """Read the documents of this record in the target."""
    record = record_rows.load_record(store.reading(), g.company.id, source, kind, external_id)
    if record is None:
        abort(404)
    back = url_for("records.show", co=g.company.code, source=source, kind=kind,
                   external_id=external_id, tab="pushes")  # fmt: skip
    with store.writing() as session:
        answer = reading_plan.read_record(session, g.actor, record.id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "push")
    return store.redirect_with_message(
        back, f"{plural(answer, 'document is', 'documents are')} being read."
    )


@pages.get("/requests/<int:request_id>/body")
@needs("record.pii")
def request_body(request_id: int) -> Response:
    """Download the exact bytes that a call sent.

    A header contains their hash, to verify the download.
    """
    found = push_history.load_request_body(store.reading(), g.company.id, request_id)
    if found is not None and found.body_removed_at is not None:
        return store.refuse(_removed(found.sha256, found.body_removed_at))
    if found is None or found.body is None:
        abort(404)
    if carries_others(store.reading(), request_id):
        return store.refuse(packet_contents.OF_OTHERS)
    if request.method != "HEAD":
        with store.writing() as session:
            packet_contents.log_call_download(session, g.actor, g.company.id, request_id, g.now)
    workbook = found.body[:2] == b"PK"
    kind, ending = (store.XLSX, "xlsx") if workbook else ("application/json", "json")
    answer = make_response(found.body)
    answer.headers["Content-Type"] = kind
    answer.headers["Content-Disposition"] = f'attachment; filename="request-{request_id}.{ending}"'
    answer.headers["X-Content-SHA256"] = found.sha256
    return answer


def _removed(digest: str, at: datetime) -> Refusal:
    return Refusal(
        code="request.body_removed",
        message=f"What this call sent was removed on {filters.moment(at)}.",
        hint="It was refused and replaced by other calls, or it is older than the history that is "
        f"kept. What its documents were stands with each push. Its SHA-256 is {digest}.",
        status=410,
    )


class _Shown(NamedTuple):
    """The values that every tab of a record's page shows."""

    record: record_rows.RecordRow
    postings: tuple[record_rows.PostingRow, ...]
    posting: record_rows.PostingRow | None
    tries: int
    open_holds: tuple[record_rows.OpenHold, ...]
    mark: accepted_differences.Mark | None
    credited: bool
    accepted: tuple[accepted_differences.Accepted, ...]
    versions: tuple[record_rows.VersionRow, ...]
    hide: actors.Hide
    times: int
    standstill: Mapping[int, Pill]
    resends: Mapping[int, restored_documents.Resend]


def _head(record: record_rows.RecordRow) -> _Shown:
    session, ids = store.reading(), [record.id]
    postings = record_rows.list_postings(session, record.id)
    versions = record_rows.list_versions(session, record.id)
    posting = shown_posting(postings)
    accepted = accepted_differences.accepted_of_records(session, g.company.id, ids)
    kept = accepted.get(record.id, ())
    return _Shown(
        record=record,
        postings=postings,
        posting=posting,
        tries=max((p.tries for p in postings if p.state.value == record.state), default=0),
        open_holds=record_rows.list_open_holds(session, record.id),
        mark=accepted_differences.combine_mark(kept) if kept else None,
        credited=bool(credited_orders.find_credited(session, g.company.id, ids, g.now)),
        accepted=kept,
        versions=versions,
        hide=actors.hiding(session, record.id, filters.hidden_fields()),
        times=sum({v.delivery_id: v.delivery_times or 0 for v in versions}.values()),
        standstill=_standstill(postings),
        resends=_resends(record.id, postings),
    )


def _resends(
    record_id: int, postings: Sequence[record_rows.PostingRow]
) -> Mapping[int, restored_documents.Resend]:
    """Return by posting id the documents that wait to be sent again as they were posted."""
    if all(one.reason != RESTORES for one in postings):
        return {}
    waiting = restored_documents.waiting_resends(store.reading(), record_id)
    return {one.posting_id: one for one in waiting}


def _payout(shown: _Shown) -> ledger_check.PayoutCard | None:
    """Return a payout's totals with a page of its entries; None for another kind of record."""
    newest = next((v for v in shown.versions if v.no == shown.record.version), None)
    if shown.record.kind != ledger_check.KIND or newest is None or not newest.body:
        return None
    at = forms.parse_whole(request.args.get("entries")) or 1
    return ledger_check.payout_card(store.reading(), shown.record.id, newest.body, at)


def _standstill(postings: Sequence[record_rows.PostingRow]) -> Mapping[int, Pill]:
    """Return target id -> why nothing is sent there now, for targets with a ready document."""
    ready = {one.target_id for one in postings if one.state == PostingState.READY}
    found = stop_pills(store.reading(), ready, g.company.zone) if ready else {}
    return {target_id: pill for target_id, pill in found.items() if pill.stops}


def shown_posting(postings: Sequence[record_rows.PostingRow]) -> record_rows.PostingRow | None:
    """Return the requested document, else the first with the highest precedence."""
    chosen = forms.parse_whole(request.args.get("posting"))
    first = min(postings, key=_precedence, default=None)
    return next((p for p in postings if p.id == chosen), first)


def _precedence(posting: record_rows.PostingRow) -> int:
    """Return 0 for a current document, 1 for a reversal and the document it reversed, 2 for a
    document that rules left out.
    """
    if posting.state in (PostingState.IGNORED, PostingState.DROPPED):
        return 2
    return int(posting.state == PostingState.REVERSED or posting.reverses_id is not None)


def shows_rule_lines() -> bool:
    """Check whether the page names rules by file and line, besides their titles."""
    return own_account.rule_lines(g.person.settings, g.actor.roles)


def _next_step(holds: Sequence[record_rows.OpenHold]) -> str:
    """Return the label of the way to the first hold: what this person can do about it."""
    if not holds:
        return ""
    label, permission = _STEPS.get(holds[0].code, _DECIDE)
    if holds[0].error_class == "period_locked":
        label = "Change the date"
    return label if request_guard.may(permission) is None else "See the hold"


def _answers_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the seven answers: documents, checks and missing steps."""
    session, record, posting = store.reading(), shown.record, shown.posting
    target = registry.targets().get(posting.target_connector) if posting else None
    documents = target.documents if target else ()
    schema = next((d for d in documents if posting and d.name == posting.doc_type), None)
    about = (record.id, posting.id if posting else None, schema)
    card = preentry.load_card(session, *about, shown.open_holds, lines=shows_rule_lines())
    return {
        "documents": card.documents,
        "checks": card.checks,
        "told": card.told,
        "ticks": card.ticks,
        "titles": card.titles,
        "place_of": lambda one: _place_of(record, one),
    }


def _place_of(record: record_rows.RecordRow, one: checklist_and_finding.Ticked) -> str:
    """Return the address of the page on which a record's missing step is completed."""
    place = checklist_and_finding.Place
    if one.place is place.HOLD:
        return url_for("holding.show", co=g.company.code, hold_id=one.id)
    if one.place is place.APPROVE:
        return url_for("holding.consider", co=g.company.code, posting=one.id)
    tab = "pushes" if one.place is place.SENDING else "raw"
    source, kind, key = record.source, record.kind, record.external_id
    co = g.company.code
    return url_for("records.show", co=co, source=source, kind=kind, external_id=key, tab=tab)


def _history_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the record's history, for one actor if `who` is chosen."""
    session, record_id, who = store.reading(), shown.record.id, request.args.get("who", "")
    steps = trace.timeline(session, record_id, g.now)
    mine = [step for step in steps if who in ("", step.actor)]
    told = {"who": who, "actors": sorted({step.actor for step in steps})}
    found = checklist_and_finding.trace_finding(session, record_id, g.now)
    part = forms.page_rows(mine, A_PAGE, store.whole_arg("row"))
    compared = sweeps.describe_comparison(session, record_id)
    return {**told, "part": part, "finding": found, "compared": compared}


def _lineage_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the comparison of the order's fields with the document's."""
    rows = lineage.lineage_rows(store.reading(), shown.posting.id) if shown.posting else ()
    asked, line = request.args.get("line", "").strip()[:100], store.whole_arg("line")
    hidden = filters.hidden_fields()
    if line is None:
        line = lineage.line_with((one for one in rows if one.field not in hidden), asked)
    only = request.args.get("only") == "differences" and line is None
    differs, sent = [r for r in rows if r.differs], sum(r.sent is not None for r in rows)
    place = lineage.row_of_line(rows, line)
    start = place if place is not None else store.whole_arg("row")
    told = {"rows": rows, "hidden": hidden, "asked_line": asked, "lost": asked and place is None}
    part = forms.page_rows(differs if only else rows, A_PAGE, start)
    return {**told, "only": only, "differs": differs, "sent": sent, "part": part}


def _picture_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the picture of the record's way to the target."""
    way = lineage_picture.load_picture(store.reading(), shown.record.id)
    return {"way": way, "stages": lineage_picture.STAGES}


def _rules_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the applied rules, with the deciding rule's text."""
    session, posting = store.reading(), shown.posting
    wanted = posting.id if posting else None
    deciding, verdicts = trace.deciding_verdicts(session, shown.record.id, wanted)
    judged = rulebook.load_judged(session, deciding) if deciding else None
    hit = next((v for v in verdicts if v.deciding), None)
    code = rulebook.excerpt(session, judged.ruleset_version_id, hit.place) if judged and hit else ()
    hidden = filters.hidden_fields()
    first = sorted(verdicts, key=lambda v: not v.deciding) if len(verdicts) > A_PAGE else verdicts
    part = forms.page_rows(first, A_PAGE, store.whole_arg("row"))
    shown_rules = {"part": part, "judged": judged, "hit": hit, "code": code, "hidden": hidden}
    return {**shown_rules, "kinds": KINDS}


def _versions_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the record's versions, and two versions' differences."""
    by_no = {v.no: v for v in shown.versions}
    new = by_no.get(store.whole_arg("to") or shown.record.version or 0)
    before = max((no for no in by_no if new and no < new.no), default=0)
    old = by_no.get(store.whole_arg("from") or before)
    hidden = filters.hidden_fields()
    bodies = [actors.without_personal(v.body, hidden) for v in (old, new) if v]
    changes = open_fields.field_changes(*bodies) if old and new else ()
    part = forms.page_rows(shown.versions, A_PAGE, store.whole_arg("row"))
    money = open_fields.money_change(changes)
    return {"old": old, "new": new, "changes": changes, "part": part, "money": money}


def _pushes_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for the posting attempts and the readings of the documents."""
    session, record_id = store.reading(), shown.record.id
    return {
        "pushes": (found := push_history.load_pushes(session, record_id)),
        "readings": reading_plan.readings_of_record(session, record_id),
        "EInvoice": EInvoiceStatus,
        "now": g.now,
        "verdict_of": store.retry_verdict,
        "imports": {one.id: _imports(one) for one in found},
        "sees": filters.sees_personal(),
    }


def _imports(push: push_history.PushRow) -> Mapping[int, str]:
    """Return call id -> address of the target's own page about that call."""
    answers = {one.request_id: one.answer for one in push.attempts if one.sends and one.answer}
    return filters.import_pages(push.connector, push.settings, answers)


def _source_tab(shown: _Shown) -> dict[str, object]:
    """Return the template values for one version's content as the source delivered it."""
    no = store.whole_arg("version") or shown.record.version
    version = next((v for v in shown.versions if v.no == no), None)
    body = actors.without_personal(version.body, filters.hidden_fields()) if version else {}
    part = forms.page_rows(filters.pretty(body).split("\n"), RAW_LINES, store.whole_arg("row"))
    near = [v for v in shown.versions if abs(v.no - (no or 0)) <= NEAR or v.no == 1]
    return {"version": version, "part": part, "near": near, "may_download": filters.sees_personal()}


def _download(record: record_rows.RecordRow) -> Response:
    """Download the raw delivery, if the user may see personal data."""
    if not filters.sees_personal():
        abort(403)
    no = store.whole_arg("version") or record.version or 0
    body = record_rows.delivery_body(store.reading(), g.company.id, record.id, no)
    if body is None:
        found = record_rows.delivery_of(store.reading(), g.company.id, record.id, no)
        return store.refuse(packet_contents.body_removed_refusal(found)) if found else abort(404)
    if request.method != "HEAD":
        with store.writing() as session:
            packet_contents.log_delivery_download(
                session, g.actor, g.company.id, record.id, no, g.now
            )
    answer = make_response(body)
    answer.headers["Content-Type"] = "application/octet-stream"
    answer.headers["Content-Disposition"] = f'attachment; filename="delivery-v{no}.bin"'
    return answer


_DECIDE: Final = ("Decide what happens", "hold.assign")
_STEPS: Final = {
    "APP01": ("Approve", "posting.approve"),
    "MAP01": ("Add mapping", "mapping.fix"),
    "MAP02": ("Add mapping", "mapping.fix"),
    "UOM01": ("Add mapping", "mapping.fix"),
}
"""Code of a hold -> what to do about it, and the permission that this needs."""

TABS: dict[str, tuple[str, Callable[[_Shown], dict[str, object]]]] = {
    "seven": ("Seven answers", _answers_tab),
    "trace": ("History", _history_tab),
    "lineage": ("Order and invoice", _lineage_tab),
    "way": ("Picture", _picture_tab),
    "ruletree": ("Rules applied", _rules_tab),
    "versions": ("Versions", _versions_tab),
    "pushes": ("Posting attempts", _pushes_tab),
    "raw": ("Source data", _source_tab),
}
"""Each part of the page by the word of its address; the page opens exactly one."""

PARTS: Final = (
    ("seven",),
    ("lineage",),
    ("trace", "pushes", "way"),
    ("ruletree",),
    ("raw", "versions"),
)
"""The folds in order: the part that heads each, and those beside it."""

KEYS: Final = {word: number for number, word in enumerate(TABS, start=1)}
"""The key that opens a part."""
