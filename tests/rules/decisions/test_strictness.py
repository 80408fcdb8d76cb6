"""The strictest answer wins, whatever the order of rows, groups and edits."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import nodes
from grammar.text.problem import Span
from rules.decisions.posted_documents import STRICTNESS, Act, strictest_acts
from tests.rules.roaster import (
    BILL,
    GONE,
    LOCKED,
    TEXT,
    actions,
    changed,
    decide,
    order,
    parcel,
    program_of,
)

EDIT = TEXT[TEXT.index("on edit of order") : TEXT.index("on edit of parcel")]


def shuffled(seed: int) -> str:
    """The roaster with the rows and the groups of its edit table in another order."""
    rng = random.Random(seed)
    lines = EDIT.splitlines()
    groups = [at for at, text in enumerate(lines) if "=" in text]
    rows = [at for at, text in enumerate(lines) if "|" in text and "| do" not in text]
    for places in (groups, rows):
        texts = [lines[at] for at in places]
        rng.shuffle(texts)
        for at, text in zip(places, texts, strict=True):
            lines[at] = text
    return TEXT.replace(EDIT, "\n".join(lines) + "\n")


EDITS = {
    "branch": "JB",
    "buyer": "B-8",
    "total": "19.00",
    "status": "draft",
    "written_by": "lim",
    "lines": [{"pos": 1, "sku": "HOUSE", "uom": "BAG", "qty": "4", "price": "3.00"}],
}


@pytest.mark.slow
@given(st.integers(1, 40), st.sets(st.sampled_from(sorted(EDITS))), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_answer_depends_on_no_order(
    seed: int, edits: set[str], locked: bool, less: bool
) -> None:
    body = order(**{name: EDITS[name] for name in edits})
    given_ = changed(**({"state": LOCKED} if locked else {}))
    gone = parcel("0.5") if less else GONE
    one = decide(body, gone, **given_)
    other = decide(body, gone, program=program_of(shuffled(seed)), **given_)
    assert actions(one) == actions(other)
    assert (one.state, one.document) == (other.state, other.document)
    assert [(f.code, f.rule, f.owner, f.message) for f in one.findings] == [
        (f.code, f.rule, f.owner, f.message) for f in other.findings
    ]


acts = st.builds(
    lambda kind, role, rule: Act(nodes.Action(kind, role, BILL_SPAN), BILL, rule, BILL_SPAN, rule),
    st.sampled_from(STRICTNESS),
    st.sampled_from([None, "books", "sales"]),
    st.sampled_from(["a", "b", "c"]),
)
BILL_SPAN: Span = decide(order(), GONE).plan[0].span


@given(st.lists(acts, min_size=1, max_size=6), st.integers())
@settings(max_examples=80, deadline=None)
def test_the_strictest_answer_is_the_strictest(found: list[Act], seed: int) -> None:
    other = list(found)
    random.Random(seed).shuffle(other)
    best = strictest_acts(found)
    assert best == strictest_acts(other)
    rank = max(STRICTNESS.index(a.action.kind) for a in found)
    assert {STRICTNESS.index(a.action.kind) for a in best} == {rank}
    assert len({a.action.role for a in best}) == len(best)


@given(st.sets(st.sampled_from(sorted(EDITS)), min_size=1), st.integers(2, 9))
@settings(max_examples=40, deadline=None)
def test_an_edit_back_and_forth_is_no_difference(edits: set[str], version: int) -> None:
    there = decide(order(**{e: EDITS[e] for e in edits}), GONE, **changed())
    assert there.plan
    spelled = order(total="18.010", status="AGREED", buyer="B-7")
    back = decide(spelled, GONE, postings=(BILL,), version=version)
    assert (back.state, back.findings, back.plan) == ("posted", (), ())
