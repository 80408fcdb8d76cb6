"""A record that nothing stands around is gathered on a short way: which records these are."""

from dataclasses import fields
from typing import Any

import pytest

from holding.evaluation.load_facts import Around

OF_OTHERS = {"others", "bodies", "arrived"}
"""What is told of other records by their own ids: a record that has some is in `linked`."""
OF_FAMILIES = {"family", "decided", "days", "ended", "back", "back_at"}
TOLD = [each.name for each in fields(Around) if each.init and each.name not in OF_OTHERS]


def around(**told: Any) -> Around:
    return Around(**{each.name: told.get(each.name, {}) for each in fields(Around) if each.init})


def test_a_record_of_which_nothing_is_told_is_alone() -> None:
    nobody = around(others={1: ["a posting"]}, bodies={1: {}})
    assert nobody.is_alone(1, 2)


@pytest.mark.parametrize("name", TOLD)
def test_whatever_is_told_of_a_record_or_its_family_keeps_it_from_being_alone(name: str) -> None:
    one = around(**{name: {1: "something"}})
    record, family = (7, 1) if name in OF_FAMILIES else (1, 7)
    assert not one.is_alone(record, family)
    assert one.is_alone(8, 9)
