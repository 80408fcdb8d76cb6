"""The status of several companies, a pill each: what stops one of its targets, else how its newest
runs went.

Here: of all companies by one statement, and one more where something is stopped. Not here: the
words of a pill (status.py).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from holding.db.together import KEPT, Together, answer
from holding.runs.last_runs import LastRun, Place, newest_runs
from holding.runs.status import Pill, asked_standing, of_run, ready_to_go, shown

WORST: Final = ("bad", "paused", "near", "busy", "good", "never")
"""Tones of pills, what asks for somebody first."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def of_companies(
    session: Session, wanted: Mapping[int, Collection[Place]], zones: Mapping[int, str]
) -> dict[int, tuple[Place, Pill]]:
    """Company -> its worst pill, of the newest run where several are as bad, and the place that it
    is of. `wanted`: the (connection, document type) of each; one without any has no pill.
    """
    at = {place: company_id for company_id, places in wanted.items() for place in places}
    if not at:
        return {}
    of_zone: dict[str, set[int]] = defaultdict(set)
    for place, company_id in at.items():
        of_zone[zones[company_id]].add(place[0])
    page = Together(session, KEPT)
    asked = [page.ask(asked_standing(ids, zone)) for zone, ids in of_zone.items()]
    runs = page.ask(newest_runs(list(at))).value
    stopped = {key: stop for one in asked for key, stop in one.value.items()}
    waiting = answer(session, ready_to_go(list(wanted), list(stopped))) if stopped else {}
    found: dict[int, tuple[Place, Pill]] = {}
    for place in sorted(at, key=lambda one: _ended(runs.get(one)), reverse=True):
        ran = of_run(runs.get(place), zones[at[place]])
        pill = shown(stopped.get(place[0]), ran, waiting.get(place, 0))
        before = found.get(at[place])
        if before is None or WORST.index(pill.tone) < WORST.index(before[1].tone):
            found[at[place]] = place, pill
    return found


def _ended(run: LastRun | None) -> datetime:
    return _NEVER if run is None else run.ended_at or run.made_at
