"""The coffee roaster of roaster.rules: its program, an order, and what is posted of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from grammar.parsing.parser import parse
from rules.facts import Entry, Facts, PostingFact, Subject, TargetState, UnitEntry, World
from rules.outcomes import Decision, Outcome, Step
from rules.program import Program, compile_ruleset
from rules.values.canonical import PostingState
from tests.rules.one_meaning import in_every_way

TEXT = Path(__file__).with_name("roaster.rules").read_text("utf-8")
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
INVOICE, NOTE = "autocount.invoice", "autocount.credit_note"
OPEN = TargetState(known=True)
LOCKED = TargetState(known=True, locked_through=date(2026, 11, 30))


@cache
def program_of(text: str = TEXT) -> Program:
    ruleset, problems = parse({"roaster.rules": text})
    assert problems == ()
    return compile_ruleset(ruleset, hash="")


def line(**changes: Any) -> dict[str, Any]:
    row = {"pos": 1, "sku": "HOUSE", "uom": "BAG", "qty": "3", "price": "3.3366"}
    return row | changes


def order(**changes: Any) -> dict[str, Any]:
    body = {
        "number": "C-1",
        "status": "agreed",
        "version": 1,
        "written_by": "aina",
        "ordered_on": "2026-11-16",
        "buyer": "B-7",
        "branch": "KL",
        "shipping": "8.00",
        "total": "18.01",
        "lines": [line()],
    }
    return body | changes


def parcel(*quantities: str, day: str = "2026-11-18", number: str = "P-1") -> dict[str, Any]:
    """A parcel with so many bags for each line of the order."""
    rows = [
        {"pos": at, "of_line": at, "sku": "HOUSE", "uom": "BAG", "qty": quantity}
        for at, quantity in enumerate(quantities, start=1)
    ]
    body = {"number": number, "order_no": "C-1", "status": "left", "left_on": day, "branch": "KL"}
    return body | {"lines": rows}


def world(state: TargetState = OPEN) -> World:
    maps = {"debtor": {"B-7": Entry(1, "300-B7"), "B-8": Entry(2, "300-B8")}}
    units = {"BOX": UnitEntry(9, 12, 1, "BAG")}
    return World.build(1, maps, units, {"autocount": state})


def judge(
    body: Mapping[str, Any],
    *parcels: Mapping[str, Any],
    program: Program | None = None,
    state: TargetState = OPEN,
    version: int = 1,
    **given: Any,
) -> Outcome:
    """The outcome of an order of which these parcels left; `given` is facts."""
    known: dict[str, Any] = {
        "first_seen": NOW,
        "links": {"parcels": parcels},
        "documents_of_family": {"autocount.delivery_order": "P"},
    }
    facts = Facts(**(known | given))
    subject = Subject("order", "cafe", body, version)
    return in_every_way(program or program_of(), subject, facts, world(state), NOW)


def invoice(outcome: Outcome) -> Decision:
    return next(d for d in outcome.decisions if d.route == INVOICE)


def decide(*args: Any, **given: Any) -> Decision:
    return invoice(judge(*args, **given))


def actions(decision: Decision) -> list[tuple[str, str, int]]:
    return [(s.action, s.route, s.seq) for s in decision.plan]


def posted(step: Step, **changes: Any) -> PostingFact:
    """What a create or an update leaves in the target."""
    document = step.document
    assert document is not None
    content = {"fields": document.fields, "lines": list(document.lines)}
    fact = PostingFact(
        step.route,
        step.seq,
        PostingState.POSTED,
        document.number,
        1,
        content,
        billed=step.billed,
        e_invoice_at=NOW - timedelta(hours=5),
    )
    return replace(fact, **changes)


def first_bill(body: Mapping[str, Any], *parcels: Mapping[str, Any], **given: Any) -> PostingFact:
    """The posting of the first bill, with the record as it was then."""
    found = decide(body, *parcels, **given)
    assert found.state == "ready", found
    return posted(found.plan[0], body=body)


def amount(step: Step, at: int = 0) -> Decimal:
    assert step.document is not None
    return Decimal(step.document.lines[at]["SubTotal"])


GONE = parcel("1")
BILL = first_bill(order(), GONE)


def changed(**given: Any) -> dict[str, Any]:
    """A second version of the order, whose first bill is posted."""
    return {"postings": (BILL,), "version": 2} | given
