"""What holds for every document: exact numbers, and a comparison that sees each change of ours."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.targets.autocount.answers import compare
from connectors.targets.autocount.payload import content
from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.autocount.books import BOOK, default_books
from sandbox.simulators.autocount.checks import worked_out
from tests.connectors.sample_documents import autocount_invoice, bill_line

QUANTITIES = st.decimals("0.0001", "99999", places=4)
PRICES = st.decimals("-999", "99999", places=4)
LINES = st.lists(st.tuples(QUANTITIES, PRICES, st.sampled_from(["S-10", "NT"])), min_size=1)
LISTS = st.recursive(
    st.none() | st.booleans() | st.text(st.characters(exclude_categories=["Cs", "Cc"])) | PRICES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(LISTS)
def test_what_is_written_is_read_the_same(value):
    assert loads(dumps(value)) == value


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(2, 4), st.data())
def test_rounding_of_the_book_is_no_change_and_every_change_of_a_line_is_one(rows, places, data):
    lines = [
        bill_line(Qty=str(qty), UnitPrice=str(price), TaxCode=tax, SubTotal="")
        for qty, price, tax in rows
    ]
    document = autocount_invoice(lines=lines, FinalTotal=None)
    sent = loads(dumps(content(document, "create")))
    book = default_books(locked_through=date(2000, 1, 1))[BOOK]
    book.decimals.update(unitPrice=places)
    stands = worked_out(book, sent, "invoice")
    compared = compare(sent, {}, stands)
    assert compared.differences == ()
    kept = [
        price != row["unitPrice"]
        for (_, price, _), row in zip(rows, stands["details"], strict=True)
    ]
    assert len(compared.kept) == sum(kept)
    at = data.draw(st.integers(0, len(rows) - 1))
    name, other = data.draw(
        st.sampled_from([("qty", Decimal(7)), ("unit", "CTN"), ("accNo", "1"), ("taxCode", "X")])
    )
    changed = [dict(row) for row in stands["details"]]
    changed[at][name] = changed[at][name] + other if name == "qty" else other
    (told,) = compare(sent, {}, {**stands, "details": changed}).differences
    assert (told.line, told.field) == (at + 1, name)
    assert compare(sent, {}, {**stands, "details": changed[1:]}).differences
