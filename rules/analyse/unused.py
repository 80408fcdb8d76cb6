"""What is declared and never used?

Here: maps, roles, consts, samples that nothing names: findings of style. Not here: anything wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.owners import roles
from rules.analyse.places import places, problem, tables, uses
from rules.index import Index

_LACKS = {"role": "the owner of nothing", "sample": "in no test"}


def check(index: Index) -> Iterator[Problem]:
    """Declarations without a use."""
    rules = index.ruleset
    named = {name for place in places(index) for name in uses(place.expr)}
    named |= {name for table in tables(index) for name in _in_table(table)}
    owners = {role for role, _ in roles(index)}
    given = {t.given for t in rules.tests} | _seen(index)
    for code, what, nodes, used in (
        ("USE01", "map", rules.maps, named),
        ("USE02", "role", rules.roles, owners),
        ("USE03", "const", rules.consts, named),
        ("USE04", "sample", rules.samples, given),
        ("USE05", "link", rules.links, named),
    ):
        for node in nodes:
            if node.name not in used:
                message = f"the {what} '{node.name}' is {_LACKS.get(what, 'never used')}"
                hint = f'Use it, leave it out, or: silence {code} of {node.name} because "…"'
                yield problem(code, message, hint, node.span)


def _in_table(table: n.Table) -> Iterator[str]:
    """The columns of a table, and the consts that its cells compare with."""
    yield from table.head
    for cell in (c for row in table.rows for c in row.cells):
        if isinstance(cell, n.Compared) and isinstance(cell.value, n.Word):
            yield cell.value.name


def _seen(index: Index) -> set[str]:
    facts = [f for sample in index.ruleset.samples for f in sample.facts]
    facts += [f for test in index.ruleset.tests for f in test.facts]
    facts += [f for test in index.ruleset.tests for step in test.steps for f in step.facts]
    return {name for f in facts if isinstance(f, n.IsRecords) for name in f.samples}
