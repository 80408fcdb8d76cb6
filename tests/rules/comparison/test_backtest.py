"""Two programs over stored records: counts, money and examples, and that parts add up."""

import gc
import pickle
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from rules.comparison import two_sides
from rules.comparison.two_sides import (
    EXAMPLES,
    Backtest,
    Bad,
    Change,
    Past,
    Reason,
    Sum,
    Tally,
    TwoSides,
    count_fired,
    decision_reason,
)
from rules.comparison.two_sides import RuleSide as Side
from rules.decisions.fast_path import KindGlances
from rules.expressions.checks import SharedKinds, SharedRead
from rules.expressions.run import Run
from rules.facts import Facts, Subject
from rules.outcomes import Document, Glance, RouteWords
from tests.rules.kedai import INVOICE, NOW, RECEIPT, TEXT, judge, order, program_of, world

DRAFT = TEXT.replace("from 2026-01-01 = 3000.00", "from 2026-01-01 = 200.00", 1).replace(
    "    wait     pending\n    hold     returned", "    ready    pending\n    hold     returned", 1
)
WORLD = world()
OLD = Side(program_of(), lambda _: WORLD)
NEW = Side(program_of(DRAFT), lambda _: WORLD)
BOTH = Backtest(OLD, NEW)


def past(line: int, /, state: str = "", **changes: Any) -> Past:
    subject = Subject("order", "netshop", order(**changes), 1)
    states = ((INVOICE, state),) if state else ()
    return Past(subject, Facts(NOW), NOW, states, where=("orders.jsonl", line))


def glanced(side: Side, one: Past) -> Glance:
    return side.program.glance(one.subject, one.facts, side.world(one), one.now)


def cell(was: str, would: str, state: str = "", route: str = INVOICE) -> Change:
    return Change("order", route, state, was, would)


ORDERS = st.lists(
    st.builds(
        lambda line, state, changes: past(line, state, **changes),
        st.integers(1, 40),
        st.sampled_from(["", "posted", "held", "waiting"]),
        st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from(["pending", "returned", "cancelled", "draft", "Nope"]),
                "total": st.sampled_from(["x", "9999.99", "1.005"]),
                "currency": st.sampled_from(["SGD", ""]),
                "tin": st.just("nonsense"),
            },
        ),
    ),
    max_size=8,
    unique_by=lambda p: p.where,
).map(lambda found: sorted(found, key=lambda p: p.where))


def test_the_draft_is_another() -> None:
    assert "= 200.00" in DRAFT
    assert "ready    pending" in DRAFT


def test_was_and_would_be_in_counts_and_money() -> None:
    pasts = [
        past(1, "posted"),
        past(2, "posted", total="248.71"),  # held by both
        past(3, "waiting", status="pending"),
        past(4, "ignored", status="draft"),
        past(5, "posted", currency="SGD"),  # held by both: the document is in ringgit
    ]
    found = BOTH.tally(pasts)
    assert (found.records, found.same) == (5, 3)
    assert {change: money for change, money in found.cells.items() if change.route == INVOICE} == {
        cell("ready", "to approve", "posted"): {"MYR": Sum(1, Decimal("248.70"))},
        cell("held", "held", "posted"): {
            "MYR": Sum(1, Decimal("248.71")),
            "SGD": Sum(1, Decimal("248.70")),
        },
        cell("waiting", "to approve", "waiting"): {"MYR": Sum(1, Decimal("248.70"))},
        cell("ignored", "ignored", "ignored"): {"MYR": Sum(1, Decimal("248.70"))},
    }
    assert found.stopped == {"MYR": Sum(1, Decimal("248.70"))}
    assert found.freed == {}
    assert [p.where[1] for p in found.examples[cell("ready", "to approve", "posted")]] == [1]


def test_a_document_beyond_a_limit_of_its_target_is_held_with_the_words() -> None:
    def limit(document: Document, number: str) -> Reason | None:
        short = document.number == "NS-1" and document.amount < Decimal("248.71")
        return None if short else Reason(number, "target_limits", None, f"{number} is too long.")

    held = replace(OLD, limit=limit)
    pasts = [past(1, "posted"), past(2, "posted", number="NS-77"), past(3, "held", total="x")]
    found = Backtest(OLD, held).tally(pasts)
    moved = {change for change in found.cells if change.was != change.would}
    assert moved == {cell("ready", "held", "posted")}
    assert found.stopped == {"MYR": Sum(1, Decimal("248.70"))}
    why = decision_reason(held, pasts[1], INVOICE)
    assert (why.rule, why.span, why.text) == ("target_limits", None, "NS-77 is too long.")
    assert decision_reason(held, pasts[0], INVOICE) == decision_reason(OLD, pasts[0], INVOICE)
    assert Backtest(held, held).tally(pasts).same == 3


def test_what_would_newly_be_posted_and_by_which_line_it_was_stopped() -> None:
    waiting = past(7, "waiting", status="pending")
    found = Backtest(NEW, OLD).tally([past(6, "held")]), Backtest(OLD, NEW).tally([waiting])
    assert found[0].freed == {"MYR": Sum(1, Decimal("248.70"))}
    assert found[1].stopped == {}  # it was never posted
    why = decision_reason(NEW, past(6), INVOICE)
    assert why.rule == "approve by accounts"
    assert (why.number, why.text) == ("NS-1", "RM 248.70 is above 200.00.")
    assert why.span is not None
    assert DRAFT.splitlines()[why.span.line - 1].startswith("approve order")
    gate = decision_reason(OLD, waiting, INVOICE)
    assert gate.span is not None
    assert TEXT.splitlines()[gate.span.line - 1].strip() == "wait     pending"


def test_a_record_without_an_amount_and_one_that_no_rule_judges_are_counted() -> None:
    nobody = Past(Subject("parcel", "netshop", {}, 1), Facts(NOW), NOW)
    found = BOTH.tally([past(1, total="x"), nobody])
    assert found.cells[cell("held", "held")] == {"": Sum(1, Decimal(0))}
    assert found.judged == {"order": 1, "parcel": 1}
    assert {change.kind for change in found.cells} == {"order"}


def test_a_route_that_only_one_set_has() -> None:
    start = TEXT.index("post order to aiaccount.sales_receipt")
    without = TEXT[:start] + TEXT[TEXT.index("\n\n", start) :]
    side = Side(program_of(without), lambda _: WORLD)
    found = Backtest(OLD, side).tally([past(1)])
    assert cell("waiting", "no route", "", RECEIPT) in found.cells
    assert decision_reason(side, past(1), RECEIPT).text == "no rule posts it"


def test_rules_that_never_and_always_fire() -> None:
    found = BOTH.tally([past(n, total="248.71") for n in (1, 2)])
    sides = {(each.rule, each.kind): each.fired for each in count_fired(NEW, found)}
    assert sides["total_adds", "order"] == 2
    assert sides["old", "order"] == 0
    assert sides["approve by accounts", "order"] == 2
    assert ("owed", "settlement") not in sides  # no settlement was looked at


@given(ORDERS, st.integers(0, 8))
@settings(max_examples=25, deadline=None)
def test_the_tally_of_two_parts_is_the_sum_of_their_tallies(pasts: list[Past], cut: int) -> None:
    parts = BOTH.tally(pasts[:cut]), BOTH.tally(pasts[cut:])
    whole = BOTH.tally(pasts)
    assert parts[0].plus(parts[1]) == parts[1].plus(parts[0]) == whole
    assert whole.plus(Tally()) == whole
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert whole.records == len(pasts)
    for route in (INVOICE, RECEIPT):
        cells = [money for change, money in whole.cells.items() if change.route == route]
        assert sum(one.records for money in cells for one in money.values()) == len(pasts)
    assert all(len(found) <= EXAMPLES for found in whole.examples.values())


OTHERS = {
    "another limit and gate": DRAFT,
    "another sum of a line": TEXT.replace("line.qty * line.price - ", "line.qty * 2.00 - ", 1),
    "another document": TEXT.replace("Total            = total", "Total            = subtotal", 1),
    "another check": TEXT.replace("+ round_off = total", "+ round_off <> total", 1),
    "one check more": f"""{TEXT}
check large on order
    require  total <= 500.00
    and      tin is known
    else     hold for accounts
    say      "Somebody looks at {{total}}."
    clears   by accounts
""",
    "one check less": re.sub(r"check total_adds on order\n(    .*\n)+", "", TEXT, count=1),
    "a check that warns more": f"""{TEXT}
check large on order
    require  total <= 500.00
    else     warn
    say      "Somebody looks at {{total}}."
    clears   by accounts
""",
    "a check that rejects": f"""{TEXT}
check large on order
    require  total <= 500.00
    else     reject
    say      "Nobody pays {{total}}."
    clears   never
""",
    "a check of one route": f"""{TEXT}
check large on order for aiaccount.sales_invoice
    require  total <= 500.00
    else     hold for accounts
    say      "Somebody looks at {{total}}."
    clears   by accounts
""",
    "a limit that only a check names": re.sub(
        r"(const named_buyer_limit\n.*?= )[0-9.]+", r"\g<1>7.00", TEXT, count=1, flags=re.DOTALL
    ),
    "another map": TEXT.replace('"NONE"  ->', '"NIL"   ->', 1),
}


ONLY_CHECKS = {what for what in OTHERS if " check" in what}
OF_ROUTES = {"a check of one route", "a limit that only a check names"}
OTHER_CONST = re.sub(r"(const named_buyer_limit.*?= )[0-9.]+", r"\g<1>7.00", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("what", OTHERS)
@given(ORDERS)
@settings(max_examples=12, deadline=None)
def test_read_once_for_both_is_what_each_reads(what: str, pasts: list[Past]) -> None:
    other = Side(program_of(OTHERS[what]), lambda _: WORLD)
    for one in (Backtest(OLD, other), Backtest(other, OLD)):
        for each in pasts:
            assert one.sides.glances(each) == (glanced(one.old, each), glanced(one.new, each))


def test_checks_that_are_the_same_and_those_that_are_not() -> None:
    once = SharedKinds(
        OLD.program.ruleset, program_of(OTHERS["another check"]).ruleset
    ).shared_read("order")
    assert once is not None
    assert "whole_pieces" in once.checks
    assert "total_adds" not in once.checks
    once = SharedKinds(OLD.program.ruleset, program_of(OTHER_CONST).ruleset).shared_read("order")
    assert once is not None
    assert "total_adds" in once.checks
    assert "buyer_named" not in once.checks  # it names the const that is another


def test_what_two_rule_sets_read_alike() -> None:
    rulesets = {
        what: program_of(text).ruleset for what, text in OTHERS.items() if what not in ONLY_CHECKS
    }
    old = OLD.program.ruleset
    assert all(ruleset != old for ruleset in rulesets.values())
    routes = {}
    for what, ruleset in rulesets.items():
        once = SharedKinds(old, ruleset).shared_read("order")
        routes[what] = None if once is None else once.routes
    assert routes == {
        "another limit and gate": {INVOICE, RECEIPT},
        "another sum of a line": None,
        "another document": {RECEIPT},
        "another map": None,
    }


@pytest.mark.parametrize("what", ["one check more", "a check that warns more"])
@pytest.mark.parametrize(
    ("changes", "carried"),
    [
        ({}, True),
        ({"subtotal": "600.00"}, True),  # another check fails
        ({"total": "600.00"}, None),  # another check, the sum, and what only one has
        ({"customer": "C-0"}, True),
        ({"status": "cancelled", "total": "600.00"}, True),
        ({"status": "pending", "total": "600.00"}, True),
        ({"ordered_on": None}, True),
        ({"total": "x"}, False),  # nobody can answer them
    ],
)
def test_what_one_says_is_said_for_the_other_where_they_differ_in_checks(
    what: str, changes: dict[str, Any], carried: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, found = past(1, **changes), []
    other = Side(program_of(OTHERS[what]), lambda _: WORLD)
    expected = glanced(OLD, one), glanced(other, one)
    asked = KindGlances.carried

    def noted(glances: KindGlances, run: Run, once: SharedRead) -> Any:
        found.append(asked(glances, run, once))
        return found[-1]

    monkeypatch.setattr(KindGlances, "carried", noted)
    assert Backtest(OLD, other).sides.glances(one) == expected
    stops = carried is None and what == "one check more"
    assert found == [None, None if carried is False or stops else expected[1]]


RELEASES = st.frozensets(st.sampled_from([(INVOICE, "total_adds"), (INVOICE, "large")]))


@pytest.mark.slow
@pytest.mark.parametrize("what", sorted(ONLY_CHECKS))
@given(ORDERS, RELEASES)
@settings(max_examples=25, deadline=None)
def test_another_check_is_asked_of_every_record_and_nothing_else_changes(
    what: str, pasts: list[Past], releases: frozenset[tuple[str, str]]
) -> None:
    other = Side(program_of(OTHERS[what]), lambda _: WORLD)
    for one in (Backtest(OLD, other), Backtest(other, OLD)):
        once = one.sides._alike.shared_read("order")
        assert once is not None
        assert once.but_checks is (what not in OF_ROUTES)
        for each in pasts:
            found = replace(each, facts=replace(each.facts, releases=releases))
            assert one.sides.glances(found) == (glanced(one.old, found), glanced(one.new, found))


@pytest.mark.parametrize("broken", ["old", "new"])
def test_many_at_once_say_what_each_says_alone(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(one: Past) -> Any:
        if one.where[1] == 3:
            raise LookupError("revision 9 is not stored")
        return WORLD

    sides = {"old": OLD, "new": NEW} | {broken: Side(getattr(BOTH, broken).program, lost)}
    both = TwoSides(**sides)
    monkeypatch.setattr(two_sides, "AT_ONCE", 2)
    unread = Bad(("orders.jsonl", 2), "no JSON")
    given: list[Past | Bad] = [
        past(1),
        unread,
        past(3),
        past(4, total="1.00"),
        unread,
        past(6, customer="C-404"),
    ]
    told = list(both.each(given))
    assert [one for one, _ in told] == given
    for one, said in told:
        if isinstance(one, Bad) or one.where[1] == 3:
            assert isinstance(said, LookupError)
        else:
            assert said == both.glances(one)
    with pytest.raises(LookupError, match="revision 9"):
        both.glances(past(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "other", [NEW, Side(program_of(OTHERS["one check more"]), lambda _: WORLD)]
)
def test_what_a_backtest_has_judged_is_freed_at_once(other: Side) -> None:
    pasts = [past(1), past(2, total="1.00"), past(3, customer="C-404"), past(4, total="x")]
    backtest = Backtest(OLD, other)
    backtest.tally(pasts)  # functions that are written when they are first asked
    gc.collect()
    searched = gc.isenabled()
    gc.disable()
    try:
        backtest.tally(pasts)
        left = [one for one in gc.get_objects() if isinstance(one, Run)]
    finally:
        if searched:
            gc.enable()
    assert not left


def test_more_than_checks_differs() -> None:
    number = TEXT.replace("const sales_account", 'const prefix\n    from 2026-01-01 = "RC"\n\n', 1)
    texts = [number.replace('"RC-{number}"', '"{prefix}-{number}"')] * 2
    texts[1] = texts[1].replace('from 2026-01-01 = "RC"', 'from 2026-01-01 = "QQ"')
    assert texts[0] != texts[1]
    once = SharedKinds(*(parse({"kedai.rules": text})[0] for text in texts)).shared_read("order")
    assert once is not None
    assert not once.but_checks  # the const is in the number of a document
    assert once.routes == {INVOICE}
    once = SharedKinds(OLD.program.ruleset, NEW.program.ruleset).shared_read("order")
    assert once is not None
    assert not once.but_checks  # a gate is another


@pytest.mark.slow
@given(ORDERS)
@settings(max_examples=20, deadline=None)
def test_the_word_is_that_of_the_strongest_finding(pasts: list[Past]) -> None:
    for side in (OLD, NEW):
        words = RouteWords(side.program.rules, side.program.ruleset)
        for one in pasts:
            seen = glanced(side, one)
            outcome = judge(one.subject.body, program=side.program, world=WORLD)
            for glance, decision in zip(seen.routes, outcome.decisions, strict=True):
                severities = {f.severity for f in decision.findings} - {"warn"}
                only = decision.state == "held" and severities == {"approve"}
                assert words.word_of(glance) == ("to approve" if only else decision.state)


def test_a_side_that_knows_more_of_a_record_says_so() -> None:
    there = {f"dup:{INVOICE}:order.0": ("NS-9",)}
    knowing = Side(OLD.program, OLD.world, lambda one: replace(one.facts, history=there))
    was, would = TwoSides(OLD, knowing).glances(past(1))
    states = [{told.route: told.state for told in one.routes}[INVOICE] for one in (was, would)]
    assert states == ["ready", "held"]
