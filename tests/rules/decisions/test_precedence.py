"""One function says what wins, for the story and for the glance: every case of it, spelled out."""

import decimal
from itertools import product
from typing import Any, get_args

import pytest

from grammar import nodes
from rules.decisions.judge_record import KindProgram
from rules.decisions.verdict import Reason, decide
from rules.facts import Facts, Subject
from rules.outcomes import Decision, GateSaid
from rules.values.cause_keys import Unknown
from rules.values.kinds import CONTEXT
from tests.rules.kedai import INVOICE, NOW, RECEIPT, TEXT, line, order, program_of, world
from tests.rules.one_meaning import in_every_way

GATES = (*get_args(nodes.GateWord), "unknown")
WORST = ("reject", "hold", "approve", None)


class Route:
    """One that answers what it is told to, and notes what it was asked."""

    def __init__(self, *, worst: str | None, agree: bool, early: bool, whole: bool) -> None:
        self.worst, self.agree, self.early, self.whole = worst, agree, early, whole
        self.goes = self.counted = False
        self.asked: list[str] = []

    def rules(self, *, goes: bool) -> None:
        self.goes = goes
        self.asked.append("rules")

    def counts(self) -> None:
        self.counted = True

    def waits(self, reason: Reason) -> bool:
        self.asked.append(reason)
        return self.early if reason == "turn" else True

    def has_document(self) -> bool:
        return self.goes and self.whole

    def approvals(self) -> None:
        self.asked.append("approvals")

    def strictest(self) -> str | None:
        if self.counted and self.worst is not None:
            return self.worst
        return "approve" if "approvals" in self.asked and self.agree else None


def expected(gate: str, applies: Any, route: Route) -> tuple[str, list[str]]:
    """The state, and what is asked on the way: written as a person would say it."""
    if gate == "ignore":
        return "ignored", ["rules"]
    if gate == "cancel":
        return "dropped", ["rules"]
    found = {"reject": "ignored", "hold": "held", "approve": "held", None: ""}[route.worst]
    if gate == "wait":
        return found or "waiting", ["rules", "gate"]
    if applies is False:
        return "waiting", ["rules", "when"]
    if gate != "unknown" and applies is True and route.whole:
        agree = "held" if route.agree else ""
        last = "waiting" if route.early else "ready"
        return found or agree or last, ["rules", "turn", "approvals"]
    if route.early:
        return found or "waiting", ["rules", "turn"]
    return found or "waiting", ["rules", "turn", "document"]


@pytest.mark.parametrize("gate", GATES)
def test_every_case_of_a_route_that_has_posted_nothing(gate: GateSaid) -> None:
    yes = (True, False)
    for applies, worst, agree, early, whole in product((*yes, Unknown()), WORST, yes, yes, yes):
        route = Route(worst=worst, agree=agree, early=early, whole=whole)
        found = decide(route, gate, applies)
        case = (applies, worst, agree, early, whole)
        assert (found, route.asked) == expected(gate, applies, route), case
        assert route.goes is (gate in {"ready", "hold"} and applies is True), case


APPROVAL = """approve order for aiaccount.sales_invoice
    when     total > second_look"""
ASKS = TEXT.replace(APPROVAL, 'approve order\n    when     created_by = "lim"', 1)
REJECTS = """
check ancient on order
    require  ordered_on >= today - 60d
    else     reject
    say      "{number} is of another time."
    clears   never
"""
BODIES = product(
    ("Paid", "pending", "returned", "draft", "cancelled"),
    ("2026-11-17T06:30:00Z", "2026-11-30T06:30:00Z", None),  # past, to come, nobody has paid
    ("248.70", "1.00"),  # the sum of its parts, or not
    ("lim", "mei"),  # of whose orders somebody must approve, or not
    ("2026-11-18", "2026-10-10", "2026-08-18"),  # fine, warned of, rejected
)


@pytest.mark.slow
def test_a_glance_says_of_every_case_what_the_story_says() -> None:
    assert ASKS != TEXT
    program, quick = program_of(ASKS + REJECTS), 0
    states: set[tuple[str, str]] = set()
    kind: KindProgram = program._kinds["order"]
    for status, paid, total, editor, day in BODIES:
        body = order(status=status, paid_at=paid, total=total, created_by=editor, ordered_on=day)
        for before in ({}, {INVOICE: "NS-1"}):
            asked = (
                Subject("order", "netshop", body, 1),
                Facts(NOW, documents_of_family=before),
                world(),
                NOW,
            )
            outcome = in_every_way(program, *asked)
            with decimal.localcontext(CONTEXT):
                quick += kind.glances.glance(kind.opened(*asked)) is not None
            states.update((status, decision.state) for decision in outcome.decisions)
    assert quick == 192
    assert {state for status, state in states if status == "Paid"} == {
        "ready",
        "waiting",
        "held",
        "ignored",
    }
    assert {state for status, state in states if status == "cancelled"} == {"dropped"}


def told(route: str, body: dict[str, Any], **facts: Any) -> Decision:
    subject = Subject("order", "netshop", body, 1)
    outcome = in_every_way(program_of(), subject, Facts(NOW, **facts), world(), NOW)
    return next(d for d in outcome.decisions if d.route == route)


def test_what_waits_has_its_document_and_no_plan() -> None:
    found = told(INVOICE, order(paid_at="2026-11-30T06:30:00Z"))
    assert (found.state, found.plan) == ("waiting", ())
    assert found.document is not None
    assert [step.action for step in told(INVOICE, order()).plan] == ["create"]


def test_what_is_held_because_something_is_missing_waits_for_nothing() -> None:
    found = told(INVOICE, order(lines=[line(sku="nothing")]))
    assert (found.state, found.document, found.wait) == ("held", None, None)


def test_a_document_waits_while_somebody_decides_about_the_one_before() -> None:
    before = {"documents_of_family": {INVOICE: "NS-1"}}
    assert told(RECEIPT, order(), **before).state == "ready"
    found = told(RECEIPT, order(), **before, held_of_family={INVOICE: "held for accounts (x)"})
    assert (found.state, found.reason) == (
        "waiting",
        f"waits while {INVOICE} NS-1 is held for accounts (x)",
    )
