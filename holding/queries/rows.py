"""Rows of the database as rows of a page.

Here: making frozen dataclasses of what a select returns, in its order. Not here: any select.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.orm import Session

Made = TypeVar("Made")


def remember(session: Session) -> None:
    """Keep what was loaded as long as the session lives, so that asking again by id asks nobody."""
    kept = session.info.setdefault("kept", [])
    event.listen(session, "loaded_as_persistent", lambda _session, row: kept.append(row))


def each(make: Callable[..., Made], found: Iterable[Any]) -> tuple[Made, ...]:
    """One object a row."""
    return tuple(make(*row) for row in found)


def first(make: Callable[..., Made], row: Any) -> Made | None:
    """One object of one row, or nothing."""
    return make(*row) if row else None
