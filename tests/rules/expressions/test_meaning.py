"""What each construct of an expression means, as one condition over one known order.

Each line of HOLDS is true of the order, so the check that requires it passes and the check that
requires its contrary fails; each line of UNKNOWN is neither.
"""

from typing import Any

import pytest

from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NO_TOTAL, NOW, line, order, program

CHANGES = {
    **NO_TOTAL,
    "one of paid, open\n": 'one of paid as "Settled" or "Paid up", open\n',
    "    total    money\n": """\
    total    money
    paid_at  moment
    tin      text    optional
    fee      money   optional
    gift     yesno
    rate     decimal
    half     = total / 2
""",
}
MORE = """\
const limit
    from 2025-01-01 = 10.00
    from 2026-11-19 = 20.00
    from 2026-11-20 = 30.00

const later
    from 2027-01-01 = 1.00

const window
    from 2026-01-01 = 72h

map exactly
    match    exact
    "Ab" -> "1"
    missing  hold for accounts  say "{key}?"

map loosely
    match    trimmed, any case
    " Ab " -> "1"
    missing  hold for accounts  say "{key}?"

map numbers
    match    exact
    "T-1" -> 8%
    missing  hold for accounts  say "{key}?"

"""
HOLDS = (
    # arithmetic is exact
    "total = 33.12", "total - 0.12 = 33.00", "3 * 0.1 = 0.3", "total / 3 * 3 = total",
    "half + half = total", "total * 10% = 3.312", "-total < 0.00", "1 / 3 + 1 / 6 = 0.5",
    "(1 + 2) * 3 = 9", "rate = 1.5",
    # rounding: halves away from zero, to any step
    "round(2.345, 0.01) = 2.35", "round(-2.345, 0.01) = -2.35", "round(12.32, 0.05) = 12.30",
    "round(total * 10%, 0.01) = 3.31",
    # comparisons and words
    "status = paid", "status <> open", "status in (paid, open)", "number in (\"A-1\", \"B\")",
    "number <> \"a-1\"", "limit <= 20.00 and limit >= 20.00",
    # days, moments and durations, in the zone of the source
    "day = 2026-11-19", "day + 1d = today", "today - day = 24h", "date_of(paid_at) = 2026-11-19",
    "paid_at = 2026-11-19 00:30", "paid_at < now", "now - paid_at > 31h", "now - paid_at < window",
    "date_of(first_seen) = today",
    # three values
    "tin is missing", "not tin is known", "gift is known", "not gift",
    "(fee otherwise 0.00) = 0.00",
    "not (tin = \"X\" and total < 0.00)", "(tin = \"X\" or total > 0.00)", "fee is missing or gift",
    # consts at the day of the record
    "limit = 20.00", "later is missing",
    # lists
    "sum(lines.amount) = 30.12", "sum(lines.amount where pos > 1) = 20.08", "count(lines) = 3",
    "count(lines where qty > 1) = 0", "any(lines where pos = 2)", "all(lines where qty = 1)",
    "sum(lines.amount where pos > 9) = 0.00", "not any(lines where pos > 9)",
    "all(lines where pos > 0)", "latest(lines.pos) = 3", "latest(lines.pos where pos < 3) = 2",
    "latest(lines.pos where pos > 9) is missing",
    # functions
    "abs(-total) = total", "min(total, 5.00, 7.00) = 5.00", "max(1, rate) = 1.5", "is_whole(3.00)",
    "not is_whole(rate)", "round(net(106.00, 6%), 0.01) = 100.00", "tax(100.00, 6%) = 6.00",
    "text(round(half, 0.01)) = \"16.56\"", "text(today) = \"2026-11-20\"",
    "text(12.50%) = \"12.5%\"", "text(count(lines)) = \"3\"",
    "words(\" a   b \") = \"a b\"", "match_key(\"A-b c\") = \"abc\"", "is_tin(\"C10\")",
    "e_invoice_class(\"022\") = \"022\"", "e_invoice_class(\"22\") is missing",
    "in_base(2, \"CTN\", \"T-1\") = 24", "price_in_base(6.00, \"CTN\", \"T-1\") = 0.50",
    "base_unit(\"T-1\") = \"PCS\"", "in_base(1, \"BOX\", \"T-1\") is missing",
    # maps
    "exactly(\"Ab\") = \"1\"", "exactly(\"ab\") is missing", "loosely(\"aB\") = \"1\"",
    "numbers(\"T-1\") = 8%", "item(\"T-1\") = \"TEA\"",
    # facts
    "period = open", "last_editor is missing", "e_invoice_age is missing", "not target_edited",
)  # fmt: skip
UNKNOWN = (
    "tin = \"X\"", "fee > 0.00", "fee + total > 0.00", "later < 1.00", "exactly(\"x\") = \"1\"",
    "in_base(1, \"BOX\", \"T-1\") > 0", "last_editor = \"me\"",
    "latest(lines.pos where pos > 9) = 1",
    "not tin = \"X\"", "(tin = \"X\" or total < 0.00)", "tin in (\"X\")", "is_tin(tin)",
)  # fmt: skip
CHECK = """\
check {name}_{i} on order
    require  {condition}
    else     hold for accounts
    say      "No."
    clears   when it passes

"""


def rules() -> str:
    told = [("yes", c) for c in HOLDS] + [("not", f"not ({c})") for c in HOLDS]
    told += [("maybe", c) for c in UNKNOWN]
    return MORE + "".join(
        CHECK.format(name=name, i=i % len(HOLDS) if name != "maybe" else i, condition=condition)
        for i, (name, condition) in enumerate(told)
    )


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    of = program(CHANGES, more=rules(), checked=False)
    body: dict[str, Any] = order(*[line(pos=pos) for pos in (1, 2, 3)], total="33.12")
    body |= {"status": " PAID UP", "paid_at": "2026-11-18T16:30:00Z", "gift": "no", "rate": "1.50"}
    world = load_seeds(of.ruleset, {}).world(1, {"books": TargetState(known=True)})
    return in_every_way(of, Subject("order", "shop", body, 1), Facts(NOW), world, NOW)


@pytest.fixture(scope="module")
def results(outcome: Outcome) -> dict[str, str]:
    return {v.rule: v.result for v in outcome.verdicts if v.kind == "check"}


def test_every_construct_means_what_it_says(results: dict[str, str]) -> None:
    wrong = [c for i, c in enumerate(HOLDS) if results[f"yes_{i}"] != "pass"]
    assert wrong == []


def test_and_its_contrary_does_not_hold(results: dict[str, str]) -> None:
    wrong = [c for i, c in enumerate(HOLDS) if results[f"not_{i}"] != "hit"]
    assert wrong == []


def test_what_nobody_knows_is_neither_and_holds(outcome: Outcome, results: dict[str, str]) -> None:
    names = {c: f"maybe_{i}" for i, c in enumerate(UNKNOWN, start=2 * len(HOLDS))}
    assert [c for c, name in names.items() if results[name] != "unknown"] == []
    (decision,) = outcome.decisions
    assert decision.state == "held"


def test_status_words_are_compared_trimmed_and_in_any_case(outcome: Outcome) -> None:
    assert (outcome.status, outcome.status_word) == ("paid", " PAID UP")
