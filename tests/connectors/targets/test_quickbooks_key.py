"""The key of QuickBooks: its exchange, and the test of a connection."""

from datetime import timedelta

import pytest

from connectors.kit.calls import grant_of
from connectors.registry import targets
from connectors.targets.quickbooks.probe import is_due, may_be_over, renew
from tests.connectors.simulator_processes import Bench

PASTED = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


class TestTokens:
    def test_an_exchange_gives_the_next_pair_and_the_old_one_ends_a_day_later(self, bench):
        now = bench.http.now()
        assert is_due(PASTED, now)
        told = renew(bench.sim.settings, PASTED, bench.http)
        assert told.kind == "renewed"
        assert "qbo" not in repr(told)
        grant = grant_of(told.secret)
        assert (grant.secret, grant.refresh) == ("qbo-client-3Rk9", "qbo-refresh-5Mx8-1")
        assert "qbo" not in repr(grant)
        assert not is_due(told.secret, now + timedelta(minutes=54))
        assert is_due(told.secret, now + timedelta(minutes=56))
        assert not may_be_over(told.secret, now + timedelta(minutes=9))
        assert may_be_over(told.secret, now + timedelta(minutes=11))
        assert bench.send(bench.make(), secret=told.secret).answers[0].kind == "accepted"
        assert renew(bench.sim.settings, PASTED, bench.http).kind == "renewed", "an answer was lost"
        bench.sim.control("clock", offset_seconds=86_401)
        again = renew(bench.sim.settings, PASTED, bench.http)
        assert (again.kind, "invalid_grant" in again.words) == ("refused", True)

    def test_what_is_refused_and_what_is_only_away(self, bench):
        settings = bench.sim.settings
        assert renew({**settings, "client_id": "X"}, PASTED, bench.http).kind == "refused"
        assert renew({**settings, "token_url": "http://127.0.0.1:1"}, PASTED, bench.http).kind == (
            "away"
        )
        for wrong in ("no-colon", "a:b:c", "a:b:c:soon", ":b"):
            assert renew(settings, wrong, bench.http).kind == "refused"
            assert not is_due(wrong, bench.http.now())


class TestConnection:
    @pytest.mark.parametrize(
        ("changed", "secret", "failed", "words"),
        [
            ({}, "no-colon", 0, "CLIENT_SECRET:REFRESH_TOKEN"),
            ({"client_id": ""}, "", 0, "The client ID is blank."),
            ({}, PASTED, 0, "no access token"),
            ({}, f"{PASTED}:qbo-access-7Wd2-9:4102444800", 2, "does not accept the token"),
            ({"company_id": "9130999"}, "", 3, "403"),
            (
                {"company_name": "Somebody Sdn Bhd"},
                "",
                3,
                "another company: Kedai Contoh Sdn Bhd, ID",
            ),
        ],
    )
    def test_each_step_can_fail(self, bench, changed, secret, failed, words):
        settings = {**bench.sim.settings, **changed}
        report = bench.target.test(settings, secret or bench.sample.secret, bench.http)
        assert [at for at, step in enumerate(report.steps) if step.ok is False] == [failed]
        assert words in report.steps[failed].words
        assert report.snapshot is None

    def test_it_tells_what_is_closed_and_what_it_knows(self, bench):
        bench.sim.control("lock", through="2026-10-31")
        report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
        assert str(report.snapshot.locked_through) == "2026-10-31"
        assert report.snapshot.codes()["tax_code"] == {"3", "5"}
        assert "35" in report.snapshot.codes()["account"]
        assert report.snapshot.base_currency == "MYR"
