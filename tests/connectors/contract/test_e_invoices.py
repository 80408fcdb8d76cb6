"""Each target states who submits e-invoices; only what a service submits is awaited."""

import pytest

from connectors import registry
from connectors.contract import EInvoices, Submitter

TARGETS = registry.targets()


@pytest.mark.parametrize("name", TARGETS)
def test_each_target_states_who_submits(name):
    target = TARGETS[name]
    stated = target.form.e_invoices
    assert stated is not None
    assert stated.says
    assert all(one.endswith(".") and "_" not in one for one in stated.says)
    known = {one.name for one in registry.form_of("target", name).settings}
    if stated.submitter is Submitter.TARGET:
        assert (stated.field_setting, stated.awaited) == ("", ())
    else:
        assert stated.field_setting in known
        assert {one.name for one in target.documents} >= set(stated.awaited)
        assert stated.awaited


def test_no_source_states_it():
    assert all(source.form.e_invoices is None for source in registry.sources().values())


@pytest.mark.parametrize(
    ("submitter", "doc_type", "settings", "field"),
    [
        (Submitter.SERVICE, "invoice", {"noted_in": " Valid since "}, "Valid since"),
        (Submitter.SERVICE, "invoice", {"noted_in": " "}, ""),
        (Submitter.SERVICE, "invoice", {}, ""),
        (Submitter.SERVICE, "bill", {"noted_in": "Valid since"}, ""),
        (Submitter.TARGET, "invoice", {"noted_in": "Valid since"}, ""),
    ],
)
def test_it_is_awaited_of_a_service_that_notes_it(submitter, doc_type, settings, field):
    stated = EInvoices(
        submitter=submitter, says=("Told.",), field_setting="noted_in", awaited=("invoice",)
    )
    assert stated.awaited_in(doc_type, settings) == field
