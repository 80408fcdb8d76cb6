"""Write sources, targets, maps, units, links and values as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grammar import nodes
from rules.phrases import (
    Phrases,
    a,
    be,
    capitalize,
    composed,
    duration_words,
    join_words,
    joined,
    literal,
    message,
    named,
)
from rules.rulebook.actions import action, whose
from rules.types.symbol_table import Scope

_FORGOTTEN = {
    "trimmed": message("leading and trailing spaces"),
    "any_case": message("upper and lower case"),
    "any_punctuation": message("everything that is neither letter nor digit"),
}
_HOLES = {
    "{field}": message("field"),
    "{key}": message("what was looked up"),
    "{uom}": message("unit"),
    "{item}": message("item"),
}
_HOLE = re.compile("(" + "|".join(map(re.escape, _HOLES)) + ")")
_ROUNDED = {
    "per_line": message("each line is rounded to %(places)s, then they are totalled"),
    "at_the_end": message("all lines are totalled, then the total is rounded to %(places)s"),
}


def source(one: nodes.Source) -> str:
    """Return the meaning of a source's amounts and days."""
    return composed(
        "Amounts from %(source)s are in %(currency)s, and its dates are in the time zone %(zone)s.",
        source=one.name,
        currency=one.currency,
        zone=one.zone,
    )


def blank(one: nodes.Source, words: Phrases) -> str:
    """Return what happens to values that a source leaves out."""
    return composed(
        "A record with blank fields or an unknown status from %(source)s is never ready to post:"
        " %(action)s: %(message)s",
        source=one.name,
        action=action(one.missing.action, words),
        message=_told(one.missing),
    )


def target(one: nodes.Target, words: Phrases) -> str:
    """Return a target's rounding, and what happens to unknown values."""
    name = one.name
    rounded = composed(_ROUNDED[one.rounding], places=str(one.places))
    differs = composed(
        "If %(target)s makes a total that differs by more than %(tolerance)s, %(action)s.",
        target=name,
        tolerance=str(one.tolerance),
        action=action(one.tolerance_action, words),
    )
    silent = composed(
        "If it does not report what a rule needs, %(action)s: %(message)s",
        action=action(one.missing.action, words),
        message=_told(one.missing),
    )
    how = composed("For %(target)s %(rounding)s.", target=name, rounding=rounded)
    return join_words([how, differs, silent], ".")


def table(one: nodes.Map, words: Phrases) -> str:
    """Return the words for a mapping table."""
    forgotten = join_words([composed(_FORGOTTEN[m]) for m in one.match if m in _FORGOTTEN])
    match = composed("exact match (case, spaces and dashes matter)")
    if forgotten:
        match = composed("%(differences)s are ignored", differences=forgotten)
    begun = [one.csv.path] if one.csv else []
    rows = [
        composed("%(key)s is %(value)s", key=f"“{row.key}”", value=literal(row.value))
        for row in one.rows
    ]
    begun += [join_words(rows)] if rows else []
    initial = [composed("initial entries: %(entries)s", entries=entries) for entries in begun]
    parts = join_words([match, *initial], ";")
    says = composed("Mapping table “%(table)s”: %(parts)s.", table=named(one.name), parts=parts)
    unmapped = composed(
        "For unmapped values, %(action)s: %(message)s",
        action=action(one.missing.action, words),
        message=_told(one.missing),
    )
    return join_words([says, *_kept(one.kept, words), unmapped], ".")


def units(
    one: nodes.Units, words: Phrases
) -> Iterator[tuple[nodes.UnitBase | nodes.UnitRow | nodes.Units, str]]:
    """Yield the units, and what happens to a missing factor."""
    several = len(one.bases) > 1
    for base in one.bases:
        if base.item:
            text = composed("“%(item)s” is counted in %(unit)s.", item=base.item, unit=base.unit)
        elif several:
            text = composed("Everything else is counted in %(unit)s.", unit=base.unit)
        else:
            text = composed("Everything is counted in %(unit)s.", unit=base.unit)
        yield base, text
    for row in one.rows:
        unit = f"{row.count} {row.unit}"
        if row.item:
            unit = composed("%(unit)s of “%(item)s”", unit=unit, item=row.item)
        base_text = f"{row.base_count} {row.base_unit}"
        yield row, composed("Initial entry: %(unit)s is %(base)s.", unit=unit, base=base_text)
    more = [composed("Further units come from %(file)s.", file=str(one.csv))] if one.csv else []
    undefined = composed(
        "Undefined units are never treated as 1: %(action)s: %(message)s",
        action=action(one.missing.action, words),
        message=_told(one.missing),
    )
    differing = composed(
        "The same where the source, these units, the item in the accounting system and the posted"
        " document do not agree."
    )
    yield one, join_words([*more, *_kept(one.kept, words), undefined, differing], ".")


def const(one: nodes.Const) -> str:
    """Return the words for a constant with its days."""
    rows = []
    for row in sorted(one.rows, key=lambda row: row.since):
        value = row.value
        text = duration_words(value.value) if value.kind == "duration" else literal(value)  # type: ignore[arg-type]
        text = joined(["“", text, "”"]) if value.kind == "text" else text
        rows.append(composed("%(value)s from %(day)s on", value=text, day=str(row.since)))
    are = be(one.name) == "are"
    said = composed(
        message("The %(name)s are %(values)s.") if are else message("The %(name)s is %(values)s."),
        name=named(one.name),
        values=join_words(rows),
    )
    return capitalize(said)


def link(one: nodes.Link, words: Phrases) -> str:
    """Return the words for a list of other records."""
    there = Phrases(words.index, Scope.of_link(words.index, one))
    names = {
        "theirs": named(one.theirs),
        "ours": named(one.ours),
        "record": named(one.record),
    }
    every: str = named(one.other)
    every = composed(
        message("every %(other)s whose %(theirs)s is the %(ours)s of a line of the %(record)s")
        if one.of_lines
        else message("every %(other)s whose %(theirs)s is the %(ours)s of the %(record)s"),
        other=every,
        **names,
    )
    if one.where is not None:
        where = there.expr(one.where)
        every = composed("%(what)s, where %(condition)s", what=every, condition=where)
    says = composed(
        "The %(list)s of %(whose)s: %(every)s.",
        list=named(one.name),
        whose=a(one.record),
        every=every,
    )
    done = action(one.action, words)
    more = composed("If there are more than %(most)s, %(action)s.", most=str(one.most), action=done)
    return join_words([capitalize(says), more], ".")


def computed(record: nodes.Record, field: nodes.Computed, words: Phrases) -> str:
    """Return the words for a computed field."""
    here = words.of(record.parent or record.name, line=record.parent is not None)
    return composed(
        message("%(field)s of %(whose)s are calculated: %(value)s.")
        if be(field.name) == "are"
        else message("%(field)s of %(whose)s is calculated: %(value)s."),
        field=capitalize(named(field.name)),
        whose=whose(record),
        value=here.gets(field.expr),
    )


def _told(missing: nodes.Missing) -> str:
    parts = [
        joined(["‹", composed(_HOLES[piece]), "›"]) if piece in _HOLES else piece
        for piece in _HOLE.split(missing.say)
    ]
    return joined(["“", *parts, "”"])


def _kept(kept: nodes.ByTeam | None, words: Phrases) -> list[str]:
    """Return who alone may change a table's entries."""
    if not kept:
        return []
    return [composed("Only %(team)s may change its entries.", team=words.role(kept.role))]


def completed(record: nodes.Record, words: Phrases) -> Iterator[tuple[nodes.ByTeam, str]]:
    """Yield who completes blank values, each team once with its fields."""
    fields: dict[str, list[nodes.Field]] = {}
    for field in record.fields:
        if isinstance(field, nodes.Field) and field.completed is not None:
            fields.setdefault(field.completed.role, []).append(field)
    for role, own in fields.items():
        clause = next(field.completed for field in own if field.completed is not None)
        yield (
            clause,
            composed(
                "%(team)s may fill in a blank or unreadable %(fields)s of %(whose)s; no one else"
                " does.",
                team=capitalize(words.role(role)),
                fields=join_words([named(field.name) for field in own], "or"),
                whose=whose(record),
            ),
        )
