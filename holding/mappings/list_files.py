"""Store uploaded target code lists, and list their origin, age and changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from connectors.kit.workbook import Written
from holding.access.actors import Actor, may
from holding.db.kept_plans import KEPT
from holding.db.models import Company, Connection, ListedCode, ListFile, Person
from holding.db.models.columns import ListKind
from holding.db.refusal import Refusal, plural
from holding.mappings import list_storage
from holding.mappings.list_rows import ListRow
from holding.platform.changes import lock_company

ACT: Final = "mapping.fix"
_HEADS: Final = ("Change", "Code", "Name", "TIN", "Registration number", "Active", "SKU")
_OF_UNPAID: Final = ("Change", "Number", "Name", "Party", "Left to pay", "Before", "Currency", "ID")


@dataclass(frozen=True, slots=True)
class ListStanding:
    """A current list: its target, kind, file, day and uploader.

    A flag marks a list reported by the target, without an uploaded file.
    """

    file_id: int
    connection_id: int
    target: str
    kind: ListKind
    as_of: date
    file_name: str
    by: str
    at: datetime
    entries: int
    added: int
    changed: int
    gone: int
    told: bool = False

    def age(self, today: date) -> str:
        """Return the age as text, such as `3 days old`."""
        days = (today - self.as_of).days
        return "of today" if days <= 0 else f"{plural(days, 'day')} old"


@dataclass(frozen=True, slots=True)
class ChangedCode:
    """An entry that a file added, changed (`before` is the earlier row) or removed."""

    what: str
    row: ListRow
    before: ListRow | None = None


def submit_list(
    session: Session,
    actor: Actor,
    target: str,
    kind: ListKind,
    name: str,
    raw: bytes,
    rows: tuple[ListRow, ...] | Refusal,
    *,
    as_of: date,
    today: date,
    now: datetime,
) -> ListStanding | Refusal:
    """Store an uploaded list for a day. A repeated upload of a file for its day is refused.

    A list replaces the one before, so an earlier day is refused. `rows` is the result of
    `list_rows.read_list`, which runs before the company is locked.
    """
    company_id = actor.company_id or 0
    if refusal := may(actor, ACT):
        return refusal
    lock_company(session, company_id)  # one list after the other
    connection = session.scalar(
        select(Connection).where(
            Connection.company_id == company_id,
            Connection.name == target,
            Connection.side == "target",
        )
    )
    if connection is None:
        hint = "Select one of the accounting systems that are connected."
        return Refusal("list.target", "There is no such accounting system.", hint, 422)
    before = _newest(session, connection.id, kind)
    if refusal := _unfit_day(before, as_of, today):
        return refusal
    if isinstance(rows, Refusal):
        return rows
    rows = list_storage.in_book_units(rows, session.get_one(Company, company_id).currency)
    digest = sha256(raw).hexdigest()
    if before is not None and (before.sha256, before.as_of) == (digest, as_of):
        message = f"This is the list of {as_of} that is in use already: {before.name}."
        return Refusal("list.same", message, "Nothing was changed.")
    list_file = list_storage.store_list(
        session, actor, connection, kind, _shown(name), digest, rows, as_of=as_of, now=now
    )
    return next(
        standing
        for standing in current_lists(session, company_id)
        if standing.file_id == list_file.id
    )


def current_lists(session: Session, company_id: int) -> tuple[ListStanding, ...]:
    """Return the current lists by target and kind."""
    newest = (
        select(func.max(ListFile.id))
        .where(ListFile.company_id == company_id)
        .group_by(ListFile.connection_id, ListFile.kind)
    )
    return _standings(session, ListFile.id.in_(newest))


def list_uploads(session: Session, company_id: int, most: int = 20) -> tuple[ListStanding, ...]:
    """Return the newest stored lists, newest first."""
    lists = _standings(session, ListFile.company_id == company_id)
    return tuple(sorted(lists, key=lambda standing: -standing.file_id)[:most])


def file_changes(
    session: Session, company_id: int, file_id: int, most: int
) -> tuple[ListStanding, tuple[ChangedCode, ...]] | None:
    """Return a file with the first entries that it changed, by code, or None."""
    terms = ListFile.company_id == company_id, ListFile.id == file_id
    file = next(iter(_standings(session, *terms)), None)
    if file is None:
        return None
    of_file = or_(ListedCode.from_file_id == file_id, ListedCode.to_file_id == file_id)
    query = select(ListedCode).where(of_file).order_by(ListedCode.code).limit(2 * most)
    pairs: dict[str, dict[bool, ListRow]] = {}
    for code in session.scalars(query):
        pairs.setdefault(code.code, {})[code.from_file_id == file_id] = list_storage.row_of(code)
    changed_codes = (
        ChangedCode("Changed", pair[True], pair[False])
        if len(pair) == 2
        else ChangedCode("Added" if True in pair else "Gone", next(iter(pair.values())))
        for pair in pairs.values()
    )
    return file, tuple(changed_codes)[:most]


def change_rows(
    changes: Iterable[ChangedCode], *, personal: bool, unpaid: bool = False
) -> list[list[Written]]:
    """Return the changes as rows of a file.

    Names and numbers of parties need `personal`. `unpaid`: the list has documents with an amount
    left to pay.
    """
    if unpaid:
        return [list(_OF_UNPAID), *(_unpaid_row(change, personal=personal) for change in changes)]
    rows: list[list[Written]] = [list(_HEADS)]
    for change in changes:
        row = change.row
        name_and_numbers = (row.name, row.tin, row.registration) if personal else ("", "", "")
        rows.append(
            [change.what, row.code, *name_and_numbers, "yes" if row.active else "no", row.sku]
        )
    return rows


def _unpaid_row(change: ChangedCode, *, personal: bool) -> list[Written]:
    row, before = change.row, change.before.left if change.before else None
    name = row.name if personal else ""
    number = row.sku or row.code
    code = row.code if row.sku and personal else ""
    return [change.what, number, name, row.party, row.left, before, row.currency, code]


def _standings(session: Session, *terms: ColumnElement[bool]) -> tuple[ListStanding, ...]:
    rows = session.execute(
        select(ListFile, Connection.name, Person.name.label("person"))
        .join(Connection, Connection.id == ListFile.connection_id)
        .outerjoin(Person, Person.id == ListFile.person_id)
        .where(*terms)
        .order_by(Connection.name, ListFile.kind, ListFile.id),
        execution_options=KEPT,
    )
    return tuple(
        ListStanding(
            file_id=file.id,
            connection_id=file.connection_id,
            target=target,
            kind=file.kind,
            as_of=file.as_of,
            file_name=file.name,
            by=person or "Clearpost",
            at=file.at,
            entries=file.entries,
            added=file.added,
            changed=file.changed,
            gone=file.gone,
            told=file.person_id is None,
        )
        for file, target, person in rows
    )


def _newest(session: Session, connection_id: int, kind: ListKind) -> ListFile | None:
    query = select(ListFile).where(ListFile.connection_id == connection_id, ListFile.kind == kind)
    return session.scalars(query.order_by(ListFile.id.desc()).limit(1)).first()


def _unfit_day(before: ListFile | None, as_of: date, today: date) -> Refusal | None:
    if as_of > today:
        message = f"The list cannot be of {as_of}, because that day has not come."
        return Refusal("list.day", message, "Give the day on which it was exported.", 422)
    if before is not None and as_of < before.as_of:
        message = f"A list of {before.as_of} is in use already ({before.name})."
        return Refusal("list.day", message, "Give in a list of that day or later.", 422)
    return None


def _shown(name: str) -> str:
    return "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())[:200]
