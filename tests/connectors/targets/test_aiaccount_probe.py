"""The connection test, step by step."""

import pytest

from tests.connectors.simulator_processes import DEMO_KEY


@pytest.fixture
def steps(sim, aiaccount, http):
    def run(secret=DEMO_KEY, **settings):
        report = aiaccount.test({**sim.settings, **settings}, secret, http)
        return [step.ok for step in report.steps], report

    return run


def test_all_is_well(steps):
    assert steps()[0] == [True] * 7


@pytest.mark.parametrize("secret", ["", "aia live", "aia\nlive", "aia_é"])
def test_a_key_that_cannot_be_one_is_not_sent(sim, steps, secret):
    before = len(sim.ledger())
    found, report = steps(secret)
    assert found == [False] + [None] * 6
    assert report.snapshot is None
    assert len(sim.ledger()) == before


def test_an_unknown_key(steps):
    found, report = steps("aia_live_unknown")
    assert found == [True, False] + [None] * 5
    assert "Unknown API key" in report.steps[1].words
    assert not report.ok


def test_a_paused_key_is_a_warning(steps):
    found, report = steps("aia_live_paused_4Rt8")
    assert found[1] is None
    assert report.ok
    assert report.snapshot.key_status == "paused"


def test_the_other_company_under_the_same_key(steps):
    found, report = steps(company_id="CMP-2001")
    assert found[2] is False
    assert report.steps[2].words == "Kedai Lain Sdn Bhd, not Kedai Contoh Sdn Bhd."


def test_missing_permissions_are_named(steps):
    found, report = steps("aia_live_readonly_2Lm5")
    assert found[3] is False
    assert report.steps[3].words == "Missing: sales.write, einvoice.submit."


def test_a_key_that_takes_no_bills_is_a_warning_unless_they_are_needed(steps):
    found, report = steps("aia_live_nobills_3Yd6")
    assert found[3] is None
    assert report.ok
    assert "no bills and no payments" in report.steps[3].words
    assert steps("aia_live_nobills_3Yd6", needs=["expense.write"])[0][3] is False


def test_excel_import_beside_the_api_is_a_warning(sim, steps):
    sim.control("company", excel_import_enabled=True)
    assert steps()[0][4] is None


def test_another_rounding(steps):
    assert steps(rounding_mode="sum_then_round")[0][5] is False


def test_a_quota_that_is_too_small(sim, steps):
    sim.control("quota", limit=100, used=98)
    assert steps(next_batch=2)[0][6] is True
    assert steps(next_batch=3)[0][6] is False
    assert steps()[1].snapshot.quota_used == 98


def test_nobody_there(steps):
    found, report = steps(base_url="http://127.0.0.1:1")
    assert found[1] is False
    assert report.steps[1].words.startswith("No connection")
