"""The dashboard, the search box, and the list of documents not yet posted."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding.connections import connections as connection_rows
from holding.connections import open_signals
from holding.intake import receive
from holding.operations.idle_work import load_waits, long_waits
from holding.records import accepted_differences, credited_orders
from holding.rulesets.target_ways import load_late_calls
from holding.runs import run_history
from holding.worklist import ageing, dashboard, filters, groups, search
from holding.worklist.filters import Filter
from portal.company import checklist
from portal.web import filters as target_status
from portal.web import forms, request_guard, store
from portal.web.permissions import needs

pages = Blueprint("dashboard", __name__, url_prefix="/c/<co>")
find_pages = Blueprint("find", __name__, url_prefix="/c/<co>/find")
late_pages = Blueprint("late", __name__, url_prefix="/c/<co>")
TOP = 5
KEPT_DAYS = 30
FOUND: Final = "records.show"
FOR: Final = {"escalate": "escalations.show", "evidence": "evidence.show"}
"""What a record is looked for, other than to see it -> the page where that is done."""
RUN: Final = re.compile(r"(run\s*)?#?(\d{1,9})", re.IGNORECASE)
"""How the number of a run is typed; `run` before it says that nothing else is meant."""
NO_MORE: Final = {
    "next": "That was the last record found.",
    "previous": "That was the first record found.",
}
BESIDE_DIGITS: Final = re.compile(r"(?<=\d)[OoIl]+|[OoIl]+(?=\d)")
DIGITS: Final = str.maketrans("OoIl", "0011")
"""Letters that are taken for digits, where they stand beside one."""


@pages.get("/")
@needs("record.read")
def show() -> Response:
    """Show what the person can do now and what waits for others; before go-live, the checklist."""
    if not g.company.live:
        return checklist.show_checklist()
    return store.respond("dashboard/dashboard.html", _shown())


def _shown() -> dict[str, object]:
    session, company = store.reading(), g.company.id
    zone = ZoneInfo(g.company.zone)
    today = g.now.astimezone(zone).date()
    midnight = datetime.combine(today, time.min, zone)
    everything = Filter(person_id=g.actor.person_id)
    mine = Filter(view="mine", person_id=g.actor.person_id)
    held = filters.load_held(session, company, g.actor.person_id)
    (causes, further_causes), (team_causes, _) = groups.list_worst_groups(
        session, company, (everything, mine), held, 2 * TOP
    )
    own_causes = [group for group in team_causes if _may_act(group)]
    own_ids = {group.id for group in own_causes}
    own_causes = own_causes[:TOP]
    other_causes = [group for group in causes if group.id not in own_ids][:TOP]
    causes_in_all = len(causes) + further_causes
    booked = dashboard.load_booked(session, company, today)
    accepted_days = accepted_differences.differences_by_day(session, company)
    seen, days = dashboard.count_by_state(session, company, midnight, today)
    connections = connection_rows.list_connections(session, company)
    return {
        "booked": booked,
        "booked_types": sorted({doc_type for one in booked for doc_type in one.money}),
        "accepted": accepted_differences.total_differences(accepted_days.values()),
        "accepted_days": accepted_days,
        "signals": open_signals.list_signals(session, company),
        "totals": filters.load_totals(session, company, everything, held),
        "owners": dashboard.list_owners(session, company, held),
        "oldest": dashboard.load_oldest(session, company),
        "own_causes": own_causes,
        "other_causes": other_causes,
        "causes_in_all": causes_in_all,
        "more_causes": causes_in_all - len(own_causes) - len(other_causes),
        "late": ageing.load_late(session, company, most=TOP),
        "targets": target_status.target_pills(session, company, connections),
        "waits": long_waits(
            load_waits(session, company, g.now), load_late_calls(session, company, g.now)
        ),
        "kept_out": dashboard.count_kept_out(
            session, company, held, midnight - timedelta(days=KEPT_DAYS), g.company.currency
        ),
        "refused": () if g.actor.reach.limited else receive.list_refused(session, company, g.now),
        "today": seen,
        "days": days,
        "date": today,
    }


def _may_act(group: groups.Group) -> bool:
    """Check whether the person's role includes the next step of a cause."""
    if group.approval:
        permission = "posting.approve"
    elif group.table:
        permission = "mapping.fix"
    else:
        permission = "hold.assign"
    return request_guard.may(permission) is None


@find_pages.get("")
@needs("record.read")
def find() -> AnyResponse:
    """Find records and runs by number or name. A single match redirects to its page."""
    text = search_text()
    rows = search.find_any_case(store.reading(), g.company.id, text) if text else ()
    if len(rows) == 1 and not store.wants_fragment():
        return redirect(_url(rows[0], FOR.get(request.args.get("to", ""), FOUND)), 303)
    run, meant = _run(text)
    if run is not None and meant and not rows and not store.wants_fragment():
        return redirect(url_for("runs.show", co=g.company.code, run_id=run), 303)
    if text and not rows:
        rows = search.find_similar(store.reading(), g.company.id, text)
    return _found_page(text, rows, run)


@find_pages.get("/<any(next, previous):way>/<int:record_id>")
@needs("record.read")
def step(way: str, record_id: int) -> AnyResponse:
    """Redirect to the next or previous record of the search; after the last, back to the
    results.
    """
    text, session, company = search_text(), store.reading(), g.company.id
    rows = search.find_any_case(session, company, text) if text else ()
    if text and not rows:
        rows = search.find_similar(session, company, text)
    at = next((place for place, row in enumerate(rows) if row.id == record_id), None)
    back = url_for("find.find", co=g.company.code, q=text)
    if not text:
        abort(404)
    if at is None:
        return redirect(back, 303)
    beside = at + (1 if way == "next" else -1)
    if not 0 <= beside < len(rows):
        return store.flash_redirect(back, NO_MORE[way])
    return redirect(_url(rows[beside], FOUND, found=text), 303)


def search_text() -> str:
    """Return the text of the search box."""
    return request.args.get("q", "").strip()[:100]


def _run(text: str) -> tuple[int | None, bool]:
    """Return the id of the run with this number, if any, and whether the text explicitly names a
    run.
    """
    typed = RUN.fullmatch(text)
    if typed is None:
        return None, False
    found = run_history.load_run(store.reading(), g.company.id, int(typed[2]))
    return found.id if found else None, bool(typed[1])


def show_no_record(number: str) -> Response:
    """Show that no such record exists, with records of this number elsewhere or similar ones."""
    session, company = store.reading(), g.company.id
    rows = search.find_exact(session, company, number) or search.find_similar(
        session, company, number
    )
    return _found_page(number, rows, None, status=404)


def _found_page(
    text: str, rows: tuple[search.Found, ...], run: int | None, status: int = 200
) -> Response:
    digits = BESIDE_DIGITS.sub(lambda found: found[0].translate(DIGITS), text)
    ids = [row.id for row in rows]
    marks = accepted_differences.record_marks(store.reading(), g.company.id, ids)
    credited = credited_orders.find_credited(store.reading(), g.company.id, ids, g.now)
    other = digits if digits != text and not rows and _known(digits) else ""
    named = bool(text) and not g.actor.reach.limited
    refused = receive.list_refused(store.reading(), g.company.id, g.now, text=text) if named else ()
    shown = {
        "text": text,
        "rows": rows,
        "refused": refused,
        "marks": marks,
        "credited": credited,
        "other": other,
        "run": run,
    }
    return store.respond("dashboard/find.html", shown, status=status, missing=status != 200)


def _known(number: str) -> bool:
    """Check whether a record's number begins with this text or its customer contains it."""
    return bool(search.find_similar(store.reading(), g.company.id, number))


def _url(row: search.Found, endpoint: str, found: str | None = None) -> str:
    return url_for(
        endpoint,
        co=g.company.code,
        source=row.source,
        kind=row.kind,
        external_id=row.external_id,
        found=found,
    )


@late_pages.get("/late")
@needs("record.read")
def listing() -> Response:
    """Show each late document with its age and the condition it waits for."""
    late = ageing.load_late(store.reading(), g.company.id, _after())
    last = late.rows[-1] if len(late.rows) >= ageing.A_PAGE else None
    return store.respond("dashboard/late.html", late=late, last=last)


def _after() -> tuple[datetime, int] | None:
    """Return the list position in the address, or None."""
    since, number = request.args.get("since"), forms.parse_whole(request.args.get("after"))
    if not since or number is None:
        return None
    try:
        moment = datetime.fromisoformat(since)
        return (moment.astimezone(UTC), number) if moment.tzinfo else abort(404)
    except (ValueError, OverflowError):
        abort(404)
