"""Compare an uploaded file's records with the stored ones, without writing."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord, RowError, SourceRefusal
from connectors.contract.pulls import FieldLabel, FileOrder, FileOrders
from grammar.nodes import Call, Field, Name, Record, Ruleset
from grammar.nodes.expressions import walk
from holding.db.models import Company, Connection, MappingEntry, MappingTable, Version
from holding.db.models.columns import is_currency, to_minor
from holding.intake.deliveries import Key, StoredRecord, ids_of, is_later, load_stored_records
from holding.intake.families import omitted_records
from holding.intake.open_fields import field_changes
from holding.mappings.entries import entry_text
from holding.programs import world
from holding.uploads.check_result import (
    STORED,
    ChangedField,
    ChangedOrder,
    CheckResult,
    Standing,
    WrongCell,
)
from rules.values.canonical import dumps, sha256_hex
from rules.values.cause_keys import digits_of, fold_key, rate_similarity

COMPARED_AT_ONCE: Final = 500

CURRENCIES: Final = 30  # so many of a file are summed, for a file can name a new one in each row

_SKIPPED: Final = 20  # rows that are no records, which a preview names

_OFFERED: Final = 50  # values of a field that a form offers

_WRONG, _CHANGED, _FIELDS = 200, 20, 6  # of each, what a preview keeps

_LINE: Final = "line."


@dataclass(frozen=True, slots=True)
class Nearest:
    """A known code that could be meant, and its value here."""

    code: str
    value: str


Mistyped = tuple[str, str, Nearest]
"""A cell, the code in it, and the known one that could be meant."""

UNIT_FIELD: Final = "line.uom"

_MOST_COMPARED = 2_000  # codes that one is compared with

_LONGEST = 100  # signs of a code that is compared at all: the time grows with their square

_SIGNS = 2_000_000  # of all codes of one file, each once for every known one it is compared with

_UNITS = "unit"


def refused(refusal: SourceRefusal) -> CheckResult:
    """Return the result of a file that cannot be read."""
    return CheckResult(refused=(refusal.message, refusal.hint), counts={}, money={})


class _Codes:
    """The keys of one table with their values, and how the rules compare them."""

    def __init__(self, match: Iterable[str], rows: Iterable[tuple[str, str]]) -> None:
        self._match = tuple(match)
        self._values = dict(rows)
        self._folded = {fold_key(key, self._match) for key in self._values}
        self._by_digits: dict[str, list[str]] = defaultdict(list)
        for key in sorted(self._values):
            self._by_digits[digits_of(key)].append(key)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def has(self, code: str) -> bool:
        return fold_key(code, self._match) in self._folded

    def compared(self, code: str) -> Sequence[str]:
        """Return the known codes that this code may be a typing error of.

        Codes with other digits are left out, since they mean another thing.
        """
        return self._by_digits.get(digits_of(code), ())[:_MOST_COMPARED]

    def near(self, code: str) -> Iterator[tuple[int, Nearest]]:
        """Yield (similarity in percent, known code) for each similar code."""
        for key in self.compared(code):
            _, percent = rate_similarity(code, key)
            if percent:
                yield percent, Nearest(key, self._values[key])


class KnownCodes:
    """The codes that the rules of a company know, by field: `customer`, `line.sku`. A code in any
    map of a field is known.

    It serves a single file. The search for similar codes is bounded: beyond the bound, unknown
    codes get no suggestion and wait for a mapping.
    """

    def __init__(self, tables: Mapping[str, Iterable[_Codes]]) -> None:
        self._tables = {field: tuple(codes) for field, codes in tables.items()}
        self._found: dict[tuple[str, str], Nearest | None] = {}
        self._left = _SIGNS

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields with codes that can be known."""
        return tuple(field for field, codes in self._tables.items() if any(codes))

    def codes(self, field: str) -> Iterator[str]:
        """Yield the codes that a field may have, in alphabetical order."""
        tables = self._tables.get(field, ())
        yield from sorted({code for table in tables for code in table})

    def mistyped(self, field: str, code: str) -> Nearest | None:
        """Return the nearest known code if this code is unknown.

        None if it is known, or none is near.
        """
        at = (field, code)
        if at not in self._found:
            self._found[at] = self._nearest(field, code)
        return self._found[at]

    def _nearest(self, field: str, code: str) -> Nearest | None:
        tables = self._tables.get(field, ())
        if not code or any(table.has(code) for table in tables):
            return None
        signs = len(code) * sum(len(table.compared(code)) for table in tables)
        if len(code) > _LONGEST or signs > self._left:
            return None
        self._left -= signs
        near = [match for table in tables for match in table.near(code)]
        return max(near, key=lambda pair: (pair[0], pair[1].code))[1] if near else None


def checked(
    session: Session,
    source_id: int,
    file: FileOrders,
    code_tables: KnownCodes,
    labels: Mapping[str, str],
    now: datetime,
) -> CheckResult:
    """Return the preview of a file for this source. `labels` names its fields."""
    counts: Counter[str] = Counter()
    money = _Money()
    wrong = [_cell(file, labels, error, "") for error in file.errors]
    doubted, changed, other_count, withdrawn = [], list[ChangedOrder](), 0, 0
    for batch in _batches(file.orders):
        accepted_records = list[IncomingRecord]()
        for order, (standing, *others), news in _standings(session, source_id, batch):
            stored = any(status in STORED for status in (standing, *others))
            typos = list(mistyped(file, order, code_tables)) if stored else []
            if typos and standing is not Standing.HELD:
                standing, others = Standing.UNKNOWN_CODE, [Standing.UNKNOWN_CODE] * len(others)
                doubted.append(order.where)
            else:
                changed += news[: _CHANGED - len(changed)]
                accepted_records += order.records
            counts.update((standing, *others))
            other_count += len(others)
            money.add(standing, order)
            wrong += [_cell(file, labels, error, order.number) for error in order.errors]
            wrong += [_typo(file, labels, typo, order.number) for typo in typos]
        withdrawn += withdrawn_by(session, source_id, accepted_records, now)
    return CheckResult(
        sheets=file.sheets,
        columns=file.columns,
        missing=file.missing,
        in_doubt=file.in_doubt,
        ways=tuple((str(order), day) for order, day in file.ways),
        days=file.days or "",
        counts=dict(counts),
        money={standing_name: dict(sums) for standing_name, sums in money.sums.items()},
        unsummed=money.unsummed,
        wrong=tuple(wrong[:_WRONG]),
        cells=len(wrong),
        loose=len(file.errors),
        changed=tuple(changed),
        left_out=tuple(doubted),
        beside=other_count,
        lacking=file.lacking,
        withdrawn=withdrawn,
        skipped=tuple((skipped.where, skipped.value) for skipped in file.skipped[:_SKIPPED]),
        fixed=file.fixed,
        filled=file.filled,
    )


def needed_by_rules(
    session: Session, source_id: int, kind: str, filled: Collection[str]
) -> tuple[str, ...]:
    """Return the fields that the rules in force need of this kind and that are not filled.

    Fields of lines begin with `line.`.
    """
    source = session.get_one(Connection, source_id)
    company = session.get_one(Company, source.company_id)
    if company.ruleset_version_id is None:
        return ()
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    records = {record.name: record for record in ruleset.records if record.source == source.name}
    lines = next((record for record in ruleset.records if record.parent == kind), None)
    needed_fields = list(_stored_fields(records.get(kind)))
    needed_fields += [f"{_LINE}{name}" for name in _stored_fields(lines)] if kind in records else []
    return tuple(name for name in needed_fields if name not in filled)


def count_blank_fields(
    file: FileOrders, field_names: Collection[str]
) -> tuple[dict[str, int], int]:
    """Return how many records lack each of these fields, and how many lack any.

    A record with a wrong cell is on hold anyway and is not counted.
    """
    blank, records = Counter[str](), 0
    for order in file.orders:
        if order.record is None or order.record.faults:
            continue
        lacking = [name for name in field_names if not _is_filled(order.record, name)]
        blank.update(lacking)
        records += bool(lacking)
    return dict(blank), records


def _is_filled(record: IncomingRecord, name: str) -> bool:
    """Check whether a record, or each of its lines, has a field."""
    if not name.startswith(_LINE):
        return name in record.body
    lines = record.body.get("lines")
    field = name.removeprefix(_LINE)
    return all(field in line for line in lines) if isinstance(lines, list) else True


_WORKED_OUT: Final = frozenset(
    {"subtotal", "tax_total", "round_off", "line.pos", "line.part", "line.amount"}
)
"""What the reader of a sheet fills itself, once it can read the records."""


def known_values(
    session: Session, source_id: int, kind: str, fields: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the first values that the rules in force know for these fields of a source's records:
    words of a status, codes of a mapping, the currency.
    """
    source = session.get_one(Connection, source_id)
    company = session.get_one(Company, source.company_id)
    if company.ruleset_version_id is None:
        return {}
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    words = {
        field.name: [word for state in field.states for word in state.aliases or (state.name,)]
        for record in ruleset.records
        if record.source == source.name and record.name == kind
        for field in record.fields
        if isinstance(field, Field)
    }
    words["currency"] = [
        source_definition.currency
        for source_definition in ruleset.sources
        if source_definition.name == source.name
    ]
    code_tables = known_codes(session, company.id)
    values_by_field = {}
    for name in fields:
        codes = (*code_tables.codes(name), *code_tables.codes(_LINE + name.removeprefix("line_")))
        values_by_field[name] = tuple((*words.get(name, ()), *codes)[:_OFFERED])
    return values_by_field


def _stored_fields(record: Record | None) -> Iterator[str]:
    """Return the fields that a record must bring for its rules."""
    for field in record.fields if record else ():
        if isinstance(field, Field) and field.mark != "optional" and field.of is None:
            yield field.name


def filled_by_file(file: FileOrders) -> set[str]:
    """Return the fields that a fixed value or one of the first records fills; without a record
    those that a column fills.
    """
    records = [order.record for order in file.orders[:COMPARED_AT_ONCE] if order.record]
    filled = (
        set(file.fixed) if records else {column.field for column in file.columns} | set(file.fixed)
    )
    filled |= {f"{_LINE}{name.removeprefix('line_')}" for name in filled}
    return filled | (filled_by_records(records) if records else _WORKED_OUT)


def filled_by_records(records: Iterable[IncomingRecord]) -> set[str]:
    """Return the fields that one of the records fills."""
    filled: set[str] = set()
    for record in records:
        filled |= record.body.keys()
        lines = record.body.get("lines")
        for line in lines if isinstance(lines, list) else ():
            filled |= {f"{_LINE}{name}" for name in line}
    return filled


class _Money:
    """The totals of the orders by standing and currency. A blank currency is the books' currency.

    `unsummed` orders name an invalid currency, or exceed the limit of CURRENCIES different ones.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Counter[str]] = defaultdict(Counter)
        self.unsummed = 0
        self._codes: set[str] = set()

    def add(self, standing: Standing, order: FileOrder) -> None:
        """Count the total of an order, where it has one that could be read."""
        if order.total is None:
            return
        code = order.currency
        odd = bool(code) and not is_currency(code)
        if odd or (code not in self._codes and len(self._codes) >= CURRENCIES):
            self.unsummed += 1
            return
        self._codes.add(code)
        self.sums[standing][code] += to_minor(order.total, code)


def _cell(file: FileOrders, labels: Mapping[str, str], error: RowError, order: str) -> WrongCell:
    return WrongCell(
        where=error.where,
        label=_label(file, labels, error.where),
        value=error.value,
        message=error.message,
        hint=error.hint,
        order=order,
    )


def _label(file: FileOrders, labels: Mapping[str, str], where: str) -> str:
    """Return the heading of a cell's column; without a heading the label of its field."""
    sheet, _, cell = where.rpartition("!")
    letters = cell.rstrip("0123456789")
    for column in file.columns:
        if (column.sheet, column.letter) == (sheet, letters):
            return column.heading or labels.get(column.field, "")
    return ""


def _batches(orders: Sequence[FileOrder]) -> Iterator[Sequence[FileOrder]]:
    for first in range(0, len(orders), COMPARED_AT_ONCE):
        yield orders[first : first + COMPARED_AT_ONCE]


def _standings(
    session: Session, source_id: int, orders: Sequence[FileOrder]
) -> Iterator[tuple[FileOrder, Sequence[Standing], Sequence[ChangedOrder]]]:
    """Yield each order with its records' standings: how each compares with the stored record.

    For changed records, yield their differences.
    """
    records = [record for order in orders for record in order.records]
    ids = ids_of(session, source_id, {_key(record) for record in records}) if records else {}
    stored_records = load_stored_records(session, ids, set(), locked=False)
    standings = {_key(record): _standing(ids, stored_records, record) for record in records}
    changed = [ids[key] for key, standing in standings.items() if standing is Standing.CHANGED]
    before = _bodies(session, [stored_records[record_id] for record_id in changed[:_CHANGED]])
    for order in orders:
        if order.record is None:
            yield order, (Standing.WRONG,), ()
            continue
        differ = [
            _changed_order(record, before[ids[_key(record)]])
            for record in order.records
            if standings[_key(record)] is Standing.CHANGED and ids[_key(record)] in before
        ]
        yield order, [standings[_key(record)] for record in order.records], differ


def _key(record: IncomingRecord) -> Key:
    return record.kind, record.external_id


def _standing(
    ids: Mapping[Key, int], stored_records: Mapping[int, StoredRecord], record: IncomingRecord
) -> Standing:
    if _key(record) not in ids:
        return Standing.HELD if record.faults else Standing.NEW
    before = stored_records[ids[_key(record)]]
    if before.has(record.stamp, sha256_hex(dumps(record.body))):
        return Standing.SAME
    newest = before.newest_stamp
    stale = record.stamp is not None and newest is not None and is_later(newest, record.stamp)
    if stale:
        return Standing.OLDER
    return Standing.HELD if record.faults else Standing.CHANGED


def _bodies(
    session: Session, stored_records: Sequence[StoredRecord]
) -> dict[int, dict[str, object]]:
    """Return the newest content of each record as its source delivered it, without corrections."""
    query = (
        select(Version.record_id, Version.body)
        .where(Version.record_id.in_([record.record_id for record in stored_records]))
        .where(Version.corrects_id.is_(None), Version.stale.is_(False))
        .order_by(Version.no)
    )
    return {row.record_id: row.body for row in session.execute(query)} if stored_records else {}


def _changed_order(record: IncomingRecord, before: Mapping[str, object]) -> ChangedOrder:
    """Return the record's first changed fields, and the number of all changed fields.

    `before` is the stored record's newest content.
    """
    changed_fields = [
        ChangedField(change.path, change.before or "", change.after or "")
        for change in field_changes(before, record.body)
    ]
    return ChangedOrder(
        record.number,
        record.kind,
        record.external_id,
        tuple(changed_fields[:_FIELDS]),
        len(changed_fields),
    )


def _typo(file: FileOrders, labels: Mapping[str, str], typo: Mistyped, order: str) -> WrongCell:
    where, code, near = typo
    error = RowError(where=where, value=code[:200], message="This code is not known.", hint="")
    cell = _cell(file, labels, error, order)
    means = near.value if near.value != near.code else ""
    return replace(cell, nearest=near.code, nearest_means=means)


def withdrawn_by(
    session: Session, source_id: int, records: Sequence[IncomingRecord], now: datetime
) -> int:
    """Return how many stored order payments these new records would withdraw."""
    return len(omitted_records(session, source_id, records, now)) if records else 0


def every_wrong_cell(
    file: FileOrders, code_tables: KnownCodes, labels: Mapping[str, str], doubted: Collection[str]
) -> Iterator[WrongCell]:
    """Yield all errors of a file, for the returned workbook.

    `doubted`: the orders with unknown codes.
    """
    for error in file.errors:
        yield _cell(file, labels, error, "")
    for order in file.orders:
        for error in order.errors:
            yield _cell(file, labels, error, order.number)
        for typo in (
            mistyped(file, order, code_tables) if order.where in doubted or order.errors else ()
        ):
            yield _typo(file, labels, typo, order.number)


def mistyped(file: FileOrders, order: FileOrder, code_tables: KnownCodes) -> Iterator[Mistyped]:
    """Yield the unknown codes of an order that resemble a known code."""
    if order.record is None:
        return
    lines = order.record.body.get("lines")
    for field in code_tables.fields:
        name = field.removeprefix(_LINE)
        at: Iterable[tuple[str, object]] = [(order.where, order.record.body)]
        if field.startswith(_LINE):
            at = zip(order.rows, lines, strict=True) if isinstance(lines, list) else ()
        for start, body in at:
            code = body.get(name) if isinstance(body, dict) else None
            near = code_tables.mistyped(field, code) if isinstance(code, str) else None
            if near is not None:
                yield file.place(start, name), str(code), near


def labels_of(fields: Mapping[str, Sequence[FieldLabel]]) -> Mapping[str, str]:
    """Return field -> its label."""
    return {field_label.name: field_label.label for kind in fields.values() for field_label in kind}


def known_codes(session: Session, company_id: int) -> KnownCodes:
    """Return the codes that the rules in force know; none before the first rules."""
    company = session.get_one(Company, company_id)
    if company.ruleset_version_id is None:
        return KnownCodes({})
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    return of_rules(ruleset, _entries(session, company_id))


def _entries(session: Session, company_id: int) -> dict[tuple[str, str], dict[str, str]]:
    """Return the current mapping entries of all tables, regardless of their first day."""
    query = (
        select(
            MappingTable.kind,
            MappingTable.name,
            MappingEntry.key,
            MappingEntry.value,
            MappingEntry.num,
            MappingEntry.den,
        )
        .join(MappingEntry, MappingEntry.table_id == MappingTable.id)
        .where(MappingTable.company_id == company_id)
        .where(MappingEntry.to_revision.is_(None), MappingEntry.value.is_not(None))
        .order_by(MappingEntry.valid_from)
    )
    entries: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in session.execute(query):
        entries[row.kind, row.name][row.key] = entry_text(row.value, row.num, row.den)
    return entries


def of_rules(ruleset: Ruleset, entries: Mapping[tuple[str, str], Mapping[str, str]]) -> KnownCodes:
    """Return the codes that these rules know.

    `entries`: (kind and name of a table) -> its keys with values.
    """
    match = {mapping.name: mapping.match for mapping in ruleset.maps}
    tables: dict[str, list[_Codes]] = defaultdict(list)
    for name, field in sorted(_mapped_fields(ruleset)):
        if name in match:
            rows = entries.get(("map", name), {})
            tables[field].append(_Codes(match[name], rows.items()))
    units = {
        key.partition("|")[0]: value
        for (kind, _), rows in entries.items()
        if kind == _UNITS
        for key, value in rows.items()
    }
    bases = {base.unit: base.unit for table in ruleset.units for base in table.bases}
    if units or bases:
        tables[UNIT_FIELD].append(_Codes((), {**bases, **units}.items()))
    return KnownCodes(tables)


def _mapped_fields(ruleset: Ruleset) -> set[tuple[str, str]]:
    """Return pairs (map, field): the rules look the field's own value up in that map.

    Status fields are excluded: their words differ by kind of record, so the map of one kind does
    not apply to another.
    """
    fields = (field for record in ruleset.records for field in record.fields)
    statuses = {field.name for field in fields if isinstance(field, Field) and field.states}
    return {
        (node.name, ".".join(node.args[0].path))
        for node in walk(ruleset)
        if isinstance(node, Call) and node.args and isinstance(node.args[0], Name)
        if statuses.isdisjoint(node.args[0].path[-1:])
    }
