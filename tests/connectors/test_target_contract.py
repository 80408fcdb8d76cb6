"""One suite for every target of the registry, each against the process of its simulator."""

import hashlib
import socket
import threading
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.kit.contract import Kept
from connectors.kit.http import Http
from connectors.registry import targets
from tests.connectors.simulators import DEMO_KEY, Simulator, invoice, line, shipping

TARGETS = sorted(targets())


@pytest.fixture(scope="module", params=TARGETS)
def world(request, tmp_path_factory):
    started = Simulator(request.param, tmp_path_factory.mktemp("contract") / "ledger.jsonl")
    yield targets()[request.param], started
    started.kill()


class Bench:
    """A target, its simulator, and short ways to use both."""

    def __init__(self, target, sim, http):
        self.target, self.sim, self.http = target, sim, http

    def build(self, *documents, batch=False, name="day-1"):
        return self.target.build(documents, batch=batch, batch_name=name)

    def send(self, *documents, key="cp-1", batch=False, secret=DEMO_KEY, **settings):
        payload = self.build(*documents, batch=batch)
        return self.target.send(payload, {**self.sim.settings, **settings}, secret, key, self.http)

    def look_up(self, document, key="cp-1", **settings):
        there = {**self.sim.settings, **settings}
        return self.target.look_up(document, there, DEMO_KEY, key, self.http)


@pytest.fixture
def bench(world, http):
    world[1].control("reset")
    return Bench(*world, http)


@pytest.mark.parametrize("batch", [False, True])
class TestEveryTarget:
    def test_same_documents_give_the_same_bytes(self, bench, batch):
        first, again = (bench.build(invoice(), batch=batch) for _ in range(2))
        assert first == again
        assert first.body
        assert DEMO_KEY not in repr(first)

    def test_a_document_is_accepted_and_written_once(self, bench, batch):
        sent = bench.send(invoice(), batch=batch)
        assert [answer.kind for answer in sent.answers] == ["accepted"]
        assert sent.answers[0].number == "NS-1"
        assert sent.answers[0].target_ref
        assert [one["number"] for one in bench.sim.ledger("created")][-1:] == ["NS-1"]

    def test_what_is_kept_otherwise_than_sent_is_told_by_line(self, bench, batch):
        odd = invoice("NS-2", lines=[line(1), shipping(5, LineTotal="9.91")])
        answers = bench.send(odd, batch=batch).answers
        assert [answer.kept for answer in answers] == [(Kept(2, "LineTotal", "9.90"),)]
        (exact,) = bench.send(invoice(), key="cp-2", batch=batch).answers
        assert exact.kept == ()

    def test_the_ledger_knows_the_bytes(self, bench, batch):
        payload = bench.build(invoice(), batch=batch)
        bench.send(invoice(), batch=batch)
        written = bench.sim.ledger("created")[-1]
        assert written["body_sha256"] == hashlib.sha256(payload.body).hexdigest()
        assert written["total"] == "118.80"

    def test_the_same_key_again_changes_nothing(self, bench, batch):
        before = bench.send(invoice(), batch=batch)
        after = bench.send(invoice(), batch=batch)
        assert not any(answer.existing for answer in before.answers)
        assert after.answers == tuple(replace(one, existing=True) for one in before.answers)
        assert after.headers["idempotent-replayed"] == "true"
        assert len(bench.sim.show("documents")) == 1

    def test_another_key_finds_it_there(self, bench, batch):
        bench.send(invoice(), batch=batch)
        (answer,) = bench.send(invoice(), key="cp-2", batch=batch).answers
        assert (answer.kind, answer.existing, answer.same_content) == ("accepted", True, True)
        assert answer.words == "Already there, with the same content."
        assert len(bench.sim.show("documents")) == 1

    def test_other_content_under_the_number_is_stale(self, bench, batch):
        bench.send(invoice(), batch=batch)
        changed = invoice(lines=[line(1, Quantity="3", LineTotal="163.35")], amount="163.35")
        (answer,) = bench.send(changed, key="cp-2", batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "stale_version")
        assert answer.same_content is False

    def test_a_used_key_with_another_body_is_a_duplicate(self, bench, batch):
        bench.send(invoice(), batch=batch)
        (answer,) = bench.send(invoice("NS-2"), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "duplicate")

    @pytest.mark.parametrize(
        "fault",
        ["timeout_after", "error_500_after", "html_502_after", "cut_body", "garbage_after"],
    )
    def test_an_unclear_answer_is_uncertain_and_the_look_up_finds_it(self, bench, batch, fault):
        bench.sim.control("faults", fault=fault)
        (answer,) = bench.send(invoice(), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")
        assert bench.look_up(invoice()).kind == "equal"
        assert len(bench.sim.show("documents")) == 1

    @pytest.mark.parametrize("fault", ["timeout_before", "html_502", "unavailable"])
    def test_nothing_stored_is_uncertain_and_the_look_up_says_absent(self, bench, batch, fault):
        bench.sim.control("faults", fault=fault)
        (answer,) = bench.send(invoice(), batch=batch).answers
        assert answer.kind == "uncertain"
        assert bench.look_up(invoice()).kind == "absent"
        assert bench.send(invoice(), batch=batch).answers[0].kind == "accepted"

    def test_a_closed_door_is_temporary_and_nothing_was_sent(self, bench, batch):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        (answer,) = bench.send(invoice(), batch=batch, base_url=url).answers
        assert (answer.kind, answer.code) == ("temporary", "not_sent")

    def test_an_unknown_name_is_temporary(self, bench, batch):
        (answer,) = bench.send(invoice(), batch=batch, base_url="http://x.invalid").answers
        assert (answer.kind, answer.error_class) == ("temporary", "temporary")

    def test_silence_is_uncertain(self, bench, batch):
        with silent_server() as url:
            bench.http = Http(read_seconds=0.2)
            (answer,) = bench.send(invoice(), batch=batch, base_url=url).answers
        assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")

    def test_what_is_processed_later_is_awaited(self, bench, batch):
        bench.sim.control("faults", fault="processing_completed")
        assert bench.send(invoice(), batch=batch).answers[0].kind == "awaiting"
        assert bench.look_up(invoice()).kind == "unknown"
        assert bench.look_up(invoice()).kind == "equal"

    def test_what_fails_later_is_told_by_the_look_up(self, bench, batch):
        bench.sim.control("faults", fault="processing_failed")
        assert bench.send(invoice(), batch=batch).answers[0].kind == "awaiting"
        bench.look_up(invoice())
        found = bench.look_up(invoice())
        assert found.kind == "absent"
        assert found.refused.error_class == "period_locked"

    def test_a_look_up_sees_other_content(self, bench, batch):
        bench.send(invoice(), batch=batch)
        other = invoice(amount="99.00")
        assert bench.look_up(other, key="cp-other").kind == "different"
        assert bench.look_up(invoice(), key="cp-other").kind == "equal"
        assert bench.look_up(invoice("NS-9"), key="cp-other").kind == "absent"

    def test_a_look_up_without_an_answer_knows_nothing(self, bench, batch):
        assert bench.look_up(invoice(), company_id="CMP-9").kind == "unknown"
        assert bench.look_up(invoice(), base_url="http://127.0.0.1:1").kind == "unknown"

    @pytest.mark.parametrize("first", "=+-@\t\r\x00＝＋－＠")
    def test_a_dangerous_beginning_is_refused_before_it_is_sent(self, bench, batch, first):
        before = len(bench.sim.ledger())
        (answer,) = bench.send(invoice(Customer=f"{first}HYPERLINK(1)"), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "bad_value")
        assert len(bench.sim.ledger()) == before

    @pytest.mark.parametrize(
        ("changed", "error_class"),
        [
            ({"Customer": ""}, "missing_field"),
            ({"Customer": "x" * 101}, "bad_value"),
            ({"Customer": "a\x07b"}, "bad_value"),
            ({"Customer": "a\ud800b"}, "bad_value"),
            ({"InvoiceDate": "19/11/2026"}, "bad_value"),
            ({"ExchangeRate": "NaN"}, "bad_value"),
            ({"ExchangeRate": "1.1234567"}, "bad_value"),
            ({"Notes": "x"}, "bad_value"),
        ],
    )
    def test_what_would_be_cut_or_misread_is_refused(self, bench, batch, changed, error_class):
        (answer,) = bench.send(invoice(**changed), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", error_class)

    def test_the_key_is_never_in_what_is_kept(self, bench, batch):
        sent = bench.send(invoice(), batch=batch)
        assert DEMO_KEY not in repr(sent)
        assert DEMO_KEY not in bench.sim.ledger_path.read_text()


class TestBatches:
    def test_each_document_has_its_own_answer(self, bench):
        bench.sim.control("lock", through="2026-09-30")
        bench.send(invoice("NS-1"), key="cp-0")
        documents = [
            invoice("NS-1"),
            invoice("NS-2"),
            invoice("NS-3", InvoiceDate="2026-09-30"),
            invoice("NS-4", Customer="=1+1"),
            invoice("NS-5", lines=[line(1, TaxCode="SR-6")]),
            invoice("NS-6"),
        ]
        answers = bench.send(*documents, batch=True).answers
        assert [(a.number, a.kind, a.error_class) for a in answers] == [
            ("NS-1", "accepted", None),
            ("NS-2", "accepted", None),
            ("NS-3", "refused", "period_locked"),
            ("NS-4", "refused", "bad_value"),
            ("NS-5", "refused", "mapping_missing"),
            ("NS-6", "accepted", None),
        ]
        assert answers[0].existing
        assert len(bench.sim.show("documents")) == 3

    def test_the_quota_is_taken_in_file_order(self, bench):
        bench.sim.control("quota", limit=2)
        documents = [invoice(f"NS-{n}") for n in range(4)]
        answers = bench.send(*documents, batch=True).answers
        kinds = [answer.kind for answer in answers]
        assert kinds == ["accepted", "accepted", "temporary", "temporary"]
        assert answers[2].retry_after > 0

    def test_one_number_with_two_customers_is_two_documents(self, bench):
        answers = bench.send(invoice("A"), invoice("A", Customer="Raj"), batch=True).answers
        assert [answer.kind for answer in answers] == ["accepted", "accepted"]
        assert answers[0].target_ref != answers[1].target_ref

    def test_hundreds_at_once(self, bench):
        documents = [invoice(f"NS-{n}") for n in range(300)]
        sent = bench.send(*documents, batch=True)
        assert {answer.kind for answer in sent.answers} == {"accepted"}
        assert [answer.number for answer in sent.answers] == [one.number for one in documents]


def test_a_connection_test_passes_and_tells_what_is_known(bench):
    report = bench.target.test(bench.sim.settings, DEMO_KEY, bench.http)
    assert report.ok
    assert report.snapshot.company_name == "Kedai Contoh Sdn Bhd"
    assert report.snapshot.codes()["tax_code"] == {"NT", "MY-SALES10"}


def test_the_amount_of_a_document_decides_not_its_text(bench):
    bench.send(invoice())
    assert bench.look_up(invoice(amount="118.8000"), key="cp-x").kind == "equal"
    assert Decimal("118.8000") == invoice().amount


class silent_server:  # noqa: N801
    """Takes a connection and says nothing."""

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._held = []
        threading.Thread(target=self._hold, daemon=True).start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _hold(self):
        try:
            while True:
                self._held.append(self._socket.accept()[0])
        except OSError:
            return

    def __exit__(self, *_):
        self._socket.close()
        for held in self._held:
            held.close()
