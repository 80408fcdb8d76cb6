"""A posted document made again of the record as it is now, beside what was posted."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rules.decisions.judge_record import Restated
from rules.facts import Facts, PostingFact, Subject
from rules.values.canonical import PostingState
from tests.rules.roaster import (
    INVOICE,
    NOW,
    decide,
    first_bill,
    line,
    order,
    parcel,
    posted,
    program_of,
    world,
)


def restated(
    body: Mapping[str, Any], *parcels: Mapping[str, Any], postings: tuple[PostingFact, ...]
) -> list[Restated]:
    """What is posted of an order of which these parcels left."""
    facts = Facts(
        NOW,
        postings=postings,
        links={"parcels": parcels},
        documents_of_family={"autocount.delivery_order": "P"},
    )
    subject = Subject("order", "cafe", body, 2)
    found = program_of().restated(subject, facts, world(), NOW)
    return [one for one in found if one.route == INVOICE]


def test_T01a_a_part_is_made_again_of_what_it_bills() -> None:
    one, two = line(), line(pos=2, qty="5")
    before = first_bill(order(lines=[one, two]), parcel("3", "0"))
    dearer = order(lines=[two, {**one, "price": "20.00"}])
    (found,) = restated(dearer, parcel("3", "0"), postings=(before,))
    assert (found.seq, found.goes) == (1, True)
    assert (found.keys, found.posted_keys) == (("1",), ("1",))
    assert (found.lines[0]["Qty"], found.lines[0]["SubTotal"]) == ("3", "60.00")


def test_T01a_each_posted_document_is_made_again_by_itself() -> None:
    body = order()
    first = first_bill(body, parcel("1"))
    (step,) = decide(body, parcel("3"), postings=(first,)).plan
    second = posted(step, body=body)
    found = restated(body, parcel("3"), postings=(first, second))
    assert [(one.seq, one.lines[0]["Qty"]) for one in found] == [(1, "1"), (2, "2")]
    for one, posting in zip(found, (first, second), strict=True):
        assert posting.content is not None
        assert (one.fields, list(one.lines)) == (
            posting.content["fields"],
            posting.content["lines"],
        )


@pytest.mark.parametrize("status", ["cancelled", "draft"])
def test_T01a_what_may_not_go_any_more_comes_to_nothing(status: str) -> None:
    before = first_bill(order(), parcel("1"))
    (found,) = restated(order(status=status), parcel("1"), postings=(before,))
    assert (found.goes, found.amount) == (False, Decimal(0))


def test_T01a_what_is_not_in_the_target_is_not_compared() -> None:
    before = first_bill(order(), parcel("1"))
    for state in (PostingState.REVERSED, PostingState.READY):
        assert restated(order(), parcel("1"), postings=(replace(before, state=state),)) == []
