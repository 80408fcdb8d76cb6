"""Intake: every kind it knows is read whole, and what it does not know is told with its place."""

import json
from datetime import UTC, datetime
from typing import Any

from connectors import registry
from connectors.contract import Accepted, SourceRefusal
from connectors.contract.pulls import FAULTS
from connectors.kit.delivery import sign
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SECRET = "intake-secret"
VAN: dict[str, Any] = {
    "kind": "delivery",
    "number": "501",
    "order_number": "1001",
    "status": "confirmed",
    "delivered_on": "2026-11-18",
    "lines": [{"pos": 1, "order_line": 1, "sku": "SOAP-90", "uom": "CTN", "qty": "1.0"}],
}


def read(*records: object) -> Accepted | SourceRefusal:
    return registry.read_file(
        "day.records.json", json.dumps({"records": records}).encode(), SHOP_ZONE
    )


def test_a_signed_delivery_of_several_kinds_is_read() -> None:
    receipt = {"kind": "receipt", "id": 7, "number": "R-7", "status": "cleared", "amount": "20"}
    raw = json.dumps({"records": [VAN, receipt]}).encode()
    stamp = str(int(NOW.timestamp()))
    headers = {
        "X-Clearpost-Timestamp": stamp,
        "X-Clearpost-Signature": sign(SECRET, stamp, "evt_1", raw),
        "X-Clearpost-Event-Id": "evt_1",
    }
    intake = registry.sources()["intake"]
    told = intake.accept(headers, raw, [SECRET], NOW, SHOP_ZONE)
    assert isinstance(told, Accepted)
    assert told.delivery_id == "evt_1"
    van, paid = told.records
    assert (van.kind, van.external_id, van.number) == ("delivery", "501", "501")
    assert van.body["lines"] == [
        {"pos": 1, "order_line": 1, "sku": "SOAP-90", "uom": "CTN", "qty": "1"}
    ]
    assert (paid.external_id, paid.number, paid.body["amount"]) == ("7", "R-7", "20.00")
    assert "lines" not in paid.body
    forged = intake.accept(
        {**headers, "X-Clearpost-Signature": "sha256=0"}, raw, [SECRET], NOW, SHOP_ZONE
    )
    assert isinstance(forged, SourceRefusal)
    assert forged.code == "bad_signature"


def test_what_is_not_known_is_told_with_its_place() -> None:
    told = read(VAN, {**VAN, "kind": "van"}, {**VAN, "lines": [{"pos": 1, "qyt": 2}]}, 7)
    assert isinstance(told, Accepted)
    assert [(one.number, len(one.faults)) for one in told.records] == [("501", 0), ("501", 1)]
    assert [one.where for one in told.problems] == [
        "records[2].lines[0].qyt",
        "records[1].kind",
        "records[3]",
    ]
    assert isinstance(read(*[VAN] * 5001), SourceRefusal)


def test_a_change_stamp_tells_versions_apart() -> None:
    told = read({**VAN, "updated_at": "2026-11-19T14:03:11+08:00"})
    assert isinstance(told, Accepted)
    assert told.records[0].stamp == "2026-11-19T06:03:11Z"


def test_names_that_nobody_knows_are_told_a_few_and_counted() -> None:
    wild = {f"x{at}" + "y" * 30_000: at for at in range(150)}
    told = read({**VAN, **wild})
    assert isinstance(told, Accepted)
    assert len(told.problems) == FAULTS
    assert told.problems[0].where == "records[0].x0" + "y" * 48
    assert told.problems[-1].message == "101 more names are not fields of this kind."
    assert max(len(one.where) + len(one.message) for one in told.problems) < 200
