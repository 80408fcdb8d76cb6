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
from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Company, Evaluation, LinkKey, Posting, Record, Version
from holding.intake.deliveries import family_of, later
from holding.platform.changes import locked_company, wake_relatives
from holding.programs.world import Judge, Programs

CHUNK = 2000

PAYOUT: Final = "payout"

ORDER_PAYMENT: Final = "order_payment"

WITHDRAWN: Final = "withdrawn"

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
class Current:
    """The content of a record that counts now."""

    record_id: int
    kind: str
    body: dict[str, Any]


def link(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Iterable[Current],
    former: Iterable[Current] = (),
) -> None:
    """Keep the link keys of records; known ones stay. Of former contents those that duplicate rules
    compare: a document may have gone out under them.
    """
    rows = {
        (name, value, one.record_id)
        for one in records
        for name, value in (
            *judge.link_keys(one.body, one.kind),
            *((name, value) for name, value, _ in judge.family_keys(one.body, one.kind)),
        )
        if value
    } | {
        (name, value, one.record_id)
        for one in former
        for name, value in judge.link_keys(one.body, one.kind)
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


def relate(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Sequence[Current],
    before: Mapping[int, int],
    after: Mapping[int, int],
    now: datetime,
) -> None:
    """Who belongs to whom, now that these contents count; woken are those that were and are joined.

    `before` and `after` are the families of those records that are not new.
    """
    move_families(session, {i: after[i] for i in before if after[i] != before[i]})
    wake_relatives(session, sorted(before), now)
    unlink(session, sorted(before))
    link(session, company_id, judge, records)
    wake_relatives(session, sorted(one.record_id for one in records), now)


def unlink(session: Session, record_ids: Collection[int]) -> None:
    """Forget by which values links found these records: they may have others now.

    What duplicate rules compare stays: a document may have gone out under the former value.
    """
    if record_ids:
        session.execute(
            delete(LinkKey)
            .where(bulk.among(LinkKey.record_id, record_ids))
            .where(LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True))
            .execution_options(synchronize_session=False)
        )


def move_families(session: Session, families: Mapping[int, int]) -> None:
    """Put records (by id) and their postings into another family."""
    rows = [{"id": record_id, "family": family} for record_id, family in families.items()]
    bulk.update(session, Record, rows, bump="lock")
    if rows:
        theirs = select(Record.family).where(Record.id == Posting.record_id).scalar_subquery()
        session.execute(
            update(Posting)
            .where(bulk.among(Posting.record_id, sorted(families)))
            .values(family=theirs, lock=Posting.lock + 1)
            .execution_options(synchronize_session=False)
        )


def link_all(
    database: Database, company_id: int, ruleset_version_id: int, programs: Programs
) -> None:
    """Link all records once for each ruleset version, before it judges anything.

    The company's row is locked meanwhile, so that no intake falls between two rulesets.
    """
    with database.write() as session:
        company = locked_company(session, company_id)
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
    """Link some records above an id; the last of them, or None at the end."""
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
        wanted = family_of(company_id, row.source_id, row.type, row.external_id, body, judge)
        if wanted != row.family:
            moved[row.id] = wanted
    move_families(session, moved)
    contents = [Current(row.id, row.type, row.body) for row in rows if row.body]
    link(session, company_id, judge, contents, _former(session, [row.id for row in rows]))
    return rows[-1].id if rows else None


def _former(session: Session, record_ids: Collection[int]) -> list[Current]:
    """The contents that these records had before the one that counts now."""
    query = (
        select(Record.id, Record.type, Version.body)
        .join(Version, Version.record_id == Record.id)
        .where(bulk.among(Record.id, record_ids), Version.id != Record.version_id)
        .order_by(Version.id)
    )
    return [Current(row.id, row.type, row.body) for row in session.execute(query) if row.body]


def as_records(
    session: Session, source_id: int, withdrawn: Sequence[Withdrawn], now: datetime
) -> list[IncomingRecord]:
    """The records to receive. What is not known is nothing to withdraw, and what has the word
    already is left as it is.
    """
    stamp = _said(now)
    found = []
    for one in withdrawn:
        last = _last(session, source_id, one.kind, one.external_id)
        if last is not None and last.body.get("status") != one.status:
            found.append(_withdrawn(last, one.status, stamp))
    return found


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _last(session: Session, source_id: int, kind: str, external_id: str) -> IncomingRecord | None:
    """What the source said last of a record; None where nothing is known of it."""
    return next(_told(session, source_id, kind, external_id), None)


def _told(
    session: Session, source_id: int, kind: str, external_id: str
) -> Iterator[IncomingRecord]:
    """What the source said of a record, the last first, up to what is not kept any more."""
    given = {"source": source_id, "kind": kind, "external_id": external_id, "below": MOST_VERSIONS}
    while row := session.execute(_TOLD, given).first():
        if row.body is None:
            return
        yield IncomingRecord(
            kind=kind,
            external_id=external_id,
            number=str(row.body["number"]),
            stamp=row.stamp,
            body=row.body,
        )
        given["below"] = row.no


def _withdrawn(last: IncomingRecord, status: str, stamp: str) -> IncomingRecord:
    """The same content under this word, as of that moment."""
    return replace(last, stamp=stamp, body={**last.body, "status": status, "updated_at": stamp})


def left_out(
    session: Session, source_id: int, records: Sequence[IncomingRecord], now: datetime
) -> list[IncomingRecord]:
    """What payouts paid of orders that a newer state of them has no sale of any more: a shop says
    nothing of such a payment, and it would stand as paid. One that another payout pays by now is
    that one's.

    It is withdrawn as of the moment of that state, where the shop tells one: whichever payout has
    the sale later pays it, however late either of both arrives. A state that does not name its
    sales, such as one of a file without that column, says nothing of any payment: the next that
    does is compared with the last that did.
    """
    given = {one.external_id: one for one in records if one.kind == ORDER_PAYMENT}
    states: dict[str, list[IncomingRecord]] = {}
    for one in records:
        if one.kind == PAYOUT:
            states.setdefault(one.external_id, []).append(one)
    found = []
    for key, arrived in states.items():
        newest, lost = _lost([*_before(session, source_id, key), *arrived])
        for sale in lost:
            last = _last(session, source_id, ORDER_PAYMENT, sale)
            paid = _newer(last, given.get(sale))
            mine = paid is not None and paid.body.get("payout") == newest.number
            if paid is not None and mine and paid.body.get("status") != WITHDRAWN:
                found.append(_withdrawn(paid, WITHDRAWN, newest.stamp or _said(now)))
    return found


def _lost(states: Sequence[IncomingRecord]) -> tuple[IncomingRecord, list[str]]:
    """The newest of the states of one payout, and the sales that only others of them have; none
    where the newest does not name its own.
    """
    newest, sales = states[0], set[str]()
    for one in states:
        newest = _newer(newest, one) or one
        sales |= _sales(one.body)
    return newest, sorted(sales - _sales(newest.body)) if _names_sales(newest.body) else []


def _newer(known: IncomingRecord | None, told: IncomingRecord | None) -> IncomingRecord | None:
    """Which of both counts: what is told, unless it is of an earlier moment than what is known."""
    if known is None or told is None:
        return told or known
    late = bool(known.stamp and told.stamp and later(known.stamp, told.stamp))
    return known if late else told


def _sales(body: Mapping[str, Any]) -> set[str]:
    told = [one.get("line_id") for one in _lines(body) if one.get("part") == "sale"]
    return {str(name) for name in told if name}


def _lines(body: Mapping[str, Any]) -> list[Any]:
    lines = body.get("lines")
    return lines if isinstance(lines, list) else []


def _names_sales(body: Mapping[str, Any]) -> bool:
    """Whether each line says what it is, and each sale its id."""
    parts = [(one.get("part"), one.get("line_id")) for one in _lines(body)]
    return all(part and (name or part != "sale") for part, name in parts)


def _before(session: Session, source_id: int, key: str) -> list[IncomingRecord]:
    """What was told of a payout before, the last that names its sales and all after it."""
    states = []
    for one in _told(session, source_id, PAYOUT, key):
        states.append(one)
        if _names_sales(one.body):
            break
    return states[::-1]


@dataclass(frozen=True, slots=True)
class Known:
    """Later records like one that was judged: those it does not wait for, and those it does."""

    passed: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()


def twins(
    session: Session, company_id: int, ids: Sequence[int]
) -> tuple[dict[int, dict[int, str]], dict[int, set[int]]]:
    """Of the same source, kind and number: their ids there, and who of them came later and has
    nothing posted; such a one counts only while something may come of it.
    """
    rows = session.execute(_TWINS, {"company": company_id, "ids": list(ids)})
    found: dict[int, dict[int, str]] = defaultdict(dict)
    later: dict[int, set[int]] = defaultdict(set)
    for row in sorted(rows, key=attrgetter("twin_id")):
        first = row.twin_id < row.record_id or row.sent
        if row.alike and (first or row.state not in GONE_STATES):
            found[row.record_id][row.twin_id] = row.external_id
            if not first:
                later[row.record_id].add(row.twin_id)
    return found, later


def known(session: Session, ids: Sequence[int]) -> dict[int, Known]:
    """Of records that were judged: what their last judging made of the later ones."""
    rows = session.execute(_LAST, {"ids": list(ids)}) if ids else ()
    return {
        row.record_id: Known(
            frozenset((row.facts or {}).get("passed", ())),
            frozenset((row.facts or {}).get("stopped", ())),
        )
        for row in rows
    }
