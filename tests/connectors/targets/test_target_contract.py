"""One suite for every target of the registry, each against the process of its simulator."""

import hashlib
import socket
import threading

import pytest

from connectors.contract.hand_imports import ImportedByHand
from connectors.registry import targets
from connectors.transport.http import Http
from tests.connectors.simulator_processes import SAMPLES, Bench

BATCHED = ("aiaccount", "autocount_aotg")
WAYS = [
    (sample, batch)
    for sample in sorted(SAMPLES)
    for batch in ((False, True) if sample in BATCHED else (False,))
]
"""A document of every target with every way in which it goes: alone, and many in a file."""
TAX_CODES = {"aiaccount": {"NT", "MY-SALES10"}, "quickbooks": {"3", "5"}}
"""What a target lists, where it can."""


def test_every_target_is_tried():
    called = {name for name, one in targets().items() if not isinstance(one, ImportedByHand)}
    assert {sample.split()[0] for sample in SAMPLES} == called
    assert targets().keys() - called == {"autocount_excel"}, "its part is test_autocount_excel.py"


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{'many' * way[1]}")
def world(request, running):
    sample, batch = request.param
    name = sample.split()[0]
    return targets()[name], running(name), sample, batch


@pytest.fixture
def bench(world, http):
    target, sim, sample, _ = world
    found = Bench(target, sim, http, sample)
    found.afresh()
    return found


@pytest.fixture
def batch(world):
    return world[3]


class TestEveryTarget:
    def test_same_documents_give_the_same_bytes(self, bench, batch):
        first, again = (bench.build(bench.make(), batch=batch) for _ in range(2))
        assert first == again
        assert first.body
        assert bench.sample.secret not in repr(first)

    def test_a_document_is_accepted_and_written_once(self, bench, batch):
        sent = bench.send(bench.make(), batch=batch)
        assert [answer.kind for answer in sent.answers] == ["accepted"]
        assert sent.answers[0].number == "NS-1"
        assert sent.answers[0].target_ref
        assert [one["number"] for one in bench.sim.ledger("created")][-1:] == ["NS-1"]

    def test_the_ledger_knows_the_bytes(self, bench, batch):
        payload = bench.build(bench.make(), batch=batch)
        bench.send(bench.make(), batch=batch)
        written = bench.sim.ledger("created")[-1]
        assert written["body_sha256"] == hashlib.sha256(payload.body).hexdigest()
        assert written["total"] == "118.80"

    def test_another_key_finds_it_there(self, bench, batch):
        bench.send(bench.make(), batch=batch)
        (answer,) = bench.send(bench.make(), key="cp-2", batch=batch).answers
        assert (answer.kind, answer.existing, answer.same_content) == ("accepted", True, True)
        assert answer.words == "Already there, with the same content."
        assert len(bench.standing()) == 1

    def test_other_content_under_the_number_is_stale(self, bench, batch):
        bench.send(bench.make(), batch=batch)
        (answer,) = bench.send(bench.changed(), key="cp-2", batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "stale_version")
        assert answer.same_content is False

    def test_an_unclear_answer_is_uncertain_and_the_look_up_finds_it(self, bench, batch):
        for fault in bench.sample.stored:
            bench.afresh()
            bench.sim.control("faults", fault=fault)
            (answer,) = bench.send(bench.make(), batch=batch).answers
            assert (answer.kind, answer.error_class) == ("uncertain", "uncertain"), fault
            assert bench.look_up(bench.make()).kind == "equal"
            assert len(bench.standing()) == 1

    def test_nothing_stored_is_uncertain_and_the_look_up_says_absent(self, bench, batch):
        for fault in bench.sample.not_stored:
            bench.afresh()
            bench.sim.control("faults", fault=fault)
            (answer,) = bench.send(bench.make(), batch=batch).answers
            assert answer.kind == "uncertain", fault
            assert bench.look_up(bench.make()).kind == "absent"
            assert bench.send(bench.make(), batch=batch).answers[0].kind == "accepted"

    def test_a_closed_door_is_temporary_and_nothing_was_sent(self, bench, batch):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        (answer,) = bench.send(bench.make(), batch=batch, base_url=url).answers
        assert (answer.kind, answer.code) == ("temporary", "not_sent")

    def test_an_unknown_name_is_temporary(self, bench, batch):
        (answer,) = bench.send(bench.make(), batch=batch, base_url="http://x.invalid").answers
        assert (answer.kind, answer.error_class) == ("temporary", "temporary")

    def test_silence_is_uncertain(self, bench, batch):
        with silent_server() as url:
            bench.http = Http(read_seconds=0.2)
            (answer,) = bench.send(bench.make(), batch=batch, base_url=url).answers
        assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")

    def test_a_look_up_sees_other_content(self, bench, batch):
        bench.send(bench.make(), batch=batch)
        assert bench.look_up(bench.changed(), key="cp-other").kind == "different"
        assert bench.look_up(bench.make(), key="cp-other").kind == "equal"
        assert bench.look_up(bench.make("NS-9"), key="cp-other").kind == "absent"

    def test_a_look_up_without_an_answer_knows_nothing(self, bench, batch):
        assert bench.look_up(bench.make(), company_id="9").kind == "unknown"
        assert bench.look_up(bench.make(), base_url="http://127.0.0.1:1").kind == "unknown"

    @pytest.mark.parametrize("first", "=+-@\t\r\x00＝＋－＠")
    def test_a_dangerous_beginning_is_refused_before_it_is_sent(self, bench, batch, first):
        before = len(bench.sim.ledger())
        document = bench.make(**{bench.sample.party: f"{first}HYPERLINK(1)"})
        (answer,) = bench.send(document, batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", "bad_value")
        assert len(bench.sim.ledger()) == before

    @pytest.mark.parametrize(
        ("field", "value", "error_class"),
        [
            ("party", "", "missing_field"),
            ("party", "x" * 101, "bad_value"),
            ("party", "a\x07b", "bad_value"),
            ("party", "a\ud800b", "bad_value"),
            ("day", "19/11/2026", "bad_value"),
            ("rate", "NaN", "bad_value"),
            ("rate", "1.1234567891234", "bad_value"),
        ],
    )
    def test_what_would_be_cut_or_misread_is_refused(self, bench, batch, field, value, error_class):
        sample = bench.sample
        name = {"party": sample.party, "day": sample.day, "rate": sample.rate}[field]
        (answer,) = bench.send(bench.make(**{name: value}), batch=batch).answers
        assert (answer.kind, answer.error_class) == ("refused", error_class)

    def test_the_key_is_never_in_what_is_kept(self, bench, batch):
        sent = bench.send(bench.make(), batch=batch)
        assert bench.sample.secret not in repr(sent)
        assert bench.sample.secret not in bench.sim.ledger_path.read_text()


def test_a_connection_test_passes_and_tells_what_is_known(bench):
    report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
    assert report.ok
    assert report.snapshot.company_name == "Kedai Contoh Sdn Bhd"
    listed = report.snapshot.codes()
    assert all(listed.values())
    assert listed.get("tax_code") == TAX_CODES.get(bench.target.name)


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
