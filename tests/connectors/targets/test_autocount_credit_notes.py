"""Credit notes in AutoCount's listing: they are proved by it, and by no other listing."""

import pytest

from tests.connectors.sample_documents import autocount_invoice, bill_line
from tests.connectors.simulator_processes import Bench


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


def note(number: str = "CN-1", **changed: str | None):
    """A tee that came back: 54.45 with tax."""
    line = bill_line(AccNo="510-0000", Qty="1", SubTotal="49.50", GoodsReturn="yes")
    given: dict[str, str | None] = {"OurInvoice": "NS-1", "Reason": "Refunded", **changed}
    return autocount_invoice(number, document="credit_note", lines=[line], amount="54.45", **given)


def called(bench, act):
    """What it came to, and the calls that it took."""
    before = len(bench.sim.ledger())
    found = act()
    lines = bench.sim.ledger()[before:]
    return found, [str(one["path"]) for one in lines]


def reading(bench, *documents):
    target, settings = bench.target, bench.sim.settings
    return called(bench, lambda: target.read(documents, settings, bench.sample.secret, bench.http))


def alike(bench, document):
    return bench.target.alike(document, bench.sim.settings, bench.sample.secret, bench.http)


def test_one_listing_of_credit_notes_proves_them(bench):
    for number in ("CN-1", "CN-2"):
        assert bench.send(note(number)).answers[0].kind == "accepted"
    found, calls = reading(bench, note("CN-1"), note("CN-2"))
    assert [(one.kind, one.target_ref) for one in found] == [("equal", "CN-1"), ("equal", "CN-2")]
    assert [str(one.total) for one in found] == ["54.45", "54.45"]
    assert calls == ["creditNote"]


def test_what_was_changed_by_hand_shows_in_that_listing(bench):
    bench.send(note())
    bench.sim.control("by_hand", path="creditNote", number="CN-1", master={"reason": "Gift"})
    (found,), calls = reading(bench, note())
    assert (found.kind, calls) == ("different", ["creditNote"])
    assert "reason is Gift there, not Refunded" in found.words


def test_an_invoice_of_the_same_number_proves_no_credit_note(bench):
    bench.send(bench.make("NS-1"))
    (found,), _ = reading(bench, note("NS-1"))
    assert found.kind == "absent"
    bench.send(note("NS-1"))
    found, calls = reading(bench, bench.make("NS-1"), note("NS-1"))
    assert [one.kind for one in found] == ["equal", "equal"]
    assert sorted(calls) == ["creditNote", "invoice"]


def test_one_like_ours_is_looked_for_among_credit_notes_alone(bench):
    line = bill_line(Qty="1", SubTotal="49.50")
    bench.send(autocount_invoice("NS-7", lines=[line], amount="54.45"))
    assert alike(bench, note()) == ()
    bench.send(note("CN-7"))
    (one,) = alike(bench, note())
    assert (one.number, one.party, str(one.amount)) == ("CN-7", "300-W001", "54.45")
