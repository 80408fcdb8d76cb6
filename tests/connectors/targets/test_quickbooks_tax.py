"""The shop's tax in QuickBooks, to the sen, however the shop rounded it."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.registry import targets
from connectors.targets.quickbooks.payload import Company, ListedRate, build, tax_detail
from connectors.transport.strict_json import loads
from sandbox.simulators.quickbooks import books, faults
from tests.connectors.sample_documents import quickbooks_invoice, sold_line
from tests.connectors.simulator_processes import Bench

RATES = {"3": ListedRate("30", Decimal(0)), "5": ListedRate("50", Decimal("0.1"))}
SEN = Decimal("0.01")
LISTED = {
    "tax_code": {"5": {"rate": "0.1", "rate_id": "50"}, "3": {"rate": "0", "rate_id": "30"}},
    "custom_field": {"1": {"name": "SalesRep"}},
}


def rounded(amount):
    return amount.quantize(SEN, ROUND_HALF_UP)


def sale(lines, *, inclusive, per_line):
    """A sale of (price, quantity, code) rounded as the shop does; and what was paid for it."""
    rows, exact = [], {}
    for price, quantity, code in lines:
        amount, rate = rounded(price * quantity), RATES[code].rate
        tax = amount * rate / (1 + rate if inclusive else 1)
        exact.setdefault(code, []).append(tax)
        rows.append(
            sold_line(
                Qty=str(quantity),
                UnitPrice=str(price),
                Amount=str(amount),
                TaxCodeRef=code,
                TaxAmount=str(rounded(tax)),
            )
        )
    if not per_line:  # the sen that is left stands on the first line of its code
        for code, taxes in exact.items():
            mine = [row for row in rows if row["TaxCodeRef"] == code]
            left = rounded(sum(taxes)) - sum(Decimal(row["TaxAmount"]) for row in mine)
            mine[0]["TaxAmount"] = str(Decimal(mine[0]["TaxAmount"]) + left)
    goods = sum(Decimal(row["Amount"]) for row in rows)
    tax = sum(Decimal(row["TaxAmount"]) for row in rows)
    paid = goods if inclusive else goods + tax
    mode = "TaxInclusive" if inclusive else "TaxExcluded"
    fields = {"lines": tuple(rows), "GlobalTaxCalculation": mode, "Total": str(paid)}
    return quickbooks_invoice(amount=str(paid), **fields), paid, tax


LINES = st.lists(
    st.tuples(
        st.decimals("0.01", "500", places=2),
        st.integers(1, 12).map(Decimal),
        st.sampled_from(["3", "5"]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(lines=LINES, inclusive=st.booleans(), per_line=st.booleans())
def test_the_books_come_to_what_was_paid(lines, inclusive, per_line):
    document, paid, tax = sale(lines, inclusive=inclusive, per_line=per_line)
    company = Company("MYR", {"SalesRep": "1"}, RATES)
    payload = build([document], batch=False, action="create", company=company)
    assert not payload.refused
    there = books.default_companies(closed_through=None)[books.REALM]
    stands = faults.worked_out(there, books.KINDS["invoice"], loads(payload.body))
    assert (stands["TotalAmt"], stands["TxnTaxDetail"]["TotalTax"]) == (paid, tax)


THREE = [(Decimal("9.08"), Decimal(1), "5")] * 3


@pytest.mark.parametrize(("as_sent", "total"), [(True, "29.97"), (False, "29.96")])
def test_three_lines_of_9_99_are_29_97(start, http, as_sent, total):
    """A company that works the tax out all the same keeps its own, and the answer says so."""
    bench = Bench(targets()["quickbooks"], start(target="quickbooks"), http)
    bench.sim.control("company", tax_as_sent=as_sent)
    document, paid, _ = sale(THREE, inclusive=False, per_line=True)
    assert paid == Decimal("29.97")
    there = {**bench.sim.settings, "listed": LISTED}
    payload = bench.target.build([document], there, batch=False, batch_name="")
    sent = bench.target.send(payload, there, bench.sample.secret, "cp-1", bench.http)
    (answer,) = sent.answers
    assert (answer.kind, answer.total) == ("accepted", Decimal(total))
    assert bool(answer.kept) is not as_sent
    (stands,) = bench.standing()
    assert Decimal(str(stands["TotalAmt"])) == Decimal(total)


def test_tax_is_sent_only_where_rounding_explains_the_difference():
    document, _, _ = sale(THREE, inclusive=False, per_line=True)
    assert tax_detail(document, RATES)["TotalTax"] == Decimal("2.73")
    assert tax_detail(document, {}) == {}
    assert tax_detail(document, {"5": ListedRate("50", Decimal("0.2"))}) == {}
    same, _, _ = sale(THREE, inclusive=False, per_line=False)
    assert tax_detail(same, RATES) == {}
