"""What is held by default: no lines, a negative quantity, a negative total; and how it goes."""

from typing import Any

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.program import Program, compile_interpreted, compile_ruleset
from rules.rulebook.book import build_book
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NOW, TEXT, line, order

ROUTE = "books.invoice"
CLAUSE = "    allows   no lines, negative quantities, negative totals\n"
PLACE = "    we own   the rest  else review by accounts\n    DocNo "
BOTH = pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
EMPTY = order(total="0.00")
BACK = order(line(qty="-1"), total="-11.04")
MINUS = order(line(price="-10.04"), total="-11.04")
FINE = order(line(), total="11.04")


def text(clause: str = "", total: str = "total") -> str:
    assert TEXT.count(PLACE) == 1
    return TEXT.replace(PLACE, clause + PLACE).replace(
        "    Total      = total\n", f"    Total      = {total}\n"
    )


def program(made_by: Any, rules: str) -> Program:
    ruleset, broken = parse({"shop.rules": rules})
    assert broken == ()
    return made_by(ruleset, hash="h")  # type: ignore[no-any-return]


def judged(of: Program, body: dict[str, Any], *released: str) -> Outcome:
    world = load_seeds(of.ruleset, {}).world(1, {"books": TargetState(known=True)})
    facts = Facts(NOW, releases=frozenset((ROUTE, rule) for rule in released))
    return in_every_way(of, Subject("order", "shop", body, 1), facts, world, NOW)


def held(outcome: Outcome) -> list[str]:
    (decision,) = outcome.decisions
    return [f.rule for f in decision.findings if f.code == "VAL03"]


@BOTH
@pytest.mark.parametrize(
    ("body", "rules", "words"),
    [
        (EMPTY, ["no_lines"], "This order has no lines."),
        (order(total="0.00", lines=None), ["no_lines"], "This order has no lines."),
        (
            BACK,
            ["negative_quantities", "negative_totals"],
            "The qty is -1 on line 1.",
        ),
        (
            order(line(), line(pos=2, qty="-0.5"), line(pos=3, qty="-2"), total="0.00"),
            ["negative_quantities"],
            "The qty is -0.5 on line 2, and on 1 more line.",
        ),
        (MINUS, ["negative_totals"], "The total is -11.04."),
        (FINE, [], ""),
        (order(line(qty="0"), total="0.00"), ["no_lines"], "This order has no lines."),
    ],
)
def test_T13a_it_is_held_for_its_owner_in_words(
    made_by: Any, body: dict[str, Any], rules: list[str], words: str
) -> None:
    outcome = judged(program(made_by, text()), body)
    assert held(outcome) == rules
    found = [f for f in outcome.decisions[0].findings if f.code == "VAL03"]
    assert all(f.severity == "hold" and f.owner == "accounts" for f in found)
    assert all(str(f.clears) == "by:accounts" for f in found)
    if rules:
        assert found[0].message.startswith(words)
        assert outcome.decisions[0].state == "held"


@BOTH
def test_T13b_a_word_of_the_route_lets_it_go_and_the_trace_says_so(made_by: Any) -> None:
    whole = program(made_by, text(CLAUSE))
    for body in (EMPTY, BACK, MINUS):
        assert held(judged(whole, body)) == []
    told = [v.text for v in judged(whole, EMPTY).verdicts if v.rule == "no_lines"]
    assert told == ["This order has no lines. The rules allow it: no lines."]
    some = program(made_by, text("    allows   negative quantities\n"))
    assert held(judged(some, BACK)) == ["negative_totals"]
    assert held(judged(some, EMPTY)) == ["no_lines"]


@BOTH
def test_T13b_a_person_may_release_it(made_by: Any) -> None:
    one = program(made_by, text())
    assert held(judged(one, BACK, "negative_quantities")) == ["negative_totals"]
    assert held(judged(one, BACK, "negative_quantities", "negative_totals")) == []
    hits = {
        v.rule: v.released for v in judged(one, EMPTY, "no_lines").verdicts if v.kind == "field"
    }
    assert hits == {"no_lines": True}


@BOTH
def test_T13b_the_total_of_a_document_made_in_another_way_counts_too(made_by: Any) -> None:
    turned = program(made_by, text(total="-total"))
    (found,) = [f for f in judged(turned, FINE).decisions[0].findings if f.code == "VAL03"]
    assert found.message.startswith("The Total is -11.04.")


COUNTED = """
check has_lines on order
    require  count(lines) > 0
    else     hold for accounts
    say      "{number} has no lines."
    clears   by accounts
"""
OWED = order(total="11.04")
"""An order of which the lines are missing."""


@BOTH
@pytest.mark.parametrize(
    ("rules", "once"),
    [(text(), ["no_lines"]), (text(CLAUSE) + COUNTED, ["has_lines"])],
    ids=["by the language", "by a check"],
)
def test_what_is_held_for_having_no_lines_is_not_held_for_its_total_too(
    made_by: Any, rules: str, once: list[str]
) -> None:
    def found(*released: str) -> list[str]:
        outcome = judged(program(made_by, rules), OWED, *released)
        return [f.rule for f in outcome.decisions[0].findings]

    assert found() == once
    assert found(*once) == ["tolerance"], "whoever lets it go is asked about that"


@BOTH
def test_without_lines_and_without_a_word_about_them_the_total_is_held(made_by: Any) -> None:
    allowed = program(made_by, text(CLAUSE))
    assert [f.rule for f in judged(allowed, OWED).decisions[0].findings] == ["tolerance"]


@BOTH
def test_a_check_that_counts_some_of_the_lines_does_not_speak_for_the_total(made_by: Any) -> None:
    some = COUNTED.replace("count(lines)", "count(lines where qty > 0)")
    of_some = program(made_by, text(CLAUSE) + some)
    found = [f.rule for f in judged(of_some, OWED).decisions[0].findings]
    assert found == ["has_lines", "tolerance"]


def test_T13c_a_glance_says_what_the_outcome_says_in_both_engines() -> None:
    for rules in (text(), text(CLAUSE), text(total="-total")):
        one, other = program(compile_ruleset, rules), program(compile_interpreted, rules)
        world = load_seeds(one.ruleset, {}).world(1, {"books": TargetState(known=True)})
        for body in (EMPTY, BACK, MINUS, FINE):
            subject = Subject("order", "shop", body, 1)
            assert judged(one, body) == judged(other, body)
            quick = one.glance(subject, Facts(NOW), world, NOW)
            assert quick == other.glance(subject, Facts(NOW), world, NOW)
            assert quick.routes[0].state == judged(one, body).decisions[0].state


@pytest.mark.parametrize(
    ("clause", "code"),
    [
        ("    allows   no lines, no lines\n", "POS25"),
        ("    allows   no lines\n", ""),
        (CLAUSE, ""),
    ],
)
def test_T13d_a_word_that_allows_nothing_is_a_finding(clause: str, code: str) -> None:
    ruleset, broken = parse({"shop.rules": text(clause)})
    assert broken == ()
    assert [p.code for p in check(ruleset) if p.severity != "style"] == ([code] if code else [])


def test_T13d_the_clause_has_a_layout_and_a_sentence() -> None:
    ruleset, _ = parse({"shop.rules": text(CLAUSE)})
    assert CLAUSE in format_text(text(CLAUSE), "a")
    said = [e.text for section in build_book(ruleset).sections for e in section.entries]
    wanted = (
        "may have no lines, negative quantities and negative totals: no one is asked about them."
    )
    assert [one for one in said if one.endswith(wanted)]


@BOTH
def test_T13a_what_waits_for_its_status_is_not_asked_yet(made_by: Any) -> None:
    """A draft has no lines as long as nobody has written one."""
    one = program(made_by, text())
    outcome = judged(one, EMPTY | {"status": "open"})
    assert held(outcome) == []
    assert outcome.decisions[0].state == "waiting"


@BOTH
def test_a_total_that_is_no_decimal_fraction_is_below_zero_too(made_by: Any) -> None:
    part = judged(program(made_by, text(total="0.00 - total / 7")), FINE)
    assert held(part) == ["negative_totals"]
