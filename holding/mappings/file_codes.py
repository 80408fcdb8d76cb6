"""Search the target code lists that users uploaded."""

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, or_, select, union
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.schema import DocumentSchema
from grammar.text import characters
from holding.connections.master_data import zone_of
from holding.db import bulk, kept_plans
from holding.db.models import Connection, ListedCode, ListFile, ListReading
from holding.db.models.columns import ListKind, to_minor
from holding.mappings.list_rows import name_keys, registration_key, tin_key
from holding.mappings.list_storage import left_of
from rules.values.cause_keys import match_key

LOOKING_LIKE: Final = 2
"""How many lookalike codes a search adds."""

A_READING: Final = timedelta(hours=1)
"""Longest time between a reading's look at an entry and its end."""

KEPT: Final = 12
"""How many lists a process caches; each takes about ten MB at a hundred thousand entries."""

_END: Final = "\n"  # stands in no key: those have letters and digits alone

_Word = tuple[int, datetime, str]


@dataclass(frozen=True, slots=True)
class Column:
    """The sorted keys of a list, each after a line end, with the entry of each."""

    text: str
    starts: Sequence[int]
    ids: Sequence[int]

    def begins(self, letters: str) -> Iterator[int]:
        """Yield entries whose key starts with the letters, in order."""
        return self._matching_ids(_END + letters)

    def has(self, letters: str) -> Iterator[int]:
        """Yield entries whose key contains the letters, in order."""
        return self._matching_ids(letters)

    def _matching_ids(self, substring: str) -> Iterator[int]:
        at = self.text.find(substring)
        while at >= 0:
            row = bisect_right(self.starts, at) - 1
            yield self.ids[row]
            behind = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
            at = self.text.find(substring, behind)


@dataclass(frozen=True, slots=True)
class ListTexts:
    """A current list: codes, SKUs and names in comparable form.

    The code of an unpaid document is its number, not the target's id.
    """

    codes: Column
    skus: Column
    names: Column

    def matching(self, letters: str, most: int, *, names: bool = True) -> list[int]:
        """Return entries by prefix of code, SKU or name, then those that contain the letters.

        Without `names`, names are not searched.
        """
        entry_ids: dict[int, None] = {}
        searches = (
            self.codes.begins(letters),
            self.skus.begins(letters),
            self.names.begins(letters) if names else (),
            self.names.has(letters) if names else (),
            self.codes.has(letters),
            self.skus.has(letters),
        )
        for matches in searches:
            for key in matches:
                entry_ids[key] = None
                if len(entry_ids) >= most:
                    return list(entry_ids)
        return list(entry_ids)


_texts_by_engine: WeakKeyDictionary[Engine, OrderedDict[_Word, ListTexts]] = WeakKeyDictionary()

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class FileList:
    """A target's current list of one kind; `by_id` means its codes are ids assigned by the
    target.
    """

    connection_id: int
    target: str
    kind: ListKind
    as_of: date
    name: str
    by_id: bool = False


@dataclass(frozen=True, slots=True)
class FileCode:
    """One entry of a target's list: a customer, supplier, item or unpaid document.

    `tin` and `registration` belong to a party. An unpaid document has its `party`, the amount
    `left` to pay, and its `currency`.
    """

    code: str
    name: str
    tin: str
    registration: str
    active: bool
    sku: str = ""
    party: str = ""
    left: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a source contains about a party or an item: key, name and numbers.

    Only a party's fields are personal data.
    """

    key: str
    name: str = ""
    tin: str = ""
    registration: str = ""
    of_party: bool = True


def file_lists(
    session: Session, targets_and_kinds: Collection[tuple[int, ListKind]]
) -> tuple[FileList, ...]:
    """Return the lists that exist for these targets and kinds."""
    if not targets_and_kinds:
        return ()
    newest = (
        select(func.max(ListFile.id))
        .where(bulk.among(ListFile.connection_id, sorted({key for key, _ in targets_and_kinds})))
        .group_by(ListFile.connection_id, ListFile.kind)
    )
    rows = session.execute(
        select(
            ListFile.connection_id,
            Connection.name.label("target"),
            ListFile.kind,
            ListFile.as_of,
            ListFile.name,
            Connection.connector,
        )
        .join(Connection, Connection.id == ListFile.connection_id)
        .where(ListFile.id.in_(newest))
        .order_by(Connection.name, ListFile.kind),
        execution_options=kept_plans.KEPT,
    )
    return tuple(
        FileList(
            connection_id=row.connection_id,
            target=row.target,
            kind=row.kind,
            as_of=row.as_of,
            name=row.name,
            by_id=_by_id(row.connector),
        )
        for row in rows
        if (row.connection_id, row.kind) in targets_and_kinds
    )


def _by_id(connector: str) -> bool:
    form = registry.form_of("target", connector)
    return form is not None and form.tells is not None and form.tells.by_id


def search_codes(
    session: Session, file_list: FileList, text: str, most: int, *, names: bool = True
) -> tuple[FileCode, ...]:
    """Return entries by prefix of code, SKU or name, then by substring, then a few lookalike codes.

    Without `names`, names are not searched. An unpaid document is found by its number, never by an
    id. A blank text returns the first entries. Case, blanks and punctuation do not count.
    """
    search_key = match_key(text) if text.strip() else ""
    if not search_key:
        by_number = (ListedCode.sku_key,) if file_list.kind.unpaid else ()
        return _read_file_codes(
            session, _entries(file_list).order_by(*by_number, ListedCode.code_key).limit(most)
        )
    texts_of_list = list_texts(session, file_list.connection_id, file_list.kind)
    if texts_of_list is None:
        return ()
    ids = texts_of_list.matching(search_key, most, names=names)
    for lookalike in characters.look_alike_forms(text.strip()) if len(ids) < most else ():
        ids += islice(texts_of_list.codes.begins(match_key(lookalike)), LOOKING_LIKE)
    ids = list(dict.fromkeys(ids))[:most]
    if not ids:
        return ()
    query = select(ListedCode).where(ListedCode.id.in_(ids))  # no more: else an index is walked
    rows = {row.id: row for row in session.scalars(query)}
    return tuple(_code(rows[key]) for key in ids if key in rows)


def _read_file_codes(session: Session, query: Select[Any]) -> tuple[FileCode, ...]:
    return tuple(_code(row) for row in session.scalars(query))


def _code(row: ListedCode) -> FileCode:
    return FileCode(
        code=row.code,
        name=row.name,
        tin=row.tin,
        registration=row.registration,
        active=row.active,
        sku=row.sku,
        party=row.party,
        left=left_of(row),
        currency=row.currency,
    )


def _entries(file_list: FileList) -> Select[Any]:
    return _entries_in_force(select(ListedCode), file_list)


def _entries_in_force(query: Select[Any], file_list: FileList) -> Select[Any]:
    """Limit a query to a list's current entries."""
    return query.where(
        ListedCode.connection_id == file_list.connection_id,
        ListedCode.kind == file_list.kind,
        ListedCode.to_file_id.is_(None),
    )


def fitting_codes(
    session: Session, file_list: FileList, identities: Collection[Identity]
) -> tuple[FileCode, ...]:
    """Return entries that share a number, code, lookalike code or short name with an identity.

    If codes are ids, a SKU or a name equal to the key counts instead.
    """
    keys_by_column = {
        ListedCode.tin_key: {tin_key(identity.tin) for identity in identities},
        ListedCode.registration_key: {
            registration_key(identity.registration) for identity in identities
        },
        ListedCode.name_key: {key for identity in identities for key in name_keys(identity.name)},
        ListedCode.code_key: {
            match_key(key)
            for identity in identities
            for key in (identity.key, *characters.look_alike_forms(identity.key))
        },
    }
    if file_list.by_id:
        keys_by_column[ListedCode.code_key] = set()
        keys_by_column[ListedCode.name_key] |= {match_key(identity.key) for identity in identities}
        keys_by_column[ListedCode.sku_key] = {match_key(identity.key) for identity in identities}
    fits = [
        _entries_in_force(select(ListedCode.id), file_list).where(
            bulk.among(column, sorted(present_keys)), column != ""
        )
        for column, keys in keys_by_column.items()
        if (present_keys := keys - {""})
    ]
    if not fits:
        return ()
    rows = session.scalars(
        select(ListedCode).where(ListedCode.id.in_(union(*fits))).order_by(ListedCode.code),
        execution_options=kept_plans.KEPT,
    )
    return tuple(map(_code, rows))


def codes_by_code(
    session: Session, file_list: FileList, codes: Collection[str]
) -> dict[str, FileCode]:
    """Return the entries with exactly these codes."""
    if not codes:
        return {}
    rows = session.scalars(
        _entries(file_list).where(bulk.among(ListedCode.code, sorted(set(codes)))),
        execution_options=kept_plans.KEPT,
    )
    return {row.code: _code(row) for row in rows}


@dataclass(frozen=True, slots=True)
class UnpaidList:
    """The current list of one kind.

    `read_at` is when the target last reported it; None for an uploaded list, which is of the day
    `as_of`.
    """

    connection_id: int
    kind: ListKind
    as_of: date
    read_at: datetime | None
    since: datetime
    """Later events are unknown to the list."""

    @property
    def dated(self) -> str:
        """`2026-11-20 01:30 UTC`, or `2026-11-20` for an uploaded list."""
        return f"{self.read_at:%Y-%m-%d %H:%M} UTC" if self.read_at else self.as_of.isoformat()


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A document with the amount left to pay, and its party."""

    number: str
    party: str
    name: str
    left: Decimal
    currency: str

    def may_be_of(self, party: str) -> bool:
        """Check whether the document may belong to a party, given by code or name.

        Without a code in the list it may belong to any party.
        """
        return party in (self.party, self.name) or not self.party

    @property
    def minor(self) -> int:
        """The amount left, in minor units."""
        return to_minor(self.left, self.currency)


def paid_by(schema: DocumentSchema) -> tuple[str, ListKind] | None:
    """Return the field that names the paid document, and the kind of its list; None for other
    documents.
    """
    return next(((field.name, ListKind(field.pays)) for field in schema.header if field.pays), None)


def unpaid_list(session: Session, connection_id: int, kind: ListKind) -> UnpaidList | None:
    """Return the current list of a kind, or None."""
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


def unpaid_lists(session: Session, company_id: int) -> tuple[FileList, ...]:
    """Return the unpaid lists of a company's targets, invoices first."""
    query = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    kinds = [kind for kind in ListKind if kind.unpaid]
    targets_and_kinds = {(key, kind) for key in session.scalars(query) for kind in kinds}
    lists = file_lists(session, targets_and_kinds)
    return tuple(
        sorted(lists, key=lambda file_list: (file_list.target, kinds.index(file_list.kind)))
    )


def search_unpaid(
    session: Session, file_list: FileList, text: str, most: int, *, names: bool
) -> tuple[Unpaid, ...]:
    """Return entries that contain the letters in their number or, with `names`, in the party's
    name.
    """
    return tuple(
        Unpaid(row.sku or row.code, row.party, row.name, row.left or Decimal(0), row.currency)
        for row in search_codes(session, file_list, text, most, names=names)
    )


def unpaid_by_number(session: Session, document_list: UnpaidList) -> Mapping[str, Sequence[Unpaid]]:
    """Return all entries of the list by number. Bills of two suppliers may share a number."""
    by_document_number: dict[str, list[Unpaid]] = defaultdict(list)
    for row in session.scalars(_current_codes(document_list)):
        document = _unpaid(row)
        by_document_number[document.number].append(document)
    return by_document_number


def _current_codes(document_list: UnpaidList, *terms: ColumnElement[bool]) -> Select[Any]:
    return select(ListedCode).where(
        ListedCode.connection_id == document_list.connection_id,
        ListedCode.kind == document_list.kind,
        ListedCode.to_file_id.is_(None),
        *terms,
    )


def _unpaid(row: ListedCode) -> Unpaid:
    amount_left = left_of(row) or Decimal(0)
    return Unpaid(row.sku or row.code, row.party, row.name, amount_left, row.currency)


def unpaid_of_party(
    session: Session, document_list: UnpaidList, party: str, number: str, most: int
) -> tuple[Unpaid, ...]:
    """Return a party's entries, those that match a number first, at most `most`.

    Entries with the number and without a party code are included.
    """
    keys = (
        {match_key(spelling) for spelling in (number, *characters.look_alike_forms(number))}
        if number
        else set()
    )
    meant = or_(
        ListedCode.sku_key.in_(keys), and_(ListedCode.sku == "", ListedCode.code_key.in_(keys))
    )
    named = [ListedCode.party == party, ListedCode.name == party] if party else []
    query = _current_codes(document_list, or_(*named, and_(meant, ListedCode.party == "")))
    in_order = (case((meant, 0), else_=1), ListedCode.sku, ListedCode.code)
    rows = session.scalars(query.order_by(*in_order).limit(most))
    return tuple(_unpaid(row) for row in rows)


def has_party_codes(session: Session, document_list: UnpaidList) -> bool:
    """Check whether each entry names its party by a code; an empty list counts as yes."""
    query = _current_codes(document_list, ListedCode.party == "").with_only_columns(ListedCode.id)
    return session.scalar(query.limit(1)) is None


def list_texts(session: Session, connection_id: int, kind: ListKind) -> ListTexts | None:
    """Return the current list's texts from the cache, or None without a list."""
    newest = session.execute(
        select(ListFile.id, ListFile.at, ListFile.sha256)
        .where(ListFile.connection_id == connection_id, ListFile.kind == kind)
        .order_by(ListFile.id.desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    version = (newest.id, newest.at, newest.sha256)  # a database that was restored is another one
    bind = session.get_bind()
    engine = bind if isinstance(bind, Engine) else bind.engine
    with _lock:
        cached_texts = _texts_by_engine.setdefault(engine, OrderedDict())
        if (texts := cached_texts.get(version)) is not None:
            cached_texts.move_to_end(version)
            return texts
    texts = _read_list_texts(session, connection_id, kind)
    with _lock:
        cached_texts[version] = texts
        while len(cached_texts) > KEPT:
            cached_texts.popitem(last=False)
    return texts


def _read_list_texts(session: Session, connection_id: int, kind: ListKind) -> ListTexts:
    rows = session.execute(
        select(ListedCode.id, ListedCode.code_key, ListedCode.sku_key, ListedCode.name_key).where(
            ListedCode.connection_id == connection_id,
            ListedCode.kind == kind,
            ListedCode.to_file_id.is_(None),
        )
    ).all()
    codes = [((kind.unpaid and row.sku_key) or row.code_key, row.id) for row in rows]
    skus = [(row.sku_key, row.id) for row in rows if row.sku_key and not kind.unpaid]
    return ListTexts(
        codes=_column(codes),
        skus=_column(skus),
        names=_column([(row.name_key, row.id) for row in rows if row.name_key]),
    )


def _column(keys: list[tuple[str, int]]) -> Column:
    keys.sort()
    starts, at = array("q"), 0
    for key, _ in keys:
        starts.append(at)
        at += len(key) + 1
    text = "".join(f"{_END}{key}" for key, _ in keys)
    return Column(text, starts, array("q", (row for _, row in keys)))
