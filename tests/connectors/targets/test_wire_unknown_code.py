"""What a target refuses whose code it does not know, beside recorded calls.

The files under wire/*/unknown_code are written from the contracts: one of each target that is
called, and of a refund, whose items are checked otherwise. Its document is the one that was
accepted, with one code changed. The client reads the answer without any stand-in and holds for a
mapping; the stand-in answers without any client. Here: unknown codes. Not here: locked periods
(test_wire_refused.py), the answers of the sheets one by one (test_literal_answers.py).
"""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.registry import targets
from tests.connectors.recorded import WIRE, Tape, expected, handled, recorded
from tests.connectors.recorded_documents import DOCUMENTS, before
from tests.connectors.simulator_processes import SAMPLES
from tests.connectors.targets.test_wire import BOOKS, LISTED, action_of, key_of, settings
from tests.connectors.targets.test_wire_corrupted import served
from tests.connectors.targets.test_wire_refused import documents_of

CHANGED = {
    "aiaccount": ("sales_invoice.alone", "MY-SALES10", "SR-6"),
    "autocount": ("invoice.create", "300-W001", "300-X999"),
    "autocount_aotg": ("ar_invoice.alone", "300-W001", "300-X999"),
    "quickbooks": ("invoice.create", "58", "999"),
    "aiaccount refund": ("sales_refund.alone", "TEE-BLK-M", "tee-blk-m"),
}
"""The recorded document of each target, and the code in it that is changed to an unknown one."""
SAID = {
    "aiaccount": ("unknown_tax_code", "Tax code SR-6 is not configured"),
    "autocount": ("unknown_code", "Debtor (DebtorKey = 300-X999) not exists"),
    "autocount_aotg": ("unknown_code", "Debtor 300-X999 not exists"),
    "quickbooks": ("2500", "Customer element id 999 not found"),
    "aiaccount refund": ("unknown_sku", "NS-10231 has no SKU tee-blk-m"),
}
"""The code and the words that each target's refusal ends as."""


def calls_of(target, name):
    return recorded(target, f"unknown_code/{name}")["write"]


def test_each_target_that_is_called_has_one():
    there = {(path.parent.parent.name, path.stem) for path in WIRE.glob("*/unknown_code/*.http")}
    assert there == {(label.split()[0], name) for label, (name, *_) in CHANGED.items()}
    assert {target for target, _ in there} == set(DOCUMENTS)


@pytest.mark.parametrize("label", CHANGED)
def test_the_client_holds_it_for_a_mapping_and_writes_nothing_more(label):
    target, (name, known, unknown) = label.split()[0], CHANGED[label]
    document = changed(DOCUMENTS[target][name][0], known, unknown)
    payload = targets()[target].build(
        (document,),
        {**BOOKS, **LISTED},
        batch=False,
        batch_name="alone",
        action=action_of(target, name),
    )
    calls = calls_of(target, name)
    tape = Tape(calls)
    came = targets()[target].send(
        payload, settings(target), SAMPLES[target].secret, key_of(calls), tape
    )
    assert tape.calls == []
    (answer,) = came.answers
    code, words = SAID[label]
    assert (answer.kind, answer.error_class, answer.code) == ("refused", "mapping_missing", code)
    assert words in answer.words
    assert (answer.target_ref, answer.existing) == (None, False)


@pytest.mark.parametrize("label", CHANGED)
def test_the_stand_in_answers_as_recorded_and_keeps_nothing(label, tmp_path):
    target, name = label.split()[0], CHANGED[label][0]
    handle = served(target, tmp_path)
    for earlier in before(target, name):
        for call in recorded(target, earlier)["write"]:
            assert handled(handle, call) == expected(call)
    there = documents_of(handle)
    for call in calls_of(target, name):
        assert handled(handle, call) == expected(call)
    assert documents_of(handle) == there


def changed(document, known, unknown):
    """The document with one code in the place of another."""

    def of(values: Mapping[str, str]) -> Mapping[str, str]:
        return {name: unknown if text == known else text for name, text in values.items()}

    lines = tuple(of(line) for line in document.lines)
    party = unknown if document.party == known else document.party
    made = replace(document, party=party, fields=of(document.fields), lines=lines)
    assert json.dumps([made.fields, made.lines]) != json.dumps([document.fields, document.lines])
    return made
