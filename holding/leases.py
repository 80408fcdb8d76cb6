"""When a lease is over.

Here: one term for all tables that have leases. Not here: taking them (each floor's claim.py).
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_


def over(until: Any, now: datetime, longest: timedelta | None) -> ColumnElement[bool]:
    """Its time has passed; or it ends later than any lease can, because a clock was set back.

    `longest` is how far ahead a lease may end; None trusts the clock.
    """
    passed: ColumnElement[bool] = until < now
    return passed if longest is None else or_(passed, until > now + longest)
