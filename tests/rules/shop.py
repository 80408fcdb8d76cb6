"""A small shop for single questions: one record kind, one route, changed piece by piece."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Finding, Outcome, Verdict
from rules.program import Program, compile_ruleset, hash_files
from tests.rules.one_meaning import in_every_way

TEXT = """\
language 1

role accounts  "Accounts"

source shop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "{field} is blank."

target books
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "{field} is not told."

record order from shop
    number   text   key
    status   one of paid, open
    day      date   dated
    total    money
    lines    many order_line

record order_line of order
    pos      whole     key
    sku      text
    uom      text
    qty      quantity
    price    money
    amount   = round(line.qty * line.price, 0.01)
    tax_due  = round(line.amount * 10%, 0.01)
    pieces   = in_base(line.qty, line.uom, line.sku)

map item
    match    exact
    "T-1" -> "TEA"
    missing  hold for accounts  say "{key} is no item."

units
    base     PCS
    1 CTN    = 12 PCS
    missing  hold for accounts  say "Nobody told what a {uom} of {item} holds."

gate order
    ready    paid
    wait     open

on edit of order
    all  = status, day, total, lines
    | changed        | do                 |
    | all, not_ready | review by accounts |

duplicates of order
    unique by document_number in target
    else     hold for accounts
    say      "{number} is there."

post order to books.invoice as "{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo      = document_number
    DocDate    = day
    Total      = total
    each line
        ItemCode   = item(line.sku)
        Quantity   = line.pieces
        UOM        = base_unit(line.sku)
        TaxCode    = "S"
        TaxAmount  = line.tax_due
        LineTotal  = line.amount
"""
"""The rules; a test replaces pieces of them."""

NO_TOTAL = {
    "    Total      = total\n": "",
    "    immediately\n": '    immediately\n    amount   not compared because "No total here."\n',
}
"""Changes for tests that are about something else than amounts."""

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@lru_cache(maxsize=64)
def _program(text: str, *, checked: bool) -> Program:
    ruleset, problems = parse({"shop.rules": text})
    assert problems == (), problems
    assert not checked or [p for p in check(ruleset) if p.severity == "error"] == []
    return compile_ruleset(ruleset, hash=hash_files({"shop.rules": text}))


def program(
    changes: Mapping[str, str] | None = None, more: str = "", *, checked: bool = True
) -> Program:
    """The shop's rules with pieces replaced, and further declarations behind them."""
    text = TEXT
    for old, new in (changes or {}).items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return _program(f"{text}\n{more}" if more else text, checked=checked)


def line(**changes: Any) -> dict[str, Any]:
    """One line: 12 pieces, RM 10.04 each."""
    row = {"pos": 1, "sku": "T-1", "uom": "PCS", "qty": "1", "price": "10.04"}
    return row | changes


def order(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An order of these lines."""
    body = {"number": "A-1", "status": "paid", "day": "2026-11-19", "total": "0.00"}
    return {k: v for k, v in (body | {"lines": list(lines)} | changes).items() if v is not None}


def judged(
    of: Program,
    body: dict[str, Any],
    *,
    state: TargetState | None = None,
    releases: frozenset[tuple[str, str]] = frozenset(),
    kind: str = "order",
) -> Outcome:
    """What the rules say of a body."""
    world = load_seeds(of.ruleset, {}).world(1, {"books": state or TargetState(known=True)})
    facts = Facts(NOW, releases=releases)
    return in_every_way(of, Subject(kind, "shop", body, 1), facts, world, NOW)


def found(outcome: Outcome) -> list[Finding]:
    """All findings of all routes."""
    return [f for d in outcome.decisions for f in d.findings]


def verdict(outcome: Outcome, kind: str, line_: int | None = None) -> Verdict:
    """The one verdict of a kind, of a line."""
    (only,) = [v for v in outcome.verdicts if v.kind == kind and v.line == line_]
    return only
