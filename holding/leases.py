"""When a lease is over.

Here: one term for all tables that have leases. Not here: taking them (each floor's claim.py).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_

from holding.models.base import NOW, moment

NEVER = datetime.max.replace(tzinfo=UTC)


def over(until: Any, now: datetime, longest: timedelta | None) -> ColumnElement[bool]:
    """Its time has passed; or it ends later than any lease can, because a clock was set back.

    `longest` is how far ahead a lease may end; None trusts the clock.
    """
    passed: ColumnElement[bool] = until < now
    return passed if longest is None else or_(passed, until > now + longest)


def is_over(until: Any) -> ColumnElement[bool]:
    """The same in a statement that stands ready; it is given `moments`."""
    return or_(until < NOW, until > moment("latest"))


def moments(now: datetime, longest: timedelta | None) -> dict[str, datetime]:
    """What a statement with `is_over` in it is given."""
    return {"now": now, "latest": NEVER if longest is None else now + longest}
