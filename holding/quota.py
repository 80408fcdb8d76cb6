"""The month in which a target counts documents: it turns where the company is.

Here: that month, and the company's zone. Not here: how much is left of it (pushing/limits.py).
"""

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from holding.models import Company


def month_of(now: datetime, zone: tzinfo) -> str:
    """The month that it is there now."""
    return f"{now.astimezone(zone):%Y-%m}"


def zone_of(session: Session, company_id: int) -> ZoneInfo:
    """Where the company is."""
    return ZoneInfo(session.scalar(_ZONE, {"company": company_id}) or "UTC")


_ZONE = select(Company.zone).where(Company.id == bindparam("company"))
