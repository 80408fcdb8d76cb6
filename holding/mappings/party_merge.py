"""Propose, make and refuse merges of two keys that belong to one party."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, Final

from sqlalchemy import Select, case, func, select, text
from sqlalchemy.orm import Session

from connectors import registry
from holding.access.actors import Actor
from holding.access.operations import once
from holding.db import bulk
from holding.db.bulk import whole_sum
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Cause,
    Connection,
    Evaluation,
    Hold,
    KeptApart,
    MappingEntry,
    MappingTable,
    Person,
    Posting,
    Record,
)
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal, Sums, added, by_key, plural
from holding.mappings import fixes
from holding.mappings.mapping_lists import Suggestion
from holding.mappings.preview import active_program
from holding.platform import row_seals
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.programs.replay import replay_each
from rules.outcomes import Outcome, Use
from rules.rulebook.coverage import Agreement, agreements

LOOKED_AT: Final = 50

AGES: Final = (30, 60, 90)  # days, up to; what is older is the last sum

SURE: Final = 99  # per cent; only another spelling of the very key is surer


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the merge would give to another party, from a day on."""

    table: str
    key: str
    since: date


@dataclass(frozen=True, slots=True)
class Owed:
    """A party's balance by age, one sum per currency.

    `ages`: up to 30, 60 and 90 days, and older.
    """

    party: str
    ages: tuple[Sums, Sums, Sums, Sums]

    @property
    def total(self) -> Sums:
        """The sum of all ages."""
        return added(self.ages)


@dataclass(frozen=True, slots=True)
class Apart:
    """The decision that two parties are different: who, why and when (ISO text)."""

    first: str
    second: str
    by: str
    reason: str
    at: str

    @property
    def refusal(self) -> Refusal:
        """The refusal of a later merge of the two."""
        message = (
            f"You cannot merge {self.first} and {self.second}, because {self.by} refused it for "
            f"good: {self.reason}."
        )
        return Refusal("merge.apart", message, "Change the keys one by one if that was wrong.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A proposal: every key of `gone` gets `keep`; `why` names how both are known.

    `rows` are the balances of each and of both. `apart` is an earlier decision against the merge.
    """

    hold_id: int
    number: str
    rule: str
    message: str
    keep: str
    gone: str
    why: tuple[Use, ...]
    keys: tuple[Key, ...]
    rows: tuple[Owed, Owed, Owed]
    apart: Apart | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge."""

    keep: str
    gone: str
    keys: int
    revision: int
    woken: int
    first: int = 0  # the revision of its first key; `revision` is that of its last
    later: bool = False  # more records may be woken than were at once


def merge_proposal(
    session: Session, company_id: int, hold_id: int, today: date, *, turned: bool = False
) -> Merge | None:
    """Return the merge that would clear an open hold, or None; `turned` swaps the two parties.

    The party on the first side of the check stays, because rules name the stronger side first.
    """
    proposals_of_hold = _proposals(session, company_id, [hold_id], today, turned=turned)
    return proposals_of_hold[0] if proposals_of_hold else None


def _proposals(
    session: Session, company_id: int, hold_ids: Sequence[int], today: date, *, turned: bool = False
) -> list[Merge]:
    """Return the proposals for these holds in order, with a constant number of queries."""
    judge = active_program(session, company_id)
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == Hold.record_id)
    query = (
        select(Hold, Record.type, last.scalar_subquery().label("last"))
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.company_id + 0 == company_id)  # by their ids, not by all of the company
        .where(bulk.among(Hold.id, hold_ids), HOLD_OPEN)
    )
    rows = session.execute(query, execution_options=KEPT).all()
    kinds = {kind for _, kind, _ in rows}
    agreements_by_kind = {kind: agreements(judge.ruleset, kind) if judge else () for kind in kinds}
    of_hold = {
        hold.id: (hold, kind, agreement, evaluation)
        for hold, kind, evaluation in rows
        for agreement in agreements_by_kind[kind]
        if agreement.check.name == hold.rule and evaluation is not None
    }
    outcomes = replay_each(session, {evaluation for *_, evaluation in of_hold.values()})
    pairs = {
        hold_id: pair[::-1] if turned else pair
        for hold_id, (_, _, agreement, evaluation) in of_hold.items()
        if (pair := _pair(outcomes[evaluation], agreement)) is not None
    }
    values = sorted({use.value for pair in pairs.values() for use in pair})
    owes = dict(zip(values, owed_by_age(session, company_id, values, today), strict=True))
    keys, apart = _keys(session, company_id, values), apart_pairs(session, company_id, values)
    return [
        _merge_of(*of_hold[hold_id][:2], pairs[hold_id], agreements_by_kind, owes, keys, apart)
        for hold_id in hold_ids
        if hold_id in pairs and all(_has_key(use, keys) for use in pairs[hold_id])
    ]


def _pair(outcome: Outcome, agreement: Agreement) -> tuple[Use, Use] | None:
    """Return how the record's party is known on each side of the check, if they differ."""
    operand_values = {
        value
        for verdict in outcome.verdicts
        if verdict.rule == agreement.check.name
        for _, value in verdict.operands
    }
    sides = [
        [use for use in outcome.used if use.table in side and use.value in operand_values]
        for side in agreement.sides
    ]
    return next(
        (
            (first, second)
            for first in sides[0]
            for second in sides[1]
            if first.value != second.value
        ),
        None,
    )


def _keys(
    session: Session, company_id: int, parties: Collection[str]
) -> Mapping[str, Sequence[Key]]:
    """Return the keys of each party."""
    rows = session.execute(
        select(MappingEntry.value, MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingEntry.to_revision.is_(None))
        .where(bulk.among(MappingEntry.value, parties))
        .order_by(MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
    )
    keys_by_party: defaultdict[str, list[Key]] = defaultdict(list)
    for party, table, key, since in rows:
        keys_by_party[party or ""].append(Key(table, key, since))
    return keys_by_party


def _merge_of(
    hold: Hold,
    kind: str,
    pair: tuple[Use, Use],
    agreements_by_kind: Mapping[str, Sequence[Agreement]],
    owes: Mapping[str, Owed],
    keys: Mapping[str, Sequence[Key]],
    apart: Mapping[tuple[str, ...], Apart],
) -> Merge:
    first, second = pair
    tables = {
        name for agreement in agreements_by_kind[kind] for side in agreement.sides for name in side
    }
    kept_owed, merged_owed = owes[first.value], owes[second.value]
    return Merge(
        hold_id=hold.id,
        number=hold.number,
        rule=hold.rule,
        message=hold.message,
        keep=first.value,
        gone=second.value,
        why=pair,
        keys=tuple(key for key in keys.get(second.value, ()) if key.table in tables),
        rows=(kept_owed, merged_owed, total_owed((kept_owed, merged_owed))),
        apart=apart.get(tuple(sorted((first.value, second.value)))),
    )


def _has_key(use: Use, keys: Mapping[str, Sequence[Key]]) -> bool:
    """Check whether the party still has this key; otherwise its record waits for evaluation."""
    return any((key.table, key.key) == (use.table, use.key) for key in keys.get(use.value, ()))


def party_checks(session: Session, company_id: int) -> frozenset[str]:
    """Return the names of current checks that find one party under two keys."""
    judge = active_program(session, company_id)
    if judge is None:
        return frozenset()
    agreements_by_kind = (agreements(judge.ruleset, kind) for kind in judge.records)
    return frozenset(
        agreement.check.name
        for kind_agreements in agreements_by_kind
        for agreement in kind_agreements
    )


def merge_proposals(session: Session, company_id: int, today: date) -> tuple[Merge, ...]:
    """Return open proposals without a refusal, each pair once, oldest hold first."""
    names = party_checks(session, company_id)
    hold_query = select(Hold.id).where(
        Hold.company_id == company_id, HOLD_OPEN, Hold.rule.in_(names)
    )
    ids = session.scalars(hold_query.order_by(Hold.opened_at, Hold.id).limit(LOOKED_AT)).all()
    by_pair: dict[frozenset[str], Merge] = {}
    for merge in _proposals(session, company_id, ids, today):
        if merge.apart is None:
            by_pair.setdefault(frozenset((merge.keep, merge.gone)), merge)
    return tuple(by_pair.values())


def accept_merge(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    *,
    today: date,
    turned: bool = False,
    rev: int,
    op: str | None = None,
) -> Merged | Refusal:
    """Give every key of one party to the other, without a call to any target."""

    def act() -> Merged | Refusal:
        merge = _lock_proposal(session, actor, hold_id, today, turned=turned)
        if isinstance(merge, Refusal):
            return merge
        if merge.apart is not None:
            return merge.apart.refusal
        return _merge(session, actor, merge, reason, now, rev)

    request = ("parties.merge", hold_id, reason, turned, rev)
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


def _lock_proposal(
    session: Session, actor: Actor, hold_id: int, today: date, *, turned: bool = False
) -> Merge | Refusal:
    """Lock the company and return the current proposal, or refuse."""
    if refusal := fixes.refuse_change(session, actor, ()):
        return refusal
    company_id = actor.company_id or 0
    lock_company(session, company_id)
    merge = merge_proposal(session, company_id, hold_id, today, turned=turned)
    if merge is None:
        message = "This proposal is over: the two parties agree, or it no longer holds the record."
        return Refusal("merge.over", message, "Look at the list again.", 409)
    return merge


def _merge(
    session: Session, actor: Actor, merge: Merge, reason: str, now: datetime, rev: int
) -> Merged | Refusal:
    """Change all keys in one transaction, or none."""

    def give(party_key: Key) -> fixes.Fixed | Refusal:
        table, key, since = party_key.table, party_key.key, party_key.since
        return fixes.fix(session, actor, table, key, merge.keep, reason, now, rev, since=since)

    saved = fixes.apply_together(session, (partial(give, party_key) for party_key in merge.keys))
    if isinstance(saved, Refusal):
        return saved
    keys = plural(len(merge.keys), "key")
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="party.merged",
        body={
            "say": f"{actor.name} merged {merge.gone} into {merge.keep}, by {keys}"
            f" ({reason.strip()}). Nothing in an accounting system was changed.",
            "keep": merge.keep,
            "gone": merge.gone,
            "keys": [f"{party_key.table}: {party_key.key}" for party_key in merge.keys],
        },
    )
    keep, merged_party, count = merge.keep, merge.gone, len(merge.keys)
    return Merged(keep, merged_party, count, saved.revision, saved.woken, saved.first, saved.later)


def _read(stored: Mapping[str, Any]) -> Merged:
    return Merged(**stored)


def refuse_merge(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    *,
    today: date,
    op: str | None = None,
) -> Apart | Refusal:
    """Record permanently that the two parties of a hold are different."""

    def act() -> Apart | Refusal:
        merge = _lock_proposal(session, actor, hold_id, today)
        if isinstance(merge, Refusal):
            return merge
        pair = merge.keep, merge.gone
        return keep_apart(session, actor, pair, merge.number, reason, now)

    request = ("parties.refuse", hold_id, reason)
    return once(session, actor, op, asked=request, now=now, act=act, read=read_apart)


def keys_named(company_id: int, text: str, most: int | None = None) -> Select[Any]:
    """Return a query for keys of customers and suppliers whose name contains the text.

    Each key is found from the previous one by the party index, because there are far more records
    than parties.
    """
    of_company = Record.company_id == company_id
    first = select(func.min(Record.party_key).label("key")).where(of_company).cte(recursive=True)
    after = (
        select(func.min(Record.party_key)).where(of_company, Record.party_key > first.c.key)
    ).scalar_subquery()
    key = first.union_all(select(after).where(first.c.key.is_not(None)))
    newest = (
        select(Record.party)
        .where(of_company, Record.party_key == key.c.key)
        .order_by(Record.seen_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(key.c.key).where(newest.icontains(text, autoescape=True)).limit(most)


def owed_by_age(
    session: Session, company_id: int, parties: Sequence[str], today: date
) -> tuple[Owed, ...]:
    """Return each party's balance by the age of its documents."""
    place = (Posting.party, Posting.connection_id, Posting.doc_type, Posting.doc_date)
    foreign = case((Posting.book.is_(None), Posting.amount))
    summed = (  # in the order of an index that has all of it: a party may have many thousands
        select(*place, Posting.currency, whole_sum(Posting.book).label("book"))
        .add_columns(whole_sum(foreign).label("amount"))
        .where(Posting.company_id == company_id, text(f"posting.{Posting.POSTED}"))
        .where(Posting.party.in_(parties))
        .group_by(*place, Posting.currency)
        .subquery()
    )
    query = select(summed, Connection.connector).join(
        Connection, Connection.id == summed.c.connection_id
    )
    rows = [
        (
            (row.party, _age(row.doc_date, today)),
            currency,
            _sign(row.connector, row.doc_type) * int(minor),
        )
        for row in session.execute(query)
        for currency, minor in (("", row.book), (row.currency, row.amount))
        if minor is not None
    ]
    sums = by_key(rows)
    return tuple(_owed(party, [sums.get((party, at), {}) for at in range(4)]) for party in parties)


def _age(day: date | None, today: date) -> int:
    days = (today - day).days if day is not None else 0
    return next((at for at, most in enumerate(AGES) if days <= most), len(AGES))


@lru_cache
def _sign(connector: str, doc_type: str) -> int:
    """Return 1 if the document raises the balance of its party, -1 if it settles some, else 0."""
    schema = registry.document(connector, doc_type)
    if schema is None or schema.books is None:
        return 0
    refers = {field.name: field.refers for field in schema.header}.get(schema.party_field)
    raises = "debit" if refers == "vendor" else "credit"
    return 1 if schema.books.side == raises else -1


def _owed(party: str, ages: Sequence[Sums]) -> Owed:
    youngest, young, old, oldest = ages
    return Owed(party, (youngest, young, old, oldest))


def total_owed(rows: Iterable[Owed]) -> Owed:
    """Return the balances of several parties as one."""
    balances = list(rows)
    return _owed("", [added(row.ages[at] for row in balances) for at in range(4)])


def other_identities(
    session: Session, company_id: int, table: str, cause_id: int
) -> tuple[Suggestion, ...]:
    """Return how the party of a missing key is known on the other side of a check."""
    return other_identities_of_keys(session, company_id, {cause_id: table}).get(cause_id, ())


def other_identities_of_keys(
    session: Session, company_id: int, causes: Mapping[int, str]
) -> dict[int, tuple[Suggestion, ...]]:
    """Return the other identities of several keys by cause; `causes` gives each key's table.

    Returns early if no check connects these tables with another table.
    """
    judge = active_program(session, company_id)
    if judge is None:
        return {}
    others = {
        (kind, table): {
            name for agreement in kind_agreements for side in agreement.sides for name in side
        }
        - {table}
        for kind in judge.records
        for table in {*causes.values()}
        if (
            kind_agreements := [
                agreement
                for agreement in agreements(judge.ruleset, kind)
                if _connects_table(agreement, table)
            ]
        )
    }
    connected_causes = [
        cause for cause, table in causes.items() if any(t == table for _, t in others)
    ]
    if not connected_causes:
        return {}
    oldest = select(func.min(Hold.id)).where(Hold.cause_id == Cause.id, HOLD_OPEN)
    first = select(oldest.correlate(Cause).scalar_subquery()).where(
        Cause.company_id == company_id, bulk.among(Cause.id, connected_causes)
    )
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == Record.id)
    rows = session.execute(
        select(Hold.cause_id, Record.type, last.scalar_subquery().label("evaluation"))
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.id.in_(first))
    ).all()
    replayed = replay_each(session, {row.evaluation for row in rows if row.evaluation is not None})
    return {
        row.cause_id: tuple(
            Suggestion(use.value, use.key, f"{use.table} says so", SURE)
            for use in dict.fromkeys(replayed[row.evaluation].used)
            if use.table in others.get((row.type, causes[row.cause_id]), ())
        )
        for row in rows
        if row.evaluation is not None
    }


def _connects_table(agreement: Agreement, table: str) -> bool:
    return any(table in side for side in agreement.sides)


def keep_apart(
    session: Session,
    actor: Actor,
    pair: tuple[str, str],
    number: str,
    reason: str,
    now: datetime,
) -> Apart | Refusal:
    """Record that two parties are different; the caller has checked permission and locked the
    company.

    `number` is the proposing hold. A reason is required, and an earlier decision stays.
    """
    company_id, (first, second) = actor.company_id or 0, sorted(pair)
    if not reason.strip():
        return Refusal(code="reason.missing", message="A refusal needs a reason.", status=422)
    if (decision := find_apart(session, company_id, first, second)) is not None:
        return decision.refusal
    row = KeptApart(
        company_id=company_id,
        first=first,
        second=second,
        person_id=actor.person_id,
        reason=reason.strip(),
        at=now,
    )
    session.add(row)
    session.flush()
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="party.kept_apart",
        body={
            "say": f"{actor.name} refused to merge {first} and {second}, proposed on {number} "
            f"({reason.strip()}). It is not proposed again.",
            "first": first,
            "second": second,
            "reason": reason.strip(),
            **row_seals.seals(session, company_id, {row_seals.APART: [row.id]}),
        },
    )
    return Apart(first, second, actor.name, reason.strip(), now.isoformat())


def find_apart(session: Session, company_id: int, party: str, other: str) -> Apart | None:
    """Return the decision about two parties, or None."""
    first, second = sorted((party, other))
    return apart_pairs(session, company_id, [first]).get((first, second))


def apart_pairs(
    session: Session, company_id: int, parties: Collection[str]
) -> dict[tuple[str, ...], Apart]:
    """Return the decisions about pairs of parties."""
    rows = session.execute(
        select(KeptApart.first, KeptApart.second, KeptApart.reason, KeptApart.at, Person.name)
        .outerjoin(Person, Person.id == KeptApart.person_id)
        .where(KeptApart.company_id == company_id, bulk.among(KeptApart.first, parties))
    )
    return {
        (row.first, row.second): Apart(
            row.first, row.second, row.name or "Clearpost", row.reason, row.at.isoformat()
        )
        for row in rows
    }


def read_apart(stored: Mapping[str, Any]) -> Apart:
    """Restore the stored answer of a form."""
    return Apart(**stored)
