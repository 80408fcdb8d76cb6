"""Where things come from and what they are called: sources, targets, maps, units, links, values.

Here: one function for each kind of declaration. Not here: what may go (readiness.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from rules.explain.actions import action
from rules.explain.nouns import a, be, capital, listed, plain, spoken
from rules.explain.phrases import Phrases
from rules.words import bare

_FORGOTTEN = {
    "trimmed": "blanks around it",
    "any_case": "capitals",
    "any_punctuation": "everything that is neither letter nor digit",
}
_HOLES = {
    "{field}": "‹field›",
    "{key}": "‹what was looked up›",
    "{uom}": "‹unit›",
    "{item}": "‹item›",
}


def source(one: n.Source) -> str:
    """What amounts and days of a source mean."""
    return f"Amounts of {one.name} are in {one.currency}, and its days are those of {one.zone}."


def blank(one: n.Source, words: Phrases) -> str:
    """What a source leaves out."""
    return (
        f"What {one.name} leaves blank, or a status word that nobody declared, is never taken as "
        f"ready: {action(one.missing.action, words)}: {_told(one.missing)}"
    )


def target(one: n.Target, words: Phrases) -> str:
    """How amounts are rounded, and what is not known of a target."""
    how = {
        "per_line": f"each line is rounded to {one.places}, then they are summed",
        "at_the_end": f"all lines are summed, then the sum is rounded to {one.places}",
    }[one.rounding]
    return (
        f"For {one.name} {how}. If {one.name} makes a total that differs by more than "
        f"{one.tolerance}, {action(one.tolerance_action, words)}. If it cannot tell something that "
        f"a rule asks for, {action(one.missing.action, words)}: {_told(one.missing)}"
    )


def table(one: n.Map, words: Phrases) -> str:
    """A mapping table."""
    forgotten = listed([_FORGOTTEN[m] for m in one.match if m in _FORGOTTEN])
    match = f"{forgotten} do not count" if forgotten else "every letter counts"
    rows = listed([f"“{row.key}” is {bare(row.value)}" for row in one.rows])
    start = f"; its first entries come from {one.csv.path}" if one.csv else ""
    first = f"; its first entries: {rows}" if rows else ""
    return (
        f"In the table “{plain(one.name)}” {match}{start}{first}. "
        f"For what has no entry, {action(one.missing.action, words)}: {_told(one.missing)}"
    )


def units(one: n.Units, words: Phrases) -> Iterator[tuple[n.UnitBase | n.UnitRow | n.Units, str]]:
    """The units, and what a missing factor does."""
    several = len(one.bases) > 1
    for base in one.bases:
        whose = f"“{base.item}”" if base.item else "Everything else" if several else "Everything"
        yield base, f"{whose} is counted in {base.unit}."
    for row in one.rows:
        of = f" of “{row.item}”" if row.item else ""
        yield row, f"{row.count} {row.unit}{of} is {row.base_count} {row.base_unit}."
    more = f"Further units come from {one.csv}. " if one.csv else ""
    yield (
        one,
        (
            f"{more}A unit that nobody defined is never taken as 1: "
            f"{action(one.missing.action, words)}: {_told(one.missing)} The same where the source, "
            "these units, the item in the target and what is posted do not agree on one."
        ),
    )


def const(one: n.Const) -> str:
    """A fixed value with its days."""
    rows = []
    for row in sorted(one.rows, key=lambda row: row.since):
        value = row.value
        text = spoken(value.value) if value.kind == "duration" else bare(value)  # type: ignore[arg-type]
        rows.append(f"{f'“{text}”' if value.kind == 'text' else text} from {row.since} on")
    return f"The {plain(one.name)} {be(one.name)} {listed(rows)}."


def link(one: n.Link, words: Phrases) -> str:
    """Other records as a list."""
    there = words.of(one.other)
    where = f", where {there.expr(one.where)}" if one.where is not None else ""
    return (
        f"The {plain(one.name)} of {a(one.record)}: every {plain(one.other)} whose "
        f"{plain(one.theirs)} is the {plain(one.ours)} of the {plain(one.record)}{where}. "
        f"If there are more than {one.most}, {action(one.action, words)}."
    )


def computed(record: n.Record, field: n.Computed, words: Phrases) -> str:
    """A field that is worked out."""
    here = words.of(record.parent or record.name, line=record.parent is not None)
    whose = f"a line of {a(record.parent)}" if record.parent else a(record.name)
    what = f"{capital(plain(field.name))} of {whose} {be(field.name)}"
    return f"{what} worked out: {here.gets(field.expr)}."


def _told(missing: n.Missing) -> str:
    text = missing.say
    for hole, words in _HOLES.items():
        text = text.replace(hole, words)
    return f"“{text}”"
