"""Store a target code list as entries, each valid from one list version to another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ItemSetup
from connectors.contract.pulls import ImportedByHand
from holding.access.actors import Actor
from holding.connections import breaker, master_data
from holding.db import bulk
from holding.db.models import Connection, ListedCode, ListFile
from holding.db.models.columns import ListKind, from_minor, to_minor
from holding.db.refusal import plural
from holding.mappings.list_rows import ListRow, name_key, registration_key, tin_key
from holding.platform import row_seals, unit_changes
from holding.platform.events import record_event
from rules.values.cause_keys import match_key

A_BATCH: Final = 5_000

SHOWN_CODES: Final = 5  # of those that are gone, in the audit trail

NAMED: Final = {
    ListKind.CUSTOMER: "customer",
    ListKind.VENDOR: "supplier",
    ListKind.ITEM: "item",
    ListKind.INVOICE: "unpaid invoice",
    ListKind.BILL: "unpaid bill",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """How a list differs from the current one: new or changed rows, ids of ended entries, and the
    number of new rows.
    """

    fresh: tuple[ListRow, ...]
    over: tuple[int, ...]
    added: int

    @property
    def changed(self) -> int:
        """Number of codes with changed fields."""
        return len(self.fresh) - self.added

    @property
    def gone(self) -> int:
        """Number of codes that are no longer listed."""
        return len(self.over) - self.changed


def store_list(
    session: Session,
    actor: Actor,
    connection: Connection,
    kind: ListKind,
    name: str,
    digest: str,
    rows: Sequence[ListRow],
    *,
    as_of: date,
    now: datetime,
    difference: Difference | None = None,
) -> ListFile:
    """Store a list in place of the current one. `difference` saves the comparison, if known."""
    difference = difference or list_difference(session, connection.id, kind, rows)
    list_file = ListFile(
        company_id=connection.company_id,
        connection_id=connection.id,
        kind=kind,
        as_of=as_of,
        name=name,
        sha256=digest,
        person_id=actor.person_id,
        at=now,
        entries=len(rows),
        added=difference.added,
        changed=difference.changed,
        gone=difference.gone,
    )
    session.add(list_file)
    session.flush()
    _replace(session, list_file, difference)
    reason = f"list of items of {as_of}: {list_file.name}"
    units = store_units(session, actor, connection, rows, reason, now)
    _say(session, actor, connection.name, list_file, units)
    return list_file


def _replace(session: Session, list_file: ListFile, difference: Difference) -> None:
    """End removed and changed entries, and insert the new ones."""
    for start in range(0, len(difference.over), A_BATCH):
        ended = bulk.among(ListedCode.id, difference.over[start : start + A_BATCH])
        session.execute(
            update(ListedCode)
            .where(ended)
            .values(to_file_id=list_file.id)
            .execution_options(synchronize_session=False)
        )
    for start in range(0, len(difference.fresh), A_BATCH):
        some = difference.fresh[start : start + A_BATCH]
        bulk.insert_rows(session, ListedCode, [_stored(list_file, row) for row in some])


def _stored(list_file: ListFile, row: ListRow) -> dict[str, object]:
    return {
        "connection_id": list_file.connection_id,
        "kind": str(list_file.kind),
        "code": row.code,
        "name": row.name,
        "tin": row.tin,
        "registration": row.registration,
        "active": row.active,
        "sku": row.sku,
        "sku_key": name_key(row.sku),
        "party": row.party,
        "left_minor": None if row.left is None else to_minor(row.left, row.currency),
        "currency": row.currency,
        "code_key": match_key(row.code),
        "name_key": name_key(row.name),
        "tin_key": tin_key(row.tin),
        "registration_key": registration_key(row.registration),
        "from_file_id": list_file.id,
    }


def _say(session: Session, actor: Actor, target: str, list_file: ListFile, units: int) -> None:
    noun = NAMED[list_file.kind]
    keys = {key: [list_file.id] for key in (row_seals.LIST, row_seals.CODES, row_seals.ENDED)}
    counted = f" It tells the units of {plural(units, 'item')}." if units else ""
    gone_text = f" Gone: {', '.join(gone_codes(session, list_file))}." if list_file.gone else ""
    entries = plural(list_file.entries, "entry", "entries")
    added, changed = list_file.added, list_file.changed
    say = (
        f"{actor.name} gave in the list of {noun}s of {target} of {list_file.as_of},"
        f" {list_file.name}: {entries}; {added} added, {changed} changed, {list_file.gone} gone."
    )
    if list_file.person_id is None:
        say = (
            f"{target} told its {noun}s: {entries};"
            f" {added} added, {changed} changed, {list_file.gone} gone."
        )
    record_event(
        session,
        company_id=list_file.company_id,
        at=list_file.at,
        actor=actor,
        act="list.given" if list_file.person_id is not None else "list.told",
        body={
            "say": f"{say}{gone_text}{counted}",
            "target": target,
            "kind": str(list_file.kind),
            "as_of": list_file.as_of.isoformat(),
            "sha256": list_file.sha256,
            **row_seals.seals(session, list_file.company_id, keys),
        },
    )


def list_difference(
    session: Session, connection_id: int, kind: ListKind, rows: Sequence[ListRow]
) -> Difference:
    """Return what storing these rows would change."""
    query = select(
        ListedCode.id,
        ListedCode.code,
        ListedCode.name,
        ListedCode.tin,
        ListedCode.registration,
        ListedCode.active,
        ListedCode.sku,
        ListedCode.party,
        ListedCode.left_minor,
        ListedCode.currency,
    ).where(
        ListedCode.connection_id == connection_id,
        ListedCode.kind == kind,
        ListedCode.to_file_id.is_(None),
    )
    live: Mapping[str, tuple[int, ListRow]] = {
        entry.code: (entry.id, row_of(entry)) for entry in session.execute(query)
    }
    rows_by_code = {row.code: row for row in rows}
    fresh = [row for code, row in rows_by_code.items() if code not in live or live[code][1] != row]
    over = [key for code, (key, row) in live.items() if rows_by_code.get(code) != row]
    return Difference(tuple(fresh), tuple(over), sum(row.code not in live for row in fresh))


def with_stored_numbers(
    session: Session, connection_id: int, kind: ListKind, rows: Sequence[ListRow]
) -> tuple[ListRow, ...]:
    """Return the rows with stored TINs or registration numbers, if the target reports none at all.

    A user uploaded them, and the target did not report their removal.
    """
    untold = [
        field_name
        for field_name in ("tin", "registration")
        if not any(getattr(r, field_name) for r in rows)
    ]
    query = select(ListedCode.code, ListedCode.tin, ListedCode.registration).where(
        ListedCode.connection_id == connection_id,
        ListedCode.kind == kind,
        ListedCode.to_file_id.is_(None),
    )
    stored_numbers = {entry.code: entry for entry in session.execute(query)} if untold else {}
    return tuple(
        replace(row, **{name: getattr(stored_numbers[row.code], name) for name in untold})
        if row.code in stored_numbers
        else row
        for row in rows
    )


def missing_codes(
    session: Session, connection_id: int, kind: ListKind, rows: Sequence[ListRow]
) -> tuple[str, ...]:
    """Return the current codes that are not among these rows, in order."""
    query = select(ListedCode.code).where(
        ListedCode.connection_id == connection_id,
        ListedCode.kind == kind,
        ListedCode.to_file_id.is_(None),
    )
    listed_codes = {row.code for row in rows}
    return tuple(sorted(code for code in session.scalars(query) if code not in listed_codes))


def gone_codes(session: Session, list_file: ListFile) -> tuple[str, ...]:
    """Return the first codes that a list removed; for unpaid documents their numbers."""
    begun = select(ListedCode.code).where(ListedCode.from_file_id == list_file.id)
    query = select(ListedCode.code, ListedCode.sku).where(
        ListedCode.to_file_id == list_file.id, ListedCode.code.not_in(begun)
    )
    rows = session.execute(query.order_by(ListedCode.code).limit(SHOWN_CODES))
    return tuple((list_file.kind.unpaid and row.sku) or row.code for row in rows)


def row_of(entry: Any) -> ListRow:
    """Return a stored entry as a list row."""
    return ListRow(
        code=entry.code,
        name=entry.name,
        tin=entry.tin,
        registration=entry.registration,
        active=entry.active,
        sku=entry.sku,
        party=entry.party,
        left=left_of(entry),
        currency=entry.currency,
    )


def left_of(entry: Any) -> Decimal | None:
    """Return the amount left to pay of a stored entry."""
    return None if entry.left_minor is None else from_minor(entry.left_minor, entry.currency)


def in_book_units(rows: Sequence[ListRow], home: str) -> tuple[ListRow, ...]:
    """Return the rows with amounts in whole minor units, in `home` without a currency; paid rows
    are dropped.
    """
    rounded_rows = (
        row if row.left is None else _round_amount_left(row, row.left, home) for row in rows
    )
    return tuple(row for row in rounded_rows if row.left is None or row.left > 0)


def _round_amount_left(row: ListRow, amount_left: Decimal, home: str) -> ListRow:
    """Return the row with its amount left in whole minor units, in `home` without a currency."""
    currency = row.currency or home
    return replace(
        row, left=from_minor(to_minor(amount_left, currency), currency), currency=currency
    )


def store_units(
    session: Session,
    actor: Actor,
    connection: Connection,
    rows: Sequence[ListRow],
    reason: str,
    now: datetime,
) -> int:
    """Store the units of these items, remove other items' units, and return how many items have
    units.

    Records that wait for the target are evaluated again on a change. A list without units changes
    nothing.
    """
    if not isinstance(registry.targets().get(connection.connector), ImportedByHand):
        return 0
    setups = {
        row.code: ItemSetup(row.units[0][0], {unit: (num, den) for unit, num, den in row.units[1:]})
        for row in rows
        if row.units
    }
    if not setups:
        return 0
    breaker.locked(session, connection.id)  # a reading and an upload may run together
    before = master_data.known_items(session, connection.id)
    no_setups: dict[str, ItemSetup | None] = dict.fromkeys(before)
    unit_changes.log_unit_changes(session, connection, before, no_setups | setups, now)
    items = {code: master_data.body_of(setup) for code, setup in setups.items()}
    master_data.keep_kinds(
        session,
        connection,
        {master_data.ITEM: items},
        person=actor.person_id,
        now=now,
        reason=reason,
    )
    return len(setups)
