"""What `clearpost check` tells of a value that does not belong where it is put.

A date, a quantity or an amount in the field of another kind or in a text; cartons beside pieces;
the arguments of a conversion the wrong way round.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from holding.programs.known_schemas import schemas
from portal.rule_tools.rule_files import examine, read_files
from portal.starters.pairs import names, read_template, write_template
from rules.documents.totals import AmountParts
from rules.types.symbol_table import Index
from tests.portal.rule_tools.test_check_tells import GOODS, SHOP, short, told
from tests.portal.rule_tools.test_cli_files import ORDER, run

BOOKS = "orders-quickbooks"
Told = tuple[str, str, str]


def of_posting(tmp_path: Path, *pieces: str, template: str = SHOP) -> list[Told]:
    """Code, message and hint of each finding of the postings with pieces replaced."""
    return short(told(tmp_path, "posting.rules", *pieces, template=template))


# ---- T19: dates, quantities, amounts -------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "message", "hint"),
    [
        ("Reference               = number", "Reference               = ordered_on",
         "'Reference' wants text, not a date", "Write text(ordered_on), if it is meant so."),
        ("Reference               = number", "Reference               = total",
         "'Reference' wants text, not money", "Write text(total), if it is meant so."),
        ("Description         = line.name", "Description         = line.pieces",
         "'Description' wants text, not a quantity", "Write text(line.pieces), if it is meant so."),
        ("Reference               = number", "Reference               = version",
         "'Reference' wants text, not a whole number", "Write text(version), if it is meant so."),
        ("Reference               = number", "Reference               = 12",
         "'Reference' wants text, not a number", 'Write "12" in quotes.'),
        ("Reference               = number", "Reference               = paid_at otherwise now",
         "'Reference' wants text, not a moment",
         "Take the day of the moment first: text(date_of(paid_at otherwise now))."),
        ("Reference               = number", "Reference               = ordered_on > today",
         "'Reference' wants text, not a yes or no", "Give a value of that type."),
        ("Quantity            = line.pieces", "Quantity            = line.amount",
         "'Quantity' wants a quantity, not money", "Give a value of that type."),
        ("Quantity            = line.pieces", "Quantity            = 6%",
         "'Quantity' wants a quantity, not a percent", "Give a value of that type."),
        ("TaxAmount           = line.tax_due", "TaxAmount           = line.pieces",
         "'TaxAmount' wants money, not a quantity", "Give a value of that type."),
        ("TaxAmount           = line.tax_due", "TaxAmount           = tax_rate(line.tax)",
         "'TaxAmount' wants money, not a percent", "Give a value of that type."),
        ("TaxAmount           = line.tax_due", "TaxAmount           = line.pos",
         "'TaxAmount' wants money, not a whole number", "Give a value of that type."),
        ("LineNo              = line.pos", "LineNo              = line.pieces",
         "'LineNo' wants a whole number, not a quantity", "Give a value of that type."),
        ("InvoiceDate             = ordered_on", "InvoiceDate             = paid_at otherwise now",
         "'InvoiceDate' wants a date, not a moment",
         "Take the day of the moment: date_of(paid_at otherwise now)."),
    ],
)  # fmt: skip
def test_T19a_a_value_fits_only_a_field_of_its_kind(
    tmp_path: Path, right: str, wrong: str, message: str, hint: str
) -> None:
    found = of_posting(tmp_path, right, wrong)
    assert [each for each in found if each[0] == "POS14"] == [("POS14", message, hint)]
    assert [each[0] for each in found] == ["POS14"]


def test_T19a_an_amount_is_no_rate_and_a_count_is_a_quantity(tmp_path: Path) -> None:
    rate = (
        "CurrencyRef           = currency",
        "CurrencyRef           = currency\n    ExchangeRate = total",
    )
    ((code, message, _),) = of_posting(tmp_path, *rate, template=BOOKS)
    assert (code, message) == ("POS14", "'ExchangeRate' wants a decimal, not money")
    assert of_posting(tmp_path, rate[0], rate[1].replace("total", "1.5"), template=BOOKS) == []
    count = ("Quantity            = line.pieces", "Quantity            = count(lines)")
    assert "POS14" not in {code for code, *_ in of_posting(tmp_path, *count)}


def test_T19b_what_takes_back_is_asked_alike(tmp_path: Path) -> None:
    ((code, message, _),) = of_posting(
        tmp_path, "DocDate  = today", "DocDate  = number", template=GOODS
    )
    assert (code, message) == ("POS14", "'DocDate' wants a date, not text")
    ((code, message, hint),) = of_posting(
        tmp_path, "DocDate  = today", "DocDat   = today", template=GOODS
    )
    assert (code, hint) == ("POS11", "Did you mean 'DocDate'?")
    assert message == "an autocount.credit_note has no field 'DocDat'"


# ---- T19: a number or a date as a text -----------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("text(total)", "248.70"),
        ("text(ordered_on)", "2026-11-18"),
        ("text(version)", "1"),
        ("text(10%)", "10%"),
        ("text(sum(lines.pieces))", "83"),
        ("text(round(total / 7.00, 0.01))", "35.53"),
        ("text(0.50)", "0.5"),
    ],
)
def test_T19c_a_number_or_a_date_is_written_as_a_text_when_asked(
    tmp_path: Path, said: str, text: str
) -> None:
    assert of_posting(tmp_path, "= number", f"= {said}") == []
    expected = (tmp_path / "rules" / "orders_test.rules").read_text("utf-8")
    expected = expected.replace('InvoiceNumber = "NS-1001", ', f'Reference = "{text}", ', 1)
    (tmp_path / "rules" / "orders_test.rules").write_text(expected, "utf-8")
    assert run("test", tmp_path / "rules").stdout.endswith(" tests, 0 failed\n")


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ("text(number)", "TYP08", "'text' wants a number or a date here, not text"),
        ("text(status)", "TYP08", "'text' wants a number or a date here, not a word"),
        ("text(total / 7.00)", "TYP20", "a division is written as a text without being rounded"),
        ("text(total, total)", "TYP07", "'text' takes 1 value, not 2"),
    ],
)
def test_T19d_what_has_no_text_of_its_own_is_told(
    tmp_path: Path, said: str, code: str, message: str
) -> None:
    assert [each[:2] for each in of_posting(tmp_path, "= number", f"= {said}")] == [(code, message)]


def test_T19e_a_third_that_nothing_rounds_holds_and_is_no_text(tmp_path: Path) -> None:
    """The checker cannot know a factor: 1 piece is a third of a tray here."""
    folder, record = tmp_path / "rules", tmp_path / "order.json"
    assert of_posting(tmp_path, "= number", "= text(sum(lines.pieces))") == []
    names = (folder / "names.rules").read_text("utf-8")
    names = names.replace(
        "    1 BOX        ", "    3 BIT                       = 1 PCS\n    1 BOX        "
    )
    (folder / "names.rules").write_text(names, "utf-8")
    line = {**ORDER["lines"][0], "sku": "TEA-EARL-100", "uom": "BIT", "qty": "1"}  # type: ignore[index]
    record.write_text(json.dumps({**ORDER, "customer": "C-101", "lines": [line]}), "utf-8")
    tried = run("try", folder, record, "--at", "2026-11-19").stdout
    assert "text(sum(lines.pieces)) cannot be worked out: 1/3 is no exact decimal" in tried


# ---- T19: cartons and pieces ---------------------------------------------------------------------

RAW = "Take the quantity in base units, as in_base gives it"


@pytest.mark.parametrize(
    ("template", "right", "wrong", "message"),
    [
        (SHOP, "= line.pieces", "= line.qty",
         "'Quantity' is in the unit of the record, but UOM is the base unit"),
        (SHOP, "= line.pieces", "= abs(line.qty)",
         "'Quantity' is in the unit of the record, but UOM is the base unit"),
        (SHOP, "= base_unit(line.sku)", "= line.uom",
         "'UOM' is the unit of the record, but Quantity is in base units"),
        (SHOP, "= line.each_one", "= line.price",
         "'UnitPrice' is for the unit of the record, but Quantity is in base units"),
        (GOODS, "bill     line.delivered of line.ordered", "bill     line.delivered of line.qty",
         "bill takes line.delivered in base units of line.qty in the unit of the record"),
        (GOODS, "bill     line.delivered of line.ordered", "bill     line.qty of line.ordered",
         "bill takes line.qty in the unit of the record of line.ordered in base units"),
        (BOOKS, "Qty               = line.pieces", "Qty               = line.qty",
         "'Qty' is in the unit of the record, beside base quantities"),
    ],
)  # fmt: skip
def test_T19f_a_raw_unit_stands_not_beside_base_units(
    tmp_path: Path, template: str, right: str, wrong: str, message: str
) -> None:
    found = of_posting(tmp_path, right, wrong, template=template)
    assert message in [each[1] for each in found if each[0] == "POS14"], found


def test_T19f_a_computed_field_that_forgets_the_conversion_is_found_where_it_is_posted(
    tmp_path: Path,
) -> None:
    found = short(told(tmp_path, "shop.rules", "in_base(line.qty, line.uom, line.sku)", "line.qty"))
    assert ("POS14", "'Quantity' is in the unit of the record, but UOM is the base unit") in [
        each[:2] for each in found
    ]


def test_T19g_a_document_all_in_the_units_of_the_record_is_right(tmp_path: Path) -> None:
    price = "= line.each_one"
    pieces = (
        "= line.pieces",
        "= line.qty",
        "= base_unit(line.sku)",
        "= line.uom",
        price,
        "= line.price",
    )
    assert of_posting(tmp_path, *pieces) == []


def test_T19g_a_quantity_that_nobody_converts_is_not_taken_for_a_raw_one(tmp_path: Path) -> None:
    told(tmp_path, "shop.rules", "    name  ", "    counted  quantity\n    name  ")
    posting = tmp_path / "rules" / "posting.rules"
    text = posting.read_text("utf-8").replace("= line.pieces", "= line.counted")
    posting.write_text(text, "utf-8")
    found = json.loads(run("check", tmp_path / "rules", "--json").stdout)["findings"]
    assert [each["code"] for each in found] == ["NAM25"]


def test_T19g_a_share_of_two_quantities_is_no_quantity(tmp_path: Path) -> None:
    share = "= round(line.pieces / line.qty, 1)"
    assert of_posting(tmp_path, "= line.pieces", share) == []


# ---- T19: the arguments of a conversion ----------------------------------------------------------

CALL = "in_base(line.qty, line.uom, line.sku)"


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        ("shop.rules", CALL, "in_base(line.qty, line.sku, line.uom)",
         "'in_base' has unit and item the wrong way round"),
        ("shop.rules", "price_in_base(line.price, line.uom, line.sku)",
         "price_in_base(line.price, line.sku, line.uom)",
         "'price_in_base' has unit and item the wrong way round"),
        ("posting.rules", "base_unit(line.sku)", "base_unit(line.uom)",
         "'base_unit' wants an item here: line.uom is a unit"),
        ("shop.rules", CALL, "in_base(line.qty, line.uom, line.uom)",
         "'in_base' wants an item here: line.uom is a unit"),
        ("shop.rules", CALL, "in_base(line.qty, line.sku, line.sku)",
         "'in_base' wants a unit here: line.sku is an item"),
        ("shop.rules", CALL, 'in_base(line.qty, "TEA-EARL-100", line.uom)',
         "'in_base' has unit and item the wrong way round"),
        ("shop.rules", CALL, 'in_base(line.qty, line.uom, "BOX")',
         "'in_base' wants an item here: \"BOX\" is a unit"),
        ("shop.rules", CALL, "in_base(line.price, line.uom, line.sku)",
         "'in_base' wants a quantity here, not money"),
        ("shop.rules", "price_in_base(line.price, line.uom, line.sku)",
         "price_in_base(line.qty, line.uom, line.sku)",
         "'price_in_base' wants money here, not a quantity"),
    ],
)  # fmt: skip
def test_T19h_swapped_arguments_of_a_conversion_are_found(
    tmp_path: Path, file: str, right: str, wrong: str, message: str
) -> None:
    found = short(told(tmp_path, file, right, wrong))
    assert ("TYP08", message) in [each[:2] for each in found], found
    assert all("Did you mean" not in hint for _, _, hint in found)


def test_T19h_where_all_are_swapped_the_names_tell(tmp_path: Path) -> None:
    swapped = "in_base(line.qty, line.sku, line.uom)"
    price = "price_in_base(line.price, {}, {})"
    folder = tmp_path / "rules"
    right, wrong = price.format("line.uom", "line.sku"), price.format("line.sku", "line.uom")
    told(tmp_path, "shop.rules", CALL, swapped, right, wrong)
    posting = (folder / "posting.rules").read_text("utf-8")
    posting = posting.replace("item(line.sku)", '"TEA"').replace("base_unit(line.sku)", '"PCS"')
    (folder / "posting.rules").write_text(posting, "utf-8")
    found = json.loads(run("check", folder, "--json").stdout)["findings"]
    assert [(each["code"], each["message"]) for each in found if each["code"] == "TYP08"] == [
        ("TYP08", "'in_base' has unit and item the wrong way round"),
        ("TYP08", "'price_in_base' has unit and item the wrong way round"),
    ]


def test_T19h_what_other_calls_say_is_heard_where_names_say_nothing(tmp_path: Path) -> None:
    names = ("    uom  ", "    satuan  ", "    sku  ", "    kod  ")
    calls = (CALL, "in_base(line.qty, line.kod, line.satuan)")
    prices = ("(line.price, line.uom, line.sku)", "(line.price, line.satuan, line.kod)")
    told(tmp_path, "shop.rules", *calls, *prices, *names)
    folder = tmp_path / "rules"
    posting = (folder / "posting.rules").read_text("utf-8")
    posting = posting.replace("line.sku", "line.kod").replace("line.uom", "line.satuan")
    (folder / "posting.rules").write_text(posting, "utf-8")
    found = json.loads(run("check", folder, "--json").stdout)["findings"]
    assert [each["message"] for each in found if each["code"] == "TYP08"] == [
        "'in_base' has unit and item the wrong way round"
    ]


def test_T19h_an_item_that_is_called_unit_is_an_item(tmp_path: Path) -> None:
    found = told(tmp_path, "shop.rules", CALL, "in_base(line.qty, line.uom, line.unit_no)",
                 "    name  ", "    unit_no  text\n    name  ")  # fmt: skip
    assert [each["code"] for each in found] == ["NAM25"]


@pytest.mark.slow
def test_T19i_shipped_templates_have_no_such_finding(tmp_path: Path) -> None:
    for name in names():
        for path, content in read_template(name).items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, "utf-8")
        found = json.loads(run("check", tmp_path / name, "--json").stdout)["findings"]
        assert found == [], name


@pytest.mark.slow
def test_T19j_a_discount_that_is_written_as_a_text_is_still_reckoned_with(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    write_template(GOODS, folder)
    assert "= text(" in (folder / "posting.rules").read_text("utf-8")
    ruleset, problems = examine(read_files([folder]))
    assert problems == ()
    (post,) = (p for p in ruleset.posts if str(p.route) == "autocount.invoice")
    discount = next(a for a in post.line_fields if a.name == "Discount")
    plain = replace(discount, expr=discount.expr.args[0])  # type: ignore[union-attr]
    fields = tuple(plain if a is discount else a for a in post.line_fields)
    index, known = Index(ruleset), schemas().document("autocount", "invoice")
    made = [AmountParts.of(index, p, known, "") for p in (post, replace(post, line_fields=fields))]
    assert made[0] is not None
    assert made[0].reckoned == made[1].reckoned  # type: ignore[union-attr]
    assert run("test", folder).stdout.endswith(" tests, 0 failed\n")
