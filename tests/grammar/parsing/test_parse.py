"""Text becomes nodes: each construct once, values exactly, places to the column."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from grammar import nodes
from grammar.parsing.parser import parse
from grammar.text.problem import Span
from tests.grammar.kit import SHOP, expression

HERE = Span("", 1, 1, 1, 1)


@pytest.fixture(scope="module")
def shop() -> nodes.Ruleset:
    ruleset, problems = parse({"shop.rules": SHOP})
    assert problems == ()
    return ruleset


def test_every_declaration_lands_on_its_shelf(shop: nodes.Ruleset) -> None:
    shelves = {name: len(getattr(shop, name)) for name in shop.__dataclass_fields__}
    counts = {name: count for name, count in shelves.items() if count}
    assert counts == {
        "roles": 3,
        "consts": 2,
        "sources": 1,
        "targets": 1,
        "records": 2,
        "maps": 2,
        "units": 1,
        "gates": 2,
        "checks": 3,
        "duplicates": 1,
        "approvals": 1,
        "posts": 2,
        "samples": 1,
        "tests": 2,
    }


def test_surroundings(shop: nodes.Ruleset) -> None:
    assert shop.consts[0].rows[1].since == date(2026, 7, 1)
    assert shop.consts[0].rows[1].value.value == Decimal("8000.00")
    assert shop.sources[0].currency == "MYR"
    target = shop.targets[0]
    assert (target.rounding, target.places, target.tolerance) == (
        "per_line",
        Decimal("0.01"),
        Decimal("0.00"),
    )
    assert target.tolerance_action == nodes.Action("hold", "accounts", HERE)


def test_records(shop: nodes.Ruleset) -> None:
    order, line = shop.records
    assert (order.source, order.parent) == ("netshop", None)
    assert (line.source, line.parent) == (None, "order")
    fields = {field.name: field for field in order.fields if isinstance(field, nodes.Field)}
    assert fields["number"].mark == "key"
    assert fields["lines"].type == "many"
    assert fields["lines"].of == "order_line"
    assert fields["status"].type == "one_of"
    delivered = fields["status"].states[4]
    assert (delivered.name, delivered.aliases) == ("delivered", ("Delivered", "Completed"))
    assert isinstance(line.fields[-1], nodes.Computed)


def test_maps_and_units(shop: nodes.Ruleset) -> None:
    debtor, rate = shop.maps
    assert debtor.match == ("trimmed", "any_case")
    assert debtor.csv == nodes.Csv("maps/debtors.csv", "customer", "debtor", HERE)
    assert rate.csv is None
    assert rate.rows[0] == nodes.MapRow(
        "SST", nodes.Literal("percent", Decimal("0.10"), HERE), HERE
    )
    units = shop.units[0]
    assert units.bases[1] == nodes.UnitBase("KG", "RICE-5", HERE)
    assert units.rows[1] == nodes.UnitRow(Decimal(1), "CTN", "TEA-1", Decimal(40), "PCS", HERE)
    assert units.csv == "maps/units.csv"


def test_gate_check_duplicates_approve(shop: nodes.Ruleset) -> None:
    gate, narrowed = shop.gates
    assert [row.word for row in gate.rows] == ["ready", "wait", "hold", "cancel", "ignore"]
    assert gate.rows[2].owner == "accounts"
    assert str(narrowed.route) == "aiaccount.sales_invoice"
    adds, pieces, recent = shop.checks
    assert len(adds.requires) == 3
    assert pieces.each_line
    assert [check.clears.kind for check in shop.checks] == ["itself", "never", "by"]
    assert recent.clears.role == "accounts"
    wheres = [unique.where for unique in shop.duplicates[0].uniques]
    assert wheres == ["history", "number_in_target", "target"]
    assert shop.approvals[0].never == ("created_by", "last_editor")


def test_posts(shop: nodes.Ruleset) -> None:
    invoice, receipt = shop.posts
    assert invoice.timing == nodes.Daily(time(2), "paid_at", HERE)
    assert invoice.they_own == ("Notes", "Reference")
    assert [assign.name for assign in invoice.line_fields] == ["LineNo", "Quantity", "AccountCode"]
    assert isinstance(receipt.timing, nodes.Immediately)
    assert str(receipt.after) == "aiaccount.sales_invoice"
    assert receipt.we_own.kind == "block"
    assert receipt.line_fields == ()


def test_without_an_hour_a_daily_route_goes_at_two() -> None:
    text = SHOP.replace("    daily    at 02:00 by paid_at", "    daily    by paid_at")
    assert text != SHOP
    found, problems = parse({"shop.rules": text})
    assert problems == ()
    assert found.posts[0].timing == nodes.Daily(time(2), "paid_at", HERE)


def test_samples_and_tests(shop: nodes.Ruleset) -> None:
    tea = shop.samples[0]
    assert tea.at == datetime(2026, 11, 19, 2)  # noqa: DTZ001 - in the source's zone
    assert tea.sets[-1].value.value == Decimal("-192.00")  # type: ignore[union-attr]
    assert [type(fact).__name__ for fact in tea.facts] == ["IsValue", "Entry", "IsRecords"]
    first, second = shop.tests
    kinds = [type(fact).__name__ for fact in first.facts]
    assert kinds == ["IsMissing", "LineValue", "IsPosted", "NotPosted", "TargetShows"]
    assert first.expects[0].lines[0][0] == 1
    outcomes = [expect.outcome and expect.outcome.kind for expect in second.expects]
    assert outcomes == ["wait_until", "posted", "approve", "hold", "warn", None]
    assert second.expects[3].outcome is not None
    assert second.expects[3].outcome.reason == "units"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("0.10", "number", Decimal("0.10")),
        ("10%", "percent", Decimal("0.10")),
        ("0.5%", "percent", Decimal("0.005")),
        ("72h", "duration", timedelta(hours=72)),
        ("30s", "duration", timedelta(seconds=30)),
        ("5min", "duration", timedelta(minutes=5)),
        ("31d", "duration", timedelta(days=31)),
        ("2026-11-20", "date", date(2026, 11, 20)),
        ("2026-11-20 10:30", "moment", datetime(2026, 11, 20, 10, 30)),  # noqa: DTZ001
        ('"HQ"', "text", "HQ"),
        ("yes", "yes_no", True),
        ("no", "yes_no", False),
    ],
)
def test_literals(text: str, kind: str, value: object) -> None:
    assert expression(text) == nodes.Literal(kind, value, HERE)  # type: ignore[arg-type]


def test_a_number_is_exact() -> None:
    assert str(expression("1234567890123456789012345.678").value) == "1234567890123456789012345.678"


def test_operators_bind_as_in_arithmetic() -> None:
    plus = expression("a + b * c - d")
    assert (plus.op, plus.left.op, plus.left.right.op) == ("-", "+", "*")
    assert isinstance(expression("-a otherwise 0"), nodes.Negative)
    assert isinstance(expression("a is known and not b is missing"), nodes.AllOf)
    assert isinstance(expression("a = 1 or b = 2 or c = 3"), nodes.AnyOf)


def test_a_call_with_where() -> None:
    call = expression("any(lines where delivered > 0)")
    assert call.args == (nodes.Name(("lines",), HERE),)
    assert isinstance(call.where, nodes.Compare)


def test_places_are_exact() -> None:
    text = "\n\ncheck c on order\n    require  total >= 1.50 * (a + b)\n    else     warn\n"
    text += '    say      "…"\n    clears   never\n'
    ruleset, problems = parse({"dir/x.rules": text})
    assert problems == ()
    check = ruleset.checks[0]
    assert check.span == Span("dir/x.rules", 3, 1, 7, 19)
    fact = check.requires[0]
    assert fact.span == Span("dir/x.rules", 4, 14, 4, 37)
    assert isinstance(fact, nodes.Compare)
    assert fact.left.span == Span("dir/x.rules", 4, 14, 4, 19)
    assert check.records[0].span == Span("dir/x.rules", 3, 12, 3, 17)
    assert check.clears.span == Span("dir/x.rules", 7, 5, 7, 19)


def test_files_share_one_ruleset() -> None:
    ruleset, problems = parse({"a.rules": 'role a "A"\n', "b.rules": 'role b "B"\n'})
    assert problems == ()
    assert [(role.name, role.span.file) for role in ruleset.roles] == [
        ("a", "a.rules"),
        ("b", "b.rules"),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# only a comment", 'language 1\r\nrole a  "A"\r\n', '\ufeffrole a "A"']
)
def test_empty_texts_windows_lines_and_byte_order_marks(text: str) -> None:
    assert parse({"a": text})[1] == ()
