"""What the contract suites promise, clause by clause; every connector goes through them."""

import pytest

from connectors.contract.errors import ERROR_CLASSES
from connectors.registry import sources, targets
from sandbox.conformance.source_suite import SourceSuite, StatesSuite
from sandbox.conformance.target_suite import UNREADABLE, DeclarationSuite, LateSuite, TargetSuite
from tests.connectors.literal_answers import AIACCOUNT, AUTOCOUNT, EXCEL, QUICKBOOKS
from tests.connectors.refusals import IMPORTS, NEVER, REFUSALS
from tests.connectors.simulator_processes import SAMPLES
from tests.connectors.sources.test_source_contract import SCHEMES, UNSIGNED
from tests.connectors.targets.test_aotg_errors import FAILED, SUBMITTED

OF_TARGETS = {
    "create": (TargetSuite, "a_document_is_accepted_and_written_once"),
    "repeat with the same key": (TargetSuite, "the_same_key_does_it_once"),
    "uncertain, then look-up": (
        TargetSuite,
        "an_unclear_answer_is_uncertain_and_the_look_up_finds_it",
    ),
    "nothing stored, then look-up": (
        TargetSuite,
        "nothing_stored_is_uncertain_and_the_look_up_says_absent",
    ),
    "update, void": (TargetSuite, "what_it_declares_can_be_done_to_a_posted_document"),
    "period lock": (TargetSuite, "a_closed_period_is_told_as_one"),
    "rate limit": (TargetSuite, "a_target_that_has_enough_is_left_alone"),
    "row and byte limits": (TargetSuite, "a_batch_at_its_limit_is_taken_whole"),
    "bad answers": (TargetSuite, "an_answer_that_says_nothing_is_never_a_yes_or_a_no"),
    "late answers": (LateSuite, "a_late_answer_is_uncertain_and_the_look_up_finds_it"),
    "limits declared": (DeclarationSuite, "its_limits_and_its_pace_can_be_kept"),
}
OF_SOURCES = {
    "signature good": (SourceSuite, "a_good_signature_is_taken_and_says_something"),
    "signature bad": (SourceSuite, "forgeries_of_every_sort_are_refused_before_they_are_read"),
    "signature stale": (SourceSuite, "a_call_that_comes_late_is_refused_or_can_bring_no_old_state"),
    "replayed": (SourceSuite, "the_same_call_is_the_same_delivery_and_another_body_is_another"),
    "out of order": (StatesSuite, "out_of_order_the_stamp_says_which_state_is_later"),
    "edit": (StatesSuite, "an_edit_is_the_same_order_in_a_later_state"),
    "cancel, refund": (StatesSuite, "cancel_and_refund_are_told_by_the_status"),
    "unknown status": (StatesSuite, "a_status_that_nobody_knows_comes_as_it_was_written"),
    "huge but valid": (
        SourceSuite,
        "one_that_is_too_large_is_not_even_proved_and_a_huge_one_is_taken",
    ),
}
CREDITS = {"autocount": "credit_note", "quickbooks": "credit_memo"}
"""A refund of AiAccount is in no list there, so no look-up finds it (test_aiaccount_refunds.py)."""


@pytest.mark.parametrize("clause", [*OF_TARGETS, *OF_SOURCES])
def test_each_clause_has_its_test(clause):
    suite, name = {**OF_TARGETS, **OF_SOURCES}[clause]
    assert callable(getattr(suite, f"test_{name}"))


def test_every_target_and_every_source_goes_through_its_suite():
    called = {sample.split()[0] for sample in SAMPLES}
    assert targets().keys() - called == {"autocount_excel"}, "nobody calls it"
    assert sources().keys() == SCHEMES.keys() | UNSIGNED.keys()
    assert {"empty", "html", "half a JSON", "wrong types", "moved"} <= UNREADABLE.keys()


def test_every_target_that_takes_credits_is_tried_with_one():
    for name, document in CREDITS.items():
        assert document in {one.name for one in targets()[name].documents}, name
        tried = {one.make("X-1").document for key, one in SAMPLES.items() if key.split()[0] == name}
        assert document in tried, name


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_each_of_the_ten_classes_is_met_or_said_never_to_be_told(name):
    assert REFUSALS[name].keys() | NEVER.get(name, {}).keys() == set(ERROR_CLASSES)


def test_each_table_of_classes_has_forty_literal_answers():
    tables = {
        "aiaccount": AIACCOUNT,
        "autocount": AUTOCOUNT,
        "autocount_aotg": [*FAILED, *SUBMITTED],
        "autocount_excel": EXCEL,
        "quickbooks": QUICKBOOKS,
    }
    assert tables.keys() == targets().keys()
    assert {name: len(rows) for name, rows in tables.items() if len(rows) < 40} == {}
    for name, rows in tables.items():
        told = [row[2:-1] for row in rows]
        assert len(set(told)) == len(told), name
    assert IMPORTS
