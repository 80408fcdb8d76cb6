"""What one judging knows: the batch, its cases, and the rows it was gathered from.

Here: plain frozen data. Not here: queries (gather.py) and decisions (plan.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from holding.judging.claim import Claimed
from holding.models.hold import OF_PUSH
from holding.worlds import Judge
from rules.compile import Route
from rules.facts import Facts, Subject, World
from rules.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingRow:
    """A posting of the record as it stood when the facts were read."""

    id: int
    record_id: int
    family: int
    route: str
    seq: int
    state: str
    lock: int
    number: str
    hash: str
    content: Mapping[str, Any] | None
    bills: list[list[str]] | None
    version_id: int
    version_no: int
    revision: int
    tries: int
    due_at: datetime | None
    finished_at: datetime | None
    standing: Mapping[str, Any] | None  # what stands in the target, by which action and hash
    standing_action: str
    standing_hash: str
    standing_at: datetime | None  # since when it stands there
    sent_body: Mapping[str, Any] | None  # the record as it was sent, where it is another now
    e_invoice_at: datetime | None
    reverses_id: int | None
    reading: Mapping[str, Any] | None  # what was last seen of it in the target, and when that was
    reading_at: datetime | None

    def tried(self, hash_: str) -> int:
        """How often this content was sent; another one was not."""
        return self.tries if self.hash == hash_ else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """An open hold of the record."""

    id: int
    record_id: int
    posting_id: int | None
    route: str
    seq: int
    code: str
    cause_id: int
    cause_key: str
    changed_revision: int
    error_class: str
    revision: int
    book: int | None

    @property
    def key(self) -> tuple[str, int, str, str]:
        """What it is over judgings."""
        return (self.route, self.seq, self.code, self.cause_key)

    @property
    def of_push(self) -> bool:
        """Whether pushing opened it: what a target refused, or what may not be sent."""
        return self.code.startswith(OF_PUSH)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRow:
    """A standing approval of a posting."""

    id: int
    posting_id: int
    hash: str
    level: str
    content: Mapping[str, Any]
    person_id: int
    for_person_id: int | None
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One claimed record with everything its judging looks at."""

    claimed: Claimed
    family: int
    state: str
    party_key: str
    version_id: int
    version_at: datetime
    content_sha256: str
    subject: Subject
    facts: Facts
    postings: tuple[PostingRow, ...]
    holds: tuple[HoldRow, ...]
    approvals: tuple[ApprovalRow, ...]
    undo_until: datetime | None  # what people decided about it can be taken back until then
    rejected: Mapping[str, str]  # route -> reason: a person rejected this content
    alike: frozenset[int] = frozenset()  # other records with a value that rules compare, or number
    passed: frozenset[int] = frozenset()  # those of them that came later and do not stop it
    stopped: frozenset[int] = frozenset()  # and those that do: it was let go before they came

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

    def team(self, owner: str) -> int | None:
        """The team that a finding names as its owner, else the one that answers for all."""
        return self.teams.get(owner, self.fallback_team_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """A case with its outcome, or with why there is none."""

    case: Case
    at: datetime
    outcome: Outcome | None
    error: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The columns by which lists show a record."""

    status: str
    party: str
    party_key: str
    doc_date: date | None
    amount: int | None
    currency: str
    book: int | None
