"""What a locked period refuses, of each document type of each target, beside recorded calls.

The files under wire/*/refused are written from the contracts. The client reads them without any
stand-in, and writes nothing more after a no; the stand-in answers them without any client. Here:
targets that are called. Not here: the import by hand (test_wire_by_hand.py), and a file that is
refused in part (test_wire.py).
"""

import json

import pytest

from connectors.registry import targets
from sandbox.simulators.base.server import Request
from tests.connectors.recorded import WIRE, Tape, expected, handled, recorded
from tests.connectors.recorded_documents import DOCUMENTS, before
from tests.connectors.simulator_processes import SAMPLES
from tests.connectors.targets.test_wire import build, key_of, settings
from tests.connectors.targets.test_wire_corrupted import served

PARTS = {"some_of_a_batch"}
FILES = [
    (target, path.stem)
    for target in DOCUMENTS
    for path in sorted((WIRE / target / "refused").glob("*.http"))
    if path.stem not in PARTS
]
WORDS = {
    "aiaccount": ("period_locked", "Accounting period is locked through 2026-11-30"),
    "autocount": ("date_locked", " is locked."),
    "autocount_aotg": ("date_locked", "Transaction date 19/11/2026 is locked"),
    "quickbooks": ("6210", "The account period has closed"),
}
"""The code and the words that each target's refusal ends as."""


def calls_of(target, name):
    return recorded(target, f"refused/{name}")["write"]


def test_T33b_a_refusal_is_recorded_for_every_document_of_every_target_that_is_called():
    recorded_types = {(target, name.partition(".")[0]) for target, name in FILES}
    assert recorded_types == {
        (target, schema.name) for target in DOCUMENTS for schema in targets()[target].documents
    }
    assert {name for name, target in targets().items() if target.form.way != "file"} == set(
        DOCUMENTS
    )


@pytest.mark.parametrize(("target", "name"), FILES)
def test_T33b_the_client_reads_the_recorded_refusal(target, name):
    calls = calls_of(target, name)
    tape = Tape(calls)
    came = targets()[target].send(
        build(target, name), settings(target), SAMPLES[target].secret, key_of(calls), tape
    )
    assert tape.calls == []
    (answer,) = came.answers
    code, words = WORDS[target]
    assert (answer.kind, answer.error_class, answer.code) == ("refused", "period_locked", code)
    assert words in answer.words
    assert (answer.target_ref, answer.existing) == (None, False)


@pytest.mark.parametrize(("target", "name"), FILES)
def test_T33b_the_stand_in_refuses_as_recorded_and_keeps_nothing(target, name, tmp_path):
    handle = served(target, tmp_path)
    for earlier in before(target, name):
        for call in recorded(target, earlier)["write"]:
            assert handled(handle, call) == expected(call)
    there = documents_of(handle)
    _control(handle, "POST", "lock", json.dumps({"through": "2026-11-30"}).encode())
    for call in calls_of(target, name):
        assert handled(handle, call) == expected(call)
    assert documents_of(handle) == there


def documents_of(handle):
    return json.loads(_control(handle, "GET", "documents"))["documents"]


def _control(handle, method, act, body=b""):
    reply = handle(Request(method=method, path=f"/_sim/{act}", query={}, headers={}, body=body))
    assert reply.status == 200, reply.encoded()
    return reply.encoded()
