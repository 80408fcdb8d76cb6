"""What is done about what is posted: plans, their steps and their numbers."""

import json
import re
from dataclasses import replace
from datetime import timedelta

from rules.facts import Facts, PostingFact, TargetEdit
from rules.outcome_hash import hash_outcome
from rules.outcomes import Outcome
from rules.values.canonical import PostingState, dumps
from tests.rules import kedai
from tests.rules.roaster import (
    BILL,
    GONE,
    INVOICE,
    LOCKED,
    NOTE,
    NOW,
    TEXT,
    actions,
    amount,
    changed,
    decide,
    judge,
    order,
    parcel,
    posted,
    program_of,
)


def test_a_first_document_is_a_plan_of_one_step() -> None:
    found = kedai.decision(kedai.judge(kedai.order()))
    assert [(s.action, s.seq, s.document) for s in found.plan] == [("create", 1, found.document)]
    assert kedai.decision(kedai.judge(kedai.order(total="1.00"))).plan[0].document is not None
    assert kedai.decision(kedai.judge(kedai.order(customer="C-0"))).plan == ()


def test_a_plan_that_says_nothing_new_is_in_no_digest() -> None:
    outcome = kedai.judge(kedai.order())
    bare = replace(outcome, decisions=tuple(replace(d, plan=()) for d in outcome.decisions))
    assert hash_outcome(outcome, "") == hash_outcome(bare, "")
    other = judge(order(branch="JB"), GONE, **changed())
    bare = replace(other, decisions=tuple(replace(d, plan=()) for d in other.decisions))
    assert hash_outcome(other, "") != hash_outcome(bare, "")


def test_plans_and_facts_come_back_whole() -> None:
    edit = TargetEdit(INVOICE, 1, 2, "Qty", "9")
    facts = Facts(NOW, postings=(BILL,), billed={INVOICE: BILL.billed}, target_edited=(edit,))
    assert Facts.from_json(json.loads(dumps(facts.to_json()))) == facts
    outcome = judge(order(branch="JB"), GONE, **changed())
    assert Outcome.from_json(json.loads(dumps(outcome.to_json()))) == outcome


def test_facts_of_an_older_time_are_read() -> None:
    text = json.loads(
        dumps(Facts(NOW, postings=(PostingFact(INVOICE, 1, PostingState.POSTED, "1", 1),)))
    )
    for name in ("billed", "target_edited", "links"):
        del text[name]
    for name in ("body", "billed", "e_invoice_at"):
        del text["postings"][0][name]
    assert Facts.from_json(text) == Facts(
        NOW, postings=(PostingFact(INVOICE, 1, PostingState.POSTED, "1", 1),)
    )


def test_what_is_wrong_is_put_right_before_what_is_due() -> None:
    found = decide(order(branch="JB"), parcel("2"), **changed())
    assert actions(found) == [("update", INVOICE, 1), ("create", INVOICE, 2)]
    assert found.plan[0].document is not None
    assert found.plan[0].document.number == BILL.number
    assert (found.plan[0].billed, found.plan[0].rule) == (BILL.billed, "address")
    assert found.document == found.plan[1].document


def test_a_new_bill_that_waits_leaves_the_correction_alone() -> None:
    found = decide(order(branch="JB"), parcel("2"), **changed(documents_of_family={}))
    assert (found.state, actions(found)) == ("ready", [("update", INVOICE, 1)])
    assert found.wait is not None
    assert found.wait.route == "autocount.delivery_order"
    alone = decide(order(), parcel("2"), **changed(documents_of_family={}, version=1))
    assert (alone.state, alone.plan) == ("waiting", ())


def test_credit_and_new_takes_every_live_posting_back() -> None:
    second = posted(decide(order(), parcel("2"), **changed(version=1)).plan[0], body=order())
    found = decide(order(total="19.00"), parcel("2"), **changed(postings=(BILL, second)))
    assert actions(found) == [
        ("credit_note", NOTE, 1),
        ("credit_note", NOTE, 2),
        ("create", INVOICE, 3),
    ]
    assert [s.takes_back for s in found.plan] == [1, 2, None]
    assert [s.document and s.document.number for s in found.plan] == [
        "CN-IV-C-1-1",
        "CN-IV-C-1-2",
        "IV-C-1-3",
    ]


def test_a_credit_note_with_amounts_of_its_own_comes_to_these() -> None:
    text = re.sub(r"(?m)^ +Shipping .*\n", "", TEXT)
    reason = '    Reason   = "Changed at the cafe"\n'
    own = text.replace(reason, f"{reason}    each line\n        SubTotal  = 1.25\n")
    notes = []
    for rules in (text, own):
        program = program_of(rules)
        bill = posted(decide(order(), parcel("1"), program=program).plan[0], body=order())
        assert bill.content is not None
        told = replace(bill, content={**bill.content, "amount": "7.77"})
        given = changed(postings=(told,), program=program)
        notes.append(decide(order(total="19.00"), GONE, **given).plan[0].document)
    assert [str(note and note.amount) for note in notes] == ["7.77", "1.25"]


def test_a_credit_note_without_a_total_comes_to_what_its_lines_do() -> None:
    program = program_of(re.sub(r"(?m)^ +Shipping .*\n", "", TEXT))
    first = decide(order(), parcel("1"), program=program).plan[0]
    bill = posted(first, body=order())
    given = changed(postings=(bill,), program=program)
    note = decide(order(total="19.00"), GONE, **given).plan[0].document
    assert first.document is not None
    assert note is not None
    assert note.amount == first.document.amount == amount(first) > 0


def test_a_review_stops_everything_else() -> None:
    found = decide(order(branch="JB", status="draft"), parcel("2"), **changed())
    assert (found.state, actions(found)) == ("posted", [("review", INVOICE, 1)])
    (finding,) = found.findings
    assert (finding.code, finding.error_class, finding.owner) == ("STL01", "stale_version", "sales")
    assert (str(finding.clears), finding.rule) == ("by:sales", "not_ready")


def test_a_block_has_no_way_out_but_a_new_version() -> None:
    released = frozenset({(INVOICE, "worth")})
    found = decide(order(total="19.00"), GONE, **changed(state=LOCKED, releases=released))
    (finding,) = found.findings
    assert (finding.code, str(finding.clears), finding.owner) == ("STL02", "never", "sales")
    assert actions(found) == [("block", INVOICE, 1)]


def test_a_released_review_leaves_the_document_as_it_is() -> None:
    released = frozenset({(INVOICE, "not_ready")})
    found = decide(order(status="draft"), GONE, **changed(releases=released))
    assert (found.state, found.findings, found.plan) == ("posted", (), ())


def test_checks_are_asked_only_when_something_is_sent() -> None:
    body = order(eyed=1, version=2)
    ignored = judge(body, GONE, **changed())
    sent = judge(body | {"branch": "JB"}, GONE, **changed())
    rules = [{v.rule for v in o.verdicts if v.kind == "check"} for o in (ignored, sent)]
    assert rules == [set(), {"looked_at", "not_too_much", "open_period"}]
    held = next(d for d in sent.decisions if d.route == INVOICE)
    assert (held.state, [f.rule for f in held.findings]) == ("held", ["looked_at"])
    assert actions(held) == [("update", INVOICE, 1)]


def test_what_was_posted_must_be_known_to_say_what_changed() -> None:
    found = decide(order(), GONE, **changed(postings=(replace(BILL, body=None),)))
    assert [(f.code, f.owner, f.rule) for f in found.findings] == [("FCT01", "sales", "changed")]
    same = decide(order(), GONE, postings=(replace(BILL, body=None),))
    assert (same.state, same.findings) == ("posted", ())


def test_no_credit_note_without_a_content_or_a_route() -> None:
    blank = replace(BILL, content=None, e_invoice_at=NOW - timedelta(hours=99))
    found = decide(order(status="cancelled"), **changed(postings=(blank,)))
    assert (found.state, [f.code for f in found.findings]) == ("posted", ["FCT01"])
    text = TEXT[: TEXT.index("post order to autocount.credit_note")]
    text += TEXT[TEXT.index("post refund to autocount.credit_note") :]
    old = replace(BILL, e_invoice_at=NOW - timedelta(hours=99))
    given = changed(postings=(old,), program=program_of(text))
    assert "no credit note" in decide(order(status="cancelled"), **given).findings[0].message


def test_a_number_that_counts_nothing_gets_its_place_at_the_end() -> None:
    program = program_of(TEXT.replace('"IV-{number}-{posting}"', '"IV-{number}"'))
    body = order()
    first = decide(body, GONE, program=program).plan[0]
    (second,) = decide(
        body, parcel("2"), program=program, postings=(posted(first, body=body),)
    ).plan
    assert [s.document and s.document.number for s in (first, second)] == ["IV-C-1", "IV-C-1-2"]


def test_a_document_taken_back_keeps_its_number_for_ever() -> None:
    found = decide(order(), GONE, postings=(replace(BILL, state=PostingState.REVERSED),))
    assert (found.state, actions(found)) == ("ready", [("create", INVOICE, 2)])


def test_a_document_planned_and_not_sent_keeps_its_place() -> None:
    planned = PostingFact(INVOICE, 2, PostingState.FAILED, "IV-C-1-2", 1)
    found = decide(order(), parcel("2"), postings=(BILL, planned))
    assert actions(found) == [("create", INVOICE, 2)]


def test_a_narrowed_table_replaces_the_general_one() -> None:
    own = """
on edit of order for autocount.invoice
    all  = lines, shipping, total, buyer, branch, ordered_on, status, version, eyed, written_by
    | changed                    | do             |
    | all, not_ready, overbilled | review by head |
"""
    found = decide(order(branch="JB"), GONE, **changed(program=program_of(TEXT + own)))
    assert [(f.owner, f.rule) for f in found.findings] == [("head", "all")]


def test_a_void_asks_again_when_the_age_may_say_otherwise() -> None:
    outcome = judge(order(status="cancelled"), **changed())
    (found,) = outcome.decisions
    assert actions(found) == [("void", INVOICE, 1)]
    assert outcome.valid_until == NOW + timedelta(minutes=15)
