"""A link that compares with fields of the record itself: a return is of a sale of before."""

from datetime import UTC, datetime
from typing import Any

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.editing.mentions import Mention, suggest
from rules.editing.symbols import mentions
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.program import compile_interpreted, compile_ruleset
from rules.rulebook.book import build_book
from rules.types.symbol_table import Index, Schemas
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import TEXT as SHOP
from tests.rules.shop import line, order

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
MORE = """
record refund from shop
    number        text   key
    order_number  text   family
    status        one of paid, open
    refunded_on   date   dated
    buyer         text   optional
    total         money
    half          = total * 50%

link sales of refund
    from     order
    by       number = order_number
    where    day <= refunded_on
    at most  5  else hold for accounts

gate refund
    ready    paid
    wait     open

on edit of refund
    all      = status, order_number, refunded_on, buyer, total
    | changed        | do                 |
    | all, not_ready | review by accounts |

check sold_before on refund
    require  count(sales) > 0
    else     hold for accounts
    say      "{number} was not sold before."
    clears   when it passes

duplicates of refund
    unique by document_number in target
    else     hold for accounts
    say      "{number} is there."

post refund to books.credit_note as "{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo    = document_number
    DocDate  = refunded_on
    Total    = total
"""
TEXT = SHOP + MORE
REFUND = {
    "number": "R-1",
    "order_number": "A-1",
    "status": "paid",
    "refunded_on": "2026-11-18",
    "total": "5.00",
}
BOTH = pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])


def text(where: str = "day <= refunded_on") -> str:
    assert TEXT.count("    where    day <= refunded_on\n") == 1
    return TEXT.replace("where    day <= refunded_on", f"where    {where}")


def judged(made_by: Any, rules: str, *sales: dict[str, Any], **changes: Any) -> Outcome:
    ruleset, broken = parse({"shop.rules": rules})
    assert broken == ()
    program = made_by(ruleset, hash="h")
    world = load_seeds(ruleset, {}).world(1, {"books": TargetState(known=True)})
    facts = Facts(NOW, links={"sales": sales})
    body = {key: value for key, value in (REFUND | changes).items() if value is not None}
    return in_every_way(program, Subject("refund", "shop", body, 1), facts, world, NOW)


def findings(outcome: Outcome) -> list[str]:
    return [f"{f.code} {f.rule}" for d in outcome.decisions for f in d.findings]


def told(rules: str) -> list[tuple[str, str]]:
    ruleset, broken = parse({"shop.rules": rules})
    assert broken == ()
    return [(p.code, p.hint) for p in check(ruleset) if p.severity != "style"]


HELD = ["CHK01 sold_before"]
GOES: list[str] = []


@BOTH
def test_T08a_a_return_is_held_until_a_sale_of_before_is_there(made_by: Any) -> None:
    sold = order(line(), day="2026-11-18")
    later = order(line(), day="2026-11-19")
    assert findings(judged(made_by, text())) == HELD
    assert findings(judged(made_by, text(), later)) == HELD
    assert findings(judged(made_by, text(), later, sold)) == GOES


@BOTH
@pytest.mark.parametrize(
    ("where", "goes"),
    [
        ("total >= refund.total", True),
        ("total < refund.total", False),
        ("total >= half and status = paid", True),
        ("total >= refund.half * 4", False),
        ("buyer is missing or day = refunded_on", True),
        ("any(lines where price > refund.total)", True),
        ("any(lines where price > half and price < half)", False),
        ("refund.status = paid and status = paid", True),
        ("not refund.status = paid", False),
    ],
)
def test_T08a_its_own_fields_stand_by_name_or_behind_its_kind(
    made_by: Any, where: str, *, goes: bool
) -> None:
    sale = order(line(), day="2026-11-17", total="9.00")
    assert (findings(judged(made_by, text(where), sale)) == GOES) is goes
    assert told(text(where)) == []


def test_T08a_both_engines_tell_the_same_of_what_is_missing() -> None:
    sale = order(line(), day="2026-11-17")
    for changes in ({"refunded_on": None}, {"refunded_on": "soon"}, {}):
        one, other = (
            judged(made_by, text(), sale, **changes)
            for made_by in (compile_ruleset, compile_interpreted)
        )
        assert one == other
        assert bool(findings(one)) is bool(changes)


def test_T08a_a_kind_that_is_linked_with_itself_names_the_judged_record_by_its_kind() -> None:
    more = MORE.replace("from     order\n", "from     refund\n").replace(
        "where    day <= refunded_on", "where    refunded_on < refund.refunded_on"
    )
    first = REFUND | {"number": "A-1"}
    before, after = first | {"refunded_on": "2026-11-17"}, first | {"refunded_on": "2026-11-19"}
    for made_by in (compile_ruleset, compile_interpreted):
        assert findings(judged(made_by, SHOP + more, before)) == GOES
        assert findings(judged(made_by, SHOP + more, after)) == HELD
    assert told(SHOP + more) == []


@pytest.mark.parametrize(
    ("where", "code", "hint"),
    [
        ("total >= total", "NAM04", "Write refund.total for that of the refund."),
        ("status = status", "NAM04", "Write refund.status for that of the refund."),
        (
            "number <> status",
            "NAM04",
            "The one of order is meant; write refund.status for the other.",
        ),
        ("day <= refundd_on", "NAM01", "Did you mean 'refunded_on'?"),
        ("total >= refund.totl", "NAM01", "Did you mean 'refund.total'?"),
        ("total >= refunds.total", "NAM01", "Did you mean 'refund.total'?"),
        ("day <= total", "TYP01", ""),
        ("total >= sold", "LNK05", "Ask about other fields of refund."),
    ],
)
def test_T08b_what_is_meant_is_never_guessed(where: str, code: str, hint: str) -> None:
    rules = text(where).replace(
        "    half          = total * 50%\n",
        "    half          = total * 50%\n    sold          = sum(sales.total)\n",
    )
    found = [h for c, h in told(rules) if c == code]
    assert hint in found if hint else found


def named(rules: str) -> tuple[Mention, ...]:
    ruleset, broken = parse({"shop.rules": rules})
    assert broken == ()
    return mentions(Index(ruleset), {"shop.rules": rules})


def test_T08c_names_are_known_to_editors_formatter_and_rule_book() -> None:
    rules = text("day <= refunded_on and total >= refund.total")
    at = rules[: rules.index("where    day")].count("\n") + 1
    assert {
        (m.symbol.kind, m.symbol.name, m.symbol.owner) for m in named(rules) if m.span.line == at
    } == {
        ("field", "day", "order"),
        ("field", "refunded_on", "refund"),
        ("field", "total", "order"),
        ("record", "refund", ""),
        ("field", "total", "refund"),
    }
    assert format_text(MORE.strip("\n") + "\n", "a") == MORE.strip("\n") + "\n"
    begun = MORE[: MORE.index("day <= refunded_on")].strip("\n")
    index = Index(parse({"shop.rules": rules})[0])
    offered = {one.label for one in suggest(f"{SHOP}\n{begun}day <= ", index, Schemas((), ()))}
    assert {"total", "refunded_on", "refund.total", "half"} <= offered
    offered = {
        one.label for one in suggest(f"{SHOP}\n{begun}day <= refund.", index, Schemas((), ()))
    }
    assert {"total", "refunded_on"} <= offered
    assert "day" not in offered
    (said,) = [
        entry.text
        for topic in build_book(index.ruleset).sections
        for entry in topic.entries
        if entry.text.startswith("The sales of a refund")
    ]
    assert (
        "where the day is not after the day the refund was refunded and the total is at least the"
        " total of the refund." in said
    ), said
