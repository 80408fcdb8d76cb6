"""Posted invoices of AutoCount On The Go, read again: one list for many, answered later."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.contract import Kept
from connectors.contract.targets import Readable, ReadsLater
from connectors.registry import targets
from tests.connectors.recorded import Tape, expected, played, recorded
from tests.connectors.recorded_aotg import FIRST
from tests.connectors.simulator_processes import SAMPLES, Bench

TARGET = targets()["autocount_aotg"]
SECRET = SAMPLES["autocount_aotg"].secret
SETTINGS = {"base_url": "https://recorded.example", **SAMPLES["autocount_aotg"].settings}
STEPS = recorded("autocount_aotg", "queued/read")
TICKET = "abf79c80-13e9-41ae-993d-2cd6b99b5570"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def sent(number: str, day: str = "2026-11-20"):
    return replace(FIRST, number=number, fields={**FIRST.fields, "DocNo": number, "DocDate": day})


MANY = (FIRST, sent("NS-10233"), sent("NS-10234"), sent("NS-10235"), sent("NS-10236"))


def read(*documents, step="asked"):
    tape = Tape(STEPS[step])
    found = TARGET.read(documents, SETTINGS, SECRET, tape)
    assert tape.calls == []
    return found


def later(ticket, *documents, calls=None):
    tape = Tape(calls if calls is not None else STEPS["told"])
    found = TARGET.read_later(documents, ticket, SETTINGS, SECRET, tape)
    assert tape.calls == []
    return found


@pytest.fixture
def bench(emptied, http):
    return Bench(TARGET, emptied("autocount_aotg"), http)


def test_one_call_asks_for_the_days_of_all_and_tells_the_ticket():
    assert isinstance(TARGET, Readable)
    assert isinstance(TARGET, ReadsLater)
    found = read(*MANY)
    assert [(one.kind, one.target_ref) for one in found] == [("unknown", TICKET)] * 5


def test_it_is_asked_for_by_its_ticket_until_it_is_told():
    found = later(TICKET, *MANY, calls=STEPS["waiting"])
    assert [(one.kind, one.target_ref) for one in found] == [("unknown", TICKET)] * 5


def test_what_is_told_is_compared_with_what_was_sent():
    same, moved, less, void, gone = later(TICKET, *MANY)
    assert (same.kind, same.target_ref, same.total) == ("equal", "1455", FIRST.amount)
    assert (moved.kind, moved.differs) == ("different", (Kept(0, "DocDate", "22-11-2026"),))
    assert (less.kind, less.differs) == ("different", (Kept(0, "NetTotal", "90.00"),))
    assert (void.kind, void.void, void.target_ref) == ("different", True, "1458")
    assert (b"NS-10231" in same.proof, b"NS-10233" in same.proof, gone.proof) == (
        True,
        False,
        b"[]",
    )
    assert (gone.kind, gone.differs, gone.void, gone.target_ref) == ("different", (), False, None)
    assert gone.words == (
        "No NS-10236 exists there from 2026-11-17 to 2026-11-23: it was deleted,"
        " or moved to another day."
    )


def test_a_result_that_is_not_kept_any_more_is_asked_for_again():
    (call,) = STEPS["waiting"]
    over = replace(call, status=404, answer='{"Message": "Request not found."}')
    found = later(TICKET, *MANY, calls=[over, *STEPS["asked"]])
    assert {(one.kind, one.target_ref) for one in found} == {("unknown", TICKET)}


def test_a_list_that_failed_says_nothing_of_any_document():
    (call,) = STEPS["waiting"]
    failed = replace(call, answer=call.answer.replace("Processing", "Failed"))
    found = later(TICKET, *MANY, calls=[failed])
    assert {(one.kind, one.target_ref) for one in found} == {("unknown", None)}
    assert all(one.answered for one in found), "the account book was within reach"


def test_what_is_too_far_away_for_one_list_has_a_turn_of_its_own():
    far = sent("NS-10299", "2026-08-01")
    first, *rest = read(*MANY, far)
    assert (first.target_ref, rest[-1].kind, rest[-1].target_ref) == (TICKET, "unknown", None)
    assert rest[-1].words == "It is read by a list of its own, in a later turn."


def test_the_stand_in_answers_as_recorded(bench):
    bench.sim.control("queue", seconds=90)
    for step in ("asked", "waiting"):
        bench.sim.control("clock", offset_seconds=0 if step == "asked" else 70)
        for call in STEPS[step]:
            assert played(bench.sim.url, call) == expected(call), step


def test_a_change_on_the_desktop_is_read(bench):
    bench.send(bench.make())
    for change in ({"NetTotal": "90.00"}, {"DebtorCode": "300-K210"}, {"DocDate": "21-11-2026"}):
        bench.sim.control("by_hand", number="NS-1", **change)
        (name,) = change
        (found,) = TARGET.read([bench.make()], bench.sim.settings, bench.sample.secret, bench.http)
        assert name in {one.field for one in found.differs}, found
