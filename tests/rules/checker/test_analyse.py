"""Every question of the checker: one way of breaking the example, one code on the right line."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker.all_checks import check
from rules.types.symbol_table import Schemas
from tests.rules.kedai import TEXT


def problems(text: str, schemas: Schemas | None = None) -> list[Problem]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return list(check(ruleset, schemas))


BROKEN = tomllib.loads(Path(__file__).with_name("broken.toml").read_text("utf-8"))["broken"]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: f"{b['code']}-{b['new'].split()[:4]}")
def test_what_is_broken_is_found(broken: dict[str, Any]) -> None:
    text, pieces = TEXT, (broken["old"], broken["new"], *broken.get("also", ()))
    for old, new in zip(pieces[::2], pieces[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    found = [p for p in problems(text) if p.code == broken["code"]]
    assert found, [(p.code, p.message) for p in problems(text)]
    assert all(p.message and p.hint for p in found)
    assert all(p.span.file == "kedai.rules" for p in found)
    if "at" in broken:
        line = text[: text.index(broken["at"])].count("\n") + 1
        assert line in {p.span.line for p in found}, found


def test_every_problem_comes_once_and_in_the_order_of_the_text() -> None:
    text = TEXT.replace("period = open\n", "period = opened\n").replace("owed to {b", "owed to {c")
    found = problems(text)
    assert [p.code for p in found] == ["MSG01", "NAM03"]
    assert found == sorted(found, key=lambda p: p.span)


def test_did_you_mean_names_the_near_word() -> None:
    (found,) = problems(TEXT.replace("hold for tax_desk\n    say", "hold for tax_dask\n    say", 1))
    assert found.hint == "Did you mean 'tax_desk'?"


CONSTS = """
const parts
    from 2026-01-01 = 4
    from 2026-06-01 = 5

const late
    from 2026-01-01 = 48h
    from 2026-06-01 = 31d
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("today - 31d", "today - 744h"),
        ("today - 31d", "today - late"),
        ("today - 31d", "today - -late"),
        ("today - 31d", "today - (ordered_on - 2026-01-01)"),
        ("ordered_on >= today - 31d", "paid_at >= now - 36h"),
        ("ordered_on >= today - 31d", "today - ordered_on <= 36h"),
        ("commission > 0.00", "commission / parts > 0.00"),
        ("commission > 0.00", "commission / (parts - 3) > 0.00"),
        ("commission > 0.00", "0.00 * 2 < commission"),
        ("commission > 0.00", "commission / 0.0001 > 0.00"),
        ("commission > 0.00", "round(net(commission, parts), 0.01) > 0.00"),
        ("subtotal + tax_total", "subtotal / sum(lines.one) + tax_total / (sum(lines.one) - 1)"),
    ],
)
def test_what_can_be_reckoned_is_left_alone(old: str, new: str) -> None:
    text = TEXT.replace("    tax_due   =", "    one       = 1\n    tax_due   =", 1) + CONSTS
    told = {p.code for p in problems(text.replace(old, new, 1))}
    assert told <= {"USE03"}  # consts that this rule does not read


def test_a_division_behind_otherwise_is_not_rounded_either() -> None:
    text = TEXT.replace("Total            = total", "Total = total otherwise (total / 3)")
    assert "TYP20" in {p.code for p in problems(text)}


def test_a_group_that_is_given_twice_is_listed_once() -> None:
    text = TEXT.replace("buyer  = customer", "goods  = customer").replace("goods, buyer,", "goods,")
    text = text.replace("| rest                    |", "| zzz                     |")
    told = {p.code: p for p in problems(text)}
    assert "EDT05" in told
    assert (told["TAB05"].message.count("goods"), told["TAB05"].hint.count("goods")) == (1, 1)


@pytest.mark.parametrize(
    "asked", ["sum(lines.amuont) = subtotal", "count(lines where amuont > 0.00) = 0"]
)
def test_a_record_is_named_without_a_wrong_article(asked: str) -> None:
    found = problems(TEXT.replace("sum(lines.amount) = subtotal", asked, 1))
    assert any(p.message == "order_line has no field 'amuont'" for p in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sum to 0.01", "sum to 0.05"),
        ("sum to 0.01", "sum to 1"),
        ("sum to 0.01", "sum to 0.0010"),
        ("tolerance  0.00", "tolerance  1.00"),
        ('say      "Nothing is owed', 'say      "\u200bNothing is owed'),
        ('blogger     = "B-12"', 'blogger     = "B-12\u200b"'),
    ],
)
def test_what_may_well_be_meant_is_left_alone(old: str, new: str) -> None:
    assert old in TEXT
    assert problems(TEXT.replace(old, new, 1)) == []


@pytest.mark.parametrize(
    ("old", "new"), [("sum to 0.01", "sum to 0.03"), ('"SST"   ->', '"SST\u200b"   ->')]
)
def test_what_may_be_meant_is_a_warning(old: str, new: str) -> None:
    assert {p.severity for p in problems(TEXT.replace(old, new, 1))} == {"warning"}


ABROAD = TEXT.replace("    address     text     optional\n", "    address     text     optional\n"
                      "    currency    text     optional\n", 1)  # fmt: skip


@pytest.mark.parametrize(
    ("when", "asked", "told"),
    [
        ('currency = "SGD"', "total < named_buyer_limit", True),
        ('currency = "SGD"', "total < 100.00", True),
        ('currency = "SGD"', "sum(lines.price) + 1.00 > total", True),
        ('currency in ("SGD", "USD")', "100.00 > total", True),
        ('currency <> "MYR"', "total < 100.00", True),
        ('currency = "MYR"', "total < 100.00", False),
        ('currency in ("SGD", "MYR")', "total < 100.00", False),
        ('currency <> "SGD"', "total < 100.00", False),
        ('currency = "SGD"', "total > 0.00", False),
        ('currency = "SGD"', "subtotal * 2 < total", False),
        ('currency = "SGD" or tin is known', "total < 100.00", False),
        ("tin is known", 'currency = "SGD" and total < 100.00', True),
    ],
)
def test_a_number_beside_an_amount_abroad_is_told(when: str, asked: str, told: bool) -> None:
    text = ABROAD.replace("total > named_buyer_limit", when).replace("is_tin(tin)", asked, 1)
    found = [p for p in problems(text) if p.code == "TYP01"]
    assert [p.severity for p in found] == ["warning"] * told, found
    assert all("MYR" in p.message for p in found)


def test_so_is_one_of_an_approval_and_of_a_route() -> None:
    limit = "total > second_look"
    for old, new in (
        (limit, f'currency = "SGD" and {limit}'),
        ("paid_at is known\n    immediately", f'{limit} and currency = "SGD"\n    immediately'),
    ):
        assert "TYP01" in {p.code for p in problems(ABROAD.replace(old, new, 1))}


# ---- against schemas ---------------------------------------------------------------------------


@dataclass(frozen=True)
class FieldOf:
    name: str
    type: str = "text"
    required: bool = False
    max_length: int | None = None
    places: int | None = None
    theirs: bool = False


@dataclass(frozen=True)
class DocumentOf:
    target: str
    name: str
    header: tuple[FieldOf, ...]
    lines: tuple[FieldOf, ...]
    number_field: str
    number_max: int
    date_field: str
    party_field: str
    total_field: str | None


@dataclass(frozen=True)
class KindOf:
    source: str
    kind: str
    fields: tuple[FieldOf, ...]
    lines: tuple[FieldOf, ...]


def outside(*, more: tuple[FieldOf, ...] = (), without: str = "", number_max: int = 20) -> Schemas:
    header = (
        FieldOf("InvoiceNumber", required=True),
        FieldOf("InvoiceDate", "date", required=True),
        FieldOf("Customer", required=True),
        FieldOf("Currency", max_length=3),
        FieldOf("Reference"),
        FieldOf("Total", "money"),
        FieldOf("Notes", theirs=True),
        *more,
    )
    names = ["SKU", "Description", "UOM", "AccountCode", "TaxCode"]
    amounts = ["UnitPrice", "TaxAmount", "LineTotal"]
    counts = (FieldOf("LineNo", "whole"), FieldOf("Quantity", "quantity"))
    lines = (*counts, *(FieldOf(n) for n in names), *(FieldOf(a, "money") for a in amounts))
    document = DocumentOf(
        "aiaccount",
        "sales_invoice",
        tuple(f for f in header if f.name != without),
        lines,
        "InvoiceNumber",
        number_max,
        "InvoiceDate",
        "Customer",
        "Total",
    )
    words = "number status ordered_on paid_at customer tin address subtotal tax_total round_off"
    fields = tuple(FieldOf(w) for w in [*words.split(), "total", "created_by"])
    line_words = "pos sku name uom qty price discount tax"
    rows = tuple(FieldOf(w) for w in line_words.split())
    return Schemas((document,), (KindOf("netshop", "order", fields, rows),))


def codes(text: str, schemas: Schemas) -> dict[str, str]:
    known = {"sales_receipt", "expense_bill", "expense_payment"}
    found = [p for p in problems(text, schemas) if not any(k in p.message for k in known)]
    return {p.code: p.message for p in found if p.code != "NAM24"}


def test_the_example_fits_its_schemas() -> None:
    assert codes(TEXT, outside()) == {}


def test_a_route_that_no_connector_can_post() -> None:
    found = [p for p in problems(TEXT, outside()) if p.code == "POS01"]
    assert len(found) == 3
    assert found[0].hint == "Did you mean 'aiaccount.sales_invoice'?"


def test_an_unknown_target_field_is_answered_with_the_near_one() -> None:
    text = TEXT.replace("    Customer         = debtor", "    Custumer         = debtor", 1)
    found = {p.code: p for p in problems(text, outside())}
    assert found["POS11"].hint == "Did you mean 'Customer'?"
    assert found["POS12"].message == "aiaccount.sales_invoice needs Customer"


def test_a_required_field_is_asked_for() -> None:
    found = codes(TEXT, outside(more=(FieldOf("DueDate", "date", required=True),)))
    assert found == {"POS12": "aiaccount.sales_invoice needs DueDate"}


@dataclass(frozen=True)
class OneRowOf(DocumentOf):
    one_row: bool = True


def test_a_document_of_one_line_may_stand_in_its_header() -> None:
    def said(kind: type[DocumentOf], text: str = TEXT) -> set[tuple[str, str]]:
        header = tuple(FieldOf(name) for name in ("BillNumber", "BillDate", "Supplier", "Currency"))
        lines = (FieldOf("Amount", "money", required=True), FieldOf("TaxCode"))
        ends = ("BillNumber", 20, "BillDate", "Supplier", None)
        bill = kind("aiaccount", "expense_bill", header, lines, *ends)
        found = problems(text, Schemas((bill,), ()))
        return {(p.code, p.message) for p in found if "expense_bill" in p.message}

    assert said(OneRowOf) == set()
    without = TEXT.replace("    Amount           = commission\n", "", 1)
    assert said(OneRowOf, without) == {("POS12", "aiaccount.expense_bill needs Amount")}
    assert {code for code, _ in said(DocumentOf)} == {"POS11", "POS12"}


def test_a_number_a_type_a_text_and_a_field_of_theirs() -> None:
    long_number = TEXT.replace('"{number}"', '"INVOICE-{number}"', 1)
    assert "POS10" in codes(long_number, outside(number_max=10))
    text_for_date = TEXT.replace("InvoiceDate      = ordered_on", "InvoiceDate      = number")
    assert "POS14" in codes(text_for_date, outside())
    assert "POS15" in codes(TEXT.replace('= "MYR"', '= "Ringgit"', 1), outside())
    assert "POS11" in codes(TEXT, outside(without="Notes"))
    theirs = TEXT.replace("they own Notes", "they own Reference")
    theirs = theirs.replace("    Reference        =", "    Notes            =")
    assert "POS13" in codes(theirs, outside())


def test_a_field_that_the_source_never_sends() -> None:
    found = codes(TEXT.replace("    address     text", "    adress      text"), outside())
    assert found["NAM25"] == "netshop sends no field 'adress' with order"
