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
    assert steps()[0] == [True] * 8


@pytest.mark.parametrize("secret", ["", "aia live", "aia\nlive", "aia_é"])
def test_a_key_that_cannot_be_one_is_not_sent(sim, steps, secret):
    before = len(sim.ledger())
    found, report = steps(secret)
    assert found == [False] + [None] * 7
    assert report.snapshot is None
    assert len(sim.ledger()) == before


def test_an_unknown_key(steps):
    found, report = steps("aia_live_unknown")
    assert found == [True, True, False] + [None] * 5
    assert report.steps[2].words.startswith(
        "AiAccount does not know this API key, ending in …nown."
    )
    assert "Unknown API key" in report.steps[2].words
    assert report.steps[2].code == "key.refused"
    assert "Settings > Integrations > API Keys" in report.steps[2].hint
    assert report.steps[3].words == "Not run: key accepted comes first."
    assert not report.ok


def test_a_paused_key_is_a_warning(steps):
    found, report = steps("aia_live_paused_4Rt8")
    assert found[2] is None
    assert report.ok
    assert report.snapshot.key_status == "paused"


def test_the_other_company_under_the_same_key(steps):
    found, report = steps(company_id="CMP-2001")
    assert found[3] is False
    step = report.steps[3]
    assert step.words == (
        "The key belongs to another company: Kedai Lain Sdn Bhd, ID CMP-2001, "
        "not Kedai Contoh Sdn Bhd."
    )
    assert step.code == "company.other"
    assert "create the key there again" in step.hint


def test_a_company_that_the_key_does_not_reach_is_no_fault_of_the_key(steps):
    found, report = steps(company_id="CMP-9")
    assert found == [True, True, True, False] + [None] * 4
    assert report.steps[3].words == "The key is good, and reaches no company CMP-9."
    assert report.steps[3].hint.startswith("Correct the company ID, or create the key in that")
    assert not report.ok


def test_missing_permissions_are_named(steps):
    found, report = steps("aia_live_readonly_2Lm5")
    assert found[4] is False
    assert report.steps[4].hint == (
        "Tick Write sales and Submit e-invoices on the key in AiAccount, then test again."
    )
    assert report.steps[4].words == (
        "The key may not do all that is needed. Missing: "
        "“Write sales”: no sales invoice and no sales receipt is taken; "
        "“Submit e-invoices”: no sales invoice is taken while e-invoices are on; "
        "“Write expenses”: no expense bill and no expense payment is taken."
    )


def test_a_key_that_takes_no_bills_is_a_warning_unless_they_are_needed(steps):
    found, report = steps("aia_live_nobills_3Yd6")
    assert found[4] is None
    assert report.ok
    assert "no bills and no payments" in report.steps[4].words
    assert steps("aia_live_nobills_3Yd6", needs=["expense.write"])[0][4] is False


def test_excel_import_beside_the_api_fails_the_test(sim, steps):
    sim.control("company", excel_import_enabled=True)
    found, report = steps()
    assert found[5] is False
    assert report.steps[5].code == "excel.on"
    assert not report.ok


def test_another_rounding(steps):
    assert steps(rounding_mode="sum_then_round")[0][6] is False


def test_a_quota_that_is_too_small(sim, steps):
    sim.control("quota", limit=100, used=98)
    assert steps()[0][7] is True
    sim.control("quota", limit=100, used=100)
    assert steps()[0][7] is False
    sim.control("quota", limit=0, used=2)
    assert steps()[1].steps[7].words == "0 of 0 left this month."
    sim.control("quota", limit=100, used=98)
    assert steps()[1].snapshot.quota_used == 98


def test_nobody_there(steps):
    found, report = steps(base_url="http://127.0.0.1:1")
    assert found[1] is False
    assert report.steps[1].words == "127.0.0.1 refused the connection on port 1."
    assert report.steps[1].code == "reach.refused"
