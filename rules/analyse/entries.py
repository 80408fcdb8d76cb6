"""Are the rows of maps and consts one kind of value, each key once?

Here: rows written in the rules. Not here: rows of CSV files (rules/seeds.py tells when it reads
them).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.index import Index
from rules.seeds import seeds


def check(index: Index) -> Iterator[Problem]:
    """Rows of maps, rows of consts."""
    for table in index.ruleset.maps:
        yield from _kinds(tuple(r.value for r in table.rows), f"map '{table.name}'")
        plain = n.Map(table.name, table.match, None, table.rows, table.missing, table.span)
        yield from seeds(n.Ruleset(maps=(plain,)), {}).problems
        if "exact" in table.match and len(table.match) > 1:
            message = f"map '{table.name}' matches exact and not exact"
            yield problem("MAP14", message, "Say exact alone, or leave it out.", table.span)
    for const in index.ruleset.consts:
        yield from _kinds(tuple(r.value for r in const.rows), f"const '{const.name}'")
        seen: set[date] = set()
        for row in const.rows:
            if row.since in seen:
                message = f"const '{const.name}' has two values from {row.since}"
                yield problem("TAB10", message, "Keep one of them.", row.span)
            seen.add(row.since)


def _kinds(values: tuple[n.Literal, ...], what: str) -> Iterator[Problem]:
    for value in values[1:]:
        if value.kind != values[0].kind:
            message = f"{what} holds a {values[0].kind} and a {value.kind}"
            yield problem("MAP13", message, "All its values are of one kind.", value.span)
            return
