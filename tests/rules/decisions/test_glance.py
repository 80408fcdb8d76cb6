"""A glance says what the outcome says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.facts import Facts, Subject
from rules.outcomes import Glance
from tests.rules.kedai import INVOICE, NOW, judge, line, order, program_of, world
from tests.rules.one_meaning import same_glance

HEAD = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["Paid", "draft", "cancelled", "Nope"]),
        "total": st.sampled_from(["248.70", "1.00", "9999999.00", "x", None]),
        "customer": st.sampled_from(["C-77", "C-0"]),
        "paid_at": st.sampled_from(["2026-11-17T06:30:00Z", "2026-11-30T06:30:00Z", None]),
        "created_by": st.sampled_from(["lim", None]),
        "tin": st.sampled_from(["C25845632020", "nonsense"]),
    },
)
LINE = st.fixed_dictionaries(
    {},
    optional={
        "uom": st.sampled_from(["CTN", "TIN"]),
        "sku": st.sampled_from(["TEA-1", "nothing"]),
        "qty": st.sampled_from(["2", "0.01", None]),
        "tax": st.sampled_from(["SST", "WHAT"]),
    },
)
RELEASES = st.frozensets(st.sampled_from([(INVOICE, "total_adds"), (INVOICE, "duplicates")]))


@pytest.mark.slow
@given(HEAD, LINE, RELEASES)
@settings(max_examples=60, deadline=None)
def test_a_glance_says_what_the_outcome_says(
    head: dict[str, Any], row: dict[str, Any], releases: frozenset[tuple[str, str]]
) -> None:
    body, program = order(lines=[line(**row), line()]) | head, program_of()
    facts = Facts(NOW, releases=releases)
    glance = program.glance(Subject("order", "netshop", body, 1), facts, world(), NOW)
    same_glance(program, judge(body, releases=releases), glance)


def test_a_kind_that_no_rule_speaks_of_has_no_routes() -> None:
    glance = program_of().glance(Subject("parcel", "netshop", {}, 1), Facts(NOW), world(), NOW)
    assert glance == Glance((), None)


def test_every_check_and_map_has_its_own_number() -> None:
    program = program_of()
    names = [r.name for r in program.rules if r.kind in {"check", "map"} and r.name]
    declared = program.ruleset.checks + program.ruleset.maps
    assert sorted(names) == sorted(d.name for d in declared)
    assert len(set(program.rules)) == len(program.rules)
