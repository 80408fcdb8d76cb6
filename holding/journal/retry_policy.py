"""What follows when a target says no: the rules' own retry table, else what is built in.

Here: whether it is tried again, after which pause, and who is asked when it is not. Not here:
carrying that out (posting/results.py, posting/doubt_resolution.py).
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from connectors.contract.errors import RETRY, RetryWay
from grammar.text.finding_codes import ErrorClass
from holding.programs.world import program
from holding.tables import Company, Posting
from rules.amendments.decision_tables import RetryAnswer

FIRST, LONGEST = (timedelta(seconds=seconds) for seconds in RETRY["temporary"].pauses)
SPREAD = 1.2  # what was refused in one moment is not tried again in one moment
NOT_BY_TIME = frozenset({"authorization_failed", "uncertain"})
"""A new key or a look-up ends these; rules say only who is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """Tried again after a pause between `least` and `most`, and so often at most (`left`), or
    (None) a team is asked.
    """

    least: timedelta | None = None
    most: timedelta = timedelta()
    left: int = 0
    owner: str

    @property
    def again(self) -> bool:
        """Whether it is retried automatically."""
        return self.least is not None


def after(session: Session, posting: Posting, error_class: ErrorClass, tries: int) -> Follows:
    """What follows an error after so many tries, this one included."""
    told = _told(session, posting, error_class, tries)
    owner = (told and _asked(told)) or RETRY[error_class].owner
    if error_class in NOT_BY_TIME:
        return Follows(owner=owner)
    if told is not None and told.kind != "look_up":
        if told.pause is None:
            return Follows(owner=owner)
        times = told.again.times if told.again else tries + 1
        return Follows(least=told.pause, most=told.pause * SPREAD, left=times - tries, owner=owner)
    usual = RETRY[error_class]
    left = (usual.tries or 0) - tries
    if usual.retry != RetryWay.AUTOMATIC or left <= 0:
        return Follows(owner=owner)
    most = min(LONGEST, FIRST * 2.0 ** (tries - 1))
    return Follows(least=timedelta(), most=most, left=left, owner=owner)


def _asked(told: RetryAnswer) -> str | None:
    """Who is asked in the end, also while it is still tried again."""
    return told.role or (told.again.then.role if told.again else None)


def _told(
    session: Session, posting: Posting, error_class: ErrorClass, tries: int
) -> RetryAnswer | None:
    """What the rules in force say of this target."""
    version_id = session.get_one(Company, posting.company_id).ruleset_version_id
    if version_id is None:
        return None
    target = posting.route.partition(".")[0]
    return program(session, version_id).retry(target, error_class, tries)
