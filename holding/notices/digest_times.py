"""When a company's digest is sent: on which days, at which time of its zone.

Here: the setting with its limits, and the newest period that has begun. Not here: what a digest
says (digests.py), who gets one (recipients.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import Company
from holding.db.models.columns import moment_of, moment_text
from holding.db.refusal import Refusal
from holding.platform.changes import locked_company
from holding.platform.events import record_event

ACT: Final = "company.setup"
SETTING: Final = "digest"  # key of company.settings: at, days, since
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
USUAL: Final = "08:00"
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class DigestTimes:
    """The time of day, the days of the week (0 is Monday; none: no digest), and since when."""

    at: str
    days: tuple[int, ...]
    since: datetime | None


def times_of(settings: Mapping[str, Any]) -> DigestTimes:
    """What is set; without a setting no digest is sent."""
    found = settings.get(SETTING)
    if not isinstance(found, Mapping):
        return DigestTimes(USUAL, (), None)
    return DigestTimes(
        str(found["at"]), tuple(int(day) for day in found["days"]), moment_of(found["since"])
    )


def own_times(session: Session, company_id: int) -> DigestTimes:
    """What a company has set."""
    return times_of(session.get_one(Company, company_id).settings)


def period(times: DigestTimes, zone: str, now: datetime) -> datetime | None:
    """The newest moment at which a digest was due, of those since it was set; of several that
    nobody worked through, the last one.
    """
    place, (hour, minute) = ZoneInfo(zone), map(int, times.at.split(":"))
    today = now.astimezone(place).date()
    for back in range(8):
        day = today - timedelta(days=back)
        moment = datetime.combine(day, time(hour, minute), place).astimezone(now.tzinfo)
        if day.weekday() in times.days and moment <= now:
            return moment if times.since is not None and moment > times.since else None
    return None


def set_times(
    session: Session, actor: Actor, at: str, days: Sequence[int], now: datetime
) -> Refusal | None:
    """Send digests at this time on these days; on none, never."""
    if refusal := may(actor, ACT):
        return refusal
    if not _CLOCK.fullmatch(at):
        return Refusal("notice.time", "Enter a time as 08:00.", "", 422)
    if not set(days) <= set(range(len(DAYS))):
        return Refusal("notice.days", "Choose days from Monday to Sunday.", "", 422)
    chosen = sorted(set(days))
    company = locked_company(session, actor.company_id or 0)
    told = {"at": at, "days": chosen, "since": moment_text(now)}
    company.settings = {**company.settings, SETTING: told}
    when = f"at {at} on {', '.join(DAYS[day] for day in chosen)}" if chosen else "never"
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="notice.set",
        body={"say": f"{actor.name} set the digest: {when}."},
    )
    return None
