"""Accepting that a target keeps what it has although the record changed since.

Here: what a release of such a hold is bound to, and the row that says what was accepted. Not here:
the difference itself (differences.py), who may release (holds.py), where it is shown
(holding/queries/accepted.py).
"""

from collections.abc import Mapping, Sequence

from holding import bulk, differences
from holding.desk import Desk
from holding.differences import Difference
from holding.models import AcceptedDifference, Hold
from holding.refusal import Refusal


class Accepting:
    """The differences of some holds, worked out once each; `seen` is the version looked at."""

    def __init__(self, desk: Desk, seen: int | None = None) -> None:
        self.desk, self.seen = desk, seen
        self._found: dict[int, Difference | None] = {}

    def of(self, hold: Hold) -> Difference | None:
        """What a hold is about; nothing where it is about no change after posting."""
        if hold.code != differences.ACCEPTED:
            return None
        if hold.id not in self._found:
            found = differences.of(self.desk.session, hold.record_id, hold.route)
            self._found[hold.id] = found
        return self._found[hold.id]

    def refusal(self, hold: Hold) -> Refusal | None:
        """Why the difference cannot be accepted: nobody can say it, or it is not the one that was
        looked at.
        """
        if hold.code != differences.ACCEPTED:
            return None
        found = self.of(hold)
        if found is None:
            return Refusal(
                code="difference.unknown",
                message=f"What is posted of {hold.number} cannot be compared with the record now.",
                hint="Try it again, so that the record is checked anew.",
            )
        if found.newest and self.seen in (None, found.version):
            return None
        return Refusal(
            code="difference.moved",
            message=f"{found.source} changed {found.number} again; nothing was accepted.",
            hint="Look at the new difference, then decide.",
        )

    def say(self, hold: Hold, name: str) -> str | None:
        """What somebody accepted, in a sentence without its reason."""
        found = self.of(hold)
        return f"{name} accepted the difference: {found.kept}" if found is not None else None

    def short(self, hold_id: int) -> str:
        """The same for the bar where it can be taken back; nothing where it is no difference."""
        found = self._found.get(hold_id)
        return f"Difference of {found.number} accepted" if found is not None else ""

    def keep(self, holds: Sequence[Hold], releases: Mapping[int, int]) -> None:
        """Write down what was accepted, by hold id -> release id."""
        rows = [
            {
                "company_id": hold.company_id,
                "release_id": releases[hold.id],
                "record_id": hold.record_id,
                "posting_id": one.posting_id,
                "push_id": one.push_id,
                "version_no": found.version,
                "posted": one.posted,
                "wanted": one.wanted,
            }
            for hold in holds
            if (found := self.of(hold)) is not None
            for one in found.documents
            if one.rows or one.posted != one.wanted
        ]
        bulk.insert(self.desk.session, AcceptedDifference, rows)
