"""Which codes of a source are known here, by the maps and units that the rules ask for a field.

Here: the known codes of each field, and the nearest one to a code that is not known. Not here:
entries and their change (holding/mappings).

A code without an entry is not wrong for that: a new customer has none yet, and the records of it
are held until somebody maps it. It is wrong where a known code is nearly the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.nodes import Call, Name, Ruleset
from grammar.nodes.expressions import walk
from holding.db.models import Company, MappingEntry, MappingTable
from holding.mappings.entries import shown
from holding.programs import world
from rules.values.spelling import alike, digits_of, fold

UNIT_FIELD: Final = "line.uom"
_MOST_COMPARED = 2_000  # codes that one is compared with
_LONGEST = 100  # signs of a code that is compared at all: the time grows with their square
_SIGNS = 2_000_000  # of all codes of one file, each once for every known one it is compared with
_UNITS = "unit"


@dataclass(frozen=True, slots=True)
class Nearest:
    """A known code that could be meant, and its value here."""

    code: str
    value: str


class _Codes:
    """The keys of one table with their values, and how the rules compare them."""

    def __init__(self, match: Iterable[str], rows: Iterable[tuple[str, str]]) -> None:
        self._match = tuple(match)
        self._values = dict(rows)
        self._folded = {fold(key, self._match) for key in self._values}
        self._by_digits: dict[str, list[str]] = defaultdict(list)
        for key in sorted(self._values):
            self._by_digits[digits_of(key)].append(key)

    def __bool__(self) -> bool:
        return bool(self._values)

    def has(self, code: str) -> bool:
        return fold(code, self._match) in self._folded

    def compared(self, code: str) -> Sequence[str]:
        """The keys that this code could mean; two codes with other digits are two things."""
        return self._by_digits.get(digits_of(code), ())[:_MOST_COMPARED]

    def near(self, code: str) -> Iterator[tuple[int, Nearest]]:
        """How alike, in per cent, and which."""
        for key in self.compared(code):
            _, percent = alike(code, key)
            if percent:
                yield percent, Nearest(key, self._values[key])


class KnownCodes:
    """The codes that the rules of a company know, by the field that they stand in: `customer`,
    `line.sku`. A code that any map of a field knows is known.

    They are asked for the codes of one file. A file of many or long unknown codes has no nearest
    ones beyond a bound: those wait until they are mapped, as any unknown code.
    """

    def __init__(self, tables: Mapping[str, Iterable[_Codes]]) -> None:
        self._tables = {field: tuple(codes) for field, codes in tables.items()}
        self._found: dict[tuple[str, str], Nearest | None] = {}
        self._left = _SIGNS

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields with codes that can be known."""
        return tuple(field for field, codes in self._tables.items() if any(codes))

    def mistyped(self, field: str, code: str) -> Nearest | None:
        """The nearest known code where this one is unknown; else, or with none near, None."""
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
        near = [found for table in tables for found in table.near(code)]
        return max(near, key=lambda pair: (pair[0], pair[1].code))[1] if near else None


def known_codes(session: Session, company_id: int) -> KnownCodes:
    """What is known by the rules in force; nothing where there are none yet."""
    company = session.get_one(Company, company_id)
    if company.ruleset_version_id is None:
        return KnownCodes({})
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    return of_rules(ruleset, _entries(session, company_id))


def of_rules(ruleset: Ruleset, entries: Mapping[tuple[str, str], Mapping[str, str]]) -> KnownCodes:
    """The same of these rules; `entries`: (kind and name of a table) -> its keys with values."""
    match = {each.name: each.match for each in ruleset.maps}
    tables: dict[str, list[_Codes]] = defaultdict(list)
    for name, field in sorted(_asked(ruleset)):
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


def _asked(ruleset: Ruleset) -> set[tuple[str, str]]:
    """Every map with a field that it is asked for as it came."""
    return {
        (node.name, ".".join(node.args[0].path))
        for node in walk(ruleset)
        if isinstance(node, Call) and node.args and isinstance(node.args[0], Name)
    }


def _entries(session: Session, company_id: int) -> dict[tuple[str, str], dict[str, str]]:
    """The entries in force, whatever the day from which they count."""
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
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in session.execute(query):
        found[row.kind, row.name][row.key] = shown(row.value, row.num, row.den)
    return found
