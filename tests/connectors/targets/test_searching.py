"""A search for what was typed by hand goes through every page, or says that it did not."""

from datetime import UTC, datetime

import pytest

from connectors.contract import Found, ItemSetup
from connectors.registry import targets
from connectors.targets.autocount import read_back
from connectors.targets.quickbooks import responses
from connectors.transport.http import HttpAnswer
from connectors.transport.strict_json import dumps
from tests.connectors.sample_documents import autocount_invoice
from tests.connectors.simulator_processes import Bench


def alike(bench):
    return bench.target.alike(bench.make(), bench.sim.settings, bench.sample.secret, bench.http)


@pytest.fixture
def autocount_bench(start, http):
    sim = start("--calls-a-minute", "1000", target="autocount")
    return Bench(targets()["autocount"], sim, http)


@pytest.mark.slow
def test_autocount_beyond_the_first_page(autocount_bench, monkeypatch):
    bench = autocount_bench
    row = {"accNo": "500-0000", "description": "Tea", "qty": 1}
    head = {"docDate": "2026-11-19", "debtorCode": "300-W001", "debtorName": "Web Customer"}
    head |= {"creditTerm": "C.O.D.", "salesLocation": "HQ"}
    for at in range(101):
        body = {
            "master": {**head, "docNo": f"T-{at}"},
            "details": [{**row, "unitPrice": 118.8 if at == 100 else 7}],
        }
        bench.sim.control("typed", body=body)
    assert [one.number for one in alike(bench)] == ["T-100"]
    monkeypatch.setattr(read_back, "PAGES", 1)
    found = alike(bench)
    assert found.kind == "different"
    assert found.words == (
        "100 documents and more exist there for 300-W001 around 2026-11-19, and not all were"
        " looked through: NS-1 may be among them, typed by hand."
    )


def test_autocount_looks_through_the_day_itself_where_the_days_around_are_too_many(
    autocount_bench, monkeypatch
):
    bench = autocount_bench
    row = {"accNo": "500-0000", "description": "Tea", "qty": 1, "unitPrice": 118.8}
    head = {"debtorCode": "300-W001", "debtorName": "Web Customer", "creditTerm": "C.O.D."}
    head |= {"salesLocation": "HQ"}
    for number, day in (("T-1", 17), ("T-2", 19), ("T-3", 21)):
        master = {**head, "docNo": number, "docDate": f"2026-11-{day}"}
        bench.sim.control("typed", body={"master": master, "details": [row]})
    monkeypatch.setattr(read_back, "A_PAGE", 2)
    assert [one.number for one in alike(bench)] == ["T-1", "T-2", "T-3"]
    monkeypatch.setattr(read_back, "PAGES", 1)
    assert "T-2" in [one.number for one in alike(bench)]


def test_autocount_goes_on_after_a_row_without_a_number():
    nameless, ours = {"master": {}}, {"master": {"docNo": "T-1", "debtorCode": "300-W001"}}
    pages = [[nameless] + [ours] * 99, [ours]]

    def ask(_path, _body):
        body = dumps({"data": pages.pop(0)})
        return HttpAnswer(status=200, headers={}, body=body, seconds=0.0, at=datetime.now(UTC))

    assert read_back.alike(autocount_invoice(), ask, "MYR") == ()
    assert pages == []


def test_quickbooks_beyond_the_first_page(start, http, monkeypatch):
    bench = Bench(targets()["quickbooks"], start(target="quickbooks"), http)
    numbers = [f"T-{at}" for at in range(5)]
    for number in numbers:
        bench.send(bench.make(number), key=f"cp-{number}")
    monkeypatch.setattr(responses, "MOST", 2)
    assert [one.number for one in alike(bench)] == numbers
    monkeypatch.setattr(responses, "PAGES", 2)
    assert alike(bench).kind == "different"


@pytest.mark.parametrize(
    "body",
    [b"<html>Back soon</html>", b"{}", b'{"product": null}', b'{"product": []}'],
)
def test_what_shows_no_product_does_not_say_that_an_item_has_no_unit(body):
    """Kept as "no unit", a carton would go out compared with nothing, and be told as a change."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    soap = dumps({"product": {"productCode": "SOAP90", "unit": "PCS"}})

    def get(path: str) -> HttpAnswer:
        told = soap if "SOAP90" in path else body
        return HttpAnswer(status=200, headers={}, body=told, seconds=0.0, at=at)

    away = read_back.units(["TEE"], get)
    assert isinstance(away, Found)
    assert away.kind == "unknown"
    assert read_back.units(["SOAP90", "TEE"], get) == {"SOAP90": ItemSetup("PCS")}, "TEE waits"


def test_one_product_that_is_not_told_keeps_no_other_waiting():
    """Asked in the same order each time, it would stop all documents behind it for ever."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    asked: list[str] = []
    soap = dumps({"product": {"productCode": "SOAP90", "unit": "PCS"}})

    def get(path: str) -> HttpAnswer:
        code = path.partition("=")[2].partition("&")[0]
        asked.append(code)
        status = {"SOAP90": 200, "KEY": 401, "MUCH": 429, "GONE": 404}.get(code, 500)
        body = soap if status == 200 else b"{}"
        return HttpAnswer(status=status, headers={}, body=body, seconds=0.0, at=at)

    assert read_back.units(["BAD", "SOAP90"], get) == {"SOAP90": ItemSetup("PCS")}
    assert read_back.units(["GONE"], get) == {"GONE": None}, "it is told that there is none"
    alone = read_back.units(["BAD"], get)
    assert isinstance(alone, Found)
    assert alone.status == 500
    asked.clear()
    for first in ("KEY", "MUCH"):
        told = read_back.units([first, "SOAP90"], get)
        assert isinstance(told, Found)
    assert asked == ["KEY", "MUCH"], "these are said of every product"
    asked.clear()
    assert isinstance(read_back.units(["BAD", "WORSE", "SOAP90"], get), Found)
    assert asked == ["BAD", "WORSE"], "two in a row: AutoCount itself is away"
    asked.clear()
    read_back.units(["BAD", "SOAP90", "WORSE", "SOAP90"], get)
    assert len(asked) == 4, "not in a row"
