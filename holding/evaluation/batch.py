"""What one judging knows: the batch, its cases, and the rows it was gathered from.

Here: plain frozen data, also of the other records of a family, with each posting what its target
holds of it. Not here: queries (gather.py) and decisions (plan.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.approvals.consent import StandingApproval
from holding.evaluation.record_claims import Claimed
from holding.lifecycle.stored_postings import PostingRow
from holding.programs.former_rules import LeftBehind
from holding.programs.world import Judge
from holding.tables.row_states import RecordState
from rules.facts.world import Facts, Subject, World
from rules.outcomes.outcome import NEEDS_APPROVAL, Outcome
from rules.programs.program import Route
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.read_only import read_only

Key = tuple[str, int, str, CauseKey]
"""What a hold is over judgings: route, seq, code, and its cause or the team that approves."""


def same_hold(route: str, seq: int, code: str, rule: str, cause: CauseKey) -> Key:
    """The key of a hold. A team is asked once to approve a document, for whatever reasons: that
    hold stays the same one where another of them comes first.
    """
    one = CauseKey(CauseKind.APPROVE, rule) if code == NEEDS_APPROVAL else cause
    return (route, seq, code, one)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """An open hold of the record."""

    id: int
    record_id: int
    posting_id: int | None
    route: str
    seq: int
    code: str
    rule: str
    cause_id: int
    cause_key: CauseKey
    changed_revision: int
    error_class: ErrorClass
    revision: int
    book: int | None

    @property
    def key(self) -> Key:
        """What it is over judgings."""
        return same_hold(self.route, self.seq, self.code, self.rule, self.cause_key)

    @property
    def of_push(self) -> bool:
        """Whether pushing opened it: what a target refused, or what may not be sent."""
        return self.code in PUSH_CODES


@read_only(frozen=True, slots=True, kw_only=True)
class Case:
    """One claimed record with everything its judging looks at."""

    claimed: Claimed
    family: int
    state: RecordState
    party_key: str
    version_id: int
    version_at: datetime
    linked_at: datetime | None  # when the newest content came of what links join to it
    content_sha256: str
    subject: Subject
    facts: Facts
    postings: tuple[PostingRow, ...]
    holds: tuple[HoldRow, ...]
    approvals: tuple[StandingApproval, ...]
    undo_until: datetime | None  # what people decided about it can be taken back until then
    rejected: Mapping[str, str]  # route -> reason: a person rejected this content
    alike: frozenset[int] = frozenset()  # other records with a value that rules compare, or number
    passed: frozenset[int] = frozenset()  # those of them that came later and do not stop it
    stopped: frozenset[int] = frozenset()  # and those that do: it was released before they came
    ended: Mapping[str, PostingRow] = field(default_factory=dict)  # route -> what never comes of it

    @property
    def record_id(self) -> int:
        """The record."""
        return self.claimed.record_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target connection as the judging needs it."""

    id: int
    company_there: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What all cases share, and the cases."""

    company_id: int
    settings: Mapping[str, Any]
    currency: str
    revision: int
    ruleset_version_id: int
    rules_revision: int
    known_targets: frozenset[str]
    world: World
    judge: Judge
    routes: Mapping[str, Route]
    targets: Mapping[str, TargetRow]
    teams: Mapping[str, int]
    fallback_team_id: int | None
    cases: tuple[Case, ...]
    starts_on: date | None = None  # the cutover: what is dated before it is not posted
    left: Mapping[int, Sequence[LeftBehind]] = field(default_factory=dict)  # record -> by no rules

    def team(self, owner: str) -> int | None:
        """The team that a finding names as its owner, else the one that answers for all."""
        return self.teams.get(owner, self.fallback_team_id)


@read_only(frozen=True, slots=True, kw_only=True)
class Judgment:
    """A case with its outcome, or with why there is none."""

    case: Case
    at: datetime
    outcome: Outcome | None
    error: str = ""
    code: str = ""


@read_only(frozen=True, slots=True, kw_only=True)
class Listed:
    """The columns by which lists show a record."""

    status: str
    party: str
    party_key: str
    doc_date: date | None
    amount: int | None
    currency: str
    book: int | None
