"""What a quantity is in the base unit, and what that is again as each target counts the item.

Here: by the units table of a day and the item set-ups that targets tell, exactly. Reads only. Not
here: why a unit holds records (holding/mappings/unit_comparison.py), how a record is converted
(rules/facts/units.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from sqlalchemy.orm import Session

from holding.db.models import Company
from holding.programs.world import world
from rules.facts.units import LONGEST_CHAIN, Conversion
from rules.facts.world import ItemUnits, UnitEntry, World
from rules.values.numbers import show, tidy


@dataclass(frozen=True, slots=True)
class Back:
    """The same quantity as a target counts it: what 1 of the unit is there, and how many units the
    base quantity makes there; both blank where it has no such unit of the item (`units`: which it
    has). `same`: it is the quantity that was given.
    """

    target: str
    rate: str
    quantity: str
    same: bool
    units: str


@dataclass(frozen=True, slots=True)
class Calculated:
    """A quantity of a unit of an item. `factor` and `pieces`, of the unit `base`, are blank where a
    conversion is missing; `whole`: the pieces are a whole number.
    """

    quantity: str
    unit: str
    item: str
    base: str
    factor: str
    pieces: str
    whole: bool
    backs: tuple[Back, ...]


def quantity_of(text: str) -> Fraction | None:
    """The quantity that somebody typed; None where it is none above 0."""
    try:
        found = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None
    return Fraction(found) if found.is_finite() and 0 < found < 10**12 else None


def calculate(
    session: Session,
    company_id: int,
    quantity: Fraction,
    unit: str,
    item: str,
    *,
    known: frozenset[str],
    today: date,
) -> Calculated:
    """By what counts today; `known`: the targets whose snapshot is young enough to be believed."""
    revision = session.get_one(Company, company_id).revision
    there = world(session, company_id, revision, known).at(today)
    found = _to_base(unit, item, there.units)
    if found is None:
        return Calculated(_text(quantity), unit, item, "", "", "", whole=False, backs=())
    pieces = quantity * Fraction(found.num, found.den)
    backs = _backs(there, found, quantity, item) if found.path else ()
    return Calculated(
        quantity=_text(quantity),
        unit=unit,
        item=item,
        base=found.base,
        factor=found.factor,
        pieces=_text(pieces),
        whole=pieces.denominator == 1,
        backs=tuple(backs),
    )


def _to_base(unit: str, item: str, entries: Mapping[str, UnitEntry]) -> Conversion | None:
    """From unit to unit, the item's own entries first, to one that leads no further; None where no
    entry speaks of the unit.
    """
    factor, at, path = Fraction(1), unit, []
    for _ in range(LONGEST_CHAIN):
        own = f"{at}|{item}"
        key = own if own in entries else at
        entry = entries.get(key)
        if entry is None:
            break
        path.append((key, entry))
        factor, at = factor * Fraction(entry.num, entry.den), entry.to
    into = any(entry.to == unit for entry in entries.values())
    if not path and not into:
        return None
    return Conversion(unit, at, factor.numerator, factor.denominator, tuple(path))


def _backs(there: World, found: Conversion, quantity: Fraction, item: str) -> Iterator[Back]:
    """As each target that tells how it counts the item would read the pieces."""
    pieces = quantity * Fraction(found.num, found.den)
    for name, state in sorted(there.targets.items()):
        set_up = _set_up(there, state.items if state.known else {}, item)
        if set_up is None:
            continue
        unit, base = set_up.rate(found.unit), set_up.rate(found.base)
        if unit is None or base is None:
            units = ", ".join(dict.fromkeys((set_up.base, *sorted(set_up.rates))))
            yield Back(name, "", "", same=False, units=units)
            continue
        back = pieces * base / unit
        yield Back(name, _text(unit / base), _text(back), same=back == quantity, units="")


def _set_up(there: World, items: Mapping[str, ItemUnits], item: str) -> ItemUnits | None:
    """That of the item under its own code, else under the code that a mapping gives it."""
    if item in items:
        return items[item]
    mapped = (table.entries.get(item) for table in there.maps.values())
    codes = (entry.value for entry in mapped if entry is not None)
    return next((items[code] for code in codes if code in items), None)


def _text(value: Fraction) -> str:
    return show(tidy(value))
