"""A second click gets the answer of the first.

Here: keeping what an act answered under the hidden id of the form that asked for it. Not here:
what the acts do.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.models import Operation
from holding.refusal import Refusal

Answer = TypeVar("Answer")


def once(
    session: Session,
    op: str | None,
    *,
    person_id: int | None,
    now: datetime,
    act: Callable[[], Answer | Refusal],
    read: Callable[[Mapping[str, Any]], Answer],
) -> Answer | Refusal:
    """Run `act` unless this form was answered before; its answer (a dataclass) is kept as JSON.

    A refusal is not kept: the person mends the form and sends it again.
    """
    if not op:
        return act()
    kept = _claim(session, op, person_id, now)
    if isinstance(kept, Refusal):
        return kept
    if kept.answer is not None:
        return read(kept.answer)
    answer = act()
    if isinstance(answer, Refusal):
        session.delete(kept)
    else:
        kept.answer = asdict(answer)  # type: ignore[call-overload]
    session.flush()
    return answer


def _claim(session: Session, op: str, person_id: int | None, now: datetime) -> Operation | Refusal:
    """The row of this form: a new one, or, after waiting for whoever is faster, theirs."""
    row = Operation(id=op, person_id=person_id, at=now, answer=None)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        kept = session.get(Operation, op, populate_existing=True)
        if kept is None or kept.person_id != person_id:
            return Refusal(
                code="operation.other",
                message="This form was answered already.",
                hint="Load the page again.",
                status=409,
            )
        return kept
    return row
