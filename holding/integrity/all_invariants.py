"""All invariants of one company, in one snapshot.

Here: their list, and running them. Not here: any of them (the other files of this package).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Keys
from holding.connections.connections import secret_of
from holding.db.models import Company, Connection
from holding.integrity import (
    arrivals_and_trail,
    consent_kept,
    effects,
    journal_and_ledgers,
    sent_again,
    waiting,
)
from holding.integrity.journal_and_ledgers import Breach, Look
from holding.platform.events import Head
from holding.platform.settings import Settings

Check = Callable[[Look], Iterable[Breach]]

CHECKS: dict[str, tuple[str, Check]] = {
    "I1": ("What arrived became versions.", arrivals_and_trail.arrivals_became_versions),
    "I2": ("What is posted stands in the target, once.", effects.posted_is_there),
    "I3": ("What stands in the target was meant.", effects.effects_were_meant),
    "I4": ("Nothing was created twice.", effects.no_effect_twice),
    "I5": ("Changes arrived in their order.", effects.versions_increase),
    "I6": ("No call is forgotten.", waiting.no_call_forgotten),
    "I7": ("Everything that waits is taken up again.", waiting.no_lease_forgotten),
    "I8": ("What is held has a reason and an owner.", waiting.holds_have_owner),
    "I9": ("What needed approval was approved.", consent_kept.pushes_were_approved),
    "I10": (
        "What happened follows the table of moves.",
        arrivals_and_trail.history_follows_the_table,
    ),
    "I11": ("Everything is told.", arrivals_and_trail.every_version_is_told),
    "I12": (
        "Rules were in force when they decided.",
        arrivals_and_trail.judged_by_rules_of_the_time,
    ),
    "I13": ("No secret lies about.", arrivals_and_trail.no_secret_lies_about),
    "I14": ("The sums agree.", effects.sums_agree),
    "I15": ("Nothing refused was sent again unchanged.", sent_again.sent_again_after_a_change),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and every breach."""

    checked: tuple[str, ...]
    breaches: tuple[Breach, ...]


def companies(session: Session) -> dict[str, int]:
    """Code -> id of every company."""
    query = select(Company.code, Company.id).order_by(Company.code)
    return dict(session.execute(query).all())


TELLING = 12  # a shorter part of a key may be a number of seconds


def _parts(key: str) -> set[str]:
    """A secret, and what it is joined of: each would give it away."""
    return {key, *(part for part in key.split(":") if len(part) >= TELLING)}


def check(
    session: Session,
    company_id: int,
    *,
    now: datetime,
    settings: Settings,
    ledger: Sequence[Path] | None = None,
    keys: Keys | None = None,
    anchors: Sequence[Head] = (),
    only: Collection[str] = tuple(CHECKS),
) -> Checked:
    """Look at one company; reads only. `ledger` are files of target stand-ins, `keys` make I13 look
    for the connections' own secrets, `anchors` are heads of the
    chain that were noted elsewhere, for I11.

    Raises OSError or ValueError for a ledger that cannot be read.
    """
    connections = session.scalars(
        select(Connection).where(Connection.company_id == company_id)
    ).all()
    places = {str(one.settings.get("company_id", "")) for one in connections}
    lines = (
        None
        if ledger is None
        else journal_and_ledgers.of_company(journal_and_ledgers.read(ledger), places)
    )
    secrets = [secret_of(session, one, keys) for one in connections if one.key_id] if keys else []
    look = Look(
        session=session,
        company_id=company_id,
        now=now,
        lease=timedelta(seconds=settings.lease_seconds),
        answer=timedelta(seconds=settings.answer_seconds),
        sweep=timedelta(seconds=settings.sweep_seconds),
        lines=lines,
        secrets=tuple(one for key in secrets if isinstance(key, str) for one in _parts(key)),
        anchors=tuple(anchors),
    )
    wanted = tuple(name for name in CHECKS if name in only)
    breaches = tuple(breach for name in wanted for breach in CHECKS[name][1](look))
    return Checked(wanted, breaches)
