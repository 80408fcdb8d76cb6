"""The dashboard: is anything stuck, who must act, how much money.

Here: one view of one screen. Not here: the numbers (holding/queries).
"""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g

from holding.queries import accepted, groups, holds, late
from holding.queries import dashboard as queries
from holding.queries.wanted import Filter
from portal import fragments, pills, store

pages = Blueprint("dashboard", __name__, url_prefix="/c/<co>")
TOP = 5
KEPT_DAYS = 30


@pages.get("/")
def show() -> Response:
    """One sentence, then what proves it."""
    return fragments.respond("dashboard/show.html", **_shown())


def _shown() -> dict[str, Any]:
    session, company = store.reading(), g.company.id
    zone = ZoneInfo(g.company.zone)
    today = g.now.astimezone(zone).date()
    midnight = datetime.combine(today, time.min, zone)
    everything = Filter(person_id=g.actor.person_id)
    mine = Filter(view="mine", person_id=g.actor.person_id)
    causes = groups.groups(session, company, everything)
    seen, days = queries.standing(session, company, midnight, today)
    booked, kept = queries.booked(session, company, today), accepted.by_day(session, company)
    return {
        "booked": booked,
        "booked_types": sorted({doc_type for one in booked for doc_type in one.money}),
        "accepted": accepted.totals(kept.values()),
        "accepted_days": kept,
        "totals": holds.totals(session, company, everything),
        "mine": groups.groups(session, company, mine)[:TOP],
        "mine_totals": holds.totals(session, company, mine),
        "owners": queries.owners(session, company),
        "oldest": queries.oldest(session, company),
        "causes": causes[:TOP],
        "more_causes": max(0, len(causes) - TOP),
        "late": late.listing(session, company, most=TOP),
        "targets": pills.of_targets(session, company),
        "kept_out": queries.kept_out(session, company, midnight - timedelta(days=KEPT_DAYS)),
        "today": seen,
        "days": days,
        "date": today,
    }
