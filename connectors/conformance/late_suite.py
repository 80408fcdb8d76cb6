"""What every target does when an answer, or a call, comes after nobody waits for it any more.

Here: the tests, as in target_suite.py. Not here: the relay that is late (late_relay.py).
"""

import pytest

from connectors.conformance.late_relay import Late, Relay, first_write, nth, relaying
from connectors.conformance.target_bench import Bench


class LateSuite:
    """The contract of a target about lateness: nothing is doubled, and nothing is believed absent.
    `bench` and `batch` are those of the suite of targets.
    """

    def test_a_late_answer_is_uncertain_and_the_look_up_finds_it(
        self, bench: Bench, batch: bool
    ) -> None:
        with relaying(bench.sim.url, first_write()) as relay:
            self.send_in_vain(bench, relay, batch=batch)
            assert relay.arrived.wait(30)
            assert len(bench.standing()) == 1, "it was made, and nobody heard of it"
            relay.release()
            found = bench.look_up(bench.make(), base_url=relay.url)
            assert found.kind == "equal"
            (again,) = bench.send(bench.make(), batch=batch, base_url=relay.url).answers
            assert again.kind == "accepted"
            assert again.target_ref == found.target_ref
            assert len(bench.standing()) == 1

    def test_a_call_that_arrives_before_its_repeat_is_done_once(
        self, bench: Bench, batch: bool
    ) -> None:
        with relaying(bench.sim.url, first_write(), Late.CALL) as relay:
            self.send_in_vain(bench, relay, batch=batch)
            assert bench.look_up(bench.make()).kind == "absent"
            relay.release()
            assert bench.look_up(bench.make()).kind == "equal"
            assert bench.send(bench.make(), batch=batch).answers[0].kind == "accepted"
            assert len(bench.standing()) == 1

    def test_a_call_that_arrives_after_its_repeat_is_done_once(
        self, bench: Bench, batch: bool
    ) -> None:
        """Its key or its number is known there by then."""
        with relaying(bench.sim.url, first_write(), Late.CALL) as relay:
            self.send_in_vain(bench, relay, batch=batch)
            assert bench.send(bench.make(), batch=batch).answers[0].kind == "accepted"
            relay.release()
            assert bench.look_up(bench.make()).kind == "equal"
            assert len(bench.standing()) == 1

    @pytest.mark.parametrize(
        ("number", "key", "kind"),
        [("NS-1", "cp-1", "equal"), ("NS-1", "cp-other", "equal"), ("NS-9", "cp-other", "absent")],
        ids=["our key", "another key", "not there"],
    )
    def test_a_look_up_knows_nothing_whichever_of_its_answers_is_late(
        self, bench: Bench, batch: bool, number: str, key: str, kind: str
    ) -> None:
        """And the same look-up, made again, is not misled by the answer that comes after all."""
        bench.send(bench.make(), batch=batch)
        document = bench.make(number)
        with relaying(bench.sim.url, nth(-1)) as relay:
            bench.http = relay.http
            known = bench.look_up(document, key=key, base_url=relay.url)
            assert known.kind == kind
        assert relay.asked
        for late in range(len(relay.asked)):
            with relaying(bench.sim.url, nth(late)) as slow:
                bench.http = slow.http
                found = bench.look_up(document, key=key, base_url=slow.url)
                assert (found.kind, found.refused) == ("unknown", None), late
                assert not found.key_refused
                slow.release()
                again = bench.look_up(document, key=key, base_url=slow.url)
                assert (again.kind, again.words) == (known.kind, known.words), late

    def send_in_vain(self, bench: Bench, relay: Relay, *, batch: bool) -> None:
        """Send the document of the sample, and give up before the answer is there."""
        bench.http = relay.http
        (answer,) = bench.send(bench.make(), batch=batch, base_url=relay.url).answers
        assert (answer.kind, answer.error_class) == ("uncertain", "uncertain")
        assert answer.words
