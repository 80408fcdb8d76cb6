"""A signed delivery has a limit of records and of lines, and is refused before they are read."""

import time
from datetime import UTC, datetime
from typing import Any

from connectors.contract import Accepted, SourceRefusal
from connectors.contract.pulls import FAULTS
from connectors.kit import delivery_limits
from connectors.kit.delivery import sign
from connectors.registry import read_file, sources
from connectors.transport.strict_json import dumps
from sandbox.simulators.netshop.deliveries import sample_order
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
PAID = {"id": "S-1", "status": "paid", "blogger": "B-1", "amount": "1.00", "currency": "MYR"}


def deliver(name: str, **records: object) -> Accepted | SourceRefusal:
    """What the source says to a signed delivery of these records."""
    stamp, raw = str(int(NOW.timestamp())), dumps(records)
    prefix = {"netshop": "X-NS16", "intake": "X-Clearpost"}[name]
    signature = sign("s", stamp, "evt_1", raw)
    told = {"Timestamp": stamp, "Signature": signature, "Event-Id": "evt_1"}
    headers = {f"{prefix}-{word}": value for word, value in told.items()}
    return sources()[name].accept(headers, raw, ["s"], NOW, SHOP_ZONE)


def order(lines: int) -> dict[str, Any]:
    item = sample_order(1)["items"][0]
    return sample_order(1, total="") | {"items": [item | {"pos": at} for at in range(1, lines + 1)]}


def van(lines: int) -> dict[str, Any]:
    line = {"order_line": 1, "sku": "SOAP-90", "uom": "CTN", "qty": "1"}
    many = [{"pos": at, **line} for at in range(1, lines + 1)]
    return {"kind": "delivery", "number": "501", "order_number": "1", "status": "ok", "lines": many}


def test_T29b_a_record_of_5000_lines_is_read_and_one_of_5001_is_not():
    for name, word, make in (("netshop", "orders", order), ("intake", "records", van)):
        good = deliver(name, **{word: [make(delivery_limits.LINES)]})
        assert isinstance(good, Accepted)
        assert good.problems == ()
        assert len(good.records[0].body["lines"]) == 5_000
        long = deliver(name, **{word: [make(delivery_limits.LINES + 1)]})
        assert isinstance(long, Accepted)
        [error] = long.problems
        assert error.where in ("orders[0].items", "records[0].lines")
        assert error.message == "A record has at most 5,000 lines; this one has 5,001."


def test_T29b_a_delivery_has_at_most_100_000_lines_whatever_they_are_called():
    settled = [PAID | {"id": f"S-{n}", "rows": [0] * delivery_limits.LINES} for n in range(20)]
    assert isinstance(deliver("netshop", settlements=settled), Accepted)
    refused = deliver("netshop", settlements=[*settled, PAID | {"rows": [0]}])
    assert isinstance(refused, SourceRefusal)
    assert (refused.status, refused.code) == (413, "too_many_lines")
    assert refused.message == "A delivery has at most 100,000 lines. This one has 100,001."


def test_T29b_a_delivery_has_at_most_5000_records():
    for name, word in (("netshop", "settlements"), ("intake", "records")):
        refused = deliver(name, **{word: [PAID] * (delivery_limits.RECORDS + 1)})
        assert isinstance(refused, SourceRefusal)
        assert (refused.status, refused.code) == (413, "too_many")
        assert refused.message == "A delivery has at most 5,000 records. This one has 5,001."
        assert isinstance(deliver(name, **{word: [PAID] * delivery_limits.RECORDS}), Accepted)


def test_T29b_lines_are_counted_before_they_are_read():
    empty = [sample_order(n) | {"items": [{}] * 4_000} for n in range(60)]
    started = time.process_time()
    refused = deliver("netshop", orders=empty)
    assert isinstance(refused, SourceRefusal)
    assert "240,000" in refused.message
    assert time.process_time() - started < 4  # to read them as lines takes a minute


def test_T29b_orders_in_which_nothing_is_right_are_held_with_a_few_faults():
    told = deliver(
        "netshop", orders=[sample_order(n) | {"items": [{"pos": "x"}] * 4_000} for n in range(9)]
    )
    assert isinstance(told, Accepted)
    assert [len(record.faults) for record in told.records] == [FAULTS] * 9


def test_T29b_an_order_of_a_file_has_no_more_lines_either():
    def csv(lines: int) -> bytes:
        rows = [f"SO-{lines},paid,{pos}" for pos in range(1, lines + 1)]
        return "\n".join(["number,status,pos", *rows, "SO-1,paid,1"]).encode()

    for lines, numbers in (
        (delivery_limits.LINES, ["SO-5000", "SO-1"]),
        (delivery_limits.LINES + 1, ["SO-1"]),
    ):
        told = read_file("orders.csv", csv(lines), SHOP_ZONE)
        assert isinstance(told, Accepted)
        assert [one.number for one in told.records] == numbers
    assert [error.message for error in told.problems] == [
        "A record has at most 5,000 lines; this one has 5,001."
    ]
