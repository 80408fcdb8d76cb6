"""The dashboard: is anything stuck, who must act, how much money; what is late, and finding.

Here: one view of one screen each; an exact number goes straight to its record. Not here: the
numbers and the search (holding/worklist), since when something counts as finished
(holding/evaluation/plan.py).
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding.records import accepted_differences
from holding.signals import open_signals
from holding.worklist import ageing, filters, groups, search
from holding.worklist import dashboard as queries
from holding.worklist.filters import Filter
from holding.workload.latency import latency
from holding.workload.long_waits import long_waits
from portal.onboarding import checklist
from portal.web import forms, fragments, store, target_status

pages = Blueprint("dashboard", __name__, url_prefix="/c/<co>")
find_pages = Blueprint("find", __name__, url_prefix="/c/<co>/find")
late_pages = Blueprint("late", __name__, url_prefix="/c/<co>")
TOP = 5
KEPT_DAYS = 30


@pages.get("/")
def show() -> Response:
    """One sentence, then what proves it; before go live, what is left to do."""
    if not g.company.live:
        return checklist.shown()
    return fragments.respond("dashboard/dashboard.html", _shown())


def _shown() -> dict[str, object]:
    session, company = store.reading(), g.company.id
    zone = ZoneInfo(g.company.zone)
    today = g.now.astimezone(zone).date()
    midnight = datetime.combine(today, time.min, zone)
    everything = Filter(person_id=g.actor.person_id)
    mine = Filter(view="mine", person_id=g.actor.person_id)
    held = filters.held(session, company, g.actor.person_id)
    causes = groups.groups(session, company, everything, held)
    seen, days = queries.standing(session, company, midnight, today)
    booked, kept = (
        queries.booked(session, company, today),
        accepted_differences.by_day(session, company),
    )
    return {
        "booked": booked,
        "booked_types": sorted({doc_type for one in booked for doc_type in one.money}),
        "accepted": accepted_differences.totals(kept.values()),
        "accepted_days": kept,
        "signals": open_signals.listing(session, company),
        "totals": filters.totals(session, company, everything, held),
        "mine": groups.groups(session, company, mine, held)[:TOP],
        "mine_totals": filters.totals(session, company, mine, held),
        "owners": queries.owners(session, company, held),
        "oldest": queries.oldest(session, company),
        "causes": causes[:TOP],
        "more_causes": max(0, len(causes) - TOP),
        "late": ageing.listing(session, company, most=TOP),
        "targets": target_status.of_targets(session, company),
        "waits": long_waits(session, company, g.now),
        "latency": latency(session, company, g.now),
        "kept_out": queries.kept_out(session, company, midnight - timedelta(days=KEPT_DAYS)),
        "today": seen,
        "days": days,
        "date": today,
    }


@find_pages.get("")
def find() -> AnyResponse:
    """What has this number or name."""
    text = request.args.get("q", "").strip()[:100]
    rows = search.exact(store.reading(), g.company.id, text) if text else ()
    if len(rows) == 1 and not fragments.wants_fragment():
        return redirect(_record_url(rows[0]), 303)
    if text and not rows:
        rows = search.alike(store.reading(), g.company.id, text)
    return _found_page(text, rows)


def _found_page(text: str, rows: tuple[search.Found, ...]) -> Response:
    digits = text.translate(str.maketrans("OoIl", "0011"))
    marks = accepted_differences.marks(store.reading(), g.company.id, [row.id for row in rows])
    other = digits if digits != text else ""
    return fragments.respond("dashboard/find.html", text=text, rows=rows, marks=marks, other=other)


def _record_url(row: search.Found) -> str:
    return url_for(
        "records.show",
        co=g.company.code,
        source=row.source,
        kind=row.kind,
        external_id=row.external_id,
    )


@late_pages.get("/late")
def listing() -> Response:
    """Each document with its age and the gate that it waits for."""
    late = ageing.listing(store.reading(), g.company.id, _after())
    last = late.rows[-1] if len(late.rows) >= ageing.A_PAGE else None
    return fragments.respond("dashboard/late.html", late=late, last=last)


def _after() -> tuple[datetime, int] | None:
    """The place in the list that the address names."""
    since, number = request.args.get("since"), forms.whole(request.args.get("after"))
    if not since or number is None:
        return None
    try:
        moment = datetime.fromisoformat(since)
        return (moment.astimezone(UTC), number) if moment.tzinfo else abort(404)
    except (ValueError, OverflowError):
        abort(404)
