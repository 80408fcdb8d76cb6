"""`clearpost backtest --company`: what it said, recorded for the rule book of a company.

Here: who may, before the long work; what is written after it. Not here: what is kept
(holding/rulesets/recorded_backtests.py), the judging.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portal.terminal.command_frame import (
    USAGE,
    Stop,
    actor_of,
    company_of,
    granted,
    office,
    rule_files,
    say,
)

if TYPE_CHECKING:
    from portal.backtest.report import Report


@dataclass(frozen=True, slots=True)
class Keeping:
    """For whom it is recorded, and both sets of rules as publishing would know them."""

    company: str
    email: str
    old_hash: str
    hash: str

    def record(self, found: "Report") -> None:
        """Write it down."""
        from holding.rulesets import recorded_backtests

        counted = recorded_backtests.Counted(
            hash=self.hash,
            old_hash=self.old_hash,
            records=found.tally.records,
            differ=found.changed,
            bad=found.tally.bad,
            rules={one.book_name: (one.fired, one.records) for one in found.fired},
        )
        with office() as place, place.database.write() as session:
            company = company_of(session, self.company)
            actor = actor_of(session, self.email, company.id)
            refusal = recorded_backtests.record(session, company.id, actor, counted, place.now)
            granted(refusal)
        say(f"Recorded: the rule book of {self.company} names it.")


def keeping(company: str | None, email: str | None, old: Path, new: Path) -> Keeping | None:
    """What to record with, or None; whoever may not record is told before the work begins."""
    from holding.rulesets import recorded_backtests
    from rules.program import hash_of

    if company is None and email is None:
        return None
    if company is None or email is None:
        raise Stop("--company and --as go together.", code=USAGE)
    for path in (old, new):
        if not path.is_dir():
            raise Stop(f"{path} is not a folder of rules.", "--company needs two folders", USAGE)
    with office() as place, place.database.read() as session:
        found = company_of(session, company)
        granted(recorded_backtests.refused(actor_of(session, email, found.id)))
    old_hash, new_hash = (hash_of(rule_files(path)) for path in (old, new))
    return Keeping(company, email, old_hash=old_hash, hash=new_hash)
