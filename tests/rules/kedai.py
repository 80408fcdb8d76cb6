"""The tea seller of kedai.rules: its program, an order that is fine, and the world around it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from grammar.parsing.parser import parse
from rules.facts import Entry, Facts, Subject, TargetState, UnitEntry, World
from rules.outcomes import Decision, Finding, Outcome
from rules.program import Program, compile_ruleset, hash_files
from tests.rules.one_meaning import in_every_way

FILE = Path(__file__).with_name("kedai.rules")
TEXT = FILE.read_text(encoding="utf-8")
UNTABLED = TEXT[: TEXT.index("on edit of order")] + TEXT[TEXT.index("post order to") :]
"""The same rules with no word on what is posted already, as older versions of them may be."""
NOW = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)  # 02:00 of the 19th in the shop
INVOICE, RECEIPT = "aiaccount.sales_invoice", "aiaccount.sales_receipt"


@cache
def program_of(text: str = TEXT) -> Program:
    ruleset, problems = parse({"kedai.rules": text})
    assert problems == ()
    return compile_ruleset(ruleset, hash=hash_files({"kedai.rules": text}))


def line(**changes: Any) -> dict[str, Any]:
    row = {
        "pos": 1,
        "sku": "TEA-1",
        "name": "Tea",
        "uom": "CTN",
        "qty": "2",
        "price": "96.00",
        "tax": "SST",
    }
    return row | changes


def order(**changes: Any) -> dict[str, Any]:
    cup = line(pos=2, sku="CUP-4", name="Cup", uom="PCS", qty="3", price="12.50", tax="NONE")
    body = {
        "number": "NS-1",
        "status": "Paid",
        "ordered_on": "2026-11-18",
        "paid_at": "2026-11-17T06:30:00Z",
        "customer": "C-77",
        "customer_name": "Aisyah Rahman",
        "subtotal": "229.50",
        "tax_total": "19.20",
        "round_off": "0.00",
        "total": "248.70",
        "created_by": "lim",
        "lines": [line(), cup],
    }
    return {k: v for k, v in (body | changes).items() if v is not None}


def entries(rows: Mapping[str, str], first: int = 1) -> dict[str, Entry]:
    return {k: Entry(i, v) for i, (k, v) in enumerate(rows.items(), start=first)}


def world(**changes: Any) -> World:
    maps = {
        "debtor": entries({"C-77": "300-C077"}),
        "debtor_of_tin": entries({"IG115002000": "300-C077"}, 100),
        "item": entries({"TEA-1": "TEA-1", "CUP-4": "CUP-4", "ABC-01": "ABC-01"}, 200),
        "tax_code": entries({"SST": "MY-SALES10", "NONE": "NT"}, 300),
        "tax_rate": entries({"SST": "10%", "NONE": "0%"}, 400),
    }
    maps |= changes.pop("maps", {})
    units = {
        "BOX": UnitEntry(500, 12, 1, "PCS"),
        "CTN": UnitEntry(501, 4, 1, "BOX"),
        "CTN|TEA-1": UnitEntry(502, 40, 1, "PCS"),
    }
    units |= changes.pop("units", {})
    targets = {"aiaccount": TargetState(known=True, locked_through=date(2026, 9, 30))}
    targets |= changes.pop("targets", {})
    return World.build(1, maps, units, targets)


def judge(body: Mapping[str, Any], *, at: datetime = NOW, **given: Any) -> Outcome:
    """The outcome of an order; `given` is facts, or program and world."""
    program = given.pop("program", None) or program_of()
    around = given.pop("world", None) or world()
    kind = given.pop("kind", "order")
    facts = Facts(**({"first_seen": NOW} | given))
    return in_every_way(program, Subject(kind, "netshop", body, 1), facts, around, at)


def decision(outcome: Outcome, route: str = INVOICE) -> Decision:
    return next(d for d in outcome.decisions if d.route == route)


def findings(body: Mapping[str, Any], route: str = INVOICE, **given: Any) -> list[Finding]:
    return list(decision(judge(body, **given), route).findings)


def only(body: Mapping[str, Any], route: str = INVOICE, **given: Any) -> Finding:
    found = findings(body, route, **given)
    assert len(found) == 1, [f.message for f in found]
    return found[0]
