"""What holds for every document: what was sent and worked out there is no change, and every change
of ours is one.
"""

from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.targets.quickbooks.payload import SCHEMAS, compare, content
from connectors.targets.quickbooks.writes import merged
from connectors.transport.strict_json import dumps, loads
from sandbox.simulators.quickbooks.books import KINDS, REALM, default_companies
from sandbox.simulators.quickbooks.faults import void, worked_out
from tests.connectors.sample_documents import quickbooks_invoice, sold_line

QUANTITIES = st.decimals("0.00001", "9999", places=5)
PRICES = st.decimals("0.00001", "9999", places=5)
LINES = st.lists(st.tuples(QUANTITIES, PRICES, st.sampled_from(["3", "5"])), min_size=1, max_size=8)
BOOK, INVOICE, SCHEMA = (
    default_companies(closed_through=None)[REALM],
    KINDS["invoice"],
    SCHEMAS["invoice"],
)
SEN = Decimal("0.01")


def standing(rows):
    """A body as it is sent, and the document as QuickBooks then shows it."""
    lines = [
        sold_line(
            Qty=format(qty, "f"),
            UnitPrice=format(price, "f"),
            Amount=format((qty * price).quantize(SEN, ROUND_HALF_UP), "f"),
            TaxCodeRef=tax,
        )
        for qty, price, tax in rows
    ]
    document = quickbooks_invoice(lines=lines, Total=None, DueDate="")
    sent = loads(dumps(content(document, blanks=True)))
    return sent, loads(dumps(worked_out(BOOK, INVOICE, sent)))


@settings(max_examples=40, deadline=None)
@given(LINES, st.data())
def test_what_is_worked_out_there_is_no_change_and_every_change_of_a_line_is_one(rows, data):
    sent, stands = standing(rows)
    total = str(stands["TotalAmt"])
    assert compare(SCHEMA, sent, {"TotalAmt": total}, stands, {}).differs == ()
    one_more = str(stands["TotalAmt"] + SEN)
    near = compare(SCHEMA, sent, {"TotalAmt": one_more}, stands, {})
    assert (near.differs, near.kept[0].value) == ((), total)
    assert compare(
        SCHEMA, sent, {"TotalAmt": str(stands["TotalAmt"] + 2 * SEN)}, stands, {}
    ).differs
    at = data.draw(st.integers(0, len(rows) - 1))
    name, other = data.draw(
        st.sampled_from([("Qty", Decimal(7)), ("UnitPrice", Decimal(1)), ("ItemRef", "13")])
    )
    kind = INVOICE.detail
    lines = [dict(line) for line in stands["Line"]]
    was = lines[at][kind][name]
    now = {"value": other} if isinstance(was, dict) else was + other
    lines[at] = {**lines[at], kind: {**lines[at][kind], name: now}}
    (told,) = compare(SCHEMA, sent, {"TotalAmt": total}, {**stands, "Line": lines}, {}).differs
    assert (told.line, told.field) == (at + 1, name)
    assert compare(SCHEMA, sent, {"TotalAmt": total}, {**stands, "Line": lines[1:]}, {}).differs
    assert compare(SCHEMA, sent, {"TotalAmt": total}, void(stands), {}).differs


@settings(max_examples=40, deadline=None)
@given(LINES, LINES)
def test_ours_laid_over_what_stands_is_ours_and_nothing_of_theirs_is_lost(before, after):
    _, stands = standing(before)
    theirs = {
        "CustomerMemo": {"value": "Thanks"},
        "ShipDate": "2026-11-21",
        "DueDate": "2026-12-01",
    }
    sent, wanted = standing(after)
    made = merged({**stands, **theirs, "Id": "145", "Balance": 1}, sent)
    assert compare(SCHEMA, sent, {"TotalAmt": ""}, {**wanted, **made}, {}).differs == ()
    assert {made[name] for name in ("ShipDate", "Id")} == {"2026-11-21", "145"}
    assert made["CustomerMemo"] == {"value": "Thanks"}
    assert not {"DueDate", "Balance", "TxnTaxDetail"} & made.keys()
    assert len(made["CustomField"]) == 1
