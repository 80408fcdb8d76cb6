"""What a check looks at, and what it finds.

Here: the company, the moment, the limits and the target's own ledgers, and a breach. Not here: any
check.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy.orm import Session

from holding.chain import Head
from holding.clock_steps import passed_twice
from holding.invariants.journal import Journal
from holding.invariants.ledgers import Line


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must not be: which invariant, in words, and the records it is about."""

    invariant: str
    say: str
    record_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """One company at one moment; `lines` are what its targets wrote themselves, None if unknown.

    `lease`, `answer` and `sweep` are what the workers were told. `secrets` must stand nowhere.
    """

    session: Session
    company_id: int
    now: datetime
    lease: timedelta
    answer: timedelta
    sweep: timedelta
    lines: tuple[Line, ...] | None
    secrets: tuple[str, ...] = ()
    anchors: tuple[Head, ...] = ()  # heads of the chain that were noted elsewhere

    @cached_property
    def journal(self) -> Journal:
        """All pushes of the company with their calls, read once."""
        return Journal.read(self.session, self.company_id)

    @cached_property
    def twice(self) -> list[tuple[datetime, datetime]]:
        """Spans that the clock went through twice, because it was set back."""
        return passed_twice(self.session, self.company_id)

    def before(self, one: datetime, other: datetime) -> bool:
        """Whether this moment can have been the earlier one."""
        return one <= other or any(start <= other and one <= end for start, end in self.twice)
