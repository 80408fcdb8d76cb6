"""What AutoCount has beside what it was told, value by value."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Kept
from connectors.targets.autocount.answers import Compared, compare

LINE = {"productCode": "CUP", "qty": Decimal("1.5"), "unitPrice": Decimal("10.125")}


def compared(
    ours: Mapping[str, Any] | None = None,
    theirs: Mapping[str, Any] | None = None,
    head: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
    **expected: str,
) -> Compared:
    """One line and one head of ours and of theirs; `expected` by AutoCount's words."""
    wanted = {"master": head[0], "details": [{**LINE, **(ours or {})}]}
    stands = {"master": head[1], "details": [{**LINE, **(ours or {}), **(theirs or {})}]}
    return compare(wanted, {name.replace("__", "."): v for name, v in expected.items()}, stands)


def test_the_same_is_no_difference() -> None:
    assert compared() == Compared((), ())


@pytest.mark.parametrize(
    ("ours", "there", "kept"),
    [
        ("1.555", "1.56", True),
        ("10.125", "10.13", True),  # half goes up, as AutoCount does, and not to the even one
        ("10.125", "10.12", False),
        ("1.5", "2", False),  # a book shows its decimals: with fewer than two it is no rounding
        ("1.26", "1.3", False),
        ("10.12345", "10.1235", True),
        ("10.12345", "10.1234", False),
        ("1.5", "many", False),
    ],
)
def test_a_number_with_the_decimals_of_the_book_is_kept_and_any_other_is_a_difference(
    ours: str, there: str, kept: bool
) -> None:
    shown = there if there == "many" else Decimal(there)
    found = compared({"qty": Decimal(ours)}, {"qty": shown})
    assert [(one.line, one.field) for one in found.kept] == ([(1, "Qty")] if kept else [])
    assert [(one.line, one.field) for one in found.differences] == ([] if kept else [(1, "qty")])


@pytest.mark.parametrize(
    ("inclusive", "shown"), [(True, "subTotal"), (False, "subTotalExTax"), (None, "subTotalExTax")]
)
def test_a_part_is_compared_with_or_without_the_tax_as_the_document_has_it(
    inclusive: bool | None, shown: str
) -> None:
    other = "subTotalExTax" if shown == "subTotal" else "subTotal"
    there = {shown: Decimal("15.20"), other: Decimal("15.19")}
    head = ({}, {"inclusiveTax": inclusive})
    assert compared({}, there, head, subTotal__0="15.20") == Compared((), ())
    found = compared({}, there, head, subTotal__0="15.19")
    assert found == Compared((), (Kept(1, "SubTotal", "15.20"),))


@pytest.mark.parametrize(
    ("there", "kept"), [("15.19", True), ("15.21", True), ("15.18", False), ("15.22", False)]
)
def test_a_total_that_rounding_alone_has_moved_is_kept(there: str, kept: bool) -> None:
    head = ({}, {"finalTotal": Decimal(there)})
    found = compared({}, {}, head, finalTotal="15.20")
    assert (len(found.kept), len(found.differences)) == ((1, 0) if kept else (0, 1))


def test_any_other_amount_that_is_near_is_a_difference() -> None:
    found = compared({}, {}, ({}, {"taxTotal": Decimal("1.01")}), taxTotal="1.00")
    assert (found.kept, [one.field for one in found.differences]) == ((), ["taxTotal"])
    assert compared({}, {}, ({}, {}), taxTotal="1.00") == Compared((), ()), "it is not shown"


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "same"),
    [
        ("docNo", "IV-1a", "iv-1A", True),
        ("docNo", "IV-1", "IV-2", False),
        ("ref", "IV-1a", "iv-1A", False),
        ("docDate", "2026-11-19", "2026-11-19T00:00:00", True),
        ("docDate", "2026-11-19", "2026-11-20T00:00:00", False),
        ("inclusiveTax", False, None, True),
        ("inclusiveTax", None, False, True),
        ("inclusiveTax", True, None, False),
        ("inclusiveTax", False, True, False),
        ("ref", "", None, True),
        ("currencyRate", Decimal("1.0"), Decimal("1.000"), True),
        ("currencyRate", Decimal(0), None, True),
        ("currencyRate", Decimal(1), "one", False),
    ],
)
def test_a_field_is_the_same_by_what_it_says(
    name: str, ours: object, theirs: object, same: bool
) -> None:
    found = compared(head=({name: ours}, {name: theirs}))
    assert [one.field for one in found.differences] == ([] if same else [name])


def test_the_first_three_differences_are_told_and_how_many_more() -> None:
    ours = dict.fromkeys(("ref", "description", "remark1"), "a")
    found = compared(head=(ours, dict.fromkeys(ours, "b")))
    assert found.words == (
        "ref is b there, not a; description is b there, not a; remark1 is b there, not a"
    )
    ours["remark2"] = "a"
    found = compared(head=(ours, dict.fromkeys(ours, "b")))
    assert found.words.endswith("remark1 is b there, not a; and 1 more")


@pytest.mark.parametrize("rows", [[], [LINE, LINE], None, "text"])
def test_lines_that_came_or_went_are_one_difference(rows: object) -> None:
    found = compare({"details": [LINE]}, {}, {"details": rows})
    [one] = found.differences
    assert (one.line, one.field) == (0, "")
    assert one.words == f"{one.there} lines exist there, not 1"
