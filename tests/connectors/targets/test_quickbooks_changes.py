"""What was changed in QuickBooks since a moment: one call for all kinds, and no answer."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Found
from connectors.contract.targets import TellsChanges
from connectors.registry import targets
from connectors.transport.http import HttpAnswer
from tests.connectors.quickbooks import bill, money
from tests.connectors.recorded import BASE, NOW, Tape, expected, played, recorded
from tests.connectors.simulator_processes import SAMPLES, Bench

SINCE = datetime.fromisoformat("2026-11-19T00:00:00+08:00")
SETTINGS = {"base_url": BASE, "company_id": "9130347"}
SECRET = SAMPLES["quickbooks"].secret


@pytest.fixture
def bench(start, http):
    return Bench(targets()["quickbooks"], start(target="quickbooks"), http)


def asked(http, since=SINCE, documents=("invoice", "payment"), settings=SETTINGS):
    return targets()["quickbooks"].changed(documents, since, settings, SECRET, http)


def changed(bench, since, *documents):
    return asked(bench.http, since, documents, bench.sim.settings)


def test_only_quickbooks_tells_changes():
    telling = [name for name, one in targets().items() if isinstance(one, TellsChanges)]
    assert telling == ["quickbooks"]
    assert targets()["quickbooks"].changes_reach == timedelta(days=30)


def test_the_client_asks_and_reads_as_recorded():
    tape = Tape(recorded("quickbooks", "changes/changed")["some"])
    assert asked(tape) == {"145", "146"}
    assert tape.calls == []
    tape = Tape(recorded("quickbooks", "changes/changed")["too long ago"])
    found = asked(tape, SINCE - timedelta(days=29))
    assert isinstance(found, Found)
    assert (found.kind, "within the last 30 days" in found.words) == ("unknown", True)


def test_the_stand_in_answers_as_recorded(bench):
    ago = (NOW - datetime.now(UTC)).total_seconds()
    bench.sim.control("clock", offset_seconds=int(ago))
    for call in recorded("quickbooks", "invoice.create")["write"]:
        assert played(bench.sim.url, call) == expected(call)
    bench.send(bench.make("NS-2"), key="cp-2")
    bench.sim.control("by_hand", number="NS-2", delete=True)
    for calls in recorded("quickbooks", "changes/changed").values():
        for call in calls:
            assert played(bench.sim.url, call) == expected(call)


def test_what_changes_there_is_named_and_nothing_else(bench):
    bench.send(bench.make(), key="cp-1")
    bench.send(bench.make("NS-2"), key="cp-2")
    bench.send(bill(), key="cp-3")
    bench.send(money(), key="cp-4")
    ids = {one["DocNumber"]: one["Id"] for one in bench.sim.show("documents") if "DocNumber" in one}
    bench.sim.control("clock", offset_seconds=3600)
    since = datetime.now(UTC) + timedelta(minutes=30)
    assert changed(bench, since, "invoice", "bill", "payment") == frozenset()
    bench.sim.control("by_hand", number="NS-2", fields={"CustomerMemo": {"value": "Gift"}})
    assert changed(bench, since, "invoice", "bill") == {ids["NS-2"]}
    assert changed(bench, since, "bill") == frozenset()
    bench.sim.control("by_hand", number="NS-1", delete=True)
    assert changed(bench, since, "invoice", "bill") == {ids["NS-1"], ids["NS-2"]}
    bench.sim.kill()
    bench.sim.start()
    assert changed(bench, since, "invoice") == {ids["NS-1"], ids["NS-2"]}


def test_nobody_can_say_longer_ago_than_thirty_days_nor_without_a_key(bench):
    for days, kind in ((29, frozenset), (31, Found)):
        assert isinstance(changed(bench, datetime.now(UTC) - timedelta(days=days), "bill"), kind)
    bench.sim.control("revoke")
    found = changed(bench, datetime.now(UTC), "bill")
    assert (found.kind, found.key_refused) == ("unknown", True)


class Says:
    """An answer, whatever is asked."""

    def __init__(self, content: object, status: int = 200) -> None:
        self.answer = HttpAnswer(
            status=status, headers={}, body=json.dumps(content).encode(), seconds=0.1, at=NOW
        )

    def request(self, *_, **__):
        return self.answer


def part(*entities):
    return {"CDCResponse": [{"QueryResponse": list(entities)}]}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"CDCResponse": []},
        {"CDCResponse": [{}]},
        part({}),
        part({}, {}, {}),
        part({}, None),
        part({}, {"Invoice": {"Id": "1"}}),
        part({}, {"Invoice": [{"status": "Deleted"}]}),
        part({}, {"Invoice": ["145"]}),
        part({}, {"Invoice": [{"Id": str(at)} for at in range(1000)]}),
        {"QueryResponse": {}},
    ],
)
def test_an_answer_that_is_not_whole_says_nothing(content):
    found = asked(Says(content))
    assert isinstance(found, Found)
    assert found.kind == "unknown"


def test_a_whole_answer_of_many_is_one():
    many = [{"Id": str(at)} for at in range(999)]
    assert len(asked(Says(part({"Invoice": many}, {})))) == 999
