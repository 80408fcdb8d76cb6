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
from holding.db import bulk
from holding.db.models import Connection, ListedCode, ListFile, ListReading
from holding.db.models.columns import ListKind, to_minor
from holding.db.together import Question, answer
from holding.mappings.list_rows import name_keys, registration_key, tin_key
from holding.mappings.list_storage import left_of
from rules.values.cause_keys import match_key

LOOKING_LIKE: Final = 2
"""So many entries are told of what looks like the letters of a search."""

A_READING: Final = timedelta(hours=1)
"""So long at most before its end a reading looked at an entry."""

KEPT: Final = 12
"""So many lists are kept in a process: about ten MB each at a hundred thousand entries."""

_END: Final = "\n"  # stands in no key: those have letters and digits alone

_Word = tuple[int, datetime, str]


@dataclass(frozen=True, slots=True)
class Column:
    """The keys of a list in their order, each behind a line end, and the entry of each."""

    text: str
    starts: Sequence[int]
    ids: Sequence[int]

    def begins(self, letters: str) -> Iterator[int]:
        """Entries whose key begins so, in order."""
        return self._each(_END + letters)

    def has(self, letters: str) -> Iterator[int]:
        """Entries whose key has the letters anywhere, in order."""
        return self._each(letters)

    def _each(self, wanted: str) -> Iterator[int]:
        at = self.text.find(wanted)
        while at >= 0:
            row = bisect_right(self.starts, at) - 1
            yield self.ids[row]
            behind = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
            at = self.text.find(wanted, behind)


@dataclass(frozen=True, slots=True)
class ListTexts:
    """A list that stands: codes, SKUs and names as they are compared. The code of an unpaid
    document is its number, and not the id that the target gave.
    """

    codes: Column
    skus: Column
    names: Column

    def matching(self, letters: str, most: int, *, names: bool = True) -> list[int]:
        """Entries whose code begins so, whose SKU or name does, then those that have the letters
        anywhere in their name, code or SKU; without `names` none because of its name.
        """
        found: dict[int, None] = {}
        ways = (
            self.codes.begins(letters),
            self.skus.begins(letters),
            self.names.begins(letters) if names else (),
            self.names.has(letters) if names else (),
            self.codes.has(letters),
            self.skus.has(letters),
        )
        for way in ways:
            for key in way:
                found[key] = None
                if len(found) >= most:
                    return list(found)
        return list(found)


_kept: WeakKeyDictionary[Engine, OrderedDict[_Word, ListTexts]] = WeakKeyDictionary()

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class FileList:
    """The list of a target that stands for one kind; `by_id`: its codes are ids that only the
    target gives.
    """

    connection_id: int
    target: str
    kind: ListKind
    as_of: date
    name: str
    by_id: bool = False


@dataclass(frozen=True, slots=True)
class FileCode:
    """An entry of a list, with what tells a party; of an unpaid document what is left to pay."""

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
    """What a source says of a party or an item: its own key, name and numbers; blank: nothing.
    Only a party's are personal.
    """

    key: str
    name: str = ""
    tin: str = ""
    registration: str = ""
    of_party: bool = True


def file_lists(asked: Collection[tuple[int, ListKind]]) -> Question[tuple[FileList, ...]]:
    """Those of these targets and kinds for which somebody gave a list in."""
    if not asked:
        return ()
    newest = (
        select(func.max(ListFile.id))
        .where(bulk.among(ListFile.connection_id, sorted({key for key, _ in asked})))
        .group_by(ListFile.connection_id, ListFile.kind)
    )
    rows = yield (
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
        .order_by(Connection.name, ListFile.kind)
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
        if (row.connection_id, row.kind) in asked
    )


def _by_id(connector: str) -> bool:
    form = registry.form_of("target", connector)
    return form is not None and form.tells is not None and form.tells.by_id


def matching(
    session: Session, one: FileList, text: str, most: int, *, names: bool = True
) -> tuple[FileCode, ...]:
    """Entries whose code, SKU or name begins with the letters, then those that have them anywhere,
    and last a few whose code begins with what looks like them. Without `names` nothing is found by
    its name; an unpaid document is found by its number, and never by an id.

    Blank text finds the first of all. Case, blanks and punctuation do not count.
    """
    wanted = match_key(text) if text.strip() else ""
    if not wanted:
        by_number = (ListedCode.sku_key,) if one.kind.unpaid else ()
        return _read_file_codes(
            session, _entries(one).order_by(*by_number, ListedCode.code_key).limit(most)
        )
    known = texts(session, one.connection_id, one.kind)
    if known is None:
        return ()
    ids = known.matching(wanted, most, names=names)
    for form in characters.look_alike_forms(text.strip()) if len(ids) < most else ():
        ids += islice(known.codes.begins(match_key(form)), LOOKING_LIKE)
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


def _entries(one: FileList) -> Select[Any]:
    return _entries_in_force(select(ListedCode), one)


def _entries_in_force(query: Select[Any], one: FileList) -> Select[Any]:
    """Of the entries in force of a list."""
    return query.where(
        ListedCode.connection_id == one.connection_id,
        ListedCode.kind == one.kind,
        ListedCode.to_file_id.is_(None),
    )


def fitting(one: FileList, asked: Collection[Identity]) -> Question[tuple[FileCode, ...]]:
    """Entries that share a number, the code (or what looks like it), or the name apart from Sdn Bhd
    with one of these;
    where codes are ids, a SKU or a name that is the key.
    """
    wanted = {
        ListedCode.tin_key: {tin_key(who.tin) for who in asked},
        ListedCode.registration_key: {registration_key(who.registration) for who in asked},
        ListedCode.name_key: {key for who in asked for key in name_keys(who.name)},
        ListedCode.code_key: {
            match_key(key)
            for who in asked
            for key in (who.key, *characters.look_alike_forms(who.key))
        },
    }
    if one.by_id:
        wanted[ListedCode.code_key] = set()
        wanted[ListedCode.name_key] |= {match_key(who.key) for who in asked}
        wanted[ListedCode.sku_key] = {match_key(who.key) for who in asked}
    fits = [
        _entries_in_force(select(ListedCode.id), one).where(
            bulk.among(column, sorted(said)), column != ""
        )
        for column, keys in wanted.items()
        if (said := keys - {""})
    ]
    if not fits:
        return ()
    rows = yield select(ListedCode).where(ListedCode.id.in_(union(*fits))).order_by(ListedCode.code)
    return tuple(map(_code, rows.scalars()))


def listed(session: Session, one: FileList, codes: Collection[str]) -> dict[str, FileCode]:
    """The entries of exactly these codes."""
    return answer(session, asked_listed(one, codes))


def asked_listed(one: FileList, codes: Collection[str]) -> Question[dict[str, FileCode]]:
    """The same, asked with other questions."""
    if not codes:
        return {}
    rows = yield _entries(one).where(bulk.among(ListedCode.code, sorted(set(codes))))
    return {row.code: _code(row) for row in rows.scalars()}


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


def unpaid_lists(session: Session, company_id: int) -> tuple[FileList, ...]:
    """Those of the company's targets, of each its invoices first."""
    query = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    kinds = [kind for kind in ListKind if kind.unpaid]
    asked = {(key, kind) for key in session.scalars(query) for kind in kinds}
    found = answer(session, file_lists(asked))
    return tuple(sorted(found, key=lambda one: (one.target, kinds.index(one.kind))))


def search(
    session: Session, one: FileList, text: str, most: int, *, names: bool
) -> tuple[Unpaid, ...]:
    """Entries with these letters in their number or, if `names`, in the name of their customer or
    supplier.
    """
    return tuple(
        Unpaid(row.sku or row.code, row.party, row.name, row.left or Decimal(0), row.currency)
        for row in matching(session, one, text, most, names=names)
    )


def by_number(session: Session, one: UnpaidList) -> Mapping[str, Sequence[Unpaid]]:
    """All of the list, by number; of two suppliers two bills may have one."""
    found: dict[str, list[Unpaid]] = defaultdict(list)
    for row in session.scalars(_current_codes(one)):
        told = _unpaid(row)
        found[told.number].append(told)
    return found


def _current_codes(one: UnpaidList, *terms: ColumnElement[bool]) -> Select[Any]:
    return select(ListedCode).where(
        ListedCode.connection_id == one.connection_id,
        ListedCode.kind == one.kind,
        ListedCode.to_file_id.is_(None),
        *terms,
    )


def _unpaid(row: ListedCode) -> Unpaid:
    left = left_of(row) or Decimal(0)
    return Unpaid(row.sku or row.code, row.party, row.name, left, row.currency)


def of_party(
    session: Session, one: UnpaidList, party: str, number: str, most: int
) -> tuple[Unpaid, ...]:
    """Those of a customer or supplier, as documents name them: first what is spelled or looks like
    a number, then the others by number, so many in all. What has the number and no code of anybody
    is among them.
    """
    keys = (
        {match_key(each) for each in (number, *characters.look_alike_forms(number))}
        if number
        else set()
    )
    meant = or_(
        ListedCode.sku_key.in_(keys), and_(ListedCode.sku == "", ListedCode.code_key.in_(keys))
    )
    named = [ListedCode.party == party, ListedCode.name == party] if party else []
    query = _current_codes(one, or_(*named, and_(meant, ListedCode.party == "")))
    in_order = (case((meant, 0), else_=1), ListedCode.sku, ListedCode.code)
    rows = session.scalars(query.order_by(*in_order).limit(most))
    return tuple(_unpaid(row) for row in rows)


def tells_parties(session: Session, one: UnpaidList) -> bool:
    """Whether each entry says by a code whose it is; one without entries leaves nothing open."""
    query = _current_codes(one, ListedCode.party == "").with_only_columns(ListedCode.id)
    return session.scalar(query.limit(1)) is None


def texts(session: Session, connection_id: int, kind: ListKind) -> ListTexts | None:
    """Those of the list that stands as this session sees it; None where none does."""
    newest = session.execute(
        select(ListFile.id, ListFile.at, ListFile.sha256)
        .where(ListFile.connection_id == connection_id, ListFile.kind == kind)
        .order_by(ListFile.id.desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    word = (newest.id, newest.at, newest.sha256)  # a database that was restored is another one
    bind = session.get_bind()
    engine = bind if isinstance(bind, Engine) else bind.engine
    with _lock:
        kept = _kept.setdefault(engine, OrderedDict())
        if (found := kept.get(word)) is not None:
            kept.move_to_end(word)
            return found
    found = _read_list_texts(session, connection_id, kind)
    with _lock:
        kept[word] = found
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return found


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
