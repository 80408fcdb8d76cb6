"""Limit a person's reads to the sources that their membership covers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import BindParameter, ColumnElement, bindparam, event, exists, false, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from holding.db.kept_plans import KEPT
from holding.db.models import (
    Attempt,
    Cause,
    Company,
    Connection,
    Hold,
    HoldTally,
    Posting,
    Pull,
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

_INFO: Final = "reach"

_IDS: Final = "reached_sources"

_Term = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Reach:
    """The ids of the sources whose records a person sees. None means every source."""

    source_ids: frozenset[int] | None = None

    @property
    def limited(self) -> bool:
        """Return whether anything is out of reach."""
        return self.source_ids is not None

    def has(self, source_id: int) -> bool:
        """Return whether records of this source are within reach."""
        return self.source_ids is None or source_id in self.source_ids


EVERYTHING: Final = Reach()


def of_ids(source_ids: Iterable[int]) -> Reach:
    """Return the reach for stored limits; no rows means no limit."""
    ids = frozenset(source_ids)
    return Reach(ids) if ids else EVERYTHING


def of_person(session: Session, person_id: int) -> Reach:
    """Return the reach of a person over all companies together."""
    limits = select(SourceLimit.company_id, SourceLimit.source_id)
    rows = session.execute(limits.where(SourceLimit.person_id == person_id)).all()
    if not rows:
        return EVERYTHING
    elsewhere = select(Connection.id).where(
        Connection.side == "source", Connection.company_id.not_in({row.company_id for row in rows})
    )
    return of_ids({row.source_id for row in rows}.union(session.scalars(elsewhere)))


def limit_session(session: Session, reach: Reach) -> None:
    """Limit all later queries of this session to the reach."""
    if not reach.limited:
        return
    if _INFO not in session.info:
        event.listen(session, "do_orm_execute", _narrowed)
    session.info[_INFO] = reach


def _narrowed(state: ORMExecuteState) -> None:
    """Add the limit to a select.

    The ids are parameters, so compiled statements serve every reach.
    """
    if state.is_select:
        reach: Reach = state.session.info[_INFO]
        parameters: dict[str, Any] = dict(cast("dict[str, Any]", state.parameters or {}))
        state.parameters = parameters | {_IDS: sorted(reach.source_ids or ())}
        state.statement = state.statement.options(*_options())


@cache
def _options() -> tuple[LoaderCriteriaOption, ...]:
    source_ids: BindParameter[Any] = bindparam(_IDS, expanding=True, required=True)
    return tuple(
        with_loader_criteria(model, term, include_aliases=True, track_closure_variables=False)
        for model, term in _terms(source_ids).items()
    )


def _terms(ids: Any) -> dict[type[Any], _Term]:
    """Return class -> the condition for its rows. The inner tables are not limited again."""
    record, posting, push = (table_of(model).alias() for model in (Record, Posting, Push))
    attempt, request, hold = (table_of(model).alias() for model in (Attempt, Request, Hold))
    is_reached = record.c.source_id.in_(ids)

    def of_record(row: Any) -> ColumnElement[bool]:
        return exists(select(record.c.id).where(record.c.id == row.record_id, is_reached))

    posted = select(posting.c.id).join(record, record.c.id == posting.c.record_id)
    pushed = posted.join(push, push.c.posting_id == posting.c.id)
    tried = pushed.join(attempt, attempt.c.push_id == push.c.id)
    carried = tried.join(request, request.c.id == attempt.c.request_id)
    blocked = select(hold.c.id).join(record, record.c.id == hold.c.record_id)

    def of_run(row: Any) -> ColumnElement[bool]:
        """Return the condition for runs; a run that also sent documents beyond the reach is hidden,
        because its totals include them.
        """
        its = carried.where(request.c.run_id == row.id)
        return exists(its.where(is_reached)) & ~exists(its.where(~is_reached))

    return {
        **dict.fromkeys(OF_SOURCE, lambda row: row.source_id.in_(ids)),
        Pull: lambda row: row.connection_id.in_(ids),
        **dict.fromkeys(OF_RECORD, of_record),
        **dict.fromkeys(
            OF_POSTING, lambda row: exists(posted.where(posting.c.id == row.posting_id, is_reached))
        ),
        **dict.fromkeys(
            OF_PUSH, lambda row: exists(pushed.where(push.c.id == row.push_id, is_reached))
        ),
        Connection: lambda row: or_(row.side != "source", row.id.in_(ids)),
        Cause: lambda row: exists(blocked.where(hold.c.cause_id == row.id, is_reached)),
        Request: lambda row: exists(tried.where(attempt.c.request_id == row.id, is_reached)),
        Run: of_run,
        Signal: lambda _: false(),  # its records and money are of all sources
        HoldTally: lambda _: false(),  # of all sources, so a limited person counts holds
    }


def is_limited(session: Session) -> bool:
    """Check whether a session finds only a part of its company."""
    return _INFO in session.info


def within(reach: Reach, model: type[Any]) -> tuple[ColumnElement[bool], ...]:
    """Return the condition on one class for an unlimited session; empty without a limit.

    Actions run in unlimited sessions, because numbering, sealing and counting need all rows.
    """
    if reach.source_ids is None:
        return ()
    return (_terms(sorted(reach.source_ids))[model](model),)


def carries_others(session: Session, request_id: int) -> bool:
    """Check whether one call or file also sent documents beyond the session's reach."""
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


def company_codes(session: Session, most: int) -> tuple[str, ...]:
    """Return the first codes of the companies of this installation."""
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


def load_company(session: Session, code: str) -> CompanyRow | None:
    """Return the company with this code and its rules in force, which most pages need."""
    of_rules = RulesetVersion.id == Company.ruleset_version_id
    query = select(Company, RulesetVersion).outerjoin(RulesetVersion, of_rules)
    row = session.execute(query.where(Company.code == code), execution_options=KEPT).first()
    if row is None:
        return None
    company_row, rules = row.Company, row.RulesetVersion
    return CompanyRow(
        id=company_row.id,
        code=company_row.code,
        name=company_row.name,
        zone=company_row.zone,
        currency=company_row.currency,
        revision=company_row.revision,
        ruleset_no=rules.no if rules else None,
        ruleset_version_id=company_row.ruleset_version_id,
        live=company_row.live,
        ages_from=company_row.ages_from,
        needs_second_factor=company_row.needs_second_factor,
    )
