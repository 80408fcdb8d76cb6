"""What a publish did, and how the trail tells it.

Here: its values and its event. Not here: publishing (publication.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.people import names_of
from holding.db.models import Change
from holding.db.refusal import plural
from holding.mappings.fixes import Seeded
from holding.platform import row_seals
from holding.platform.events import record_event
from holding.platform.row_seals import Sealed
from holding.rulesets.recorded_backtests import Decided


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did. `differences` are stored entries that the files would have otherwise."""

    version_id: int
    no: int
    hash: str
    revision: int
    edition: int
    seeded: Seeded
    teams: tuple[str, ...]
    woken: int
    backtest: Decided | None = None

    @property
    def decided(self) -> str:
        """The backtest that it was decided by, as the end of a sentence."""
        if self.backtest is None:
            return "no backtest of these rules was recorded"
        return f"decided by the backtest {self.backtest.said} (hash {self.backtest.sha256[:12]})"


def sealed_rules(session: Session, company_id: int, published: Published) -> Sealed:
    """What the event of a publish seals: the version, its files, and the entries that came in."""
    keys = {
        row_seals.VERSION: [published.version_id],
        row_seals.RULES: [published.version_id],
        row_seals.ENTRY: [published.revision],
    }
    return row_seals.seals(session, company_id, keys)


def tell_published(
    session: Session,
    change: Change,
    published: Published,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Leave the event of a publish, with the reason that was given."""
    author = names_of(session, [change.author_id]).get(change.author_id or 0, "the command line")
    differ, backtest = published.seeded.differences, published.backtest
    left_out = sum(bool(d.keeper) for d in differ)
    kept = f" {left_out} left out that only their keepers add," if left_out else ""
    proof = {"backtest": backtest.id, "backtest_sha256": backtest.sha256} if backtest else {}
    record_event(
        session,
        company_id=change.company_id,
        at=now,
        actor=actor,
        act="rules.published",
        body={
            "say": f"{actor.name} published change {change.no} by {author} as rule version"
            f" {published.no} (hash {published.hash[:12]}):"
            f" {plural(published.seeded.added, 'entry', 'entries')} added,"
            f" {len(differ) - left_out} kept although the files differ,{kept}"
            f" {plural(published.woken, 'record')} checked again;"
            f" {published.decided}.{f' Reason: {reason}' if reason else ''}",
            "change": change.no,
            "reason": reason,
            "version": published.no,
            "hash": published.hash,
            "revision": published.revision,
            "edition": published.edition,
            "differences": [
                {"table": d.table, "key": d.key, "stored": d.stored, "declared": d.declared}
                for d in differ
            ],
            **proof,
            **sealed_rules(session, change.company_id, published),
        },
    )
