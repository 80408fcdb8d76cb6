"""Limit what a person reads to the sources that their membership covers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import BindParameter, ColumnElement, bindparam, event, exists, false, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from holding.db.models import (
    Attempt,
    Cause,
    Company,
    Connection,
    Hold,
    HoldTally,
    Posting,
    Push,
    Record,
    Request,
    RulesetVersion,
    Run,
    Signal,
    SourceLimit,
)
from holding.db.models.belonging import OF_POSTING, OF_PUSH, OF_RECORD, OF_SOURCE
from holding.db.models.columns import table_of
from holding.db.together import KEPT

_INFO: Final = "reach"

_IDS: Final = "reached_sources"

_Term = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Reach:
    """The ids of the sources whose records a person sees; None: of every source."""

    source_ids: frozenset[int] | None = None

    @property
    def limited(self) -> bool:
        """Whether anything is out of reach."""
        return self.source_ids is not None

    def has(self, source_id: int) -> bool:
        """Whether records of this source are within reach."""
        return self.source_ids is None or source_id in self.source_ids


EVERYTHING: Final = Reach()


def of_ids(source_ids: Iterable[int]) -> Reach:
    """The reach that stored rows mean: none of them is no limit."""
    ids = frozenset(source_ids)
    return Reach(ids) if ids else EVERYTHING


def of_person(session: Session, person_id: int) -> Reach:
    """The reach of a person over all companies together; where they are not limited, all of it."""
    limits = select(SourceLimit.company_id, SourceLimit.source_id)
    rows = session.execute(limits.where(SourceLimit.person_id == person_id)).all()
    if not rows:
        return EVERYTHING
    elsewhere = select(Connection.id).where(
        Connection.side == "source", Connection.company_id.not_in({row.company_id for row in rows})
    )
    return of_ids({row.source_id for row in rows}.union(session.scalars(elsewhere)))


def narrow(session: Session, reach: Reach) -> None:
    """Let this session find nothing beyond the reach, whatever it is asked from now on."""
    if not reach.limited:
        return
    if _INFO not in session.info:
        event.listen(session, "do_orm_execute", _narrowed)
    session.info[_INFO] = reach


def _narrowed(state: ORMExecuteState) -> None:
    """The values come with each statement: what is compiled once serves people of every reach."""
    if state.is_select:
        reach: Reach = state.session.info[_INFO]
        given: dict[str, Any] = dict(cast("dict[str, Any]", state.parameters or {}))
        state.parameters = given | {_IDS: sorted(reach.source_ids or ())}
        state.statement = state.statement.options(*_options())


@cache
def _options() -> tuple[LoaderCriteriaOption, ...]:
    given: BindParameter[Any] = bindparam(_IDS, expanding=True, required=True)
    return tuple(
        with_loader_criteria(model, term, include_aliases=True, track_closure_variables=False)
        for model, term in _terms(given).items()
    )


def _terms(ids: Any) -> dict[type[Any], _Term]:
    """Class -> what a row of it has to meet; the tables within are not narrowed once more."""
    record, posting, push = (table_of(one).alias() for one in (Record, Posting, Push))
    attempt, request, hold = (table_of(one).alias() for one in (Attempt, Request, Hold))
    mine = record.c.source_id.in_(ids)

    def of_record(row: Any) -> ColumnElement[bool]:
        return exists(select(record.c.id).where(record.c.id == row.record_id, mine))

    posted = select(posting.c.id).join(record, record.c.id == posting.c.record_id)
    pushed = posted.join(push, push.c.posting_id == posting.c.id)
    tried = pushed.join(attempt, attempt.c.push_id == push.c.id)
    carried = tried.join(request, request.c.id == attempt.c.request_id)
    blocked = select(hold.c.id).join(record, record.c.id == hold.c.record_id)

    def of_run(row: Any) -> ColumnElement[bool]:
        """One that carried also what is beyond has figures of both: it is not shown."""
        its = carried.where(request.c.run_id == row.id)
        return exists(its.where(mine)) & ~exists(its.where(~mine))

    return {
        **dict.fromkeys(OF_SOURCE, lambda row: row.source_id.in_(ids)),
        **dict.fromkeys(OF_RECORD, of_record),
        **dict.fromkeys(
            OF_POSTING, lambda row: exists(posted.where(posting.c.id == row.posting_id, mine))
        ),
        **dict.fromkeys(OF_PUSH, lambda row: exists(pushed.where(push.c.id == row.push_id, mine))),
        Connection: lambda row: or_(row.side != "source", row.id.in_(ids)),
        Cause: lambda row: exists(blocked.where(hold.c.cause_id == row.id, mine)),
        Request: lambda row: exists(tried.where(attempt.c.request_id == row.id, mine)),
        Run: of_run,
        Signal: lambda _: false(),  # its records and money are of all sources
        HoldTally: lambda _: false(),  # of all sources: whoever is limited counts holds
    }


def narrowed(session: Session) -> bool:
    """Whether a session finds only a part of its company."""
    return _INFO in session.info


def within(reach: Reach, model: type[Any]) -> tuple[ColumnElement[bool], ...]:
    """The term about one class for a statement of a session that sees all; none without a limit.

    Acts are carried out in such sessions: what numbers, seals and counts must see everything.
    """
    if reach.source_ids is None:
        return ()
    return (_terms(sorted(reach.source_ids))[model](model),)


def carries_others(session: Session, request_id: int) -> bool:
    """Whether one call or file also carried documents that this session does not find."""
    reach: Reach = session.info.get(_INFO, EVERYTHING)
    if reach.source_ids is None:
        return False
    record, posting, push, attempt = map(table_of, (Record, Posting, Push, Attempt))
    beyond = (
        select(record.c.id)
        .join(posting, posting.c.record_id == record.c.id)
        .join(push, push.c.posting_id == posting.c.id)
        .join(attempt, attempt.c.push_id == push.c.id)
        .where(attempt.c.request_id == request_id, record.c.source_id.not_in(reach.source_ids))
    )
    return session.execute(beyond.limit(1)).first() is not None


def codes(session: Session, most: int) -> tuple[str, ...]:
    """The codes of the companies of this installation, the first so many."""
    return tuple(session.scalars(select(Company.code).order_by(Company.code).limit(most)))


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """The company of a page."""

    id: int
    code: str
    name: str
    zone: str
    currency: str
    revision: int
    ruleset_no: int | None
    ruleset_version_id: int | None
    live: bool
    ages_from: datetime | None
    needs_second_factor: bool


def company(session: Session, code: str) -> CompanyRow | None:
    """The company with this code; its rules in force are loaded with it, for most pages ask."""
    of_rules = RulesetVersion.id == Company.ruleset_version_id
    query = select(Company, RulesetVersion).outerjoin(RulesetVersion, of_rules)
    row = session.execute(query.where(Company.code == code), execution_options=KEPT).first()
    if row is None:
        return None
    found, rules = row.Company, row.RulesetVersion
    return CompanyRow(
        id=found.id,
        code=found.code,
        name=found.name,
        zone=found.zone,
        currency=found.currency,
        revision=found.revision,
        ruleset_no=rules.no if rules else None,
        ruleset_version_id=found.ruleset_version_id,
        live=found.live,
        ages_from=found.ages_from,
        needs_second_factor=found.needs_second_factor,
    )
