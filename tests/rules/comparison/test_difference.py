"""What is otherwise between two rulesets: by meaning, with old and new values and the routes."""

import pytest

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.comparison.difference import Change, difference
from tests.rules.expressions.test_links import TEXT

RETRY = "| temporary | try {} times from 30s then hold for it_support |"
BOTH = ("autocount.delivery_order", "autocount.invoice")


def changes(*replaced: tuple[str, str]) -> tuple[Change, ...]:
    text = TEXT
    for old, new in replaced:
        assert old in text, old
        text = text.replace(old, new, 1)
    ruleset, problems = parse({"new.rules": text})
    assert problems == ()
    return difference(parse({"old.rules": TEXT})[0], ruleset)


def test_layout_comments_and_order_do_not_count() -> None:
    parts = format_text(TEXT, "a").split("\n\n")
    moved = "\n\n".join([parts[0], "# moved\n" + parts[3], *parts[1:3], *parts[4:]])
    ruleset, problems = parse({"b.rules": moved})
    assert problems == ()
    assert difference(parse({"a.rules": TEXT})[0], ruleset) == ()


@pytest.mark.parametrize(
    ("old", "new", "name", "detail", "routes"),
    [
        ("= 5000.00", "= 6000.00", "const big_order", "row 2026-07-01: 5000.00 → 6000.00",
         ("autocount.invoice",)),
        ("<= 100.00", "<= 120.00", "check freight_fits",
         "sum(deliveries.freight where freight is known) <=: 100.00 → 120.00",
         ("autocount.invoice",)),
        ("TIN\n    missing", "TIN\n    1 BOX    = 2 TIN\n    missing", "units",
         "row: also 1 BOX = 2 TIN", BOTH),
        ("    immediately\n    after", "    daily    at 02:00 by ordered_on\n    after",
         "post order to autocount.invoice", "timing: immediately → daily at 02:00 by ordered_on",
         ("autocount.invoice",)),
        ("else     warn", "else     hold for accounts", "check few_trips",
         "action: warn → hold for accounts", ("autocount.invoice",)),
        ("try 5 times from 30s", "try 3 times from 30s", "retry autocount",
         f"table row: {RETRY.format(5)} → {RETRY.format(3)}", BOTH),
        ("at most  3 ", "at most  4 ", "link deliveries", "most: 3 → 4", ("autocount.invoice",)),
        ("= 72h", "= 48h", "const free_days", "row 2025-01-01: 3d → 2d", None),
    ],
)  # fmt: skip
def test_a_change_names_its_part_and_what_it_reaches(
    old: str, new: str, name: str, detail: str, routes: tuple[str, ...] | None
) -> None:
    (change,) = changes((old, new))
    assert (change.kind, change.name) == ("changed", name)
    assert change.details == (detail,)
    assert routes is None or change.routes == routes
    assert "autocount.invoice" in change.routes


def test_a_rule_that_came_and_one_that_went() -> None:
    found = changes(("check few_trips on", "check fewer on"))
    assert [(c.kind, c.name) for c in found] == [
        ("added", "check fewer"),
        ("removed", "check few_trips"),
    ]
    assert all(c.routes == ("autocount.invoice",) for c in found)


APPROVE = """
approve delivery for autocount.delivery_order
    when     freight > {}
    by       {}
    say      "{} looks at freight."
"""


def approvals(*told: tuple[str, str, str]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """What is otherwise where the approvals of one document are these and then those."""
    first, second = (
        parse({"a.rules": TEXT + "".join(APPROVE.format(*one) for one in several)})
        for several in (told[:2], told[2:])
    )
    assert first[1] == second[1] == ()
    return tuple((c.kind, c.name, c.details) for c in difference(first[0], second[0]))


SMALL, MIDDLE, BIG = ("10", "accounts", "Ana"), ("50", "accounts", "Ben"), ("90", "tax", "Chong")
NAME = "approve delivery for autocount.delivery_order when freight > "


def test_of_several_approvals_each_is_told_by_itself() -> None:
    found = approvals(SMALL, BIG, SMALL, BIG, MIDDLE)
    assert found == (("added", NAME + "50", ()),)
    assert approvals(SMALL, BIG, BIG) == (("removed", NAME + "10", ()),)
    other = ("90", "accounts", "Chong")
    assert approvals(SMALL, BIG, MIDDLE, SMALL, other) == (
        ("added", NAME + "50", ()),
        ("changed", NAME + "90", ("role: tax → accounts",)),
    )


def test_a_test_reaches_no_route() -> None:
    (change,) = changes(("line 1.qty = 1\n", "line 1.qty = 0.5\n"))
    assert change.routes == ()


def test_what_is_expected_and_given_otherwise_is_told_as_rules_say_it() -> None:
    other = 'line 1.qty = 1, customer is missing\n    and      late_fee("X") = 2.00\n'
    (change,) = changes(("line 1.qty = 1\n", other))
    assert change.details == ("fact: also customer is missing", 'fact: also late_fee("X") = 2.00')
    given = 'test "t"\n    given    one\n    expect   {}\n'
    old, new = (
        parse({"a.rules": given.format(said)})[0]
        for said in (
            "a.b ready\n        Total = 3.00",
            "a.b hold for accounts because late\n    expect   a.b warn because old",
        )
    )
    assert difference(old, new)[0].details == (
        "expect: without a.b ready, Total = 3.00",
        "expect: also a.b hold for accounts because late",
        "expect: also a.b warn because old",
    )


def test_a_conversion_that_is_otherwise_names_its_unit() -> None:
    text = 'units\n    base     TIN\n    1 CTN of "A" = {} TIN\n    missing  hold for a  say "b"\n'
    old, new = (parse({"a.rules": text.format(count)})[0] for count in (6, 7))
    assert difference(old, new)[0].details == ('row: 1 CTN of "A" = 6 TIN → 1 CTN of "A" = 7 TIN',)
