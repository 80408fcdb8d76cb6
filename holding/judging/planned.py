"""What a judging wants to stand in the tables, as plain data.

Here: planned postings, wanted and closed holds, voided approvals, and the plan that has them all.
Not here: how they are worked out (plan.py), how they are written (finish.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from holding import bulk
from holding.judging.batch import ApprovalRow, Case, HoldRow, Judgment, Listed, PostingRow

Key = tuple[str, int, str, str]  # route, seq, code, cause key


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A posting as it should stand; `id` is None for a new one."""

    id: int | None
    route: str
    seq: int
    before: str
    state: str
    reason: str
    hash: str
    number: str
    content: Mapping[str, Any] | None
    bills: list[list[str]] | None
    reverses_id: int | None
    connection_id: int
    doc_type: str
    amount: int | None
    currency: str
    book: int | None
    doc_date: date | None
    party: str
    due_at: datetime | None
    finished_at: datetime | None
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What is planned for a posting that stays posted: an update, a void, or nothing any more
    (`given_up`).
    """

    id: int
    action: str
    content: Mapping[str, Any] | None
    hash: str
    bills: list[list[str]] | None
    due_at: datetime | None
    reason: str
    tries: int = 0
    given_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A hold that should be open."""

    route: str
    seq: int
    code: str
    error_class: str
    severity: str
    rule: str
    at_rule: str
    message: str
    would_pass: str
    clears: str
    cause_key: str
    cause_label: str
    team_id: int | None
    number: str
    doc_type: str
    doc_date: date | None
    connection_id: int | None

    @property
    def key(self) -> Key:
        """What it is over judgings."""
        return (self.route, self.seq, self.code, self.cause_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An open hold that should be closed, and how."""

    hold: HoldRow
    state: str
    why: str
    person_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """A standing approval of another content, and the fields that differ."""

    approval: ApprovalRow
    number: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A judging as it is kept: what it looked at and what came out."""

    facts: bulk.Encoded
    codes: bulk.Encoded
    hash: str


@dataclass(slots=True, kw_only=True)
class Plan:
    """Everything to write for one case."""

    judged: Judgment
    stored: Stored
    listed: Listed | None = None
    postings: list[Planned] = field(default_factory=list)
    acting: list[Acting] = field(default_factory=list)
    silenced: list[PostingRow] = field(default_factory=list)
    wanted: dict[Key, Wanted] = field(default_factory=dict)
    kept: list[HoldRow] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    state: str = "held"

    @property
    def case(self) -> Case:
        """The record it is for."""
        return self.judged.case

    def due(self, moment: datetime) -> datetime:
        """A moment to send something at, but not while what let it go can be taken back."""
        return max(moment, self.case.undo_until or moment)

    @property
    def book(self) -> int | None:
        """The money of its holds in the company's currency."""
        return self.listed.book if self.listed else None
