"""What is offered where somebody types: words that may exist there, names that are meant."""

import pytest

from grammar.parsing.parser import parse
from rules.editing.mentions import suggest
from rules.types.symbol_table import Index, Schemas
from tests.rules.checker.test_analyse import DocumentOf, FieldOf
from tests.rules.kedai import TEXT

INDEX = Index(parse({"kedai.rules": TEXT})[0])
CHECK = "check made on order\n    "
POST = 'post order to aiaccount.sales_invoice as "{number}"\n    immediately\n'
SAMPLE = "sample made of order at 2026-11-20 10:00\n    "
KNOWN = Schemas((), ())


def offered(before: str, known: Schemas = KNOWN) -> set[str]:
    return {one.label for one in suggest(f"{TEXT}\n{before}", INDEX, known)}


@pytest.mark.parametrize(
    ("before", "wanted", "unwanted"),
    [
        ("", "check gate record post", "require when total"),
        ("che", "check", "require"),
        ("check made on ", "order settlement", "paid total"),
        (CHECK, "when require", "say clears total"),
        (f"{CHECK}requ", "when require", "else"),
        (f"{CHECK}require ", "total subtotal lines debtor round period not", "line.qty paid when"),
        (f"{CHECK}require tot", "total", "line.qty"),
        ("check made on order each line\n    require ", "line.qty line.sku total", "blogger"),
        ("check made on order each line\n    require line.", "qty sku amount", "total order"),
        (f"{CHECK}require sum(lines.", "qty amount", "total"),
        (f"{CHECK}when status = ", "paid delivered", "open total"),
        ("duplicates of order\n    unique by tin as ", "debtor_of_tin debtor", "customer total"),
        (f"{CHECK}when status in (paid, ", "delivered", "total"),
        (f"{CHECK}when period = ", "open locked", "paid total"),
        (f"{CHECK}require total > 1\n    else hold for ", "counter tax_desk", "total order"),
        (f'{CHECK}require total > 1\n    else warn\n    say "{{', "total number", "when warn"),
        (f'{CHECK}require total > 1\n    else warn\n    say "about ', "", "total warn"),
        (f"{CHECK}require total > 1  # or ", "", "total"),
        ("check made on order for ", "aiaccount.sales_invoice", "counter"),
        ("gate order\n    ready ", "draft paid delivered", "total"),
        ("record made from ", "netshop", "order"),
        ("record made of ", "order", "netshop"),
        ("record made from netshop\n    number ", "text money one many", "total"),
        ("on edit of order\n    amounts = ", "total lines", "paid"),
        ("on edit of order\n    amounts = total\n    | ", "changed period status", "amounts"),
        ("on edit of order\n    amounts = total\n    | changed | do |\n    | ", "amounts", "total"),
        (
            "on edit of order\n    amounts = total\n    | changed | do |\n    | amounts | ",
            "review block",
            "amounts",
        ),
        (SAMPLE, "number total", "netshop"),
        (f"{SAMPLE}status = ", "paid delivered", "total"),
        (f"{SAMPLE}status = paid\n    line pos = 1, ", "sku qty", "total"),
        (f"{SAMPLE}status = paid\n    with ", "period debtor", "counter"),
        ('test "t"\n    given ', "", "order"),
        ("silence ", "USE01 USE02", "TAB01"),
        (f"{CHECK}wen total > 1\n    ", "require else say", "ready"),
    ],
)
def test_what_fits_is_offered_and_what_does_not_is_not(
    before: str, wanted: str, unwanted: str
) -> None:
    found = offered(before)
    assert set(wanted.split()) <= found, found
    assert not set(unwanted.split()) & found
    assert found or not wanted


def test_fields_of_the_target_are_those_of_its_schema_that_are_not_filled_yet() -> None:
    header, lines = (FieldOf("Customer"), FieldOf("Date")), (FieldOf("Item"),)
    document = DocumentOf(
        "aiaccount", "sales_invoice", header, lines, "Number", 20, "Date", "Customer", None
    )
    known = Schemas((document,), ())
    open_ = f"{POST}    we own the rest else block\n    "
    assert offered(open_, known) >= {"Customer", "Date"}
    filled = offered(f"{open_}Customer = customer\n    ", known)
    assert "Date" in filled
    assert not filled & {"Customer", "Item"}
    assert "Item" in offered(f"{open_}Customer = customer\n    each line\n        ", known)
    assert "aiaccount.sales_invoice" in offered("post order to ", known)
    assert "sales_invoice" in offered("post order to aiaccount.", known)


def test_every_beginning_of_a_file_has_an_answer() -> None:
    for end in range(0, len(TEXT), 37):
        for one in suggest(TEXT[:end], INDEX, KNOWN):
            assert one.label
