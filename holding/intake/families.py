"""Link records that share key values, group them into families, and find duplicates and
withdrawals.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from connectors.contract import IncomingRecord
from connectors.contract.pulls import Withdrawn
from grammar.text.finding_codes import INTAKE_FAULTS
from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Company, Evaluation, LinkKey, Posting, Record, Version
from holding.intake.deliveries import family_of, is_later
from holding.platform.changes import lock_company, wake_relatives
from holding.programs.world import Judge, Programs

CHUNK = 2000

PAYOUT: Final = "payout"

ORDER_PAYMENT: Final = "order_payment"

WITHDRAWN: Final = "withdrawn"

REFUND: Final = "refund"

REFUND_IDS: Final = "refund_ids"
"""The field of an order that lists its refunds, from a shop that can delete them."""

DELETED: Final = "deleted"

MOST_VERSIONS: Final = 2**31 - 1

_TOLD = (
    select(Version.no, Version.body, Version.stamp)
    .join(Record, Record.id == Version.record_id)
    .where(Record.source_id == bindparam("source"), Record.type == bindparam("kind"))
    .where(Record.external_id == bindparam("external_id"))
    .where(Version.corrects_id.is_(None), Version.stale.is_(False))
    .where(Version.no < bindparam("below"))
    .order_by(Version.no.desc())
    .limit(1)
)

GONE_STATES = ("dropped", "ignored")

_mine = aliased(Record)

_gone = select(Posting.id).where(Posting.record_id == Record.id, Posting.sent_at.is_not(None))

# Told, not asked for: PostgreSQL would go through all records of a source instead of a number.
_alike = and_(Record.source_id == _mine.source_id, Record.type == _mine.type)

_TWINS = (
    select(
        _mine.id.label("record_id"),
        Record.id.label("twin_id"),
        Record.external_id,
        Record.state,
        _alike.label("alike"),
        _gone.exists().label("sent"),
    )
    .join(_mine, and_(_mine.number == Record.number, _mine.company_id == Record.company_id))
    .where(_mine.company_id == bindparam("company"), bulk.among_given(_mine.id, "ids"))
    .where(Record.id != _mine.id)
)

_newest = select(func.max(Evaluation.id)).where(bulk.among_given(Evaluation.record_id, "ids"))

_LAST = select(Evaluation.record_id, Evaluation.facts).where(
    Evaluation.id.in_(_newest.group_by(Evaluation.record_id))
)


@dataclass(frozen=True, slots=True)
class CurrentContent:
    """The current content of a record."""

    record_id: int
    kind: str
    body: dict[str, Any]


def add_link_keys(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Iterable[CurrentContent],
    former: Iterable[CurrentContent] = (),
) -> None:
    """Store the keys that link these records to others; existing keys stay.

    `former` are earlier contents of the records. Only their keys for duplicate rules are stored,
    because a document may have been posted under them.
    """
    rows = {
        (name, value, content.record_id)
        for content in records
        for name, value in (
            *judge.link_keys(content.body, content.kind),
            *((name, value) for name, value, _ in judge.family_keys(content.body, content.kind)),
        )
        if value
    } | {
        (name, value, content.record_id)
        for content in former
        for name, value in judge.link_keys(content.body, content.kind)
        if value
    }
    bulk.insert_rows(
        session,
        LinkKey,
        [
            {"company_id": company_id, "name": name, "value": value, "record_id": record_id}
            for name, value, record_id in sorted(rows)
        ],
        ignore=True,
    )


def update_families(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Sequence[CurrentContent],
    families: Mapping[int, tuple[int, int]],
    now: datetime,
) -> None:
    """Update families and link keys for new contents, and wake the records joined before and after.

    `families`: the family before and after of each record that is not new.
    """
    move_families(session, {i: new for i, (old, new) in families.items() if new != old})
    wake_relatives(session, sorted(families), now)
    remove_link_keys(session, sorted(families))
    add_link_keys(session, company_id, judge, records)
    wake_relatives(session, sorted(content.record_id for content in records), now)


def remove_link_keys(session: Session, record_ids: Collection[int]) -> None:
    """Remove the keys by which links join these records.

    Keys that duplicate rules compare stay, because a document may have been posted under them.
    """
    if record_ids:
        session.execute(
            delete(LinkKey)
            .where(bulk.among(LinkKey.record_id, record_ids))
            .where(LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True))
            .execution_options(synchronize_session=False)
        )


def move_families(session: Session, families: Mapping[int, int]) -> None:
    """Move records (by id) and their postings to another family."""
    rows = [{"id": record_id, "family": family} for record_id, family in families.items()]
    bulk.update(session, Record, rows, bump="lock")
    if rows:
        record_family = (
            select(Record.family).where(Record.id == Posting.record_id).scalar_subquery()
        )
        session.execute(
            update(Posting)
            .where(bulk.among(Posting.record_id, sorted(families)))
            .values(family=record_family, lock=Posting.lock + 1)
            .execution_options(synchronize_session=False)
        )


def link_all(
    database: Database, company_id: int, ruleset_version_id: int, programs: Programs
) -> None:
    """Link all records once for each rule version, before it evaluates anything.

    The company's row stays locked, so that no delivery falls between two rule versions.
    """
    with database.write() as session:
        company = lock_company(session, company_id)
        if company.linked_version_id == ruleset_version_id:
            return
        judge = programs(session, ruleset_version_id)
        after: int | None = 0
        while after is not None:
            after = _link_chunk(session, company_id, judge, after)
        session.execute(
            update(Company)
            .where(Company.id == company_id)
            .values(linked_version_id=ruleset_version_id)
        )


def _link_chunk(session: Session, company_id: int, judge: Judge, after: int) -> int | None:
    """Link some records above an id; return the last id, or None at the end."""
    query = (
        select(
            Record.id,
            Record.type,
            Version.body,
            Record.family,
            Record.source_id,
            Record.external_id,
        )
        .join(Version, Version.id == Record.version_id)
        .where(Record.company_id == company_id, Record.id > after)
        .order_by(Record.id)
        .limit(CHUNK)
    )
    rows = session.execute(query).all()
    moved: dict[int, int] = {}
    for row in rows:
        body = row.body or {}
        family = family_of(company_id, row.source_id, row.type, row.external_id, body, judge)
        if family != row.family:
            moved[row.id] = family
    move_families(session, moved)
    contents = [CurrentContent(row.id, row.type, row.body) for row in rows if row.body]
    # A document may have been sent under former values, so duplicates are searched there too.
    add_link_keys(session, company_id, judge, contents, _former(session, [row.id for row in rows]))
    return rows[-1].id if rows else None


def _former(session: Session, record_ids: Collection[int]) -> list[CurrentContent]:
    """Return the former contents of these records."""
    query = (
        select(Record.id, Record.type, Version.body)
        .join(Version, Version.record_id == Record.id)
        .where(bulk.among(Record.id, record_ids), Version.id != Record.version_id)
        .order_by(Version.id)
    )
    return [
        CurrentContent(row.id, row.type, row.body) for row in session.execute(query) if row.body
    ]


def withdrawn_records(
    session: Session, source_id: int, withdrawn: Sequence[Withdrawn], now: datetime
) -> list[IncomingRecord]:
    """Return the withdrawals as records to receive.

    Unknown records and those already withdrawn are left out.
    """
    # A deletion names no time. The time of arrival makes an earlier change that arrives later
    # stale.
    stamp = _said(now)
    records = []
    for withdrawal in withdrawn:
        last = _last(session, source_id, withdrawal.kind, withdrawal.external_id)
        if last is not None and last.body.get("status") != withdrawal.status:
            records.append(_withdrawn(last, withdrawal.status, stamp))
    return records


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _last(session: Session, source_id: int, kind: str, external_id: str) -> IncomingRecord | None:
    """Return the source's last content of a record, or None."""
    return next(_told(session, source_id, kind, external_id), None)


def _told(
    session: Session, source_id: int, kind: str, external_id: str
) -> Iterator[IncomingRecord]:
    """Yield the source's contents of a record, newest first, until one was deleted."""
    parameters = {
        "source": source_id,
        "kind": kind,
        "external_id": external_id,
        "below": MOST_VERSIONS,
    }
    while row := session.execute(_TOLD, parameters).first():
        if row.body is None:
            return
        yield IncomingRecord(
            kind=kind,
            external_id=external_id,
            number=str(row.body["number"]),
            stamp=row.stamp,
            body=row.body,
        )
        parameters["below"] = row.no


def _withdrawn(last: IncomingRecord, status: str, stamp: str) -> IncomingRecord:
    """Return the content with this status and change stamp."""
    return replace(last, stamp=stamp, body={**last.body, "status": status, "updated_at": stamp})


def omitted_records(
    session: Session, source_id: int, records: Sequence[IncomingRecord], now: datetime
) -> list[IncomingRecord]:
    """Return withdrawals of order payments whose sale is missing in a newer state of the payout,
    and of refunds that a newer state of their order does not list.

    Shops do not report such removals. A sale that another payout contains now is not withdrawn. The
    withdrawal has the change stamp of the payout's state, so a later payout can pay the sale again
    in any arrival order. A state that does not name its sales, such as a file without that column,
    withdraws nothing.
    """
    listing = [record for record in records if REFUND_IDS in record.body]
    payments = {record.external_id: record for record in records if record.kind == ORDER_PAYMENT}
    states: dict[str, list[IncomingRecord]] = {}
    for record in records:
        if record.kind == PAYOUT:
            states.setdefault(record.external_id, []).append(record)
    withdrawals = _omitted_refunds(session, source_id, listing, now) if listing else []
    for key, arrived in states.items():
        newest, lost_sales = _lost([*_before(session, source_id, key), *arrived])
        for sale in lost_sales:
            last = _last(session, source_id, ORDER_PAYMENT, sale)
            payment = _newer(last, payments.get(sale))
            is_of_payout = payment is not None and payment.body.get("payout") == newest.number
            if payment is not None and is_of_payout and payment.body.get("status") != WITHDRAWN:
                withdrawals.append(_withdrawn(payment, WITHDRAWN, newest.stamp or _said(now)))
    return withdrawals


def _omitted_refunds(
    session: Session, source_id: int, orders: Sequence[IncomingRecord], now: datetime
) -> list[IncomingRecord]:
    """Return withdrawals of the refunds that only older states of these orders list."""
    withdrawals = []
    for order in orders:
        before = _last(session, source_id, order.kind, order.external_id)
        if before is None or _newer(before, order) is before:
            continue
        for key in sorted(_refund_ids(before) - _refund_ids(order)):
            refund = _last(session, source_id, REFUND, key)
            is_of_order = refund is not None and refund.body.get("order_id") == order.external_id
            if refund is not None and is_of_order and refund.body.get("status") != DELETED:
                withdrawals.append(_withdrawn(refund, DELETED, order.stamp or _said(now)))
    return withdrawals


def _refund_ids(order: IncomingRecord) -> set[str]:
    return set(str(order.body.get(REFUND_IDS, "")).split(", ")) - {""}


def _lost(states: Sequence[IncomingRecord]) -> tuple[IncomingRecord, list[str]]:
    """Return the newest state of a payout and the sales that only older states have.

    No sales are returned if the newest state does not name its own.
    """
    newest, sales = states[0], set[str]()
    for state in states:
        newest = _newer(newest, state) or state
        sales |= _sales(state.body)
    return newest, sorted(sales - _sales(newest.body)) if _names_sales(newest.body) else []


def _newer(
    first_state: IncomingRecord | None, second_state: IncomingRecord | None
) -> IncomingRecord | None:
    """Return the newer of two states; the second one unless its stamp is earlier."""
    if first_state is None or second_state is None:
        return second_state or first_state
    is_late = bool(
        first_state.stamp and second_state.stamp and is_later(first_state.stamp, second_state.stamp)
    )
    return first_state if is_late else second_state


def _sales(body: Mapping[str, Any]) -> set[str]:
    line_ids = [line.get("line_id") for line in _lines(body) if line.get("part") == "sale"]
    return {str(name) for name in line_ids if name}


def _lines(body: Mapping[str, Any]) -> list[Any]:
    lines = body.get("lines")
    return lines if isinstance(lines, list) else []


def _names_sales(body: Mapping[str, Any]) -> bool:
    """Check whether each line has its part and each sale its id. A state with unreadable values
    may miss a sale that the payout has.
    """
    if body.get(INTAKE_FAULTS):
        return False
    parts = [(line.get("part"), line.get("line_id")) for line in _lines(body)]
    return all(part and (name or part != "sale") for part, name in parts)


def _before(session: Session, source_id: int, key: str) -> list[IncomingRecord]:
    """Return the earlier states of a payout, from the last one that names its sales."""
    states = []
    for state in _told(session, source_id, PAYOUT, key):
        states.append(state)
        if _names_sales(state.body):
            break
    return states[::-1]


@dataclass(frozen=True, slots=True)
class SimilarRecords:
    """Later similar records: those that the record does not wait for, and those that stop it."""

    passed: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()


def find_twins(
    session: Session, company_id: int, ids: Sequence[int]
) -> tuple[dict[int, dict[int, str]], dict[int, set[int]]]:
    """Return the ids of twins (same source, kind and number) by record, and which came later
    unposted.

    A later twin counts only while it may still be posted.
    """
    rows = session.execute(_TWINS, {"company": company_id, "ids": list(ids)})
    twins: dict[int, dict[int, str]] = defaultdict(dict)
    later_twins: dict[int, set[int]] = defaultdict(set)
    for row in sorted(rows, key=attrgetter("twin_id")):
        is_first = row.twin_id < row.record_id or row.sent
        if row.alike and (is_first or row.state not in GONE_STATES):
            twins[row.record_id][row.twin_id] = row.external_id
            if not is_first:
                later_twins[row.record_id].add(row.twin_id)
    return twins, later_twins


def load_similar_records(session: Session, ids: Sequence[int]) -> dict[int, SimilarRecords]:
    """Return how each record's last evaluation treated the later similar records."""
    rows = session.execute(_LAST, {"ids": list(ids)}) if ids else ()
    return {
        row.record_id: SimilarRecords(
            frozenset((row.facts or {}).get("passed", ())),
            frozenset((row.facts or {}).get("stopped", ())),
        )
        for row in rows
    }
