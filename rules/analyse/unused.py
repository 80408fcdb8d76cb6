"""What is declared and never used?

Here: maps, roles, consts, samples that nothing names: findings of style. Not here: anything wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.owners import roles
from rules.analyse.places import places, problem, uses
from rules.index import Index

_HINT = "Use it, or leave it out."


def check(index: Index) -> Iterator[Problem]:
    """Declarations without a use."""
    named = {name for place in places(index) for name in uses(place.expr)}
    for table in index.ruleset.maps:
        if table.name not in named:
            yield _style("USE01", f"the map '{table.name}' is never used", table)
    for const in index.ruleset.consts:
        if const.name not in named:
            yield _style("USE03", f"the const '{const.name}' is never used", const)
    owners = {role for role, _ in roles(index)}
    for role in index.ruleset.roles:
        if role.name not in owners:
            yield _style("USE02", f"the role '{role.name}' owns nothing", role)
    given = {t.given for t in index.ruleset.tests} | _seen(index)
    for sample in index.ruleset.samples:
        if sample.name not in given:
            yield _style("USE04", f"the sample '{sample.name}' is in no test", sample)


def _seen(index: Index) -> set[str]:
    facts = [f for sample in index.ruleset.samples for f in sample.facts]
    facts += [f for test in index.ruleset.tests for f in test.facts]
    return {name for f in facts if isinstance(f, n.IsRecords) for name in f.samples}


def _style(code: str, message: str, node: n.Map | n.Const | n.Role | n.Sample) -> Problem:
    return problem(code, message, _HINT, node.span, "style")
