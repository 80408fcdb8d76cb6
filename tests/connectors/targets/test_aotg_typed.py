"""An invoice that somebody typed into the account book is found before ours is queued."""

from dataclasses import replace

import pytest

from connectors.registry import targets
from tests.connectors.simulator_processes import SAMPLES, Bench

SECRET = SAMPLES["autocount_aotg"].secret
TYPED = {"DebtorCode": "300-W001", "DocDate": "21-11-2026"}


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["autocount_aotg"], emptied("autocount_aotg"), http)


def looked(bench, **settings):
    """The look before a send, asked for by its ticket until somebody knows."""
    there = {**bench.sim.settings, "look_first": "yes", **settings}
    document = bench.make()
    found = bench.target.look_up(document, there, SECRET, "cp-1", bench.http)
    for _ in range(3):
        if found.kind != "unknown" or not found.target_ref:
            break
        found = bench.target.ask_again(document, found.target_ref, there, SECRET, bench.http)
    return found


def typed(bench, number="I-000123", **change):
    total = str(bench.make().amount)
    bench.sim.control("by_hand", **{"number": number, "NetTotal": total, **TYPED, **change})


@pytest.mark.parametrize("apart", [False, True])
def test_one_of_the_same_debtor_and_total_about_the_day_is_told(bench, apart):
    bench.sim.control("book", apart=apart)
    typed(bench)
    found = looked(bench)
    assert found.kind == "absent"
    (other,) = found.alike
    assert (other.number, other.party, other.date) == ("I-000123", "300-W001", "21-11-2026")
    assert other.amount == bench.make().amount
    assert other.target_ref


@pytest.mark.parametrize(
    "change",
    [
        {"DebtorCode": "300-K210"},
        {"NetTotal": "1.00"},
        {"DocDate": "30-11-2026"},
        {"Cancelled": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_debtor_total_or_week_and_a_void_one_are_not(bench, change):
    typed(bench, **change)
    found = looked(bench)
    assert (found.kind, found.alike) == ("absent", ())


def test_what_is_there_under_the_number_is_told_as_itself(bench):
    typed(bench, number="NS-1", DocDate="19-11-2026")
    typed(bench)
    found = looked(bench)
    assert (found.kind, found.alike) == ("equal", ())
    typed(bench, number="NS-1", NetTotal="5.00")
    assert looked(bench).kind == "different"


def test_nobody_looks_around_where_nobody_wants_it(bench):
    typed(bench)
    found = looked(bench, look_first="no")
    assert (found.kind, found.alike) == ("absent", ())


def test_a_doubt_about_our_own_is_not_settled_by_another(bench):
    """What is like it says nothing of a call that was not answered."""
    typed(bench)
    bench.sim.control("faults", fault="timeout_before")
    there = {**bench.sim.settings, "look_first": "yes"}
    payload = bench.target.build([bench.make()], there, batch=False, batch_name="")
    (answer,) = bench.target.send(payload, there, SECRET, "cp-1", bench.http).answers
    assert answer.kind == "uncertain"
    assert looked(bench).kind == "absent"


def test_its_form_says_what_it_costs():
    (setting,) = (
        one for one in targets()["autocount_aotg"].form.settings if one.name == "look_first"
    )
    assert "waits until the desktop" in setting.hint
    assert replace(setting, hint="").choices == {"yes": "Yes", "no": "No"}
