"""The hold catalogue: each declaration that can hold has its line, and each code its entry."""

from pathlib import Path

import pytest

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from grammar.text.finding_codes import HOLD_CODES
from rules.rulebook import hold_entries
from rules.rulebook.hold_catalogue import Reason, catalogue
from rules.rulebook.hold_entries import Placer
from tests.support.templates import rules_of

STARTERS = Path(__file__).resolve().parents[3] / "portal" / "starters"
NAMES = sorted(found.parent.name for found in STARTERS.glob("*/names.rules"))
RULES = """
language 1
role accounts   "Accounts team"
role sales      "Sales"
gate order
    ready   paid
    hold    odd  for sales  say "Odd: {number}."
check adds_up on order
    require  total > 1.00
    else     hold for accounts
    say      "It is {total}."
    clears   by sales
check never_ends on order
    require  period = open
    else     hold for accounts
    say      "Locked."
    clears   never
check only_said on order
    require  total > 2.00
    else     warn
    say      "It is {total}."
    clears   when it passes
"""


def of_starter(name: str) -> Ruleset:
    ruleset, problems = parse(rules_of(name))
    assert [one for one in problems if one.severity == "error"] == []
    return ruleset


def named(reasons: tuple[Reason, ...], code: str, name: str) -> Reason:
    return next(one for one in reasons if one.code == code and one.name.startswith(name))


def test_every_code_that_a_hold_can_have_has_an_entry() -> None:
    assert hold_entries.codes_without_entry() == ()
    assert hold_entries.codes_without_entry(["MAP01", "NEW01"]) == ("NEW01",)
    with pytest.raises(RuntimeError, match=r"hold catalogue: .*NEW01"):
        hold_entries.require_all([*HOLD_CODES, "NEW01"])
    with pytest.raises(RuntimeError, match=r"hold catalogue: .*TGT05"):
        hold_entries.require_all([code for code in HOLD_CODES if code != "TGT05"])


@pytest.mark.parametrize("name", NAMES)
def test_each_declaration_of_a_template_that_can_hold_is_listed(name: str) -> None:
    ruleset = of_starter(name)
    reasons = catalogue(ruleset)
    lines = {(one.span.file, one.span.line) for one in reasons if one.span}
    holding = [c for c in ruleset.checks if c.action.kind == "hold"]
    held = [row for gate in ruleset.gates for row in gate.rows if row.word == "hold"]
    wanted = [one.span for one in holding] + [one.span for one in held]
    wanted += [one.span for one in ruleset.approvals] + [one.span for one in ruleset.duplicates]
    wanted += [table.missing.span for table in ruleset.maps]
    assert [one for one in wanted if (one.file, one.line) not in lines] == []
    warned = {(c.span.file, c.span.line) for c in ruleset.checks if c.action.kind == "warn"}
    assert warned & lines == set()
    assert len(set(reasons)) == len(reasons)
    assert all(one.clears and one.blocks for one in reasons)


def test_who_releases_is_what_the_rule_says() -> None:
    ruleset, _ = parse({"a.rules": RULES})
    reasons = catalogue(ruleset)
    assert named(reasons, "HLD01", "Status “odd”").released == "Sales"
    one = named(reasons, "CHK01", "Adds up")
    assert (one.owner, one.released, one.by_rules) == ("Accounts team", "Sales", True)
    assert named(reasons, "PER01", "Never ends").released == ""
    assert not any(one.name.startswith("Only said") for one in reasons)
    assert not any(one.name.startswith("Adds up") for one in reasons if one.code == "PER01")
    assert named(reasons, "TGT05", "").released == "Its team decides"
    assert named(reasons, "TGT01", "").placer is Placer.TARGET
    assert named(reasons, "EVA03", "").blocks == "Everything of the record"


@pytest.mark.parametrize("name", NAMES)
def test_sums_that_differ_are_held_for_the_team_behind_tolerance(name: str) -> None:
    ruleset = of_starter(name)
    titles = {role.name: role.title for role in ruleset.roles}
    wanted = {titles[one.tolerance_action.role or ""] for one in ruleset.targets}
    assert {one.owner for one in catalogue(ruleset) if one.code == "SUM01"} == wanted
