"""Unpaid invoices and bills of a target, as its list has them: by number, and of one party.

Here: which list stands, since when it is known, and its entries. Not here: reading one
(told_lists.py, list_files.py), what a payment is compared with it for (holding/onboarding,
holding/suggestions). A list is as old as it is: by it nothing may be posted that could not be else.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, or_, select
from sqlalchemy.orm import Session

from connectors.contract.schema import DocumentSchema
from grammar.text import look_alikes
from holding.code_lists import file_codes
from holding.code_lists.file_codes import FileList
from holding.code_lists.list_storage import left_of
from holding.connections.master_data import zone_of
from holding.db.models import Connection, ListedCode, ListFile, ListReading
from holding.db.models.columns import ListKind, to_minor
from holding.db.together import answer
from rules.values.spelling import match_key

A_READING: Final = timedelta(hours=1)
"""So long at most before its end a reading looked at an entry."""


@dataclass(frozen=True, slots=True)
class UnpaidList:
    """The list that stands for one kind. `read_at`: when the target told it last; None of one that
    a person gave in, which is of the day `as_of`.
    """

    connection_id: int
    kind: ListKind
    as_of: date
    read_at: datetime | None
    since: datetime
    """What happened later, it cannot know."""

    @property
    def dated(self) -> str:
        """`2026-11-20 01:30 UTC`, or `2026-11-20` of one that a person gave in."""
        return f"{self.read_at:%Y-%m-%d %H:%M} UTC" if self.read_at else self.as_of.isoformat()


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A document with what is left to pay, and whose it is."""

    number: str
    party: str
    name: str
    left: Decimal
    currency: str

    def may_be_of(self, party: str) -> bool:
        """Whether it is of a party as documents name it: by its code or by its name. One of which
        the list tells no code may be anybody's.
        """
        return party in (self.party, self.name) or not self.party

    @property
    def minor(self) -> int:
        """What is left in whole minor units."""
        return to_minor(self.left, self.currency)


def paid_by(schema: DocumentSchema) -> tuple[str, ListKind] | None:
    """The field in which a document names what it pays, and the list that is in; None of one that
    pays nothing.
    """
    return next(((one.name, ListKind(one.pays)) for one in schema.header if one.pays), None)


def standing(session: Session, connection_id: int, kind: ListKind) -> UnpaidList | None:
    """The list that stands; None where there is none, so that nothing is known."""
    row = session.execute(
        select(ListFile.as_of, ListFile.person_id, Connection.company_id, ListReading.done_at)
        .join(Connection, Connection.id == ListFile.connection_id)
        .outerjoin(
            ListReading,
            (ListReading.connection_id == ListFile.connection_id)
            & (ListReading.kind == ListFile.kind),
        )
        .where(ListFile.connection_id == connection_id, ListFile.kind == kind)
        .order_by(ListFile.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    read_at = row.done_at if row.person_id is None else None
    morning = datetime.combine(row.as_of, time(), zone_of(session, row.company_id))
    since = read_at - A_READING if read_at else morning
    return UnpaidList(connection_id, kind, row.as_of, read_at, since)


def lists(session: Session, company_id: int) -> tuple[FileList, ...]:
    """Those of the company's targets, of each its invoices first."""
    query = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    kinds = [kind for kind in ListKind if kind.unpaid]
    asked = {(key, kind) for key in session.scalars(query) for kind in kinds}
    found = answer(session, file_codes.lists(asked))
    return tuple(sorted(found, key=lambda one: (one.target, kinds.index(one.kind))))


def search(
    session: Session, one: FileList, text: str, most: int, *, names: bool
) -> tuple[Unpaid, ...]:
    """Entries with these letters in their number or, if `names`, in the name of their customer or
    supplier.
    """
    return tuple(
        Unpaid(row.sku or row.code, row.party, row.name, row.left or Decimal(0), row.currency)
        for row in file_codes.matching(session, one, text, most, names=names)
    )


def by_number(session: Session, one: UnpaidList) -> Mapping[str, Sequence[Unpaid]]:
    """All of the list, by number; of two suppliers two bills may have one."""
    found: dict[str, list[Unpaid]] = defaultdict(list)
    for row in session.scalars(_now(one)):
        told = _unpaid(row)
        found[told.number].append(told)
    return found


def of_party(
    session: Session, one: UnpaidList, party: str, number: str, most: int
) -> tuple[Unpaid, ...]:
    """Those of a customer or supplier, as documents name them: first what is spelled or looks like
    a number, then the others by number, so many in all. What has the number and no code of anybody
    is among them.
    """
    keys = {match_key(each) for each in (number, *look_alikes.forms(number))} if number else set()
    meant = or_(
        ListedCode.sku_key.in_(keys), and_(ListedCode.sku == "", ListedCode.code_key.in_(keys))
    )
    named = [ListedCode.party == party, ListedCode.name == party] if party else []
    query = _now(one, or_(*named, and_(meant, ListedCode.party == "")))
    in_order = (case((meant, 0), else_=1), ListedCode.sku, ListedCode.code)
    rows = session.scalars(query.order_by(*in_order).limit(most))
    return tuple(_unpaid(row) for row in rows)


def tells_parties(session: Session, one: UnpaidList) -> bool:
    """Whether each entry says by a code whose it is; one without entries leaves nothing open."""
    query = _now(one, ListedCode.party == "").with_only_columns(ListedCode.id)
    return session.scalar(query.limit(1)) is None


def _now(one: UnpaidList, *terms: ColumnElement[bool]) -> Select[Any]:
    return select(ListedCode).where(
        ListedCode.connection_id == one.connection_id,
        ListedCode.kind == one.kind,
        ListedCode.to_file_id.is_(None),
        *terms,
    )


def _unpaid(row: ListedCode) -> Unpaid:
    left = left_of(row) or Decimal(0)
    return Unpaid(row.sku or row.code, row.party, row.name, left, row.currency)
