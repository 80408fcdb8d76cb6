"""Documents that their target could never take are held while their record is judged."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from connectors.registry import targets
from holding.db.models import Hold, Posting, Request
from holding.evaluation.target_limits import LIMITS_RULE, limit_of
from holding.platform.states import TARGET_LIMIT
from tests.cases.company import case_body
from tests.connectors.simulator_processes import SAMPLES
from tests.holding.posting.test_quickbooks_cells import House, database_url, house, running

__all__ = ["database_url", "house", "running"]  # fixtures

pytestmark = pytest.mark.sqlite


def arrive(house: House, case: str, **changed: Any) -> None:
    records = case_body(case, "input.records.json", "books")["records"]
    house.deliver(*({**one, **changed} for one in records))


def open_holds(house: House) -> list[Hold]:
    with house.shop.database.read() as session:
        return list(session.scalars(select(Hold).where(Hold.state == "open")))


def test_a_number_that_the_rules_lengthen_is_held_for_who_writes_the_rules(house: House) -> None:
    arrive(house, "10-qb-own-number-too-long")
    [hold] = open_holds(house)
    assert (hold.code, hold.rule) == (TARGET_LIMIT, LIMITS_RULE)
    own = "F-1234567890123456789"
    assert hold.message == f"{own}-1 has 23 characters, quickbooks takes 21; the rules add -1."
    with house.shop.database.read() as session:
        [posting] = session.scalars(select(Posting))
        assert (posting.state, posting.number) == ("held", f"{own}-1")
        assert not list(session.scalars(select(Request).where(Request.kind == "push")))


def test_a_number_that_is_too_long_itself_is_held_for_the_source(house: House) -> None:
    number = "N" * 30
    arrive(house, "10-qb-own-number-too-long", number=number, id=number)
    [hold] = [one for one in open_holds(house) if one.code == TARGET_LIMIT]
    assert "the rules add" not in hold.message
    assert f"{number}-1 has 32 characters" in hold.message


def test_a_shorter_number_ends_the_hold(house: House) -> None:
    arrive(house, "10-qb-own-number-too-long")
    house.shop.clock.advance(60)
    arrive(house, "10-qb-own-number-too-long", number="F-1")
    assert TARGET_LIMIT not in {one.code for one in open_holds(house)}


def test_a_document_type_that_the_target_does_not_take_is_not_called_a_long_number() -> None:
    """A type without a schema has no length of numbers: it was told as "takes 0"."""
    order = replace(SAMPLES["autocount"].make(), document="sales_order")
    limit = limit_of(targets()["autocount"], "autocount", {}, order, "", "create")
    assert limit is not None
    assert (limit.error_class, limit.is_number) == ("business_rule", False)
    assert limit.words == "The connection to AutoCount does not take a sales_order."
