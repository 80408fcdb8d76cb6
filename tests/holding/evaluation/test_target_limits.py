"""Documents that their target could never take are held while their record is judged."""

from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Hold, Posting, Request
from holding.evaluation import batch
from tests.cases.company import case_body
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
    assert (hold.code, hold.rule) == (batch.TARGET_LIMIT, batch.LIMITS_RULE)
    own = "F-1234567890123456789"
    assert hold.message == f"{own}-1 has 23 characters, quickbooks takes 21; the rules add -1."
    with house.shop.database.read() as session:
        [posting] = session.scalars(select(Posting))
        assert (posting.state, posting.number) == ("held", f"{own}-1")
        assert not list(session.scalars(select(Request).where(Request.kind == "push")))


def test_a_number_that_is_too_long_itself_is_held_for_the_source(house: House) -> None:
    number = "N" * 30
    arrive(house, "10-qb-own-number-too-long", number=number, id=number)
    [hold] = [one for one in open_holds(house) if one.code == batch.TARGET_LIMIT]
    assert "the rules add" not in hold.message
    assert f"{number}-1 has 32 characters" in hold.message


def test_a_shorter_number_ends_the_hold(house: House) -> None:
    arrive(house, "10-qb-own-number-too-long")
    house.shop.clock.advance(60)
    arrive(house, "10-qb-own-number-too-long", number="F-1")
    assert batch.TARGET_LIMIT not in {one.code for one in open_holds(house)}
