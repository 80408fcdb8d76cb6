"""Whether people have the time to undo that they are promised, watched from outside.

Here: when each form was given and each call written down, by the order in which it happened and not
by any clock that may be set, and what that makes wrong. Not here: who gives forms (crowd.py).
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Approval, Operation, Posting, Push, Release
from holding.db.refusal import Refusal
from tests.faults.tasks import Moving


class UndoWatch:
    """What is known of the forms of a history; `failures` is where it says what must not be."""

    def __init__(self, clock: Moving, failures: list[str]) -> None:
        self._clock, self._failures = clock, failures
        self._given: dict[str, float] = {}
        self._written: dict[int, float] = {}

    def given(self, form: str) -> None:
        """A form was committed."""
        self._given[form] = self._clock.monotonic()
        self._clock.mark(form)

    def written(self, session: Session) -> None:
        """A call was committed a moment ago: nothing that it rests on can be taken back."""
        pushes = select(Push, Posting.record_id).join(Posting, Posting.id == Push.posting_id)
        for push, record_id in session.execute(pushes.where(Push.id.not_in([*self._written]))):
            self._written[push.id] = self._clock.monotonic()
            for form, until in _rests_on(session, push, record_id).items():
                if form in self._given and self._clock.latest(form) < until:
                    left = (until - self._clock.latest(form)).total_seconds()
                    self._failures.append(
                        f"{push.number} was sent {left:.0f} s too early to undo {form}"
                    )

    def taken_back(self, session: Session, form: str, who: str, by: str, answer: object) -> None:
        """Somebody tried to take a form back, in this transaction."""
        done = not isinstance(answer, Refusal)
        if done and who != by:
            self._failures.append(f"{by} took {form} back, which is {who}'s")
        if done and (sent := self._sent(session, form)):
            self._failures.append(f"{form} was undone, but {', '.join(sent)} was sent")

    def _sent(self, session: Session, form: str) -> Collection[str]:
        """What was written down after a form was given, of what is void by its undo."""
        rows = session.execute(
            select(Push.id, Push.number)
            .join(Approval, (Approval.posting_id == Push.posting_id) & (Approval.hash == Push.hash))
            .where(Approval.operation_id == form, Approval.voided_at == self._clock.now())
            .union(
                select(Push.id, Push.number)
                .join(Posting, Posting.id == Push.posting_id)
                .join(
                    Release,
                    (Release.record_id == Posting.record_id) & (Release.route == Posting.route),
                )
                .where(Release.operation_id == form, Release.voided_at == self._clock.now())
            )
        )
        since = self._given[form]
        return sorted({row.number for row in rows if self._written.get(row.id, -1) > since})


def _rests_on(session: Session, push: Push, record_id: int) -> Mapping[str, datetime]:
    """The forms without which a call would not be made, and until when each can be taken back."""
    standing = select(Operation.id, Operation.undo_until).where(
        Operation.undone_at.is_(None), Operation.undo_until.is_not(None)
    )
    approved = standing.join(Approval, Approval.operation_id == Operation.id).where(
        Approval.posting_id == push.posting_id,
        Approval.hash == push.hash,
        Approval.voided_at.is_(None),
    )
    released = standing.join(Release, Release.operation_id == Operation.id).where(
        Release.record_id == record_id, Release.voided_at.is_(None)
    )
    found = [*session.execute(approved), *session.execute(released)]
    return {row.id: row.undo_until for row in found if row.undo_until is not None}
