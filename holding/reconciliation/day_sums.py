"""The sums of compared documents: one currency, three sides, each difference under its standing.

Here: adding up. Not here: which documents (daily_totals.py). Money is in minor units.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from holding.reconciliation.compared_documents import Standing

EXPLAINED = (
    Standing.HELD,
    Standing.WAITING,
    Standing.SENDING,
    Standing.UNREAD,
    Standing.CANCELLED,
    Standing.IGNORED,
    Standing.LEFT,
    Standing.BY_RULE,
)
"""The standings that say why a document is not, or not so, in the target."""


@dataclass(slots=True)
class Sum:
    """Some documents: how many, what they come to in minor units, and how many have no amount."""

    count: int = 0
    minor: int = 0
    unpriced: int = 0

    def add(self, minor: int | None, count: int = 1) -> None:
        """Count documents that come to this together."""
        self.count += count
        self.minor += minor or 0
        self.unpriced += count if minor is None else 0

    def join(self, other: "Sum") -> None:
        """Add what another has counted."""
        self.count += other.count
        self.minor += other.minor
        self.unpriced += other.unpriced


@dataclass(slots=True)
class Totals:
    """The sums of a day, or of all days, in one currency. `by`: the differences by standing; what
    agrees is counted there with the money that agrees.
    """

    currency: str
    source: Sum = field(default_factory=Sum)
    ours: Sum = field(default_factory=Sum)
    target: Sum = field(default_factory=Sum)
    by: dict[Standing, Sum] = field(default_factory=lambda: defaultdict(Sum))

    @property
    def difference(self) -> int:
        """Source less target, in minor units."""
        return self.source.minor - self.target.minor

    @property
    def differs(self) -> bool:
        """Whether a document is not, or not so, in the target; amounts may cancel each other."""
        found = (one.count for standing, one in self.by.items() if standing is not Standing.AGREES)
        return any(found)

    @property
    def explained(self) -> Sum:
        """What is not, or not so, in the target for a reason that is known."""
        found = Sum()
        for standing in EXPLAINED:
            if standing in self.by:
                found.join(self.by[standing])
        return found

    def of(self, standing: Standing) -> Sum:
        """The differences of one standing."""
        return self.by.get(standing, Sum())

    def join(self, other: "Totals") -> None:
        """Add the sums of another day in this currency."""
        self.source.join(other.source)
        self.ours.join(other.ours)
        self.target.join(other.target)
        for standing, found in other.by.items():
            self.by[standing].join(found)
